"""`manage.py rehearse_peak`: what a peak would do to this installation, without touching a row of it."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from argparse import SUPPRESS
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from inventory.models import Node
from oms.core.errors import DomainError
from oms.flow.rehearsal.estate import own_config
from oms.flow.rehearsal.peak import Options, TooSlow, conditions, rehearse
from oms.flow.rehearsal.report import as_json, goals, lines
from oms.flow.rehearsal.scratch import environment_of, scratch_database

#: Where nobody watches, how it goes on is said as seldom as this.
QUIET_SECONDS = 5.0


class Command(BaseCommand):
    """Makes a scratch database, lets a process of its own rehearse in it, and drops it again."""

    help = (
        "Rehearse a peak in a database of its own: orders with real-like skew through capture, routing and the flow's "
        "steps, one article selling out and one node going off in the middle. Exit code 1 when a goal is missed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Options."""
        defaults = Options()
        parser.add_argument("--orders", type=int, default=defaults.orders, help="orders of the peak (10000)")
        parser.add_argument("--skus", type=int, default=defaults.skus, help="articles that are sold (2000)")
        parser.add_argument("--seed", type=int, default=defaults.seed, help="the same seed gives the same orders (1)")
        parser.add_argument(
            "--workers", type=int, default=max(1, os.cpu_count() or 1), help="worker processes (one for each core)"
        )
        parser.add_argument(
            "--per-second", type=float, default=0.0, help="orders that arrive in a second; 0: as fast as it goes"
        )
        parser.add_argument("--off", default="", metavar="NODE", help="code of the node that goes off (most stock)")
        parser.add_argument(
            "--config", choices=("made-up", "own"), default="made-up",
            help="own: with this installation's nodes, calendars, policy and best-selling SKUs",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="print the report as JSON")
        parser.add_argument("--template", default="template1", help=SUPPRESS)
        parser.add_argument("--inside", action="store_true", help=SUPPRESS)

    def handle(self, *args: Any, **options: Any) -> None:
        """Rehearse; ends with exit code 1 when a goal is missed."""
        if options["inside"]:
            raise SystemExit(self._inside(json.load(sys.stdin)))
        wishes = _wishes(options)
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            with scratch_database(options["template"]) as name:
                code = self._start(name, {"options": asdict(wishes), "json": options["json"]})
        except DomainError as error:
            raise CommandError(error.message) from error
        except KeyboardInterrupt:
            raise CommandError("Stopped; the scratch database is gone.", returncode=130) from None
        finally:
            signal.signal(signal.SIGTERM, before)
        if code:
            raise SystemExit(code)

    def _start(self, name: str, wishes: dict[str, Any]) -> int:
        """Rehearse in a process whose settings know no other database than the scratch one; its exit code."""
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "rehearse_peak", "--inside"]
        child = subprocess.Popen(command, env=environment_of(name), stdin=subprocess.PIPE)
        try:
            child.communicate(json.dumps(wishes).encode())
            return child.returncode
        finally:
            if child.poll() is None:
                child.terminate()
                child.wait()

    def _inside(self, wishes: dict[str, Any]) -> int:
        options = Options(**wishes["options"])
        # What is tried again is counted in the report; what is given up is said here, too.
        logging.getLogger("oms.flow.deliveries").setLevel(logging.ERROR)
        line = _ProgressLine()
        head = conditions()
        try:
            found = rehearse(options, line.say)
        except KeyboardInterrupt:
            line.end()
            return 130
        except TooSlow as error:
            line.end()
            self.stderr.write(f"FAIL  {error}")
            return 1
        line.end()
        met = goals(found, wanted_orders=options.orders, is_paced=bool(options.per_second))
        if wishes["json"]:
            self.stdout.write(json.dumps(as_json(found, met, workers=options.workers, head=head)))
        else:
            for text in lines(found, met, workers=options.workers, head=head):
                self.stdout.write(text)
        return 0 if all(goal.is_met for goal in met) else 1


def _wishes(options: dict[str, Any]) -> Options:
    """The options, checked. Raises CommandError."""
    if options["orders"] < 2 or options["skus"] < 1 or options["workers"] < 1 or options["per_second"] < 0:
        raise CommandError("At least two orders, one SKU and one worker are needed, and no negative pace.")
    own = ""
    if options["config"] == "own":
        if not Node.objects.filter(is_active=True, ships=True).exists():
            raise CommandError("This installation has no active node that ships: there is nothing to rehearse with.")
        own = own_config(options["skus"])
    return Options(
        orders=options["orders"], skus=options["skus"], seed=options["seed"], workers=options["workers"],
        per_second=options["per_second"], off=options["off"], own=own,
    )  # fmt: skip


class _ProgressLine:
    """One line that changes on a terminal; elsewhere a new line now and then."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.shown_at = -QUIET_SECONDS
        self.is_terminal = sys.stderr.isatty()

    def say(self, text: str) -> None:
        """Show how far it is."""
        moment = time.monotonic()
        if self.is_terminal:
            sys.stderr.write(f"\r\x1b[K{moment - self.started:5.0f} s  {text}")
        elif moment - self.shown_at >= QUIET_SECONDS:
            sys.stderr.write(f"{moment - self.started:5.0f} s  {text}\n")
            self.shown_at = moment
        sys.stderr.flush()

    def end(self) -> None:
        """The report begins on a line of its own."""
        if self.is_terminal:
            sys.stderr.write("\r\x1b[K")
