"""Failed deliveries: opened and closed by scans, once each; answered once, in order, by whoever is first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from carriers.models import TrackingEvent
from fulfillment.events import DeliveryAnswered
from fulfillment.models import AnsweredBy, AnswerKind, DeliveryAnswer, FailedDelivery
from fulfillment.services import apply_tracking
from fulfillment.services.answers import Wish, answer_failure, mark_told
from fulfillment.services.road import look_after_failures
from fulfillment.services.telling import give_up_telling, tell_again, tell_carrier
from fulfillment.states import ONE_ATTEMPT, failed_attempts
from oms.core.errors import Conflict, DomainError, TransientError
from oms.core.models import OutboxEvent
from tests.factories import World, make_world
from tests.fulfillment.failing import by_shiprocket, failed, on_the_road, scan
from tests.fulfillment.floor import make_carrier
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
MILESTONES = st.sampled_from(["attempt_failed", "out_for_delivery", "in_transit", "delivered", "rto_initiated"])
AGAIN = Wish(kind=AnswerKind.AGAIN)


@pytest.fixture
def world() -> World:
    made = make_world()
    make_carrier()
    return made


def answer(
    failure: FailedDelivery,
    wish: Wish,
    by: AnsweredBy = AnsweredBy.PERSON,
    *,
    seen: int | None = None,
    by_phone: bool = False,
) -> DeliveryAnswer:
    actor = "Asha" if by == AnsweredBy.PERSON else by
    return answer_failure(failure_id=failure.pk, wish=wish, by=by, actor=actor, seen=seen, by_phone=by_phone)


@given(st.lists(st.tuples(MILESTONES, st.integers(0, 100)), max_size=10))
def test_attempts_are_a_fold_in_which_one_at_most_is_open_and_it_is_the_last(scans: list[tuple[str, int]]) -> None:
    start = timezone.now()
    told = [(name, start + timedelta(hours=hour)) for name, hour in sorted(scans, key=lambda item: item[1])]
    attempts = failed_attempts(told)
    assert all(attempt.ended for attempt in attempts[:-1])
    firsts = [attempt.began_at for attempt in attempts]
    ended_by_a_ride = [attempt.ended == "again" for attempt in attempts]
    for before, after, ridden in zip(firsts, firsts[1:], ended_by_a_ride, strict=False):
        assert ridden or after - before >= ONE_ATTEMPT


def test_a_scan_opens_one_case_however_often_and_late_it_comes(world: World) -> None:
    shipment = on_the_road(world, "1")
    said = timezone.now() - timedelta(hours=30)
    TrackingEvent.objects.create(booking_id=shipment.booking_id or 0, scan_key="first", milestone="attempt_failed",
                                 sub_status="customer_unavailable", occurred_at=said)  # fmt: skip
    at_once([partial(apply_tracking, [shipment.booking_id or 0])] * 3)
    failure = shipment.failures.get()
    scan(shipment, "attempt_failed", 29, scan_key="said again")
    scan(shipment, "out_for_delivery", 8)
    scan(shipment, "attempt_failed", 4, sub_status="refused")
    late = scan(shipment, "attempt_failed", 80, scan_key="late")

    rows = shipment.failures.order_by("number").values_list("number", "reason", "state", "ended", "scan_id")
    scan_ids = list(TrackingEvent.objects.order_by("occurred_at").values_list("pk", flat=True))
    assert list(rows) == [
        (1, "other", "closed", "next", late.pk), (2, "customer_unavailable", "closed", "again", failure.scan_id),
        (3, "refused", "waiting", "", scan_ids[-1]),
    ]  # fmt: skip
    scan(shipment, "delivered", 1)
    assert shipment.failures.get(number=3).ended == "delivered"
    assert failure.due_at - failure.failed_at == timedelta(hours=24)


def test_an_answer_is_stored_before_the_carrier_is_told_and_the_same_again_is_one(world: World) -> None:
    failure = failed(world, "1")
    by_shiprocket(failure.shipment)

    first, again = answer(failure, AGAIN), answer(failure, AGAIN)

    assert first.pk == again.pk
    failure.refresh_from_db()
    assert (first.state, failure.state) == ("queued", "telling")
    assert OutboxEvent.objects.filter(kind=DeliveryAnswered.kind).count() == 1
    with pytest.raises(TransientError):
        tell_carrier(first.pk)
    first.refresh_from_db()
    assert (first.state, bool(first.error)) == ("queued", True)


def test_what_the_carrier_cannot_be_asked_is_refused_in_words(world: World) -> None:
    failure = failed(world, "1")
    by_shiprocket(failure.shipment)
    today = timezone.localdate()

    for bad, field in (
        (Wish(kind=AnswerKind.ON_DAY, deliver_on=today), "deliver_on"), (Wish(kind=AnswerKind.CORRECT), "line1"),
        (Wish(kind=AnswerKind.CORRECT, line1="Flat 2, Pune 411001"), "line1"),
        (Wish(kind=AnswerKind.CORRECT, phone="12"), "phone"),
    ):  # fmt: skip
        with pytest.raises(DomainError) as refused:
            answer(failure, bad)
        assert refused.value.field == field
    FailedDelivery.objects.update(number=3)
    with pytest.raises(DomainError, match="tried 3 times"):
        answer(failure, AGAIN)
    assert not DeliveryAnswer.objects.exists()
    assert answer(failure, Wish(kind=AnswerKind.RETURN)).state == "queued"
    with pytest.raises(Conflict, match="back"):
        answer(failure, AGAIN, by_phone=True)


def test_a_carrier_without_an_api_is_told_by_phone(world: World) -> None:
    failure = failed(world, "1")
    given_ = answer(failure, AGAIN)
    failure.refresh_from_db()
    assert (given_.state, failure.state) == ("to_call", "waiting")
    tell_carrier(given_.pk)
    mark_told(answer_id=given_.pk, actor="Asha")
    mark_told(answer_id=given_.pk, actor="Asha")

    failure.refresh_from_db()
    assert (failure.state, failure.act_by is not None) == ("told", True)
    FailedDelivery.objects.update(act_by=timezone.now() - timedelta(minutes=1))
    assert look_after_failures() == (1, 0)
    failure.refresh_from_db()
    assert failure.state == "not_done"


def test_what_nobody_answers_in_time_is_answered_by_the_rule_of_the_account(world: World) -> None:
    failure = failed(world, "1", 30)
    by_shiprocket(failure.shipment)
    assert look_after_failures() == (0, 0)
    failure.shipment.refresh_from_db()
    account = failure.shipment.carrier_account
    assert account is not None
    account.settings = {"care": {"after_due": "again"}}
    account.save()
    assert (look_after_failures(), look_after_failures()) == ((0, 1), (0, 0))
    assert DeliveryAnswer.objects.get().answered_by == "rule"


def refused_or(act: Callable[[], DeliveryAnswer]) -> str:
    try:
        return str(act().answered_by)
    except Conflict as error:
        return error.message


def test_customer_and_agent_answer_at_once_and_nothing_is_lost(world: World) -> None:
    failure = failed(world, "1")
    by_shiprocket(failure.shipment)
    day = failure.shipment.node.today() + timedelta(days=1)
    if day.isoweekday() == 7:
        day += timedelta(days=1)
    customer = partial(answer, failure, Wish(kind=AnswerKind.ON_DAY, deliver_on=day), AnsweredBy.CUSTOMER)
    agent = partial(answer, failure, AGAIN, seen=0)

    told = at_once([partial(refused_or, customer), partial(refused_or, agent)])

    kept = list(DeliveryAnswer.objects.order_by("pk").values_list("answered_by", flat=True))
    assert told[0] == "customer"
    # The agent was first and both are told in order, or the agent is shown what the customer said.
    assert (kept, told[1]) in (
        (["person", "customer"], "person"),
        (["customer"], f"customer answered for {failure.shipment.order.number} meanwhile. Look at it again."),
    )


def test_a_parcel_that_moved_on_takes_no_answer_and_what_was_not_told_is_not_told(world: World) -> None:
    failure = failed(world, "1")
    by_shiprocket(failure.shipment)
    given_ = answer(failure, AGAIN)
    scan(failure.shipment, "out_for_delivery", 0)
    with pytest.raises(Conflict, match="moved on"):
        answer(failure, Wish(kind=AnswerKind.RETURN))
    tell_carrier(given_.pk)
    given_.refresh_from_db()
    assert given_.state == "late"


def test_a_complaint_of_which_the_reply_was_lost_is_not_made_twice(world: World) -> None:
    failure = failed(world, "1")
    by_shiprocket(failure.shipment)
    complaint = answer(failure, Wish(kind=AnswerKind.FAKE))
    DeliveryAnswer.objects.update(state="sending", claimed_until=timezone.now() - timedelta(minutes=1))
    tell_carrier(complaint.pk)
    complaint.refresh_from_db()
    failure.refresh_from_db()
    # A person sees it again, in the queue of what has to be answered.
    assert (complaint.state, failure.state) == ("unsure", "refused")


def test_a_delivery_that_is_scanned_late_ends_what_had_failed_after_it(world: World) -> None:
    failure = failed(world, "1", 2)
    scan(failure.shipment, "delivered", 3)
    failure.refresh_from_db()
    failure.shipment.refresh_from_db()
    assert (failure.state, failure.ended, failure.shipment.state) == ("closed", "delivered", "delivered")


def test_parcels_that_do_not_fail_have_no_case(world: World) -> None:
    shipment = on_the_road(world, "1")
    scan(shipment, "delivered")
    assert not FailedDelivery.objects.exists()


def test_a_carrier_that_is_not_reached_for_good_gives_the_answer_back_to_people(world: World) -> None:
    failure = failed(world, "1")
    by_shiprocket(failure.shipment)
    given_ = answer(failure, AGAIN)
    give_up_telling(given_.pk, "connection refused")
    given_.refresh_from_db()
    failure.refresh_from_db()
    assert (given_.state, failure.state) == ("refused", "refused")
    assert "could not be reached: connection refused" in given_.error
    tell_again(given_.pk)
    given_.refresh_from_db()
    assert given_.state == "queued"
