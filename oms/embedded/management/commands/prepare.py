"""`manage.py prepare`: bring the database up to date, and note who can sign in to the demo world."""

import io
from pathlib import Path
from typing import Any

from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand, CommandParser


class Command(BaseCommand):
    """One process for what `manage.py up` does before the application starts, since each start of Django takes time."""

    help = "Migrate the database and note the demo sign-ins in a file."

    def add_arguments(self, parser: CommandParser) -> None:
        """See --help."""
        parser.add_argument("--signins", type=Path, required=True, help="file to write; empty without a demo world")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the steps; an error in any of them ends the start."""
        self.stdout.write("Bringing the database up to date ...")
        call_command("migrate", interactive=False, verbosity=0)
        signins = io.StringIO()
        if "demo_signins" in get_commands():
            call_command("demo_signins", stdout=signins)
        options["signins"].write_text(signins.getvalue(), encoding="utf-8")
