"""The simulated carrier in a process of its own, how it misbehaves, and what it holds in the end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests

from oms.embedded.processes import spawn
from oms.embedded.state import CHECKOUT
from tests.hammer.estate import free_port

START_SECONDS = 60.0
#: How long our side waits for a reply, and how much longer the carrier lets it wait when it times out.
TIMEOUT_SECONDS, TOO_LONG_SECONDS = 1.0, 1.5


@dataclass(frozen=True, slots=True)
class Held:
    """What the carrier holds: live AWBs with what it charges for each, and orders that nobody finished."""

    charges: dict[str, int]
    references: dict[str, str]
    half_done: int


@dataclass(frozen=True, slots=True)
class Carrier:
    """The running simulator."""

    base_url: str

    def misbehave(self, lost: float) -> None:
        """Lose this share of the replies to bookings; of the rest some time out, say nonsense, or fail."""
        for fault in (
            {"kind": "drop_reply", "share": lost},
            {"kind": "book_then_timeout", "share": 0.03, "seconds": TOO_LONG_SECONDS},
            {"kind": "cancelled_200", "share": 0.05},
            {"kind": "500", "share": 0.03},
            {"kind": "429", "share": 0.02},
        ):
            requests.post(f"{self.base_url}/_sim/faults", json=fault, timeout=10).raise_for_status()

    def held(self) -> Held:
        """What it would carry and charge for now."""
        parcels: list[dict[str, Any]] = requests.get(f"{self.base_url}/_sim/parcels", timeout=30).json()["parcels"]
        live = [parcel for parcel in parcels if parcel["live"]]
        return Held(
            {parcel["awb"]: parcel["charge_minor"] for parcel in live},
            {parcel["awb"]: parcel["reference"] for parcel in live},
            sum(not parcel["live"] and not parcel["cancelled"] for parcel in parcels),
        )


@contextmanager
def simulated_carrier(seed: int) -> Iterator[Carrier]:
    """The simulator for the length of a `with` block; its parcels do not move."""
    port = free_port()
    command = [sys.executable, str(CHECKOUT / "manage.py"), "simulate_carrier", "--port", str(port), "--speed", "0",
               "--seed", str(seed)]  # fmt: skip
    guard = spawn(command, environment=dict(os.environ), output=subprocess.DEVNULL)
    carrier = Carrier(f"http://127.0.0.1:{port}")
    try:
        _wait(carrier, guard)
        yield carrier
    finally:
        guard.terminate()
        guard.wait()


def _wait(carrier: Carrier, guard: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            requests.get(f"{carrier.base_url}/_sim/state", timeout=5).raise_for_status()
            return
        except requests.RequestException:
            if time.monotonic() > deadline or guard.poll() is not None:
                raise RuntimeError("The simulated carrier did not start.") from None
            time.sleep(0.1)
