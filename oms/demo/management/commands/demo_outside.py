"""manage.py demo_outside store|carrier: run the simulated store, or carrier, of the demo world in this database.

Beside the carrier stands the provider of messages: two small servers in one process.
"""

from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from oms.demo.models import current_world
from oms.demo.outside import carrier_arguments, message_server, store_arguments


class Command(BaseCommand):
    """Finds keys, addresses and files of the loaded world and hands over to the simulator's own command."""

    help = "Run the simulated store or carrier that the demo world talks to, until it is interrupted."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """See --help."""
        parser.add_argument("which", choices=["store", "carrier"])

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or SIGINT; ends at once where no demo world is loaded."""
        world = current_world()
        if world is None:
            self.stdout.write("No demo world is loaded.")
        elif options["which"] == "store":
            call_command("simulate_store", *store_arguments(world), stdout=self.stdout)
        else:
            with message_server(world):
                call_command("simulate_carrier", *carrier_arguments(world), stdout=self.stdout)
