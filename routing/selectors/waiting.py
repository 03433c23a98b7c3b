"""What routing can tell."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import QuerySet

from inventory.models import Node
from oms.core.db import fetch_all
from routing.models import ChannelSourcing

# What is not decided yet is always tried. Backordered units are tried where an active node has ATP, looked up once for
# each SKU: otherwise the oldest orders, which wait for what nobody has, would be all that is ever tried.
_WAITING = """
WITH wanted AS MATERIALIZED (
    SELECT DISTINCT l.sku_id FROM orders_orderline l
    WHERE (l.unallocated > 0 OR l.backordered > 0) AND l.sku_id IS NOT NULL AND (%(any)s OR l.sku_id = ANY(%(skus)s))
),
supplied AS MATERIALIZED (
    SELECT w.sku_id FROM wanted w WHERE EXISTS (
        SELECT FROM inventory_stocklevel level JOIN inventory_node node ON node.id = level.node_id AND node.is_active
        WHERE level.sku_id = w.sku_id AND level.on_hand - level.reserved - level.safety_stock > 0
    )
)
SELECT l.order_id FROM orders_orderline l
WHERE (l.unallocated > 0 OR l.backordered > 0) AND l.order_id > %(after)s
    AND l.sku_id IN (SELECT sku_id FROM wanted)
    AND (%(undecided)s AND l.unallocated > 0 OR l.backordered > 0 AND l.sku_id IN (SELECT sku_id FROM supplied))
GROUP BY l.order_id ORDER BY l.order_id LIMIT %(limit)s
"""


def waiting_order_ids(
    *, limit: int, sku_ids: Sequence[int] | None = None, after: int = 0, undecided: bool = True
) -> list[int]:  # fmt: skip
    """Orders with units that need a node and could get one now, oldest first.

    Such are orders with a line nobody decided for yet, or with backordered units of a SKU of which an active node has
    ATP; without `undecided` only the latter. With `sku_ids` only those that wait for one of them. `after` pages: give
    the last id of the page before.
    """
    params = {"any": sku_ids is None, "skus": list(sku_ids or []), "limit": limit, "after": after,
              "undecided": undecided}  # fmt: skip
    return [row[0] for row in fetch_all(_WAITING, params)]


def sourcing_nodes(channel_id: int) -> QuerySet[Node]:
    """The active nodes that a channel is sold from: those of its groups, or all where it has none."""
    nodes = Node.objects.filter(is_active=True)
    sourcing = ChannelSourcing.objects.filter(channel_id=channel_id, groups__isnull=False)
    if not sourcing.exists():
        return nodes
    return nodes.filter(groups__in=sourcing.values("groups")).distinct()
