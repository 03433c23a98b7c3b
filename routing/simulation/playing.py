"""Orders of the past decided again, at their moments, by several versions of the rules: each in a world of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby

from routing.engine import Assignment, NodeInput, OrderInput, Plan, Policy, RateTable, Terms, plan_by_rules
from routing.policy.compiled import CompiledPolicy
from routing.policy.facts import OrderFacts
from routing.simulation.parcels import PlayedParcel, parcels_of
from routing.simulation.world import Past, World

#: Gives the assignments of an order by line, kits as units of their components.
InComponents = Callable[[Sequence[Assignment]], Sequence[Assignment]]


@dataclass(frozen=True, slots=True)
class PastOrder:
    """An order at the moment at which it was first decided. `facts` are what rules may ask of it then, `really` the
    nodes that it was given first, by id. `promised_by` is the first date that it was promised, by which it is judged;
    where we gave that date after the decision, the order was decided without it."""

    order_id: int
    number: str
    at: datetime
    order: OrderInput
    facts: OrderFacts
    in_components: InComponents
    units: int
    promised_by: datetime | None = None
    really: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Decided:
    """What one version decided for an order. `sentence` is kept only where versions differ.

    `in_time` says whether all parcels arrive by the promise by the days of the rate card; None where nothing was
    promised.
    """

    outcome: str
    rule: str
    cost_minor: int
    split_minor: int
    parcels: tuple[PlayedParcel, ...]
    in_time: bool | None
    sentence: str = ""

    @property
    def nodes(self) -> frozenset[tuple[int, int]]:
        """Node ids with the units that they ship."""
        return frozenset((parcel.node_id, parcel.units) for parcel in self.parcels)

    @property
    def freight_minor(self) -> int:
        """What couriers ask for its parcels, by the rate card."""
        return sum(parcel.freight_minor for parcel in self.parcels)

    @property
    def units(self) -> int:
        """Units that are shipped."""
        return sum(parcel.units for parcel in self.parcels)


@dataclass(frozen=True, slots=True)
class Played:
    """One order with the decision of each version, in the sequence of the versions; the first is the baseline."""

    past: PastOrder
    decided: tuple[Decided, ...]

    @property
    def changed(self) -> tuple[int, ...]:
        """Which versions ship it from other nodes, or other units from them, than the first."""
        first = self.decided[0].nodes
        return tuple(index for index, each in enumerate(self.decided) if each.nodes != first)


@dataclass(slots=True)
class Stage:
    """What versions share at one moment: the nodes as they were, their days by node id, the rate card, and terms over
    these nodes."""

    nodes: Sequence[NodeInput]
    days: dict[int, date]
    rates: RateTable
    terms_of: Callable[[Policy], Terms]
    ready_hours: Mapping[int, float] = field(init=False)

    def __post_init__(self) -> None:
        self.ready_hours = {node.node_id: node.processing_minutes / 60 for node in self.nodes}


class Player:
    """One version of the rules in its own world."""

    def __init__(self, policy: CompiledPolicy, past: Past) -> None:
        self.policy = policy
        self.world = World(past)

    def decide(self, orders: Sequence[PastOrder], stage: Stage) -> dict[int, Plan]:
        """Plans by order id, for orders of one moment, which compete by the sequence of the rules. What they take is
        gone from the world afterwards."""
        world = self.world
        world.move_to(orders[0].at)
        asked = []
        for place, past in enumerate(orders):
            attempts = self.policy.match(past.facts)
            asked.append((self.policy.place(past.facts, attempts), place, past, attempts))
        asked.sort(key=_place)
        used = {node.node_id: world.used[node.node_id, stage.days[node.node_id]] for node in stage.nodes}
        plans = plan_by_rules(
            stage.terms_of, [(past.order, attempts) for _, _, past, attempts in asked], world.stock, used, together=True
        )
        found = {}
        for (_, _, past, _), plan in zip(asked, plans, strict=True):
            found[past.order_id] = plan
            parts = past.in_components(plan.assignments)
            world.take(
                past.order_id,
                [(part.sku_id, part.node_id, part.quantity) for part in parts],
                {node_id: stage.days[node_id] for node_id in plan.node_ids},
            )
        return found


def _place(asked: tuple[tuple[float, ...], int, PastOrder, object]) -> tuple[tuple[float, ...], int]:
    return asked[0], asked[1]


def play(
    orders: Sequence[PastOrder], policies: Sequence[CompiledPolicy], past: Past, stage_at: Callable[[datetime], Stage]
) -> Iterator[list[Played]]:
    """Every order decided by every policy, in the sequence of their moments; those of one moment together.

    The first policy is the baseline. `stage_at` must give the same for the same moment.
    """
    players = [Player(policy, past) for policy in policies]
    for moment, together in groupby(sorted(orders, key=_moment), key=_only_moment):
        group = list(together)
        stage = stage_at(moment)
        plans = [player.decide(group, stage) for player in players]
        yield [_played(past, [each[past.order_id] for each in plans], stage) for past in group]


def _moment(past: PastOrder) -> tuple[datetime, int]:
    return past.at, past.order_id


def _only_moment(past: PastOrder) -> datetime:
    return past.at


def _played(past: PastOrder, plans: Sequence[Plan], stage: Stage) -> Played:
    takes = [sorted(plan.assignments) for plan in plans]
    # A sentence is worked out only where it will be read: it costs as much as the decision.
    tell = any(take != takes[0] for take in takes)
    return Played(past, tuple(_decided(past, plan, stage, tell) for plan in plans))


def _decided(past: PastOrder, plan: Plan, stage: Stage, tell: bool) -> Decided:
    stored = plan.compact() if plan.assignments else {"take": ()}
    cod = past.order.cod and past.order.pickup_node_id is None
    parcels = parcels_of(stored, stage.rates, cod=cod)
    in_time = None
    if past.promised_by is not None:
        hours = (past.promised_by - past.at).total_seconds() / 3600
        in_time = plan.outcome == "routed" and all(
            max(stage.ready_hours[parcel.node_id], 24.0 * parcel.days) <= hours for parcel in parcels
        )
    return Decided(
        plan.outcome, plan.rule, plan.cost_minor, stored["split"] * (len(parcels) - 1) if parcels else 0, parcels,
        in_time, plan.sentence if tell else "",
    )  # fmt: skip
