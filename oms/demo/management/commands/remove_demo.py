"""manage.py remove_demo: take the demo world out of the database."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from oms.core.errors import DomainError
from oms.demo.removal import remove_world


class Command(BaseCommand):
    """One transaction; see `oms.demo.removal`."""

    help = "Remove the demo world and everything that came of it; rows that are not of the demo stay."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Remove, and say what went."""
        try:
            counts = remove_world()
        except DomainError as error:
            raise CommandError(error.message) from error
        for table, count in sorted(counts.items()):
            self.stdout.write(f"{count:>8}  {table}")
        self.stdout.write(f"The demo world is gone: {sum(counts.values())} rows in {len(counts)} tables.")
