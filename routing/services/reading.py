"""What orders are decided from: their open lines, stock, earlier decisions, the nodes and their day, read at once.

Nothing is locked. What is decided from it is written only where the order is still of the version that was read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from oms.core.db import fetch_all, run_statement
from oms.core.json_text import from_json
from routing.engine import NodeInput
from routing.services.context import nodes_of

# One round trip: each arm of the union is one kind of row. "version" says, by the versions of their rows, whether
# nodes, groups or holidays changed since they were read.
_READ = """
WITH line AS MATERIALIZED (
    SELECT o.id AS order_id, o.version, o.number, o.channel_id, o.ship_postcode, o.ship_region, o.ship_country,
        o.payment_method, o.total_minor, o.currency, o.service_level, o.pickup_node_code, o.promised_by,
        l.id AS line_id, l.uid AS line_uid, l.sku_id, l.sku_code, l.unallocated, l.backordered, s.weight_grams
    FROM orders_order o
    JOIN orders_orderline l ON l.order_id = o.id
    LEFT JOIN inventory_sku s ON s.id = l.sku_id
    WHERE o.id = ANY(%(orders)s::bigint[]) AND l.unallocated + l.backordered > 0
)
SELECT 'version', coalesce(bit_xor(hashtextextended(v.row, 0)), 0), 0::bigint, 0::bigint, '' FROM (
    SELECT 'n' || xmin::text || ctid::text FROM inventory_node
    UNION ALL SELECT 'g' || xmin::text || ctid::text FROM inventory_node_groups
    UNION ALL SELECT 'c' || xmin::text || ctid::text FROM inventory_nodegroup
    UNION ALL SELECT 'h' || xmin::text || ctid::text FROM inventory_nodeholiday
) AS v(row)
UNION ALL
SELECT 'line', order_id, line_id, 0, row_to_json(line)::text FROM line
UNION ALL
SELECT 'load', l.node_id, l.orders, 0, '' FROM routing_nodeload l JOIN inventory_node n ON n.id = l.node_id
WHERE l.day = (now() AT TIME ZONE n.time_zone)::date
UNION ALL
SELECT 'stock', sku_id, node_id, on_hand - reserved - safety_stock, '' FROM inventory_stocklevel
WHERE sku_id IN (SELECT sku_id FROM line) AND on_hand - reserved - safety_stock > 0
UNION ALL
(SELECT DISTINCT ON (order_id) 'decided', order_id, attempt, 0, outcome FROM routing_routingdecision
 WHERE order_id = ANY(%(orders)s::bigint[]) ORDER BY order_id, attempt DESC)
UNION ALL
SELECT 'excluded', order_id, node_id, 0, '' FROM routing_routingexclusion WHERE order_id = ANY(%(orders)s::bigint[])
"""


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

    `demands` are the orders with unrouted lines, by id. `nodes` stand at the beginning of their day, `used` counts the
    orders they were given since, by id. `stock` is ATP by SKU and node id where there is any.
    """

    demands: dict[int, Demand] = field(default_factory=dict)
    nodes: list[NodeInput] = field(default_factory=list)
    used: dict[int, int] = field(default_factory=dict)
    stock: dict[tuple[int, int], int] = field(default_factory=dict)


def read_surroundings(order_ids: Sequence[int]) -> Surroundings:
    """Unrouted lines, stock, nodes, earlier decisions and exclusions as of this moment, in the sequence asked for.

    One statement while no node is changed.
    """
    found = Surroundings()
    lines: dict[int, list[dict[str, Any]]] = {}
    decided: dict[int, tuple[int, str]] = {}
    excluded: dict[int, set[int]] = {}
    version = 0
    for what, a, b, c, text in run_statement(lambda: fetch_all(_READ, {"orders": list(order_ids)})):
        if what == "stock":
            found.stock[a, b] = c
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
    for order_id in order_ids:
        if order_id in lines:
            attempts, outcome = decided.get(order_id, (0, ""))
            found.demands[order_id] = Demand(
                order_id, sorted(lines[order_id], key=_line_id), attempts + 1, outcome, excluded.get(order_id, set())
            )
    found.nodes = nodes_of(version)
    return found


def _line_id(line: dict[str, Any]) -> int:
    return int(line["line_id"])
