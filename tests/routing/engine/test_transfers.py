"""Orders to collect: the store's own goods first, then what other nodes send to it, where the policy allows that."""

from __future__ import annotations

import json
from dataclasses import replace

from routing.engine import (
    Assignment,
    Eligibility,
    LineInput,
    OrderInput,
    Policy,
    TransferTerms,
    faults_of,
    why_not,
)
from tests.routing.engine.test_plan import BLR, CODES, DEL, KURTA_L, KURTA_M, STO, an_order, refusals, route

SENT = Policy(transfer=TransferTerms(max_days=3, minor=1_000))


def to_collect(*quantities: int) -> OrderInput:
    wanted = zip((KURTA_M, KURTA_L), quantities, strict=False)
    lines = [LineInput(key, sku, units, 400) for key, (sku, units) in enumerate(wanted, 1)]
    return replace(an_order(*lines), pickup_node_id=3)


def test_what_the_store_lacks_is_sent_to_it_where_the_policy_allows_it() -> None:
    stock = {(KURTA_M, 3): 1, (KURTA_L, 2): 1, (KURTA_L, 1): 1}
    assert route(to_collect(1, 1), stock, nodes=(DEL, BLR, STO)).backordered == ((2, 1),)
    plan = route(to_collect(1, 1), stock, nodes=(DEL, BLR, STO), policy=SENT)
    assert set(plan.assignments) == {Assignment(1, KURTA_M, 3, 1), Assignment(2, KURTA_L, 2, 1)}
    assert plan.sentence.startswith("STO-03 has 1 and BLR-02 sends 1 to STO-03, for the customer to collect, for ₹")
    by_code = {row.code: row for row in plan.candidates}
    assert (by_code["STO-03"].total_minor, set(by_code["STO-03"].factors.values())) == (0, {0})
    assert plan.cost_minor == by_code["BLR-02"].total_minor
    assert by_code["DEL-01"].rule == "too_slow"
    stored = json.loads(json.dumps(plan.compact()))
    assert faults_of(stored) == []
    assert why_not(stored, 1, CODES).result == "refused"


def test_the_goods_of_the_store_come_before_those_of_any_other_node() -> None:
    # Given a store that is nearly full and least preferred, and a warehouse that has all of it too
    store = replace(STO, priority=-9, load=1.0, capacity_left=1)
    plan = route(to_collect(1), {(KURTA_M, 3): 1, (KURTA_M, 2): 1}, nodes=(DEL, BLR, store), policy=SENT)
    assert (plan.node_ids, plan.cost_minor) == ((3,), 0)
    assert plan.sentence == "STO-03 has the item for the customer to collect."


def test_one_node_sends_all_of_it_and_is_told_as_a_transfer() -> None:
    plan = route(to_collect(1), {(KURTA_M, 2): 1}, nodes=(DEL, BLR, STO), policy=SENT)
    assert plan.node_ids == (2,)
    assert "BLR-02 has the item and sends them to STO-03" in plan.sentence


def test_nothing_is_sent_to_a_store_that_is_off() -> None:
    plan = route(to_collect(1), {(KURTA_M, 2): 1}, nodes=(DEL, BLR, replace(STO, active=False)), policy=SENT)
    assert (plan.outcome, refusals(plan)["BLR-02"]) == ("unroutable", "store_off")


def test_a_node_that_the_rule_does_not_take_sends_nothing() -> None:
    policy = replace(SENT, eligibility=Eligibility(kinds=frozenset({"store"})))
    plan = route(to_collect(1), {(KURTA_M, 2): 1}, nodes=(DEL, BLR, STO), policy=policy)
    assert refusals(plan)["BLR-02"] == "wrong_kind"
