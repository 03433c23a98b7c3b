"""Faults that can be switched on: each strikes a share of the calls, for a number of times or a number of seconds."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

API_FAULTS = ("429", "500", "timeout", "slow", "drop_reply", "truncated", "html200")
WEBHOOK_FAULTS = ("duplicate_webhooks", "out_of_order_webhooks", "lost_webhooks")


@dataclass(slots=True, kw_only=True)
class Fault:
    """One fault. `remaining` and `until` are None where there is no end; `path` is a part of the paths it strikes."""

    kind: str
    share: float = 1.0
    remaining: int | None = None
    until: float | None = None
    delay_seconds: float = 5.0
    retry_after_seconds: int = 2
    method: str = ""
    path: str = ""
    struck: int = 0

    def shown(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "kind": self.kind,
            "share": self.share,
            "remaining": self.remaining,
            "delay_seconds": self.delay_seconds,
            "retry_after_seconds": self.retry_after_seconds,
            "method": self.method,
            "path": self.path,
            "struck": self.struck,
        }


class Faults:
    """The faults that are on. Safe to use from many threads."""

    def __init__(self, chance: random.Random) -> None:
        self._lock = threading.Lock()
        self._chance = chance
        self._faults: list[Fault] = []

    def add(self, wanted: Mapping[str, Any]) -> Fault:
        """Switch one on. Raises ValueError for a kind nobody knows or a number out of bounds."""
        kind = str(wanted.get("kind"))
        if kind not in (*API_FAULTS, *WEBHOOK_FAULTS):
            raise ValueError(f"kind is one of {', '.join((*API_FAULTS, *WEBHOOK_FAULTS))}")
        seconds = wanted.get("seconds")
        count = wanted.get("count")
        fault = Fault(
            kind=kind,
            share=float(wanted.get("share", 1.0)),
            remaining=None if count is None else int(count),
            until=None if seconds is None else time.monotonic() + float(seconds),
            delay_seconds=float(wanted.get("delay_seconds", 5.0)),
            retry_after_seconds=int(wanted.get("retry_after_seconds", 2)),
            method=str(wanted.get("method", "")).upper(),
            path=str(wanted.get("path", "")),
        )
        if not 0 < fault.share <= 1 or (fault.remaining is not None and fault.remaining < 1):
            raise ValueError("share is above 0 and at most 1, count at least 1")
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Switch all off."""
        with self._lock:
            self._faults.clear()

    def shown(self) -> list[dict[str, Any]]:
        """Those that are on, as JSON."""
        with self._lock:
            self._forget()
            return [fault.shown() for fault in self._faults]

    def strike(self, kinds: tuple[str, ...], method: str = "", path: str = "") -> Fault | None:
        """The first fault of these kinds that strikes this call, counted; None where none does."""
        with self._lock:
            self._forget()
            for fault in self._faults:
                if fault.kind not in kinds or (fault.method and fault.method != method) or fault.path not in path:
                    continue
                if self._chance.random() >= fault.share:
                    continue
                fault.struck += 1
                if fault.remaining is not None:
                    fault.remaining -= 1
                return fault
        return None

    def _forget(self) -> None:
        now = time.monotonic()
        self._faults = [
            fault
            for fault in self._faults
            if (fault.remaining is None or fault.remaining > 0) and (fault.until is None or fault.until > now)
        ]
