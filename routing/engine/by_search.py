"""Large orders: a beam search over sets of nodes, and a lower bound that says how far from the best it can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from routing.engine.problem import NOTHING, SCALE, Parcel, Problem, Solution, lower_bound

#: Sets of nodes kept after each step, and nodes considered at all (those that reach most units, then the cheapest).
BEAM_WIDTH = 8
MOST_NODES = 60

#: Units left over, then cost with parcels: less is better.
Score = tuple[int, int]


def solve_by_search(problem: Problem, whole: Sequence[bool], complete: bool) -> Solution:
    """A good solution and an honest bound; `optimal` only when the two meet."""
    senders = _most_useful(problem)
    beam: list[tuple[Score, tuple[int, ...]]] = [((sum(problem.quantities), 0), ())]
    best: tuple[Score, tuple[int, ...]] = beam[0]
    for _ in range(problem.max_shipments):
        grown = {tuple(sorted((*nodes, sender))) for _, nodes in beam for sender in senders if sender not in nodes}
        if not grown:
            break
        beam = sorted((_score(problem, whole, nodes), nodes) for nodes in grown)[:BEAM_WIDTH]
        if beam[0] >= best:
            break
        best = beam[0]
    left, _ = best[0]
    if not best[1] or (left and complete):
        return Solution((), 0, 0, False) if best[1] else NOTHING
    parcels = _fill(problem, whole, best[1])
    return _bounded(problem, parcels, left)


def _most_useful(problem: Problem) -> list[int]:
    """The nodes to consider."""
    reach = {
        index: sum(min(row.get(index, 0), q) for row, q in zip(problem.rows, problem.quantities, strict=True))
        for index in problem.opening
    }
    ranked = sorted(reach, key=lambda index: (-reach[index], problem.opening[index], index))
    return ranked[:MOST_NODES]


def _score(problem: Problem, whole: Sequence[bool], nodes: tuple[int, ...]) -> Score:
    parcels = _fill(problem, whole, nodes)
    shipped = sum(map(sum, parcels.values()))
    return (sum(problem.quantities) - shipped, _cost(problem, parcels) * SCALE + len(parcels))


def _cost(problem: Problem, parcels: Mapping[int, Sequence[int]]) -> int:
    cost = sum(
        problem.opening[index]
        + problem.further_minor(index, sum(u * g for u, g in zip(units, problem.grams, strict=True)))
        for index, units in parcels.items()
    )
    return cost + max(0, len(parcels) - 1) * problem.split


def _fill(problem: Problem, whole: Sequence[bool], nodes: tuple[int, ...]) -> dict[int, list[int]]:
    """Give each want, heaviest first, to the node of the set where it adds least; divided ones in that order too."""
    parcels: dict[int, list[int]] = {}
    loaded = dict.fromkeys(nodes, 0)
    wants = range(len(problem.quantities))
    for want in sorted(wants, key=lambda want: -problem.quantities[want] * problem.grams[want]):
        left, row = problem.quantities[want], problem.rows[want]
        while left:
            able = [index for index in nodes if row.get(index, 0) >= (left if whole[want] else 1)]
            able = [index for index in able if want not in _taken(parcels, index)]
            if not able:
                break
            index = min(able, key=lambda index: _added(problem, loaded[index], index, want, left))
            units = min(left, row[index])
            parcels.setdefault(index, [0] * len(wants))[want] = units
            loaded[index] += units * problem.grams[want]
            left -= units
    return parcels


def _taken(parcels: Mapping[int, Sequence[int]], index: int) -> set[int]:
    """The wants that a node's parcel already holds."""
    return {want for want, units in enumerate(parcels.get(index, ())) if units}


def _added(problem: Problem, loaded: int, index: int, want: int, left: int) -> tuple[float, int]:
    """What a unit more costs at this node, on average over what it would take."""
    units = min(left, problem.rows[want][index])
    grams = units * problem.grams[want]
    opening = 0 if loaded else problem.opening[index] + problem.split
    further = problem.further_minor(index, loaded + grams) - problem.further_minor(index, loaded)
    return ((opening + further) / units, index)


def _bounded(problem: Problem, parcels: Mapping[int, Sequence[int]], left: int) -> Solution:
    cost = _cost(problem, parcels)
    grams = sum(q * g for q, g in zip(problem.quantities, problem.grams, strict=True))
    one_is_enough = any(
        all(row.get(index, 0) >= q for row, q in zip(problem.rows, problem.quantities, strict=True))
        for index in problem.opening
    )
    # When units are left over, another solution may ship others that weigh nothing: only the openings are certain.
    bound = lower_bound(problem, 1, 0) if left else lower_bound(problem, 1 if one_is_enough else 2, grams)
    bound = min(bound, cost)
    named = tuple(sorted(Parcel(index, tuple(units)) for index, units in parcels.items()))
    return Solution(named, cost, bound, bound == cost and not left)
