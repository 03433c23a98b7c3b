"""Orders that wait for stock are tried again page by page, until none is left that could go now."""

from __future__ import annotations

from collections.abc import Sequence

from oms.core.outbox import publish
from routing.events import WaitingOrdersTried
from routing.services import route_orders, waiting_order_ids

#: The trigger of what the clock tries.
SWEPT = "swept"
#: Waiting orders that are tried in one transaction.
PAGE = 300


def try_waiting(*, trigger: str, sku_ids: Sequence[int] | None = None, after: int = 0) -> int:
    """Route the oldest waiting orders behind `after` that could go now; how many were tried.

    An order with units that nobody decided for yet has an event on its way, which says why it is decided: only the
    clock (SWEPT) takes those, too, in case that was missed. Where the page is full, an event of the same transaction
    asks for the page behind it. So the newest are reached however many older ones stock exists for that still cannot
    go, and it ends with the newest order there is.
    """
    ids = waiting_order_ids(limit=PAGE, sku_ids=sku_ids, after=after, undecided=trigger == SWEPT)
    route_orders(ids, trigger=trigger)
    if len(ids) == PAGE:
        wanted = None if sku_ids is None else list(sku_ids)
        publish([WaitingOrdersTried(until_order_id=ids[-1], trigger=trigger, sku_ids=wanted)])
    return len(ids)
