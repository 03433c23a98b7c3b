"""`manage.py verify_decisions`: do stored decisions hold what they claim?"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from oms.core.clock import now
from routing.engine import faults_of
from routing.models import RoutingDecision


class Command(BaseCommand):
    """Try every set of nodes for decisions that were made. Changes nothing."""

    help = (
        "Check decisions from what was stored of them: that the goods were there, that factors and shipments add up to "
        "the cost, and that no set of nodes ships as much for less. Exit code 1 when one does not hold."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Options."""
        parser.add_argument("--hours", type=int, default=24, help="Decisions of so many hours back (default 24).")
        parser.add_argument("--most", type=int, default=1000, help="Decisions to check, newest first (default 1000).")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what was checked and each fault; end with exit code 1 when there is one."""
        started, checked, unchecked, wrong = time.monotonic(), 0, 0, 0
        decisions = RoutingDecision.objects.filter(decided_at__gt=now() - timedelta(hours=options["hours"]))
        newest = decisions.exclude(trace="").order_by("-decided_at", "-id").select_related("order")[: options["most"]]
        for decision in newest.iterator(chunk_size=200):
            try:
                faults = faults_of(decision.candidates)
            except ValueError as error:
                unchecked += 1
                self.stderr.write(f"{decision.order.number}, attempt {decision.attempt}, was not checked: {error}")
                continue
            checked += 1
            wrong += bool(faults)
            for fault in faults:
                self.stdout.write(f"{decision.order.number}, attempt {decision.attempt}: {fault}")
        self.stdout.write(f"Decisions checked: {checked:,}. Not checked: {unchecked:,}. Not holding: {wrong:,}.")
        self.stderr.write(f"{time.monotonic() - started:.1f} s")
        if wrong:
            raise SystemExit(1)
