"""Parcels and their carriers: booked, given back, followed, answered for."""

from __future__ import annotations

from collections.abc import Sequence

from carriers.events import BookingSettled, TrackingRecorded
from carriers.models import Booking, BookingState
from carriers.selectors import booking_of_parcel
from carriers.services import cancel_booking
from fulfillment.events import DeliveryAnswered, ParcelPacked, ReturningToOrigin, ShipmentVoided
from fulfillment.models import Shipment, ShipmentState
from fulfillment.services import apply_tracking, book_shipment
from fulfillment.services.telling import give_up_telling, tell_again, tell_carrier
from oms.core.events import Event
from returns.services import expect_rto


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
