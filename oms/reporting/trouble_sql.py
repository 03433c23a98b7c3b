"""Every order that needs a person, as rows of one shape: one statement for all kinds, so that the queue stays cheap.

Each part starts from a partial index over what is open, never from the whole of a table. Columns: kind, cause, detail,
order, channel, node (NULL where the order has none), since when, due when, and the object to act upon.
"""

from __future__ import annotations

#: The cause of parcels whose courier has no name.
UNKNOWN_CARRIER = "Unknown carrier"

# Orders that no node was found for. What kept the last node from it is the cause; else the SKU that is short the most.
_UNROUTED = """
SELECT CASE WHEN d.outcome IS NULL THEN 'undecided' WHEN gave.code IS NOT NULL THEN 'rejected' ELSE 'unroutable' END,
    CASE WHEN d.outcome IS NULL THEN '' ELSE coalesce(gave.code, short.sku_code) END,
    coalesce(gave.end_reason, ''), o.id, gave.code, o.captured_at, o.ship_by, o.id
FROM orders_order o
CROSS JOIN LATERAL (
    SELECT l.sku_code FROM orders_orderline l
    WHERE l.order_id = o.id AND l.unallocated + l.backordered > 0 AND l.sku_id IS NOT NULL
    ORDER BY l.unallocated + l.backordered DESC, l.id LIMIT 1
) short
LEFT JOIN LATERAL (
    SELECT outcome FROM routing_routingdecision WHERE order_id = o.id ORDER BY attempt DESC LIMIT 1
) d ON true
LEFT JOIN LATERAL (
    SELECT n.code, f.end_reason FROM fulfillment_fulfillmentorder f JOIN inventory_node n ON n.id = f.node_id
    WHERE f.order_id = o.id AND f.state = 'rejected' ORDER BY f.id DESC LIMIT 1
) gave ON true
WHERE o.stage IN ('captured', 'backordered') AND (d.outcome IS NOT NULL OR o.captured_at < %(undecided)s)
"""

# Orders a node works on that must leave soon or should have left. Held ones and failed labels are rows of their own.
# One that only waits for a parcel to its store is nobody's work.
_LATE = """
SELECT CASE WHEN o.ship_by < %(now)s THEN 'late' ELSE 'at_risk' END, coalesce(place.code, ''), o.stage, o.id,
    place.code, o.captured_at, o.ship_by, o.id
FROM orders_order o
LEFT JOIN LATERAL (
    SELECT n.code FROM fulfillment_fulfillmentorder f JOIN inventory_node n ON n.id = f.node_id
    WHERE f.order_id = o.id AND f.state NOT IN ('completed', 'rejected', 'cancelled', 'no_show') ORDER BY f.id LIMIT 1
) place ON true
WHERE o.stage IN ('routed', 'released', 'picked', 'packed') AND o.ship_by < %(risk)s AND o.open_holds = 0
    AND NOT EXISTS (SELECT 1 FROM fulfillment_shipment s
                    WHERE s.order_id = o.id AND s.state = 'created' AND s.problem <> '')
    AND NOT (EXISTS (SELECT 1 FROM fulfillment_fulfillmentorder f
                     WHERE f.order_id = o.id AND f.state = 'waiting_transfer')
        AND NOT EXISTS (SELECT 1 FROM fulfillment_fulfillmentorder f WHERE f.order_id = o.id
                        AND f.state IN ('scheduled', 'open', 'accepted', 'picking', 'picked', 'packed')))
"""

# Work that has stood still longer than 95 of 100 do in that state, though its clock has not run down yet.
_STUCK = """
SELECT 'stuck', n.code || '|' || f.state, f.state, f.order_id, n.code,
    CASE WHEN f.state = 'open' THEN f.released_at WHEN f.state IN ('accepted', 'picking')
        THEN f.accepted_at WHEN f.state = 'picked' THEN f.picked_at ELSE f.packed_at END, f.due_at, f.order_id
FROM fulfillment_fulfillmentorder f JOIN inventory_node n ON n.id = f.node_id
WHERE f.state IN ('open', 'accepted', 'picking', 'picked', 'packed', 'ready')
    AND coalesce(f.due_at, %(risk)s) >= %(risk)s
    AND CASE WHEN f.state = 'open' THEN f.released_at < %(stuck_open)s
        WHEN f.state IN ('accepted', 'picking') THEN f.accepted_at < %(stuck_picking)s
        WHEN f.state = 'picked' THEN f.picked_at < %(stuck_picked)s
        ELSE f.packed_at < %(stuck_packed)s END
"""

# Work that should have gone elsewhere and could not. A parcel without a carrier is a row of its own, as a label.
_STAYED = """
SELECT 'stays', n.code || '|' || a.cause, a.cause, a.order_id, n.code, a.tried_at, f.due_at, a.order_id
FROM fulfillment_rerouteattempt a JOIN fulfillment_fulfillmentorder f ON f.id = a.fulfillment_order_id
JOIN inventory_node n ON n.id = f.node_id
WHERE a.outcome = 'stayed' AND a.cause <> 'not_serviceable' AND a.tried_at > %(recent)s
    AND f.state IN ('scheduled', 'open', 'accepted')
"""

# Parcels that should be at the store where their order is collected and were not received there, or that will not come.
_TRANSFERS = """
SELECT 'not_arrived', sender.code || '|' || n.code, coalesce(s.courier_name, ''), f.order_id, n.code, s.handed_over_at,
    f.due_at, f.order_id
FROM fulfillment_fulfillmentorder f JOIN inventory_node n ON n.id = f.node_id
JOIN fulfillment_shipment s ON s.id = f.arrives_in_id JOIN inventory_node sender ON sender.id = s.node_id
WHERE f.state = 'waiting_transfer' AND (f.due_at < %(now)s
    OR s.state IN ('ndr_open', 'rto_initiated', 'rto_in_transit', 'rto_received', 'lost', 'damaged'))
"""

_LABELS = """
SELECT 'label', s.problem, n.code, s.order_id, n.code, s.created_at, NULL::timestamptz, s.id
FROM fulfillment_shipment s JOIN inventory_node n ON n.id = s.node_id
WHERE s.state = 'created' AND s.problem <> ''
"""

_HOLDS = """
SELECT CASE WHEN h.reason IN ('payment_pending', 'cod_unconfirmed') THEN 'payment'
        WHEN h.reason IN ('bad_address', 'unknown_postcode') THEN 'address' ELSE 'hold' END,
    h.reason, '', h.order_id, NULL, h.created_at, NULL::timestamptz, h.order_id
FROM orders_hold h WHERE h.released_at IS NULL AND (h.held_until IS NULL OR h.held_until < %(now)s)
"""

# A carrier that could not deliver waits for an answer, then sends the parcel back. Those to a store are above.
_FAILED = """
SELECT 'ndr', coalesce(nullif(s.courier_name, ''), 'Unknown carrier'), x.state, s.order_id, n.code, x.failed_at,
    x.due_at, s.id
FROM fulfillment_faileddelivery x JOIN fulfillment_shipment s ON s.id = x.shipment_id
JOIN inventory_node n ON n.id = s.node_id
JOIN fulfillment_fulfillmentorder f ON f.id = s.fulfillment_order_id AND f.kind <> 'transfer'
WHERE x.closed_at IS NULL AND x.state IN ('waiting', 'refused', 'not_done')
"""

# Parcels that do not travel as they should; what is put off comes back by itself.
_ROAD = """
SELECT 'road', t.kind, t.kind, s.order_id, n.code, t.since, NULL::timestamptz, s.id
FROM fulfillment_roadtrouble t JOIN fulfillment_shipment s ON s.id = t.shipment_id
JOIN inventory_node n ON n.id = s.node_id
WHERE t.closed_at IS NULL AND (t.snoozed_until IS NULL OR t.snoozed_until < %(now)s)
"""

_LOST = """
SELECT 'lost', coalesce(nullif(s.courier_name, ''), 'Unknown carrier'), s.state, s.order_id, n.code, moved.at,
    NULL::timestamptz, s.id
FROM fulfillment_shipment s JOIN inventory_node n ON n.id = s.node_id
JOIN fulfillment_fulfillmentorder f ON f.id = s.fulfillment_order_id AND f.kind <> 'transfer'
LEFT JOIN LATERAL (
    SELECT t.at FROM core_transition t WHERE t.model = 'fulfillment.Shipment' AND t.object_id = s.id
    ORDER BY t.id DESC LIMIT 1
) moved ON true
WHERE s.state IN ('lost', 'damaged') AND coalesce(moved.at, s.handed_over_at) > %(recent)s
"""

_RETURNS = """
SELECT CASE WHEN r.state = 'received' THEN 'inspect' ELSE 'rto' END, n.code, r.kind, r.order_id, n.code,
    coalesce(r.received_at, r.created_at), NULL::timestamptz, r.id
FROM returns_return r JOIN inventory_node n ON n.id = r.node_id
WHERE r.state = 'received' AND r.received_at < %(uninspected)s
    OR r.kind = 'rto' AND r.state IN ('requested', 'approved', 'in_transit') AND r.created_at < %(rto)s
"""

# Orders that will likely come after the promised day. Those that are lost are rows of their own.
_PROMISES = """
SELECT 'promise_' || coalesce(nullif(k.remedy, ''), 'watch'), k.stage || '|' || k.place, k.stage, k.order_id,
    CASE WHEN k.stage = 'node' THEN k.place END, k.risk_since, k.promised_by, k.order_id
FROM routing_orderoutlook k WHERE k.band IN ('at_risk', 'late') AND k.stage <> 'lost'
"""

_PARTS = (_UNROUTED, _LATE, _STUCK, _STAYED, _TRANSFERS, _LABELS, _HOLDS, _FAILED, _ROAD, _LOST, _RETURNS, _PROMISES)
# The hand-over is no promise any more once the goods have left.
_DUE = "CASE WHEN t.kind IN ('ndr', 'road', 'lost', 'rto', 'inspect') THEN t.due ELSE coalesce(t.due, o.ship_by) END"
_COLUMNS = "(kind, cause, detail, order_id, node_code, since, due, object_id)"

# Holds and the like matter only while something can still be done about the order.
_OPEN = """
FROM trouble t JOIN orders_order o ON o.id = t.order_id
LEFT JOIN routing_orderoutlook k ON k.order_id = t.order_id AND starts_with(t.kind, 'promise_')
WHERE (t.kind NOT IN ('payment', 'address', 'hold') OR o.stage IN
        ('captured', 'backordered', 'routed', 'released', 'picked', 'packed'))
    AND {orders} AND (t.node_code IS NULL OR {node_codes})
"""


def _trouble(limited: bool) -> tuple[str, str]:
    parts = " UNION ALL ".join(f"({part})" for part in _PARTS)
    scope = "t.node_code = ANY(%(nodes)s)" if limited else "true"
    return f"WITH trouble {_COLUMNS} AS ({parts})", _OPEN.replace("{node_codes}", scope)


def groups_sql(*, limited: bool) -> str:
    """Counts by kind, cause, detail and currency. `limited`: the reader sees some nodes only."""
    head, tail = _trouble(limited)
    return (
        head + " SELECT t.kind, t.cause, t.detail, o.currency, count(DISTINCT t.order_id) AS orders,"
        " count(*) AS objects, sum(coalesce(k.at_risk_minor, o.total_minor))::bigint AS value_minor,"
        " sum(k.breach) AS breaches, min(t.since) AS oldest_at,"
        f" min({_DUE}) AS due_at" + tail + " GROUP BY t.kind, t.cause, t.detail, o.currency"
    )


def members_sql(*, limited: bool) -> str:
    """The rows of one kind and cause, the most urgent first; promises at risk by the money that hangs on them."""
    head, tail = _trouble(limited)
    return (
        head + " SELECT t.object_id, o.id AS order_id, o.number, o.stage, o.total_minor, o.currency,"
        f" o.ship_city, o.ship_postcode, t.node_code, t.detail, t.since, {_DUE} AS due_at,"
        " k.breach, k.at_risk_minor, k.expected_on, k.sure_by, k.remedy_breach, k.remedy_cost_minor, k.remedy_nodes"
        + tail
        + " AND t.kind = %(kind)s AND t.cause = %(cause)s"
        " ORDER BY coalesce(k.at_risk_minor, 0) DESC, due_at, o.id LIMIT %(limit)s"
    )
