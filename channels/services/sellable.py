"""How many of each SKU every channel may sell, worked out for many at once. Versions only grow."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q
from django.db.models.expressions import RawSQL

from channels.events import ListingsDirty
from channels.locks import lock_listings
from channels.models import ChannelAccount, Listing
from channels.registry import INBOUND_ONLY
from channels.services.exposure import meter
from channels.services.sellable_sql import SELLABLE
from inventory.models import KitComponent, StockLevel
from inventory.services import refresh_totals
from oms.core.clock import now
from oms.core.db import bigints, fetch_all, run_atomic
from oms.core.outbox import publish

_STORE = f"""
UPDATE channels_listing listing
SET wanted_quantity = sellable.quantity, wanted_version = listing.wanted_version + 1, wanted_at = now(),
    {meter(told="listing.told_quantity", wanted="sellable.quantity")}
FROM ({SELLABLE}) sellable
WHERE listing.id = sellable.id AND listing.wanted_quantity IS DISTINCT FROM sellable.quantity
RETURNING listing.account_id
"""  # noqa: S608 - constants of this package

#: SKUs that `recount_due` takes at once.
MOST_RECOUNTED = 2000
#: Listings of an account that are worked out in one transaction.
LISTINGS_AT_ONCE = 500

# Of the SKUs and of the kits with them: one subquery, so that the listings are found by their index.
_WITH_KITS = """
SELECT unnest(%s::bigint[]) UNION SELECT kit_id FROM inventory_kitcomponent WHERE component_id = ANY(%s::bigint[])
"""

_TAKE_DUE = """
DELETE FROM channels_recountdue WHERE id IN (
    SELECT id FROM channels_recountdue ORDER BY id LIMIT %(most)s FOR UPDATE SKIP LOCKED
) RETURNING sku_id
"""


def recount_due(sku_ids: Iterable[int] = ()) -> int:
    """Work out anew what may be sold of the SKUs that the database noted, and of these; how many listings changed.

    Every change of ATP, inbound or unrouted demand is noted in its own transaction (see RecountDue), so that none is
    missed, whoever made it. Totals over all nodes follow. The notes are gone with the transaction that writes the new
    quantities. Of very many the oldest come first; the rest is left to the next call.
    """

    def work() -> int:
        due = {row[0] for row in fetch_all(_TAKE_DUE, {"most": 5 * MOST_RECOUNTED})}.union(sku_ids)
        refresh_totals(due)
        return refresh_sellable(due)

    return run_atomic(work)


def refresh_sellable(sku_ids: Iterable[int]) -> int:
    """Work out the sellable quantity of every listing of these SKUs, and of kits with them; the number that changed.

    A listing's version grows only when its quantity changes. Publishes ListingsDirty once for each account with a
    change that is told stock.
    """
    ids = sorted(set(sku_ids))
    wanted = RawSQL(_WITH_KITS, [bigints(ids), bigints(ids)])  # noqa: S611 - a constant, two parameters
    return _refresh(Q(sku_id__in=wanted)) if ids else 0


def refresh_listings(listing_ids: Iterable[int]) -> int:
    """The same for these listings: after what one of them may sell was limited, stopped or resumed."""
    ids = sorted(set(listing_ids))
    return _refresh(Q(pk__in=ids, sku__isnull=False)) if ids else 0


def refresh_account(account_id: int) -> int:
    """The same for every listing of one account: after its nodes or its threshold were changed.

    Some at a time, so that a caller without a transaction keeps nobody waiting for thousands of listings.
    """
    listings = Listing.objects.filter(account_id=account_id, sku__isnull=False).order_by("pk")
    ids = list(listings.values_list("pk", flat=True))
    parts = (ids[start : start + LISTINGS_AT_ONCE] for start in range(0, len(ids), LISTINGS_AT_ONCE))
    return sum(refresh_listings(part) for part in parts)


def refresh_node(node_id: int) -> int:
    """The same for every SKU that a node stocks, and kits with them: after it was switched on or off."""
    stocked = StockLevel.objects.filter(node_id=node_id).values("sku_id")
    kits = KitComponent.objects.filter(component__levels__node_id=node_id).values("kit_id")
    return _refresh(Q(sku_id__in=stocked) | Q(sku_id__in=kits))


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
