"""What orders are decided from: their open lines, stock, earlier decisions, the nodes and their day, read at once.

Nothing is locked. What is decided from it is written only where the order is still of the version that was read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from inventory.services import DUE_UNITS
from oms.core.db import bigints, fetch_all, run_statement
from oms.core.json_text import from_json
from routing.engine import NodeInput
from routing.services.context import NOT_MEASURED, Measured, standing_of

# One round trip: each arm of the union is one kind of row. "version" says, by the versions of their rows, whether
# nodes, groups, holidays or the edition of their performance changed since they were read. "due" are levels at which
# holds of checkouts are over but not ended yet: what they keep counts as ATP.
_ROWS = """
WITH {freed}line AS MATERIALIZED (
    SELECT o.id AS order_id, o.version, o.number, o.channel_id, o.ship_postcode, o.ship_region, o.ship_country,
        o.payment_method, o.total_minor, o.currency, o.service_level, o.pickup_node_code, o.promised_by, o.ship_by,
        o.placed_at, o.tags, o.is_b2b, o.is_gift, c.code AS channel_code, c.kind AS channel_kind,
        l.id AS line_id, l.uid AS line_uid, l.sku_id, l.sku_code, {unallocated} AS unallocated, l.backordered,
        l.unit_price_minor, s.weight_grams, s.category, s.brand, s.needs,
        l.kit_id, l.units_per_kit, k.sku_id AS kit_sku_id, k.sku_code AS kit_code, k.ships_together,
        CASE WHEN l.kit_id IS NOT NULL THEN
            (SELECT count(*) FROM orders_orderline every WHERE every.kit_id = l.kit_id) END AS kit_lines
    FROM orders_order o
    JOIN orders_saleschannel c ON c.id = o.channel_id
    JOIN orders_orderline l ON l.order_id = o.id
    LEFT JOIN inventory_sku s ON s.id = l.sku_id
    LEFT JOIN orders_orderkit k ON k.id = l.kit_id{with_lines}
    WHERE o.id = ANY(%(orders)s::bigint[]) AND {unallocated} + l.backordered > 0
),
{due}
SELECT 'version', coalesce(bit_xor(hashtextextended(v.row, 0)), 0), 0::bigint, 0::bigint, '' FROM (
    SELECT 'n' || xmin::text || ctid::text FROM inventory_node
    UNION ALL SELECT 'g' || xmin::text || ctid::text FROM inventory_node_groups
    UNION ALL SELECT 'c' || xmin::text || ctid::text FROM inventory_nodegroup
    UNION ALL SELECT 'h' || xmin::text || ctid::text FROM inventory_nodeholiday
    UNION ALL SELECT 'p' || max(id)::text FROM routing_editionuse
) AS v(row)
UNION ALL
SELECT 'line', order_id, line_id, 0, row_to_json(line)::text FROM line
UNION ALL
SELECT 'load', l.node_id, {orders}, 0, ''
FROM routing_nodeload l JOIN inventory_node n ON n.id = l.node_id{with_loads}
WHERE l.day = (now() AT TIME ZONE n.time_zone)::date
UNION ALL
SELECT 'stock', v.sku_id, v.node_id, {atp}, '' FROM inventory_stocklevel v{with_stock}
WHERE v.sku_id IN (SELECT sku_id FROM line) AND {atp} > 0
UNION ALL
SELECT 'due', v.sku_id, v.node_id, {atp} + due.units, ''
FROM due JOIN inventory_stocklevel v ON v.sku_id = due.sku_id AND v.node_id = due.node_id{with_stock}
UNION ALL
(SELECT DISTINCT ON (order_id) 'decided', order_id, attempt, 0, outcome FROM routing_routingdecision
 WHERE order_id = ANY(%(orders)s::bigint[]) ORDER BY order_id, attempt DESC)
UNION ALL
SELECT 'excluded', order_id, node_id, 0, '' FROM routing_routingexclusion WHERE order_id = ANY(%(orders)s::bigint[])
"""

_ATP = "v.on_hand - v.reserved - v.safety_stock"
_DUE = DUE_UNITS.format(of="line")
_READ = _ROWS.format(
    freed="", due=_DUE, unallocated="l.unallocated", with_lines="", orders="l.orders", with_loads="", atp=_ATP,
    with_stock="",
)  # fmt: skip

# As if what is freed were given back already: the units to their lines and to ATP, and to the node its place for an
# order that was given to it today and leaves it (see `giving_back_load`). Reservations are given back oldest first.
_FREED = """freed AS MATERIALIZED (
    SELECT * FROM unnest(%(lines)s::bigint[], %(nodes)s::bigint[], %(skus)s::bigint[], %(units)s::bigint[])
        AS f(line_id, node_id, sku_id, units)
),
freed_line AS (SELECT line_id, sum(units)::int AS units FROM freed GROUP BY line_id),
freed_stock AS (SELECT sku_id, node_id, sum(units)::int AS units FROM freed GROUP BY sku_id, node_id),
held AS (
    SELECT r.order_id, r.node_id, r.created_at, r.consumed_quantity, r.open_quantity, coalesce(f.units, 0) AS freed,
        sum(r.open_quantity) OVER (PARTITION BY r.line_uid, r.node_id ORDER BY r.id) - r.open_quantity AS older
    FROM inventory_reservation r
    LEFT JOIN orders_orderline l ON l.uid = r.line_uid
    LEFT JOIN (SELECT line_id, node_id, sum(units) AS units FROM freed GROUP BY line_id, node_id) f
        ON f.line_id = l.id AND f.node_id = r.node_id
    WHERE r.order_id = ANY(%(orders)s::bigint[])
),
left_today AS (
    SELECT g.node_id, count(*)::int AS orders
    FROM (
        SELECT h.node_id, h.created_at FROM held h GROUP BY h.order_id, h.node_id, h.created_at
        HAVING sum(h.open_quantity) > 0 AND sum(h.consumed_quantity) = 0
            AND sum(h.open_quantity - greatest(0, least(h.open_quantity, h.freed - h.older))) = 0
    ) g
    JOIN inventory_node n ON n.id = g.node_id
    WHERE (g.created_at AT TIME ZONE n.time_zone)::date = (now() AT TIME ZONE n.time_zone)::date
    GROUP BY g.node_id
),
"""
_READ_FREED = _ROWS.format(
    freed=_FREED,
    due=_DUE,
    unallocated="(l.unallocated + coalesce(f.units, 0))",
    with_lines=" LEFT JOIN freed_line f ON f.line_id = l.id",
    orders="greatest(0, l.orders - coalesce(t.orders, 0))",
    with_loads=" LEFT JOIN left_today t ON t.node_id = l.node_id",
    atp=f"{_ATP} + coalesce(f.units, 0)",
    with_stock=" LEFT JOIN freed_stock f ON f.sku_id = v.sku_id AND f.node_id = v.node_id",
)


@dataclass(frozen=True, slots=True)
class Freed:
    """Units of an order line that a node would give back, as a reroute does before it decides again."""

    line_id: int
    node_id: int
    sku_id: int
    units: int


@dataclass(slots=True)
class Demand:
    """One order with the lines that need a node, as it was when it was read. Every line carries the order, too."""

    order_id: int
    lines: list[dict[str, Any]]
    attempt: int
    last_outcome: str
    excluded: set[int]

    @property
    def order(self) -> dict[str, Any]:
        """The columns of the order."""
        return self.lines[0]


@dataclass(slots=True)
class Surroundings:
    """What the orders of one call are decided from.

    `demands` are the orders with unrouted lines, by id. `nodes` stand at the beginning of their day, `measured` is what
    was measured and applied of them and their lanes, `used` counts the orders they were given since, by id. `stock` is
    ATP by SKU and node id where there is any; at the keys of `due` holds that are over still keep some of it.
    """

    demands: dict[int, Demand] = field(default_factory=dict)
    nodes: list[NodeInput] = field(default_factory=list)
    used: dict[int, int] = field(default_factory=dict)
    stock: dict[tuple[int, int], int] = field(default_factory=dict)
    due: dict[tuple[int, int], int] = field(default_factory=dict)
    measured: Measured = NOT_MEASURED


def read_surroundings(order_ids: Sequence[int], freed: Sequence[Freed] = ()) -> Surroundings:
    """Unrouted lines, stock, nodes, earlier decisions and exclusions as of this moment, in the sequence asked for.

    As they would be with `freed` given back. One statement while no node is changed.
    """
    found = Surroundings()
    lines: dict[int, list[dict[str, Any]]] = {}
    decided: dict[int, tuple[int, str]] = {}
    excluded: dict[int, set[int]] = {}
    version = 0
    params = {"orders": bigints(order_ids)} | (_columns(freed) if freed else {})
    for what, a, b, c, text in run_statement(lambda: fetch_all(_READ_FREED if freed else _READ, params)):
        if what == "stock":
            found.stock[a, b] = c
        elif what == "due":
            found.due[a, b] = c
        elif what == "line":
            lines.setdefault(a, []).append(from_json(text))
        elif what == "load":
            found.used[a] = b
        elif what == "decided":
            decided[a] = (b, text)
        elif what == "excluded":
            excluded.setdefault(a, set()).add(b)
        else:
            version = a
    found.stock |= {key: units for key, units in found.due.items() if units > 0}
    for order_id in order_ids:
        if order_id in lines:
            attempts, outcome = decided.get(order_id, (0, ""))
            found.demands[order_id] = Demand(
                order_id, sorted(lines[order_id], key=_line_id), attempts + 1, outcome, excluded.get(order_id, set())
            )
    found.nodes, found.measured = standing_of(version)
    return found


def _columns(freed: Sequence[Freed]) -> dict[str, Any]:
    return {
        "lines": bigints(item.line_id for item in freed), "nodes": bigints(item.node_id for item in freed),
        "skus": bigints(item.sku_id for item in freed), "units": bigints(item.units for item in freed),
    }  # fmt: skip


def _line_id(line: dict[str, Any]) -> int:
    return int(line["line_id"])
