"""Where the pieces of orders with a promise are now. Two statements for any number of orders, no writes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from oms.core.db import bigints, fetch_all, fetch_dicts
from routing.promise.outlook import Kind, Piece, Standing

_ORDERS = """
SELECT o.id, o.stage, o.ship_country, o.ship_postcode, o.currency, o.total_minor, o.placed_at,
    o.promised_by, o.delivered_at, o.open_holds > 0 AS is_held, h.until, h.open_end,
    c.notifies_customer AND o.customer_email <> '' AS can_tell,
    CASE WHEN o.service_level = 'standard' AND EXISTS (
        SELECT FROM fulfillment_fulfillmentorder f
        WHERE f.order_id = o.id AND f.goes_fast AND f.state NOT IN ('rejected', 'cancelled')
    ) THEN 'express' ELSE o.service_level END AS service_level,
    coalesce((SELECT sum(l.unallocated + l.backordered) FROM orders_orderline l WHERE l.order_id = o.id), 0) AS unplaced
FROM orders_order o JOIN orders_saleschannel c ON c.id = o.channel_id
LEFT JOIN LATERAL (
    SELECT max(held_until) AS until, bool_or(held_until IS NULL) AS open_end FROM orders_hold
    WHERE order_id = o.id AND released_at IS NULL
) h ON o.open_holds > 0
WHERE o.id = ANY(%(orders)s::bigint[]) AND o.promised_by IS NOT NULL
ORDER BY o.id
"""

# Work that is not packed, parcels, and units that a node was chosen for but has no work for yet. `ahead` counts the
# unpacked work of the node that is due before. A parcel on its way to the store of collection is the work that waits
# for it.
_PIECES = """
WITH work AS MATERIALIZED (
    SELECT f.id, f.order_id, coalesce(p.node_id, f.node_id) AS node_id, f.state, f.kind,
        coalesce(f.released_at, f.created_at) AS came_at, p.created_at AS packed_at, p.handed_over_at AS left_at,
        p.courier_name AS courier, p.expected_delivery AS expected_on
    FROM fulfillment_fulfillmentorder f
    LEFT JOIN fulfillment_shipment p ON p.id = f.arrives_in_id AND f.state = 'waiting_transfer'
    WHERE f.order_id = ANY(%(orders)s::bigint[])
        AND f.state IN ('scheduled', 'open', 'accepted', 'waiting_transfer', 'picking', 'picked')
),
line AS MATERIALIZED (
    SELECT f.id, row_number() OVER (PARTITION BY f.node_id ORDER BY f.due_at, f.id) - 1 AS ahead
    FROM fulfillment_fulfillmentorder f
    WHERE f.node_id IN (SELECT DISTINCT node_id FROM work)
        AND f.state IN ('open', 'accepted', 'picking', 'picked')
)
SELECT 'work' AS what, w.order_id, w.node_id, w.state, w.kind, w.came_at, w.packed_at, w.left_at,
    NULL::timestamptz AS done_at, '' AS carrier, coalesce(w.courier, '') AS courier, w.expected_on,
    coalesce(line.ahead, 0) AS ahead
FROM work w LEFT JOIN line ON line.id = w.id
UNION ALL
SELECT 'parcel', s.order_id, s.node_id, s.state, f.kind, coalesce(f.released_at, f.created_at), s.created_at,
    s.handed_over_at, s.delivered_at, coalesce(a.code, ''), s.courier_name,
    coalesce(b.expected_delivery, s.expected_delivery), 0
FROM fulfillment_shipment s JOIN fulfillment_fulfillmentorder f ON f.id = s.fulfillment_order_id
LEFT JOIN carriers_carrieraccount a ON a.id = s.carrier_account_id
LEFT JOIN carriers_booking b ON b.id = s.booking_id
WHERE s.order_id = ANY(%(orders)s::bigint[]) AND s.state <> 'cancelled'
    AND (f.kind <> 'transfer' OR s.state IN ('created', 'labelled', 'manifested'))
UNION ALL
SELECT 'chosen', r.order_id, r.node_id, '', '', max(r.created_at), NULL::timestamptz, NULL::timestamptz,
    NULL::timestamptz, '', '', NULL::date, 0
FROM inventory_reservation r
WHERE r.order_id = ANY(%(orders)s::bigint[]) AND r.state = 'hard' AND r.open_quantity > 0
    AND NOT EXISTS (SELECT FROM work w WHERE w.order_id = r.order_id AND w.node_id = r.node_id)
    AND NOT EXISTS (SELECT FROM fulfillment_shipment s WHERE s.order_id = r.order_id AND s.node_id = r.node_id
                    AND s.state IN ('created', 'labelled', 'manifested'))
GROUP BY r.order_id, r.node_id
"""

#: A parcel's state -> what it is for a promise.
_KINDS: dict[str, Kind] = {
    "created": "node", "labelled": "node", "manifested": "node", "handed_over": "road", "in_transit": "road",
    "out_for_delivery": "road", "ndr_open": "road", "delivered": "done", "rto_initiated": "lost",
    "rto_in_transit": "lost", "rto_received": "lost", "lost": "lost", "damaged": "lost",
}  # fmt: skip


def standings_of(order_ids: Collection[int]) -> list[Standing]:
    """Those of the orders that have a promise, each with its pieces."""
    params = {"orders": bigints(sorted(set(order_ids)))}
    orders = fetch_dicts(_ORDERS, params)
    pieces: dict[int, list[Piece]] = {row["id"]: [] for row in orders}
    for row in fetch_dicts(_PIECES, params):
        if row["order_id"] in pieces:
            pieces[row["order_id"]].append(_piece(row))
    return [_standing(row, pieces[row["id"]]) for row in orders]


def _standing(row: dict[str, Any], pieces: list[Piece]) -> Standing:
    if row["unplaced"] > 0:
        pieces.append(Piece("waiting"))
    return Standing(
        order_id=row["id"], stage=row["stage"], service=row["service_level"], country=row["ship_country"],
        postcode=row["ship_postcode"], currency=row["currency"], value_minor=row["total_minor"],
        placed_at=row["placed_at"], promised_by=row["promised_by"], delivered_at=row["delivered_at"],
        is_held=row["is_held"], held_until=None if row["open_end"] else row["until"], can_tell=row["can_tell"],
        pieces=tuple(pieces),
    )  # fmt: skip


def _piece(row: dict[str, Any]) -> Piece:
    collected = row["kind"] == "pickup"
    if row["state"] == "waiting_transfer":
        # To the store it is taken to be as far as to the customer.
        return Piece(
            "road", node_id=row["node_id"], came_at=row["came_at"], packed_at=row["packed_at"], left_at=row["left_at"],
            courier=row["courier"], packed=True, expected_on=row["expected_on"],
        )  # fmt: skip
    if row["what"] != "parcel":
        state = row["state"]
        return Piece(
            "node", node_id=row["node_id"], came_at=row["came_at"], ahead=row["ahead"], collected=collected,
            picking=state == "picking", picked=state == "picked",
        )  # fmt: skip
    kind = _KINDS[row["state"]]
    if collected and kind == "node":
        # It waits for its customer: what was promised is that it is ready.
        kind = "done"
    return Piece(
        kind, node_id=row["node_id"], came_at=row["came_at"], packed_at=row["packed_at"], left_at=row["left_at"],
        done_at=row["packed_at"] if collected else row["done_at"], carrier=row["carrier"], courier=row["courier"],
        packed=True, collected=collected, out_today=row["state"] == "out_for_delivery",
        failed=row["state"] == "ndr_open", expected_on=row["expected_on"],
    )  # fmt: skip


_AT_NODE = """
SELECT DISTINCT order_id FROM fulfillment_fulfillmentorder
WHERE node_id = %(node)s::bigint AND state IN
    ('scheduled', 'open', 'accepted', 'picking', 'picked', 'waiting_transfer', 'packed', 'ready')
LIMIT %(most)s::int
"""


def orders_at_node(node_id: int, limit: int = 20_000) -> list[int]:
    """Orders of which a node still has something."""
    return [row[0] for row in fetch_all(_AT_NODE, {"node": node_id, "most": limit})]
