"""Goods on their way: what comes where and when, from purchase orders, their ASNs and transfers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from oms.core.db import fetch_all, fetch_dicts


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Units of a SKU that will come to a node. `day` is the node's, None where nobody said when.

    `kind` is "purchase_order", "asn" or "transfer", `document_id` and `number` name that document; an ASN goes by the
    purchase order's id.
    """

    sku_id: int
    node_id: int
    node_code: str
    day: date | None
    quantity: int
    kind: str
    document_id: int
    number: str


# What suppliers announced can be more than is still open, where goods came without naming their ASN: the earliest ASNs
# are believed first, up to what is open, and the rest of the line comes by the order's own date.
_ARRIVALS = """
WITH line AS MATERIALIZED (
    SELECT l.id, l.sku_id, l.open_quantity, coalesce(l.expected_on, o.expected_on) AS day, o.id AS order_id, o.number,
        o.node_id
    FROM inventory_purchaseorder o JOIN inventory_purchaseorderline l ON l.order_id = o.id
    WHERE o.state IN ('placed', 'partial') AND l.open_quantity > 0 AND l.sku_id = ANY(%(skus)s)
),
announced AS MATERIALIZED (
    SELECT line.id, s.id AS shipment_id, s.number, sl.quantity - sl.received_quantity AS quantity,
        (coalesce(s.arrived_at, s.expected_at) AT TIME ZONE n.time_zone)::date AS day,
        sum(sl.quantity - sl.received_quantity) OVER (
            PARTITION BY line.id ORDER BY coalesce(s.arrived_at, s.expected_at) NULLS LAST, sl.id
        ) AS running
    FROM line JOIN inventory_inboundshipmentline sl ON sl.order_line_id = line.id
    JOIN inventory_inboundshipment s ON s.id = sl.shipment_id AND s.state IN ('expected', 'arrived')
    JOIN inventory_node n ON n.id = line.node_id
    WHERE sl.quantity > sl.received_quantity
),
shipped AS (
    SELECT line.sku_id, line.node_id, coalesce(a.day, line.day) AS day, line.order_id AS document_id, a.number,
        least(a.quantity, line.open_quantity - (a.running - a.quantity)) AS quantity
    FROM announced a JOIN line ON line.id = a.id
),
arrival AS (
    SELECT sku_id, node_id, day, quantity, 'asn' AS kind, document_id, number FROM shipped
    UNION ALL
    SELECT line.sku_id, line.node_id, line.day,
        line.open_quantity - coalesce((SELECT max(running) FROM announced a WHERE a.id = line.id), 0),
        'purchase_order', line.order_id, line.number
    FROM line
    UNION ALL
    SELECT l.sku_id, t.to_node_id, t.expected_on, l.in_transit_quantity, 'transfer', t.id, t.number
    FROM inventory_transfer t JOIN inventory_transferline l ON l.transfer_id = t.id
    WHERE t.state IN ('shipped', 'received') AND l.in_transit_quantity > 0 AND l.sku_id = ANY(%(skus)s)
)
SELECT a.sku_id, a.node_id, n.code AS node_code, a.day, a.quantity::int, a.kind, a.document_id, a.number
FROM arrival a JOIN inventory_node n ON n.id = a.node_id
WHERE a.quantity > 0 ORDER BY a.day NULLS LAST, a.kind, a.document_id, a.number, a.sku_id
"""


def arrivals_of(sku_ids: Sequence[int]) -> list[Arrival]:
    """What is on its way of these SKUs, the earliest first and the undated last; one row a document, SKU and node.

    The rows of a SKU at a node add up to its inbound balance. One statement.
    """
    if not sku_ids:
        return []
    return [Arrival(**row) for row in fetch_dicts(_ARRIVALS, {"skus": list(sku_ids)})]


_UNCOVERED = """
SELECT sku_id, node_id, safety_stock + reserved - on_hand FROM inventory_stocklevel
WHERE sku_id = ANY(%(skus)s) AND safety_stock + reserved > on_hand
"""


def uncovered_units(sku_ids: Sequence[int]) -> dict[tuple[int, int], int]:
    """Units that must come to a node before any can be promised there: what its safety stock lacks, by (SKU, node)."""
    rows = fetch_all(_UNCOVERED, {"skus": list(sku_ids)})
    return {(sku_id, node_id): units for sku_id, node_id, units in rows}
