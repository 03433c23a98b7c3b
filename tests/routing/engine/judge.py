"""A second opinion: tries every way to fill an order, written from the model's words and not from the engine's code."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import product

from routing.engine import Lane, LaneOf, NodeInput, OrderInput, Policy, RateTable

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
    usable = [node for node in nodes if may_take(order, node, lane, rates)]
    wants: dict[int, int] = {}
    for line in order.lines:
        wants[line.sku_id] = wants.get(line.sku_id, 0) + line.quantity
    complete = order.must_ship_complete or not policy.allow_partial
    best: tuple[int, int, int] | None = None
    for parts in product(*(list(ways(sku, units, usable, stock)) for sku, units in wants.items())):
        filling = {key: units for part in parts for key, units in part.items() if units}
        senders = {node_id for _, node_id in filling}
        units = sum(filling.values())
        if not senders or len(senders) > policy.max_shipments or (complete and units < sum(wants.values())):
            continue
        if using is not None and using not in senders:
            continue
        if units_of is not None and any(
            sum(part.values()) != units_of[sku] for sku, part in zip(wants, parts, strict=True)
        ):
            continue
        found = (units, cost_of(order, filling, nodes, lane, rates, policy), len(senders))
        if best is None or (-found[0], found[1], found[2]) < (-best[0], best[1], best[2]):
            best = found
    return best


def ways(sku: int, wanted: int, nodes: list[NodeInput], stock: Mapping[tuple[int, int], int]) -> Iterator[Filling]:
    """Every way to fill one want: whole from one node when one can, otherwise divided at will; always also nothing."""
    have = {node.node_id: max(0, stock.get((sku, node.node_id), 0)) for node in nodes}
    reach = min(wanted, sum(have.values()))
    if any(units >= reach for units in have.values()):
        yield {}
        yield from ({(sku, node_id): reach} for node_id, units in have.items() if units >= reach)
        return
    for counts in product(*(range(min(units, reach) + 1) for units in have.values())):
        if sum(counts) <= reach:
            yield {(sku, node_id): count for node_id, count in zip(have, counts, strict=True)}


def may_take(order: OrderInput, node: NodeInput, lane: LaneOf, rates: RateTable) -> bool:
    """The rules that refuse a node, stock apart."""
    if order.pickup_node_id is not None:
        on = node.active and node.node_id == order.pickup_node_id and node.node_id not in order.excluded_node_ids
        return on and (node.capacity_left is None or node.capacity_left > 0) and in_group(order, node)
    way = lane(order, node)
    room = node.capacity_left is None or node.capacity_left > 0
    allowed = node.node_id not in order.excluded_node_ids and in_group(order, node)
    return node.active and node.ships and room and allowed and way.serviceable and way.zone in rates.zones


def in_group(order: OrderInput, node: NodeInput) -> bool:
    return not order.allowed_groups or bool(order.allowed_groups & node.groups)


def cost_of(
    order: OrderInput, filling: Filling, nodes: list[NodeInput], lane: LaneOf, rates: RateTable, policy: Policy
) -> int:
    """The cost of a filling: every shipment by itself, and the penalty for each after the first."""
    weights = policy.weights
    grams_of = {
        sku: max(line.weight_grams for line in order.lines if line.sku_id == sku)
        for sku in {line.sku_id for line in order.lines}
    }
    top = max(node.priority for node in nodes)
    total = 0
    senders = {node_id for _, node_id in filling}
    for node in nodes:
        if node.node_id not in senders:
            continue
        grams = sum(units * grams_of[sku] for (sku, sender), units in filling.items() if sender == node.node_id)
        pickup = order.pickup_node_id is not None
        way = Lane(True, "pickup") if pickup else lane(order, node)
        days = way.transit_days + (0 if pickup else int(node.minutes_to_cutoff < node.processing_minutes))
        hours = max(days * 24, node.processing_minutes / 60)
        total += 0 if pickup else shipping(grams, way.zone, rates, weights.shipping)
        total += round(rates.cod_minor * weights.shipping) if order.cod and not pickup else 0
        total += round(way.km * weights.distance_minor_per_km) + days * weights.transit_minor_per_day
        total += (top - node.priority) * weights.priority_minor + round(weights.load_minor * node.load**2)
        if order.hours_to_promise is not None:
            total += max(0, math.ceil((hours - order.hours_to_promise) / 24)) * weights.late_minor_per_day
    return total + (len(senders) - 1) * weights.split_minor


def shipping(grams: int, zone: str, rates: RateTable, factor: float) -> int:
    """The rate card, slab by slab."""
    first_grams, first, slab_grams, slab = rates.zones[zone]
    price, left = round(first * factor), grams - first_grams
    while left > 0:
        price += round(slab * factor)
        left -= slab_grams
    return price
