"""Kits in the engine: all of one unit from one node, never more than there is."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from routing.engine import ANY_NODE, LineInput, OrderInput, Plan, plan_order, plan_orders
from tests.routing.engine.worlds import World, world_from

TEA, CUP, SET = 1, 2, 90
#: One set: two of the tea and one cup.
PARTS = ((TEA, 2), (CUP, 1))


def a_world(seed: int) -> World:
    world = world_from(Random(seed), nodes=4, skus=3)
    return replace(world, policy=replace(world.policy, eligibility=ANY_NODE))


def open_world(seed: int) -> World:
    """A world in which every node may take every order."""
    world = a_world(seed)
    nodes = [replace(node, ships=True, active=True, capacity_left=None, brands=frozenset()) for node in world.nodes]
    lanes = {key: replace(lane, serviceable=True, zone="a") for key, lane in world.lanes.items()}
    return replace(world, nodes=nodes, lanes=lanes, policy=replace(world.policy, allow_partial=True, max_shipments=3))


def order_of(world: World, *lines: LineInput) -> OrderInput:
    return OrderInput(1, lines, postcode=world.orders[0].postcode)


def planned(world: World, order: OrderInput, stock: dict[tuple[int, int], int]) -> Plan:
    return plan_order(order, world.nodes, stock, world.lane, world.rates, world.policy)


def taken(plan: Plan) -> Counter[tuple[int, int]]:
    units: Counter[tuple[int, int]] = Counter()
    for part in plan.assignments:
        for sku, each in PARTS if part.sku_id == SET else ((part.sku_id, 1),):
            units[sku, part.node_id] += part.quantity * each
    return units


seeds = st.integers(0, 2**64)


@given(seeds, st.integers(1, 3), st.integers(0, 2))
@settings(max_examples=150, deadline=None)
def test_a_kit_that_shares_nothing_is_planned_as_one_thing_of_which_there_are_so_many(
    seed: int, kits: int, others: int
) -> None:
    world = a_world(seed)
    wanted = [LineInput(2, 3, others, 300)] if others else []
    as_kit = planned(world, order_of(world, LineInput(1, SET, kits, 900, "SET", PARTS), *wanted), world.stock)

    made = dict(world.stock)
    for node in world.nodes:
        gives = [max(0, world.stock.get((sku, node.node_id), 0)) // each for sku, each in PARTS]
        made[SET, node.node_id] = min(gives)
    as_thing = planned(world, order_of(world, LineInput(1, SET, kits, 900, "SET"), *wanted), made)

    assert as_kit.assignments == as_thing.assignments
    assert (as_kit.cost_minor, as_kit.optimal, as_kit.sentence) == (
        as_thing.cost_minor, as_thing.optimal, as_thing.sentence,
    )  # fmt: skip


@given(seeds, st.integers(1, 3), st.integers(1, 3), st.integers(0, 2))
@settings(max_examples=150, deadline=None)
def test_a_kit_and_its_part_never_take_more_than_there_is(seed: int, kits: int, tea: int, cups: int) -> None:
    world = a_world(seed)
    lines = [LineInput(1, SET, kits, 900, "SET", PARTS), LineInput(2, TEA, tea, 300)]
    lines += [LineInput(3, CUP, cups, 200)] if cups else []

    plan = planned(world, order_of(world, *lines), world.stock)

    assert all(units <= world.stock[key] for key, units in taken(plan).items())
    sent = Counter({line.key: 0 for line in lines})
    for part in plan.assignments:
        sent[part.line_key] += part.quantity
    back = dict(plan.backordered)
    assert {line.key: sent[line.key] + back.get(line.key, 0) for line in lines} == {
        line.key: line.quantity for line in lines
    }
    assert plan.lower_bound_minor <= plan.cost_minor
    assert len(plan.node_ids) <= world.policy.max_shipments


@given(seeds, st.integers(1, 2), st.integers(1, 3))
@settings(max_examples=150, deadline=None)
def test_a_kit_and_its_part_are_shipped_whole_where_any_pair_of_nodes_can(seed: int, kits: int, tea: int) -> None:
    world = open_world(seed)
    plan = planned(
        world, order_of(world, LineInput(1, SET, kits, 900, "SET", PARTS), LineInput(2, TEA, tea, 300)), world.stock
    )

    def possible(of_kit: int, of_tea: int) -> bool:
        needs = Counter({(TEA, of_kit): 2 * kits, (CUP, of_kit): kits})
        needs[TEA, of_tea] += tea
        return all(units <= world.stock.get(key, 0) for key, units in needs.items())

    ids = [node.node_id for node in world.nodes]
    if any(possible(one, other) for one, other in product(ids, ids)):
        assert (plan.outcome, plan.backordered) == ("routed", ())


def test_units_that_one_plan_takes_are_gone_for_the_next() -> None:
    world = open_world(7)
    node = world.nodes[0]
    stock = {(TEA, node.node_id): 5, (CUP, node.node_id): 5}
    first = OrderInput(1, (LineInput(1, SET, 2, 900, "SET", PARTS),), postcode=world.orders[0].postcode)
    second = replace(first, key=2)
    one, other = plan_orders([first, second], world.nodes, stock, world.lane, world.rates, world.policy)
    assert (one.outcome, other.outcome) == ("routed", "unroutable")
    assert other.sentence.startswith("No node has SET: 2 wanted, 0 sellable")
