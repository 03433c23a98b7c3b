"""The statements of checkout holds: read, make, extend, confirm and end them."""

from inventory.services.claims_sql import (
    CLOSE_HOLDS,
    DUE_UNITS,
    FREE_DUE_HOLDS,
    POST_FREED,
    POST_FREED_AND_GRANTED,
    POST_GRANTED,
    fit,
)
from inventory.services.reservations import CLAIM_ROWS

#: Levels of the parameter `skus` at the nodes that may be chosen, or that lines name, with what holds that are over
#: still keep there; and the hold that has this `uid` already.
READ = f"""
WITH wanted_sku AS MATERIALIZED (SELECT sku_id FROM unnest(%(skus)s::bigint[]) AS w(sku_id)),
{DUE_UNITS.format(of="wanted_sku")}
SELECT v.sku_id, v.node_id, v.on_hand - v.reserved - v.safety_stock + coalesce(due.units, 0), due.units IS NOT NULL,
    coalesce(n.id = ANY(%(nodes)s::bigint[]), n.ships)
FROM wanted_sku JOIN inventory_stocklevel v USING (sku_id)
JOIN inventory_node n ON n.id = v.node_id AND n.is_active
LEFT JOIN due USING (sku_id, node_id)
WHERE coalesce(n.id = ANY(%(nodes)s::bigint[]), n.ships) OR n.id = ANY(%(named)s::bigint[])
UNION ALL
SELECT NULL, id, 0, false, false FROM inventory_stockhold WHERE uid = %(uid)s::uuid
"""  # noqa: S608 - only constants of this project are put in

# A hold that has this uid already is left alone, and nothing is reserved.
_PLACE = """
placed AS (
    INSERT INTO inventory_stockhold (uid, owner, reference, channel_code, state, kits, expires_at, created_at)
    SELECT %(uid)s::uuid, %(owner)s::text, %(reference)s::text, %(channel)s::text, 'held', %(kits)s::jsonb,
        statement_timestamp() + make_interval(secs => %(seconds)s::int), statement_timestamp()
    WHERE NOT EXISTS (SELECT FROM refused)
    ON CONFLICT (uid) DO NOTHING
    RETURNING id, expires_at, created_at
),
granted AS MATERIALIZED (SELECT fits.*, placed.id AS hold_id, placed.expires_at FROM fits CROSS JOIN placed),
reserved AS (
    INSERT INTO inventory_reservation
        (uid, purpose, line_uid, hold_id, reference, sku_id, node_id, state, quantity, open_quantity, expires_at)
    SELECT uid, 'checkout', line_uid, hold_id, reference, sku_id, node_id, 'soft', quantity, quantity, expires_at
    FROM granted
),
announced AS (
    INSERT INTO core_outboxevent (kind, aggregate, payload)
    SELECT %(stock_kind)s::text, %(stock_aggregate)s::text, %(stock_event)s::jsonb FROM placed
)
"""
_PLACED = """
SELECT placed.id, placed.expires_at, placed.created_at, EXISTS (SELECT FROM refused)
FROM (SELECT) AS once LEFT JOIN placed ON true
"""


def _place(*, freeing: bool) -> str:
    free = FREE_DUE_HOLDS if freeing else ""
    post = POST_FREED_AND_GRANTED if freeing else POST_GRANTED
    return f"""
WITH claim AS MATERIALIZED (SELECT * FROM {CLAIM_ROWS}), {free} {fit(freeing=freeing, into="fits")}, {_PLACE},
posted AS ({post})
{_PLACED}
"""  # noqa: S608 - only constants of this project are put in


#: Reserve for a hold, all claims or none: (id, expires_at, created_at, whether stock was missing). Without id and
#: without shortage there is a hold of this uid. The second one ends holds that are over and keep what is claimed.
PLACE, PLACE_FREEING = _place(freeing=False), _place(freeing=True)

#: Gives a hold more time while it has some left; nothing where it is over, or would last too long.
EXTEND = """
WITH extended AS (
    UPDATE inventory_stockhold
    SET expires_at = greatest(expires_at, clock_timestamp() + make_interval(secs => %(seconds)s::int))
    WHERE uid = %(uid)s::uuid AND owner = %(owner)s::text AND state = 'held' AND expires_at > clock_timestamp()
      AND clock_timestamp() + make_interval(secs => %(seconds)s::int)
          <= created_at + make_interval(secs => %(most)s::int)
    RETURNING id, expires_at
),
soft AS (
    UPDATE inventory_reservation r SET expires_at = extended.expires_at
    FROM extended WHERE r.hold_id = extended.id AND r.state = 'soft'
)
SELECT expires_at FROM extended
"""

#: Takes a hold for an order, for ever, and gives its reservations; nothing where it is not to be had any more. The
#: clock is read when the row is locked: a hold that ended while this waited is not taken.
TAKE = """
WITH taken AS (
    UPDATE inventory_stockhold SET state = 'confirmed', closed_at = clock_timestamp(), order_id = %(order)s::bigint
    WHERE uid = %(uid)s::uuid AND owner = %(owner)s::text AND channel_code = %(channel)s::text
      AND state = 'held' AND expires_at > clock_timestamp()
    RETURNING id, kits
)
SELECT r.id, r.uid, r.sku_id, r.node_id, r.open_quantity, (taken.kits -> r.line_uid::text ->> 'sku_id')::bigint
FROM inventory_reservation r JOIN taken ON taken.id = r.hold_id
WHERE r.state = 'soft' ORDER BY r.id
"""

#: The reservations of a hold that was taken become those of an order's lines. `pieces` says which line gets how many
#: units of which reservation; the first piece stays in the row, others get rows of their own, the rest is released.
#: They count as made now: this is when the order was given to the nodes.
HARDEN = """
WITH piece AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%(pieces)s::json) AS p(id bigint, uid uuid, line_uid uuid, quantity int)
),
kept AS (
    UPDATE inventory_reservation r SET purpose = 'order', order_id = %(order)s::bigint, line_uid = p.line_uid,
        reference = %(reference)s::text, state = 'hard', open_quantity = p.quantity,
        released_quantity = r.quantity - p.quantity, expires_at = NULL, created_at = now()
    FROM piece p WHERE r.id = p.id AND p.uid IS NULL AND r.state = 'soft'
    RETURNING r.id
),
split AS (
    INSERT INTO inventory_reservation (uid, purpose, line_uid, order_id, reference, sku_id, node_id, state,
        quantity, open_quantity, created_at)
    SELECT p.uid, 'order', p.line_uid, %(order)s::bigint, %(reference)s::text, r.sku_id, r.node_id, 'hard',
        p.quantity, p.quantity, now()
    FROM piece p JOIN inventory_reservation r ON r.id = p.id WHERE p.uid IS NOT NULL
),
left_over AS (
    UPDATE inventory_reservation r SET state = 'released', open_quantity = 0, released_quantity = r.quantity,
        closed_at = statement_timestamp()
    WHERE r.id = ANY(%(left)s::bigint[]) AND r.state = 'soft'
    RETURNING r.id
)
SELECT (SELECT count(*) FROM kept), (SELECT count(*) FROM left_over)
"""

_END = f"""
{CLOSE_HOLDS},
locked_level AS MATERIALIZED (
    SELECT sku_id, node_id FROM inventory_stocklevel
    WHERE (sku_id, node_id) IN (SELECT sku_id, node_id FROM freed)
    ORDER BY sku_id, node_id FOR NO KEY UPDATE
),
posted AS ({POST_FREED})
SELECT state FROM closing
"""  # noqa: S608 - only constants of this project are put in

#: Ends one hold at its owner's wish; where it was over by then, that is what it says.
RELEASE = f"""
WITH closing AS MATERIALIZED (
    SELECT id, reference, CASE WHEN expires_at > clock_timestamp() THEN 'released' ELSE 'expired' END AS state,
        CASE WHEN expires_at > clock_timestamp() THEN 'release' ELSE 'expire' END AS reason
    FROM inventory_stockhold
    WHERE uid = %(uid)s::uuid AND owner = %(owner)s::text AND state = 'held' FOR NO KEY UPDATE
),
{_END}
"""  # noqa: S608 - only constants of this project are put in

#: Ends holds that are over, the oldest first. Those that others hold at this moment are left to them.
EXPIRE = f"""
WITH closing AS MATERIALIZED (
    SELECT id, reference, 'expired' AS state, 'expire' AS reason FROM inventory_stockhold
    WHERE state = 'held' AND expires_at <= statement_timestamp()
    ORDER BY expires_at, id LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
),
{_END}
"""  # noqa: S608 - only constants of this project are put in
