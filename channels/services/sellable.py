"""How many of each SKU every channel may sell, worked out for many at once. Versions only grow."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q

from channels.events import ListingsDirty
from channels.locks import lock_listings
from channels.models import ChannelAccount
from channels.registry import INBOUND_ONLY
from oms.core.clock import now
from oms.core.db import fetch_all, run_atomic
from oms.core.outbox import publish

#: Sellable = sum over the channel's nodes of max(0, ATP) - unrouted demand - threshold, at least 0.
#: ATP is clamped node by node, so that one node's deficit cannot hide behind another's surplus. Demand counts every
#: channel's orders: a unit that one channel sold and nobody has reserved yet must not be sold again by another.
SELLABLE = """
WITH wanted AS MATERIALIZED (
    SELECT listing.id, listing.sku_id, listing.account_id, account.channel_id
    FROM channels_listing listing JOIN channels_channelaccount account ON account.id = listing.account_id
    WHERE listing.id = ANY(%(ids)s)
),
sku AS MATERIALIZED (SELECT DISTINCT sku_id FROM wanted),
source AS MATERIALIZED (
    SELECT channel.channel_id, node.id AS node_id
    FROM (SELECT DISTINCT channel_id FROM wanted) channel
    JOIN inventory_node node ON node.is_active AND node.ships
    LEFT JOIN routing_channelsourcing sourcing ON sourcing.channel_id = channel.channel_id
    WHERE NOT EXISTS (SELECT FROM routing_channelsourcing_groups chosen WHERE chosen.channelsourcing_id = sourcing.id)
       OR EXISTS (
            SELECT FROM routing_channelsourcing_groups chosen
            JOIN inventory_node_groups member ON member.nodegroup_id = chosen.nodegroup_id
            WHERE chosen.channelsourcing_id = sourcing.id AND member.node_id = node.id
       )
),
stock AS MATERIALIZED (
    SELECT source.channel_id, level.sku_id,
        sum(greatest(0, level.on_hand - level.reserved - level.safety_stock)) AS units
    FROM sku JOIN inventory_stocklevel level USING (sku_id) JOIN source ON source.node_id = level.node_id
    GROUP BY source.channel_id, level.sku_id
),
demand AS MATERIALIZED (
    SELECT line.sku_id, sum(line.unallocated + line.backordered) AS units
    FROM sku JOIN orders_orderline line USING (sku_id)
    WHERE line.unallocated > 0 OR line.backordered > 0
    GROUP BY line.sku_id
)
SELECT wanted.id, wanted.account_id,
    greatest(0, coalesce(stock.units, 0) - coalesce(demand.units, 0) - coalesce(sourcing.threshold, 0)) AS quantity
FROM wanted
LEFT JOIN stock USING (channel_id, sku_id)
LEFT JOIN demand USING (sku_id)
LEFT JOIN routing_channelsourcing sourcing USING (channel_id)
"""

_STORE = f"""
UPDATE channels_listing listing
SET wanted_quantity = sellable.quantity, wanted_version = listing.wanted_version + 1, wanted_at = now()
FROM ({SELLABLE}) sellable
WHERE listing.id = sellable.id AND listing.wanted_quantity IS DISTINCT FROM sellable.quantity
RETURNING listing.account_id
"""  # noqa: S608 - two constants of this module


def refresh_sellable(sku_ids: Iterable[int]) -> int:
    """Work out the sellable quantity of every listing of these SKUs; the number that changed.

    A listing's version grows only when its quantity changes. Publishes ListingsDirty once for each account with a
    change that is told stock.
    """
    ids = sorted(set(sku_ids))
    return _refresh(Q(sku_id__in=ids)) if ids else 0


def refresh_account(account_id: int) -> int:
    """The same for every listing of one account: after its nodes or its threshold were changed."""
    return _refresh(Q(account_id=account_id, sku__isnull=False))


def refresh_node(node_id: int) -> int:
    """The same for every SKU that a node stocks: after it was switched on or off."""
    return _refresh(Q(sku__levels__node_id=node_id))


def _refresh(condition: Q) -> int:
    def work() -> int:
        # Locked first, read afterwards: of two that refresh one listing the second sees what the first one's
        # transaction changed, so the last value written is never the older one.
        ids = lock_listings(condition)
        changed = [row[0] for row in fetch_all(_STORE, {"ids": ids})] if ids else []
        mark_dirty(set(changed))
        return len(changed)

    return run_atomic(work)


def mark_dirty(account_ids: Iterable[int]) -> None:
    """Note since when these accounts hold quantities that their channel does not know, and say so once each."""
    accounts = ChannelAccount.objects.filter(pk__in=list(account_ids), pushes_stock=True, channel__is_active=True)
    told = sorted(accounts.exclude(connector__in=INBOUND_ONLY).values_list("pk", flat=True))
    if not told:
        return
    ChannelAccount.objects.filter(pk__in=told, stock_dirty_since__isnull=True).update(stock_dirty_since=now())
    publish([ListingsDirty(account_id=account_id) for account_id in told])
