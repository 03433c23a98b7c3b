"""The simulator as an HTTP server. Start it with `manage.py simulate_carrier --contract delhivery`, or in a test."""

from __future__ import annotations

import json
import random
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, parse_qsl, urlsplit

from carriers.simulators.delhivery.carrier import SimulatedDelhivery

#: `lost` does what was asked and never answers, `500` and `429` do nothing, `wallet` and `partial` are answers of 200.
KINDS = ("lost", "500", "429", "wallet", "partial")
_CREATE = "/api/cmu/create.json"


@dataclass(slots=True)
class Fault:
    """A fault in force: which calls it strikes by a part of their path, how often, and with what chance."""

    kind: str
    path: str = _CREATE
    count: int | None = None
    share: float = 1.0


class DelhiveryServer:
    """The whole simulator. `base_url` is what a carrier account's base address is set to."""

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, token: str = "", seed: int = 1) -> None:
        self.carrier = SimulatedDelhivery()
        self.calls: list[tuple[str, Any]] = []
        self._token = token
        self._faults: list[Fault] = []
        self._luck = random.Random(seed)
        self._lock = threading.Lock()
        self._http = _HttpServer((host, port), _Handler)
        self._http.simulator = self
        self.base_url = f"http://{host}:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.1,), daemon=True)

    def fault(self, kind: str, *, path: str = _CREATE, count: int | None = None, share: float = 1.0) -> None:
        """Put a fault in force. Raises ValueError for a kind that is not known."""
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is not a fault; there are {', '.join(KINDS)}.")
        with self._lock:
            self._faults.append(Fault(kind, path, count, share))

    def clear(self) -> None:
        """End all faults."""
        with self._lock:
            self._faults.clear()

    def strike(self, path: str) -> str:
        """The kind of fault that strikes this call; it counts as used."""
        with self._lock:
            for fault in self._faults:
                if fault.path in path and fault.count != 0 and self._luck.random() < fault.share:
                    if fault.count is not None:
                        fault.count -= 1
                    return fault.kind
        return ""

    def knows(self, given: str) -> bool:
        """The token of the client."""
        return not self._token or given == f"Token {self._token}"

    def start(self) -> None:
        """Serve in the background."""
        self._thread.start()

    def wait(self) -> None:
        """Until it is stopped from elsewhere."""
        self._thread.join()

    def stop(self) -> None:
        """Stop serving."""
        self._http.shutdown()
        self._thread.join(timeout=5)
        self._http.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    simulator: DelhiveryServer


class _Handler(BaseHTTPRequestHandler):
    server: _HttpServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Read."""
        self._handle({})

    def do_POST(self) -> None:
        """Write."""
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if self.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
            form = {name: values[0] for name, values in parse_qs(raw, keep_blank_values=True).items()}
            self._handle(json.loads(form["data"]) if form.get("format") == "json" and "data" in form else {})
        else:
            self._handle(json.loads(raw or "{}"))

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _handle(self, body: Any) -> None:
        simulator, parts = self.server.simulator, urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        simulator.calls.append((parts.path, body or query))
        if not simulator.knows(self.headers.get("Authorization", "")):
            return self._reply(401, "Login or API Key Required", "text/plain")
        fault = simulator.strike(parts.path)
        if fault in ("500", "429"):
            return self._reply(int(fault), "Server Error", "text/plain")
        answer, kind = self._answer(parts.path, query, body, fault)
        if fault == "lost":
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return None
        return self._reply(404 if answer is None else 200, answer, kind)

    def _answer(self, path: str, query: dict[str, str], body: Any, fault: str) -> tuple[Any, str]:
        carrier = self.server.simulator.carrier
        match path:
            case "/c/api/pin-codes/json/":
                return carrier.pin_codes(query.get("filter_codes", "")), "application/json"
            case "/waybill/api/bulk/json/":
                return carrier.waybill(), "application/json"
            case "/api/cmu/create.json":
                return carrier.create(body, fault=fault), "application/json"
            case "/api/v1/packages/json/":
                return carrier.track(query.get("waybill", "")), "application/json"
            case "/api/p/edit":
                return carrier.cancel(str(body.get("waybill", ""))), "application/xml"
            case "/api/p/update":
                return {"request_id": "UPL1234567890"}, "application/json"
            case _:
                return None, "text/plain"

    def _reply(self, status: int, content: Any, kind: str) -> None:
        text = json.dumps(content) if kind == "application/json" else str(content or "Not found")
        payload = text.encode()
        with suppress(ConnectionError):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)
