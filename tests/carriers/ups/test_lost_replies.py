"""Bookings with a carrier that cannot prove that it holds nothing: never two live labels for one parcel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from carriers.adapters.ups.tracking import read_push
from carriers.base import BookingRequest
from carriers.models import Booking, BookingState, CarrierAccount, Label
from carriers.services import (
    book,
    cancel_booking,
    decide_unknown,
    make_label,
    record_scans,
    schedule_pickups,
    settle_unknown,
    waits_for_a_person,
)
from carriers.simulators.ups.server import UpsServer
from oms.core import clock
from oms.core.errors import Conflict, DomainError, PermanentError, TransientError
from oms.core.ids import uuid7
from oms.core.models import Transition
from tests.carriers.abroad_world import to_berlin
from tests.carriers.services.world import pass_time

pytestmark = pytest.mark.django_db(transaction=True)
State = BookingState


@pytest.fixture
def server() -> Iterator[UpsServer]:
    with UpsServer(seed=11) as running:
        yield running


@pytest.fixture
def account(server: UpsServer) -> CarrierAccount:
    return CarrierAccount.objects.create(
        code="ups", name="UPS", adapter="ups", base_url=server.base_url,
        secrets={"client_id": "client", "client_secret": "secret"},
        settings={"account_number": "A1B2C3", "services": {"standard": "65"}, "timeout_seconds": 1.0,
                  "proof_after_seconds": 0},
    )  # fmt: skip


def lost(account: CarrierAccount, server: UpsServer, kind: str, *, shown: bool = True) -> Booking:
    server.carrier.shows_references = shown
    server.fault(kind, path="/ship", count=1)
    return book(request=to_berlin(), parcel_uid=uuid7(), account_id=account.pk)


def test_thirty_parcels_of_which_replies_are_lost(account: CarrierAccount, server: UpsServer) -> None:
    for kind, share in (("lost", 0.3), ("cut", 0.2), ("html", 0.2), ("429", 0.1)):
        server.fault(kind, path="/ship", share=share)
    server.fault("500", path="/recovery", share=0.2)
    parcels = {uuid7(): f"OMS-{number}" for number in range(30)}
    for uid, order in parcels.items():
        try:
            book(request=to_berlin(order_number=order), parcel_uid=uid, account_id=account.pk)
        except TransientError:
            continue
    assert Booking.objects.exclude(state=State.BOOKED).exists()
    server.clear()
    CarrierAccount.objects.update(last_error_at=None)
    for booking in Booking.objects.filter(state=State.UNKNOWN):
        pass_time(booking)
    settle_unknown()
    for booking in Booking.objects.filter(state=State.UNKNOWN):
        # Nothing of these ever reached the carrier, and only a person may say so.
        assert server.carrier.alive(booking.client_reference) == []
        decide_unknown(booking.pk, actor="Meera", reason="Not in the shipping history.")
    for uid, order in parcels.items():
        done = book(request=to_berlin(order_number=order), parcel_uid=uid, account_id=account.pk)
        assert done.state == State.BOOKED
    assert Booking.objects.count() == 30
    for booking in Booking.objects.all():
        [parcel] = server.carrier.alive(booking.client_reference)
        assert parcel.awb == booking.awb


def test_a_parcel_that_was_found_is_picked_up_where_it_lies(account: CarrierAccount, server: UpsServer) -> None:
    place = {"company": "Kaveri", "contact": "Ravi", "line1": "7 Peenya", "city": "Bengaluru", "country": "IN",
             "phone": "+91 80 4567 8901"}  # fmt: skip
    account.settings["pickup_addresses"] = {"BLR-DC": place, "DEL-DC": place}
    account.save()
    booking = lost(account, server, "lost")
    assert (booking.state, booking.external_ids.get("node")) == (State.BOOKED, None)
    day = clock.now().date()
    schedule_pickups(account_id=account.pk, booking_ids=[booking.pk], on=day)
    assert list(server.carrier.pickups) == [f"{day:%Y%m%d}-BLR-DC"]


def test_what_is_not_shown_waits_for_a_person(account: CarrierAccount, server: UpsServer) -> None:
    booking = lost(account, server, "lost", shown=False)
    assert booking.state == State.UNKNOWN
    assert waits_for_a_person(booking)
    pass_time(booking, hours=9)
    assert settle_unknown([booking.pk]) == []
    booking.refresh_from_db()
    account.refresh_from_db()
    assert "look in UPS's shipping history" in booking.error
    # UPS did answer: the account is not failing, and it is asked ever more seldom.
    assert account.last_ok_at is not None
    assert (account.last_error_at or account.last_ok_at) <= account.last_ok_at
    asked = len(server.calls)
    assert settle_unknown() == []
    assert len(server.calls) == asked
    with pytest.raises(PermanentError, match="proves nothing"):
        cancel_booking(booking.pk)
    again = book(request=to_berlin(), parcel_uid=booking.parcel_uid, account_id=account.pk)
    assert (again.pk, again.state) == (booking.pk, State.UNKNOWN)
    assert len(server.carrier.parcels) == 1
    # The search lags behind, and shows it later.
    server.carrier.shows_references = True
    pass_time(booking)
    [settled] = settle_unknown()
    assert settled.state == State.BOOKED


def test_a_person_decides_with_the_number_from_the_panel(account: CarrierAccount, server: UpsServer) -> None:
    booking = lost(account, server, "lost", shown=False)
    [awb] = server.carrier.parcels
    with pytest.raises(DomainError, match="Say what you saw"):
        decide_unknown(booking.pk, awb=awb, actor="Meera", reason=" ")
    decided = decide_unknown(booking.pk, awb=f" {awb.lower()} ", actor="Meera", reason="Shipping history, 10:20.")
    assert (decided.state, decided.awb) == (State.BOOKED, awb)
    moved = Transition.objects.filter(model="carriers.booking", object_id=booking.pk).latest("id")
    assert (moved.actor, moved.reason) == ("Meera", "Shipping history, 10:20.")
    with pytest.raises(Conflict, match="nothing to decide"):
        decide_unknown(booking.pk, actor="Meera", reason="Twice.")
    label = make_label(decided.pk)
    # UPS sorts by codes that only its own label has.
    assert label.from_carrier
    assert bytes(label.pdf).startswith(b"%PDF")


def test_a_person_cannot_decide_while_the_call_may_be_on_its_way(account: CarrierAccount, server: UpsServer) -> None:
    account.settings["proof_after_seconds"] = 60
    account.save(update_fields=["settings"])
    booking = lost(account, server, "cut")
    with pytest.raises(Conflict, match="look again in a minute"):
        decide_unknown(booking.pk, actor="Meera", reason="Nothing there.")


def test_a_refused_booking_is_closed_without_a_person(account: CarrierAccount, server: UpsServer) -> None:
    server.carrier.shows_references = False
    uid = uuid7()
    with pytest.raises(PermanentError, match="120802"):
        book(request=nowhere(), parcel_uid=uid, account_id=account.pk)
    booking = Booking.objects.get(parcel_uid=uid)
    assert (booking.state, Label.objects.count()) == (State.FAILED, 0)


def test_a_booking_that_was_never_sent_can_be_withdrawn(account: CarrierAccount, server: UpsServer) -> None:
    server.fault("429", path="/ship", count=1)
    uid = uuid7()
    with pytest.raises(TransientError):
        book(request=to_berlin(), parcel_uid=uid, account_id=account.pk)
    booking = Booking.objects.get(parcel_uid=uid)
    assert cancel_booking(booking.pk).state == State.FAILED


def nowhere() -> BookingRequest:
    request = to_berlin()
    return replace(request, ship_to=replace(request.ship_to, postcode="000000"))


def test_a_delivery_that_is_pushed_after_a_return_is_one_to_the_sender(
    account: CarrierAccount, server: UpsServer
) -> None:
    booking = book(request=to_berlin(), parcel_uid=uuid7(), account_id=account.pk)
    for clock_of, number in (("100000", "033"), ("110000", "011")):
        status = {"type": "X", "code": number, "description": "", "descriptionCode": number}
        event = {"trackingNumber": booking.awb, "activityStatus": status, "gmtActivityDate": "20261120",
                 "gmtActivityTime": clock_of}  # fmt: skip
        update = read_push(event)
        assert update is not None
        record_scans(account=account, update=update, source="webhook")
    booking.refresh_from_db()
    assert booking.milestone == "rto_delivered"
