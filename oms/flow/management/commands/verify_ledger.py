"""`manage.py verify_ledger`: is every stored number what the rows below it add up to?"""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from inventory.models import Node, Sku
from inventory.selectors import Compared, Difference, iter_differences
from oms.reporting.stock_audit import ORDER_CHECKS


class Command(BaseCommand):
    """Compare balances, lots, serial numbers, reservations, documents and order lines. Changes nothing."""

    help = (
        "Compare every balance with the ledger, and reservations, lots, serial numbers, documents and order lines with "
        "each other. Exit code 1 when anything differs."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Options."""
        parser.add_argument("--most", type=int, default=200, help="Differences to print in full (default 200).")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what was compared and each difference; end with exit code 1 when there is one."""
        started, found, compared = time.monotonic(), 0, Compared()
        for difference in iter_differences(compared, more=ORDER_CHECKS):
            found += 1
            if found <= options["most"]:
                self.stdout.write(self._line(difference))
        if found > options["most"]:
            self.stdout.write(f"... and {found - options['most']:,} more")
        self.stdout.write(f"{compared.levels:,} stock levels, {compared.postings:,} postings, {found:,} differences")
        self.stderr.write(f"{time.monotonic() - started:.1f} s")
        if found:
            raise SystemExit(1)

    def _line(self, difference: Difference) -> str:
        sku = Sku.objects.filter(pk=difference.sku_id).values_list("code", flat=True).first()
        node = Node.objects.filter(pk=difference.node_id or 0).values_list("code", flat=True).first()
        subject = f" {difference.subject}" if difference.subject else ""
        return (
            f"{sku} at {node or 'all nodes'}, {difference.what}{subject}: stored {difference.stored}, computed "
            f"{difference.computed}, off by {difference.stored - difference.computed:+d}"
        )
