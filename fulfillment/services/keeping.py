"""What lies ready to collect is kept for so many days, and then taken back."""

from __future__ import annotations

from collections.abc import Collection

from fulfillment.models import Pickup
from fulfillment.selectors.arrivals import ready_parcels
from fulfillment.selectors.keeping import not_collected, waiting_at_stores_with_a_limit
from fulfillment.services.cancelling import cancel_order
from oms.core.clock import now
from oms.core.db import run_atomic
from orders.locks import lock_order, lock_orders

#: Orders that are taken back in one go.
TAKEN_BACK_AT_ONCE = 200


def note_ready(order_ids: Collection[int]) -> dict[int, int]:
    """Write down since when orders lie ready to collect; as `ready_parcels`, with which it is asked once.

    The same parcel again changes nothing. One that came after the message about another begins the days anew.
    """
    ready = ready_parcels(order_ids)
    noted = dict(Pickup.objects.filter(order__in=ready).values_list("order_id", "ready_parcel_id"))
    fresh = {order_id: pk for order_id, pk in ready.items() if (noted.get(order_id) or 0) < pk}
    if fresh:
        run_atomic(lambda: _note(fresh))
    return ready


def _note(fresh: dict[int, int]) -> None:
    lock_orders(fresh)
    known = {pickup.order_id: pickup for pickup in Pickup.objects.filter(order__in=fresh)}
    moment = now()
    for order_id, pk in sorted(fresh.items()):
        pickup = known.get(order_id) or Pickup(order_id=order_id)
        if (pickup.ready_parcel_id or 0) < pk:
            pickup.ready_at, pickup.ready_parcel_id = moment, pk
            pickup.save()


def take_back_not_collected(*, limit: int = TAKEN_BACK_AT_ONCE) -> list[str]:
    """Cancel orders that lie ready longer than their store keeps them; the numbers of those that were cancelled.

    One transaction for each. The goods are on hand again, the customer is told and gets the money back as with any
    cancellation; the store has what to put back on its list. What is collected meanwhile, or waits for more, is left
    alone. The days of an order to which nobody writes begin here, when it is first seen ready.
    """
    waiting = waiting_at_stores_with_a_limit()
    note_ready(waiting)
    return [number for pickup in not_collected(waiting)[:limit] if (number := _take_back(pickup.order_id))]


def _take_back(order_id: int) -> str:
    def work() -> str:
        order = lock_order(order_id)
        over = next(iter(not_collected([order_id])), None)
        if over is None or over.ready_parcel is None:
            return ""
        days = over.ready_parcel.node.pickup_days
        reason = f"Not collected within {days} {'day' if days == 1 else 'days'}"
        cancel_order(order_id=order.pk, reason=reason, actor="flow", not_collected=True)
        return str(order.number)

    return run_atomic(work)
