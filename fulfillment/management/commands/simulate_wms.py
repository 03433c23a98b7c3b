"""manage.py simulate_wms --secret whsec_... --token oms_...: the WMS of a node, to try a link with."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from fulfillment.simulators.wms import Faults, SimulatedWms, WmsServer


class Command(BaseCommand):
    """Receives instructions, verifies and counts them, and says over the API what it did, until it is stopped."""

    help = "Simulate the WMS of a node: link the node by webhook to the address that is printed."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where it listens, whom it answers, and what goes wrong."""
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8090)
        parser.add_argument("--api", default="http://127.0.0.1:8000", help="Where the application is.")
        parser.add_argument("--token", required=True, help="API token with fulfillment.view and fulfillment.work.")
        parser.add_argument("--secret", required=True, help="The secret of the link, as it was shown.")
        parser.add_argument("--pause", type=float, default=3.0, help="Seconds between two rounds of work.")
        parser.add_argument("--seed", type=int, default=1)
        names = ", ".join(field.name for field in fields(Faults))
        parser.add_argument("--fault", action="append", default=[], metavar="NAME=SHARE",
                            help=f"What goes wrong, as a share of 0 to 1: {names}.")  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve and work."""
        wms = SimulatedWms(api_url=options["api"], token=options["token"], faults=_faults(options["fault"]),
                           seed=options["seed"])  # fmt: skip
        server = WmsServer(wms, host=options["host"], port=options["port"], secret=options["secret"])
        server.start(pause_seconds=options["pause"])
        self.stdout.write(f"The WMS listens at {server.url}")
        try:
            server.wait()
        except KeyboardInterrupt:
            server.stop()


def _faults(texts: list[str]) -> Faults:
    known = {field.name for field in fields(Faults)}
    shares: dict[str, float] = {}
    for text in texts:
        name, _, share = text.partition("=")
        if name not in known:
            raise CommandError(f"{name!r} is not a fault; there are {', '.join(sorted(known))}.")
        try:
            shares[name] = min(1.0, max(0.0, float(share)))
        except ValueError as error:
            raise CommandError(f"--fault {text}: {share!r} came, expected a share of 0 to 1.") from error
    return Faults(**shares)
