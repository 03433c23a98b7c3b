"""Opening work: a fulfillment order for what an order has reserved at a node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fulfillment.services.work import NODE_OFF, withdraw
from oms.core.db import bigints, fetch_all, run_atomic, run_statement
from orders.locks import lock_orders
from orders.services import DELTA_COLUMNS, MOVE_UNITS

# Work for the units that are reserved at a node and that no live work there covers: a fulfillment order per order and
# node. What starts at once leaves "allocated" for "released". Reservations and work are read before the orders are
# locked, so an order that has another version once it is locked is left alone, and returned as "changed". Whoever
# changes either raises the version of the order; this statement does, too.
_OPEN = f"""
WITH seen AS MATERIALIZED (SELECT id, version FROM orders_order WHERE id = ANY(%(orders)s::bigint[])),
unchanged AS MATERIALIZED (
    SELECT o.id, o.number, o.service_level, o.pickup_node_code, o.open_holds, o.ship_by, o.timeline_seq
    FROM orders_order o JOIN seen ON seen.id = o.id
    WHERE o.version <= seen.version ORDER BY o.id FOR NO KEY UPDATE OF o
),
claimed AS (
    SELECT r.order_id, r.node_id, r.line_uid, r.sku_id, sum(r.open_quantity) AS quantity
    FROM inventory_reservation r
    WHERE r.order_id = ANY(%(orders)s::bigint[]) AND r.open_quantity > 0 AND r.state = 'hard'
    GROUP BY 1, 2, 3, 4
),
working AS (
    SELECT f.node_id, l.order_line_id, sum(l.quantity - l.short - l.packed) AS quantity
    FROM fulfillment_fulfillmentorder f JOIN fulfillment_fulfillmentline l ON l.fulfillment_order_id = f.id
    WHERE f.order_id = ANY(%(orders)s::bigint[])
      AND f.state IN ('scheduled', 'open', 'accepted', 'picking', 'picked', 'waiting_transfer', 'packed', 'ready')
    GROUP BY 1, 2
),
uncovered AS MATERIALIZED (
    SELECT c.order_id, c.node_id, ol.id AS line_id, c.sku_id, (c.quantity - coalesce(w.quantity, 0))::int AS quantity
    FROM claimed c
    JOIN orders_orderline ol ON ol.uid = c.line_uid
    LEFT JOIN working w ON w.node_id = c.node_id AND w.order_line_id = ol.id
    WHERE c.quantity > coalesce(w.quantity, 0)
),
due AS MATERIALIZED (
    SELECT u.order_id, u.node_id, u.is_active, u.auto_accept, u.link_id, o.open_holds, o.ship_by AS due_at,
        now() + make_interval(mins => u.answer_minutes) AS answer_by,
        o.number || '-' || u.nth + (
            SELECT count(*) FROM fulfillment_fulfillmentorder x WHERE x.order_id = u.order_id
        ) AS number,
        -- Work of another node than the one where the order is collected goes there.
        CASE WHEN o.service_level <> 'pickup' THEN 'ship' WHEN EXISTS (
            SELECT FROM inventory_node store WHERE store.code = o.pickup_node_code AND store.id <> u.node_id
        ) THEN 'transfer' ELSE 'pickup' END AS kind
    FROM (
        -- What is opened is numbered first: what a closed node leaves for later is then counted behind it.
        SELECT c.order_id, c.node_id, n.is_active, n.auto_accept, k.id AS link_id, k.answer_minutes,
            row_number() OVER (PARTITION BY c.order_id ORDER BY n.is_active DESC, c.node_id) AS nth
        FROM uncovered c JOIN inventory_node n ON n.id = c.node_id
        LEFT JOIN fulfillment_wmslink k ON k.node_id = n.id AND k.mode <> 'none'
        GROUP BY c.order_id, c.node_id, n.is_active, n.auto_accept, k.id, k.answer_minutes
    ) u
    JOIN unchanged o ON o.id = u.order_id
),
wanted AS MATERIALIZED (
    -- What a node's own WMS does waits for its answer; what is collected at a counter is the matter of people there.
    SELECT nextval('fulfillment_fulfillmentorder_id_seq') AS id, *,
        CASE WHEN open_holds > 0 THEN 'scheduled' WHEN auto_accept AND NOT with_wms THEN 'accepted' ELSE 'open' END
            AS state
    FROM (SELECT *, link_id IS NOT NULL AND kind <> 'pickup' AS with_wms FROM due) d
    WHERE is_active OR %(at_closed)s::bool
),
opened AS (
    INSERT INTO fulfillment_fulfillmentorder (id, number, order_id, node_id, kind, state, due_at, with_wms,
        version, assigned_to, end_reason, released_at, accepted_at)
    SELECT id, number, order_id, node_id, kind, state, due_at, with_wms, 1, '', '',
        CASE WHEN state <> 'scheduled' THEN now() END, CASE WHEN state = 'accepted' THEN now() END
    FROM wanted ORDER BY id
),
lined AS (
    INSERT INTO fulfillment_fulfillmentline (fulfillment_order_id, order_line_id, sku_id, quantity, picked, short,
        packed)
    SELECT w.id, u.line_id, u.sku_id, u.quantity, 0, 0, 0
    FROM wanted w JOIN uncovered u USING (order_id, node_id) ORDER BY w.id, u.line_id
),
handed AS (
    INSERT INTO fulfillment_handoff (fulfillment_order_id, link_id, state, version, valid_from, answer_by)
    SELECT id, link_id, 'unsubmitted', (state <> 'scheduled')::int, 1, CASE WHEN state <> 'scheduled' THEN answer_by END
    FROM wanted WHERE with_wms ORDER BY id
    RETURNING id, link_id, version
),
instructed AS (
    INSERT INTO fulfillment_handoffinstruction (uid, link_id, hand_off_id, version, kind, state)
    SELECT gen_random_uuid(), link_id, id, version, 'pick', 'pending' FROM handed WHERE version = 1 ORDER BY id
),
called AS (
    INSERT INTO core_outboxevent (kind, aggregate, payload)
    SELECT 'fulfillment.InstructionsDue', 'link:' || link_id, jsonb_build_object('link_id', link_id)
    FROM handed WHERE version = 1 GROUP BY link_id ORDER BY link_id
),
announced AS (
    INSERT INTO core_outboxevent (kind, aggregate, payload)
    SELECT 'fulfillment.FulfillmentReleased', 'fulfillment_order:' || id,
        jsonb_build_object('fulfillment_order_id', id, 'order_id', order_id, 'node_id', node_id)
    FROM wanted WHERE state <> 'scheduled' AND is_active ORDER BY id
),
locked_order AS MATERIALIZED (
    SELECT id, timeline_seq FROM unchanged WHERE id IN (SELECT order_id FROM wanted)
),
-- Through JSON, because the planner takes that for a hundred rows: for the one row that it expects otherwise it would
-- compare each with each.
delta AS MATERIALIZED (
    SELECT * FROM json_to_recordset((
        SELECT json_agg(json_build_object('line_id', u.line_id, 'allocated', -u.quantity, 'released', u.quantity))
        FROM (
            SELECT u.line_id, sum(u.quantity) AS quantity
            FROM wanted w JOIN uncovered u USING (order_id, node_id) WHERE w.state <> 'scheduled' GROUP BY u.line_id
        ) u
    )) AS d(line_id bigint, {DELTA_COLUMNS})
),
entry AS (
    SELECT NULL::bigint AS order_id, '' AS kind, '' AS actor, '' AS message, '' AS data, 0 AS nth WHERE false
),
{MOVE_UNITS}
SELECT CASE WHEN is_active THEN 'opened' ELSE 'closed' END AS what, id FROM wanted
UNION ALL
SELECT 'closed node', order_id FROM due WHERE NOT is_active AND NOT %(at_closed)s::bool
UNION ALL
SELECT 'changed', id FROM seen WHERE id NOT IN (SELECT id FROM unchanged)
UNION ALL
SELECT '', NULL
WHERE NOT core_require((SELECT count(*) FROM moved) = (SELECT count(*) FROM delta), 'units not where they are reserved')
"""  # noqa: S608 - only statements and column names of this project are put in


def open_fulfillment_orders(order_ids: Sequence[int], *, actor: str = "flow") -> list[int]:
    """Open work at every node that holds reserved units nobody works on; the ids of the work that is open now.

    Work of an order on hold waits as SCHEDULED, the rest is open (accepted at once where the node wants it so). A node
    that was switched off in the meantime gives the work back. Opening twice finds nothing left to open.
    """
    if not order_ids:
        return []
    params = {"orders": bigints(dict.fromkeys(order_ids)), "at_closed": False}
    rows = run_statement(lambda: fetch_all(_OPEN, params))
    opened = [row[1] for row in rows if row[0] == "opened"]
    again = {row[1] for row in rows if row[0] != "opened"}
    if again:
        opened += run_atomic(lambda: _open_locked(sorted(again), actor))
    return sorted(opened)


def _open_locked(order_ids: list[int], actor: str) -> list[int]:
    """For orders that were changed while their work was opened, and for nodes that were switched off."""
    lock_orders(order_ids, "pk")
    rows: list[tuple[Any, ...]] = fetch_all(_OPEN, {"orders": bigints(order_ids), "at_closed": True})
    closed = [row[1] for row in rows if row[0] == "closed"]
    if closed:
        withdraw(fulfillment_order_ids=closed, reason="The node was switched off", actor=actor, cause=NODE_OFF)
    return [row[1] for row in rows if row[0] == "opened"]
