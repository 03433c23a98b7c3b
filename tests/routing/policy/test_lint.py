"""Lint: what it finds, and that what it proves is true."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from routing.engine import Eligibility, NodeInput, Weights
from routing.policy.conditions import Group, Row, compile_conditions
from routing.policy.document import STANDARD, Document, Fallback, Rule
from routing.policy.facts import OrderFacts
from routing.policy.lint import Finding, lint
from routing.policy.reasoning import holds_never, implies
from tests.routing.policy import strategies

DEAR = Group("all", (Row("value", "at_least", 100_000),))
REST = Rule("Rest")


def where(*members: Row | Group) -> Group:
    return Group("all", members)


def test_the_standard_policy_has_nothing_to_say() -> None:
    assert lint(STANDARD) == []


def test_a_rule_behind_one_that_takes_every_order_is_never_reached() -> None:
    found = lint(Document((REST, Rule("Dear", when=DEAR))))

    assert found == [
        Finding("error", 1, "when", "“Dear” is never reached: “Rest” stands before it and takes every order.")
    ]


def test_a_rule_whose_orders_an_earlier_one_takes_is_shadowed() -> None:
    dearer = Rule("Dearer", when=where(Row("value", "at_least", 200_000), Row("channel", "one_of", ("web",))))

    found = lint(Document((Rule("Dear", when=DEAR), dearer, REST)))

    assert found == [
        Finding("error", 1, "when", "“Dearer” never acts: “Dear” stands before it and takes all of its orders.")
    ]


def test_a_rule_behind_one_that_passes_on_or_is_off_is_not_shadowed() -> None:
    passing = Rule("Passing", when=DEAR, fallback=Fallback(then="next"))
    off = Rule("Off", enabled=False)

    assert lint(Document((passing, off, Rule("Dear", when=DEAR), REST))) == []


def test_conditions_that_contradict_each_other_are_found() -> None:
    never = Rule("Never", when=where(Row("value", "at_least", 5), Row("value", "below", 5)))
    half = Rule("Half", when=Group("any", (where(Row("gift", "yes"), Row("gift", "no")), Row("b2b", "yes"))))

    assert lint(Document((never, half, REST))) == [
        Finding("error", 0, "when", "No order can fulfill the conditions of “Never”: they contradict."),
        Finding("warning", 1, "when", "Condition 1 of “Half” can never hold."),
    ]


def test_a_filter_that_no_node_passes_is_found() -> None:
    nodes = [NodeInput(1, "BLR", kind="store", groups=frozenset({"south"})), NodeInput(2, "DEL", active=False)]
    far = Rule("Far", nodes=Eligibility(kinds=frozenset({"warehouse"})))
    odd = Rule("Odd", nodes=Eligibility(groups=frozenset({"south"}), groups_out=frozenset({"south"})), when=DEAR)
    fine = Rule("Fine", nodes=Eligibility(groups=frozenset({"south"})), when=DEAR)

    assert [each.sentence for each in lint(Document((odd, far)), nodes)] == [
        "“Odd” wants nodes in south and also none of them.",
        "No node that is on passes what “Far” asks of nodes.",
    ]
    assert lint(Document((fine, REST)), nodes) == []


def test_a_policy_without_a_rule_for_every_order_is_an_error() -> None:
    found = lint(Document((Rule("Dear", when=DEAR), Rule("Rest", enabled=False))))

    assert [(each.severity, each.rule) for each in found] == [("error", None)]


def test_passing_orders_on_to_nobody_weights_of_nothing_and_nodes_without_carrier_are_found() -> None:
    nothing = Weights(0, 0, 0, 0, 0, 0, 0)

    found = lint(Document((Rule("Rest", weights=nothing, fallback=Fallback(then="next")),)), without_carrier=["DEL"])

    assert [(each.severity, each.rule, each.part) for each in found] == [
        ("error", 0, "weights"), ("warning", 0, "fallback"), ("warning", None, ""),
    ]  # fmt: skip
    assert found[2].sentence == "No carrier ships from DEL: no rule can choose it."


def test_proofs_look_into_words_numbers_and_beginnings() -> None:
    assert implies(where(Row("postcode", "starts_with", ("5600",))), where(Row("postcode", "starts_with", ("56",))))
    assert not implies(where(Row("postcode", "starts_with", ("56",))), where(Row("postcode", "starts_with", ("5600",))))
    assert implies(where(Row("tags", "has_all", ("a", "b"))), where(Row("tags", "has_any", ("b", "c"))))
    assert implies(where(Row("promise", "below", 5)), where(Row("promise", "known")))
    assert implies(where(Row("channel", "one_of", ("a", "b"))), where(Row("channel", "none_of", ("c",))))
    assert holds_never(where(Row("promise", "unknown"), Row("promise", "below", 5)))
    assert holds_never(where(Row("tags", "has_any", ("a",)), Row("tags", "has_none", ("A", "b"))))


@given(strategies.trees, strategies.trees, st.lists(strategies.facts, min_size=1, max_size=20))
def test_what_implies_is_never_contradicted_by_an_order(
    narrow: Group, wide: Group, orders: list[OrderFacts]
) -> None:  # fmt: skip
    takes, also = compile_conditions(narrow), compile_conditions(wide)

    contradicted = any(takes(facts) and not also(facts) for facts in orders)

    assert not (contradicted and implies(narrow, wide))


@given(strategies.trees, st.lists(strategies.facts, min_size=1, max_size=20))
def test_no_order_fulfills_what_never_holds(tree: Group, orders: list[OrderFacts]) -> None:
    taken = any(compile_conditions(tree)(facts) for facts in orders)

    assert not (taken and holds_never(tree))
