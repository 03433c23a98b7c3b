"""One POST to an address that was checked: pinned to it, without redirects, bounded in time and in size."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from oms.integrations.addresses import Target

CONNECT_SECONDS = 3.05
#: From the first packet to the last byte of the answer that is read, however slowly it drips.
TOTAL_SECONDS = 10.0
#: How long the words behind a status are waited for.
WORDS_SECONDS = 2.0
#: Of an answer, this much is read and this much is kept.
MAX_ANSWER_BYTES = 16 * 1024
KEPT_CHARACTERS = 1000


class NoAnswer(Exception):
    """The other side could not be reached, or did not answer in time, or not in HTTP."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `retry_after_seconds` is what the other side asked for, if it did."""

    status: int
    text: str
    retry_after_seconds: float | None = None


class _Deadline:
    """A moment after which nothing is waited for."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.ends = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds until then. Raises TimeoutError when it has passed."""
        left = self.ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def shorten(self, seconds: float) -> None:
        """Wait no longer than this from now on."""
        self.ends = min(self.ends, time.monotonic() + seconds)


class _Reader(io.RawIOBase):
    """Reads from a socket until the deadline: a socket's own time-out begins anew with each byte."""

    def __init__(self, sock: socket.socket, deadline: _Deadline) -> None:
        self.sock, self.deadline = sock, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.sock.settimeout(self.deadline.left())
        return self.sock.recv_into(buffer)


class _TimedSocket:
    """As much of a socket as `http.client` uses. Closing it is left to who opened the real one."""

    def __init__(self, sock: socket.socket, deadline: _Deadline) -> None:
        self.sock, self.deadline = sock, deadline

    def sendall(self, data: bytes) -> None:
        self.sock.settimeout(self.deadline.left())
        self.sock.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self.sock, self.deadline))

    def close(self) -> None:
        """The answer may still have to be read."""


class _Connection(http.client.HTTPConnection):
    """Speaks over a socket that is open already, and names the host that the URL names."""

    def __init__(self, target: Target, sock: _TimedSocket) -> None:
        self.default_port = 443 if target.scheme == "https" else 80
        super().__init__(target.host, target.port)
        self.sock = sock


def post(
    target: Target,
    addresses: Sequence[str],
    body: bytes,
    headers: Mapping[str, str],
    *,
    total_seconds: float = TOTAL_SECONDS,
) -> Answer:
    """Send `body` to the first of `addresses` that takes the connection; the answer, whatever its status.

    For https the certificate must be that of the host in the URL. Redirects are answers like any other. Raises
    NoAnswer.
    """
    deadline = _Deadline(total_seconds)
    sock: socket.socket | None = None
    try:
        sock = _connect(target, addresses, deadline)
        return _exchange(sock, target, body, headers, deadline)
    except TimeoutError as error:
        raise NoAnswer(f"No answer within {deadline.seconds:g} s.") from error
    except ssl.SSLCertVerificationError as error:
        raise NoAnswer(f"The certificate is not good for {target.host}: {error.verify_message}.") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        # What does not speak HTTP is repeated as it came.
        raise NoAnswer(f"{type(error).__name__}: {error}".replace("\x00", "")[:250]) from error
    finally:
        if sock is not None:
            sock.close()


def _connect(target: Target, addresses: Sequence[str], deadline: _Deadline) -> socket.socket:
    refused: OSError = OSError("No address")
    for address in addresses:
        try:
            sock = socket.create_connection((address, target.port), timeout=min(CONNECT_SECONDS, deadline.left()))
        except OSError as error:
            refused = error
            continue
        if target.scheme != "https":
            return sock
        sock.settimeout(deadline.left())
        try:
            return ssl.create_default_context().wrap_socket(sock, server_hostname=target.host)
        except BaseException:
            sock.close()
            raise
    raise refused


def _exchange(
    sock: socket.socket, target: Target, body: bytes, headers: Mapping[str, str], deadline: _Deadline
) -> Answer:
    connection = _Connection(target, _TimedSocket(sock, deadline))
    plain = {"Content-Type": "application/json", "User-Agent": "oms-webhooks/1.0", "Accept-Encoding": "identity",
             "Connection": "close"}  # fmt: skip
    connection.request("POST", target.path, body=body, headers=plain | dict(headers))
    response = connection.getresponse()
    asked = response.headers.get("Retry-After", "").strip()
    deadline.shorten(WORDS_SECONDS)
    return Answer(response.status, _words(response), float(asked) if asked.isascii() and asked.isdecimal() else None)


def _words(response: http.client.HTTPResponse) -> str:
    """The beginning of the answer as text. The status has been given: it counts, whatever happens to the words."""
    raw = b""
    try:
        while len(raw) < MAX_ANSWER_BYTES and (more := response.read1(MAX_ANSWER_BYTES - len(raw))):
            raw += more
    except (OSError, http.client.HTTPException, ValueError):
        pass
    return _kept(raw)


def _kept(raw: bytes) -> str:
    """The beginning of an answer as text; PostgreSQL keeps no NUL."""
    return raw.decode("utf-8", "replace").replace("\x00", "").strip()[:KEPT_CHARACTERS]
