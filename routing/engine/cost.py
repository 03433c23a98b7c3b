"""What a shipment costs: its factors, each in integer minor units, so that sums are exact and can be read."""

from __future__ import annotations

import math
from collections.abc import Sequence

from routing.engine.types import Lane, LaneOf, NodeInput, OrderInput, RateTable, SlabRate, Weights

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
DestinationKey = tuple[str, float | None, float | None, str, bool, str, bool]


def destination_key(order: OrderInput) -> DestinationKey:
    """The part of an order that decides its lanes (and whether there are any: a pickup order has none)."""
    return (
        order.postcode,
        order.lat,
        order.lon,
        order.region,
        order.cod,
        order.service_level,
        order.pickup_node_id is not None,
    )


def slab_minor(rate: SlabRate, grams: int) -> int:
    """Price of one parcel: the first slab, then every further slab that is begun."""
    first_grams, first_minor, further_grams, further_minor = rate
    if grams <= first_grams:
        return first_minor
    return first_minor - (first_grams - grams) // further_grams * further_minor


def weighted(rate: SlabRate, factor: float) -> SlabRate:
    """The rate times the weight that the policy gives to shipping, rounded once so that all sums stay integers."""
    return SlabRate(
        rate.first_slab_grams,
        round(rate.first_minor * factor),
        rate.additional_slab_grams,
        round(rate.additional_minor * factor),
    )


class Terms:
    """The prices and nodes that all orders of one call share."""

    __slots__ = ("_fares", "cod_minor", "lane", "nodes", "top_priority", "weights")

    def __init__(self, nodes: Sequence[NodeInput], lane: LaneOf, rates: RateTable, weights: Weights) -> None:
        self.nodes = nodes
        self.lane = lane
        self.weights = weights
        self.top_priority = max((node.priority for node in nodes), default=0)
        self.cod_minor = round(rates.cod_minor * weights.shipping)
        self._fares = {zone: weighted(rate, weights.shipping) for zone, rate in rates.zones.items()}

    def fare(self, zone: str) -> SlabRate | None:
        """The weighted rate of a zone; None when the rate card does not name it."""
        return self._fares.get(zone)

    def load_minor(self, load: float) -> int:
        """The charge for a node's load, growing with its square."""
        return round(self.weights.load_minor * load * load)


class Destination:
    """Lanes and fixed costs from every node to one destination, worked out for a node when it is first asked for.

    `base[index]` is the cost of a shipment apart from its weight, its lateness and the node's load (distance, transit,
    priority, cash on delivery); `UNKNOWN` until `open` was called, `CLOSED` when the node cannot serve the destination.
    """

    UNKNOWN = -1
    CLOSED = -2

    __slots__ = ("_order", "_terms", "base", "cod_minor", "days", "fares", "hours", "lanes", "reasons")

    def __init__(self, order: OrderInput, terms: Terms) -> None:
        count = len(terms.nodes)
        self._order = order
        self._terms = terms
        self.base: list[int] = [self.UNKNOWN] * count
        self.fares: list[SlabRate] = [FREE] * count
        self.days: list[int] = [0] * count
        self.hours: list[float] = [0.0] * count
        self.lanes: list[Lane | None] = [None] * count
        self.reasons: dict[int, str] = {}
        self.cod_minor = terms.cod_minor if order.cod and order.pickup_node_id is None else 0

    def open(self, index: int) -> int:
        """Ask for the lane of a node; returns its `base` or CLOSED."""
        base = self.base[index]
        if base != self.UNKNOWN:
            return base
        base = self._work_out(index)
        self.base[index] = base
        return base

    def _work_out(self, index: int) -> int:
        terms, node = self._terms, self._terms.nodes[index]
        pickup = self._order.pickup_node_id is not None
        lane = PICKUP_LANE if pickup else terms.lane(self._order, node)
        self.lanes[index] = lane
        if not lane.serviceable:
            self.reasons[index] = lane.reason
            return self.CLOSED
        fare = FREE if pickup else terms.fare(lane.zone)
        if fare is None:
            self.reasons[index] = f"The rate card has no price for zone {lane.zone or '(none)'}."
            return self.CLOSED
        missed = not pickup and node.minutes_to_cutoff < node.processing_minutes
        self.fares[index] = fare
        self.days[index] = lane.transit_days + missed
        self.hours[index] = max(24.0 * self.days[index], node.processing_minutes / 60)
        return self.cod_minor + self.distance_minor(index) + self.transit_minor(index) + self.priority_minor(index)

    def distance_minor(self, index: int) -> int:
        """The charge for kilometres."""
        lane = self.lanes[index]
        return 0 if lane is None else round(lane.km * self._terms.weights.distance_minor_per_km)

    def transit_minor(self, index: int) -> int:
        """The charge for days on the way, the day of a missed cut-off included."""
        return self.days[index] * self._terms.weights.transit_minor_per_day

    def priority_minor(self, index: int) -> int:
        """The charge for standing below the best priority."""
        return (self._terms.top_priority - self._terms.nodes[index].priority) * self._terms.weights.priority_minor

    def late_minor(self, index: int, hours_to_promise: float | None) -> int:
        """The charge for each day begun after the promise; nothing was promised: nothing is late."""
        if hours_to_promise is None or self.hours[index] <= hours_to_promise:
            return 0
        return math.ceil((self.hours[index] - hours_to_promise) / 24) * self._terms.weights.late_minor_per_day
