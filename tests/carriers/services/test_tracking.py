"""Scans: once each, in any order, and polls that leave a failing carrier alone."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from carriers.base import Booked, BookingRequest, Milestone, NdrAction, NdrAnswer, TrackingScan, TrackingUpdate
from carriers.models import Booking, CarrierAccount, TrackingEvent
from carriers.selectors import carrier_health, scans_of_booking
from carriers.services import answer_ndr, book, poll_tracking, record_scans
from carriers.services.accounts import paused_until
from carriers.simulators.shiprocket.server import SimulatorServer
from oms.core import clock
from oms.core.errors import Conflict, NotFound, PermanentError, TransientError
from oms.core.ids import uuid7
from oms.core.models import OutboxEvent
from tests.carriers.services.world import (
    ScriptedCarrier,
    booking_request,
    manual_account,
    pass_time,
    scripted_account,
    shiprocket_account,
)

pytestmark = pytest.mark.django_db
START = datetime(2026, 3, 10, 6, 0, tzinfo=UTC)


def scan(key: str, milestone: Milestone, hours: int, **changes: Any) -> TrackingScan:
    """A scan some hours after the start."""
    values: dict[str, Any] = {
        "scan_key": key,
        "milestone": milestone,
        "occurred_at": START + timedelta(hours=hours),
        "carrier_status": milestone.value.upper(),
        "location": "Pune hub",
    }
    return TrackingScan(**(values | changes))


JOURNEY = (
    scan("1", Milestone.PICKED_UP, 1),
    scan("2", Milestone.IN_TRANSIT, 5),
    scan("3", Milestone.UNKNOWN, 6),
    scan("4", Milestone.OUT_FOR_DELIVERY, 20),
    scan("5", Milestone.ATTEMPT_FAILED, 22),
    scan("6", Milestone.OUT_FOR_DELIVERY, 44),
    scan("7", Milestone.DELIVERED, 46),
)


@pytest.fixture
def booking(scripted: ScriptedCarrier) -> Booking:
    return book(request=booking_request(), parcel_uid=uuid7(), account_id=scripted_account().pk)


def tell(booking: Booking, *scans: TrackingScan, source: str = "poll") -> Booking:
    """Record an update of these scans."""
    recorded = record_scans(account=booking.account, update=TrackingUpdate(awb=booking.awb, scans=scans), source=source)
    assert recorded is not None
    return recorded


def test_scans_are_written_once_and_tell_of_themselves_once(booking: Booking) -> None:
    tell(booking, *JOURNEY[:2], source="webhook")
    after = tell(booking, *JOURNEY[:2])

    assert after.milestone == "in_transit"
    assert after.last_scan_at == START + timedelta(hours=5)
    assert [(row.scan_key, row.source) for row in TrackingEvent.objects.order_by("pk")] == [
        ("1", "webhook"),
        ("2", "webhook"),
    ]
    assert list(OutboxEvent.objects.values_list("kind", "payload")) == [
        ("carriers.TrackingRecorded", {"booking_id": booking.pk, "awb": booking.awb})
    ]


@pytest.mark.parametrize("seed", range(12))
def test_any_order_of_scans_ends_in_the_same_milestone(booking: Booking, seed: int) -> None:
    shuffled = list(JOURNEY) + list(JOURNEY[:3])
    random.Random(seed).shuffle(shuffled)

    for one in shuffled:
        tell(booking, one)

    booking.refresh_from_db()
    assert (booking.milestone, booking.next_poll_at) == ("delivered", None)
    assert TrackingEvent.objects.count() == len(JOURNEY)
    assert [row.scan_key for row in scans_of_booking(booking.pk)] == ["7", "6", "5", "4", "3", "2", "1"]


def test_a_scan_whose_meaning_is_not_known_moves_nothing(booking: Booking) -> None:
    after = tell(booking, *JOURNEY[:3])

    assert after.milestone == "in_transit"
    assert after.last_scan_at == START + timedelta(hours=6)


def test_a_scan_from_the_future_does_not_outrank_the_later_ones(booking: Booking) -> None:
    ahead = clock.now() + timedelta(days=400)
    tell(booking, scan("ahead", Milestone.IN_TRANSIT, 0, occurred_at=ahead))
    after = tell(booking, scan("now", Milestone.OUT_FOR_DELIVERY, 0, occurred_at=clock.now()))

    assert after.milestone == "out_for_delivery"


def test_a_new_expected_day_is_told_without_a_scan(booking: Booking) -> None:
    update = TrackingUpdate(awb=booking.awb, scans=(), expected_delivery=START.date())
    record_scans(account=booking.account, update=update, source="poll")
    record_scans(account=booking.account, update=update, source="poll")

    booking.refresh_from_db()
    assert booking.expected_delivery == START.date()
    assert OutboxEvent.objects.count() == 1


def test_text_that_the_database_cannot_hold_is_cleaned(booking: Booking) -> None:
    odd = scan("k\0\ud800", Milestone.IN_TRANSIT, 1, description="x" * 400 + "\0", location="\ud83d",
               raw={"a\0": ["b\0", float("nan"), {"c": 1.5}]})  # fmt: skip

    tell(booking, odd)

    row = TrackingEvent.objects.get()
    assert (row.scan_key, row.description, row.location) == ("k?", "x" * 300, "?")
    assert row.raw == {"a": ["b", "nan", {"c": 1.5}]}
    assert record_scans(account=booking.account, update=TrackingUpdate(awb="\0", scans=()), source="poll") is None


def test_an_awb_of_another_account_is_not_ours(booking: Booking) -> None:
    other = scripted_account("other")

    assert record_scans(account=other, update=TrackingUpdate(awb=booking.awb, scans=JOURNEY), source="poll") is None
    assert TrackingEvent.objects.count() == 0


def test_a_due_booking_is_polled_and_then_left_until_it_is_due_again(simulator: SimulatorServer) -> None:
    account = shiprocket_account(simulator)
    first = book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk)
    book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk)
    (parcel,) = [held for held in simulator.carrier.store.parcels.values() if held.awb == first.awb]
    simulator.carrier.advance(parcel, Milestone.OUT_FOR_DELIVERY)
    pass_time(first)

    assert poll_tracking() == 1
    assert poll_tracking() == 0

    first.refresh_from_db()
    assert first.milestone == "out_for_delivery"
    assert first.next_poll_at is not None
    assert timedelta(minutes=55) < first.next_poll_at - clock.now() <= timedelta(hours=1)
    assert TrackingEvent.objects.filter(booking=first).count() > 2


def test_a_silent_carrier_is_asked_once_a_run_and_then_ever_more_seldom(scripted: ScriptedCarrier) -> None:
    account = scripted_account()
    bookings = [book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk) for _ in range(3)]
    for one in bookings:
        pass_time(one, minutes=5)
    asked: list[str] = []

    def silent(awb: str) -> TrackingUpdate:
        asked.append(awb)
        raise TransientError("busy", retry_after_seconds=900)

    scripted.on_track = silent

    assert poll_tracking() == 0
    assert poll_tracking() == 0
    assert len(asked) == 1
    bookings[0].refresh_from_db()
    assert bookings[0].next_poll_at is not None
    assert timedelta(minutes=14) < bookings[0].next_poll_at - clock.now() <= timedelta(minutes=15)
    # A long outage makes long pauses, but never longer than half an hour.
    account.refresh_from_db()
    assert account.last_error_at is not None
    for failing, pause in ((timedelta(seconds=30), 1), (timedelta(minutes=20), 10), (timedelta(days=2), 30)):
        account.last_ok_at = account.last_error_at - failing
        until = paused_until(account)
        assert until == account.last_error_at + timedelta(minutes=pause)


def test_an_awb_that_the_carrier_refuses_does_not_stop_the_others(scripted: ScriptedCarrier) -> None:
    account = scripted_account()
    bad = book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk)
    good = book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk)
    pass_time(bad, minutes=9)
    pass_time(good)

    def answer(awb: str) -> TrackingUpdate:
        if awb == bad.awb:
            raise PermanentError("No such AWB.")
        return TrackingUpdate(awb=awb, scans=JOURNEY)

    scripted.on_track = answer

    assert poll_tracking() == 1
    good.refresh_from_db()
    assert good.milestone == "delivered"
    assert poll_tracking() == 0


def test_at_most_so_many_are_polled(scripted: ScriptedCarrier) -> None:
    account = scripted_account()
    for _ in range(3):
        pass_time(book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk))

    assert [poll_tracking(limit=2), poll_tracking(limit=2)] == [2, 1]


def test_an_answer_to_a_failed_attempt_goes_to_the_carrier(simulator: SimulatorServer) -> None:
    account = shiprocket_account(simulator)
    booking = book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk)
    (parcel,) = simulator.carrier.store.parcels.values()
    simulator.carrier.advance(parcel, Milestone.ATTEMPT_FAILED)

    answer_ndr(booking_id=booking.pk, answer=NdrAnswer(action=NdrAction.REATTEMPT, comments="Call first"))

    manual = book(request=booking_request(), parcel_uid=uuid7(), account_id=manual_account().pk)
    with pytest.raises(Conflict, match="takes no answers"):
        answer_ndr(booking_id=manual.pk, answer=NdrAnswer(action=NdrAction.RETURN, comments=""))
    with pytest.raises(NotFound):
        answer_ndr(booking_id=999_999, answer=NdrAnswer(action=NdrAction.RETURN, comments=""))


def test_health_counts_what_happened_and_groups_the_reasons(scripted: ScriptedCarrier, booking: Booking) -> None:
    account = booking.account

    def refuse(request: BookingRequest) -> Booked:
        raise PermanentError("Phone number is wrong.")

    scripted.on_book = refuse
    for number in ("OMS-1", "OMS-2"):
        with pytest.raises(PermanentError):
            book(request=booking_request(order_number=number), parcel_uid=uuid7(), account_id=account.pk)
    tell(booking, *JOURNEY[:2])
    CarrierAccount.objects.create(code="idle", name="Idle", adapter="manual", is_active=False, priority=200)

    busy, idle = carrier_health()

    assert (busy.account.code, busy.booked, busy.refused, busy.success_percent) == ("scripted", 1, 2, 33)
    assert [(problem.error, problem.bookings, problem.order_numbers) for problem in busy.problems] == [
        ("Phone number is wrong.", 2, ("OMS-2", "OMS-1"))
    ]
    assert busy.last_scan_at is not None
    assert (busy.travelling, busy.silent_parcels, busy.state) == (1, 1, "unsure")
    assert (idle.state, idle.success_percent, idle.webhook_url) == ("off", None, "")


def test_the_number_of_health_queries_does_not_grow_with_the_accounts(
    booking: Booking, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(5):
        scripted_account(f"more-{number}")

    with django_assert_num_queries(4):
        assert len(carrier_health()) == 6
