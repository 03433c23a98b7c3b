"""Conditions: what is refused and where, and that compiled they say what they say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.policy.conditions import (
    EVERY_ORDER,
    Group,
    Row,
    compile_conditions,
    conditions_json,
    read_conditions,
)
from routing.policy.facts import FIELDS, OrderFacts
from routing.policy.problems import Problem, Reading
from tests.routing.policy import strategies


def read(given: object) -> tuple[Group, list[Problem]]:
    reading = Reading()
    return read_conditions(given, "rules[2].when", reading), reading.problems


def row(field: str, op: str, **value: Any) -> dict[str, Any]:
    return {"field": field, "op": op} | value


@pytest.mark.parametrize(
    ("tree", "path", "expected"),
    [
        ([], "rules[2].when", 'an object with either "all" or "any"'),
        ({"all": [], "any": []}, "rules[2].when", 'an object with either "all" or "any"'),
        ({"any": {}}, "rules[2].when.any", "a list"),
        ({"any": [7]}, "rules[2].when.any[0]", "an object"),
        ({"all": [row("colour", "one_of")]}, "rules[2].when.all[0].field", f"one of {', '.join(FIELDS)}"),
        ({"all": [row("value", "one_of", value=["x"])]}, "rules[2].when.all[0].op", "one of at_least, below"),
        ({"all": [row("promise", "is")]}, "rules[2].when.all[0].op", "one of at_least, below, known, unknown"),
        ({"any": [{"all": [row("gift", "yes"), row("value", "below", value="9")]}]},
         "rules[2].when.any[0].all[1].value", "a whole number from -1000000000000 to 1000000000000"),
        ({"all": [row("units", "below", value=True)]}, "rules[2].when.all[0].value",
         "a whole number from -1000000000000 to 1000000000000"),
        ({"all": [row("tags", "has_any", value=[])]}, "rules[2].when.all[0].value", "at least one word"),
        ({"all": [row("tags", "has_any", value=["x", " "])]}, "rules[2].when.all[0].value",
         "a list of texts of at most 120 characters"),
        ({"all": [row("gift", "yes", value=1)]}, "rules[2].when.all[0].value", 'no value with "yes"'),
        ({"all": [{"any": []}]}, "rules[2].when.all[0].any", "at least one row in a group"),
        ({"all": [{"any": [{"all": [row("gift", "yes")]}]}]}, "rules[2].when.all[0].any[0]",
         "a row: groups go two levels deep at most"),
        ({"all": [row("gift", "yes", note="x")]}, "rules[2].when.all[0].note", "one of field, op, value"),
    ],
)  # fmt: skip
def test_a_wrong_condition_is_refused_at_its_place(tree: object, path: str, expected: str) -> None:
    _, problems = read(tree)

    assert [(each.path, each.expected) for each in problems] == [(path, expected)]


def test_every_problem_is_told_at_once_with_what_came() -> None:
    _, problems = read({"all": [row("value", "at_least", value="much"), row("channel", "one_of", value="web")]})

    assert [str(each) for each in problems] == [
        "rules[2].when.all[0].value: expected a whole number from -1000000000000 to 1000000000000, got much.",
        "rules[2].when.all[1].value: expected a list, got web.",
    ]


ASHA = OrderFacts.of(
    channel="Web", tags=["VIP", " fragile "], value_minor=150_000, promise_hours=30.5, postcode="560001",
    categories=["Sarees"], is_gift=True, units=3,
)  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "holds"),
    [
        (Row("channel", "one_of", ("web", "amazon")), True),
        (Row("channel", "none_of", ("WEB",)), False),
        (Row("tags", "has_any", ("vip", "b2b")), True),
        (Row("tags", "has_all", ("vip", "Fragile")), True),
        (Row("tags", "has_all", ("vip", "b2b")), False),
        (Row("tags", "has_none", ("b2b",)), True),
        (Row("value", "at_least", 150_000), True),
        (Row("value", "below", 150_000), False),
        (Row("promise", "below", 31), True),
        (Row("promise", "known"), True),
        (Row("promise", "unknown"), False),
        (Row("postcode", "starts_with", ("11", "56")), True),
        (Row("postcode", "starts_with_none", ("56",)), False),
        (Row("gift", "yes"), True),
        (Row("b2b", "yes"), False),
        (Row("categories", "has_any", ("sarees",)), True),
    ],
)
def test_a_row_asks_one_thing_of_an_order(asked: Row, holds: bool) -> None:
    assert compile_conditions(Group("all", (asked,)))(ASHA) is holds


def test_a_number_that_an_order_does_not_have_fulfills_no_comparison() -> None:
    nobody_promised = OrderFacts.of()

    assert not compile_conditions(Group("all", (Row("promise", "below", 1000),)))(nobody_promised)
    assert not compile_conditions(Group("all", (Row("promise", "at_least", -1000),)))(nobody_promised)


def test_no_condition_takes_every_order() -> None:
    assert compile_conditions(EVERY_ORDER)(OrderFacts.of())


def by_hand(tree: Group | Row, facts: OrderFacts) -> bool:
    """What a condition says, worked out the slow way."""
    if isinstance(tree, Group):
        found = [by_hand(each, facts) for each in tree.members]
        return not found or (all(found) if tree.join == "all" else any(found))
    has = FIELDS[tree.field].read(facts)
    if tree.op in ("yes", "no"):
        return bool(has) == (tree.op == "yes")
    if tree.op in ("known", "unknown"):
        return (has is not None) == (tree.op == "known")
    if isinstance(tree.value, int):
        return has is not None and (has >= tree.value if tree.op == "at_least" else has < tree.value)
    assert tree.value is not None
    asked = {word.lower() for word in tree.value}
    found_words = {has} if isinstance(has, str) else set(has)
    if tree.op.startswith("starts"):
        return any(has[: len(word)] == word for word in asked) == (tree.op == "starts_with")
    if tree.op == "has_all":
        return all(word in found_words for word in asked)
    return any(word in found_words for word in asked) == (tree.op in ("one_of", "has_any"))


@given(strategies.trees, st.lists(strategies.facts, min_size=1, max_size=5))
def test_compiled_conditions_say_what_the_tree_says(tree: Group, orders: list[OrderFacts]) -> None:
    test = compile_conditions(tree)

    assert [test(facts) for facts in orders] == [by_hand(tree, facts) for facts in orders]


@given(strategies.trees)
def test_a_tree_survives_its_way_through_json(tree: Group) -> None:
    assert read(json.loads(json.dumps(conditions_json(tree)))) == (tree, [])
