"""Chooses the way to solve one order: one comparison for most, exact programmes for more, a bounded search beyond."""

from __future__ import annotations

from collections.abc import Sequence

from routing.engine.by_mask import MOST_WANTS, cheapest_pair_bound, cheapest_single, solve_by_mask
from routing.engine.by_search import solve_by_search
from routing.engine.by_units import MOST_WORK, scale_of, solve_by_units, work
from routing.engine.problem import INFINITE, NOTHING, Parcel, Problem, Solution


def solve(problem: Problem, complete: bool) -> Solution:
    """The best plan for the wants of an order, or nothing.

    With `complete` all units or none; otherwise as many as the stock and `max_shipments` let through.
    """
    if not problem.opening:
        return NOTHING
    if len(problem.quantities) == 1:
        return _cheapest_of_one(problem) or _solve_short(problem, complete)
    cover = covers(problem)
    full = (1 << len(problem.quantities)) - 1
    covered = 0
    for mask in cover.values():
        covered |= mask
    return _solve_whole(problem, cover, complete) if covered == full else _solve_short(problem, complete)


def _cheapest_of_one(problem: Problem) -> Solution | None:
    """One want that some node can supply whole: the cheapest such node. None when there is no such node."""
    (quantity,), (row,) = problem.quantities, problem.rows
    grams, fares = quantity * problem.grams[0], problem.fares
    best, winner = INFINITE, -1
    for index, cost in problem.opening.items():
        if row[index] >= quantity:
            if grams > fares[index][0]:
                cost += problem.further_minor(index, grams)
            if cost < best:
                best, winner = cost, index
    return None if winner < 0 else Solution((Parcel(winner, (quantity,)),), best, best, True)


def covers(problem: Problem) -> dict[int, int]:
    """For each usable node the set of wants, as a bit mask, that it can supply whole."""
    cover = dict.fromkeys(problem.opening, 0)
    for want, (row, quantity) in enumerate(zip(problem.rows, problem.quantities, strict=True)):
        bit = 1 << want
        for index, have in row.items():
            if have >= quantity and index in cover:
                cover[index] |= bit
    return cover


def _solve_whole(problem: Problem, cover: dict[int, int], complete: bool) -> Solution:
    """Every want can go whole: usually one parcel, and that one parcel is best is proven by one comparison."""
    count = len(problem.quantities)
    single = cheapest_single(problem, cover, (1 << count) - 1)
    if single is not None and single[0] <= cheapest_pair_bound(problem):
        return Solution((Parcel(single[1], tuple(problem.quantities)),), single[0], single[0], True)
    if count <= MOST_WANTS and all(map(problem.one_parcel_is_cheaper, problem.opening)):
        return solve_by_mask(problem, cover, single, complete)
    return _solve_divided(problem, [True] * count, complete)


def _solve_short(problem: Problem, complete: bool) -> Solution:
    """Some want goes whole from nowhere: ask for what can be had, and divide it if it comes from several nodes."""
    reach = [
        min(quantity, sum(have for index, have in row.items() if index in problem.opening))
        for quantity, row in zip(problem.quantities, problem.rows, strict=True)
    ]
    if complete and reach != list(problem.quantities):
        return NOTHING
    wanted = [want for want, units in enumerate(reach) if units]
    if not wanted:
        return NOTHING
    smaller = Problem(
        [reach[want] for want in wanted],
        [problem.grams[want] for want in wanted],
        [problem.rows[want] for want in wanted],
        problem.opening,
        problem.fares,
        problem.split,
        problem.max_shipments,
    )
    cover = covers(smaller)
    whole = [any(mask >> want & 1 for mask in cover.values()) for want in range(len(wanted))]
    found = _solve_whole(smaller, cover, complete) if all(whole) else _solve_divided(smaller, whole, complete)
    return _spread(found, wanted, len(reach))


def _solve_divided(problem: Problem, whole: Sequence[bool], complete: bool) -> Solution:
    scale = scale_of(problem, whole)
    if work(problem, scale) <= MOST_WORK:
        return solve_by_units(problem, scale, complete)
    return solve_by_search(problem, whole, complete)


def _spread(solution: Solution, wanted: Sequence[int], count: int) -> Solution:
    """Put the units of the wants that were asked for back in their places."""
    parcels = []
    for index, units in solution.parcels:
        placed = [0] * count
        for want, number in zip(wanted, units, strict=True):
            placed[want] = number
        parcels.append(Parcel(index, tuple(placed)))
    return solution._replace(parcels=tuple(parcels))
