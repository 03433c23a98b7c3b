"""What the routing engine takes and gives: frozen values, no clock, no database, no network, no randomness.

Money is integer minor units, weight is grams, distance kilometres, quantities are units. Times are relative
(minutes to the cut-off, hours to the promise), so that the same inputs always give the same plan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Literal, NamedTuple, Protocol

Outcome = Literal["routed", "partial", "unroutable"]
Result = Literal["chosen", "eligible", "refused"]
Rule = Literal[
    "",
    "not_the_pickup_store",
    "node_off",
    "rejected_before",
    "wrong_group",
    "does_not_ship",
    "over_capacity",
    "no_stock",
    "not_serviceable",
    "wrong_kind",
    "not_capable",
    "wrong_brand",
    "too_full",
    "past_cutoff",
    "performs_below",
    "too_far",
    "store_off",
    "too_slow",
]

#: The parts of a shipment's cost, in the order in which they are stored and shown.
FACTORS = ("shipping", "distance", "transit", "late", "load", "priority", "performance", "stock")


@dataclass(frozen=True, slots=True)
class NodeInput:
    """A place that may fulfill.

    `priority` is a rank where more is better. `capacity_left` is how many more orders it takes (None = no limit),
    `load` the used part of its limit from 0 to 1. `minutes_to_cutoff` is negative when the cut-off has passed.
    `capabilities` are what it can do beyond the ordinary ("hazardous", "bulky", "gift_wrap"); `brands` the brands that
    it may ship, all where empty. `performance` is the measured share of its work that it accepts, finds and ships in
    time, from 0 to 1; None where it is not known yet.
    """

    node_id: int
    code: str
    name: str = ""
    lat: float | None = None
    lon: float | None = None
    postcode: str = ""
    country: str = "IN"
    region: str = ""
    kind: str = "warehouse"
    ships: bool = True
    active: bool = True
    priority: int = 0
    capacity_left: int | None = None
    load: float = 0.0
    minutes_to_cutoff: int = 24 * 60
    processing_minutes: int = 0
    groups: frozenset[str] = frozenset()
    capabilities: frozenset[str] = frozenset()
    brands: frozenset[str] = frozenset()
    performance: float | None = None


@dataclass(frozen=True, slots=True)
class LineInput:
    """One line to route: `quantity` units still to be allocated, `weight_grams` and `value_minor` of one unit.

    `label` is what a person calls the item (the SKU code); sentences use it. A kit names in `parts` the SKUs, and units
    of each, that one unit of it is assembled from, and in `sku_id` itself: all parts of one unit leave from one node.
    Lines of one SKU have the same parts.
    """

    key: int
    sku_id: int
    quantity: int
    weight_grams: int = 0
    label: str = ""
    parts: tuple[tuple[int, int], ...] = ()
    value_minor: int = 0

    def __post_init__(self) -> None:
        if any(units < 1 for _, units in self.parts):
            raise ValueError(f"Line {self.key}: a kit needs at least one unit of each part.")
        if self.quantity < 0 or self.weight_grams < 0:
            raise ValueError(f"Line {self.key}: quantity and weight cannot be negative.")


@dataclass(frozen=True, slots=True)
class OrderInput:
    """One order to route.

    `allowed_groups` empty means every node. `excluded_node_ids` are nodes that rejected this order before.
    `pickup_node_id` is set for an order that the customer collects: only that node may take it, without a carrier,
    unless its policy lets others send to it (`TransferTerms`). The place of such an order is that of the store.
    `hours_to_promise` is None when no date was promised. `must_ship_complete` means all of it now or nothing.
    `needs` are capabilities that its goods ask of every node, `brands` the brands of its goods.
    """

    key: int
    lines: tuple[LineInput, ...]
    postcode: str = ""
    country: str = "IN"
    lat: float | None = None
    lon: float | None = None
    region: str = ""
    cod: bool = False
    value_minor: int = 0
    currency: str = "INR"
    service_level: str = ""
    allowed_groups: frozenset[str] = frozenset()
    excluded_node_ids: frozenset[int] = frozenset()
    pickup_node_id: int | None = None
    hours_to_promise: float | None = None
    must_ship_complete: bool = False
    needs: frozenset[str] = frozenset()
    brands: frozenset[str] = frozenset()
    is_gift: bool = False


@dataclass(frozen=True, slots=True)
class Lane:
    """The way from a node to a destination.

    `zone` is the carrier's rate zone; `reason` says in a sentence why the destination is not serviceable.
    """

    serviceable: bool
    zone: str = ""
    km: float = 0.0
    transit_days: int = 0
    reason: str = ""


#: Gives the lane of an order from a node. Must be pure, and may look only at the order's `postcode`, `country`,
#: `lat`, `lon`, `region`, `cod` and `service_level`: orders of a batch that agree in these share their lanes.
LaneOf = Callable[[OrderInput, NodeInput], Lane]

#: Sellable units now, by (sku_id, node_id). A missing pair, zero and a negative number all mean none.
Stock = Mapping[tuple[int, int], int]


class SlabRate(NamedTuple):
    """A courier's price for one zone: the first slab, then each further slab or part of one."""

    first_slab_grams: int
    first_minor: int
    additional_slab_grams: int
    additional_minor: int


@dataclass(frozen=True, slots=True)
class RateTable:
    """Slab prices by zone. `cod_minor` is charged once for each shipment of a cash-on-delivery order."""

    zones: Mapping[str, SlabRate]
    cod_minor: int = 0

    def __post_init__(self) -> None:
        for zone, (first_grams, first_minor, further_grams, further_minor) in self.zones.items():
            if first_grams <= 0 or further_grams <= 0 or first_minor < 0 or further_minor < 0:
                raise ValueError(f"Zone {zone!r}: slabs must weigh something and prices cannot be negative.")
        if self.cod_minor < 0:
            raise ValueError("The cash-on-delivery charge cannot be negative.")


@dataclass(frozen=True, slots=True)
class Weights:
    """What the engine minimises, all expressed as money so that the sum can be read.

    `shipping` multiplies the rate card. `load_minor` is charged times the square of the node's load: a half-full node
    pays a quarter of it. `priority_minor` is charged for each step a node stands below the best priority offered.
    `performance_minor` is charged for a node that fails always, in proportion for one that fails sometimes, and not at
    all for one that is not measured yet. `stock_minor` is charged for each unit by the share that it is of what the
    node has of the SKU: the last unit costs all of it, one of a hundred a hundredth.
    """

    shipping: float = 1.0
    distance_minor_per_km: float = 2.0
    transit_minor_per_day: int = 500
    late_minor_per_day: int = 10_000
    split_minor: int = 4_000
    load_minor: int = 2_000
    priority_minor: int = 500
    performance_minor: int = 0
    stock_minor: int = 0

    def __post_init__(self) -> None:
        for part in fields(self):
            if getattr(self, part.name) < 0:
                raise ValueError(f"The weight {part.name} cannot be negative.")


@dataclass(frozen=True, slots=True)
class Eligibility:
    """Which nodes a policy lets take an order, beyond what holds for every policy. Empty sets and None ask for nothing.

    A node must be of one of `kinds`, in one of `groups` and in none of `groups_out`, and have all `capabilities`.
    `min_capacity_left` and `min_minutes_to_cutoff` look at its day, `max_km` at the way to the customer;
    `min_performance` (0 to 1) refuses only nodes whose performance is known. `keep_units` of every SKU stay at a node:
    a brokering safety stock, on top of the safety stock of the level.
    """

    kinds: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    groups_out: frozenset[str] = frozenset()
    capabilities: frozenset[str] = frozenset()
    min_capacity_left: int = 0
    min_minutes_to_cutoff: int | None = None
    max_km: float | None = None
    min_performance: float | None = None
    keep_units: int = 0


#: The policy that asks nothing of nodes.
ANY_NODE = Eligibility()


@dataclass(frozen=True, slots=True)
class TransferTerms:
    """On which terms nodes send goods to the store where a customer collects them.

    Those that may send are the ones that the policy lets take an order at all. `max_days` bounds the days on the way, a
    missed cut-off included. `minor` is charged for every node that sends, in place of the penalty for splitting.
    """

    max_days: int = 3
    minor: int = 4_000


@dataclass(frozen=True, slots=True)
class Policy:
    """A published version of the routing rules.

    `allow_partial`: ship what is there and backorder the rest; otherwise an order that cannot be filled waits whole.
    `max_shipments`: no plan has more shipments. `max_candidates`: how many eligible nodes are stored with every factor;
    the rest are stored with their total only. It never limits which nodes are considered.

    A plan of several shipments is made only where it costs at most `max_extra_minor` more than one shipment of the same
    goods would from the cheapest usable node, and where each shipment carries goods of at least `min_parcel_minor`;
    else the order is planned with one shipment. `keep_gifts_whole`: gifts are never split. With `transfer` an order
    that the customer collects may also be made up of goods that other nodes send to the store; of the bounds of a split
    only the number of shipments holds for it then, the store's own goods being one of them. `rule` is the name of the
    rule of the policy that these terms are of.
    """

    version: int = 1
    weights: Weights = field(default_factory=Weights)
    max_shipments: int = 3
    allow_partial: bool = True
    max_candidates: int = 12
    eligibility: Eligibility = ANY_NODE
    max_extra_minor: int | None = None
    min_parcel_minor: int = 0
    keep_gifts_whole: bool = False
    rule: str = ""
    transfer: TransferTerms | None = None


Then = Literal["wait", "next"]


class Attempt(NamedTuple):
    """One rule that an order is tried by, and what follows where it does not ship all of it: the order waits, or the
    next attempt is made."""

    policy: Policy
    then: Then = "wait"


class Assignment(NamedTuple):
    """So many units of a line from one node."""

    line_key: int
    sku_id: int
    node_id: int
    quantity: int


@dataclass(frozen=True, slots=True)
class CandidateResult:
    """What became of one node.

    `rank` counts from 1 among the nodes that could supply something (most units first, then cheapest), 0 for refused
    ones. `factors` and `total_minor` are the cost of shipping all that this node can supply, alone, in one shipment.
    `km`, `transit_days` and `total_minor` are None where a refusal came before they were worked out. `transit_days`
    includes the day that a missed cut-off adds. `atp` lists the order's SKUs; `covers` counts units it could supply.
    """

    node_id: int
    code: str
    rank: int
    result: Result
    rule: Rule
    reason: str
    factors: Mapping[str, int]
    total_minor: int | None
    km: float | None
    transit_days: int | None
    zone: str
    atp: Mapping[int, int]
    covers: int


class Explanation(Protocol):
    """Works out, when somebody asks, why a plan came out as it did."""

    def candidates(self, plan: Plan) -> tuple[CandidateResult, ...]: ...

    def sentence(self, plan: Plan) -> str: ...

    def compact(self, plan: Plan) -> dict[str, Any]: ...

    def in_full(self, plan: Plan) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Plan:
    """The answer for one order.

    Always: assigned + backordered = quantity, for every line. `cost_minor` counts every factor and the split penalty.
    `rule` and `version` name the rule and the policy that it was made by.
    `lower_bound_minor`: no plan that ships as many units costs less; equal to the cost when `optimal`.
    `candidates`, `sentence` and `compact()` are worked out on first use from the inputs as they were at that moment.
    """

    order_key: int
    outcome: Outcome
    assignments: tuple[Assignment, ...]
    backordered: tuple[tuple[int, int], ...]
    cost_minor: int
    lower_bound_minor: int
    optimal: bool
    nodes_examined: int
    explanation: Explanation = field(repr=False, compare=False)
    rule: str = ""
    version: int = 0

    @cached_property
    def node_ids(self) -> tuple[int, ...]:
        """The nodes that ship, each once, in the order of the assignments."""
        return tuple(dict.fromkeys(assignment.node_id for assignment in self.assignments))

    @cached_property
    def candidates(self) -> tuple[CandidateResult, ...]:
        """Every node that was offered, ranked ones first."""
        return self.explanation.candidates(self)

    @cached_property
    def sentence(self) -> str:
        """Why, in one sentence of plain text."""
        return self.explanation.sentence(self)

    def compact(self) -> dict[str, Any]:
        """The decision as a small JSON object to store; `routing.engine.expand_candidates` reads it back."""
        return self.explanation.compact(self)

    def in_full(self) -> dict[str, Any]:
        """As `compact`, with the factors of every node."""
        return self.explanation.in_full(self)
