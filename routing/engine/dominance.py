"""Which nodes an order can do without, because others serve it at least as well whatever is sent from where."""

from __future__ import annotations

from collections.abc import Sequence

from routing.engine.problem import Problem
from routing.engine.types import SlabRate

#: From so many usable nodes on it pays to compare each with all others of the same goods.
_MANY_NODES = 40


def needed(problem: Problem, units: Sequence[int], must: int | None = None) -> list[tuple[int, int]]:
    """Opening and index of the usable nodes, cheapest first, without those that no best plan needs.

    Left out is a node where another one has all that is wanted of everything it has, at no more cost: what it would
    send, the other one sends, in the same parcel if it has one already. Where two parcels of a node could beat one, or
    units cost anything, or a node must be used, only nodes are left out that `max_shipments` others equal.
    """
    order = sorted([(cost, index) for index, cost in problem.opening.items()])
    if must is None and problem.unit_minor is None and one_parcel_is_cheaper(problem):
        return _undominated(problem, units, order)
    return _not_equalled(problem, units, order, must) if len(order) > _MANY_NODES else order


def one_parcel_is_cheaper(problem: Problem) -> bool:
    """Whether two parcels of a node never beat one, at any node (true of any sane rate card).

    Joining parcels saves one opening and one split penalty and adds at most the slabs that fit into a first slab.
    """
    least = min(problem.opening.values()) + problem.split
    fares = {id(fare): fare for fare in map(problem.fares.__getitem__, problem.opening)}
    for first_grams, _, slab_grams, slab_minor in fares.values():
        if least < -(-first_grams // slab_grams) * slab_minor:
            return False
    return True


def _undominated(problem: Problem, units: Sequence[int], order: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    some, whole = [0] * len(problem.fares), [0] * len(problem.fares)
    bit = 1
    for row, count in zip(problem.rows, units, strict=True):
        if count:
            for index, have in row.items():
                some[index] |= bit
                if have >= count:
                    whole[index] |= bit
            bit <<= 1
    kept = []
    able: list[tuple[int, SlabRate]] = []
    for cost, index in order:
        mine = some[index]
        if not mine:
            continue
        fare = problem.fares[index]
        for theirs, other in able:
            if theirs & mine == mine and (other is fare or _never_steeper(other, fare)):
                break
        else:
            kept.append((cost, index))
            able.append((whole[index], fare))
    return kept


def _never_steeper(other: SlabRate, fare: SlabRate) -> bool:
    """Whether slabs after the first are of the same size, and cost no more."""
    return other[3] <= fare[3] and other[0] == fare[0] and other[2] == fare[2]


def _not_equalled(
    problem: Problem, units: Sequence[int], order: Sequence[tuple[int, int]], must: int | None
) -> list[tuple[int, int]]:
    """A plan has at most `max_shipments - 1` nodes beside one: of so many equals one is free to take its place."""
    wanted = [(row, count) for row, count in zip(problem.rows, units, strict=True) if count]
    seen: dict[tuple[int, ...], list[int]] = {}
    kept = []
    for cost, index in order:
        have = tuple([min(row.get(index, 0), count) for row, count in wanted])
        alike = seen.setdefault(have, [])
        if index != must and sum(_replaces(problem, other, index) for other in alike) >= problem.max_shipments:
            continue
        alike.append(index)
        kept.append((cost, index))
    return kept


def _replaces(problem: Problem, other: int, index: int) -> bool:
    """Whether the slabs and units of one node never cost more than those of another."""
    return _never_steeper(problem.fares[other], problem.fares[index]) and (
        problem.unit_minor is None or all(row.get(other, 0) <= row[index] for row in problem.unit_minor if index in row)
    )
