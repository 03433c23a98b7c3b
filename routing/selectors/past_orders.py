"""Orders of the past as they came to be decided: what a replay of rules is played with. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from oms.core.db import bigints, fetch_all, fetch_dicts, stream
from oms.core.errors import DomainError
from oms.core.json_text import from_json


@dataclass(frozen=True, slots=True)
class Window:
    """Orders that were first decided from `since` until before `until`, of these channels (codes; none: every one), and
    only those of `order_ids` where any are named.

    Of more than `most` a sample is taken by a hash of the order, the same one each time.
    """

    since: datetime
    until: datetime
    most: int
    channels: tuple[str, ...] = ()
    order_ids: tuple[int, ...] = ()


@dataclass(slots=True)
class FirstDecision:
    """An order with its lines as `routing.services.reading` gives them, as if nothing of it had been routed.

    `at` is when it was first decided, `assignments` what was decided then. A date that we gave it after that, because
    its channel had named none, is not its `promised_by`; `due_by` is the first date that was promised by anybody.
    """

    order_id: int
    at: datetime
    lines: list[dict[str, Any]]
    assignments: list[list[int]]


@dataclass(slots=True)
class PastOrders:
    """What is known of a window. `found` counts its orders before the sample; `cancelled` is when, by order id."""

    found: int = 0
    orders: list[FirstDecision] = field(default_factory=list)
    cancelled: dict[int, datetime] = field(default_factory=dict)


_FOUND = """
SELECT d.order_id, d.decided_at, d.assignments::text, count(*) OVER () AS found
FROM routing_routingdecision d
JOIN orders_order o ON o.id = d.order_id
JOIN orders_saleschannel c ON c.id = o.channel_id
WHERE d.decided_at >= %(since)s::timestamptz AND d.decided_at < %(until)s::timestamptz AND d.attempt = 1
    AND (cardinality(%(channels)s::text[]) = 0 OR c.code = ANY(%(channels)s::text[]))
    AND (cardinality(%(orders)s::bigint[]) = 0 OR d.order_id = ANY(%(orders)s::bigint[]))
ORDER BY hashint8extended(d.order_id, 0), d.order_id LIMIT %(most)s::bigint
"""

# The columns of `routing.services.reading`; all units of a line wait, whatever became of them since.
_LINES = """
SELECT o.id AS order_id, o.version, o.number, o.channel_id, o.ship_postcode, o.ship_region, o.ship_country,
    o.payment_method, o.total_minor, o.currency, o.service_level, o.pickup_node_code,
    CASE WHEN p.gave_date THEN NULL ELSE coalesce(o.first_promised_by, o.promised_by) END AS promised_by,
    coalesce(o.first_promised_by, o.promised_by) AS due_by, o.ship_by,
    o.placed_at, o.tags, o.is_b2b, o.is_gift, c.code AS channel_code, c.kind AS channel_kind,
    l.id AS line_id, l.uid AS line_uid, l.sku_id, l.sku_code, l.quantity AS unallocated, 0 AS backordered,
    l.unit_price_minor, s.weight_grams, s.category, s.brand, s.needs,
    l.kit_id, l.units_per_kit, k.sku_id AS kit_sku_id, k.sku_code AS kit_code, k.ships_together,
    CASE WHEN l.kit_id IS NOT NULL THEN
        (SELECT count(*) FROM orders_orderline every WHERE every.kit_id = l.kit_id) END AS kit_lines
FROM orders_order o
JOIN orders_saleschannel c ON c.id = o.channel_id
JOIN orders_orderline l ON l.order_id = o.id
LEFT JOIN inventory_sku s ON s.id = l.sku_id
LEFT JOIN orders_orderkit k ON k.id = l.kit_id
LEFT JOIN routing_orderpromise p ON p.order_id = o.id AND p.seq = 1
WHERE o.id = ANY(%(orders)s::bigint[]) AND l.quantity > 0 AND l.substitute_for_id IS NULL
ORDER BY l.id
"""

_CANCELLED = """
SELECT e.order_id, max(e.at) FROM orders_orderevent e JOIN orders_order o ON o.id = e.order_id
WHERE e.order_id = ANY(%(orders)s::bigint[]) AND o.stage = 'cancelled' AND e.kind = 'cancelled' GROUP BY e.order_id
"""


def past_orders(window: Window) -> PastOrders:
    """The orders of a window, oldest first, in three statements."""
    params = {
        "since": window.since, "until": window.until, "channels": list(window.channels), "most": window.most,
        "orders": bigints(window.order_ids),
    }  # fmt: skip
    rows = fetch_all(_FOUND, params, planned_anew=True)
    found = PastOrders(found=rows[0][3] if rows else 0)
    ids = {"orders": bigints(row[0] for row in rows)}
    lines: dict[int, list[dict[str, Any]]] = {}
    # As JSON: moments and ids then come as they do to a decision, as text.
    for (text,) in fetch_all(f"SELECT row_to_json(line)::text FROM ({_LINES}) AS line", ids):  # noqa: S608 - a constant
        line = from_json(text)
        lines.setdefault(line["order_id"], []).append(line)
    found.orders = [
        FirstDecision(order_id, at, lines[order_id], from_json(assignments))
        for order_id, at, assignments, _ in sorted(rows, key=lambda row: (row[1], row[0]))
        if order_id in lines
    ]
    found.cancelled = dict(fetch_all(_CANCELLED, ids))
    return found


_DATED_BY_US = """
SELECT order_id FROM routing_orderpromise WHERE order_id = ANY(%(orders)s::bigint[]) AND seq = 1 AND gave_date
"""


def dated_by_us(order_ids: Iterable[int]) -> set[int]:
    """The orders whose channel named no date: what they are promised by was worked out after they were first routed."""
    return {order_id for (order_id,) in fetch_all(_DATED_BY_US, {"orders": bigints(order_ids)})}


#: Orders beside those of the window, which are told one by one; each takes some two hundred bytes of memory.
MOST_GIVEN = 500_000

_GIVEN = """
SELECT r.at, r.node_id, (r.at AT TIME ZONE n.time_zone)::date AS day
FROM (
    SELECT order_id, node_id, created_at AS at FROM inventory_reservation
    WHERE created_at >= %(since)s::timestamptz - interval '1 day' AND created_at < %(until)s::timestamptz
        AND order_id IS NOT NULL AND node_id IS NOT NULL AND NOT order_id = ANY(%(without)s::bigint[])
    GROUP BY order_id, node_id, created_at
    HAVING sum(open_quantity) > 0 OR sum(consumed_quantity) > 0
) r JOIN inventory_node n ON n.id = r.node_id
WHERE (r.at AT TIME ZONE n.time_zone)::date >= (%(since)s::timestamptz AT TIME ZONE n.time_zone)::date
ORDER BY r.at, r.node_id
"""


def orders_given(since: datetime, until: datetime, *, without: Sequence[int]) -> list[tuple[datetime, int, date]]:
    """When nodes were given other orders, from the day of `since` on: moment, node id, the node's day.

    Orders that a node lost again before anything was packed do not count. Raises DomainError where there are more than
    MOST_GIVEN.
    """
    params = {"since": since, "until": until, "without": bigints(without)}
    found: list[tuple[datetime, int, date]] = []
    for at, node_id, day in stream(_GIVEN, params):
        if len(found) == MOST_GIVEN:
            raise DomainError(
                f"From {since:%-d %B %Y %H:%M} to {until:%-d %B %Y %H:%M} nodes were given more than {MOST_GIVEN:,}"
                " orders that are not decided again: choose a shorter time.", field="since",
            )  # fmt: skip
        found.append((at, node_id, day))
    return found


def node_holidays() -> dict[int, frozenset[date]]:
    """Every holiday of every node that is known, by node id."""
    rows = fetch_dicts("SELECT node_id, array_agg(day) AS days FROM inventory_nodeholiday GROUP BY node_id")
    return {row["node_id"]: frozenset(row["days"]) for row in rows}


_BUSIEST = """
SELECT (d.decided_at AT TIME ZONE %(zone)s::text)::date AS day FROM routing_routingdecision d
WHERE d.decided_at >= %(since)s::timestamptz AND d.attempt = 1 GROUP BY 1 ORDER BY count(*) DESC, 1 DESC LIMIT 1
"""


def busiest_day(since: datetime, zone: str) -> date | None:
    """The day of a time zone, since a moment, on which most orders were first decided; None without any."""
    rows = fetch_all(_BUSIEST, {"since": since, "zone": zone}, planned_anew=True)
    return rows[0][0] if rows else None


_FIRST_DECIDED = """
SELECT o.number, o.id, d.decided_at FROM orders_order o
LEFT JOIN routing_routingdecision d ON d.order_id = o.id AND d.attempt = 1
WHERE o.number = ANY(%(numbers)s::text[])
"""


def first_decided(numbers: Iterable[str]) -> dict[str, tuple[int, datetime | None]]:
    """Id of each order by number, and when it was first decided: None where it never was. Unknown ones are absent."""
    rows = fetch_all(_FIRST_DECIDED, {"numbers": sorted(set(numbers))})
    return {number: (order_id, at) for number, order_id, at in rows}
