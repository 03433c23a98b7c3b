"""The named questions over all orders, and what counts as late, at risk or in need of a person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from orders.models import Hold, Order

#: Stages in which nothing has left the last node yet.
TO_SHIP = ("captured", "backordered", "routed", "released", "picked", "packed")
ENDED = ("delivered", "returned", "cancelled")
#: Nearer to the hand-over than this, an order is at risk.
AT_RISK = timedelta(hours=2)
#: A fresh order is routed within seconds; only one that waits longer needs a person.
ROUTING_GRACE = timedelta(minutes=5)
_RTO = ("rto_initiated", "rto_in_transit", "rto_received")
_TROUBLE = ("ndr_open", "lost", "damaged")


@dataclass(frozen=True, slots=True)
class OrderView:
    """A named question over all orders. `alarm` is the tone of its count; views without one are not counted."""

    key: str
    label: str
    where: Callable[[datetime], Q]
    sort: str = "-placed"
    alarm: str = ""


def any_of(*querysets: QuerySet[Any]) -> Q:
    """Orders in any of the sets of ids, each of them answered by an index of its own."""
    first, *others = querysets
    return Q(pk__in=first.union(*others, all=True))


def _needs_action(moment: datetime) -> Q:
    orders = Order.objects.order_by()
    return any_of(
        _held(orders).values("pk"),
        orders.filter(stage="backordered").values("pk"),
        orders.filter(stage="captured", captured_at__lt=moment - ROUTING_GRACE).values("pk"),
        orders.filter(stage__in=TO_SHIP, ship_by__lt=moment).values("pk"),
        _to_customers(orders).filter(shipments__state__in=_TROUBLE).values("pk"),
        orders.filter(shipments__state="created").exclude(shipments__problem="").values("pk"),
    )


def _to_customers(orders: QuerySet[Order]) -> QuerySet[Order]:
    """Orders whose parcels travel to their customers. Those of an order to collect travel to its store at most: they
    are looked for there, and what became of them ends with the order's work, not with the parcel."""
    return orders.exclude(service_level=Order.ServiceLevel.PICKUP)


def _held(orders: QuerySet[Order]) -> QuerySet[Order]:
    return orders.filter(open_holds__gt=0).exclude(stage__in=("cancelled", "shipped", *ENDED))


def _due_today(moment: datetime) -> Q:
    local = timezone.localtime(moment)
    midnight = timezone.make_aware(datetime.combine(local.date() + timedelta(days=1), time()))
    return Q(stage__in=TO_SHIP, ship_by__lt=midnight)


VIEWS: dict[str, OrderView] = {
    view.key: view
    for view in (
        OrderView("action", "Needs action", _needs_action, "promise", "bad"),
        OrderView("due", "Due today", _due_today, "promise", "info"),
        OrderView("risk", "At risk", lambda t: Q(stage__in=TO_SHIP, ship_by__lt=t + AT_RISK), "promise", "warn"),
        OrderView("held", "On hold", lambda t: Q(pk__in=_held(Order.objects.order_by()).values("pk")),
                  "promise", "warn"),
        OrderView("unrouted", "Unrouted", lambda t: Q(stage__in=("captured", "backordered")), "promise", "warn"),
        OrderView("ship", "To ship", lambda t: Q(stage__in=("routed", "released", "picked", "packed"), open_holds=0),
                  "promise", "neutral"),
        OrderView("cod", "COD to confirm",
                  lambda t: Q(pk__in=_open_holds("cod_unconfirmed"), stage__in=TO_SHIP), "promise", "warn"),
        OrderView("backorder", "Backorder", lambda t: Q(stage="backordered"), "placed", "warn"),
        OrderView("rto", "RTO", lambda t: Q(pk__in=_to_customers(Order.objects.order_by()).filter(
            shipments__state__in=_RTO).values("pk")), "-placed", "bad"),
        OrderView("all", "All", lambda t: Q()),
    )
}  # fmt: skip


def _open_holds(reason: str) -> QuerySet[Hold, int]:
    return Hold.objects.filter(reason=reason, released_at__isnull=True).values_list("order_id", flat=True)
