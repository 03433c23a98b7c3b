"""How long a store keeps what lies ready to collect: one date, for the letter, the page and the clock."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, timedelta

from fulfillment.models import Pickup, Shipment
from fulfillment.selectors.arrivals import ready_parcels
from fulfillment.selectors.pickups import waiting_parcels


def kept_until(order_id: int) -> date | None:
    """The last day on which what lies ready of an order can be collected; None without one, or before it is ready."""
    return kept_until_of([order_id]).get(order_id)


def kept_until_of(order_ids: Collection[int]) -> dict[int, date]:
    """`kept_until` of many orders, those alone that have such a day. One statement."""
    rows = Pickup.objects.select_related("ready_parcel__node").filter(order__in=order_ids)
    return {row.order_id: last for row in rows if (last := _last_day(row)) is not None}


def _last_day(pickup: Pickup) -> date | None:
    if pickup.ready_at is None or pickup.ready_parcel is None:
        return None
    node = pickup.ready_parcel.node
    return node.day_of(pickup.ready_at) + timedelta(days=node.pickup_days) if node.pickup_days else None


def waiting_at_stores_with_a_limit() -> list[int]:
    """Orders of which something waits in a store that keeps it for so many days, in the order of their keys."""
    rows = waiting_parcels(Shipment.objects.filter(node__pickup_days__gt=0))
    return list(rows.order_by("order_id").values_list("order_id", flat=True).distinct())


def not_collected(order_ids: Collection[int]) -> Sequence[Pickup]:
    """Of these orders those whose last day is over where their store is, those that wait longest first.

    An order of which more is to come is none of them, whatever lies there already: its customer waits for the rest.
    """
    ready = ready_parcels(order_ids)
    rows = (
        Pickup.objects.select_related("ready_parcel__node", "order").filter(order__in=ready).order_by("ready_at", "pk")
    )
    over = []
    for pickup in rows:
        last, parcel = _last_day(pickup), pickup.ready_parcel
        if last is None or parcel is None or parcel.pk < ready[pickup.order_id]:
            continue
        if last < parcel.node.today():
            over.append(pickup)
    return over
