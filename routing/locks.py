"""The only place where routing locks rows: the orders it decides for, with their unrouted lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from oms.core.db import fetch_dicts

# Orders and lines are locked together, so that what is returned is their latest committed state even after a wait.
_UNROUTED = """
SELECT o.id AS order_id, o.number, o.channel_id, o.ship_postcode, o.ship_region, o.ship_country, o.payment_method,
    o.total_minor, o.currency, o.service_level, o.pickup_node_code, o.promised_by,
    l.id AS line_id, l.uid AS line_uid, l.sku_id, l.sku_code, l.unallocated, l.backordered, s.weight_grams
FROM orders_order o
JOIN orders_orderline l ON l.order_id = o.id
LEFT JOIN inventory_sku s ON s.id = l.sku_id
WHERE o.id = ANY(%s) AND l.unallocated + l.backordered > 0
ORDER BY o.id, l.id
FOR NO KEY UPDATE OF o, l
"""


def lock_unrouted_lines(order_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Every line that still needs a node, with its order, locked until the transaction ends."""
    return fetch_dicts(_UNROUTED, [list(order_ids)])
