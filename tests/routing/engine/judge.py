"""A second opinion on whole orders: the model in the words of the documentation, solved by OR-tools' CP-SAT.

Nothing here uses the engine's code for costs, rules or search; only its values are shared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from routing.engine import Lane, LaneOf, NodeInput, OrderInput, Policy, RateTable, SlabRate
from routing.engine.problem import Problem
from tests.routing.engine.cp_sat import best_by_cp_sat

#: Units by (sku, node).
Filling = dict[tuple[int, int], int]


def best_filling(
    order: OrderInput,
    nodes: list[NodeInput],
    stock: Mapping[tuple[int, int], int],
    lane: LaneOf,
    rates: RateTable,
    policy: Policy,
    *,
    using: int | None = None,
    units_of: Mapping[int, int] | None = None,
) -> tuple[int, int, int] | None:
    """(units, cost, shipments) of the best filling: most units, then least cost, then fewest shipments.

    With `using`, of those that use this node; with `units_of`, of those that ship so much of each SKU. None when
    nothing can be shipped, or not all although it must be.
    """
    wants: dict[int, int] = {}
    for line in order.lines:
        wants[line.sku_id] = wants.get(line.sku_id, 0) + line.quantity
    if units_of is not None:
        wants = {sku: units for sku, units in units_of.items() if units}
    kept = policy.eligibility.keep_units
    rows = [
        {n.node_id: stock.get((sku, n.node_id), 0) - kept for n in nodes if stock.get((sku, n.node_id), 0) > kept}
        for sku in wants
    ]
    # What is sent to a store that is switched off would wait there.
    shut = carried(order, policy) and any(n.node_id == order.pickup_node_id and not n.active for n in nodes)
    taking = [] if shut else [n for n in nodes if may_take(order, n, lane, rates, policy)]
    usable = [n for n in taking if any(n.node_id in row for row in rows)]
    if not usable or (using is not None and using not in {node.node_id for node in usable}):
        return None
    grams = [max(line.weight_grams for line in order.lines if line.sku_id == sku) for sku in wants]
    stock_minor = 0 if carried(order, policy) else policy.weights.stock_minor
    fares = [SlabRate(1, 0, 1, 0)] * (1 + max(n.node_id for n in usable))
    for node in usable:
        fares[node.node_id] = fare(order, node, lane, rates, policy)
    problem = Problem(
        list(wants.values()),
        grams,
        rows,
        {n.node_id: parcel_cost(order, n, 0, nodes, lane, rates, policy) for n in usable},
        fares,
        0 if carried(order, policy) else policy.weights.split_minor,
        1 if order.is_gift and policy.keep_gifts_whole else policy.max_shipments,
        [{node: round(stock_minor / have) for node, have in row.items()} for row in rows] if stock_minor else None,
    )
    complete = units_of is not None or order.must_ship_complete or not policy.allow_partial
    return best_by_cp_sat(problem, complete=complete, must=using)


def may_take(order: OrderInput, node: NodeInput, lane: LaneOf, rates: RateTable, policy: Policy) -> bool:
    """The rules that refuse a node, stock apart."""
    room = math.inf if node.capacity_left is None else node.capacity_left
    allowed = node.node_id not in order.excluded_node_ids
    allowed = allowed and (not order.allowed_groups or bool(order.allowed_groups & node.groups))
    if order.pickup_node_id == node.node_id or (order.pickup_node_id is not None and policy.transfer is None):
        return node.active and node.node_id == order.pickup_node_id and room > 0 and allowed
    way, asked = lane(order, node), policy.eligibility
    return all((
        node.active, node.ships, room > 0, allowed, way.serviceable, way.zone in rates.zones,
        order.needs <= node.capabilities, not node.brands or order.brands <= node.brands,
        not asked.kinds or node.kind in asked.kinds, not asked.groups or asked.groups & node.groups,
        not asked.groups_out & node.groups, asked.capabilities <= node.capabilities, room >= asked.min_capacity_left,
        asked.min_minutes_to_cutoff is None or node.minutes_to_cutoff >= asked.min_minutes_to_cutoff,
        asked.max_km is None or way.km <= asked.max_km,
        asked.min_performance is None or node.performance is None or node.performance >= asked.min_performance,
        not carried(order, policy) or policy.transfer is None or days_of(node, way) <= policy.transfer.max_days,
    ))  # fmt: skip


def carried(order: OrderInput, policy: Policy) -> bool:
    """Whether other nodes may send to the store where the order is collected."""
    return order.pickup_node_id is not None and policy.transfer is not None


def days_of(node: NodeInput, way: Lane) -> int:
    """Days until what a node sends has arrived."""
    return way.transit_days + int(node.minutes_to_cutoff < node.processing_minutes)


def fare(order: OrderInput, node: NodeInput, lane: LaneOf, rates: RateTable, policy: Policy) -> SlabRate:
    """The slabs of a node's way, weighted."""
    if order.pickup_node_id == node.node_id:
        return SlabRate(1, 0, 1, 0)
    card = rates.zones[lane(order, node).zone]
    factor = policy.weights.shipping
    return card._replace(
        first_minor=round(card.first_minor * factor), additional_minor=round(card.additional_minor * factor)
    )


def cost_of(
    order: OrderInput,
    filling: Filling,
    nodes: list[NodeInput],
    stock: Mapping[tuple[int, int], int],
    lane: LaneOf,
    rates: RateTable,
    policy: Policy,
) -> int:
    """The cost of a filling: every shipment by itself, and the penalty for each after the first."""
    grams_of = {
        sku: max(line.weight_grams for line in order.lines if line.sku_id == sku)
        for sku in {line.sku_id for line in order.lines}
    }
    senders = {node_id for _, node_id in filling}
    total = 0 if carried(order, policy) else (len(senders) - 1) * policy.weights.split_minor
    for node in nodes:
        if node.node_id in senders:
            grams = sum(units * grams_of[sku] for (sku, sender), units in filling.items() if sender == node.node_id)
            total += parcel_cost(order, node, grams, nodes, lane, rates, policy)
    kept, minor = policy.eligibility.keep_units, 0 if carried(order, policy) else policy.weights.stock_minor
    return total + sum(units * round(minor / (stock[key] - kept)) for key, units in filling.items())


def parcel_cost(
    order: OrderInput, node: NodeInput, grams: int, nodes: list[NodeInput], lane: LaneOf, rates: RateTable,
    policy: Policy,
) -> int:  # fmt: skip
    """What one shipment of a node costs, the share of its stock apart."""
    weights, pickup = policy.weights, order.pickup_node_id == node.node_id
    way = Lane(True, "pickup") if pickup else lane(order, node)
    days = way.transit_days if pickup else days_of(node, way)
    hours = max(days * 24, node.processing_minutes / 60)
    total = 0 if pickup else shipping(grams, way.zone, rates, weights.shipping)
    total += round(rates.cod_minor * weights.shipping) if order.cod and order.pickup_node_id is None else 0
    total += round(way.km * weights.distance_minor_per_km) + days * weights.transit_minor_per_day
    if pickup and policy.transfer is not None:
        return total + late_cost(order, hours, policy)
    if carried(order, policy) and policy.transfer is not None:
        hours += sum(each.processing_minutes / 60 for each in nodes if each.node_id == order.pickup_node_id)
        total += policy.transfer.minor
    top = max(node.priority for node in nodes)
    total += (top - node.priority) * weights.priority_minor + round(weights.load_minor * node.load**2)
    if node.performance is not None:
        total += round((1 - node.performance) * weights.performance_minor)
    return total + late_cost(order, hours, policy)


def late_cost(order: OrderInput, hours: float, policy: Policy) -> int:
    """The charge for each day begun after the promise."""
    if order.hours_to_promise is None:
        return 0
    return max(0, math.ceil((hours - order.hours_to_promise) / 24)) * policy.weights.late_minor_per_day


def shipping(grams: int, zone: str, rates: RateTable, factor: float) -> int:
    """The rate card, slab by slab."""
    first_grams, first, slab_grams, slab = rates.zones[zone]
    price, left = round(first * factor), grams - first_grams
    while left > 0:
        price += round(slab * factor)
        left -= slab_grams
    return price
