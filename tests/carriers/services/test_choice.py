"""Rules of the database decide who carries a parcel, and lanes are learned from scans."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from carriers.base import Milestone, TrackingScan, TrackingUpdate
from carriers.choosing import Lane
from carriers.models import Booking, CarrierAccount, ChoiceRule, LaneRecord
from carriers.selectors import rule_reach
from carriers.services import book, choose, record_scans
from carriers.services.lanes import lanes_of, learn_lanes
from carriers.services.rules import RuleTerms, move_rule, remove_rule, save_rule
from oms.core.clock import now
from oms.core.errors import Conflict, DomainError
from oms.core.ids import uuid7
from tests.carriers.services.world import booking_request, manual_account, rate_request

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def accounts() -> None:
    manual_account("riders")
    manual_account("vans", settings={"awb_range": {"prefix": "V", "first": 1, "last": 99}})


def block(**changes: Any) -> ChoiceRule:
    terms = RuleTerms(name="Strike", effect="block", reason="On strike.", accounts={"riders": 1})
    return save_rule(terms=replace(terms, **changes), actor="Asha")


def test_a_blocked_account_is_not_used_and_the_booking_says_who_was_chosen_and_why() -> None:
    block()
    manual_account("boats", max_value_minor=200_000)

    quotes = choose(request=rate_request(declared_value_minor=249_950))
    booking = book(request=booking_request(), parcel_uid=uuid7())

    assert {quote.account_code: quote.reason for quote in quotes if not quote.eligible} == {
        "riders": "Not used by the rule Strike: On strike.",
        "boats": "Carries goods worth up to INR 2,000.00; these are worth INR 2,499.50.",
    }
    assert booking.account.code == "vans"
    assert booking.chosen_because == "The cheapest; no day was promised."


@pytest.mark.parametrize(
    ("hours_from", "hours_until", "holds"), [(-1, 1, True), (-2, -1, False), (1, 2, False), (None, 1, True)]
)
def test_a_blackout_holds_between_its_moments(hours_from: int | None, hours_until: int, holds: bool) -> None:
    moment = now()
    begins = None if hours_from is None else moment + timedelta(hours=hours_from)
    block(valid_from=begins, valid_until=moment + timedelta(hours=hours_until))

    eligible = {quote.account_code for quote in choose(request=rate_request()) if quote.eligible}

    assert ("riders" in eligible) is not holds


def test_cash_above_what_an_account_collects_is_refused_in_words() -> None:
    CarrierAccount.objects.filter(code="riders").update(max_cod_minor=100_000)

    found = {quote.account_code: quote.reason for quote in choose(request=rate_request(cod_minor=100_001))}

    assert found["riders"] == "Collects up to INR 1,000.00; this parcel brings INR 1,000.01."
    assert choose(request=rate_request(cod_minor=100_000))[0].account_code == "riders"


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"name": " "}, "name", "Give the rule a name."),
        ({"accounts": {"nobody": 1}}, "accounts", "There is no carrier account nobody."),
        ({"accounts": {}}, "accounts", "Choose at least 1 carrier account(s)."),
        ({"effect": "share"}, "accounts", "Choose at least 2 carrier account(s)."),
        ({"reason": ""}, "reason", "Say why it is not used."),
        ({"grams_from": 9, "grams_to": 8}, "grams_to", "The most weight is below the least."),
        ({"value_from_minor": 9, "value_to_minor": 8}, "value_to_minor", "The highest value is below the lowest."),
        ({"accounts": {"riders": 0}}, "accounts", "A weight is a whole number from 1 to 1000."),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused_at_its_field(changes: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(DomainError) as refused:
        block(**changes)

    assert (refused.value.field, refused.value.message) == (field, words)
    assert not ChoiceRule.objects.exists()


def test_rules_have_an_order_that_is_changed_one_place_at_a_time() -> None:
    first, second, third = block(), block(name="Second"), block(name="Third")

    move_rule(rule_id=third.pk, up=True, actor="Ravi")
    move_rule(rule_id=first.pk, up=True, actor="Ravi")
    remove_rule(rule_id=second.pk)

    assert list(ChoiceRule.objects.values_list("name", flat=True)) == ["Strike", "Third"]
    with pytest.raises(Conflict):
        block(name="strike")


def test_a_rule_that_somebody_changed_meanwhile_is_not_overwritten() -> None:
    rule = block()
    seen = rule.changed_at
    save_rule(terms=RuleTerms(name="Strike", effect="block", reason="Over.", accounts={"vans": 1}), actor="Ravi",
              rule_id=rule.pk, seen_at=seen)  # fmt: skip

    with pytest.raises(Conflict, match="Ravi changed this rule"):
        save_rule(terms=RuleTerms(name="Strike", effect="block", reason="No.", accounts={"vans": 1}), actor="Asha",
                  rule_id=rule.pk, seen_at=seen)  # fmt: skip


def travelled(days_ago: int, took: int | None, *, came_back: bool = False, code: str = "vans") -> Booking:
    """A parcel of the account that left so long ago."""
    account = CarrierAccount.objects.get(code=code)
    booking = book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk, awb=f"T{uuid7().hex[-9:]}")
    left = now() - timedelta(days=days_ago)
    Booking.objects.filter(pk=booking.pk).update(booked_at=left)
    scans = [_scan(Milestone.PICKED_UP, left)]
    if came_back:
        scans.append(_scan(Milestone.RTO_INITIATED, left + timedelta(days=3)))
    elif took is not None:
        scans.append(_scan(Milestone.DELIVERED, left + timedelta(days=took)))
    record_scans(account=account, update=TrackingUpdate(awb=booking.awb, scans=tuple(scans)), source="poll")
    return booking


def _scan(milestone: Milestone, at: datetime) -> TrackingScan:
    return TrackingScan(scan_key=milestone.value, milestone=milestone, occurred_at=at, carrier_status=milestone.value)


def test_lanes_are_learned_from_parcels_that_have_had_their_time() -> None:
    travelled(30, 2)
    travelled(30, 2)
    travelled(30, 5)
    travelled(30, None)  # has not arrived yet: late, whatever comes
    travelled(30, None, came_back=True)
    travelled(3, 1)  # left too lately to judge its kind
    vans = CarrierAccount.objects.get(code="vans")

    learned = learn_lanes()
    lane = lanes_of({vans.pk: "vans"}, rate_request())["vans"]
    again = learn_lanes()

    assert learned == again == LaneRecord.objects.count() == 4
    assert isinstance(lane, Lane)
    assert (lane.parcels, lane.returned) == (5, 1)
    assert [lane.by_day[day] for day in (1, 2, 4, 5, 14, 15)] == [0, 2, 2, 3, 3, 4]
    assert lanes_of({vans.pk: "vans"}, rate_request(to_postcode="110001"))["vans"].parent is not None


def test_what_is_known_of_a_lane_outweighs_what_the_carrier_says() -> None:
    vans = CarrierAccount.objects.get(code="vans")
    by_day = [0] * 6 + [40] * 10
    LaneRecord.objects.create(account=vans, origin="560", destination="421", parcels=40, returned=0, by_day=by_day,
                              learned_at=now())  # fmt: skip
    start = now().date()

    quotes = choose(request=rate_request(), pickup_on=start, promised_by=start + timedelta(days=5))

    assert [(quote.account_code, quote.transit_days, quote.meets_promise) for quote in quotes] == [
        ("riders", 4, True), ("vans", 6, False)
    ]  # fmt: skip
    assert "Nine of ten of its parcels take up to 6 days there; 4 are said." in quotes[1].reason


def test_how_many_of_the_latest_parcels_a_rule_would_be_about() -> None:
    book(request=booking_request(), parcel_uid=uuid7())
    book(request=replace(booking_request(), weight_grams=9000), parcel_uid=uuid7())

    reach = rule_reach(RuleTerms(name="x", effect="choose_by", grams_from=5000, states=["Maharashtra"]))

    assert (reach.parcels, reach.of) == (1, 2)
