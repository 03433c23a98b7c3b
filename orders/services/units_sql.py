"""The statement that moves units, derives stages and writes timelines, for many orders in one round trip."""

from orders.status import BUCKETS

_ALL = (*BUCKETS, "delivered", "returned")

_TYPES = ", ".join(f"{name} int" for name in _ALL)
_AFTER = ", ".join(f"l.{name} + coalesce(d.{name}, 0) AS {name}" for name in _ALL)
_SUMS = ", ".join(f"sum({name}) AS {name}" for name in _ALL)
_SETS = ", ".join(f"{name} = line.{name}" for name in _ALL)
_LEGAL = " AND ".join(f"line.{name} >= 0" for name in _ALL)

#: `orders.status.derive_stage` in SQL; a test compares the two.
STAGE = """CASE
    WHEN unallocated > 0 THEN 'captured' WHEN backordered > 0 THEN 'backordered' WHEN allocated > 0 THEN 'routed'
    WHEN released > 0 THEN 'released' WHEN picked > 0 THEN 'picked' WHEN packed > 0 THEN 'packed'
    WHEN shipped = 0 THEN 'cancelled' WHEN returned = shipped THEN 'returned'
    WHEN delivered + returned >= shipped THEN 'delivered' ELSE 'shipped' END"""

#: Common table expressions that move units, derive stages and write timelines. They stand after three of the caller's:
#: `locked_order` (id, timeline_seq: the orders touched, locked in this statement), `delta` (line_id and a change for
#: each bucket, null for none) and `entry` (order_id, kind, actor, message, data as json, nth within its order). They
#: give `staged` (order_id, stage) and `moved` (order_id, a row for each line that changed: fewer than in `delta` where
#: a line did not hold the units).
MOVE_UNITS = f"""
line AS MATERIALIZED (
    SELECT l.id, l.order_id, d.line_id IS NOT NULL AS changes, {_AFTER}
    FROM locked_order JOIN orders_orderline l ON l.order_id = locked_order.id LEFT JOIN delta d ON d.line_id = l.id
    FOR NO KEY UPDATE OF l
),
moved AS (
    UPDATE orders_orderline o SET {_SETS}
    FROM line
    WHERE o.id = line.id AND line.changes AND {_LEGAL}
    RETURNING o.order_id
),
staged AS MATERIALIZED (
    SELECT order_id, {STAGE} AS stage FROM (SELECT order_id, {_SUMS} FROM line GROUP BY order_id) AS summed
),
noted AS (SELECT order_id, count(*) AS n FROM entry GROUP BY order_id),
advanced AS (
    UPDATE orders_order o SET stage = staged.stage, version = o.version + 1, updated_at = now(),
        timeline_seq = o.timeline_seq + coalesce(noted.n, 0),
        delivered_at = CASE WHEN staged.stage = 'delivered' THEN coalesce(o.delivered_at, now())
            ELSE o.delivered_at END
    FROM staged LEFT JOIN noted USING (order_id)
    WHERE o.id = staged.order_id
),
recorded AS (
    INSERT INTO orders_orderevent (order_id, seq, kind, actor, message, data)
    SELECT e.order_id, o.timeline_seq + e.nth, e.kind, e.actor, e.message, e.data::jsonb
    FROM entry e JOIN locked_order o ON o.id = e.order_id
)
"""  # noqa: S608 - only column names of this project are put in

#: The columns of `delta` after line_id, for json_to_recordset.
DELTA_COLUMNS = _TYPES

MOVE = f"""
WITH delta AS MATERIALIZED (SELECT * FROM json_to_recordset(%(deltas)s::json) AS d(line_id bigint, {_TYPES})),
entry AS MATERIALIZED (
    SELECT *, row_number() OVER (PARTITION BY order_id ORDER BY ord) AS nth
    FROM unnest(%(orders)s::bigint[], %(kinds)s::text[], %(actors)s::text[], %(messages)s::text[], %(data)s::text[])
        WITH ORDINALITY AS e(order_id, kind, actor, message, data, ord)
),
touched AS (
    SELECT order_id FROM orders_orderline WHERE id = ANY(%(lines)s) UNION SELECT order_id FROM entry
),
locked_order AS MATERIALIZED (
    SELECT id, timeline_seq FROM orders_order WHERE id IN (SELECT order_id FROM touched)
    ORDER BY id FOR NO KEY UPDATE
),
{MOVE_UNITS}
SELECT staged.order_id, staged.stage, (SELECT count(*) FROM moved WHERE moved.order_id = staged.order_id)
FROM staged
"""  # noqa: S608 - only column names of this project are put in
