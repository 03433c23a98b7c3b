"""Deciding and reserving: which node supplies what, and what becomes of the promise."""

from __future__ import annotations

from collections.abc import Sequence

from carriers.events import TrackingRecorded
from fulfillment.events import (
    ParcelNotServiceable,
    ParcelPacked,
    PickingStarted,
    ReturningToOrigin,
    SentToStore,
    ShipmentDelivered,
    ShipmentHandedOver,
    ShipmentMoved,
    ShortPicked,
    WorkWithdrawn,
)
from fulfillment.models import Shipment
from fulfillment.selectors.standing import orders_at_node
from fulfillment.services import reroute_order, reroute_refused_parcel
from inventory.events import NodeCapacityChanged, NodeSwitched, StockArrived
from oms.core.errors import Conflict
from oms.core.events import Event, order_ids
from oms.flow.promises import look_ahead as look_ahead_at
from oms.flow.waiting import try_waiting
from orders.events import AddressChanged, OrderCancelled, OrderHeld, OrderReleased
from routing.events import OrderRouted, OrderUnroutable, WaitingOrdersTried
from routing.services import any_rule_substitutes, look_soon, route_orders, substitute_waiting, write_promises

#: What a decision names as its trigger, by what happened. Work that was taken back says why itself.
_TRIGGERS = {
    "orders.OrderCaptured": "captured",
    "orders.OrderReleased": "released",
    "fulfillment.ShortPicked": "short pick",
}


def route(events: Sequence[Event]) -> None:
    """Decide and reserve for orders that need a node."""
    by_trigger: dict[str, list[Event]] = {}
    for event in events:
        trigger = event.cause if isinstance(event, WorkWithdrawn) else _TRIGGERS[event.kind]
        by_trigger.setdefault(trigger, []).append(event)
    for trigger, some in by_trigger.items():
        route_orders(order_ids(some), trigger=trigger)


def somebody_substitutes() -> bool:
    """True where a rule in force sells substitutes."""
    return any_rule_substitutes()


def substitute(events: Sequence[Event]) -> None:
    """What no node has is sold as another SKU, where the rule and the customer allow it."""
    waiting = [event for event in events if not (isinstance(event, OrderRouted) and event.complete)]
    ids = order_ids(waiting)
    if ids:
        substitute_waiting(limit=len(ids), order_ids=ids)


def reroute_moved(events: Sequence[Event]) -> None:
    """The order goes somewhere else now: decide again where work has not begun."""
    moved = [event for event in events if isinstance(event, AddressChanged) and event.postcode_changed]
    for order_id in order_ids(moved):
        try:
            # What a WMS has in hand stays there: it is told the new address.
            reroute_order(order_id=order_id, actor="flow", reason="The address changed", ask_wms=False)
        except Conflict:
            # The parcel is being picked already: it goes out from where it is, to the new address.
            continue


def retry_waiting(events: Sequence[Event]) -> None:
    """Stock came: the orders that wait for it are tried again, oldest first."""
    skus = sorted({sku for event in events if isinstance(event, StockArrived) for sku in event.sku_ids})
    try_waiting(trigger="stock arrived", sku_ids=skus)


def retry_next_page(events: Sequence[Event]) -> None:
    """More orders wait than were tried at once: the next ones."""
    for event in events:
        if isinstance(event, WaitingOrdersTried):
            try_waiting(trigger=event.trigger, sku_ids=event.sku_ids, after=event.until_order_id)


def reroute_refused(events: Sequence[Event]) -> None:
    """No carrier takes a parcel from its node: another node sends it, where carriers take it from there."""
    for event in events:
        if isinstance(event, ParcelNotServiceable):
            reroute_refused_parcel(shipment_id=event.shipment_id, reason=event.reason)


#: What set a look at an order off, in the words of its history.
_NEWS: dict[type[Event], str] = {
    OrderRouted: "Routed", OrderUnroutable: "No node can", OrderHeld: "Put on hold", OrderReleased: "Hold cleared",
    OrderCancelled: "Cancelled", AddressChanged: "Address changed", ShortPicked: "Units were not found",
    PickingStarted: "Picking began", ParcelPacked: "Packed",
    SentToStore: "Sent to the store", ShipmentHandedOver: "Handed to the carrier",
    ShipmentDelivered: "Delivered", ReturningToOrigin: "The carrier brings it back",
}  # fmt: skip
_MOVED = {"in_transit": "Scanned on the way", "out_for_delivery": "Out for delivery", "ndr_open": "Delivery failed",
          "lost": "Lost by the carrier", "damaged": "Damaged on the way"}  # fmt: skip


def look_ahead(events: Sequence[Event]) -> None:
    """Say of orders that something happened to how likely they keep their promise now; fresh ones get theirs first.

    What a node's calendar or switch changes for all of its orders is left to the clock, which looks at them next.
    """
    routed = order_ids(event for event in events if isinstance(event, OrderRouted))
    if routed:
        write_promises(routed)
    reasons: dict[int, str] = {}
    bookings: list[int] = []
    for event in events:
        if isinstance(event, TrackingRecorded):
            bookings.append(event.booking_id)
        elif isinstance(event, NodeSwitched | NodeCapacityChanged):
            look_soon(orders_at_node(event.node_id))
        else:
            reasons |= dict.fromkeys(order_ids([event]), _news(event))
    scanned = Shipment.objects.filter(booking__in=bookings).values_list("order_id", flat=True) if bookings else ()
    look_ahead_at(dict.fromkeys(scanned, "Scanned by the carrier") | reasons)


def _news(event: Event) -> str:
    if isinstance(event, WorkWithdrawn):
        return f"Taken back: {event.reason}"
    if isinstance(event, ShipmentMoved):
        return _MOVED.get(event.state, event.state.replace("_", " "))
    return _NEWS.get(type(event), "")
