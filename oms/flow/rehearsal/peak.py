"""The rehearsal itself, inside the scratch database: orders come in, a node goes off half-way, all comes to rest."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from inventory.services import switch_node
from oms.core.db import fetch_all
from oms.flow.rehearsal.crew import CLOCK, Crew, start_crew
from oms.flow.rehearsal.demand import draw_orders, servable
from oms.flow.rehearsal.estate import Estate, build_estate
from oms.flow.rehearsal.measures import Figures, measure
from oms.flow.rehearsal.scratch import PREFIX
from oms.flow.relay import Relay
from oms.flow.schedule import SCHEDULE

#: A rehearsal that is not at rest after this long has failed; for more than 10,000 orders in proportion.
LONGEST_SECONDS = 3600.0
SHOWN_EVERY_SECONDS = 0.5
_PAUSE_SECONDS = 0.01

_UNDONE = """
SELECT EXISTS (SELECT FROM core_outboxevent WHERE fanned_out_at IS NULL)
    OR EXISTS (SELECT FROM core_delivery WHERE state IN ('pending', 'running'))
"""
_SEEN = """
SELECT (SELECT count(DISTINCT order_id) FROM routing_routingdecision), (SELECT count(*) FROM core_delivery
        WHERE state IN ('pending', 'running')), clock_timestamp()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a person asked for. `per_second` 0 means as fast as it goes; `off` empty the node with most stock."""

    orders: int = 10_000
    skus: int = 2_000
    seed: int = 1
    workers: int = 2
    per_second: float = 0.0
    off: str = ""
    own: str = ""


class TooSlow(Exception):
    """The rehearsal does not come to rest."""


def rehearse(options: Options, say: Callable[[str], None]) -> Figures:
    """Run a peak and measure it. Raises TooSlow, and RuntimeError where the database is not a scratch one."""
    name = str(fetch_all("SELECT current_database()")[0][0])
    if not name.startswith(PREFIX):
        raise RuntimeError(f"{name} is not a database made for a rehearsal.")
    say("making the tables")
    call_command("migrate", verbosity=0)
    say("filling the shelves")
    estate = build_estate(orders=options.orders, skus=options.skus, seed=options.seed, own=options.own, off=options.off)
    orders = draw_orders(estate.articles, count=options.orders, seed=options.seed, placed_at=timezone.now())
    able = servable(orders, estate.stock, without_node_id=estate.off_node.pk)
    crew = start_crew(estate.channel, orders, workers=options.workers, per_second=options.per_second)
    try:
        switched_at, rest_at = _Watch(options, estate, crew, say).run()
        batches = crew.finish()
    finally:
        crew.kill()
    say("comparing every number")
    return measure(estate, batches, able, switched_at=switched_at, rest_at=rest_at)


class _Watch:
    """The relay, the hand that switches the node off, and the line that shows how far it is."""

    def __init__(self, options: Options, estate: Estate, crew: Crew, say: Callable[[str], None]) -> None:
        self.options, self.estate, self.crew, self.say = options, estate, crew, say
        # Nobody has to be woken: the workers look for themselves.
        self.relay = Relay(lambda _: None)
        self.parent = os.getppid()
        self.switched_at: datetime | None = None
        self.shown_at = 0.0
        factor = max(1.0, options.orders / 10_000)
        pace = options.orders / options.per_second if options.per_second else 0.0
        self.deadline = time.monotonic() + LONGEST_SECONDS * factor + pace

    def run(self) -> tuple[datetime, datetime]:
        """Until nothing is left to do: when the node was switched off, and when the end was reached."""
        rest_at = self._until_rest()
        # What the clock would do in the next minutes, now: what was missed must not stay so.
        for name in CLOCK:
            SCHEDULE[name]()
        if fetch_all(_UNDONE)[0][0]:
            rest_at = self._until_rest()
        assert self.switched_at is not None
        return self.switched_at, rest_at

    def _until_rest(self) -> datetime:
        while True:
            fanned_out = self.relay.tick()
            self.crew.check()
            if os.getppid() != self.parent:
                raise RuntimeError("The command that started this rehearsal is gone.")
            captured = self.crew.captured.value
            if self.switched_at is None and self._is_the_middle(captured):
                switch_node(node_id=self.estate.off_node.pk, active=False, reason="Rehearsal")
                self.switched_at = _server_time()
            self._show(captured)
            if not fanned_out:
                if captured == self.options.orders and not fetch_all(_UNDONE)[0][0]:
                    return _server_time()
                time.sleep(_PAUSE_SECONDS)
            if time.monotonic() > self.deadline:
                raise TooSlow(f"After {LONGEST_SECONDS:,.0f} s work is still left: {fetch_all(_SEEN)[0][:2]}.")

    def _is_the_middle(self, captured: int) -> bool:
        """Half of the orders are there, and enough of them decided that the node has work to lose."""
        if captured * 2 < self.options.orders:
            return False
        return bool(fetch_all("SELECT count(*) >= %s FROM routing_routingdecision", [self.options.orders // 3])[0][0])

    def _show(self, captured: int) -> None:
        if time.monotonic() - self.shown_at < SHOWN_EVERY_SECONDS:
            return
        self.shown_at = time.monotonic()
        decided, waiting, _ = fetch_all(_SEEN)[0]
        off = f", {self.estate.off_node.code} is off" if self.switched_at else ""
        self.say(f"{captured:,} of {self.options.orders:,} captured, {decided:,} decided, {waiting:,} steps wait{off}")


def _server_time() -> datetime:
    moment: datetime = fetch_all("SELECT clock_timestamp()")[0][0]
    return moment


def conditions() -> str:
    """Machine and server in a few words: what the figures depend on."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), current_setting('synchronous_commit')")
        version, commit = cursor.fetchone()
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores, load average {load:.1f}, PostgreSQL {version}, synchronous_commit {commit}"
