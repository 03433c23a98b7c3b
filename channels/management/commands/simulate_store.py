"""Run a simulated WooCommerce store with buyers of its own."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from channels.simulators.woocommerce.command_line import add_arguments, run


class Command(BaseCommand):
    """Needs no database and no migrations."""

    help = "Run a simulated WooCommerce store: orders, stock, webhooks and faults over real HTTP."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The options of the store."""
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or SIGINT."""
        run(options, self.say)

    def say(self, text: str) -> None:
        """Print at once, since a supervisor may be reading."""
        self.stdout.write(text)
        self.stdout.flush()
