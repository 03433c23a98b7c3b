"""What routing can tell."""

from __future__ import annotations

from collections.abc import Sequence

from oms.core.db import fetch_all

_WAITING = """
SELECT l.order_id FROM orders_orderline l
WHERE (l.unallocated > 0 OR l.backordered > 0) AND l.sku_id IS NOT NULL AND (%(any)s OR l.sku_id = ANY(%(skus)s))
GROUP BY l.order_id ORDER BY l.order_id LIMIT %(limit)s
"""


def waiting_order_ids(*, limit: int, sku_ids: Sequence[int] | None = None) -> list[int]:
    """Orders with units that need a node, oldest first; with `sku_ids` only those that wait for one of them."""
    params = {"any": sku_ids is None, "skus": list(sku_ids or []), "limit": limit}
    return [row[0] for row in fetch_all(_WAITING, params)]
