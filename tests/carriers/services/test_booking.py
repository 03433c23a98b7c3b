"""One live booking per parcel, in the ordinary cases and the refused ones."""

from uuid import uuid4

import pytest
from django.db import transaction

from carriers.base import Booked, BookingRequest, Rate, RateRequest
from carriers.errors import NoCarrier
from carriers.models import Booking, Serviceability
from carriers.services import book, cancel_booking
from carriers.services.bookings import client_reference
from carriers.services.network import NetworkInsideTransaction
from carriers.services.stored_request import read_request
from carriers.simulators.shiprocket.faults import Fault
from carriers.simulators.shiprocket.server import SimulatorServer
from oms.core.errors import NotFound, PermanentError, TransientError
from oms.core.ids import uuid7
from oms.core.models import OutboxEvent, Transition
from oms.core.values import Address
from tests.carriers.services.world import (
    ScriptedCarrier,
    booking_request,
    manual_account,
    rate,
    scripted_account,
    shiprocket_account,
)

pytestmark = pytest.mark.django_db


def test_a_parcel_is_booked_with_the_carrier_under_our_own_reference(simulator: SimulatorServer) -> None:
    account = shiprocket_account(simulator)
    parcel = uuid7()

    booking = book(request=booking_request(), parcel_uid=parcel, account_id=account.pk)

    (held,) = simulator.carrier.store.parcels.values()
    assert booking.state == "booked"
    assert booking.client_reference == held.reference == f"OMS-100234-{parcel.hex[-6:]}-1"
    assert booking.awb == held.awb
    assert booking.courier_name == held.courier_name
    assert booking.external_ids["order_id"] == str(held.order_id)
    assert booking.booked_at is not None
    assert booking.next_poll_at is not None
    assert read_request(booking.request) == booking_request(client_reference=booking.client_reference)
    account.refresh_from_db()
    assert account.last_ok_at is not None
    assert [(row.from_state, row.to_state) for row in Transition.objects.filter(model="carriers.booking")] == [
        ("requested", "booked")
    ]


def test_booking_a_booked_parcel_again_returns_the_live_booking(simulator: SimulatorServer) -> None:
    account = shiprocket_account(simulator)
    parcel = uuid7()
    first = book(request=booking_request(), parcel_uid=parcel, account_id=account.pk)

    second = book(request=booking_request(), parcel_uid=parcel, account_id=account.pk)

    assert second.pk == first.pk
    assert len(simulator.carrier.store.parcels) == 1


def test_without_an_account_the_cheapest_eligible_service_is_booked(simulator: SimulatorServer) -> None:
    shiprocket_account(simulator)
    manual_account(is_active=False)

    booking = book(request=booking_request(), parcel_uid=uuid7())

    assert booking.courier_name == "India Post Business Parcel Surface"
    assert booking.request["courier_id"] == "225"
    assert booking.expected_charge_minor is not None
    (held,) = simulator.carrier.store.parcels.values()
    assert held.courier_id == 225


def test_the_row_is_committed_before_the_carrier_is_called(scripted: ScriptedCarrier) -> None:
    account = scripted_account()
    seen: list[tuple[str, str]] = []

    def look(request: BookingRequest) -> Booked:
        row = Booking.objects.get()
        seen.append((row.state, row.client_reference))
        assert row.client_reference == request.client_reference
        return scripted.accept(request)

    scripted.on_book = look

    booking = book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk)

    assert seen == [("requested", booking.client_reference)]


@pytest.mark.django_db(transaction=True)
def test_booking_inside_a_transaction_is_a_programming_error(scripted: ScriptedCarrier) -> None:
    account = scripted_account()

    with transaction.atomic(), pytest.raises(NetworkInsideTransaction):
        book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk)

    assert Booking.objects.count() == 0


def test_a_refusal_fails_the_booking_and_the_next_call_is_a_new_try(scripted: ScriptedCarrier) -> None:
    account = scripted_account()
    parcel = uuid7()

    def refuse(request: BookingRequest) -> Booked:
        raise PermanentError("The phone number is wrong.")

    scripted.on_book = refuse
    with pytest.raises(PermanentError, match=r"Scripted: The phone number is wrong\."):
        book(request=booking_request(), parcel_uid=parcel, account_id=account.pk)
    scripted.on_book = scripted.accept

    booking = book(request=booking_request(), parcel_uid=parcel, account_id=account.pk)

    rows = Booking.objects.filter(parcel_uid=parcel).order_by("pk")
    assert [(row.state, row.client_reference[-2:], row.error) for row in rows] == [
        ("failed", "-1", "The phone number is wrong."),
        ("booked", "-2", ""),
    ]
    assert booking.pk == rows[1].pk


def test_an_order_left_without_an_awb_by_a_refusal_is_voided(simulator: SimulatorServer) -> None:
    # Given an address that no courier serves, which the carrier says only after it opened the order
    account = shiprocket_account(simulator)
    nowhere = Address(name="Nila", line1="1 Shore Road", city="Nowhere", region="Kerala", postcode="682999",
                      phone="9820012345", email="nila@example.com")  # fmt: skip

    with pytest.raises(PermanentError):
        book(request=booking_request(ship_to=nowhere), parcel_uid=uuid7(), account_id=account.pk)

    (held,) = simulator.carrier.store.parcels.values()
    assert held.cancelled
    assert Booking.objects.get().state == "failed"


def test_a_transient_failure_leaves_a_booking_that_the_next_call_completes(simulator: SimulatorServer) -> None:
    account = shiprocket_account(simulator)
    parcel = uuid7()
    simulator.faults.add(Fault("429", count=1, path="/courier/assign"))
    with pytest.raises(TransientError):
        book(request=booking_request(), parcel_uid=parcel, account_id=account.pk)
    waiting = Booking.objects.get()
    assert (waiting.state, waiting.next_poll_at, waiting.attempts) == ("requested", None, 1)

    booking = book(request=booking_request(), parcel_uid=parcel, account_id=account.pk)

    assert (booking.pk, booking.state, booking.attempts) == (waiting.pk, "booked", 2)
    assert [parcel.live for parcel in simulator.carrier.store.parcels.values()] == [True]


def test_a_corrected_address_never_completes_the_order_with_the_old_one(simulator: SimulatorServer) -> None:
    # Given an order that stands at the carrier without an AWB
    account = shiprocket_account(simulator)
    parcel = uuid7()
    simulator.faults.add(Fault("429", count=1, path="/courier/assign"))
    with pytest.raises(TransientError):
        book(request=booking_request(), parcel_uid=parcel, account_id=account.pk)

    # When the customer's address was corrected meanwhile
    moved = Address(name="Ananya Rao", line1="9 Hill Road", city="Mumbai", region="Maharashtra", postcode="400050",
                    phone="9820012345", email="ananya@example.com")  # fmt: skip
    booking = book(request=booking_request(ship_to=moved), parcel_uid=parcel, account_id=account.pk)

    # Then the old order is void and the parcel goes to the new address
    old, new = simulator.carrier.store.parcels.values()
    assert (old.cancelled, new.live) == (True, True)
    assert new.payload["billing_pincode"] == "400050"
    assert booking.awb == new.awb
    assert sorted(Booking.objects.values_list("state", flat=True)) == ["booked", "failed"]


def test_an_old_cancelled_order_given_with_status_200_is_not_taken_for_a_booking(simulator: SimulatorServer) -> None:
    account = shiprocket_account(simulator)
    simulator.faults.add(Fault("cancelled_200", count=1))

    booking = book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk)

    live = [parcel for parcel in simulator.carrier.store.parcels.values() if parcel.live]
    assert booking.state == "booked"
    assert [parcel.awb for parcel in live] == [booking.awb]


def test_an_awb_that_another_booking_has_is_refused(scripted: ScriptedCarrier) -> None:
    account = scripted_account()
    scripted.on_book = lambda request: Booked(awb="SAME", courier_name="Air")
    book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk)

    with pytest.raises(PermanentError, match="AWB SAME"):
        book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk)

    assert sorted(Booking.objects.values_list("state", "awb")) == [("booked", "SAME"), ("failed", "")]
    assert scripted.cancelled == []


def test_when_the_best_carrier_refuses_the_next_best_is_booked(scripted: ScriptedCarrier) -> None:
    first = scripted_account()
    second = manual_account()
    scripted.on_rates = lambda request: [rate(1000)]

    def refuse(request: BookingRequest) -> Booked:
        raise PermanentError("Embargo.")

    scripted.on_book = refuse

    booking = book(request=booking_request(), parcel_uid=uuid7())

    assert booking.account_id == second.pk
    assert list(Booking.objects.order_by("pk").values_list("account_id", "state")) == [
        (first.pk, "failed"),
        (second.pk, "booked"),
    ]


def test_what_every_service_of_a_carrier_refuses_is_said_once(scripted: ScriptedCarrier) -> None:
    scripted_account()
    scripted.on_rates = lambda request: [rate(1000), rate(1200)]

    def refuse(request: BookingRequest) -> Booked:
        raise PermanentError("An e-mail address is required.")

    scripted.on_book = refuse

    with pytest.raises(PermanentError, match=r"^Scripted: An e-mail address is required\.$"):
        book(request=booking_request(), parcel_uid=uuid7())

    assert Booking.objects.filter(state="failed").count() == 2


def test_a_place_that_nobody_serves_names_every_carrier_and_its_reason() -> None:
    account = manual_account()
    Serviceability.objects.create(account=account, postcode="110001")

    with pytest.raises(NoCarrier, match=r"to 421204\. Riders: Does not deliver to 421204\."):
        book(request=booking_request(), parcel_uid=uuid7())

    assert Booking.objects.count() == 0


def test_a_carrier_that_gives_no_price_now_is_tried_again_later(scripted: ScriptedCarrier) -> None:
    scripted_account()

    def silent(request: RateRequest) -> list[Rate]:
        raise TransientError("down")

    scripted.on_rates = silent

    with pytest.raises(TransientError, match="Did not answer"):
        book(request=booking_request(), parcel_uid=uuid7())


def test_an_unknown_and_a_switched_off_account_are_refused() -> None:
    with pytest.raises(NotFound):
        book(request=booking_request(), parcel_uid=uuid7(), account_id=999_999)
    with pytest.raises(NoCarrier, match="switched off"):
        book(request=booking_request(), parcel_uid=uuid7(), account_id=manual_account(is_active=False).pk)


def test_a_fault_of_the_adapter_leaves_the_outcome_unknown(scripted: ScriptedCarrier) -> None:
    account = scripted_account()

    def crash(request: BookingRequest) -> Booked:
        scripted.accept(request)
        raise RuntimeError("bug")

    scripted.on_book = crash
    with pytest.raises(RuntimeError):
        book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk)

    assert Booking.objects.get().state == "unknown"


def test_a_manual_courier_takes_the_typed_awb_else_the_next_of_its_range() -> None:
    account = manual_account(settings={"awb_range": {"prefix": "R", "first": 101, "last": 102}})

    typed = book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk, awb="pad 77")
    numbers = [book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk).awb for _ in range(2)]
    with pytest.raises(PermanentError, match="used up"):
        book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk)

    assert typed.awb == "PAD77"
    assert numbers == ["R101", "R102"]
    account.refresh_from_db()
    assert account.settings["awb_used"] == 2
    assert Booking.objects.count() == 3


def test_the_reference_holds_the_order_number_without_odd_signs() -> None:
    uid = uuid4()
    assert client_reference("#10 01/A", uid, 3) == f"1001A-{uid.hex[-6:]}-3"


def test_a_booked_parcel_is_voided_once_at_the_carrier(simulator: SimulatorServer) -> None:
    account = shiprocket_account(simulator)
    parcel = uuid7()
    booking = book(request=booking_request(), parcel_uid=parcel, account_id=account.pk)

    cancelled = cancel_booking(booking.pk, actor="meera", reason="Order cancelled")
    again = cancel_booking(booking.pk)

    assert (cancelled.state, again.state) == ("cancelled", "cancelled")
    assert [held.cancelled for held in simulator.carrier.store.parcels.values()] == [True]
    assert list(OutboxEvent.objects.values_list("kind", "payload")) == [
        ("carriers.BookingCancelled", {"booking_id": booking.pk, "parcel_uid": str(parcel)})
    ]
    assert [(row.to_state, row.actor) for row in Transition.objects.filter(object_id=booking.pk).order_by("pk")] == [
        ("booked", "carriers"),
        ("cancelling", "meera"),
        ("cancelled", "meera"),
    ]
    # And the parcel may be booked anew.
    assert book(request=booking_request(), parcel_uid=parcel, account_id=account.pk).client_reference.endswith("-2")


def test_a_refused_cancellation_leaves_the_booking_booked(scripted: ScriptedCarrier) -> None:
    booking = book(request=booking_request(), parcel_uid=uuid7(), account_id=scripted_account().pk)

    def refuse(booked: Booked) -> None:
        raise PermanentError("It is on its way.")

    scripted.on_cancel = refuse
    with pytest.raises(PermanentError):
        cancel_booking(booking.pk)

    booking.refresh_from_db()
    assert (booking.state, booking.error) == ("booked", "It is on its way.")
    assert booking.next_poll_at is not None
    assert OutboxEvent.objects.count() == 0


def test_a_parcel_whose_booking_is_being_cancelled_waits(scripted: ScriptedCarrier) -> None:
    account = scripted_account()
    parcel = uuid7()
    booking = book(request=booking_request(), parcel_uid=parcel, account_id=account.pk)

    def silent(booked: Booked) -> None:
        raise TransientError("down")

    scripted.on_cancel = silent
    with pytest.raises(TransientError):
        cancel_booking(booking.pk)
    with pytest.raises(TransientError, match="being cancelled"):
        book(request=booking_request(), parcel_uid=parcel, account_id=account.pk)

    booking.refresh_from_db()
    assert booking.state == "cancelling"


def test_a_booking_that_the_carrier_never_had_is_closed_without_a_call_to_void_it(scripted: ScriptedCarrier) -> None:
    account = scripted_account()

    def silent(request: BookingRequest) -> Booked:
        raise TransientError("down")

    scripted.on_book = silent
    with pytest.raises(TransientError):
        book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk)

    closed = cancel_booking(Booking.objects.get().pk, actor="meera", reason="Order cancelled")

    assert (closed.state, closed.error) == ("failed", "Order cancelled")
    assert scripted.cancelled == []
    assert list(OutboxEvent.objects.values_list("kind", flat=True)) == ["carriers.BookingCancelled"]


def test_cancelling_what_does_not_exist_is_not_found() -> None:
    with pytest.raises(NotFound):
        cancel_booking(999_999)
