"""Faults on demand, as real carriers have them: by kind, by share of calls, for a number of calls."""

from __future__ import annotations

import random
import threading
from dataclasses import asdict, dataclass
from typing import Any

KINDS = (
    "book_then_timeout",
    "drop_reply",
    "cancelled_200",
    "429",
    "500",
    "slow",
    "no_serviceability",
    "duplicate_webhooks",
    "out_of_order_webhooks",
    "lost_webhooks",
)
#: Which calls a kind strikes; kinds that are not here strike every call.
_TARGETS = {
    "book_then_timeout": ("/orders/create/adhoc", "/courier/assign/awb"),
    "drop_reply": ("/orders/create/adhoc", "/courier/assign/awb"),
    "cancelled_200": ("/orders/create/adhoc",),
    "no_serviceability": ("/courier/serviceability",),
    "duplicate_webhooks": ("webhook",),
    "out_of_order_webhooks": ("webhook",),
    "lost_webhooks": ("webhook",),
}


@dataclass(slots=True)
class Fault:
    """One fault. `count` is how often it strikes still, None for without end; `seconds` is for the slow kinds."""

    kind: str
    share: float = 1.0
    count: int | None = None
    seconds: float = 30.0
    path: str = ""


class Faults:
    """The faults in force; threads may share it. The same seed and the same calls strike the same."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """Put a fault in force. Raises `ValueError` for a kind that is not known."""
        if fault.kind not in KINDS:
            raise ValueError(f"{fault.kind!r} is not a fault; there are {', '.join(KINDS)}.")
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """End all faults."""
        with self._lock:
            self._faults.clear()

    def strike(self, path: str, *kinds: str) -> Fault | None:
        """The fault of these kinds that strikes this call, if one does; it counts as used."""
        with self._lock:
            for fault in self._faults:
                if fault.kind not in kinds or fault.count == 0 or not self._aims_at(fault, path):
                    continue
                if self._random.random() < fault.share:
                    if fault.count is not None:
                        fault.count -= 1
                    return fault
        return None

    def as_json(self) -> list[dict[str, Any]]:
        """The faults in force, for the control plane."""
        with self._lock:
            return [asdict(fault) for fault in self._faults]

    @staticmethod
    def _aims_at(fault: Fault, path: str) -> bool:
        if fault.path:
            return fault.path in path
        targets = _TARGETS.get(fault.kind)
        return any(path.startswith(target) for target in targets) if targets else path != "webhook"
