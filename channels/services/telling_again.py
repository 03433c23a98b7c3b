"""Telling a channel its quantities again after it moved its own stock, even where it may sell as many as before.

A shop counts its own sales down and its own cancellations up by itself. Where we want the same quantity before and
after, because another order took the unit that came free, or because stock came in at that moment, nothing would be
sent, and the shop would go on selling a unit that is not there, or keep back one that is.
"""

from __future__ import annotations

from collections.abc import Iterable

from channels.models import ChannelAccount
from channels.registry import INBOUND_ONLY
from channels.services.sellable import mark_dirty
from oms.core.db import fetch_all, run_atomic

_AGAIN = """
WITH chosen AS MATERIALIZED (
    SELECT id FROM channels_listing
    WHERE account_id = %s AND sku_id = ANY(%s::bigint[]) AND wanted_quantity IS NOT NULL
    ORDER BY id FOR NO KEY UPDATE
)
UPDATE channels_listing listing SET wanted_version = listing.wanted_version + 1, wanted_at = now()
FROM chosen WHERE listing.id = chosen.id RETURNING listing.id
"""


def tell_again(account: ChannelAccount, sku_ids: Iterable[int]) -> int:
    """Give a new version to what the channel lists of these SKUs, so that it is sent whatever it was; how many.

    Call it in the transaction that takes in the channel's own word of a sale or a cancellation, after what may be sold
    was worked out. A version that is on its way to the channel may have left before the channel moved its stock, so
    that one does not count.
    """
    ids = sorted(set(sku_ids))
    if not ids or not account.pushes_stock or account.connector in INBOUND_ONLY:
        return 0

    def work() -> int:
        told = len(fetch_all(_AGAIN, [account.pk, ids]))
        if told:
            mark_dirty([account.pk])
        return told

    return run_atomic(work)
