"""The six measures of an operation and the touchless rate, from the rows themselves, day by day.

Every measure is a numerator over a denominator per local day, so that a period is the sum of its days and never a mean
of percentages. The search line of each measure finds exactly the orders that it blames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.utils import timezone

from oms.core.clock import now
from oms.core.db import fetch_all
from oms.reporting.scope import Scope

#: Days of the period a tile speaks of; the period before it is as long, and the sparkline shows both.
PERIOD_DAYS = 7
#: Fewer cases than this are shown without a judgement.
FEW = 30
#: Points (of 100) below the target that are still only a warning.
TOLERANCE = 0.01
#: Days before both periods whose mean cost is the baseline that fulfilment cost is held against.
BASELINE_DAYS = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Kpi:
    """One measure: a share of one, an amount in minor units, or days, by `unit`.

    `points` are the days of both periods, oldest first, None for a day without cases. `query` is the search line of the
    orders list, `url` another page where the rows are not orders.
    """

    key: str
    name: str
    unit: str
    value: float | None
    before: float | None
    target: float | None
    higher_is_better: bool
    n: int
    points: tuple[float | None, ...]
    query: str = ""
    url: str = ""

    @property
    def gap(self) -> float | None:
        """How far the value lies from its target, positive where it is better."""
        if self.value is None or self.target is None:
            return None
        return self.value - self.target if self.higher_is_better else self.target - self.value

    @property
    def tone(self) -> str:
        """good, warn or bad against the target; nothing where there is too little to judge."""
        gap = self.gap
        if gap is None or self.n < FEW:
            return ""
        if gap >= 0:
            return "good"
        tolerance = TOLERANCE if self.unit == "share" else 0.1 * (self.target or 0.0)
        return "warn" if -gap <= tolerance else "bad"

    @property
    def change(self) -> float | None:
        """The value less that of the period before."""
        if self.value is None or self.before is None:
            return None
        return self.value - self.before


@dataclass(frozen=True, slots=True)
class _Window:
    """Local days of both periods, the first instant of them, and what the statements need."""

    days: tuple[date, ...]
    since: datetime
    until: datetime
    zone: str
    scope: Scope

    def rows(self, sql: str, **params: object) -> list[tuple[Any, ...]]:
        return fetch_all(
            self.scope.apply(sql),
            {"since": self.since, "until": self.until, "zone": self.zone, **self.scope.params, **params},
        )


_Days = Mapping[date, tuple[float, int]]

_ON_TIME = """
SELECT c.kind = 'marketplace', (o.first_promised_by AT TIME ZONE %(zone)s)::date,
    count(*) FILTER (WHERE o.delivered_at <= o.first_promised_by), count(*)
FROM orders_order o JOIN orders_saleschannel c ON c.id = o.channel_id
WHERE o.first_promised_by >= %(since)s AND o.first_promised_by < %(until)s AND o.stage <> 'cancelled' AND {orders}
GROUP BY 1, 2
"""

_PLACED = """
SELECT 'placed', (o.placed_at AT TIME ZONE %(zone)s)::date, count(*) FROM orders_order o
WHERE o.placed_at >= %(since)s AND {orders} GROUP BY 2
UNION ALL
SELECT 'cancelled', (o.placed_at AT TIME ZONE %(zone)s)::date, count(*) FROM orders_order o
WHERE o.placed_at >= %(since)s AND o.stage = 'cancelled' AND {orders} GROUP BY 2
UNION ALL
SELECT 'touched', (o.placed_at AT TIME ZONE %(zone)s)::date, count(*) FROM orders_order o
WHERE o.placed_at >= %(since)s AND {orders} AND o.id IN (
    SELECT order_id FROM orders_hold WHERE created_at >= %(since)s AND reason NOT IN ('payment_pending', 'channel')
    UNION SELECT order_id FROM routing_routingdecision WHERE decided_at >= %(since)s AND trigger = 'reroute'
    UNION SELECT order_id FROM fulfillment_fulfillmentorder WHERE created_at >= %(since)s AND state = 'rejected'
) GROUP BY 2
"""

_DECIDED = """
SELECT (o.placed_at AT TIME ZONE %(zone)s)::date,
    count(*) FILTER (WHERE d.attempt = 1 AND d.outcome = 'routed'), count(*) FILTER (WHERE d.attempt = 1),
    coalesce(sum(d.cost_minor) FILTER (WHERE d.outcome <> 'unroutable'), 0)::float,
    count(DISTINCT d.order_id) FILTER (WHERE d.outcome <> 'unroutable')
FROM orders_order o JOIN routing_routingdecision d ON d.order_id = o.id
WHERE o.placed_at >= %(baseline)s AND d.decided_at >= %(baseline)s AND {orders}
GROUP BY 1
"""

_SPLIT = """
SELECT day, count(*) FILTER (WHERE first <> last), count(*) FROM (
    SELECT o.id, (o.placed_at AT TIME ZONE %(zone)s)::date AS day, min(f.node_id) AS first, max(f.node_id) AS last
    FROM orders_order o JOIN fulfillment_fulfillmentorder f ON f.order_id = o.id
    WHERE o.placed_at >= %(since)s AND f.state NOT IN ('rejected', 'cancelled') AND {orders}
    GROUP BY o.id
) AS sent GROUP BY day
"""

_RETURNS = """
SELECT (r.received_at AT TIME ZONE %(zone)s)::date,
    sum(extract(epoch FROM r.received_at - r.created_at))::float / 86400, count(*)
FROM returns_return r JOIN orders_order o ON o.id = r.order_id
WHERE r.received_at >= %(since)s AND r.state IN ('disposed', 'closed') AND {orders}
GROUP BY 1
"""


def tower_kpis(scope: Scope, *, moment: datetime | None = None) -> list[Kpi]:
    """On time (own, then marketplaces), cancelled, filled, split, cost, returns and touchless, in this order.

    Five statements, whatever the number of orders.
    """
    at = moment or now()
    today = timezone.localdate(at)
    days = tuple(today - timedelta(days=ago) for ago in range(2 * PERIOD_DAYS - 1, -1, -1))
    window = _Window(days, _midnight(days[0]), at, timezone.get_current_timezone_name(), scope)
    return [*_on_time(window), *_of_placed(window), *_of_decisions(window), _split(window), _returns(window)]


def in_tile_order(kpis: Sequence[Kpi]) -> dict[str, Kpi]:
    """The measures by key."""
    return {kpi.key: kpi for kpi in kpis}


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))


def _made(
    window: _Window,
    days: _Days,
    *,
    key: str,
    name: str,
    unit: str,
    target: float | None,
    higher_is_better: bool,
    query: str = "",
    url: str = "",
) -> Kpi:
    """A measure from its days: sums over the period, not a mean of the days."""
    present, past = window.days[PERIOD_DAYS:], window.days[:PERIOD_DAYS]
    return Kpi(
        key=key, name=name, unit=unit, target=target, higher_is_better=higher_is_better, query=query, url=url,
        value=_over(days, present),
        before=_over(days, past),
        n=sum(days[day][1] for day in present if day in days),
        points=tuple(_over(days, (day,)) for day in window.days),
    )  # fmt: skip


def _over(days: _Days, wanted: Sequence[date]) -> float | None:
    known = [days[day] for day in wanted if day in days]
    cases = sum(total for _, total in known)
    return sum(good for good, _ in known) / cases if cases else None


_CHANNELS_BY_KIND = "SELECT c.kind = 'marketplace', c.code FROM orders_saleschannel c WHERE {channels} ORDER BY c.code"


def _on_time(window: _Window) -> list[Kpi]:
    """Of the orders promised for a day that has come, those delivered by then. Undelivered ones count as late."""
    days: dict[bool, dict[date, tuple[float, int]]] = {False: {}, True: {}}
    for market, day, good, total in window.rows(_ON_TIME):
        days[bool(market)][day] = (good, total)
    codes: dict[bool, list[str]] = {False: [], True: []}
    for market, code in window.rows(_CHANNELS_BY_KIND):
        codes[bool(market)].append(str(code))
    parts = ((False, "on_time_own", "On time, own", 0.95), (True, "on_time_marketplace", "On time, marketplace", 0.98))
    return [
        _made(
            window, days[market], key=key, name=name, unit="share", target=target, higher_is_better=True,
            query=f"ontime:no promised:{PERIOD_DAYS}d channel:{','.join(codes[market])}" if codes[market] else "",
        )
        for market, key, name, target in parts
    ]  # fmt: skip


def _of_placed(window: _Window) -> list[Kpi]:
    """Cancelled and touchless orders of those placed."""
    counts: dict[str, dict[date, int]] = {"placed": {}, "cancelled": {}, "touched": {}}
    for what, day, number in window.rows(_PLACED):
        counts[str(what)][day] = number
    placed = counts["placed"]
    cancelled = {day: (counts["cancelled"].get(day, 0), total) for day, total in placed.items()}
    touchless = {day: (total - counts["touched"].get(day, 0), total) for day, total in placed.items()}
    return [
        _made(window, cancelled, key="cancelled", name="Cancelled", unit="share", target=0.02, higher_is_better=False,
              query=f"status:cancelled placed:{PERIOD_DAYS}d"),
        _made(window, touchless, key="touchless", name="Touchless", unit="share", target=0.98, higher_is_better=True,
              query=f"touched:yes placed:{PERIOD_DAYS}d"),
    ]  # fmt: skip


def _of_decisions(window: _Window) -> list[Kpi]:
    """Orders that the first decision covered whole, and what an order costs to fulfill, against the weeks before."""
    start = window.days[0] - timedelta(days=BASELINE_DAYS)
    filled: dict[date, tuple[float, int]] = {}
    costs: dict[date, tuple[float, int]] = {}
    earlier: list[tuple[float, int]] = []
    for day, whole, first, cost, orders in window.rows(_DECIDED, baseline=_midnight(start)):
        if day in window.days:
            filled[day] = (whole, first)
            costs[day] = (cost, orders)
        else:
            earlier.append((cost, orders))
    before = sum(orders for _, orders in earlier)
    baseline = sum(cost for cost, _ in earlier) / before if before >= FEW else None
    return [
        _made(window, filled, key="filled", name="Fill rate", unit="share", target=0.97, higher_is_better=True,
              query=f"filled:no placed:{PERIOD_DAYS}d"),
        _made(window, costs, key="cost", name="Cost per order", unit="money", target=baseline, higher_is_better=False,
              query=f"routed:yes placed:{PERIOD_DAYS}d"),
    ]  # fmt: skip


def _split(window: _Window) -> Kpi:
    """Orders that leave from more than one node, of those given to nodes."""
    days = {day: (several, total) for day, several, total in window.rows(_SPLIT)}
    return _made(
        window, days, key="split", name="Split", unit="share", target=0.08, higher_is_better=False,
        query=f"split:yes placed:{PERIOD_DAYS}d",
    )  # fmt: skip


def _returns(window: _Window) -> Kpi:
    """Days from the word that goods come back until they are put away."""
    days = {day: (spent, closed) for day, spent, closed in window.rows(_RETURNS)}
    return _made(
        window, days, key="returns", name="Return time", unit="days", target=5.0, higher_is_better=False,
        url="/returns/?show=done",
    )  # fmt: skip
