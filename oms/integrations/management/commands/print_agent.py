"""Print labels on printers of this network, for packers whose browser cannot reach them."""

from __future__ import annotations

import os
import signal
from argparse import ArgumentParser
from pathlib import Path
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from oms.core.errors import PermanentError
from oms.integrations.print_agent import Journal, PrintAgent, printers_of


class Command(BaseCommand):
    """Runs beside the printers until it is interrupted. Touches no database."""

    help = "Take labels from an OMS and print them on ZPL printers of this network."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See `manage.py print_agent --help`."""
        parser.add_argument("--url", required=True, help="address of the OMS, for example https://oms.example.com")
        parser.add_argument(
            "--printer", action="append", default=[], metavar="NAME=HOST[:PORT]",
            help="a printer as the OMS names it, and where it is; may be repeated",
        )  # fmt: skip
        parser.add_argument("--node", default="", help="code of the node, where another one has a printer of the name")
        parser.add_argument("--journal", default="print-agent.journal", help="file with the jobs that were printed")
        parser.add_argument("--pause", type=float, default=1.0, help="seconds between questions while nothing waits")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print until SIGINT or SIGTERM. The token is in OMS_PRINT_TOKEN, or in the file OMS_PRINT_TOKEN_FILE."""
        stopped: list[int] = []

        def stop(number: int, frame: FrameType | None) -> None:
            stopped.append(number)

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        try:
            agent = PrintAgent(
                url=options["url"], token=_token(), printers=printers_of(options["printer"]), node=options["node"],
                journal=Journal(Path(options["journal"])), say=self.stdout.write,
            )  # fmt: skip
            agent.run(pause_seconds=options["pause"], until=lambda: bool(stopped))
        except PermanentError as error:
            raise CommandError(str(error)) from error


def _token() -> str:
    path = os.environ.get("OMS_PRINT_TOKEN_FILE", "")
    token = Path(path).read_text().strip() if path else os.environ.get("OMS_PRINT_TOKEN", "").strip()
    if not token:
        raise PermanentError("Set OMS_PRINT_TOKEN (or OMS_PRINT_TOKEN_FILE) to a token with fulfillment.work.")
    return token
