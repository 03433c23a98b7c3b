"""The simulator as an HTTP server: one thread a connection, one for movement, one for webhooks.

Start it with `manage.py simulate_carrier`, or in a test with `SimulatorServer(port=0)` as a context manager.
"""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from carriers.adapters.shiprocket.mapping import INDIA
from carriers.simulators.shiprocket import replies
from carriers.simulators.shiprocket.api import PREFIX, Answer, Api, Call
from carriers.simulators.shiprocket.carrier import SimClock, SimulatedCarrier
from carriers.simulators.shiprocket.control import ControlPlane
from carriers.simulators.shiprocket.faults import Faults
from carriers.simulators.shiprocket.store import Parcel, Store
from carriers.simulators.shiprocket.webhooks import WebhookPusher

_TICK_SECONDS = 0.2
_MAX_BODY = 1_000_000


class SimulatorServer:
    """The whole simulator. `base_url` is what a carrier account's base address is set to."""

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        state_file: str = ":memory:",
        speed: float = 60.0,
        webhook_url: str = "",
        webhook_token: str = "",
        seed: int = 1,
        share_failed: float = 0.12,
        share_rto: float = 0.08,
    ) -> None:
        store = Store(state_file)
        clock = SimClock(speed, float(store.fact("sim_seconds", "0")))
        self.faults = Faults(seed)
        self.carrier = SimulatedCarrier(store, clock, seed=seed, share_failed=share_failed, share_rto=share_rto)
        self.api = Api(self.carrier, self.faults)
        self.pusher = WebhookPusher(webhook_url, webhook_token, self.faults)
        self.control = ControlPlane(self.api, self.pusher)
        self.carrier.on_change = self._push
        self._http = _HttpServer((host, port), _Handler)
        self._http.simulator = self
        self.base_url = f"http://{host}:{self._http.server_port}"
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._http.serve_forever, args=(0.1,), name="simulated-carrier", daemon=True),
            threading.Thread(target=self._move, name="simulated-movement", daemon=True),
        ]

    def start(self) -> None:
        """Serve in the background."""
        self.pusher.start()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop serving and moving, and close the state."""
        self._stopping.set()
        self._http.stopping.set()
        self._http.shutdown()
        for thread in self._threads:
            thread.join(timeout=5)
        self._http.server_close()
        self.pusher.stop()
        self.carrier.store.close()

    def wait(self) -> None:
        """Until `stop` is called from elsewhere."""
        self._stopping.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _move(self) -> None:
        while not self._stopping.wait(_TICK_SECONDS):
            self.carrier.tick()

    def _push(self, parcel: Parcel) -> None:
        self.pusher.push(replies.webhook(parcel, datetime.now(INDIA)))


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    simulator: SimulatorServer

    def __init__(self, *args: Any) -> None:
        self.stopping = threading.Event()
        super().__init__(*args)


class _Handler(BaseHTTPRequestHandler):
    server: _HttpServer
    protocol_version = "HTTP/1.1"
    server_version = "simulated-carrier"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Read."""
        self._handle()

    def do_POST(self) -> None:
        """Write."""
        self._handle()

    def do_DELETE(self) -> None:
        """End faults."""
        self._handle()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the control plane tells what happened."""

    def _handle(self) -> None:
        simulator = self.server.simulator
        call = self._read()
        if call is None:
            self._reply(Answer(400, {"message": "The body is not JSON.", "status_code": 400}))
        elif call.path.startswith("/_sim/"):
            self._reply(simulator.control.answer(call))
        elif call.path.startswith(("/labels/", "/manifests/")) and call.method == "GET":
            document = simulator.api.document(call.path)
            self._reply(Answer(404, {"message": "Not found"}) if document is None else Answer(200, document))
        elif call.path.startswith(PREFIX + "/"):
            self._answer_vendor(call)
        else:
            self._reply(Answer(404, replies.refusal("404 Not Found", 404)))

    def _answer_vendor(self, call: Call) -> None:
        call = Call(call.method, call.path.removeprefix(PREFIX), call.query, call.body, call.token, call.base_url)
        faults, api = self.server.simulator.faults, self.server.simulator.api
        if call.path == "/auth/login":
            return self._reply(api.answer(call))
        if faults.strike(call.path, "429"):
            return self._reply(Answer(429, replies.refusal("Too Many Attempts.", 429)))
        if faults.strike(call.path, "500"):
            return self._reply(Answer(500, replies.refusal("Server Error", 500)))
        slow = faults.strike(call.path, "slow")
        if slow:
            self.server.stopping.wait(slow.seconds)
        lost = faults.strike(call.path, "book_then_timeout", "drop_reply")
        answer = api.answer(call)
        if lost is None:
            return self._reply(answer)
        # Done, but the caller never hears of it.
        if lost.kind == "book_then_timeout":
            self.server.stopping.wait(lost.seconds)
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        return None

    def _read(self) -> Call | None:
        parts = urlsplit(self.path)
        length = min(int(self.headers.get("Content-Length") or 0), _MAX_BODY)
        raw = self.rfile.read(length) if length else b""
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            return None
        token = self.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        query = dict(parse_qsl(parts.query))
        return Call(self.command, parts.path, query, body, token, self.server.simulator.base_url)

    def _reply(self, answer: Answer) -> None:
        is_document = isinstance(answer.content, bytes)
        payload = (
            answer.content if is_document else b"" if answer.content is None else json.dumps(answer.content).encode()
        )
        with suppress(ConnectionError):
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/pdf" if is_document else "application/json")
            if answer.status != 204:
                self.send_header("Content-Length", str(len(payload)))
            self.send_header("X-RateLimit-Limit", "180")
            self.send_header("X-RateLimit-Remaining", "0" if answer.status == 429 else "178")
            if answer.status == 429:
                self.send_header("Retry-After", "1")
            self.end_headers()
            self.wfile.write(payload)
