"""What a node makes of the work that it is given, as one number from 0 to 100 with its parts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from routing.performance.shares import START_WEIGHT, Belief, Share, believe, product, shrunk_mean

#: Work that was given longer ago is not looked at; what is this old counts half as much as what came today.
WINDOW_DAYS, HALF_LIFE_DAYS = 120, 21.0
#: What nodes of the same kind do weighs as much as this many orders of the node's own.
PRIOR_ORDERS = 20.0
#: The share that is expected of a stage where no node was ever seen.
START_MEAN = 0.95

#: The stages in the sequence in which work passes them.
STAGES = ("accepted", "kept", "found", "in_time")


@dataclass(frozen=True, slots=True)
class NodeWorkDone:
    """What became of a node's work, weighted by age; `orders` and `units` are counted in full.

    `stages`: accepted or refused when it came; kept or given back after it was accepted; all of it found or some short;
    ready by the node's own promise or later. `accept_hours` and `ship_hours` are sums by the clock over
    `accepted_seen` and `shipped_seen`, `promised_hours` the time that the node had for the latter.
    """

    node_id: int
    kind: str
    orders: int
    stages: Mapping[str, Share] = field(default_factory=dict)
    accept_hours: float = 0.0
    accepted_seen: float = 0.0
    ship_hours: float = 0.0
    promised_hours: float = 0.0
    shipped_seen: float = 0.0
    units: int = 0
    short_units: int = 0

    def stage(self, name: str) -> Share:
        """What was seen of one stage."""
        return self.stages.get(name, Share())


@dataclass(frozen=True, slots=True)
class StageScore:
    """One stage of a node: the share that passes, between which bounds, and from how much that is known."""

    share: float
    low: float
    high: float
    seen: float


@dataclass(frozen=True, slots=True)
class NodeScore:
    """The score of a node, 0 to 100, with the bounds that hold it in nine of ten cases, its parts and what they are of.

    `accept_hours` and `ship_hours` are expected means, `of_promise` the part of its time that the node takes until it
    ships, above 1 where it is late on average; None where no work of the kind was seen anywhere.
    """

    node_id: int
    score: float
    low: float
    high: float
    orders: int
    stages: Mapping[str, StageScore]
    accept_hours: float | None
    ship_hours: float | None
    of_promise: float | None
    units: int
    short_units: int


def score_nodes(work: Iterable[NodeWorkDone]) -> list[NodeScore]:
    """The score of every node that was given work; nodes without any are not known and have none.

    The score is 100 times the probability that work given to the node is accepted, kept, found whole and ready in time:
    the product of the shares of the four stages, each of what passed the one before. Each share is a Beta posterior
    (`shares.believe`) whose prior is what the other nodes of its kind do, with the weight of `PRIOR_ORDERS`; theirs is
    what the nodes of the other kinds do, and the start is `START_MEAN`. A node never counts in its own prior.
    """
    rows = [row for row in work if row.orders > 0]
    priors = {stage: _priors(rows, stage) for stage in STAGES}
    return [_score(row, {stage: priors[stage][row.node_id] for stage in STAGES}, rows) for row in rows]


def _priors(rows: list[NodeWorkDone], stage: str) -> dict[int, float]:
    """By node what its prior mean is: that of its kind without it."""
    every, kinds = Share(), defaultdict[str, Share](Share)
    for row in rows:
        every += row.stage(stage)
        kinds[row.kind] += row.stage(stage)
    found: dict[int, float] = {}
    for row in rows:
        own, kind = row.stage(stage), kinds[row.kind]
        widest = believe(every - kind, START_MEAN, START_WEIGHT).mean
        found[row.node_id] = believe(kind - own, widest, PRIOR_ORDERS).mean
    return found


def _score(row: NodeWorkDone, priors: Mapping[str, float], rows: list[NodeWorkDone]) -> NodeScore:
    beliefs = {stage: believe(row.stage(stage), priors[stage], PRIOR_ORDERS) for stage in STAGES}
    whole = product(list(beliefs.values()))
    low, high = whole.interval()
    alike = [each for each in rows if each.kind == row.kind and each.node_id != row.node_id] or rows
    accept = _mean([(each.accept_hours, each.accepted_seen) for each in alike], row.accept_hours, row.accepted_seen)
    ship = _mean([(each.ship_hours, each.shipped_seen) for each in alike], row.ship_hours, row.shipped_seen)
    had = _mean([(each.promised_hours, each.shipped_seen) for each in alike], row.promised_hours, row.shipped_seen)
    return NodeScore(
        row.node_id, 100 * whole.mean, 100 * low, 100 * high, row.orders,
        {stage: _stage(belief, row.stage(stage)) for stage, belief in beliefs.items()},
        accept, ship, ship / had if ship is not None and had else None, row.units, row.short_units,
    )  # fmt: skip


def _stage(belief: Belief, seen: Share) -> StageScore:
    low, high = belief.interval()
    return StageScore(belief.mean, low, high, seen.seen)


def _mean(others: list[tuple[float, float]], total: float, seen: float) -> float | None:
    """A node's mean, shrunk to that of the others of its kind."""
    known = sum(weight for _, weight in others)
    if known <= 0:
        return total / seen if seen > 0 else None
    return shrunk_mean(total, seen, sum(hours for hours, _ in others) / known, PRIOR_ORDERS)
