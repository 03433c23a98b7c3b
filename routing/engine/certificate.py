"""Checks a stored decision without the solvers' help.

A decision claims what it ships, what that costs, and that nothing that ships as much costs less than its bound. The
check tries every set of nodes and every way to divide the goods within a set, the plain way, from nothing but what was
stored. It shares no code with the search that found the plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import combinations
from math import comb
from typing import Any

from routing.engine.problem import Problem
from routing.engine.stored import Restored, problem_of
from routing.engine.types import FACTORS
from routing.engine.wording import money

#: Sets of nodes that are gone through: some seconds.
MOST_SETS = 400_000
#: Ways to go on from one load with one want, over all sets: some ten seconds.
MOST_WAYS = 4_000_000


def faults_of(stored: Mapping[str, Any]) -> list[str]:
    """What is wrong with a stored decision, in sentences; none where all that it claims holds.

    Raises ValueError for one that is too large to be tried, or that does not hold all that it was made from.
    """
    restored = problem_of(stored)
    problem = restored.problem
    most = min(problem.max_shipments, len(problem.opening))
    sets = sum(comb(len(problem.opening), count) for count in range(1, most + 1))
    if sets > MOST_SETS:
        raise ValueError(f"{sets:,} sets of nodes are too many to try; at most {MOST_SETS:,} are.")
    return [
        *_contradictions(stored), *_impossible(stored, restored), *_miscounted(stored, problem),
        *_beaten(stored, restored, most),
    ]  # fmt: skip


def _contradictions(stored: Mapping[str, Any]) -> Iterator[str]:
    """A bound above the cost, and a proof without one."""
    cost, bound, currency = stored["cost"], stored["bound"], stored["currency"]
    if bound > cost or (stored["optimal"] and bound != cost):
        yield f"It costs {money(cost, currency)} and is said to cost {money(bound, currency)} at least."


def _impossible(stored: Mapping[str, Any], restored: Restored) -> Iterator[str]:
    """Goods that are not there, too many shipments, units that are neither sent nor left over."""
    problem = restored.problem
    taken: dict[tuple[int, int], int] = {}
    for _, sku, node_id, quantity in stored["take"]:
        taken[sku, node_id] = taken.get((sku, node_id), 0) + quantity
    for (sku, node_id), quantity in taken.items():
        have = problem.rows[stored["skus"].index(sku)].get(restored.ids.index(node_id), 0)
        if quantity > have:
            yield f"Node {node_id} sends {quantity} of SKU {sku} and had {have}."
    if len(restored.chosen) > problem.max_shipments:
        yield f"{len(restored.chosen)} shipments, where {problem.max_shipments} are allowed."
    left = sum(quantity for _, quantity in stored["back"])
    for sku, sent, wanted in zip(stored["skus"], restored.shipped, problem.quantities, strict=True):
        if sent > wanted:
            yield f"{sent} units of SKU {sku} are sent, where {wanted} are wanted."
    if sum(restored.shipped) + left != sum(problem.quantities):
        yield f"{sum(restored.shipped)} units sent and {left} left over do not make {sum(problem.quantities)}."


def _miscounted(stored: Mapping[str, Any], problem: Problem) -> Iterator[str]:
    """Factors that do not add up to the sum of their node, and shipments that do not add up to the cost."""
    currency = stored["currency"]
    for row in stored["rows"]:
        if sum(row[5 : 5 + len(FACTORS)]) != row[4]:
            yield f"The factors of node {row[0]} do not add up to {money(row[4], currency)}."
    want_of = {sku: want for want, sku in enumerate(stored["skus"])}
    ids = sorted([row[0] for row in stored["rows"]] + [row[0] for row in stored["rest"]])
    parcels: dict[int, list[int]] = {}
    for _, sku, node_id, quantity in stored["take"]:
        parcels.setdefault(ids.index(node_id), [0] * len(want_of))[want_of[sku]] += quantity
    cost = sum(problem.parcel_minor(index, units) for index, units in parcels.items())
    cost += max(0, len(parcels) - 1) * problem.split
    if cost != stored["cost"]:
        yield f"The shipments cost {money(cost, currency)}, not {money(stored['cost'], currency)}."


class _Effort:
    """Ways that may still be tried."""

    def __init__(self) -> None:
        self.left = MOST_WAYS

    def take(self, ways: int) -> None:
        """Raises ValueError where they are used up."""
        self.left -= ways
        if self.left < 0:
            raise ValueError("There are too many ways to divide the goods to try them all.")


def _beaten(stored: Mapping[str, Any], restored: Restored, most: int) -> Iterator[str]:
    """Sets of nodes that ship more, or as much for less than the bound."""
    effort = _Effort()
    problem, ids, currency = restored.problem, restored.ids, stored["currency"]
    units, wanted = sum(restored.shipped), sum(problem.quantities)
    bound = stored["bound"]
    for count in range(1, most + 1):
        for places in combinations(problem.opening, count):
            sent = [
                min(quantity, sum(row.get(index, 0) for index in places))
                for quantity, row in zip(problem.quantities, problem.rows, strict=True)
            ]
            names = ", ".join(str(ids[index]) for index in places)
            # Of an order that ships whole or not at all, a part is no answer.
            if sum(sent) > units and (sum(sent) == wanted or not stored.get("whole")):
                yield f"Nodes {names} ship {sum(sent)} units, not {units}."
            elif units and sum(sent) == units:
                opening = sum(problem.opening[index] for index in places) + (count - 1) * problem.split
                if opening < bound and (cost := opening + _least(problem, places, sent, effort)) < bound:
                    yield f"Nodes {names} ship as much for {money(cost, currency)}."


def _least(problem: Problem, places: Sequence[int], sent: Sequence[int], effort: _Effort) -> int:
    """What dividing so many units between nodes costs at least, above their openings."""

    @cache
    def rest(want: int, grams: tuple[int, ...]) -> int:
        if want == len(sent):
            return sum(problem.further_minor(index, weight) for index, weight in zip(places, grams, strict=True))
        row, unit = problem.rows[want], problem.grams[want]
        prices = {} if problem.unit_minor is None else problem.unit_minor[want]
        ways = list(_ways([row.get(index, 0) for index in places], sent[want]))
        effort.take(len(ways))
        return min(
            sum(count * prices.get(index, 0) for index, count in zip(places, way, strict=True) if count)
            + rest(want + 1, tuple(weight + count * unit for weight, count in zip(grams, way, strict=True)))
            for way in ways
        )

    return rest(0, (0,) * len(places))


def _ways(piles: Sequence[int], units: int) -> Iterator[tuple[int, ...]]:
    """Every way to take so many units from piles."""
    if len(piles) == 1:
        if units <= piles[0]:
            yield (units,)
        return
    for taken in range(min(piles[0], units) + 1):
        for others in _ways(piles[1:], units - taken):
            yield taken, *others
