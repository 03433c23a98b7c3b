"""The simulated WMS as an HTTP server. Start it with `manage.py simulate_wms`, or in a test."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from fulfillment.simulators.wms.warehouse import SimulatedWms

#: An older message is somebody else's, sent again.
_MOST_SECONDS_OLD = 300


class WmsServer:
    """A warehouse behind HTTP. `url` is what the link of its node is set to; `secret` the one that the link shows."""

    def __init__(self, wms: SimulatedWms, *, host: str = "127.0.0.1", port: int = 0, secret: str = "") -> None:
        self.wms, self.secret = wms, secret
        self._http = _HttpServer((host, port), _Handler)
        self._http.simulator = self
        self.url = f"http://{host}:{self._http.server_port}/instructions"
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)]

    def start(self, *, pause_seconds: float | None = None) -> None:
        """Serve in the background; with a pause, also work a round after each of them."""
        if pause_seconds is not None:
            self._threads.append(threading.Thread(target=self._work, args=(pause_seconds,), daemon=True))
        for thread in self._threads:
            thread.start()

    def _work(self, pause_seconds: float) -> None:
        while not self._stopping.wait(pause_seconds):
            self.wms.work()

    def wait(self) -> None:
        """Until it is stopped from elsewhere."""
        self._threads[0].join()

    def stop(self) -> None:
        """End it and free its port."""
        self._stopping.set()
        self._http.shutdown()
        self._http.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def is_signed(self, message_id: str, timestamp: str, signatures: str, body: bytes) -> bool:
        """Whether it comes from who knows the secret, and just now (Standard Webhooks 1.0.0)."""
        if not timestamp.isdecimal() or abs(time.time() - int(timestamp)) > _MOST_SECONDS_OLD:
            return False
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        digest = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
        expected = f"v1,{base64.b64encode(digest).decode()}"
        return any(hmac.compare_digest(expected, one) for one in signatures.split(" "))


class _HttpServer(ThreadingHTTPServer):
    simulator: WmsServer
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    server: _HttpServer

    def do_POST(self) -> None:
        server, headers = self.server.simulator, self.headers
        body = self.rfile.read(int(headers.get("Content-Length", "0")))
        message_id = headers.get("webhook-id", "")
        signature = headers.get("webhook-signature", "")
        if not server.is_signed(message_id, headers.get("webhook-timestamp", ""), signature, body):
            return self._answer(401, "not signed by whom I know")
        faults, luck = server.wms.faults, server.wms.luck
        if luck.random() < faults.error:
            return self._answer(500, "out of order")
        if luck.random() < faults.slow:
            time.sleep(0.5)
        server.wms.hear(message_id, json.loads(body))
        if luck.random() < faults.lost_reply:
            self.close_connection = True
            return None
        return self._answer(200, "thank you")

    def _answer(self, status: int, words: str) -> None:
        content = words.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Silent: what it heard is in `SimulatedWms.heard`."""
