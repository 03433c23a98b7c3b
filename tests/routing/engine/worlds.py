"""Small random worlds for properties: little stock, few nodes, prices that tie and prices that bite."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from random import Random

from hypothesis import strategies as st

from routing.engine import (
    Eligibility,
    Lane,
    LineInput,
    NodeInput,
    OrderInput,
    Policy,
    RateTable,
    SlabRate,
    TransferTerms,
    Weights,
)


@dataclass(frozen=True)
class World:
    """Everything that a plan is made from."""

    nodes: list[NodeInput]
    orders: list[OrderInput]
    stock: dict[tuple[int, int], int]
    lanes: dict[tuple[str, int], Lane]
    rates: RateTable
    policy: Policy

    def lane(self, order: OrderInput, node: NodeInput) -> Lane:
        return self.lanes[order.postcode, node.node_id]


def world_from(random: Random, *, nodes: int = 4, skus: int = 3, orders: int = 1, quantity: int = 3) -> World:
    """A world of at most so many of each. Half of them have sane rate cards, half anything."""
    node_ids = random.sample(range(1, 50), random.randint(1, nodes))
    sku_ids = list(range(1, random.randint(1, skus) + 1))
    postcodes = ["110001", "560001"]
    return World(
        nodes=[_node(random, node_id) for node_id in node_ids],
        orders=[_order(random, key, sku_ids, node_ids, postcodes, quantity) for key in range(orders)],
        stock={(s, n): random.choice((-1, 0, 1, 1, 2, 2, 3, 5)) for s in sku_ids for n in node_ids},
        lanes={(p, n): _lane(random) for p in postcodes for n in node_ids},
        rates=_rates(random),
        policy=_policy(random),
    )


def worlds(**most: int) -> st.SearchStrategy[World]:
    """Worlds by seed: quick to draw, and a failing one is repeated by its seed."""
    return st.integers(0, 2**64).map(lambda seed: world_from(Random(seed), **most))


def _node(random: Random, node_id: int) -> NodeInput:
    odd = random.random() < 0.3
    return NodeInput(
        node_id,
        f"N-{node_id:02d}",
        ships=not odd or random.random() < 0.7,
        active=not odd or random.random() < 0.7,
        priority=random.choice((0, 0, 1)),
        capacity_left=random.choice((None, 0, 1, 2)) if odd else random.choice((None, 1, 3)),
        load=random.choice((0.0, 0.5, 0.9)),
        minutes_to_cutoff=random.choice((-10, 30, 600)),
        processing_minutes=random.choice((0, 60)),
        groups=frozenset(random.sample(("metro", "store"), random.randint(0, 2))),
        kind=random.choice(("warehouse", "warehouse", "store")),
        capabilities=frozenset({"bulky"}) if random.random() < 0.6 else frozenset(),
        brands=frozenset({"asha"}) if random.random() < 0.2 else frozenset(),
        performance=random.choice((None, None, 0.5, 0.9, 1.0)),
    )


def _order(
    random: Random, key: int, sku_ids: list[int], node_ids: list[int], postcodes: list[str], quantity: int
) -> OrderInput:
    lines = [
        LineInput(number, random.choice(sku_ids), random.randint(1, quantity), random.choice((0, 300, 700)))
        for number in range(random.randint(1, 3))
    ]
    odd = random.random() < 0.25
    return OrderInput(
        key,
        tuple(lines),
        postcode=random.choice(postcodes),
        cod=random.random() < 0.3,
        allowed_groups=frozenset({"metro"}) if odd and random.random() < 0.5 else frozenset(),
        excluded_node_ids=frozenset(random.sample(node_ids, 1)) if odd and random.random() < 0.5 else frozenset(),
        pickup_node_id=random.choice(node_ids) if odd and random.random() < 0.4 else None,
        hours_to_promise=random.choice((None, 20.0, 50.0)),
        must_ship_complete=random.random() < 0.2,
        needs=frozenset({"bulky"}) if random.random() < 0.15 else frozenset(),
        brands=frozenset(random.sample(("asha", "other"), 1)) if random.random() < 0.2 else frozenset(),
        is_gift=random.random() < 0.2,
    )


def _lane(random: Random) -> Lane:
    serviceable = random.random() < 0.9
    zone = random.choice(("a", "b", "nowhere") if random.random() < 0.1 else ("a", "b"))
    return Lane(serviceable, zone, random.choice((0.0, 12.0, 700.0)), random.choice((0, 1, 3)), "")


def _rates(random: Random) -> RateTable:
    if random.random() < 0.5:
        return RateTable({"a": SlabRate(500, 3000, 500, 2400), "b": SlabRate(500, 4500, 500, 4400)}, 2500)
    # A first slab cheaper than the slabs after it: two parcels from one node would undercut one.
    odd = [
        SlabRate(
            random.choice((200, 500)), random.choice((0, 100)), random.choice((100, 400)), random.choice((0, 5000))
        )
        for _ in "ab"
    ]
    return RateTable({"a": odd[0], "b": odd[1]}, random.choice((0, 2500)))


def _policy(random: Random) -> Policy:
    weights = Weights(
        shipping=random.choice((0.0, 1.0, 1.25)),
        distance_minor_per_km=random.choice((0.0, 2.0)),
        transit_minor_per_day=random.choice((0, 500)),
        late_minor_per_day=random.choice((0, 3000)),
        split_minor=random.choice((0, 10, 500, 4000)),
        load_minor=random.choice((0, 2000)),
        priority_minor=random.choice((0, 500)),
        performance_minor=random.choice((0, 0, 700)),
        stock_minor=random.choice((0, 0, 900)),
    )
    return Policy(
        1,
        weights,
        max_shipments=random.choice((1, 2, 3, 5)),
        allow_partial=random.random() < 0.7,
        eligibility=_eligibility(random) if random.random() < 0.3 else Eligibility(),
        keep_gifts_whole=random.random() < 0.5,
        transfer=TransferTerms(random.choice((1, 3)), random.choice((0, 10, 4000))) if random.random() < 0.5 else None,
    )


def _eligibility(random: Random) -> Eligibility:
    """What a policy asks of nodes: one or two things at a time."""
    asked = Eligibility()
    for one in random.sample(
        (
            Eligibility(kinds=frozenset({"warehouse"})),
            Eligibility(groups=frozenset({"metro"})),
            Eligibility(groups_out=frozenset({"store"})),
            Eligibility(capabilities=frozenset({"bulky"})),
            Eligibility(min_capacity_left=2),
            Eligibility(min_minutes_to_cutoff=0),
            Eligibility(max_km=100.0),
            Eligibility(min_performance=0.8),
            Eligibility(keep_units=1),
        ),
        random.randint(1, 2),
    ):
        changed = {f.name: getattr(one, f.name) for f in fields(one) if getattr(one, f.name) != f.default}
        asked = replace(asked, **{name: value for name, value in changed.items() if value != frozenset()})
    return asked
