"""Kits in the problem of one order: all parts of one unit leave from one node, and several wants may share stock.

A kit is one want: a node has as many of it as its scarcest part allows, and a unit weighs what its parts weigh. Where
no other want needs a part of it, that is the whole of it and the solvers are exact. Where wants share a SKU, the
problem is solved as if each had all the stock: if the plan takes no more than there is it is the best one. Else the
stock is divided between the wants in several ways, each of which gives a plan that can be carried out, and the best is
taken; the cost of the first one stays the lower bound.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice, permutations

from routing.engine.problem import Problem, Solution
from routing.engine.solve import solve
from routing.engine.types import LineInput

#: What a node index has of a SKU, by SKU.
Rows = Mapping[int, Mapping[int, int]]
#: Units of each SKU that one unit of a want needs.
Needs = Mapping[int, int]

_NONE: Mapping[int, int] = {}
#: Ways to divide shared stock that are tried, and those of them that only put the wants in another sequence.
MOST_WAYS = 60
MOST_SEQUENCES = 12


def needs_of(line: LineInput) -> Needs:
    """Units of each SKU that one unit of a line needs."""
    if not line.parts:
        return {line.sku_id: 1}
    needs: Counter[int] = Counter()
    for sku, units in line.parts:
        needs[sku] += units
    return needs


def assembled(needs: Needs, rows: Rows) -> dict[int, int]:
    """How many units each node index can give, in ascending index; only positive numbers."""
    (first, units), *others = needs.items()
    found: dict[int, int] = {}
    for index, have in rows.get(first, _NONE).items():
        most = have // units
        for sku, more in others:
            most = min(most, rows.get(sku, _NONE).get(index, 0) // more)
        if most > 0:
            found[index] = most
    return found


def solve_shared(problem: Problem, needs: Sequence[Needs], rows: Rows, complete: bool) -> Solution:
    """A plan that takes no more of any SKU than there is, best as far as this module's words go."""
    relaxed = solve(problem, complete)
    if _fits(relaxed, needs, rows):
        return relaxed
    found = [solve(_with_rows(problem, way), complete) for way in islice(_ways(problem, needs, rows), MOST_WAYS)]
    best = min(found, key=_worth)
    units, cost, _ = _worth(best)
    as_good = (units, cost) == _worth(relaxed)[:2]
    bound = relaxed.lower_bound if units == _worth(relaxed)[0] else min(relaxed.lower_bound, cost)
    return best._replace(lower_bound=min(bound, cost), optimal=as_good and relaxed.optimal)


def _worth(solution: Solution) -> tuple[int, int, int]:
    """Most units, then the least cost, then the fewest parcels: less is better."""
    return -sum(sum(parcel.units) for parcel in solution.parcels), solution.cost, len(solution.parcels)


def _fits(solution: Solution, needs: Sequence[Needs], rows: Rows) -> bool:
    taken: Counter[tuple[int, int]] = Counter()
    for index, units in solution.parcels:
        for want, count in zip(needs, units, strict=True):
            for sku, each in want.items():
                taken[sku, index] += count * each
    return all(units <= rows.get(sku, _NONE).get(index, 0) for (sku, index), units in taken.items())


def _ways(problem: Problem, needs: Sequence[Needs], rows: Rows) -> Iterator[list[Mapping[int, int]]]:
    """Rows for the wants that together never take more than there is.

    One want after the other takes, at every node, as much as it could use; in several sequences. And each want that
    shares stock is put whole at each node that has it, and the others share the rest.
    """
    uses = Counter(chain.from_iterable(needs))
    sharing = [want for want, need in enumerate(needs) if any(uses[sku] > 1 for sku in need)]
    alone = [want for want in range(len(needs)) if want not in sharing]
    for sequence in islice(permutations(sharing), MOST_SEQUENCES):
        yield _dealt(problem, needs, rows, [*alone, *sequence], {})
    for want in sharing:
        others = [*alone, *(other for other in sharing if other != want)]
        for index in sorted(problem.opening, key=lambda index: (problem.opening[index], index)):
            if problem.rows[want].get(index, 0) >= problem.quantities[want]:
                yield _dealt(problem, needs, rows, [want, *others], {want: index})


def _dealt(
    problem: Problem, needs: Sequence[Needs], rows: Rows, sequence: Sequence[int], fixed: Mapping[int, int]
) -> list[Mapping[int, int]]:
    """Rows of all wants: each takes what those before it left, at its one node where it is fixed."""
    # The rows are those of a batch of orders: only what this one needs of them is taken apart.
    left = {sku: dict(rows[sku]) for sku in set(chain.from_iterable(needs)) if sku in rows}
    dealt: list[Mapping[int, int]] = [_NONE] * len(needs)
    for want in sequence:
        row = assembled(needs[want], left)
        if want in fixed:
            row = {index: have for index, have in row.items() if index == fixed[want]}
        row = {index: min(have, problem.quantities[want]) for index, have in row.items()}
        for index, count in row.items():
            for sku, each in needs[want].items():
                left[sku][index] -= count * each
        dealt[want] = row
    return dealt


def _with_rows(problem: Problem, rows: Sequence[Mapping[int, int]]) -> Problem:
    usable = set().union(*rows)
    opening = {index: cost for index, cost in problem.opening.items() if index in usable}
    return problem.varied(rows=rows, opening=opening)
