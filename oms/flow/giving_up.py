"""Orders that wait too long: held for a person, or what waits of them cancelled, where their routing rule says so."""

from __future__ import annotations

import logging
from time import monotonic

from fulfillment.services import cancel_order
from oms.core.errors import DomainError
from orders.models import HoldReason
from orders.services import place_hold
from routing.selectors import GivenUp, given_up

log = logging.getLogger(__name__)

ACTOR = "routing"
#: Names the hold among those of an order; an order is held once for this, however often it waits again.
HANDLE = "unfilled"
#: Orders of one round, and how long a run goes on: other things wait for this worker.
PAGE, SECONDS = 100, 5.0


def give_up() -> str:
    """Hold and cancel what the rules say; what was done. Each order on its own: one that cannot be stops no other.

    Running it twice at once is harmless: an order is held once, and cancelled units are not cancelled again.
    """
    until = monotonic() + SECONDS
    after = held = cancelled = 0
    while monotonic() < until:
        found = given_up(handle=HANDLE, limit=PAGE, after=after)
        for order in found:
            held += order.hold and _hold(order)
            cancelled += order.days is not None and _cancel(order)
        if len(found) < PAGE:
            break
        after = found[-1].order_id
    return f"{held} held, {cancelled} cancelled"


def _hold(order: GivenUp) -> bool:
    if order.days is not None and order.whole:
        return False  # it is cancelled at once
    note = f"The rule “{order.rule}” found no nodes for all of it."
    try:
        place_hold(
            order_id=order.order_id, reason=HoldReason.OTHER, source=ACTOR, handle=HANDLE, actor=ACTOR, note=note
        )
    except DomainError as error:
        log.info("Order %s is not held: %s", order.order_id, error.message)
        return False
    return True


def _cancel(order: GivenUp) -> bool:
    days = "a day" if order.days == 1 else f"{order.days} days"
    reason = f"No stock came within {days} (rule “{order.rule}”)"
    try:
        cancel_order(
            order_id=order.order_id, reason=reason, actor=ACTOR, lines=None if order.whole else order.lines
        )  # fmt: skip
    except DomainError as error:
        log.info("Order %s is not cancelled: %s", order.order_id, error.message)
        return False
    return True
