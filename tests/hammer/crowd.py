"""The buyers: many at once, some of whom lose the reply to what they asked for and ask again with the same key."""

from __future__ import annotations

import json
import random
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection, HTTPException
from threading import Lock
from typing import Any

#: Part of the requests whose reply the buyer never reads.
LOST = 0.10
#: A buyer who got no answer for so long has found a fault.
PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 0.05


class NoAnswer(Exception):
    """A buyer asked again and again, and was never told what became of it."""


@dataclass(slots=True)
class Noise:
    """What went wrong on the way, and was asked for again."""

    lost: int = 0
    broken: int = 0
    busy: int = 0
    lock: Lock = field(default_factory=Lock)

    def count(self, what: str) -> None:
        """One more of "lost", "broken" or "busy"."""
        with self.lock:
            setattr(self, what, getattr(self, what) + 1)


@dataclass(slots=True)
class Browser:
    """One buyer's connection to the shop. Chance decides which replies get lost, the seed decides chance."""

    port: int
    headers: dict[str, str]
    chance: random.Random
    noise: Noise

    def post(self, path: str, body: dict[str, Any], key: str) -> tuple[int, dict[str, Any]]:
        """Ask until there is an answer, always with the same key. Raises NoAnswer after a minute."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            is_lost = self.chance.random() < LOST
            try:
                answer = self._ask(path, body, key, is_lost)
            except (OSError, HTTPException):
                self.noise.count("broken")
                time.sleep(PAUSE_SECONDS)
                continue
            if answer is None:
                self.noise.count("lost")
                continue
            status, reply = answer
            if status >= 500 or (status == 409 and reply.get("code") == "conflict"):
                # The first one is still at work, or a connection was lost in the middle: it is to be asked again.
                self.noise.count("busy")
                time.sleep(PAUSE_SECONDS)
                continue
            return status, reply
        raise NoAnswer(f"POST {path} with key {key} was never answered.")

    def _ask(self, path: str, body: dict[str, Any], key: str, is_lost: bool) -> tuple[int, dict[str, Any]] | None:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("POST", path, json.dumps(body), self.headers | {
                "Content-Type": "application/json", "Idempotency-Key": key, "Connection": "close",
            })  # fmt: skip
            if is_lost:
                assert connection.sock is not None
                # All was sent, and nobody waits for what comes back.
                connection.sock.shutdown(socket.SHUT_RDWR)
                return None
            response = connection.getresponse()
            return response.status, _json(response.read())
        finally:
            connection.close()


def _json(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class Bought:
    """What a buyer was told in the end."""

    buyer: str
    sold: bool


Purchase = Callable[[Browser, str], bool]


def rush(
    purchase: Purchase, *, buyers: Sequence[str], parallel: int, browser: Callable[[str], Browser],
    on_progress: Callable[[int], None],
) -> list[Bought]:  # fmt: skip
    """Let all buyers buy, so many at the same time; what each was told. `on_progress` hears of each one who is done."""
    done = 0
    lock = Lock()

    def one(buyer: str) -> Bought:
        nonlocal done
        bought = Bought(buyer, purchase(browser(buyer), buyer))
        with lock:
            done += 1
            count = done
        on_progress(count)
        return bought

    with ThreadPoolExecutor(parallel) as pool:
        return list(pool.map(partial(one), buyers))
