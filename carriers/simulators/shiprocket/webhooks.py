"""Pushes tracking webhooks: in order, with the token, again until they are taken, and badly when a fault says so."""

from __future__ import annotations

import heapq
import itertools
import json
import threading
import time
from typing import Any

import requests

from carriers.simulators.shiprocket.faults import Faults
from oms.core.http import Session

#: Tries of one webhook; the wait doubles from half a second to a minute.
MAX_ATTEMPTS = 10
_LONGEST_WAIT_SECONDS = 60.0


class WebhookPusher:
    """One thread that sends what is due. `sent` and `given_up` count for the control plane."""

    def __init__(self, url: str, token: str, faults: Faults) -> None:
        self._url, self._token, self._faults = url, token, faults
        self._queue: list[tuple[float, int, int, dict[str, Any]]] = []
        self._order = itertools.count()
        self._wake = threading.Condition()
        self._stopping = False
        self._session = Session(retries=0, timeout_seconds=10)
        self._thread = threading.Thread(target=self._run, name="simulated-webhooks", daemon=True)
        self.sent = self.given_up = self.lost = 0

    def start(self) -> None:
        """Begin sending, where there is somewhere to send to."""
        if self._url:
            self._thread.start()

    def stop(self) -> None:
        """Stop; what is not sent is lost, as a poll will find it."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=15)

    @property
    def waiting(self) -> int:
        """Webhooks that are not taken yet."""
        with self._wake:
            return len(self._queue)

    def push(self, body: dict[str, Any]) -> None:
        """Queue one webhook, or do with it what the faults say."""
        if not self._url:
            return
        if self._faults.strike("webhook", "lost_webhooks"):
            self.lost += 1
            return
        late = self._faults.strike("webhook", "out_of_order_webhooks")
        self._enqueue(body, min(late.seconds, 5.0) if late else 0.0)
        if self._faults.strike("webhook", "duplicate_webhooks"):
            self._enqueue(body, 0.0)

    def _enqueue(self, body: dict[str, Any], delay_seconds: float, attempts: int = 0) -> None:
        with self._wake:
            heapq.heappush(self._queue, (time.monotonic() + delay_seconds, next(self._order), attempts, body))
            self._wake.notify_all()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._stopping and (not self._queue or self._queue[0][0] > time.monotonic()):
                    wait = max(0.0, self._queue[0][0] - time.monotonic()) if self._queue else None
                    self._wake.wait(wait)
                if self._stopping:
                    return
                _, _, attempts, body = heapq.heappop(self._queue)
            self._send(body, attempts + 1)

    def _send(self, body: dict[str, Any], attempts: int) -> None:
        headers = {"Content-Type": "application/json", "x-api-key": self._token}
        try:
            response = self._session.post(self._url, data=json.dumps(body), headers=headers)
            # The vendor counts nothing but 200 as taken.
            taken = response.status_code == 200
        except requests.RequestException:
            taken = False
        if taken:
            self.sent += 1
        elif attempts < MAX_ATTEMPTS:
            self._enqueue(body, min(0.5 * 2**attempts, _LONGEST_WAIT_SECONDS), attempts)
        else:
            self.given_up += 1
