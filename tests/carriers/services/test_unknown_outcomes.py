"""What is lost on the way: replies, callers, whole processes. Never two live bookings, never an orphan."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from django.db import connection

from carriers.base import Booked, BookingRequest, UnknownOutcome
from carriers.errors import NotProven, StillUnderWay
from carriers.models import Booking, CarrierAccount
from carriers.services import book, cancel_booking, settle_unknown
from carriers.services.stored_request import write_request
from carriers.simulators.shiprocket.faults import Fault
from carriers.simulators.shiprocket.server import SimulatorServer
from oms.core import clock
from oms.core.errors import PermanentError, TransientError
from oms.core.ids import uuid7
from oms.core.models import OutboxEvent, Transition
from tests.carriers.services.world import (
    ScriptedCarrier,
    booking_request,
    pass_time,
    scripted_account,
    shiprocket_account,
)

REPOSITORY = Path(__file__).resolve().parents[3]
#: More for a soak.
PARCELS = int(os.environ.get("OMS_TEST_PARCELS", "60"))


def lose_reply(carrier: ScriptedCarrier, *, booked: bool) -> Callable[[BookingRequest], Booked]:
    """A call whose reply is lost, after or before the carrier did its work."""

    def call(request: BookingRequest) -> Booked:
        if booked:
            carrier.accept(request)
        raise UnknownOutcome("The reply was lost.")

    return call


def live_awbs(simulator: SimulatorServer) -> list[str]:
    """What the carrier would carry, and charge for."""
    with simulator.carrier.store.lock:
        return sorted(parcel.awb for parcel in simulator.carrier.store.parcels.values() if parcel.live)


@pytest.mark.django_db
def test_a_lost_reply_of_a_call_that_went_through_is_adopted_at_once(simulator: SimulatorServer) -> None:
    account = shiprocket_account(simulator)
    simulator.faults.add(Fault("drop_reply", count=1, path="/courier/assign"))

    booking = book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk)

    assert booking.state == "booked"
    assert live_awbs(simulator) == [booking.awb]


@pytest.mark.django_db
def test_absence_is_no_proof_while_the_lost_call_may_still_be_at_work(scripted: ScriptedCarrier) -> None:
    # Given a call whose reply was lost before the carrier did its work
    account = scripted_account()
    parcel = uuid7()
    scripted.on_book = lose_reply(scripted, booked=False)

    # When the carrier is asked too early
    booking = book(request=booking_request(), parcel_uid=parcel, account_id=account.pk)
    again = book(request=booking_request(), parcel_uid=parcel, account_id=account.pk)

    # Then nobody books a second time
    assert (booking.state, again.state, again.pk) == ("unknown", "unknown", booking.pk)
    assert settle_unknown([booking.pk]) == []
    # And the late call is adopted when it arrives after all
    scripted.accept(booking_request(client_reference=booking.client_reference))
    (settled,) = settle_unknown([booking.pk])
    assert (settled.state, settled.awb) == ("booked", f"AWB-{booking.client_reference}")
    assert list(OutboxEvent.objects.values_list("kind", "payload")) == [
        ("carriers.BookingSettled", {"booking_id": booking.pk, "parcel_uid": str(parcel)})
    ]


@pytest.mark.django_db
def test_after_proof_of_absence_the_same_reference_is_asked_for_again(scripted: ScriptedCarrier) -> None:
    account = scripted_account()
    parcel = uuid7()
    scripted.on_book = lose_reply(scripted, booked=False)
    lost = book(request=booking_request(), parcel_uid=parcel, account_id=account.pk)
    pass_time(lost)

    (free,) = settle_unknown()
    assert (free.state, free.next_poll_at) == ("requested", None)
    scripted.on_book = scripted.accept
    booking = book(request=booking_request(), parcel_uid=parcel, account_id=account.pk)

    assert (booking.pk, booking.client_reference, booking.state) == (lost.pk, lost.client_reference, "booked")
    assert len(scripted.booked) == 1


@pytest.mark.django_db
def test_settling_leaves_a_booking_alone_whose_carrier_is_silent(scripted: ScriptedCarrier) -> None:
    account = scripted_account()
    scripted.on_book = lose_reply(scripted, booked=True)

    def silent(reference: str) -> Booked | None:
        raise TransientError("down")

    scripted.on_find = silent
    booking = book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk)
    pass_time(booking)

    assert settle_unknown([booking.pk]) == []
    assert settle_unknown() == []
    booking.refresh_from_db()
    account.refresh_from_db()
    assert booking.state == "unknown"
    assert account.last_error == "down"


@pytest.mark.django_db
def test_a_lookup_that_is_refused_keeps_the_booking_unknown_and_says_why(scripted: ScriptedCarrier) -> None:
    account = scripted_account()
    scripted.on_book = lose_reply(scripted, booked=True)

    def refuse(reference: str) -> Booked | None:
        raise PermanentError("Sign-in was refused.")

    scripted.on_find = refuse
    booking = book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk)

    assert settle_unknown([booking.pk]) == []
    booking.refresh_from_db()
    assert (booking.state, booking.error) == ("unknown", "Sign-in was refused.")


@pytest.mark.django_db
def test_an_unknown_booking_that_is_cancelled_is_voided_at_the_carrier(scripted: ScriptedCarrier) -> None:
    account = scripted_account()

    def nothing_yet(reference: str) -> Booked | None:
        raise TransientError("busy")

    scripted.on_book = lose_reply(scripted, booked=True)
    scripted.on_find = nothing_yet
    booking = book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk)
    with pytest.raises(TransientError):
        cancel_booking(booking.pk)
    scripted.on_find = scripted.booked.get

    cancelled = cancel_booking(booking.pk)

    assert cancelled.state == "cancelled"
    assert scripted.cancelled == [f"AWB-{booking.client_reference}"]


@pytest.mark.django_db
def test_an_unknown_booking_cannot_be_closed_before_it_is_certain(scripted: ScriptedCarrier) -> None:
    account = scripted_account()
    scripted.on_book = lose_reply(scripted, booked=False)
    booking = book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk)

    with pytest.raises(TransientError, match="not certain"):
        cancel_booking(booking.pk)
    pass_time(booking)

    assert cancel_booking(booking.pk).state == "failed"


@pytest.mark.django_db
def test_a_cancellation_that_was_cut_off_is_carried_through(scripted: ScriptedCarrier) -> None:
    booking = book(request=booking_request(), parcel_uid=uuid7(), account_id=scripted_account().pk)

    def lost(booked: Booked) -> None:
        raise UnknownOutcome("The reply was lost.")

    scripted.on_cancel = lost
    with pytest.raises(TransientError):
        cancel_booking(booking.pk)
    scripted.on_cancel = lambda booked: None

    (settled,) = settle_unknown([booking.pk])

    assert settled.state == "cancelled"
    assert list(OutboxEvent.objects.values_list("kind", flat=True)) == ["carriers.BookingCancelled"]


@pytest.mark.django_db
def test_a_caller_that_comes_back_after_it_was_taken_for_dead_leaves_no_orphan(scripted: ScriptedCarrier) -> None:
    # Given a carrier that does not know our references, and a slow call that others took for dead and replaced
    account = scripted_account()
    parcel = uuid7()
    scripted.on_find = lambda reference: None

    def slow(request: BookingRequest) -> Booked:
        pass_time(Booking.objects.get())
        settle_unknown([Booking.objects.get().pk])
        scripted.on_book = lambda request: Booked(awb="SECOND", courier_name="Air")
        assert book(request=booking_request(), parcel_uid=parcel, account_id=account.pk).awb == "SECOND"
        return Booked(awb="FIRST", courier_name="Air")

    scripted.on_book = slow

    booking = book(request=booking_request(), parcel_uid=parcel, account_id=account.pk)

    assert (booking.state, booking.awb) == ("booked", "SECOND")
    assert scripted.cancelled == ["FIRST"]


@pytest.mark.django_db(transaction=True)
def test_concurrent_callers_get_one_booking(simulator: SimulatorServer) -> None:
    account = shiprocket_account(simulator)
    parcel = uuid7()
    simulator.faults.add(Fault("slow", count=1, seconds=0.3, path="/orders/create"))
    ready = threading.Barrier(8)

    def call() -> tuple[int, str]:
        ready.wait()
        try:
            booking = book(request=booking_request(), parcel_uid=parcel, account_id=account.pk)
            return booking.pk, booking.state
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        results = {future.result() for future in [pool.submit(call) for _ in range(8)]}

    booking = Booking.objects.get()
    assert results == {(booking.pk, "booked")}
    assert live_awbs(simulator) == [booking.awb]
    assert len(simulator.carrier.store.parcels) == 1


CHILD = """
import json, sys
import django
django.setup()
from carriers.services import book
from carriers.services.stored_request import read_request
from uuid import UUID
work = json.loads(sys.stdin.read())
book(request=read_request(work["request"]), parcel_uid=UUID(work["parcel"]), account_id=work["account"])
"""


def start_process(parcel: UUID, account: CarrierAccount) -> subprocess.Popen[str]:
    """A process of its own that books the parcel in this test's database."""
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    environment = os.environ | {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "oms.settings", "OMS_DEBUG": "true"}
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD], cwd=REPOSITORY, env=environment, stdin=subprocess.PIPE, text=True
    )
    assert child.stdin is not None
    work = {"request": write_request(booking_request()), "parcel": str(parcel), "account": account.pk}
    child.stdin.write(json.dumps(work))
    child.stdin.close()
    return child


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Until it holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "It did not happen in time."
        time.sleep(0.05)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/orders/create", "/courier/assign"])
def test_a_process_killed_between_request_and_reply_leaves_one_booking(simulator: SimulatorServer, path: str) -> None:
    # Given a process that is killed while the carrier has done its part and the reply is on its way
    account = shiprocket_account(simulator)
    account.settings |= {"timeout_seconds": 60.0}
    account.save()
    parcel = uuid7()
    simulator.faults.add(Fault("book_then_timeout", count=1, seconds=60.0, path=path))
    child = start_process(parcel, account)
    try:
        held = simulator.carrier.store
        wait_for(lambda: bool(held.by_awb if path == "/courier/assign" else held.parcels))
    finally:
        child.kill()
        child.wait()
    booking = Booking.objects.get()
    assert (booking.state, booking.awb) == ("requested", "")

    # When its lease has passed and the flow goes on
    pass_time(booking)
    settle_unknown()
    booked = book(request=booking_request(), parcel_uid=parcel, account_id=account.pk)

    # Then the parcel is booked once, under the reference that was written before the call
    assert (booked.pk, booked.state, booked.client_reference) == (booking.pk, "booked", booking.client_reference)
    assert live_awbs(simulator) == [booked.awb]
    assert len(held.parcels) == 1


@pytest.mark.django_db(transaction=True)
def test_parcels_with_a_third_of_the_outcomes_unknown_end_with_one_booking_each(simulator: SimulatorServer) -> None:
    # Given a carrier that loses replies, answers with old cancelled orders and is down now and then
    account = shiprocket_account(simulator)
    for path in ("/orders/create", "/courier/assign"):
        simulator.faults.add(Fault("drop_reply", share=0.3, path=path))
    simulator.faults.add(Fault("cancelled_200", share=0.05))
    simulator.faults.add(Fault("500", share=0.03))
    parcels = [uuid7() for _ in range(PARCELS)]

    def step(parcel: UUID) -> str:
        try:
            return book(request=booking_request(), parcel_uid=parcel, account_id=account.pk).state
        except TransientError:
            return "again"
        finally:
            connection.close()

    # When the flow books, settles and books again until everything is certain
    waiting = parcels
    with ThreadPoolExecutor(6) as pool:
        for _ in range(30):
            states = list(pool.map(step, waiting))
            settle_unknown(
                list(Booking.objects.filter(state__in=["unknown", "cancelling"]).values_list("pk", flat=True))
            )
            waiting = [parcel for parcel, state in zip(waiting, states, strict=True) if state != "booked"]
            if not waiting:
                break

    # Then there is one live booking for each parcel, and the carrier holds exactly those
    assert waiting == []
    assert Transition.objects.filter(to_state="unknown").count() >= PARCELS * 3 // 10
    live = list(Booking.objects.filter(state="booked").values_list("parcel_uid", "awb"))
    assert sorted(uid for uid, _ in live) == sorted(parcels)
    assert live_awbs(simulator) == sorted(awb for _, awb in live)
    assert all(parcel.awb or parcel.cancelled for parcel in simulator.carrier.store.parcels.values())


@pytest.mark.django_db
def test_a_crashed_call_is_not_touched_before_its_lease_has_passed(scripted: ScriptedCarrier) -> None:
    account = scripted_account()

    def die(request: BookingRequest) -> Booked:
        scripted.accept(request)
        raise KeyboardInterrupt

    scripted.on_book = die
    with pytest.raises(KeyboardInterrupt):
        book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk)

    booking = Booking.objects.get()
    assert booking.next_poll_at is not None
    assert booking.next_poll_at > clock.now() + timedelta(minutes=4)
    assert settle_unknown() == []
    assert settle_unknown([booking.pk]) == []
    pass_time(booking)
    assert [row.awb for row in settle_unknown()] == [f"AWB-{booking.client_reference}"]


@pytest.mark.django_db
@pytest.mark.parametrize("error", [NotProven("Neither there nor surely not."), StillUnderWay("Being cancelled.")])
def test_one_booking_that_nothing_proves_does_not_stop_the_next_one(
    scripted: ScriptedCarrier, error: Exception
) -> None:
    account = scripted_account()
    scripted.on_book = lose_reply(scripted, booked=True)
    scripted.on_find = no_answer
    first, second = (book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk) for _ in range(2))
    CarrierAccount.objects.update(last_error_at=None, last_ok_at=None)

    def doubtful(reference: str) -> Booked | None:
        if reference == first.client_reference:
            raise error
        return scripted.booked[reference]

    scripted.on_find = doubtful

    assert [(booking.pk, booking.state) for booking in settle_unknown()] == [(second.pk, "booked")]
    first.refresh_from_db()
    account.refresh_from_db()
    assert (first.state, account.last_error_at) == ("unknown", None)


def no_answer(reference: str) -> Booked | None:
    """A carrier that does not answer when it is asked about a booking."""
    raise TransientError("No answer.")
