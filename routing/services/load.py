"""Giving back a node's capacity: orders it was given and does not fulfill after all."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from oms.core.db import execute, fetch_all

# Each decision counts an order once at each node it chose, in the statement that also makes the reservations: what
# was reserved for an order at a node at one moment is what was counted once, on the node's day of that moment.
_COUNTED = """
SELECT order_id, node_id, created_at FROM inventory_reservation WHERE order_id = ANY(%s::bigint[])
GROUP BY order_id, node_id, created_at
HAVING sum(open_quantity) > 0 AND sum(consumed_quantity) = 0
"""

# Rows of loads are locked in the order in which decisions write them.
_GIVE_BACK = """
WITH counted AS (SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[]) AS c(order_id, node_id, at)),
ended AS (
    SELECT c.node_id, (c.at AT TIME ZONE n.time_zone)::date AS day, count(*) AS orders
    FROM counted c JOIN inventory_node n ON n.id = c.node_id
    WHERE NOT EXISTS (
        SELECT FROM inventory_reservation r
        WHERE r.order_id = c.order_id AND r.node_id = c.node_id AND r.created_at = c.at
          AND (r.open_quantity > 0 OR r.consumed_quantity > 0)
    )
    GROUP BY 1, 2
),
locked AS MATERIALIZED (
    SELECT l.id, e.orders FROM routing_nodeload l JOIN ended e USING (node_id, day)
    ORDER BY l.node_id, l.day FOR NO KEY UPDATE OF l
)
UPDATE routing_nodeload l SET orders = greatest(0, l.orders - locked.orders) FROM locked WHERE locked.id = l.id
"""


class _Counted(NamedTuple):
    """One order that counts once in a node's load, since it was given to the node at this moment."""

    order_id: int
    node_id: int
    at: datetime


@contextmanager
def giving_back_load(order_ids: Collection[int]) -> Iterator[None]:
    """Around whatever takes these orders from nodes: what they were counted for there is given back.

    A node's load of a day counts the orders it was given on that day (`NodeLoad`). An order that leaves the node before
    anything of it was packed (withdrawn, rejected, rerouted, cancelled, or nothing of it found) makes room for another
    one: one less on the day on which the node was given it, in the transaction of this block, which the caller opened
    with the orders locked. An order some of which stays with the node, or was packed there, still counts. Nothing is
    given back twice, since only what counted when the block began can end in it; so such blocks must not be nested.
    """
    before = [_Counted(*row) for row in fetch_all(_COUNTED, [sorted(order_ids)])]
    yield
    if before:
        execute(_GIVE_BACK, [list(column) for column in zip(*before, strict=True)])
