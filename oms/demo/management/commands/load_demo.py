"""manage.py load_demo: fill the database with the demo world."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from oms.core.errors import DomainError
from oms.demo.loading import DEFAULT_DAYS, DEFAULT_SEED, load_world


class Command(BaseCommand):
    """Writes nodes, a catalogue, people, channels, carriers and weeks of orders; see `oms.demo`."""

    help = "Load the demo world: a made-up brand with nodes, stock, people and weeks of orders."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """See --help."""
        parser.add_argument("--orders", type=int, default=settings.DEMO_ORDERS)
        parser.add_argument("--days", type=int, default=DEFAULT_DAYS, help="how far back the first order lies")
        parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="the same seed draws the same world")
        parser.add_argument("--if-empty", action="store_true", help="do nothing where there are orders or a demo world")
        parser.add_argument("--force", action="store_true", help="load beside orders that are not of the demo")

    def handle(self, *args: Any, **options: Any) -> None:
        """Load, or end with the reason."""
        started = time.monotonic()
        try:
            world = load_world(
                orders=options["orders"], days=options["days"], seed=options["seed"], if_empty=options["if_empty"],
                force=options["force"], say=self._say,
            )  # fmt: skip
        except DomainError as error:
            raise CommandError(error.message) from error
        if world is None:
            self._say("There is something in this database already: nothing was loaded.")
            return
        self._say(f"Demo world loaded in {time.monotonic() - started:.0f} s. `manage.py demo_signins` says who is who.")

    def _say(self, text: str) -> None:
        """Print at once, since a supervisor may be reading."""
        self.stdout.write(text)
        self.stdout.flush()
