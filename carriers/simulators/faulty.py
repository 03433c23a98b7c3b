"""An HTTP server for simulated carriers that loses replies and fails as it is told to."""

from __future__ import annotations

import json
import random
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

#: `lost` does what was asked and never answers, `cut` neither does it nor answers, `html` does it and answers with a
#: page of a gateway, `500`, `408` and `429` do nothing.
KINDS = ("lost", "cut", "html", "500", "408", "429")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as it came. `body` is parsed JSON or a form, `headers` have lower-case names."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any


@dataclass(slots=True)
class Fault:
    """A fault in force: which calls it strikes by a part of their path, how often, and with what chance."""

    kind: str
    path: str
    count: int | None
    share: float


class FaultyServer:
    """Serves `answer`, which gives a status and a body: JSON, or XML as bytes.

    `base_url` is the base address of a carrier account.
    """

    def __init__(
        self, answer: Callable[[Call], tuple[int, Any]], *, host: str = "127.0.0.1", port: int = 0, seed: int = 1
    ) -> None:
        self.answer = answer
        self.calls: list[Call] = []
        self._faults: list[Fault] = []
        self._luck = random.Random(seed)
        self._lock = threading.Lock()
        self._http = _HttpServer((host, port), _Handler)
        self._http.simulator = self
        self.base_url = f"http://{host}:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.1,), daemon=True)

    def fault(self, kind: str, *, path: str, count: int | None = None, share: float = 1.0) -> None:
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

    def last(self, path: str) -> Call:
        """The latest call whose path holds this. Raises LookupError without one."""
        found = [call for call in self.calls if path in call.path]
        if not found:
            raise LookupError(f"Nothing was sent to {path}.")
        return found[-1]

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
    simulator: FaultyServer


class _Handler(BaseHTTPRequestHandler):
    server: _HttpServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Read."""
        self._handle()

    def do_POST(self) -> None:
        """Write."""
        self._handle()

    def do_PUT(self) -> None:
        """Change."""
        self._handle()

    def do_DELETE(self) -> None:
        """Void."""
        self._handle()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _handle(self) -> None:
        simulator, parts = self.server.simulator, urlsplit(self.path)
        call = Call(
            method=self.command, path=unquote(parts.path), query=dict(parse_qsl(parts.query)), body=self._body(),
            headers={name.lower(): value for name, value in self.headers.items()},
        )  # fmt: skip
        simulator.calls.append(call)
        fault = simulator.strike(call.path)
        if fault in ("500", "429", "408"):
            return self._reply(int(fault), json.dumps({"message": "Server Error"}).encode(), "application/json")
        if fault == "cut":
            return self._hang_up()
        status, content = simulator.answer(call)
        if fault == "lost":
            return self._hang_up()
        if fault == "html":
            return self._reply(200, b"<html>Gateway</html>", "text/html")
        if isinstance(content, bytes):
            return self._reply(status, content, "text/xml")
        return self._reply(status, b"" if content is None else json.dumps(content).encode(), "application/json")

    def _body(self) -> Any:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if self.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
            return dict(parse_qsl(raw, keep_blank_values=True))
        return json.loads(raw) if raw else None

    def _hang_up(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _reply(self, status: int, payload: bytes, kind: str) -> None:
        with suppress(ConnectionError):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(payload)))
            self.send_header("Set-Cookie", "session=of-this-call")
            if status == 429:
                self.send_header("Retry-After", "7")
            self.end_headers()
            self.wfile.write(payload)
