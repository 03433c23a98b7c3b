"""The other side: a real HTTP server on loopback that remembers what it was sent and misbehaves when asked."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

#: Answers one request; `Receiver.behave` chooses it.
Behaviour = Callable[["Handler"], None]


@dataclass(frozen=True, slots=True)
class Heard:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def payload(self) -> dict[str, Any]:
        """The body as JSON."""
        return dict(json.loads(self.body))

    @property
    def type(self) -> str:
        """The topic."""
        return str(self.payload["type"])

    @property
    def data(self) -> dict[str, Any]:
        """What was told."""
        return dict(self.payload["data"])


@dataclass(slots=True)
class Receiver:
    """A server at `url`; `heard` in order of arrival."""

    server: ThreadingHTTPServer
    scheme: str = "http"
    heard: list[Heard] = field(default_factory=list)
    behave: Behaviour = field(default=lambda handler: handler.answer(200, b"thank you"))
    stopping: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server.server_address[1])

    @property
    def url(self) -> str:
        """An address to send to."""
        return f"{self.scheme}://127.0.0.1:{self.port}/hooks?from=oms"

    def topics(self) -> list[str]:
        """What was heard, by topic, in alphabetical order: messages may arrive in any."""
        return sorted(item.type for item in self.heard)

    def take(self) -> list[Heard]:
        """What was heard since it was last asked."""
        with self.lock:
            found = list(self.heard)
            self.heard.clear()
        return found


class Handler(BaseHTTPRequestHandler):
    """Remembers the request and lets the receiver's behaviour answer it."""

    protocol_version = "HTTP/1.1"
    receiver: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        heard = Heard(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        with self.receiver.lock:
            self.receiver.heard.append(heard)
        try:
            self.receiver.behave(self)
        except OSError:
            self.close_connection = True

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """A whole answer."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed."""


@contextmanager
def receiver(certificate: Path | None = None) -> Iterator[Receiver]:
    """A receiver on a free port; over TLS where a file with certificate and key is given."""

    class Own(Handler):
        pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Own)
    server.daemon_threads = True
    server.handle_error = lambda *_args: None  # type: ignore[method-assign]
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    made = Receiver(server, "http" if certificate is None else "https")
    Own.receiver = made
    thread = Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


def status(code: int, body: bytes = b"", **headers: str) -> Behaviour:
    """Answer with this status."""
    return lambda handler: handler.answer(code, body, **headers)


def silence(handler: Handler) -> None:
    """Take the request and never answer."""
    handler.receiver.stopping.wait(30)
    handler.close_connection = True


def drip_head(handler: Handler) -> None:
    """Answer one byte at a time, so slowly that a time-out for each read never comes."""
    for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"z" * 10_000:
        if handler.receiver.stopping.wait(0.05):
            break
        handler.wfile.write(bytes([byte]))


def drip_body(handler: Handler) -> None:
    """Say 200 at once and then never come to an end of the words."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nwell")
    while not handler.receiver.stopping.wait(0.05):
        handler.wfile.write(b".")


def endless(handler: Handler) -> None:
    """Say 200 and send as fast as it is read, for ever."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
    ends = time.monotonic() + 20
    while time.monotonic() < ends and not handler.receiver.stopping.is_set():
        handler.wfile.write(b"x" * 65_536)


def not_http(handler: Handler) -> None:
    """Answer in another language."""
    handler.wfile.write(b"220 mail.example.com\x00ESMTP\r\n")
    handler.close_connection = True


def hang_up(handler: Handler) -> None:
    """Cut the line instead of an answer."""
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True
