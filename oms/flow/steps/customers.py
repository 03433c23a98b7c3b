"""Messages to customers: which are written, and their sending."""

from __future__ import annotations

from collections.abc import Sequence

from fulfillment.events import (
    DeliveryFailedAgain,
    ParcelPacked,
    ParcelStaged,
    ShipmentDelivered,
    ShipmentHandedOver,
    ShipmentMoved,
)
from fulfillment.services.keeping import note_ready
from oms.core.events import Event, order_ids
from oms.notifications.events import MessageQueued
from oms.notifications.services import anybody_is_written_to, queue_messages, send_messages
from orders.events import LineSubstituted, OrderCancelled, OrderCaptured, SubstitutionTakenBack
from routing.events import OrderUnroutable


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
            case OrderCancelled() if event.not_collected:
                wanted.append(("not_collected", event.order_id, f"units-{event.seq}"))
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


def send_mail(events: Sequence[Event]) -> None:
    """Hand queued messages to their providers."""
    send_messages([event.message_id for event in events if isinstance(event, MessageQueued)])
