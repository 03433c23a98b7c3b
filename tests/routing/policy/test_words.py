"""A policy in sentences, and the difference of two."""

from __future__ import annotations

from dataclasses import replace

from routing.engine import Eligibility, TransferTerms, Weights
from routing.policy.conditions import Group, Row
from routing.policy.document import STANDARD, Document, Fallback, Rule, SortKey, Split
from routing.policy.words import difference, order_words, rule_sentences

GIFTS = Rule(
    "Gifts",
    when=Group("all", (
        Row("gift", "yes"), Row("value", "at_least", 100_000),
        Group("any", (Row("tags", "has_any", ("vip",)), Row("weight", "below", 1500))),
    )),
    sequence=(SortKey("ship_by"), SortKey("value", descending=True)),
    nodes=Eligibility(kinds=frozenset({"store", "warehouse"}), max_km=300, keep_units=1),
    weights=Weights(shipping=1.5, distance_minor_per_km=0, transit_minor_per_day=0, load_minor=0, priority_minor=0),
    split=Split(2, max_extra_minor=5_000, min_parcel_minor=20_000, keep_gifts_whole=True),
    fallback=Fallback(partial=False, then="next", hold=True, cancel_after_days=3),
)  # fmt: skip


def test_a_rule_says_what_it_does_in_plain_sentences() -> None:
    assert rule_sentences(GIFTS) == [
        "Takes orders where it is a gift and the order value is at least ₹1,000 and "
        "(the tags include any of vip or the weight is below 1.5 kg).",
        "First come those to be shipped soonest, then the largest value.",
        "Only nodes of the kind store or warehouse.",
        "Only nodes within 300 km of the customer.",
        "Every node keeps 1 unit of each SKU.",
        "The cheapest plan wins. It counts 1.5 times the courier's price, ₹40 for every further parcel of an order and "
        "₹100 a day after the promise.",
        "An order leaves in at most 2 parcels.",
        "A split may cost at most ₹50 more than one parcel.",
        "Each parcel of a split carries goods of at least ₹200.",
        "Gifts are never split.",
        "What cannot be filled whole goes to the next rule; nothing is shipped.",
        "An order that waits is held until a person releases it.",
        "What still waits 3 days after the order came is cancelled.",
    ]


def test_a_rule_that_lets_nodes_send_to_the_store_says_within_which_days_and_for_what() -> None:
    sends = Rule("A", fallback=Fallback(transfer=TransferTerms(max_days=2, minor=1_500)))

    assert difference(Document((Rule("A"),)), Document((sends,))) == [
        "“A”: now: What a store of collection lacks other nodes send to it, where it is there within 2 days; each that "
        "sends counts ₹15 beside its freight."
    ]


def test_the_standard_rule_says_that_it_takes_every_order() -> None:
    sentences = rule_sentences(STANDARD.rules[0])

    assert sentences[0] == "Takes every order."
    assert sentences[-1] == "What is there is shipped, and the rest waits for stock."


def test_a_word_with_many_values_is_cut_short() -> None:
    tree = Group("any", (Row("skus", "has_any", tuple("abcdefgh")), Row("promise", "unknown")))

    assert order_words(tree) == (
        "orders where the SKUs include any of a, b, c, d, e, f and 2 more or the time left to the promise is not known"
    )


def test_a_changed_weight_is_named_with_both_amounts() -> None:
    rest = STANDARD.rules[0]
    heavier = replace(rest, weights=Weights(split_minor=9_000, distance_minor_per_km=2.5), split=Split(2))

    assert difference(STANDARD, Document((heavier,))) == [
        "“Every order”: Split from ₹40 to ₹90.",
        "“Every order”: Distance from ₹2 per 100 km to ₹2.50 per 100 km.",
        "“Every order”: Parcels from at most 3 to at most 2.",
    ]


def test_new_gone_moved_and_renamed_rules_are_named() -> None:
    a, b, c = Rule("A"), Rule("B", enabled=False), Rule("C")

    assert difference(Document((a, b)), Document((b, a))) == ["Rules are tried in the sequence “B”, “A”."]
    assert difference(Document((a,)), Document((c,))) == ["The rule “A” is now called “C”."]
    assert difference(Document((a, b)), Document((b,))) == ["The rule “A” is gone."]
    assert difference(Document((b,)), Document((replace(b, enabled=True),))) == ["“B”: switched on."]
    assert difference(Document((a,)), Document((a, replace(c, split=Split(1))))) == [
        "New rule “C”: Takes every order. One parcel only: an order is never split."
    ]
    assert difference(Document((a, b)), Document((a, b))) == []


def test_other_parts_of_a_rule_are_told_as_what_holds_now_and_no_more() -> None:
    before = Rule("A", nodes=Eligibility(max_km=100), fallback=Fallback(partial=True))
    after = Rule("A", nodes=Eligibility(max_km=200), fallback=Fallback(partial=False))

    assert difference(Document((before,)), Document((after,))) == [
        "“A”: no more: Only nodes within 100 km of the customer.",
        "“A”: now: Only nodes within 200 km of the customer.",
        "“A”: no more: What is there is shipped, and the rest waits for stock.",
        "“A”: now: An order that cannot be filled whole waits whole.",
    ]
