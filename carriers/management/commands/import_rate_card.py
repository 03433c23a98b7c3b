"""manage.py import_rate_card FILE --code CODE: make or replace a rate card from CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from carriers.rates import COLUMNS, RateCardInvalid
from carriers.services.imports import group_faults, import_rate_card


class Command(BaseCommand):
    """Reads the file, names every fault, writes the card only when there is none."""

    help = f"Make or replace a rate card from a CSV file with the columns {', '.join(COLUMNS)}."

    def add_arguments(self, parser: CommandParser) -> None:
        """The file, the card's code, and optionally its name and currency."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--code", required=True, help="Code of the card.")
        parser.add_argument("--name", default="", help="Name of the card; its code without it.")
        parser.add_argument("--currency", default="INR", help="ISO 4217 currency of the amounts.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, or end with an error that lists the faults."""
        try:
            text = options["file"].read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{options['file']} cannot be read: {error}") from error
        name = options["name"] or options["code"]
        try:
            card = import_rate_card(code=options["code"], name=name, text=text, currency=options["currency"].upper())
        except RateCardInvalid as error:
            for fault in group_faults(error.data["errors"]):
                self.stderr.write(f"{fault.count} x {fault.message} (line {', '.join(map(str, fault.lines))})")
            raise CommandError("Nothing was imported.") from error
        self.stdout.write(f"Rate card {card.code} has {len(card.zones)} zones.")
