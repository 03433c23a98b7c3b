"""`manage.py archive_ledger`: old months of the ledger into files."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from inventory.services import archive_month, months_of_ledger
from oms.core.errors import DomainError


class Command(BaseCommand):
    """Write the months before one to files, bring their balances forward and take them out of the database."""

    help = "Archive every month of the ledger before --before, oldest first. Balances stay explainable."

    def add_arguments(self, parser: CommandParser) -> None:
        """Options."""
        parser.add_argument("--before", required=True, help="The first month to keep, as 2026-05.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Archive, a month at a time; what is archived stays so when a later month fails."""
        first = self._month(options["before"])
        for month in [month for month in months_of_ledger() if month < first]:
            try:
                archive = archive_month(month, actor="archive_ledger")
            except DomainError as error:
                raise CommandError(error.message) from error
            self.stdout.write(f"{archive}, {archive.file.name}, sha256 {archive.sha256}")

    def _month(self, text: str) -> date:
        try:
            return datetime.strptime(text, "%Y-%m").date()
        except ValueError as error:
            raise CommandError(f"{text!r} is not a month; expected one as 2026-05.") from error
