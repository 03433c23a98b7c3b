"""`manage.py up`: run the whole system on this machine."""

import os
from typing import Any

from django.core.management import get_commands
from django.core.management.base import BaseCommand, CommandError, CommandParser

from oms.embedded.console import Console
from oms.embedded.errors import EmbeddedError
from oms.embedded.up import Plan, up


class Command(BaseCommand):
    """The command line of `oms.embedded.up`."""

    help = "Start the database, the broker, the web pages and the workers; Ctrl-C stops them all."
    requires_system_checks: list[str] = []  # the database is not up yet

    def add_arguments(self, parser: CommandParser) -> None:
        """See --help."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (default 8000)")
        parser.add_argument("--no-demo", action="store_true", help="do not load the demo world on the first run")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until stopped."""
        plan = Plan(
            host=options["host"],
            port=options["port"],
            demo=not options["no_demo"],
            commands=frozenset(get_commands()),
            environment=dict(os.environ),
        )
        try:
            up(plan, Console())
        except EmbeddedError as error:
            raise CommandError(str(error)) from error
