"""Figures of each version, counted from what it decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from routing.engine import FACTORS
from routing.simulation.playing import Decided, PastOrder, Played

#: The probability that all parcels of a decision arrive by the promise of its order; None where it is not known.
ChanceOf = Callable[[PastOrder, Decided], float | None]


@dataclass(slots=True)
class NodeFigures:
    """What one node is given: orders, and units of them."""

    orders: int = 0
    units: int = 0


@dataclass(slots=True)
class Figures:
    """One version over all orders of the window. Money in minor units of `currency`, sums over the `money_orders` in it
    that are shipped at least in part: `freight_minor` by the rate card, `cost_minor` and `factors` as the weights of
    the version have it. Orders in other currencies count in everything else. `km` sums the ways of all parcels.

    `promised` orders have a promised date; `in_time` of them are shipped whole and arrive by the days of the rate card;
    `chances` sums the probability of that by what was learned from delivered parcels, over `with_chance` orders.
    """

    currency: str
    orders: int = 0
    units: int = 0
    shipped_orders: int = 0
    money_orders: int = 0
    routed: int = 0
    partial: int = 0
    unroutable: int = 0
    shipped_units: int = 0
    split: int = 0
    parcels: int = 0
    freight_minor: int = 0
    cost_minor: int = 0
    split_minor: int = 0
    factors: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FACTORS, 0))
    km: float = 0.0
    promised: int = 0
    in_time: int = 0
    with_chance: int = 0
    chances: float = 0.0
    as_really: int = 0
    nodes: dict[int, NodeFigures] = field(default_factory=dict)
    rules: Counter[str] = field(default_factory=Counter)

    def add(self, past: PastOrder, decided: Decided, chance: float | None) -> None:
        """Count one decision."""
        self.orders += 1
        self.units += past.units
        self.rules[decided.rule] += 1
        self.routed += decided.outcome == "routed"
        self.partial += decided.outcome == "partial"
        self.unroutable += decided.outcome == "unroutable"
        self.as_really += {parcel.node_id for parcel in decided.parcels} == past.really
        if decided.in_time is not None:
            self.promised += 1
            self.in_time += decided.in_time
            if chance is not None:
                self.with_chance += 1
                self.chances += chance if decided.outcome == "routed" else 0.0
        if decided.parcels:
            self._add_shipped(decided)
            if past.order.currency == self.currency:
                self._add_money(decided)

    def _add_money(self, decided: Decided) -> None:
        self.money_orders += 1
        self.freight_minor += decided.freight_minor
        self.cost_minor += decided.cost_minor
        self.split_minor += decided.split_minor
        for parcel in decided.parcels:
            for name, minor in zip(FACTORS, parcel.factors, strict=True):
                self.factors[name] += minor

    def _add_shipped(self, decided: Decided) -> None:
        self.shipped_orders += 1
        self.shipped_units += decided.units
        self.parcels += len(decided.parcels)
        self.split += len(decided.parcels) > 1
        for parcel in decided.parcels:
            self.km += parcel.km
            node = self.nodes.setdefault(parcel.node_id, NodeFigures())
            node.orders += 1
            node.units += parcel.units


@dataclass(frozen=True, slots=True)
class Known:
    """What two versions are compared by without favouring the one that ships less, or that weighs less: the freight of
    orders in the currency of the figures that both ship whole."""

    orders: int = 0
    before_minor: int = 0
    after_minor: int = 0


@dataclass(frozen=True, slots=True)
class VersionResult:
    """The figures of one version, how many orders it sends from other nodes than the baseline, and the comparison."""

    figures: Figures
    changed: int
    known: Known


def count_version(played: Sequence[Played], index: int, chance_of: ChanceOf, currency: str) -> VersionResult:
    """Count the decisions of the version at this index; the baseline is at 0. Money is that of orders in `currency`."""
    figures = Figures(currency)
    changed = orders = before = after = 0
    for each in played:
        first, mine = each.decided[0], each.decided[index]
        figures.add(each.past, mine, chance_of(each.past, mine) if mine.in_time is not None else None)
        changed += mine.nodes != first.nodes
        if first.outcome == mine.outcome == "routed" and each.past.order.currency == currency:
            orders += 1
            before += first.freight_minor
            after += mine.freight_minor
    return VersionResult(figures, changed, Known(orders, before, after))


def result_as_json(result: VersionResult, codes: dict[int, str]) -> dict[str, Any]:
    """The result to store: nodes by code, the busiest first."""
    stored = asdict(result.figures)
    nodes = sorted(result.figures.nodes.items(), key=lambda item: (-item[1].orders, codes.get(item[0], "")))
    stored["nodes"] = {codes.get(node_id, f"node {node_id}"): asdict(node) for node_id, node in nodes}
    stored["rules"] = dict(result.figures.rules.most_common())
    stored["km"] = round(result.figures.km, 1)
    stored["chances"] = round(result.figures.chances, 4)
    return stored | {"changed": result.changed, "known": asdict(result.known)}
