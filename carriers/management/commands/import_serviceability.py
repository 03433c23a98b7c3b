"""manage.py import_serviceability FILE --account CODE: which postcodes a carrier account delivers to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from carriers.services.imports import ServiceabilityInvalid, group_faults, import_serviceability
from oms.core.errors import NotFound


class Command(BaseCommand):
    """Reads the file, names every fault by kind, writes the rows only when there is none."""

    help = (
        "Write the postcodes of a carrier account from a CSV file with postcode and optionally country, prepaid, cod."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """The file, the account's code, and whether rows that the file lacks go away."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--account", required=True, help="Code of the carrier account.")
        parser.add_argument("--replace", action="store_true", help="Remove the account's other postcodes.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, or end with an error that lists the faults."""
        try:
            text = options["file"].read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{options['file']} cannot be read: {error}") from error
        try:
            done = import_serviceability(account_code=options["account"], text=text, replace=options["replace"])
        except NotFound as error:
            raise CommandError(error.message) from error
        except ServiceabilityInvalid as error:
            for fault in group_faults(error.data["errors"]):
                self.stderr.write(f"{fault.count} x {fault.message} (line {', '.join(map(str, fault.lines))})")
            raise CommandError("Nothing was imported.") from error
        self.stdout.write(f"{done.rows} postcodes were written, {done.removed} removed.")
