"""The simulator as an HTTP server. Start it with `manage.py simulate_carrier --contract ups`, or in a test."""

from __future__ import annotations

from carriers.simulators.faulty import FaultyServer
from carriers.simulators.ups.carrier import SimulatedUps


class UpsServer(FaultyServer):
    """The whole simulator; the app's client is `client` with the secret `secret`."""

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, seed: int = 1) -> None:
        self.carrier = SimulatedUps()
        super().__init__(self.carrier.answer, host=host, port=port, seed=seed)
