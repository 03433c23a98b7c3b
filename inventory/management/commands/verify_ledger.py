"""`manage.py verify_ledger`: is every balance what its ledger adds up to?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import connection, transaction

from inventory.models import Node, Sku, StockLevel, StockMovement
from inventory.services.audit import BALANCES_SQL, RESERVED_SQL, Difference

#: Differences read from the server at a time.
CHUNK_ROWS = 1000
#: Memory that one sort or hash of the comparison may take on the server before it goes to disk.
WORK_MEM = "32MB"


class Command(BaseCommand):
    """Compare every stock level with the ledger and with the open reservations. Changes nothing."""

    help = "Compare every stock level with the ledger and with the open reservations. Exit code 1 when any differs."

    def add_arguments(self, parser: CommandParser) -> None:
        """Options."""
        parser.add_argument("--most", type=int, default=200, help="Differences to print in full (default 200).")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what was compared and each difference; end with exit code 1 when there is one.

        The comparison runs inside the database and its result is read through a server-side cursor, so memory stays
        bounded here and there however long the ledger is.
        """
        found, inside = 0, connection.in_atomic_block
        with transaction.atomic():
            with connection.cursor() as cursor:
                if not inside:
                    # Several statements look at the same moment, whatever is posted meanwhile.
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                cursor.execute("SELECT set_config('work_mem', %s, true)", [WORK_MEM])
            levels, movements = StockLevel.objects.count(), StockMovement.objects.count()
            for difference in self._differences():
                found += 1
                if found <= options["most"]:
                    self.stdout.write(self._line(difference))
        if found > options["most"]:
            self.stdout.write(f"... and {found - options['most']:,} more")
        self.stdout.write(f"{levels:,} stock levels, {movements:,} postings, {found:,} differences")
        if found:
            raise SystemExit(1)

    def _differences(self) -> Iterator[Difference]:
        for number, sql in enumerate((BALANCES_SQL, RESERVED_SQL)):
            with connection.connection.cursor(name=f"verify_ledger_{number}") as cursor:
                cursor.itersize = CHUNK_ROWS
                cursor.execute(sql)
                for row in cursor:
                    yield Difference(*row)

    def _line(self, difference: Difference) -> str:
        sku = Sku.objects.filter(pk=difference.sku_id).values_list("code", flat=True).first()
        node = Node.objects.filter(pk=difference.node_id).values_list("code", flat=True).first()
        return (
            f"{sku} at {node}, {difference.what}: stored {difference.stored}, ledger {difference.computed}, "
            f"off by {difference.stored - difference.computed:+d}"
        )
