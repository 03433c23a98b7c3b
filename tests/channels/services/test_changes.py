"""What a newer version of an order means for the one we hold: pure merging."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from channels.changes import (
    CancelUnits,
    ChangeAddress,
    ChangePayment,
    ChangeSubstitutes,
    HeldLine,
    HeldOrder,
    Note,
    PlaceHold,
    ReleaseHold,
    plan_changes,
    plan_deletion,
)
from oms.core.values import Address
from orders.canonical import CanonicalLine, CanonicalOrder, CanonicalPayment

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOME = Address(name="Asha", line1="12 MG Road", city="Bengaluru", postcode="560001")
OFFICE = Address(name="Asha", line1="1 Residency Road", city="Bengaluru", postcode="560025")
PAID = CanonicalPayment(state="paid", amount_minor=1000, captured_minor=1000)

LINE = CanonicalLine(external_id="a", sku_code="A", quantity=3)
BASE = CanonicalOrder(
    external_id="1", placed_at=NOON, lines=(LINE,), ship_to=HOME, payment=PAID, external_updated_at=NOON
)
HELD_LINE = HeldLine(line_id=11, external_id="a", sku_code="A", quantity=3, cancelled=0, shipped=0)
HELD = HeldOrder(lines=(HELD_LINE,), address=HOME, payment=PAID)


def later(**changes: Any) -> CanonicalOrder:
    return replace(BASE, external_updated_at=NOON + timedelta(minutes=1), **changes)


def held(cancelled: int = 0, shipped: int = 0, **changes: Any) -> HeldOrder:
    return replace(HELD, lines=(replace(HELD_LINE, cancelled=cancelled, shipped=shipped),), **changes)


def test_a_customer_who_takes_no_substitutes_any_more_is_heard_and_a_persons_word_stands() -> None:
    allowed = replace(BASE, substitutions="allowed")
    assert plan_changes(HELD, later(), allowed) == (ChangeSubstitutes(False),)
    assert plan_changes(HELD, later(substitutions="allowed"), BASE) == (ChangeSubstitutes(True),)
    assert plan_changes(HELD, later(substitutions="allowed"), allowed) == ()
    assert plan_changes(HELD, later(), None) == ()


def test_a_version_that_says_the_same_changes_nothing() -> None:
    assert plan_changes(HELD, later(), BASE) == ()
    assert plan_changes(HELD, later(), None) == ()


def test_a_cancelled_order_is_cancelled_as_a_whole() -> None:
    assert plan_changes(HELD, later(cancelled=True), BASE) == (
        CancelUnits({11: 3}, "The channel cancelled the order", whole=True),
    )


def test_units_that_have_been_shipped_are_not_cancelled_but_expected_back() -> None:
    changes = plan_changes(held(shipped=1), later(cancelled=True), BASE)
    assert changes == (
        CancelUnits({11: 2}, "The channel cancelled the order", whole=True),
        Note("The channel cancelled the order, but 1 units have been shipped: expect them back."),
    )


def test_an_order_that_is_cancelled_here_needs_no_cancelling() -> None:
    assert plan_changes(held(cancelled=3), later(cancelled=True), BASE) == ()


def test_units_taken_off_a_line_are_cancelled_and_no_more_than_that() -> None:
    fewer = later(lines=(replace(LINE, cancelled_quantity=2),))
    assert plan_changes(HELD, fewer, BASE) == (
        CancelUnits({11: 2}, "The channel took units off the order", whole=False),
    )
    assert plan_changes(held(cancelled=1), fewer, BASE)[0] == CancelUnits(
        {11: 1}, "The channel took units off the order", whole=False
    )
    assert plan_changes(held(cancelled=2), fewer, BASE) == ()


def test_a_line_that_disappeared_is_cancelled() -> None:
    other = CanonicalLine(external_id="b", sku_code="B", quantity=1)
    two = replace(HELD, lines=(HELD_LINE, HeldLine(line_id=12, external_id="b", sku_code="B", quantity=1,
                                                   cancelled=0, shipped=0)))  # fmt: skip
    base = replace(BASE, lines=(LINE, other))
    assert plan_changes(two, later(lines=(other,)), base) == (
        CancelUnits({11: 3}, "The channel took units off the order", whole=False),
    )


def test_what_we_cancelled_ourselves_is_not_a_wish_of_the_channel() -> None:
    assert plan_changes(held(cancelled=1), later(), BASE) == ()


def test_a_new_address_of_the_channel_is_taken_over() -> None:
    assert plan_changes(HELD, later(ship_to=OFFICE), BASE) == (ChangeAddress(OFFICE),)


def test_an_address_corrected_here_survives_a_message_that_repeats_the_old_one() -> None:
    assert plan_changes(replace(HELD, address=OFFICE), later(), BASE) == ()


def test_an_address_that_a_channel_withholds_does_not_erase_ours() -> None:
    assert plan_changes(HELD, later(ship_to=Address()), BASE) == ()


def test_money_is_recorded_within_what_was_agreed() -> None:
    refunded = CanonicalPayment(state="refunded", amount_minor=1000, captured_minor=5000, refunded_minor=3000)
    [change] = plan_changes(HELD, later(payment=refunded), BASE)
    assert isinstance(change, ChangePayment)
    assert (change.payment.state, change.payment.captured_minor, change.payment.refunded_minor) == (
        "refunded", 1000, 1000,
    )  # fmt: skip


def test_a_confirmed_payment_releases_the_order_that_waited_for_it() -> None:
    pending = CanonicalPayment(state="pending", amount_minor=1000)
    waiting = replace(HELD, payment=pending, holds=frozenset({"payment_pending"}))
    changes = plan_changes(waiting, later(), replace(BASE, payment=pending))
    assert [type(change) for change in changes] == [ChangePayment, ReleaseHold]


def test_a_hold_of_the_channel_comes_and_goes_with_it() -> None:
    wait = later(on_hold_by_channel=True)
    [placed] = plan_changes(HELD, wait, BASE)
    assert isinstance(placed, PlaceHold)
    assert placed.handle == "channel"
    on_hold = replace(HELD, holds=frozenset({"channel"}))
    assert plan_changes(on_hold, wait, BASE) == ()
    [released] = plan_changes(on_hold, later(), wait)
    assert isinstance(released, ReleaseHold)


def test_a_hold_released_by_a_person_is_not_placed_again_by_the_next_message() -> None:
    wait = later(on_hold_by_channel=True)
    assert plan_changes(HELD, replace(wait, customer_note="hello"), wait) == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lines": (replace(LINE, quantity=5),)}, "A grew from 3 to 5"),
        ({"lines": (LINE, CanonicalLine(external_id="n", sku_code="N", quantity=2))}, "2 x N were added"),
        ({"payment": replace(PAID, method="cod")}, "payment by prepaid became cod"),
        ({"service_level": "same_day"}, "standard became same day"),
    ],
)
def test_what_cannot_be_carried_over_holds_the_order_for_a_person(change: dict[str, Any], words: str) -> None:
    changes = plan_changes(HELD, later(**change), BASE)
    [hold] = [item for item in changes if isinstance(item, PlaceHold)]
    assert hold.handle == "channel-changed"
    assert words in hold.note


def test_an_order_that_the_channel_calls_shipped_while_it_is_here_is_held() -> None:
    [hold] = plan_changes(HELD, later(shipped=True), BASE)
    assert isinstance(hold, PlaceHold)
    assert hold.handle == "channel-shipped"
    assert plan_changes(held(shipped=3), later(shipped=True), BASE) == ()


def test_a_version_without_a_time_can_only_take_away() -> None:
    timeless = replace(BASE, external_updated_at=None, ship_to=OFFICE, on_hold_by_channel=True)
    assert plan_changes(HELD, timeless, BASE) == ()
    assert plan_changes(HELD, replace(timeless, cancelled=True), BASE) == (
        CancelUnits({11: 3}, "The channel cancelled the order", whole=True),
    )


def test_a_deleted_order_is_cancelled_as_far_as_it_is_here() -> None:
    assert plan_deletion(HELD) == (CancelUnits({11: 3}, "The channel deleted the order", whole=True),)
    assert plan_deletion(held(cancelled=3)) == ()
