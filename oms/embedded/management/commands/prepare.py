"""`manage.py prepare`: bring the database up to date and, on the first run, fill it with the demo world."""

import io
from pathlib import Path
from typing import Any

from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand, CommandParser


class Command(BaseCommand):
    """One process for what `manage.py up` does before the application starts, since each start of Django takes time."""

    help = "Migrate the database, load the demo world into an empty one, and note the demo sign-ins in a file."

    def add_arguments(self, parser: CommandParser) -> None:
        """See --help."""
        parser.add_argument("--demo", action="store_true", help="load the demo world when there are no orders yet")
        parser.add_argument("--signins", type=Path, required=True, help="file to write; empty without a demo world")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the steps; an error in any of them ends the start."""
        self.stdout.write("Bringing the database up to date ...")
        call_command("migrate", interactive=False, verbosity=0)
        commands = get_commands()
        if options["demo"] and "load_demo" in commands:
            call_command("load_demo", "--if-empty")
        signins = io.StringIO()
        if "demo_signins" in commands:
            call_command("demo_signins", stdout=signins)
        options["signins"].write_text(signins.getvalue(), encoding="utf-8")
