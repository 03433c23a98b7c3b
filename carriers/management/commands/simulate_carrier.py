"""Run a simulated carrier on this machine, for demonstrations and tests."""

from __future__ import annotations

import signal
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand

from carriers.simulators.delhivery.server import DelhiveryServer
from carriers.simulators.shiprocket.server import SimulatorServer
from carriers.simulators.ups.server import UpsServer


class Command(BaseCommand):
    """Serves a carrier's contract over HTTP until it is interrupted. Touches no database of the application."""

    help = "Run a carrier that speaks Shiprocket's contract and moves parcels by itself, or Delhivery's, or UPS's."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See `manage.py simulate_carrier --help`."""
        parser.add_argument("--contract", choices=("shiprocket", "delhivery", "ups"), default="shiprocket")
        parser.add_argument("--token", default="", help="of the API, for Delhivery; without it any is taken")
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8702)
        parser.add_argument(
            "--state-file", default=":memory:", help="SQLite file; without it a stop forgets everything"
        )
        parser.add_argument("--speed", type=float, default=60.0, help="a simulated day takes 86400/SPEED seconds")
        parser.add_argument(
            "--webhook-url", default="", help="where tracking webhooks go; without it only polling works"
        )
        parser.add_argument("--webhook-token", default="", help="sent as x-api-key")
        parser.add_argument("--seed", type=int, default=1, help="decides fates: the same seed, the same fates")
        parser.add_argument("--share-failed", type=float, default=0.12, help="share delivered at the second attempt")
        parser.add_argument("--share-rto", type=float, default=0.08, help="share that comes back")

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve until SIGINT or SIGTERM."""
        server = self._server(options)

        def interrupt(number: int, frame: FrameType | None) -> None:
            raise KeyboardInterrupt

        signal.signal(signal.SIGTERM, interrupt)
        server.start()
        control = f", control at {server.base_url}/_sim/state" if isinstance(server, SimulatorServer) else ""
        self.stdout.write(f"Simulated carrier at {server.base_url}{control}")
        try:
            server.wait()
        except KeyboardInterrupt:
            self.stdout.write("Simulated carrier stops.")
        finally:
            server.stop()

    def _server(self, options: dict[str, Any]) -> DelhiveryServer | SimulatorServer | UpsServer:
        match options["contract"]:
            case "delhivery":
                return self._delhivery(options)
            case "ups":
                return UpsServer(host=options["host"], port=options["port"], seed=options["seed"])
            case _:
                return self._shiprocket(options)

    def _delhivery(self, options: dict[str, Any]) -> DelhiveryServer:
        return DelhiveryServer(host=options["host"], port=options["port"], token=options["token"], seed=options["seed"])

    def _shiprocket(self, options: dict[str, Any]) -> SimulatorServer:
        return SimulatorServer(
            host=options["host"],
            port=options["port"],
            state_file=options["state_file"],
            speed=options["speed"],
            webhook_url=options["webhook_url"],
            webhook_token=options["webhook_token"],
            seed=options["seed"],
            share_failed=options["share_failed"],
            share_rto=options["share_rto"],
        )
