"""Rules of choice: which parcels they are about, who is blocked, who has which share, what is best."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest

from carriers.base import RateRequest
from carriers.choosing import Effect, Lane, ParcelTerms, Quote, Rule, Strategy, blocked, choice_for, ranked

START = date(2026, 11, 20)
PARCEL = RateRequest(from_postcode="560058", to_postcode="781001", weight_grams=900, cod_minor=150_000,
                     declared_value_minor=150_000)  # fmt: skip
TERMS = ParcelTerms(node_code="BLR-DC", channel_code="web", service_level="standard", state="Assam", key="p-1")


def rule(effect: Effect = Effect.BLOCK, **changes: Any) -> Rule:
    return Rule(**({"name": "R", "effect": effect, "reason": "Floods.", "accounts": {"riders": 1}} | changes))


def quote(code: str, charge_minor: int, days: int, *, meets: bool | None = None, **changes: Any) -> Quote:
    values: dict[str, Any] = {
        "account_id": 1, "account_code": code, "account_name": code.title(), "eligible": True, "reason": "Arrives.",
        "priority": 10, "charge_minor": charge_minor, "transit_days": days, "meets_promise": meets,
        "expected_delivery": START + timedelta(days=days),
    }  # fmt: skip
    return Quote(**(values | changes))


def order(quotes: list[Quote], *rules: Rule, key: str = "p-1", lanes: dict[str, Lane] | None = None,
          promised_by: date | None = None, fastest: bool = False) -> list[Quote]:  # fmt: skip
    terms = ParcelTerms(node_code="BLR-DC", state="Assam", key=key)
    choice = choice_for(rules, PARCEL, terms, 900)
    return ranked(quotes, choice, terms, lanes or {}, START, promised_by, fastest=fastest)


def codes(quotes: list[Quote]) -> list[str]:
    return [each.account_code for each in quotes]


@pytest.mark.parametrize(
    ("conditions", "holds"),
    [
        ({}, True),
        ({"nodes": ["BLR-DC"]}, True), ({"nodes": ["DEL-DC"]}, False),
        ({"channels": ["web", "app"]}, True), ({"channels": ["app"]}, False),
        ({"services": ["express"]}, False), ({"states": ["ASSAM"]}, True), ({"states": ["Goa"]}, False),
        ({"postcodes": ["11", "78"]}, True), ({"postcodes": ["11"]}, False),
        ({"cash": True}, True), ({"cash": False}, False),
        ({"grams_from": 900, "grams_to": 900}, True), ({"grams_to": 899}, False), ({"grams_from": 901}, False),
        ({"value_from_minor": 150_001}, False), ({"value_to_minor": 150_000}, True),
        ({"nodes": ["BLR-DC"], "cash": False}, False),
    ],
)  # fmt: skip
def test_a_rule_is_about_a_parcel_when_every_condition_holds(conditions: dict[str, Any], holds: bool) -> None:
    assert rule(**conditions).is_about(PARCEL, TERMS, 900) is holds


def test_every_block_counts_and_of_the_others_the_first() -> None:
    rules = [
        rule(name="Goa", states=["Goa"], accounts={"slow": 1}),
        rule(name="Assam", states=["Assam"]),
        rule(name="Value", value_from_minor=100_000, accounts={"slow": 1}, reason="Too dear."),
        rule(Effect.CHOOSE_BY, name="First", strategy=Strategy.FASTEST),
        rule(Effect.CHOOSE_BY, name="Second", strategy=Strategy.CHEAPEST),
    ]

    choice = choice_for(rules, PARCEL, TERMS, 900)

    assert choice.order is not None
    assert choice.order.name == "First"
    assert blocked(choice, "riders") == "Not used by the rule Assam: Floods."
    assert blocked(choice, "slow") == "Not used by the rule Value: Too dear."
    assert blocked(choice, "other") == ""


def test_without_rules_the_promise_comes_before_the_price() -> None:
    quotes = [
        quote("cheap", 4000, 6, meets=False),
        quote("dear", 9000, 1, meets=True),
        quote("fair", 7000, 3, meets=True),
    ]

    found = order(quotes)

    assert codes(found) == ["fair", "dear", "cheap"]
    assert found[0].because == "The cheapest that keeps the promise."
    assert found[2].because == "The cheapest; it misses the promise."
    assert codes(order(quotes, fastest=True)) == ["dear", "fair", "cheap"]


def test_a_rule_says_what_is_best_and_the_quote_says_which_rule() -> None:
    quotes = [quote("cheap", 4000, 6, meets=False), quote("dear", 9000, 1, meets=True)]

    cheapest = order(quotes, rule(Effect.CHOOSE_BY, name="Bulk", strategy=Strategy.CHEAPEST), fastest=True)

    assert codes(cheapest) == ["cheap", "dear"]
    assert cheapest[0].because == "Rule Bulk: the cheapest."


def test_a_share_comes_true_over_many_parcels_and_one_parcel_always_draws_the_same() -> None:
    share = rule(Effect.SHARE, name="Split", accounts={"a": 70, "b": 30})
    quotes = [quote("a", 5000, 3), quote("b", 4000, 3), quote("c", 1000, 3)]

    first = Counter(order(quotes, share, key=f"p-{n}")[0].account_code for n in range(2000))

    assert first["c"] == 0
    assert 0.66 < first["a"] / 2000 < 0.74
    assert codes(order(quotes, share, key="p-7")) == codes(order(quotes[::-1], share, key="p-7"))
    assert codes(order(quotes, share))[2] == "c"
    assert "its share of" in order(quotes, share)[0].because


def test_when_one_of_a_share_cannot_the_others_get_its_part_by_their_weights() -> None:
    share = rule(Effect.SHARE, accounts={"a": 50, "b": 40, "c": 10})
    quotes = [quote("a", 5000, 3, eligible=False), quote("b", 4000, 3), quote("c", 1000, 3)]

    first = Counter(order(quotes, share, key=f"p-{n}")[0].account_code for n in range(2000))

    assert first["a"] == 0
    assert 0.76 < first["b"] / 2000 < 0.84


def test_a_share_never_breaks_a_promise() -> None:
    share = rule(Effect.SHARE, accounts={"late": 1000, "b": 1})

    assert codes(order([quote("late", 100, 9, meets=False), quote("b", 4000, 3, meets=True)], share)) == ["b", "late"]


def lane(returned: int, days: dict[int, int], parent: Lane | None = None) -> Lane:
    """A lane of which so many parcels arrived after so many days each."""
    by_day = [sum(n for took, n in days.items() if took <= day) for day in range(16)]
    return Lane(parcels=returned + by_day[-1], returned=returned, by_day=by_day, parent=parent)


def test_the_score_counts_what_comes_back_and_what_comes_late() -> None:
    # Cheap: a fifth comes back (120.00 each), the rest is half late (60.00). Fair: nothing of that.
    rules = rule(Effect.CHOOSE_BY, strategy=Strategy.SCORE, return_cost_minor=12_000, late_cost_minor=6_000)
    lanes = {"cheap": lane(20, {3: 40, 9: 40}), "fair": lane(0, {3: 100})}

    found = order([quote("cheap", 4000, 3), quote("fair", 7000, 3)], rules, lanes=lanes,
                  promised_by=START + timedelta(days=4))  # fmt: skip

    assert [(each.account_code, each.expected_minor) for each in found] == [("fair", 7000), ("cheap", 8800)]
    assert found[1].reason == "Arrives. 20% come back, 50% would be late."


def test_a_lane_with_few_parcels_leans_on_the_wider_one() -> None:
    wide = lane(100, {2: 900})
    narrow = lane(1, {8: 1}, parent=wide)

    assert wide.return_chance == pytest.approx(0.1)
    assert narrow.return_chance == pytest.approx((1 + 20 * 0.1) / 22)
    assert narrow.chance_by(2) == pytest.approx(20 / 21)
    assert narrow.safe_days == 2
    assert lane(0, {2: 19}).safe_days is None
    assert lane(0, {1: 30, 5: 60, 9: 9}).safe_days == 5
    assert wide.chance_by(-1) == 0
