"""Chooses the way to solve one order: one comparison for most, branch and bound for the rest."""

from __future__ import annotations

from collections.abc import Sequence

from routing.engine.by_nodes import MOST_SETS, Search
from routing.engine.loading import least_units_minor
from routing.engine.most import most_units
from routing.engine.problem import INFINITE, NOTHING, PARCEL, SCALE, Parcel, Problem, Solution


def solve(problem: Problem, complete: bool, most_sets: int = MOST_SETS) -> Solution:
    """The best plan for the wants of an order, or nothing.

    With `complete` all units or none; otherwise as many as the stock and `max_shipments` let through. After `most_sets`
    sets of nodes the search ends with what it has.
    """
    if not problem.opening:
        return NOTHING
    single = cheapest_single(problem)
    if single is not None and (problem.max_shipments == 1 or single[0] <= _cheapest_two(problem)):
        return Solution((Parcel(single[1], tuple(problem.quantities)),), single[0], single[0], True)
    units = [
        min(quantity, sum(have for index, have in row.items() if index in problem.opening))
        for quantity, row in zip(problem.quantities, problem.rows, strict=True)
    ]
    if not any(units) or (complete and units != list(problem.quantities)):
        return NOTHING
    whole = _ship_all(problem, units, single, most_sets)
    if whole.parcels or complete:
        return whole
    most = most_units(problem, units, most_sets)
    return most if whole.optimal else most._replace(lower_bound=min(problem.opening.values()), optimal=False)


def _ship_all(
    problem: Problem, units: Sequence[int], single: tuple[int, int] | None, most_sets: int
) -> Solution:  # fmt: skip
    """The best plan with all of these units, or nothing. `single` is what the cheapest node alone costs."""
    alone, ceiling = NOTHING, INFINITE
    if single is not None:
        alone = Solution((Parcel(single[1], tuple(problem.quantities)),), single[0], single[0], True)
        ceiling = single[0] * SCALE + PARCEL
        near = _may_share(problem, single[0])
        if any(near.keys().isdisjoint(row) for row, count in zip(problem.rows, units, strict=True) if count):
            return alone
        problem = problem.varied(opening=near)
    search = Search(problem, units, most_sets=most_sets)
    found = search.run(ceiling)
    if found is not None or search.exact:
        return found or alone
    bound = min(alone.cost, max(0, search.root // SCALE))
    return alone._replace(lower_bound=bound, optimal=bool(alone.parcels) and bound == alone.cost)


def cheapest_single(problem: Problem) -> tuple[int, int] | None:
    """Cost and index of the cheapest node that can ship everything in one parcel; None when no node can."""
    grams = sum(quantity * unit for quantity, unit in zip(problem.quantities, problem.grams, strict=True))
    fares, wants = problem.fares, list(zip(problem.rows, problem.quantities, strict=True))
    best, winner = INFINITE, -1
    for index, cost in problem.opening.items():
        if cost >= best:
            continue
        for row, quantity in wants:
            if row.get(index, 0) < quantity:
                break
        else:
            if grams > fares[index][0]:
                cost += problem.further_minor(index, grams)
            if problem.unit_minor is not None:
                cost += problem.units_minor(index, problem.quantities)
            if cost < best:
                best, winner = cost, index
    return None if winner < 0 else (best, winner)


def _may_share(problem: Problem, ceiling_minor: int) -> dict[int, int]:
    """Openings of the nodes that may have a part in a plan of several parcels for less: with each of them goes at least
    the cheapest other one, and a split penalty."""
    left = ceiling_minor - problem.split - min(problem.opening.values())
    return {index: cost for index, cost in problem.opening.items() if cost < left}


def _cheapest_two(problem: Problem) -> int:
    """No plan of two or more parcels costs less than the two cheapest openings and one split penalty."""
    if len(problem.opening) < 2:
        return INFINITE
    first, second = sorted(problem.opening.values())[:2]
    bound = first + second + problem.split
    if problem.unit_minor is not None:
        bound += least_units_minor(problem, list(problem.opening), problem.quantities)
    return bound
