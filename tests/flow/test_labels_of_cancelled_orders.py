"""A label that was paid for is given back, whenever the order was cancelled and however late the carrier answers."""

from __future__ import annotations

import pytest

from carriers import registry
from carriers.base import Booked, BookingRequest, UnknownOutcome
from carriers.events import BookingSettled
from carriers.models import Booking
from carriers.services import book, settle_unknown
from carriers.services.quotes import forget_rates
from fulfillment.events import ParcelPacked, ShipmentVoided
from fulfillment.models import Shipment
from fulfillment.services import booking_request, cancel_order
from oms.core.errors import TransientError
from oms.flow.steps import parcels
from tests.carriers.services.world import ScriptedCarrier, pass_time, rate, scripted_account
from tests.factories import make_line, make_world
from tests.fulfillment.floor import make_work, packed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> ScriptedCarrier:
    carrier = ScriptedCarrier()
    carrier.on_rates = lambda request: [rate(6100)]
    monkeypatch.setitem(registry.ADAPTERS, "scripted", carrier)
    return carrier


@pytest.fixture
def parcel(scripted: ScriptedCarrier) -> Shipment:
    """A closed parcel that waits for its label."""
    forget_rates()
    world = make_world()
    scripted_account()
    return packed(make_work(world, "1", make_line(world.kurta)))


def cancel(parcel: Shipment) -> None:
    """Cancel the order and let the flow hear of it."""
    cancel_order(order_id=parcel.order_id, reason="Changed their mind", actor="care")
    parcels.void_labels([ShipmentVoided(shipment_id=parcel.pk, order_id=parcel.order_id)])


def lose_the_reply(scripted: ScriptedCarrier) -> None:
    """The carrier books, but neither its reply nor a look at its list tells us."""

    def call(request: BookingRequest) -> Booked:
        scripted.accept(request)
        raise UnknownOutcome("The reply was lost.")

    scripted.on_book, scripted.on_find = call, lambda reference: None


def test_a_booking_that_turns_out_to_stand_after_the_cancellation_is_given_back(
    scripted: ScriptedCarrier, parcel: Shipment
) -> None:
    lose_the_reply(scripted)
    packed_event = ParcelPacked(shipment_id=parcel.pk, order_id=parcel.order_id)
    parcels.book_parcels([packed_event])
    booking = Booking.objects.get()
    assert booking.state == "unknown"
    cancel(parcel)
    booking.refresh_from_db()
    assert booking.state == "unknown"

    scripted.on_find = scripted.booked.get
    [settled] = settle_unknown([booking.pk])
    event = BookingSettled(booking_id=settled.pk, parcel_uid=str(parcel.uid))
    parcels.book_settled([event])
    parcels.book_settled([event])

    booking.refresh_from_db()
    assert (booking.state, scripted.cancelled) == ("cancelled", [booking.awb])


def test_a_booking_that_the_carrier_never_had_is_not_asked_for_again(
    scripted: ScriptedCarrier, parcel: Shipment
) -> None:
    lose_the_reply(scripted)
    parcels.book_parcels([ParcelPacked(shipment_id=parcel.pk, order_id=parcel.order_id)])
    booking = Booking.objects.get()
    cancel(parcel)
    pass_time(booking)

    settle_unknown([booking.pk])
    parcels.book_settled([BookingSettled(booking_id=booking.pk, parcel_uid=str(parcel.uid))])

    booking.refresh_from_db()
    assert (booking.state, booking.awb, scripted.cancelled) == ("failed", "", [])


def test_a_booking_that_waits_to_be_asked_for_again_ends_with_the_cancellation(
    scripted: ScriptedCarrier, parcel: Shipment
) -> None:
    def too_busy(request: BookingRequest) -> Booked:
        raise TransientError("Too busy.")

    scripted.on_book = too_busy
    event = ParcelPacked(shipment_id=parcel.pk, order_id=parcel.order_id)
    with pytest.raises(TransientError):
        parcels.book_parcels([event])
    assert Booking.objects.get().state == "requested"
    cancel(parcel)

    scripted.on_book = scripted.accept
    parcels.book_parcels([event])

    assert Booking.objects.get().state == "failed"
    assert scripted.booked == {}


def test_a_label_bought_by_a_caller_that_died_is_given_back_with_the_order(
    scripted: ScriptedCarrier, parcel: Shipment
) -> None:
    book(request=booking_request(parcel), parcel_uid=parcel.uid)

    cancel(parcel)

    booking = Booking.objects.get()
    assert (booking.state, scripted.cancelled) == ("cancelled", [booking.awb])
