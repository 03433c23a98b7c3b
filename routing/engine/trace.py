"""What a plan was made from, as it was then: what each node could have supplied, and why others could not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from routing.engine.cost import Destination, Terms
from routing.engine.filters import REASONS, Gate
from routing.engine.problem import Problem
from routing.engine.types import LineInput, OrderInput, Policy, Rule

#: What a node could do alone: units it could supply (the more the better, so negative), the cost of that, its index.
Offer = tuple[int, int, int]


class Refusal(NamedTuple):
    """Nodes refused by one rule for one reason."""

    rule: Rule
    reason: str
    node_ids: Sequence[int]


class Trace:
    """The inputs of one plan as they were when it was made. Nothing in here changes afterwards."""

    __slots__ = (
        "_offers",
        "destination",
        "full",
        "gate",
        "load_minor",
        "order",
        "policy",
        "problem",
        "split_refused",
        "terms",
        "too_full",
        "wants",
    )

    def __init__(
        self,
        policy: Policy,
        terms: Terms,
        order: OrderInput,
        wants: Mapping[int, list[LineInput]],
        problem: Problem,
        passed: Gate,
        destination: Destination,
        load_minor: Sequence[int],
        full: frozenset[int],
        too_full: frozenset[int] = frozenset(),
        split_refused: str = "",
    ) -> None:
        self.policy = policy
        self.terms = terms
        self.order = order
        self.wants = wants
        self.problem = problem
        self.gate = passed
        self.destination = destination
        self.load_minor = load_minor
        self.full = full
        self.too_full = too_full
        self.split_refused = split_refused
        self._offers: list[Offer] | None = None

    @property
    def nodes_examined(self) -> int:
        """How many nodes passed the fixed rules and had capacity, so that their stock was looked at."""
        if not self.full:
            return len(self.gate.passing)
        return sum(index not in self.full for index in self.gate.passing)

    def offers(self) -> list[Offer]:
        """What each usable node could supply, best first: most units, then cheapest, then priority and id."""
        if self._offers is None:
            one_want = len(self.problem.quantities) == 1
            self._offers = sorted(self._offers_of_one() if one_want else self._offers_of_many())
        return self._offers

    def _offers_of_one(self) -> list[Offer]:
        problem = self.problem
        further, fares = problem.further_minor, problem.fares
        (wanted,), (unit_grams,), (row,) = problem.quantities, problem.grams, problem.rows
        found = []
        for index, cost in problem.opening.items():
            units = row[index]
            if units > wanted:
                units = wanted
            grams = units * unit_grams
            if grams > fares[index][0]:
                cost += further(index, grams)
            if problem.unit_minor is not None:
                cost += units * problem.unit_minor[0][index]
            found.append((-units, cost, index))
        return found

    def _offers_of_many(self) -> list[Offer]:
        problem = self.problem
        wants = list(zip(problem.quantities, problem.grams, problem.rows, strict=True))
        found = []
        for index, opening in problem.opening.items():
            covers = grams = 0
            for quantity, unit_grams, row in wants:
                units = row.get(index, 0)
                if units:
                    if units > quantity:
                        units = quantity
                    covers += units
                    grams += units * unit_grams
            cost = opening + problem.further_minor(index, grams)
            if problem.unit_minor is not None:
                cost += problem.units_minor(index, self.alone(index))
            found.append((-covers, cost, index))
        return found

    def alone(self, index: int) -> list[int]:
        """Units of each want that a node could supply by itself."""
        problem = self.problem
        return [min(q, row.get(index, 0)) for q, row in zip(problem.quantities, problem.rows, strict=True)]

    def refusals(self) -> list[Refusal]:
        """Every node that is not usable, with the first rule that refused it."""
        ids, full, opening = self.terms.ids, self.full, self.problem.opening
        refused = [Refusal(rule, REASONS[rule], node_ids) for rule, node_ids in self.gate.refused]
        outside = [index for index in self.gate.passing if index not in opening]
        over = [ids[index] for index in outside if index in full]
        if over:
            refused.append(Refusal("over_capacity", REASONS["over_capacity"], over))
            outside = [index for index in outside if index not in full]
        rows = self.problem.rows
        stocked = rows[0].keys() if len(rows) == 1 else set().union(*rows)
        empty = [ids[index] for index in outside if index not in stocked]
        if empty:
            refused.append(Refusal("no_stock", REASONS["no_stock"], empty))
        if len(empty) < len(outside):
            closed: dict[tuple[Rule, str], list[int]] = {}
            for index in outside:
                if index in stocked:
                    closed.setdefault(self._closed(index), []).append(ids[index])
            refused.extend(Refusal(rule, reason, node_ids) for (rule, reason), node_ids in closed.items())
        return refused

    def _closed(self, index: int) -> tuple[Rule, str]:
        """Why a node that has goods and passed the fixed rules is not used."""
        if index in self.destination.too_slow:
            return "too_slow", REASONS["too_slow"]
        if self.destination.base[index] == Destination.CLOSED:
            return "not_serviceable", self.destination.reasons.get(index) or REASONS["not_serviceable"]
        if index in self.too_full:
            return "too_full", REASONS["too_full"]
        return "too_far", REASONS["too_far"]
