"""What a shipment costs: its factors, each in integer minor units, so that sums are exact and can be read."""

from __future__ import annotations

import math
from collections.abc import Iterable

from routing.engine.capacity import capacity_of
from routing.engine.filters import Gate, GateKey, gate, gate_key
from routing.engine.types import (
    ANY_NODE,
    Eligibility,
    Lane,
    LaneOf,
    NodeInput,
    OrderInput,
    RateTable,
    SlabRate,
    TransferTerms,
    Weights,
)

#: Weight steps of an order that the customer collects: nothing is shipped, so nothing is charged.
FREE = SlabRate(1, 0, 1, 0)
PICKUP_LANE = Lane(serviceable=True, zone="pickup")

#: A sample card of one Indian surface courier, from a public courier-invoice audit exercise, unverified (500 g steps;
#: a = within the city, b = within the region, c = between metros, d = rest of India, e = north-east, Jammu and Kashmir,
#: islands). For a new installation and for demonstrations: a merchant's own rate card replaces it.
INDIA_RATES = RateTable(
    zones={
        "a": SlabRate(500, 2950, 500, 2360),
        "b": SlabRate(500, 3300, 500, 2830),
        "c": SlabRate(500, 4010, 500, 3890),
        "d": SlabRate(500, 4540, 500, 4480),
        "e": SlabRate(500, 5660, 500, 5550),
    },
    cod_minor=2500,
)

#: What orders must agree in to share lanes and costs that do not depend on what is shipped.
DestinationKey = tuple[str, str, float | None, float | None, str, bool, str, int | None, TransferTerms | None]


def destination_key(order: OrderInput, transfer: TransferTerms | None = None) -> DestinationKey:
    """The part of an order that decides its lanes, and on which terms goods are sent to the store of collection."""
    return (
        order.postcode,
        order.country,
        order.lat,
        order.lon,
        order.region,
        order.cod,
        order.service_level,
        order.pickup_node_id,
        None if order.pickup_node_id is None else transfer,
    )


def weighted(rate: SlabRate, factor: float) -> SlabRate:
    """The rate times the weight that the policy gives to shipping, rounded once so that all sums stay integers."""
    return SlabRate(
        rate.first_slab_grams,
        round(rate.first_minor * factor),
        rate.additional_slab_grams,
        round(rate.additional_minor * factor),
    )


#: Ways to destinations that are kept, counted in nodes.
_MOST_KEPT = 200_000


class Terms:
    """What all orders share while nodes, rates and weights stay as they are: nodes from the most preferred to the
    least, weighted rates by zone (`fares`), what is known of each node, and the gates and destinations worked out so
    far. It may serve many calls of `plan_with`."""

    __slots__ = (
        "_destinations",
        "cod_minor",
        "extra_days",
        "fares",
        "gates",
        "idle",
        "idle_minor",
        "ids",
        "lane",
        "nodes",
        "performance_minor",
        "priority_minor",
        "ready_hours",
        "weights",
    )

    def __init__(self, given: Iterable[NodeInput], lane: LaneOf, rates: RateTable, weights: Weights) -> None:
        nodes = sorted(given, key=lambda node: (-node.priority, node.node_id))
        top = nodes[0].priority if nodes else 0
        self.nodes = nodes
        self.gates: dict[GateKey, Gate] = {}
        self._destinations: dict[DestinationKey, Destination] = {}
        self.ids = [node.node_id for node in nodes]
        self.lane = lane
        self.weights = weights
        self.cod_minor = round(rates.cod_minor * weights.shipping)
        self.fares = {zone: weighted(rate, weights.shipping) for zone, rate in rates.zones.items()}
        self.extra_days = [int(node.minutes_to_cutoff < node.processing_minutes) for node in nodes]
        self.ready_hours = [node.processing_minutes / 60 for node in nodes]
        self.priority_minor = [(top - node.priority) * weights.priority_minor for node in nodes]
        self.idle = capacity_of(nodes, {})
        self.idle_minor = self.loads_minor(self.idle.load)
        self.performance_minor = [
            0 if node.performance is None else round((1 - node.performance) * weights.performance_minor)
            for node in nodes
        ]

    def gate(self, order: OrderInput, asked: Eligibility = ANY_NODE, sends: bool = False) -> Gate:
        """Which nodes may take the order by the fixed rules; with `sends` others may send to the store, too."""
        key = gate_key(order, asked, sends)
        found = self.gates.get(key)
        if found is None:
            found = self.gates[key] = gate(key, self.nodes)
        return found

    def destination(self, order: OrderInput, transfer: TransferTerms | None = None) -> Destination:
        """Ways and costs to where the order goes; with `transfer` those to the store where it is collected, too."""
        key = destination_key(order, transfer)
        found = self._destinations.get(key)
        if found is None:
            if len(self._destinations) * len(self.nodes) >= _MOST_KEPT:
                self._destinations.clear()
            found = self._destinations[key] = Destination(order, self, transfer)
        return found

    def loads_minor(self, loads: Iterable[float]) -> list[int]:
        """The charge for each node's load."""
        return [self.load_minor(load) for load in loads]

    def load_minor(self, load: float) -> int:
        """The charge for a node's load, growing with its square."""
        return round(self.weights.load_minor * load * load)


#: One node's way to a destination: km, days, zone, then the charges for distance, transit, priority and performance.
Way = tuple[float, int, str, int, int, int, int]


class Destination:
    """Ways and fixed costs from every node to one destination, worked out for a node when it is first asked for.

    `base[index]` is the cost of a shipment apart from its weight, its lateness and the node's load (distance, transit,
    priority, performance, cash on delivery); `UNKNOWN` until `open` was called, `CLOSED` when the node cannot serve the
    destination, for the reason in `reasons`. `fares`, `hours` (until delivery) and `ways` hold only for open nodes.
    `too_slow` are closed nodes whose way to the store takes longer than the terms of a transfer allow.

    A customer who collects goes to the store: its own goods are not carried. Those of another node are carried to it,
    and where that is possible at all the store's own goods cost nothing.
    """

    UNKNOWN = -1
    CLOSED = -2

    __slots__ = (
        "_late_minor_per_day",
        "_order",
        "_receiving_hours",
        "_terms",
        "_transfer",
        "base",
        "cod_minor",
        "fares",
        "hours",
        "reasons",
        "too_slow",
        "ways",
    )

    def __init__(self, order: OrderInput, terms: Terms, transfer: TransferTerms | None = None) -> None:
        count = len(terms.nodes)
        self._order = order
        self._terms = terms
        self._transfer = transfer if order.pickup_node_id is not None else None
        self._receiving_hours = 0.0
        if self._transfer is not None and order.pickup_node_id in terms.ids:
            self._receiving_hours = terms.ready_hours[terms.ids.index(order.pickup_node_id)]
        self.too_slow: set[int] = set()
        self._late_minor_per_day = terms.weights.late_minor_per_day
        self.base: list[int] = [self.UNKNOWN] * count
        self.fares: list[SlabRate] = [FREE] * count
        self.hours: list[float] = [0.0] * count
        self.ways: list[Way] = [_NO_WAY] * count
        self.reasons: dict[int, str] = {}
        self.cod_minor = terms.cod_minor if order.cod and order.pickup_node_id is None else 0

    def open(self, index: int) -> int:
        """Work out the way from a node; returns its `base` or CLOSED."""
        terms, order = self._terms, self._order
        collected = terms.ids[index] == order.pickup_node_id
        if not collected:
            lane = terms.lane(order, terms.nodes[index])
            fare = terms.fares.get(lane.zone)
            days = lane.transit_days + terms.extra_days[index]
        else:
            lane, fare, days = PICKUP_LANE, FREE, 0
        if fare is None or not lane.serviceable:
            return self._close(index, lane)
        transfer, receiving, moved_minor = self._transfer, 0.0, 0
        weights, km, priority_minor = terms.weights, lane.km, terms.priority_minor[index]
        performance_minor = terms.performance_minor[index]
        if transfer is not None and collected:
            priority_minor = performance_minor = 0
        elif transfer is not None:
            if days > transfer.max_days:
                self.too_slow.add(index)
                return self._close(index, lane)
            receiving, moved_minor = self._receiving_hours, transfer.minor
        distance_minor = round(km * weights.distance_minor_per_km)
        transit_minor = days * weights.transit_minor_per_day
        ready, arrival = terms.ready_hours[index], 24.0 * days
        self.hours[index] = (ready if ready > arrival else arrival) + receiving
        self.fares[index] = fare
        self.ways[index] = (km, days, lane.zone, distance_minor, transit_minor, priority_minor, performance_minor)
        base = self.cod_minor + moved_minor + distance_minor + transit_minor + priority_minor + performance_minor
        self.base[index] = base
        return base

    def _close(self, index: int, lane: Lane) -> int:
        """The node cannot serve the destination; say why."""
        missing = f"The rate card has no price for zone {lane.zone or '(none)'}."
        self.reasons[index] = missing if lane.serviceable else lane.reason
        self.base[index] = self.CLOSED
        return self.CLOSED

    def late_minor(self, index: int, hours_to_promise: float | None) -> int:
        """The charge for each day begun after the promise; nothing was promised: nothing is late."""
        if hours_to_promise is None or self.hours[index] <= hours_to_promise:
            return 0
        return math.ceil((self.hours[index] - hours_to_promise) / 24) * self._late_minor_per_day


_NO_WAY: Way = (0.0, 0, "", 0, 0, 0, 0)
