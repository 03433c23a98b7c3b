"""What came of a rehearsal, asked of the scratch database and of what the processes told."""

from __future__ import annotations

import io
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.management import call_command

from oms.core.db import fetch_all
from oms.flow.rehearsal.crew import Batch
from oms.flow.rehearsal.demand import Stock
from oms.flow.rehearsal.estate import Estate


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Everything that is reported. Times in seconds from the first capture, those of decisions in milliseconds.

    `engine_ms` is what planning one order took, `decision_ms` the transaction that read, planned, reserved and recorded
    it with others of its batch, `wait_ms` from its capture until that was committed; each p50 and p99.
    `rerouted` counts the orders that were decided again because the node went off, of which `moved` have all their
    units at other nodes. `servable` orders could be served whole by stock, `routed` were.
    """

    orders: int
    lines: int
    nodes: int
    off_node: str
    captured_seconds: float
    decided_seconds: float
    rest_seconds: float
    engine_ms: tuple[float, float]
    decision_ms: tuple[float, float]
    wait_ms: tuple[float, float]
    rerouted: int
    moved: int
    reroute_seconds: float
    left_at_off_node: int
    servable: int
    routed: int
    kept_waiting: int
    full_nodes: int
    hot_asked: int
    hot_stock: int
    hot_reserved: int
    oversold: int
    ledger: str
    ledger_clean: bool
    dead: int
    retried: int
    steps: dict[str, tuple[int, int, float]] = field(default_factory=dict)
    waiting_because: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """The auto-routed share of the orders that stock can serve; 1 where it can serve none."""
        return self.routed / self.servable if self.servable else 1.0

    @property
    def per_second(self) -> float:
        """Orders captured, decided and opened as work per second, until all was at rest."""
        return self.orders / self.rest_seconds if self.rest_seconds else 0.0


_FIRST = """
SELECT count(*), min(o.captured_at), max(o.captured_at), (SELECT count(*) FROM orders_orderline)
FROM orders_order o
"""
# The first decision of each order: later ones are the outage's.
_DECIDED = """
SELECT DISTINCT ON (d.order_id) o.captured_at, d.decided_at, d.duration_us
FROM routing_routingdecision d JOIN orders_order o ON o.id = d.order_id ORDER BY d.order_id, d.attempt
"""
_ROUTED = """
SELECT o.external_id FROM orders_order o
WHERE NOT EXISTS (SELECT FROM orders_orderline l WHERE l.order_id = o.id AND l.unallocated + l.backordered > 0)
"""
_AGAIN = """
SELECT count(DISTINCT d.order_id), max(d.decided_at), count(DISTINCT d.order_id) FILTER (WHERE NOT EXISTS (
    SELECT FROM orders_orderline l WHERE l.order_id = d.order_id AND l.unallocated + l.backordered > 0))
FROM routing_routingdecision d WHERE d.trigger = 'node off'
"""
_LEFT = """
SELECT (SELECT count(*) FROM fulfillment_fulfillmentorder
        WHERE node_id = %(node)s AND state NOT IN ('rejected', 'cancelled', 'completed'))
    + (SELECT count(*) FROM inventory_reservation WHERE node_id = %(node)s AND open_quantity > 0)
"""
_RESERVED = """
SELECT sku_id, node_id, sum(open_quantity + consumed_quantity)::int FROM inventory_reservation GROUP BY 1, 2
"""
_FULL = """
SELECT count(*) FROM routing_nodeload l JOIN inventory_node n ON n.id = l.node_id WHERE l.orders >= n.daily_capacity
"""
_SENTENCES = """
SELECT DISTINCT ON (d.order_id) d.sentence FROM routing_routingdecision d JOIN orders_order o ON o.id = d.order_id
WHERE o.external_id = ANY(%s) ORDER BY d.order_id, d.attempt DESC LIMIT 3
"""


def measure(
    estate: Estate, batches: Sequence[Batch], servable: Collection[str], *, switched_at: datetime, rest_at: datetime
) -> Figures:
    """Read everything off. `rest_at` is when nothing was left to do."""
    [(orders, first, last, lines)] = fetch_all(_FIRST)
    started = min((batch.began for batch in batches), default=first)
    decided = fetch_all(_DECIDED)
    routed = {row[0] for row in fetch_all(_ROUTED)}
    [(rerouted, rerouted_at, moved)] = fetch_all(_AGAIN)
    reserved = {(sku, node): units for sku, node, units in fetch_all(_RESERVED)}
    hot = estate.articles[-1].sku_id
    ledger, clean = _verify()
    left_out = sorted(set(servable) - routed)
    ends = _Ends(batches)
    route = sorted(1e3 * batch.seconds for batch in batches if batch.step == "route" for _ in range(batch.events))
    return Figures(
        orders=orders, lines=lines, nodes=estate.nodes, off_node=estate.off_node.code,
        captured_seconds=_seconds(started, max((b.ended for b in batches if b.step == "capture"), default=last)),
        decided_seconds=_seconds(started, max((ends.of(row[1]) for row in decided), default=started)),
        rest_seconds=_seconds(started, rest_at),
        engine_ms=_quantiles(sorted(row[2] / 1e3 for row in decided)), decision_ms=_quantiles(route),
        wait_ms=_quantiles(sorted(1e3 * _seconds(row[0], ends.of(row[1])) for row in decided)),
        rerouted=rerouted, moved=moved,
        reroute_seconds=_seconds(switched_at, ends.of(rerouted_at)) if rerouted_at else 0.0,
        left_at_off_node=fetch_all(_LEFT, {"node": estate.off_node.pk})[0][0],
        servable=len(servable), routed=len(routed), kept_waiting=len(left_out), full_nodes=fetch_all(_FULL)[0][0],
        hot_asked=fetch_all("SELECT coalesce(sum(quantity), 0) FROM orders_orderline WHERE sku_id = %s", [hot])[0][0],
        hot_stock=sum(units for (sku, _), units in estate.stock.items() if sku == hot),
        hot_reserved=sum(units for (sku, _), units in reserved.items() if sku == hot),
        oversold=_oversold(reserved, estate.stock), ledger=ledger, ledger_clean=clean,
        dead=fetch_all("SELECT count(*) FROM core_delivery WHERE state = 'dead'")[0][0],
        retried=fetch_all("SELECT count(*) FROM core_delivery WHERE attempts > 1")[0][0],
        steps=_by_step(batches), waiting_because=tuple(row[0] for row in fetch_all(_SENTENCES, [left_out[:200]])),
    )  # fmt: skip


class _Ends:
    """When the batch that made a decision was committed. A decision bears the time at which its transaction began.

    Where several workers were at it at that moment, the one that was done last: a wait is never stated too short.
    """

    def __init__(self, batches: Sequence[Batch]) -> None:
        self._batches = sorted((b for b in batches if b.step == "route"), key=lambda batch: batch.began)
        self._began = [batch.began for batch in self._batches]

    def of(self, moment: datetime) -> datetime:
        """The commit; the moment itself for a decision of no worker (the clock's)."""
        upto = bisect_left(self._began, moment)
        return max((b.ended for b in self._batches[max(0, upto - 16) : upto] if b.ended >= moment), default=moment)


def _oversold(reserved: dict[tuple[int, int], int], stock: Stock) -> int:
    """Units reserved at a node beyond what was put there at the beginning: not by the counters, which have a CHECK."""
    return sum(max(0, units - stock.get(key, 0)) for key, units in reserved.items())


def _verify() -> tuple[str, bool]:
    """The last line of `verify_ledger`, and whether it found nothing."""
    out = io.StringIO()
    try:
        call_command("verify_ledger", stdout=out, stderr=io.StringIO())
    except SystemExit:
        return out.getvalue().strip().rpartition("\n")[2], False
    return out.getvalue().strip().rpartition("\n")[2], True


def _by_step(batches: Sequence[Batch]) -> dict[str, tuple[int, int, float]]:
    """Batches, events and seconds of each step, the longest first."""
    counts, events = Counter[str](), Counter[str]()
    seconds: dict[str, float] = {}
    for batch in batches:
        counts[batch.step] += 1
        events[batch.step] += batch.events
        seconds[batch.step] = seconds.get(batch.step, 0.0) + batch.seconds
    order = sorted(seconds, key=lambda step: -seconds[step])
    return {step: (counts[step], events[step], round(seconds[step], 3)) for step in order}


def _quantiles(values: Sequence[float]) -> tuple[float, float]:
    """p50 and p99 of sorted values."""
    if not values:
        return 0.0, 0.0
    return values[len(values) // 2], values[min(len(values) - 1, int(len(values) * 0.99))]


def _seconds(start: Any, end: Any) -> float:
    return float((end - start).total_seconds())
