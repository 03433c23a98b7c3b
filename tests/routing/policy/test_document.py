"""The document of a policy: reading, writing, and deciding by it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from routing.engine import Attempt, Eligibility, Policy, TransferTerms, Weights
from routing.policy.compiled import NO_RULE, CompiledPolicy
from routing.policy.conditions import Group, Row
from routing.policy.document import (
    STANDARD,
    Document,
    Fallback,
    Rule,
    SortKey,
    Split,
    document_json,
    read_document,
)
from routing.policy.facts import OrderFacts
from routing.policy.problems import PolicyInvalid
from tests.routing.policy import strategies

GIFTS = Rule(
    "Gifts", when=Group("all", (Row("gift", "yes"),)), nodes=Eligibility(capabilities=frozenset({"gift_wrap"})),
    split=Split(max_shipments=1, keep_gifts_whole=True), fallback=Fallback(partial=False, then="next"),
)  # fmt: skip
REST = Rule("Rest", sequence=(SortKey("promise"), SortKey("value", descending=True)), weights=Weights(split_minor=9000))
POLICY = Document((GIFTS, REST))


@given(strategies.documents)
def test_a_document_survives_its_way_through_json(document: Document) -> None:
    assert read_document(json.loads(json.dumps(document_json(document)))) == document


def test_what_is_left_out_is_as_in_a_new_rule() -> None:
    assert read_document({"rules": [{"name": "Every order"}]}) == STANDARD


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ([], "policy: expected an object, got []."),
        ({"rules": []}, "rules: expected at least one rule, got no rule."),
        ({"rules": [{"name": " "}]}, "rules[0].name: expected a text, got  ."),
        ({"rules": [{"name": "A"}, {"name": "a"}]}, "rules[1].name: expected a name that no other rule has, got a."),
        ({"rules": [{"name": "A", "speed": 1}]}, "rules[0].speed: expected one of enabled, fallback, name, nodes, "
                                                 "sequence, split, weights, when, got this key."),
        ({"rules": [{"name": "A", "weights": {"split_minor": 1.5}}]},
         "rules[0].weights.split_minor: expected a whole number from 0 to 1000000000000, got 1.5."),
        ({"rules": [{"name": "A", "nodes": {"min_performance": 95}}]},
         "rules[0].nodes.min_performance: expected a number from 0 to 1, got 95."),
        ({"rules": [{"name": "A", "sequence": [{"by": "age"}, {"by": "age"}]}]},
         "rules[0].sequence[1].by: expected a key that does not stand above, got age."),
        ({"rules": [{"name": "A", "split": {"max_shipments": 0}}]},
         "rules[0].split.max_shipments: expected a whole number from 1 to 10, got 0."),
        ({"rules": [{"name": "A", "fallback": {"then": "cancel"}}]},
         "rules[0].fallback.then: expected one of wait, next, got cancel."),
        ({"rules": [{"name": "A", "fallback": {"transfer": {"max_days": 0}}}]},
         "rules[0].fallback.transfer.max_days: expected a whole number from 1 to 30, got 0."),
    ],
)  # fmt: skip
def test_a_wrong_document_names_the_place_and_what_came(given: object, problem: str) -> None:
    with pytest.raises(PolicyInvalid) as refused:
        read_document(given)

    assert [str(each) for each in refused.value.problems][:1] == [problem]


def test_an_order_is_tried_by_every_rule_that_takes_it_until_one_waits() -> None:
    compiled = CompiledPolicy(POLICY, version=7)

    gift = compiled.match(OrderFacts.of(is_gift=True))
    plain = compiled.match(OrderFacts.of())

    gifts = Policy(version=7, max_shipments=1, allow_partial=False, keep_gifts_whole=True, rule="Gifts",
                   eligibility=Eligibility(capabilities=frozenset({"gift_wrap"})))  # fmt: skip
    rest = Policy(version=7, weights=Weights(split_minor=9000), rule="Rest")
    assert gift == (Attempt(gifts, "next"), Attempt(rest, "wait"))
    assert plain == (Attempt(rest, "wait"),)
    assert plain[0].policy is gift[1].policy


def test_a_rule_lets_nodes_send_to_the_store_only_where_it_says_so() -> None:
    sends = Rule("Sends", fallback=Fallback(transfer=TransferTerms(max_days=2, minor=1_500)))
    [allowed] = CompiledPolicy(Document((sends,)), version=1).match(OrderFacts.of())
    [not_allowed] = CompiledPolicy(STANDARD, version=1).match(OrderFacts.of())

    assert (allowed.policy.transfer, not_allowed.policy.transfer) == (TransferTerms(2, 1_500), None)


def test_a_rule_that_is_off_and_one_behind_a_rule_that_waits_take_nothing() -> None:
    off = Rule("Off", enabled=False)
    compiled = CompiledPolicy(Document((off, REST, Rule("Behind"))), version=1)

    assert [attempt.policy.rule for attempt in compiled.match(OrderFacts.of())] == ["Rest"]


def test_an_order_that_no_rule_takes_is_planned_by_the_engines_own_terms() -> None:
    compiled = CompiledPolicy(Document((GIFTS,)), version=3)

    assert compiled.match(OrderFacts.of()) == (Attempt(Policy(version=3, rule=NO_RULE), "wait"),)


def test_orders_compete_by_their_rule_first_and_then_by_its_keys() -> None:
    compiled = CompiledPolicy(POLICY, version=1)
    orders = {
        "no promise": OrderFacts.of(value_minor=9),
        "late and dear": OrderFacts.of(promise_hours=9.0, value_minor=500),
        "late and cheap": OrderFacts.of(promise_hours=9.0, value_minor=100),
        "soon": OrderFacts.of(promise_hours=2.0),
        "gift": OrderFacts.of(is_gift=True, promise_hours=99.0),
    }

    placed = sorted(orders, key=lambda name: compiled.place(orders[name], compiled.match(orders[name])))

    assert placed == ["gift", "soon", "late and dear", "late and cheap", "no promise"]
