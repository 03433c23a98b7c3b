"""What a stored decision claims, checked by trying everything; and claims that do not hold."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import assume, given, settings

from routing.engine import LineInput, faults_of
from tests.routing.engine.test_plan import KURTA_L, KURTA_M, an_order, route
from tests.routing.engine.test_properties import route as route_world
from tests.routing.engine.worlds import World, worlds

STOCK = {(KURTA_M, 1): 5, (KURTA_L, 1): 5, (KURTA_M, 2): 1, (KURTA_L, 2): 1}


@settings(max_examples=300)
@given(worlds(nodes=6))
def test_every_decision_holds_what_it_claims(world: World) -> None:
    stored = json.loads(json.dumps(route_world(world).compact()))
    assume(not stored["shared"])
    assert faults_of(stored) == []


def stored_plan() -> dict[str, Any]:
    return copy.deepcopy(route(an_order(), STOCK).compact())


def test_a_cost_that_does_not_add_up_is_found() -> None:
    stored = stored_plan()
    stored["cost"] -= 100
    stored["bound"] -= 100
    assert faults_of(stored) == ["The shipments cost ₹55.10, not ₹54.10."]


def test_a_dearer_plan_that_is_called_the_cheapest_is_found() -> None:
    stored = stored_plan()
    for taken in stored["take"]:
        taken[2] = 1
    stored["cost"] = stored["bound"] = 12_200
    assert "Nodes 2 ship as much for ₹55.10." in faults_of(stored)


def test_goods_that_are_not_there_and_units_that_are_lost_are_found() -> None:
    stored = stored_plan()
    stored["take"][0][3] = 2
    found = faults_of(stored)
    assert f"Node 2 sends 2 of SKU {KURTA_M} and had 1." in found
    assert "3 units sent and 0 left over do not make 2." in found


def test_a_plan_that_ships_less_than_it_could_is_found() -> None:
    stored = stored_plan()
    lost = stored["take"].pop()
    stored["back"] = [[lost[0], lost[3]]]
    assert any("ship 2 units, not 1" in fault for fault in faults_of(stored))


def test_factors_that_do_not_add_up_are_found() -> None:
    stored = stored_plan()
    stored["rows"][0][5] += 7
    assert faults_of(stored) == ["The factors of node 2 do not add up to ₹55.10."]


def test_what_was_stored_without_its_problem_cannot_be_checked() -> None:
    with pytest.raises(ValueError, match="without all that it was made from"):
        faults_of({"rows": [], "rest": []})


def test_an_order_that_must_ship_whole_and_cannot_is_no_fault() -> None:
    line = LineInput(1, KURTA_M, 5, 400, "KRT-M")
    plan = route(an_order(line), {(KURTA_M, 2): 3})
    assert faults_of(plan.compact() | {"whole": True, "take": [], "back": [[1, 5]], "cost": 0, "bound": 0}) == []


def test_a_proof_whose_bound_is_not_its_cost_is_found() -> None:
    stored = stored_plan() | {"bound": 0}
    assert faults_of(stored) == ["It costs ₹55.10 and is said to cost ₹0 at least."]


def test_a_node_that_was_no_candidate_cannot_send() -> None:
    stored = stored_plan()
    stored["take"][0][2] = 99
    with pytest.raises(ValueError, match=r"Nodes \[99\] send goods"):
        faults_of(stored)


def test_goods_that_can_be_divided_in_too_many_ways_are_not_tried() -> None:
    lines = tuple(LineInput(sku, sku, 60, 110 + sku, str(sku)) for sku in range(1, 7))
    stock = {(sku, node): 59 for sku in range(1, 7) for node in (1, 2, 3)}
    stored = route(an_order(*lines), stock).compact()
    with pytest.raises(ValueError, match="too many ways"):
        faults_of(stored)
