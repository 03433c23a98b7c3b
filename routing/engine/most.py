"""The plan with the most units, where no plan within the allowed number of parcels ships all of them."""

from __future__ import annotations

from collections.abc import Sequence

from routing.engine.by_nodes import MOST_SETS
from routing.engine.dominance import needed
from routing.engine.loading import Budget, load
from routing.engine.problem import INFINITE, NOTHING, PARCEL, SCALE, Parcel, Problem, Solution

#: One whose goods have to be divided counts as several.
_SETS_A_LOADING = 20


def most_units(problem: Problem, units: Sequence[int], most_sets: int = MOST_SETS) -> Solution:
    """The plan with the most units, then the least cost, where no plan within `max_shipments` ships all of them."""
    return _Most(problem, units, most_sets).solution()


class _Most:
    """Sets of nodes in order of what they have; a branch ends where even the best nodes left add too little."""

    def __init__(self, problem: Problem, units: Sequence[int], most_sets: int) -> None:
        self.problem = problem
        self.most_sets = most_sets
        self.most = min(problem.max_shipments, len(problem.opening))
        self.wants = [want for want, count in enumerate(units) if count]
        self.wanted = [units[want] for want in self.wants]
        have = {
            index: [min(problem.rows[want].get(index, 0), units[want]) for want in self.wants]
            for _, index in needed(problem, units)
        }
        ranked = sorted(have, key=lambda index: (-sum(have[index]), problem.opening[index], index))
        self.index = [index for index in ranked if any(have[index])]
        self.have = [have[index] for index in self.index]
        self.sums = [sum(row) for row in self.have]
        self.best: tuple[int, int] = (0, INFINITE)
        self.parcels: tuple[Parcel, ...] = ()
        self.exact = True
        self.looked_at = 0
        self.budget = Budget()
        # The most that r more nodes can add of each want.
        self.reach = [[0] * len(self.wants) for _ in range(self.most + 1)]
        for column in range(len(self.wants)):
            piles = sorted((row[column] for row in self.have), reverse=True)
            for parcels in range(1, self.most + 1):
                self.reach[parcels][column] = sum(piles[:parcels])

    def solution(self) -> Solution:
        if not self.index:
            return NOTHING
        self._grow(0, 0, [0] * len(self.wants), -self.problem.split, ())
        cost = self.best[1] // SCALE
        bound = cost if self.exact else min(cost, min(self.problem.opening.values()))
        return Solution(self.parcels, cost, bound, self.exact)

    def _grow(self, start: int, depth: int, got: list[int], spent: int, chosen: tuple[int, ...]) -> None:
        left = self.most - depth
        reach = self.reach[left]
        in_hand = sum(got)
        possible = sum(min(want, have + more) for want, have, more in zip(self.wanted, got, reach, strict=True))
        if possible < -self.best[0]:
            return
        for place in range(start, len(self.index)):
            if in_hand + sum(self.sums[place : place + left]) < -self.best[0]:
                return
            self.looked_at += 1
            if self.looked_at > self.most_sets:
                self.exact = False
                return
            grown = [
                min(want, have + more) for want, have, more in zip(self.wanted, got, self.have[place], strict=True)
            ]
            nodes = (*chosen, self.index[place])
            cost = spent + self.problem.opening[self.index[place]] + self.problem.split
            if possible == -self.best[0] and cost * SCALE + len(nodes) * PARCEL >= self.best[1]:
                continue
            self._take(grown, cost, nodes)
            if left > 1:
                self._grow(place + 1, depth + 1, grown, cost, nodes)

    def _take(self, got: Sequence[int], spent: int, nodes: tuple[int, ...]) -> None:
        units = sum(got)
        if (-units, spent * SCALE + len(nodes) * PARCEL) >= self.best:
            return
        counts = [0] * len(self.problem.quantities)
        for want, count in zip(self.wants, got, strict=True):
            counts[want] = count
        at = sorted(nodes)
        self.looked_at += _SETS_A_LOADING
        loading = load(self.problem, at, counts, budget=self.budget)
        assert loading is not None  # without a ceiling there is always a way
        self.exact = self.exact and loading.exact
        found = (-units, (spent + loading.cost) * SCALE + len(nodes) * PARCEL)
        if found < self.best:
            self.best = found
            self.parcels = tuple(Parcel(i, mine) for i, mine in zip(at, loading.units, strict=True) if any(mine))
