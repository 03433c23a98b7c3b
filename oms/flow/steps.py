"""The steps of the pipeline: each makes one service call for a batch of events."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction

from carriers.events import BookingSettled, TrackingRecorded
from carriers.models import Booking, BookingState
from carriers.selectors import booking_of_parcel
from carriers.services import cancel_booking
from channels.events import ListingsDirty, MessagesReceived, OrderUpdateQueued
from channels.services import (
    OrderNews,
    process_inbox,
    push_order_updates,
    queue_order_update,
    queue_order_updates,
    recount_due,
    refresh_node,
)
from channels.services import push_stock as push_stock_of
from fulfillment.events import (
    DeliveryAnswered,
    DeliveryFailedAgain,
    FulfillmentReleased,
    InstructionsDue,
    LeftFromWms,
    NodeOverfull,
    NodeWorkLeft,
    ParcelNotServiceable,
    ParcelPacked,
    ParcelStaged,
    PickingStarted,
    ReturningToOrigin,
    SentToStore,
    ShipmentDelivered,
    ShipmentHandedOver,
    ShipmentMoved,
    ShipmentVoided,
    ShortPicked,
    WorkWithdrawn,
)
from fulfillment.models import LinkMode, Shipment, ShipmentState, WmsLink
from fulfillment.selectors.standing import orders_at_node
from fulfillment.services import (
    apply_tracking,
    book_shipment,
    hold_back,
    open_fulfillment_orders,
    release_fulfillment_orders,
    reroute_order,
    reroute_refused_parcel,
    shed_excess,
    withdraw_from_node,
)
from fulfillment.services.hand_off_work import book_what_left
from fulfillment.services.hand_offs import send_moved
from fulfillment.services.keeping import note_ready
from fulfillment.services.telling import give_up_telling, tell_again, tell_carrier
from fulfillment.services.wave_leaving import leave_waves as leave_waves_of
from inventory.events import NodeCapacityChanged, NodeSwitched, StockArrived, StockChanged
from inventory.models import Node
from inventory.services import apply_buffers_after
from oms.core.db import run_atomic
from oms.core.errors import Conflict
from oms.core.events import Event, Recorded
from oms.core.jobs import JobQueued, give_up_slice, reopen_slice, run_slice
from oms.core.outbox import publish
from oms.flow.jobs import RUNNERS
from oms.flow.promises import look_ahead as look_ahead_at
from oms.flow.waiting import try_waiting
from oms.integrations.events import WebhooksDue
from oms.integrations.services import has_listeners, queue_webhooks, send_instructions
from oms.integrations.services import send_webhooks as send_webhooks_to
from oms.notifications.events import MessageQueued
from oms.notifications.links import tracking_url
from oms.notifications.services import anybody_is_written_to, queue_messages, send_messages
from orders.events import (
    AddressChanged,
    LineSubstituted,
    OrderCancelled,
    OrderCaptured,
    OrderHeld,
    OrderReleased,
    SubstitutionTakenBack,
)
from returns.services import expect_rto
from routing.events import OrderRouted, OrderUnroutable, WaitingOrdersTried
from routing.services import any_rule_substitutes, look_soon, route_orders, substitute_waiting, write_promises

#: While messages keep coming, reading them gives way to the other urgent steps after this long.
INBOX_SECONDS = 1.0
#: So many are read between two looks at the clock.
INBOX_MESSAGES = 100

#: What a decision names as its trigger, by what happened. Work that was taken back says why itself.
_TRIGGERS = {
    "orders.OrderCaptured": "captured",
    "orders.OrderReleased": "released",
    "fulfillment.ShortPicked": "short pick",
}


def order_ids(events: Iterable[Event]) -> list[int]:
    """The orders that the events speak of, each once, oldest event first."""
    return list(dict.fromkeys(event.order_id for event in events if hasattr(event, "order_id")))


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


def open_work(events: Sequence[Event]) -> None:
    """Open the work at the nodes that were given units."""
    open_fulfillment_orders(order_ids(events))


def release_work(events: Sequence[Event]) -> None:
    """The last hold is gone: scheduled work opens."""
    release_fulfillment_orders(order_ids(events))


def hold_work(events: Sequence[Event]) -> None:
    """A hold came: work that nobody started goes back to scheduled."""
    hold_back(order_ids(events))


def leave_waves(events: Sequence[Event]) -> None:
    """What became blocked leaves the wave that it was to be picked in; each wave in a transaction of its own."""
    leave_waves_of(order_ids(events), actor="flow")


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


def some_wms() -> bool:
    """True where the WMS of any node is linked."""
    return WmsLink.objects.exclude(mode=LinkMode.NONE).exists()


def tell_wms_of_address(events: Sequence[Event]) -> None:
    """The address changed: every WMS that has work of the order gets it anew."""
    send_moved(order_ids(events))


def tell_wms(events: Sequence[Event]) -> None:
    """Post to WMS what waits. What one does not take is tried again by the clock."""
    for link_id in sorted({event.link_id for event in events if isinstance(event, InstructionsDue)}):
        send_instructions(link_id)


def book_left(events: Sequence[Event]) -> None:
    """Parcels left a WMS under AWBs of its own: they are kept, and the parcels handed over."""
    for event in events:
        if isinstance(event, LeftFromWms):
            book_what_left(event.hand_off_event_id)


def retry_waiting(events: Sequence[Event]) -> None:
    """Stock came: the orders that wait for it are tried again, oldest first."""
    skus = sorted({sku for event in events if isinstance(event, StockArrived) for sku in event.sku_ids})
    try_waiting(trigger="stock arrived", sku_ids=skus)


def retry_next_page(events: Sequence[Event]) -> None:
    """More orders wait than were tried at once: the next ones."""
    for event in events:
        if isinstance(event, WaitingOrdersTried):
            try_waiting(trigger=event.trigger, sku_ids=event.sku_ids, after=event.until_order_id)


def node_switched(events: Sequence[Event]) -> None:
    """A node went off: its open work is taken back. It came on: waiting orders are tried again."""
    for event in events:
        if not isinstance(event, NodeSwitched):
            continue
        refresh_node(event.node_id)
        if event.active:
            try_waiting(trigger="node on")
        else:
            _take_work_back(event.node_id)


def withdraw_rest(events: Sequence[Event]) -> None:
    """More work of a node that went off than is taken back at once: the next of it."""
    for event in events:
        if isinstance(event, NodeWorkLeft):
            _take_work_back(event.node_id)


def _take_work_back(node_id: int) -> None:
    """The next part of a node's work, unless the node came on again: then it keeps what it still has."""
    if not Node.objects.filter(pk=node_id, is_active=True).exists():
        withdraw_from_node(node_id=node_id, reason="The node was switched off")


def capacity_changed(found: Sequence[Recorded]) -> None:
    """A node takes fewer orders: those above go elsewhere. It takes more: waiting orders are tried again."""
    for recorded in found:
        event = recorded.event
        if isinstance(event, NodeCapacityChanged) and event.after > event.before:
            run_atomic(lambda: try_waiting(trigger="node takes more orders"))
        elif isinstance(event, NodeCapacityChanged):
            _shed(event.node_id, recorded.at)
        elif isinstance(event, NodeOverfull):
            _shed(event.node_id, datetime.fromisoformat(event.since))


def _shed(node_id: int, since: datetime) -> None:
    """The next part of what is above the node's limit."""
    if shed_excess(node_id=node_id, since=since):
        with transaction.atomic():
            publish([NodeOverfull(node_id=node_id, since=since.isoformat())])


def reroute_refused(events: Sequence[Event]) -> None:
    """No carrier takes a parcel from its node: another node sends it, where carriers take it from there."""
    for event in events:
        if isinstance(event, ParcelNotServiceable):
            reroute_refused_parcel(shipment_id=event.shipment_id, reason=event.reason)


def book_parcels(events: Sequence[Event]) -> None:
    """Buy a label for every packed parcel that travels."""
    for event in events:
        if isinstance(event, ParcelPacked) and not event.pickup:
            _book(event.shipment_id)


def book_settled(events: Sequence[Event]) -> None:
    """A carrier's answer is certain at last: adopt the booking, ask again, or give back what nobody needs now."""
    uids = [event.parcel_uid for event in events if isinstance(event, BookingSettled)]
    wanted = Shipment.objects.filter(uid__in=uids, state__in=[ShipmentState.CREATED, ShipmentState.CANCELLED])
    for shipment_id in wanted.order_by("pk").values_list("pk", flat=True):
        _book(shipment_id)


def _book(shipment_id: int) -> None:
    """Book one parcel. One that was opened while its carrier was asked gives back whatever was bought for it."""
    shipment = book_shipment(shipment_id)
    if shipment.state == ShipmentState.CANCELLED:
        booking = booking_of_parcel(shipment.uid)
        if booking is not None and booking.state in Booking.LIVE:
            _give_back(booking.pk)


def void_labels(events: Sequence[Event]) -> None:
    """Give bookings back that are not needed any more.

    A booking that is still being asked for is given back by `book_settled` or `book_parcels` once it is certain.
    """
    for event in events:
        if not isinstance(event, ShipmentVoided):
            continue
        if event.booking_id is not None:
            _give_back(event.booking_id)
            continue
        booking = booking_of_parcel(Shipment.objects.get(pk=event.shipment_id).uid)
        if booking is not None and booking.state == BookingState.BOOKED:
            _give_back(booking.pk)


def _give_back(booking_id: int) -> None:
    cancel_booking(booking_id, actor="flow", reason="The parcel was opened before hand-over")


def apply_scans(events: Sequence[Event]) -> None:
    """Move shipments to where their scans say they are."""
    apply_tracking(sorted({event.booking_id for event in events if isinstance(event, TrackingRecorded)}))


def tell_carriers(events: Sequence[Event]) -> None:
    """Tell carriers what was answered to failed deliveries."""
    for event in events:
        if isinstance(event, DeliveryAnswered):
            tell_carrier(event.answer_id)


def give_up_telling_of(event: Event, reason: str) -> None:
    """The carrier was not reached for good: a person sees the answer again."""
    if isinstance(event, DeliveryAnswered):
        give_up_telling(event.answer_id, reason)


def tell_again_of(event: Event) -> None:
    """The telling is tried again."""
    if isinstance(event, DeliveryAnswered):
        tell_again(event.answer_id)


def expect_returns(events: Sequence[Event]) -> None:
    """A parcel comes back: expect it at its node."""
    for event in events:
        if isinstance(event, ReturningToOrigin):
            expect_rto(shipment_id=event.shipment_id)


def read_inbox(events: Sequence[Event]) -> None:
    """Turn messages into orders and changes of orders."""
    deadline = time.monotonic() + INBOX_SECONDS
    for account_id in sorted({event.account_id for event in events if isinstance(event, MessagesReceived)}):
        while sum(process_inbox(account_id, limit=INBOX_MESSAGES).counts.values()):
            if time.monotonic() > deadline:
                _read_on(account_id)
                break


def _read_on(account_id: int) -> None:
    with transaction.atomic():
        publish([MessagesReceived(account_id=account_id)])


def count_sellable(events: Sequence[Event]) -> None:
    """Work out what channels may sell of SKUs whose ATP changed, after the buffer rules had their say.

    What the database noted is counted with them; the clock takes what no event speaks of.
    """
    changes = [event for event in events if isinstance(event, StockChanged)]
    apply_buffers_after(changes)
    recount_due(sku for change in changes for sku in change.sku_ids)


def push_stock(events: Sequence[Event]) -> None:
    """Tell channels what they may sell. One that fails is tried again by the clock, not once for each event."""
    for account_id in sorted({event.account_id for event in events if isinstance(event, ListingsDirty)}):
        push_stock_of(account_id)


def tell_channel(events: Sequence[Event]) -> None:
    """Queue what a channel should know of its orders."""
    news: list[OrderNews] = []
    for event in events:
        match event:
            case FulfillmentReleased(order_id=order_id):
                news.append(OrderNews(order_id=order_id, kind="processing", update_key=f"processing/{order_id}"))
            case ShipmentHandedOver():
                news.append(_shipped(event.shipment_id))
            case ShipmentDelivered():
                key = f"delivered/{event.shipment_id}"
                news.append(OrderNews(order_id=event.order_id, kind="delivered", update_key=key))
            case _:
                continue
    queue_order_updates(news)
    for event in events:
        if isinstance(event, OrderCancelled):
            key = f"cancelled/{event.order_id}/{event.seq}"
            queue_order_update(order_id=event.order_id, kind="cancelled", update_key=key)


def _shipped(shipment_id: int) -> OrderNews:
    shipment = Shipment.objects.select_related("order").get(pk=shipment_id)
    lines: dict[int, int] = {}
    for item in shipment.items.select_related("line"):
        lines[item.line.order_line_id] = lines.get(item.line.order_line_id, 0) + item.quantity
    return OrderNews(
        order_id=shipment.order_id, kind="shipped", update_key=f"shipped/{shipment.pk}", awb=shipment.awb,
        carrier_name=shipment.courier_name, tracking_url=tracking_url(shipment.order), lines=lines,
    )  # fmt: skip


def push_updates(events: Sequence[Event]) -> None:
    """Tell channels what became of their orders."""
    push_order_updates(ids=[event.update_id for event in events if isinstance(event, OrderUpdateQueued)])


def somebody_is_written_to() -> bool:
    """True where any channel leaves writing to its customers to us."""
    return anybody_is_written_to()


def write_customer(events: Sequence[Event]) -> None:
    """Queue messages to customers; which orders get none is the notifications' own decision."""
    # Where goods are still to come to the store, the customer is told once all of it is there, or nothing more comes.
    ready = note_ready(order_ids(event for event in events if _may_be_ready(event)))
    wanted = [("ready_for_pickup", order_id, str(parcel_id)) for order_id, parcel_id in ready.items()]
    substituted: dict[int, str] = {}
    taken_back: dict[int, str] = {}
    for event in events:
        match event:
            case OrderCaptured():
                wanted.append(("confirmation", event.order_id, ""))
            case ShipmentHandedOver():
                wanted.append(("shipped", event.order_id, str(event.shipment_id)))
            case ShipmentMoved() if event.state == "out_for_delivery":
                wanted.append(("out_for_delivery", event.order_id, str(event.shipment_id)))
            case ShipmentMoved() if event.state == "ndr_open":
                wanted.append(("delivery_failed", event.order_id, str(event.shipment_id)))
            case DeliveryFailedAgain():
                wanted.append(("delivery_failed", event.order_id, f"{event.shipment_id}-{event.number}"))
            case ShipmentDelivered():
                wanted.append(("delivered", event.order_id, str(event.shipment_id)))
            case OrderCancelled() if event.whole:
                wanted.append(("cancelled", event.order_id, ""))
            case LineSubstituted():
                substituted[event.order_id] = f"line-{event.substitute_line_id}"
            case SubstitutionTakenBack():
                taken_back[event.order_id] = f"line-{event.substitute_line_id}"
            case _:
                continue
    # A letter lists all that is sold instead of something: several lines at once are one letter.
    wanted += [("substituted", order_id, part) for order_id, part in substituted.items()]
    wanted += [("substitute_taken_back", order_id, part) for order_id, part in taken_back.items()]
    queue_messages(wanted)


def _may_be_ready(event: Event) -> bool:
    """Whether what an order to collect still waited for may be there now, or will not come."""
    if isinstance(event, ParcelPacked):
        return event.pickup
    return isinstance(event, ParcelStaged | OrderCancelled | OrderUnroutable | SubstitutionTakenBack)


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


def send_mail(events: Sequence[Event]) -> None:
    """Hand queued messages to their providers."""
    send_messages([event.message_id for event in events if isinstance(event, MessageQueued)])


def somebody_listens() -> bool:
    """True where any endpoint of a webhook is to be told."""
    return has_listeners()


def tell_systems(found: Sequence[Recorded]) -> None:
    """Write what other systems asked to be told."""
    queue_webhooks(found)


def send_webhooks(events: Sequence[Event]) -> None:
    """Tell other systems. What they do not take is tried again by the clock."""
    for endpoint_id in sorted({event.endpoint_id for event in events if isinstance(event, WebhooksDue)}):
        send_webhooks_to(endpoint_id)


def run_jobs(events: Sequence[Event]) -> None:
    """Run the next slice of jobs that people started."""
    for event in events:
        if isinstance(event, JobQueued):
            run_slice(event.job_id, RUNNERS, number=event.slice)


def give_up_job(event: Event, reason: str) -> None:
    """The slice failed for good: nobody waits for its job any more."""
    if isinstance(event, JobQueued):
        give_up_slice(event.job_id, event.slice, reason)


def reopen_job(event: Event) -> None:
    """The slice is tried again."""
    if isinstance(event, JobQueued):
        reopen_slice(event.job_id, event.slice)
