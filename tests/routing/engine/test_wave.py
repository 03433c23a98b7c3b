"""Orders that are decided together: never fewer units, never dearer, and better where one stands in another's way."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from routing.engine import Attempt, Lane, LineInput, NodeInput, OrderInput, Plan, Policy, Terms, plan_by_rules
from tests.routing.engine.test_plan import KURTA_M, POLICY, RATES
from tests.routing.engine.worlds import World, world_from

NEAR, FAR = NodeInput(1, "NEAR", capacity_left=9), NodeInput(2, "FAR", capacity_left=9)
#: Kilometres by postcode and node.
KM = {("560001", 1): 10.0, ("560001", 2): 20.0, ("110001", 1): 15.0, ("110001", 2): 900.0}


def lane(order: OrderInput, node: NodeInput) -> Lane:
    return Lane(True, "local", KM[order.postcode, node.node_id], 1)


def order(key: int, postcode: str, quantity: int = 1) -> OrderInput:
    return OrderInput(key, (LineInput(1, KURTA_M, quantity, 100, "KRT-M"),), postcode=postcode)


def planned(
    orders: list[OrderInput], stock: dict[tuple[int, int], int], nodes: tuple[NodeInput, ...] = (NEAR, FAR), *,
    together: bool = True,
) -> list[Plan]:  # fmt: skip
    terms = Terms(nodes, lane, RATES, POLICY.weights)
    return plan_by_rules(lambda _: terms, [(each, [Attempt(POLICY)]) for each in orders], stock, together=together)


def test_the_last_unit_goes_where_it_saves_most() -> None:
    # Given one unit near both, which the first order takes when nobody looks at the second
    stock = {(KURTA_M, 1): 1, (KURTA_M, 2): 5}
    orders = [order(1, "560001"), order(2, "110001")]
    assert [plan.node_ids for plan in planned(orders, stock, together=False)] == [(1,), (2,)]
    # When they are decided together
    plans = planned(orders, stock)
    # Then the first gives way: it costs 10 km more, where the second would have cost 885
    assert [plan.node_ids for plan in plans] == [(2,), (1,)]


def test_the_last_capacity_goes_where_it_saves_most() -> None:
    nodes = (replace(NEAR, capacity_left=1), FAR)
    plans = planned([order(1, "560001"), order(2, "110001")], {(KURTA_M, 1): 5, (KURTA_M, 2): 5}, nodes)
    assert [plan.node_ids for plan in plans] == [(2,), (1,)]


def test_no_order_gives_up_units_for_another() -> None:
    stock = {(KURTA_M, 1): 1}
    plans = planned([order(1, "560001"), order(2, "110001")], stock)
    assert [plan.outcome for plan in plans] == ["routed", "unroutable"]


def test_an_order_is_not_pushed_into_another_rule_nor_weighed_against_other_weights() -> None:
    # Given the first order by a rule whose shipping counts a tenth, and one unit near both
    cheap = replace(POLICY, rule="Cheap", weights=replace(POLICY.weights, shipping=0.1, distance_minor_per_km=0.1))
    terms = {
        policy.weights: Terms((NEAR, FAR), lane, RATES, policy.weights) for policy in (cheap, POLICY)
    }  # fmt: skip
    asked = [(order(1, "560001"), [Attempt(cheap)]), (order(2, "110001"), [Attempt(POLICY)])]
    # When they are decided together
    plans = plan_by_rules(
        lambda policy: terms[policy.weights], asked, {(KURTA_M, 1): 1, (KURTA_M, 2): 5}, together=True
    )
    # Then their costs are not added, and the first keeps what it has
    assert [plan.node_ids for plan in plans] == [(1,), (2,)]


def worth(plans: list[Plan]) -> tuple[int, int]:
    units = sum(assignment.quantity for plan in plans for assignment in plan.assignments)
    return -units, sum(plan.cost_minor for plan in plans)


def decided(world: World, *, together: bool) -> list[Plan]:
    terms = Terms(world.nodes, world.lane, world.rates, world.policy.weights)
    asked = [(each, [Attempt(world.policy)]) for each in world.orders]
    return plan_by_rules(lambda _: terms, asked, world.stock, together=together)


@pytest.mark.parametrize("seed", range(150))
def test_together_is_never_worse_than_one_by_one(seed: int) -> None:
    # Given a small world with many orders for few goods
    world: World = world_from(Random(seed), nodes=5, skus=3, orders=12)
    before = decided(world, together=False)
    # When they are decided together
    after = decided(world, together=True)
    # Then no more is shipped of anything than there is, nor from any node than it has capacity for
    taken: Counter[tuple[int, int]] = Counter()
    orders: Counter[int] = Counter()
    for plan in after:
        orders.update(plan.node_ids)
        for assignment in plan.assignments:
            taken[assignment.sku_id, assignment.node_id] += assignment.quantity
    assert all(units <= world.stock.get(pair, 0) for pair, units in taken.items())
    room = {node.node_id: node.capacity_left for node in world.nodes}
    assert all(left is None or orders[node] <= left for node, left in room.items())
    # And nobody has fewer units, and all together cost no more for as many
    for one, other in zip(before, after, strict=True):
        assert sum(a.quantity for a in other.assignments) >= sum(a.quantity for a in one.assignments)
    assert worth(after) <= worth(before)


def test_waves_do_save_something() -> None:
    saved = 0
    for seed in range(150):
        world = world_from(Random(seed), nodes=5, skus=3, orders=12)
        saved += worth(decided(world, together=True)) < worth(decided(world, together=False))
    assert saved >= 5


def test_a_policy_without_orders_plans_nothing() -> None:
    assert plan_by_rules(lambda _: Terms((), lane, RATES, Policy().weights), [], {}, together=True) == []
