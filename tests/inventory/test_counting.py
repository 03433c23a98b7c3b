"""Counting: who holds an area, what a scan comes to, and that sending it again changes nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory.errors import AreaCounted, AreaHeld, LockLost
from inventory.models import (
    CountItem,
    CountScan,
    CountSession,
    Sku,
    StockCount,
    Tracking,
)
from inventory.selectors.count_plans import CountFilter, skus_to_count
from inventory.selectors.count_tally import count_tally
from inventory.selectors.counts import count_sessions, progress_of, unmatched_codes
from inventory.selectors.shelf import nothing_carried
from inventory.services.counting import (
    cancel_count,
    close_counting,
    discard_session,
    match_code,
    pause_session,
    plan_count,
    record_scans,
    release_session,
    set_code_aside,
    start_session,
    submit_session,
    undo_scan,
)
from oms.core.clock import now
from oms.core.errors import Conflict, DomainError, Forbidden
from oms.core.ids import uuid7
from tests.factories import World, make_sku, make_world, stock
from tests.inventory.counting import LEAD, MEERA, RAVI, begun, held, in_review, scan, scanned, submitted
from tests.threads import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def units(count: StockCount) -> dict[int, int]:
    return {sku_id: row.quantity for sku_id, row in count_tally(count.pk, open_too=True).items()}


# -- planning ----------------------------------------------------------------------------------------------------------


def test_planning_the_same_again_gives_the_same_count(world: World) -> None:
    uid = uuid7()

    first = begun(world.blr, world.kurta, world.saree, uid=uid)
    second = begun(world.blr, world.kurta, world.saree, uid=uid)

    assert first.pk == second.pk
    assert first.number == f"CNT-{first.pk:06d}"
    assert CountItem.objects.filter(count=first, state="to_count").count() == 2


def test_a_directed_count_needs_skus_that_have_stock_of_their_own(world: World) -> None:
    kit = make_sku("GIFT-SET", is_kit=True)

    with pytest.raises(DomainError, match="at least one"):
        plan_count(uid=uuid7(), node_id=world.blr.pk, kind="directed", actor="Manager")
    with pytest.raises(DomainError, match="components"):
        begun(world.blr, kit)
    with pytest.raises(DomainError, match="no kind"):
        plan_count(uid=uuid7(), node_id=world.blr.pk, kind="guess", sku_ids=[kit.pk], actor="Manager")

    assert not StockCount.objects.exists()


def test_filters_choose_skus_of_the_node(world: World) -> None:
    Sku.objects.filter(pk=world.saree.pk).update(category="Sarees")
    stock(world.kurta, world.blr, 2)
    done = begun(world.blr, world.shoe)
    in_review(done, scan("SHOE-42", 10))

    def chosen(**only: object) -> list[int]:
        return sorted(skus_to_count(world.blr.pk, CountFilter(**only)))  # type: ignore[arg-type]

    assert chosen() == sorted([world.kurta.pk, world.saree.pk, world.shoe.pk])
    assert chosen(category="Sarees") == [world.saree.pk]
    assert chosen(atp_below=3) == [world.kurta.pk]
    assert chosen(not_counted_days=30) == sorted([world.kurta.pk, world.saree.pk])
    assert chosen(sku_ids=frozenset([world.shoe.pk])) == [world.shoe.pk]
    assert skus_to_count(world.store.pk, CountFilter()) == []


# -- areas -------------------------------------------------------------------------------------------------------------


def test_one_area_is_held_by_one_person_with_one_device(world: World) -> None:
    count = begun(world.blr, world.kurta)
    session = held(count, "Aisle 1")

    again = held(count, " aisle  1 ")
    other = held(count, "Aisle 2", MEERA, "phone-2")
    with pytest.raises(AreaHeld, match="Ravi counts Aisle 1 since") as refused:
        held(count, "Aisle 1", MEERA, "phone-2")
    with pytest.raises(AreaHeld, match="on another device"):
        held(count, "Aisle 1", RAVI, "phone-9")

    assert again.pk == session.pk != other.pk
    assert refused.value.data["session"] == str(session.uid)
    assert CountSession.objects.count() == 2


def test_one_person_may_hold_several_areas(world: World) -> None:
    count = begun(world.blr, world.kurta)

    assert held(count, "Aisle 1").pk != held(count, "Aisle 2").pk


def test_a_released_area_goes_on_with_its_scans_and_the_old_device_is_refused(world: World) -> None:
    count = begun(world.blr, world.kurta)
    session = held(count)
    first = scan("KURTA-M")
    scanned(session, first)

    with pytest.raises(Forbidden, match="Ravi holds"):
        release_session(session_uid=session.uid, counter=MEERA)
    release_session(session_uid=session.uid, counter=LEAD)
    [late, repeated] = scanned(session, scan("KURTA-M"), first)
    taken = held(count, "A", MEERA, "phone-2")
    scanned(taken, scan("KURTA-M"))

    assert (late.outcome, repeated.outcome) == ("refused", "counted")
    assert "no longer yours" in late.text
    assert (taken.pk, taken.person) == (session.pk, "Meera")
    assert units(count) == {world.kurta.pk: 2}


def test_an_area_that_was_submitted_is_not_counted_twice_by_mistake(world: World) -> None:
    count = begun(world.blr, world.kurta)
    submitted(held(count), scan("KURTA-M", 4))

    with pytest.raises(AreaCounted, match="was counted by Ravi already"):
        held(count, "a", MEERA, "phone-2")
    more = start_session(count_uid=count.uid, area="A", counter=MEERA, device="phone-2", again=True)
    submitted(more, scan("KURTA-M", 3))

    assert units(count) == {world.kurta.pk: 7}


def test_submitting_ends_a_session_and_doing_it_again_changes_nothing(world: World) -> None:
    count = begun(world.blr, world.kurta)
    session = submitted(held(count), scan("KURTA-M"))

    again = submit_session(session_uid=session.uid, lock_token=session.lock_token, actor="Ravi")
    [late] = scanned(session, scan("KURTA-M"))

    assert (again.state, again.ended_at) == ("submitted", session.ended_at)
    assert late.outcome == "refused"
    with pytest.raises(LockLost):
        submit_session(session_uid=session.uid, lock_token=uuid4(), actor="Meera")


def test_discarding_throws_away_what_was_scanned(world: World) -> None:
    count = begun(world.blr, world.kurta)
    session = submitted(held(count), scan("KURTA-M", 5))

    with pytest.raises(Forbidden, match="approves"):
        discard_session(session_uid=session.uid, counter=RAVI)
    discard_session(session_uid=session.uid, counter=LEAD)
    discard_session(session_uid=session.uid, counter=LEAD)

    assert units(count) == {}
    assert held(count).pk != session.pk


def test_a_pause_lasts_until_the_next_scan(world: World) -> None:
    session = held(begun(world.blr, world.kurta))

    pause_session(session_uid=session.uid, lock_token=session.lock_token)
    session.refresh_from_db()
    assert session.paused_at is not None
    scanned(session, scan("KURTA-M"))

    session.refresh_from_db()
    assert session.paused_at is None


def test_a_count_that_is_given_up_ends_its_sessions(world: World) -> None:
    count = begun(world.blr, world.kurta)
    session = held(count)

    cancel_count(count_uid=count.uid, actor="Manager", reason="Fire drill")
    cancel_count(count_uid=count.uid, actor="Manager")

    session.refresh_from_db()
    assert (session.state, StockCount.objects.get().state) == ("discarded", "cancelled")
    with pytest.raises(Conflict, match="cancelled"):
        held(count)


# -- scans -------------------------------------------------------------------------------------------------------------


def test_the_same_scans_sent_again_count_once(world: World) -> None:
    count = begun(world.blr, world.kurta)
    session = held(count)
    batch = [scan("KURTA-M"), scan("KURTA-M"), scan(f"890{world.kurta.pk:010d}")]

    first = scanned(session, *batch)
    second = scanned(session, *reversed(batch))

    assert [answer.outcome for answer in first + second] == ["counted"] * 6
    assert first[2].total == second[0].total == 3
    assert units(count) == {world.kurta.pk: 3}


def test_each_scan_says_what_it_came_to(world: World) -> None:
    count = begun(world.blr, world.kurta)
    kit = make_sku("GIFT-SET", is_kit=True)
    answers = scanned(
        held(count), scan("kurta-m"), scan("SAREE-1"), scan("4006381333931"), scan(kit.code), scan("", 1),
        scan("KURTA-M", 0), scan("KURTA-M", -1), scan("X" * 81),
    )  # fmt: skip

    assert [answer.outcome for answer in answers] == [
        "counted", "undirected", "unmatched", "refused", "refused", "refused", "refused", "refused"
    ]  # fmt: skip
    assert [row.code for row in unmatched_codes(count.pk)] == ["4006381333931"]
    assert CountScan.objects.count() == 3


def test_a_free_count_takes_whatever_is_scanned(world: World) -> None:
    [answer] = scanned(held(begun(world.blr)), scan("SAREE-1"))

    assert (answer.outcome, answer.total) == ("counted", 1)


def test_undoing_a_scan_keeps_it_on_record(world: World) -> None:
    count = begun(world.blr, world.kurta)
    session = held(count)
    wrong = scan("KURTA-M", 3)
    scanned(session, scan("KURTA-M"), wrong)

    for _ in range(2):
        undo_scan(session_uid=session.uid, lock_token=session.lock_token, scan_uid=wrong.uid)

    assert units(count) == {world.kurta.pk: 1}
    assert CountScan.objects.get(uid=wrong.uid).is_undone


def test_an_undo_that_arrives_before_its_scan_wins(world: World) -> None:
    count = begun(world.blr, world.kurta)
    session = held(count)
    wrong = scan("KURTA-M")

    [undone] = scanned(session, replace(wrong, is_undone=True))
    [late] = scanned(session, wrong)

    assert (undone.outcome, late.outcome) == ("undone", "undone")
    assert units(count) == {}


def test_a_typed_total_replaces_what_was_scanned_before_it_in_whatever_order_they_arrive(world: World) -> None:
    count = begun(world.blr, world.kurta)
    session, other = held(count), held(count, "B", MEERA, "phone-2")
    start = now()
    before, total, after = (
        scan("KURTA-M", 5, start + timedelta(milliseconds=1)),
        scan("KURTA-M", 8, start + timedelta(milliseconds=2), is_total=True),
        scan("KURTA-M", 1, start + timedelta(milliseconds=3)),
    )

    scanned(other, scan("KURTA-M", 2))
    scanned(session, after)
    scanned(session, total)
    [answer] = scanned(session, before)

    assert answer.total == 9
    assert units(count) == {world.kurta.pk: 11}


def test_a_typed_zero_is_a_count(world: World) -> None:
    count = begun(world.blr, world.kurta)

    [answer] = scanned(held(count), scan("KURTA-M", 0, is_total=True))

    assert (answer.outcome, answer.total) == ("counted", 0)
    assert units(count) == {world.kurta.pk: 0}


def test_a_clock_that_is_wrong_does_not_move_the_moment_of_counting(world: World) -> None:
    count = begun(world.blr, world.kurta)
    session = held(count)
    ahead = timedelta(hours=3)

    record_scans(
        session_uid=session.uid, lock_token=session.lock_token, clock_ahead=ahead,
        scans=[scan("KURTA-M", at=now() + ahead), scan("KURTA-M", at=now() + timedelta(days=9)),
               scan("KURTA-M", at=now() - timedelta(days=9))],
    )  # fmt: skip

    for row in CountScan.objects.all():
        assert session.started_at <= row.scanned_at <= now()


def test_a_scan_of_another_area_is_not_taken_over(world: World) -> None:
    count = begun(world.blr, world.kurta)
    session, other = held(count), held(count, "B", MEERA, "phone-2")
    once = scan("KURTA-M")
    scanned(session, once)

    [answer] = scanned(other, once)

    assert answer.outcome == "refused"
    assert units(count) == {world.kurta.pk: 1}


def test_serial_numbers_are_scanned_one_by_one_and_each_once(world: World) -> None:
    phone = make_sku("PHONE", tracking=Tracking.SERIAL)
    session = held(begun(world.blr, phone))

    answers = scanned(
        session, scan("PHONE"), scan("PHONE", serial="IMEI-1"), scan("PHONE", serial="IMEI-1"),
        scan("PHONE", 2, serial="IMEI-2"), scan("PHONE", serial="IMEI-2"),
    )  # fmt: skip

    assert [answer.outcome for answer in answers] == ["needs_serial", "counted", "refused", "refused", "counted"]
    assert "counted already in A" in answers[2].text
    assert answers[4].total == 2


def test_units_of_lots_name_their_lot(world: World) -> None:
    cream = make_sku("CREAM", tracking=Tracking.LOT)
    session = held(begun(world.blr, cream))

    answers = scanned(session, scan("CREAM"), scan("CREAM", 3, lot="l1"), scan("CREAM", 2, lot="L2"),
                      scan("CREAM", 4, lot="L1", is_total=True))  # fmt: skip

    assert [answer.outcome for answer in answers] == ["needs_lot", "counted", "counted", "counted"]
    assert answers[3].total == 6


# -- unknown codes -----------------------------------------------------------------------------------------------------


def test_an_unknown_code_is_matched_and_kept_as_a_barcode(world: World) -> None:
    count = begun(world.blr, world.kurta)
    scanned(held(count), scan("4006381333931", 3), scan("NO-IDEA"))

    for expected in (1, 0):
        matched = match_code(count_uid=count.uid, code="4006381333931", sku_id=world.kurta.pk, keep_barcode=True,
                             actor="Manager", carried_since=nothing_carried)  # fmt: skip
        assert matched == expected
    aside = set_code_aside(count_uid=count.uid, code="NO-IDEA", reason="A shelf label", actor="Manager")

    assert (units(count), aside, unmatched_codes(count.pk)) == ({world.kurta.pk: 3}, 1, [])
    assert world.kurta.barcodes.filter(code="4006381333931").exists()
    assert CountScan.objects.get(code="NO-IDEA").set_aside == "A shelf label (Manager)"


def test_a_code_is_not_given_to_what_cannot_have_it(world: World) -> None:
    count = begun(world.blr, world.kurta)
    scanned(held(count), scan("4006381333931"))
    world.saree.barcodes.create(code="TAKEN")

    def match(code: str, sku: Sku, keep: bool = False) -> None:
        match_code(count_uid=count.uid, code=code, sku_id=sku.pk, keep_barcode=keep, actor="Manager",
                   carried_since=nothing_carried)  # fmt: skip

    with pytest.raises(DomainError, match="stock of its own"):
        match("4006381333931", make_sku("GIFT-SET", is_kit=True))
    with pytest.raises(DomainError, match="kept by serial number"):
        match("4006381333931", make_sku("PHONE", tracking=Tracking.SERIAL))
    with pytest.raises(Conflict, match="barcode of SAREE-1 already"):
        match("TAKEN", world.kurta, keep=True)
    with pytest.raises(DomainError, match="Say why"):
        set_code_aside(count_uid=count.uid, code="4006381333931", reason=" ", actor="Manager")
    assert len(unmatched_codes(count.pk)) == 1


# -- progress ----------------------------------------------------------------------------------------------------------


def test_progress_takes_the_same_number_of_queries_for_any_number_of_counts(world: World) -> None:
    def asked(counts: list[StockCount]) -> int:
        with CaptureQueriesContext(
            connection,
        ) as found:
            progress_of(counts)
        return len(found)

    one = begun(world.blr, world.kurta, world.saree)
    scanned(held(one), scan("KURTA-M"), scan("UNKNOWN"))
    two = begun(world.blr, world.kurta)

    assert asked([one]) == asked([one, two])
    found = progress_of([one, two])[one.pk]
    assert (found.items, found.counted, found.sessions, found.open_sessions, found.unmatched) == (2, 1, 1, 1, 1)
    [row] = count_sessions(one.pk)
    assert (row.scans, row.units, row.skus) == (2, 2, 1)


# -- several at once ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_of_several_who_want_one_area_one_gets_it() -> None:
    world = make_world()
    count = begun(world.blr, world.kurta)

    def wants(number: int) -> str:
        try:
            return held(count, "A", replace(RAVI, key=f"user:{number}", name=f"P{number}"), f"phone-{number}").person
        except AreaHeld:
            return ""

    got = at_once([lambda n=number: wants(n) for number in range(4)])  # type: ignore[misc]

    assert sorted(bool(name) for name in got) == [False, False, False, True]
    assert CountSession.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_batch_sent_by_several_connections_at_once_counts_once() -> None:
    world = make_world()
    count = begun(world.blr, world.kurta)
    session = held(count)
    batch = [scan("KURTA-M") for _ in range(20)]

    at_once([lambda: scanned(session, *batch)] * 4)

    assert units(count) == {world.kurta.pk: 20}


@pytest.mark.django_db(transaction=True)
def test_what_fails_half_way_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world()
    count = begun(world.blr, world.kurta)
    submitted(held(count), scan("KURTA-M", 9))

    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("the power went")

    monkeypatch.setattr("inventory.services.counting.reviewing.accept_measured", fail)
    with pytest.raises(RuntimeError):
        close_counting(count_uid=count.uid, actor="Manager", carried_since=nothing_carried)

    assert StockCount.objects.get().state == "open"
    assert list(CountItem.objects.values_list("state", "counted_quantity")) == [("to_count", None)]
