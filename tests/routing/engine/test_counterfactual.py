"""What is said would have had another node chosen: it is done, and the order routed again."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import assume, given, settings

from routing.engine import LineInput, Plan, why_not
from routing.engine.counterfactual import Change
from tests.routing.engine.test_plan import CODES, KURTA_L, KURTA_M, NODES, POLICY, an_order, route
from tests.routing.engine.test_properties import route as route_world
from tests.routing.engine.worlds import World, worlds


def change(plan: Plan, node_id: int, kind: str) -> Change | None:
    """The first change of a kind."""
    told = why_not(json.loads(json.dumps(plan.in_full())), node_id, CODES, {KURTA_M: "KRT-M", KURTA_L: "KRT-L"})
    return next((each for each in told.changes if each.kind == kind), None)


def weight(plan: Plan, node_id: int, word: str) -> float | None:
    """The multiple of one weight."""
    told = why_not(plan.in_full(), node_id, CODES)
    return next((each.size for each in told.changes if each.kind == "weight" and each.sentence.startswith(word)), None)


def test_a_node_that_lacks_an_item_says_how_many_more() -> None:
    stock = {(KURTA_M, 1): 5, (KURTA_L, 1): 5, (KURTA_M, 2): 1, (KURTA_L, 3): 0}
    plan = route(an_order(), stock)
    assert plan.node_ids == (1,)
    assert change(plan, 2, "stock") == Change("stock", 1, "1 more of KRT-L in stock.")
    assert route(an_order(), {**stock, (KURTA_L, 2): 1}).node_ids == (2,)


def test_the_fewest_units_are_named_and_all_skus_where_none_alone_is_enough() -> None:
    line = LineInput(1, KURTA_M, 5, 400, "KRT-M")
    plan = route(an_order(line), {(KURTA_M, 1): 9, (KURTA_M, 2): 2})
    assert change(plan, 2, "stock") == Change("stock", 3, "3 more of KRT-M in stock.")
    both = (LineInput(1, KURTA_M, 2, 400, "KRT-M"), LineInput(2, KURTA_L, 2, 400, "KRT-L"))
    stock = {(KURTA_M, 1): 9, (KURTA_L, 1): 9, (KURTA_M, 2): 1, (KURTA_L, 2): 1}
    single = replace(POLICY, max_shipments=1)
    found = change(route(an_order(*both), stock, policy=single), 2, "stock")
    assert found == Change("stock", 2, "1 more of KRT-M and 1 more of KRT-L in stock.")


def test_a_weight_that_would_have_decided_otherwise_does_when_it_is_set() -> None:
    stock = {(KURTA_M, 1): 5, (KURTA_L, 1): 5, (KURTA_M, 2): 1, (KURTA_L, 2): 1}
    cheap_far = replace(POLICY, weights=replace(POLICY.weights, distance_minor_per_km=1.0))
    plan = route(an_order(), stock, policy=cheap_far)
    assert plan.node_ids == (2,)
    # 66.90 dearer: 16.90 of it the distance, 15 the transit, 35 the shipping. None of them alone is enough.
    assert [weight(plan, 1, word) for word in ("Distance", "Transit", "Shipping")] == [None, None, None]
    full = tuple(replace(node, load=0.9, capacity_left=9) if node.node_id == 2 else node for node in NODES)
    plan = route(an_order(), stock, nodes=full)
    times = weight(plan, 1, "How full")
    assert times is not None
    heavier = replace(POLICY.weights, load_minor=round(POLICY.weights.load_minor * times * 1.01))
    assert route(an_order(), stock, nodes=full, policy=replace(POLICY, weights=heavier)).node_ids == (1,)
    less = replace(POLICY.weights, load_minor=round(POLICY.weights.load_minor * times * 0.9))
    assert route(an_order(), stock, nodes=full, policy=replace(POLICY, weights=less)).node_ids == (2,)


def test_a_node_refused_for_its_capacity_says_that_more_would_have_it_weighed() -> None:
    stock = {(KURTA_M, 1): 5, (KURTA_L, 1): 5, (KURTA_M, 2): 1, (KURTA_L, 2): 1}
    full = tuple(replace(node, capacity_left=0) if node.node_id == 2 else node for node in NODES)
    told = why_not(route(an_order(), stock, nodes=full).in_full(), 2, CODES)
    assert told.changes == ()
    assert told.sentence == (
        "BLR-02 was refused at any price: The node has reached its limit of orders. "
        "With more capacity it would have been weighed with the others."
    )


@settings(max_examples=150)
@given(worlds())
def test_stock_and_capacity_that_are_named_bring_the_node_in(world: World) -> None:
    policy = world.policy
    assume(policy.max_extra_minor is None and not policy.min_parcel_minor and not policy.eligibility.keep_units)
    plan = route_world(world)
    stored: dict[str, Any] = plan.in_full()
    assume(not stored["shared"] and not world.orders[0].is_gift)
    by_id = {node.node_id: node for node in world.nodes}
    for row in plan.candidates:
        for each in why_not(stored, row.node_id, {}, {sku: str(sku) for sku in stored["skus"]}).changes:
            if each.kind == "stock":
                more = {
                    int(part.split(" more of ")[1].split(" ")[0]): int(part.split(" ")[0])
                    for part in each.sentence.replace(", ", " and ").split(" and ")
                }
                stock = dict(world.stock)
                for sku, units in more.items():
                    stock[sku, row.node_id] = max(0, stock.get((sku, row.node_id), 0)) + units
                assert row.node_id in route_world(replace(world, stock=stock)).node_ids
            if each.kind == "capacity":
                names = each.sentence.removeprefix("No capacity left at ").rstrip(".").replace(", ", " and ")
                full = {int(name.removeprefix("node ")) for name in names.split(" and ")}
                nodes = [replace(by_id[i], capacity_left=0) if i in full else by_id[i] for i in by_id]
                assert row.node_id in route_world(world, nodes).node_ids
