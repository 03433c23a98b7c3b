"""What must hold of every plan, on thousands of small worlds, judged by another solver."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Sequence
from random import Random

from hypothesis import assume, given, settings

from routing.engine import NodeInput, OrderInput, Plan, expand_candidates, plan_order, plan_orders, why_not
from routing.engine.types import FACTORS
from tests.routing.engine.judge import best_filling, cost_of
from tests.routing.engine.worlds import World, worlds


def route(world: World, nodes: Sequence[NodeInput] | None = None) -> Plan:
    """The plan for the first order of a world."""
    offered = world.nodes if nodes is None else nodes
    return plan_order(world.orders[0], offered, world.stock, world.lane, world.rates, world.policy)


def shipped(plans: Sequence[Plan]) -> Counter[tuple[int, int]]:
    """Units by (sku, node)."""
    taken: Counter[tuple[int, int]] = Counter()
    for plan in plans:
        for assignment in plan.assignments:
            taken[assignment.sku_id, assignment.node_id] += assignment.quantity
    return taken


def assert_conserved(order: OrderInput, plan: Plan) -> None:
    """Every unit of every line is assigned or backordered, and nothing else is."""
    counted: Counter[int] = Counter()
    for assignment in plan.assignments:
        assert assignment.quantity > 0
        counted[assignment.line_key] += assignment.quantity
    for line_key, quantity in plan.backordered:
        assert quantity > 0
        counted[line_key] += quantity
    assert counted == Counter({line.key: line.quantity for line in order.lines})


@settings(max_examples=600)
@given(worlds(nodes=6))
def test_a_plan_is_as_good_as_the_best_of_all_possible_ones(world: World) -> None:
    order = world.orders[0]
    plan = route(world)
    best = best_filling(order, world.nodes, world.stock, world.lane, world.rates, world.policy)
    assert plan.optimal
    assert plan.cost_minor == plan.lower_bound_minor
    assert_conserved(order, plan)
    if best is None:
        assert (plan.outcome, plan.assignments, plan.cost_minor) == ("unroutable", (), 0)
        return
    units = sum(assignment.quantity for assignment in plan.assignments)
    assert (units, plan.cost_minor, len(plan.node_ids)) == best
    assert plan.outcome == ("partial" if plan.backordered else "routed")
    filling = dict(shipped([plan]))
    assert cost_of(order, filling, world.nodes, world.stock, world.lane, world.rates, world.policy) == plan.cost_minor
    assert all(units <= world.stock[pair] for pair, units in filling.items())


@settings(max_examples=300)
@given(worlds(nodes=6))
def test_the_order_in_which_nodes_are_offered_changes_nothing(world: World) -> None:
    plan = route(world)
    other = route(world, Random(len(world.stock)).sample(world.nodes, len(world.nodes)))
    assert other == plan
    assert other.candidates == plan.candidates
    assert other.sentence == plan.sentence


@settings(max_examples=300)
@given(worlds(nodes=5, orders=8))
def test_a_batch_takes_neither_stock_nor_capacity_that_is_not_there(world: World) -> None:
    before = dict(world.stock)
    plans = plan_orders(world.orders, world.nodes, world.stock, world.lane, world.rates, world.policy)
    assert world.stock == before
    for order, plan in zip(world.orders, plans, strict=True):
        assert plan.order_key == order.key
        assert_conserved(order, plan)
    assert all(units <= world.stock.get(pair, 0) for pair, units in shipped(plans).items())
    orders_at = Counter(node_id for plan in plans for node_id in plan.node_ids)
    for node in world.nodes:
        assert node.capacity_left is None or orders_at[node.node_id] <= node.capacity_left


@settings(max_examples=300)
@given(worlds(nodes=5, orders=5))
def test_a_batch_decides_as_its_orders_would_one_after_the_other(world: World) -> None:
    # Given plans made together
    together = plan_orders(world.orders, world.nodes, world.stock, world.lane, world.rates, world.policy)
    # When each order is planned alone against what those before it left
    stock, nodes = dict(world.stock), list(world.nodes)
    for order, plan in zip(world.orders, together, strict=True):
        alone = plan_order(order, nodes, stock, world.lane, world.rates, world.policy)
        # Then it is the same plan with the same explanation
        assert alone == plan
        assert alone.candidates == plan.candidates
        for pair, units in shipped([plan]).items():
            stock[pair] -= units
        nodes = [occupied(node) if node.node_id in plan.node_ids else node for node in nodes]


def occupied(node: NodeInput) -> NodeInput:
    """The node with one order more."""
    if node.capacity_left is None:
        return node
    load = min(1.0, node.load + (1.0 - node.load) / node.capacity_left)
    return dataclasses.replace(node, capacity_left=node.capacity_left - 1, load=load)


@settings(max_examples=300)
@given(worlds(nodes=6))
def test_every_node_is_told_and_its_factors_add_up(world: World) -> None:
    plan = route(world)
    assert sorted(row.node_id for row in plan.candidates) == sorted(node.node_id for node in world.nodes)
    assert {row.node_id for row in plan.candidates if row.result == "chosen"} == set(plan.node_ids)
    ranked = [row for row in plan.candidates if row.result != "refused"]
    assert [row.rank for row in ranked] == list(range(1, len(ranked) + 1))
    for row in ranked:
        assert tuple(row.factors) == FACTORS
        assert sum(row.factors.values()) == row.total_minor
        assert row.covers > 0
        assert row.rule == ""
    for row in plan.candidates:
        assert row.reason.endswith(".")
        if row.result == "refused":
            assert row.rule != ""
            assert (row.rank, row.total_minor) == (0, None)
    if len(plan.node_ids) == 1 and plan.outcome == "routed":
        assert next(row for row in ranked if row.result == "chosen").total_minor == plan.cost_minor


@settings(max_examples=300)
@given(worlds(nodes=6))
def test_what_is_stored_survives_json_and_tells_the_same(world: World) -> None:
    plan = route(world)
    stored = json.loads(json.dumps(plan.compact()))
    codes = {node.node_id: node.code for node in world.nodes}
    assert expand_candidates(stored, codes) == plan.candidates


@settings(max_examples=100)
@given(worlds())
def test_the_gap_of_a_node_is_what_the_best_plan_with_it_costs_more(world: World) -> None:
    order, plan = world.orders[0], route(world)
    stored = plan.in_full()
    assume(not stored["shared"])
    for row in plan.candidates:
        told = why_not(stored, row.node_id, {})
        assert told.result == row.result
        if row.result == "chosen":
            assert told.gap_minor == 0
        if row.result == "refused":
            assert told.gap_minor is None
        if row.result == "eligible" and plan.backordered:
            assert told.gap_minor is None
        if row.result == "eligible" and plan.assignments and not plan.backordered:
            best = best_filling(
                order, world.nodes, world.stock, world.lane, world.rates, world.policy,
                using=row.node_id, units_of=units_by_sku(order, plan),
            )  # fmt: skip
            assert told.gap_minor == (None if best is None else best[1] - plan.cost_minor)


def units_by_sku(order: OrderInput, plan: Plan) -> dict[int, int]:
    """What a plan ships of each SKU of its order."""
    units = {line.sku_id: 0 for line in order.lines}
    for assignment in plan.assignments:
        units[assignment.sku_id] += assignment.quantity
    return units
