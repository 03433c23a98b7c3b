"""Floors for reservations: the least SQL that takes stock without overselling and keeps a record of it.

Tables of their own: a counter per level with its CHECK, one row per reservation, one row per posting. They have the
keys and indexes without which nobody could work (a reservation by its id and by its order, a posting once and by its
level), but no trigger, no other check, no foreign key, no states. Every statement is one conditional UPDATE with the
rows it allows, prepared, and a transaction by itself, as the product's is.
"""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from django.db import connection

from inventory.services import Claim

_TABLES = """
CREATE TABLE floor_level (
    sku_id bigint, node_id bigint, on_hand int NOT NULL, reserved int NOT NULL DEFAULT 0,
    PRIMARY KEY (sku_id, node_id), CHECK (reserved <= on_hand)
) WITH (fillfactor = 50);
CREATE TABLE floor_reservation (
    uid uuid PRIMARY KEY, line_uid uuid NOT NULL, order_id bigint NOT NULL, reference text NOT NULL,
    sku_id bigint NOT NULL, node_id bigint NOT NULL, quantity int NOT NULL, open_quantity int NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON floor_reservation (order_id);
CREATE TABLE floor_movement (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, op_key text NOT NULL UNIQUE,
    sku_id bigint NOT NULL, node_id bigint NOT NULL, from_bucket text NOT NULL, to_bucket text NOT NULL,
    quantity int NOT NULL, reason text NOT NULL, reference text NOT NULL, actor text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON floor_movement (sku_id, node_id, id);
INSERT INTO floor_level (sku_id, node_id, on_hand)
SELECT sku_id, node_id, on_hand FROM inventory_stocklevel ORDER BY sku_id, node_id;
"""

_KEEP = """
kept AS (
    INSERT INTO floor_reservation (uid, line_uid, order_id, reference, sku_id, node_id, quantity, open_quantity)
    SELECT uid, line_uid, order_id, reference, sku_id, node_id, quantity, quantity FROM granted
)
INSERT INTO floor_movement (op_key, sku_id, node_id, from_bucket, to_bucket, quantity, reason, reference, actor)
SELECT 'reserve/' || uid, sku_id, node_id, 'demand', 'reserved', quantity, 'reserve', reference, 'benchmark'
FROM granted
"""

_ONE = f"""
WITH granted AS (
    UPDATE floor_level SET reserved = reserved + %s WHERE sku_id = %s AND node_id = %s AND on_hand - reserved >= %s
    RETURNING %s::uuid AS uid, %s::uuid AS line_uid, %s::bigint AS order_id, %s::text AS reference,
        sku_id, node_id, %s::int AS quantity
), {_KEEP}
"""

#: The levels are locked in key order first: an UPDATE with a join promises no order, and two such batches would end in
#: a deadlock.
_MANY = f"""
WITH claim AS MATERIALIZED (
    SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[], %s::text[], %s::bigint[], %s::bigint[], %s::int[])
        AS c(uid, line_uid, order_id, reference, sku_id, node_id, quantity)
),
wanted AS MATERIALIZED (SELECT sku_id, node_id, sum(quantity) AS quantity FROM claim GROUP BY sku_id, node_id),
locked AS MATERIALIZED (
    SELECT l.sku_id, l.node_id, w.quantity FROM floor_level l JOIN wanted w USING (sku_id, node_id)
    ORDER BY l.sku_id, l.node_id FOR NO KEY UPDATE OF l
),
taken AS (
    UPDATE floor_level l SET reserved = l.reserved + w.quantity FROM locked w
    WHERE l.sku_id = w.sku_id AND l.node_id = w.node_id AND l.on_hand - l.reserved >= w.quantity
    RETURNING l.sku_id, l.node_id
),
granted AS MATERIALIZED (SELECT claim.* FROM claim JOIN taken USING (sku_id, node_id)), {_KEEP}
"""


def create_floors() -> None:
    """The floors' own tables, with the stock that the product has."""
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)


def floor_reserve(claims: Sequence[Claim]) -> int:
    """Reserve by the floor's one statement; the units granted."""
    connection.ensure_connection()
    # The driver's cursor, past Django: what Django adds to a statement is the product's own cost.
    with psycopg.Cursor(connection.connection) as cursor:
        if len(claims) == 1:
            uid, line_uid, order_id, reference, sku_id, node_id, quantity = claims[0]
            cursor.execute(_ONE, [quantity, sku_id, node_id, quantity, uid, line_uid, order_id, reference, quantity])
        else:
            # As text: the driver takes several times as long for a list.
            cursor.execute(_MANY, [f"{{{','.join(map(str, column))}}}" for column in zip(*claims, strict=True)])
        return cursor.rowcount


def floor_reserved() -> tuple[int, int, int]:
    """Units reserved by the floor's counters, its reservations and its postings: three times the same number."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT (SELECT sum(reserved) FROM floor_level), (SELECT sum(open_quantity) FROM floor_reservation),
            (SELECT sum(quantity) FROM floor_movement)"""
        )
        level, reservation, movement = cursor.fetchone()
        return int(level), int(reservation), int(movement)
