"""The least slabs in which given goods can be weighed out over two or three nodes, exactly.

Which loads a node can be given is a set of sums, kept as the bits of one integer (for three nodes: the sums of the
first two, side by side), so that a want is added with a few shifts. Then the numbers of slabs are gone through, and the
cheapest ones are kept whose room fits loads that can be made.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
from typing import NamedTuple

from routing.engine.problem import Problem

#: The longest integer that is worked with, in bits: a quarter of a megabyte.
MOST_BITS = 2_000_000
#: Bits that are moved in all: some 20 ms.
MOST_MOVED = 400_000_000


class Weighed(NamedTuple):
    """The least cost of further slabs, and the units of each want from each node."""

    cost: int
    units: tuple[tuple[int, ...], ...]


class TooFine(Exception):
    """The weights have no common measure that is coarse enough."""


def weigh(problem: Problem, at: Sequence[int], units: Sequence[int], ceiling: int) -> Weighed | None:
    """The least slabs for so many units of each want over two or three nodes; None where none cost less than `ceiling`.

    The nodes must have the units, and units may cost nothing by themselves. Raises TooFine.
    """
    unit = gcd(*(grams for grams, count in zip(problem.grams, units, strict=True) if count)) or 1
    total = sum(grams * count for grams, count in zip(problem.grams, units, strict=True)) // unit
    stride = total + 1
    if stride ** (len(at) - 1) > MOST_BITS:
        raise TooFine
    ways = sum((count + 1) ** (len(at) - 1) for count in units if count)
    if ways * stride ** (len(at) - 1) > MOST_MOVED:
        raise TooFine
    choices = [_choices(problem, at, want, count, unit, stride) for want, count in enumerate(units)]
    reached = [1]
    for ways in choices:
        reached.append(_after(reached[-1], ways))
    rooms = [_rooms(problem, index, total, unit) for index in at]
    found = _cheapest(rooms, reached[-1], total, stride, ceiling)
    if found is None:
        return None
    cost, load = found
    return Weighed(cost, _traced(choices, reached, load, len(at)))


#: A way to divide a want: how far it moves the sums, and units by node.
_Way = tuple[int, tuple[int, ...]]


def _choices(problem: Problem, at: Sequence[int], want: int, count: int, unit: int, stride: int) -> list[_Way]:
    """The ways to divide a want, whole ones first."""
    have = [min(count, problem.rows[want].get(index, 0)) for index in at]
    grams = problem.grams[want] // unit
    last = have[-1]
    ways: list[_Way] = []
    if len(at) == 2:
        for first in range(max(0, count - last), have[0] + 1):
            ways.append((first * grams, (first, count - first)))
    else:
        for first in range(have[0] + 1):
            for second in range(max(0, count - first - last), min(have[1], count - first) + 1):
                ways.append(((first + second * stride) * grams, (first, second, count - first - second)))
    ways.sort(key=lambda way: sum(map(bool, way[1])))
    return ways


def _after(sums: int, ways: Sequence[_Way]) -> int:
    after = 0
    for shift in {shift for shift, _ in ways}:
        after |= sums << shift
    return after


def _rooms(problem: Problem, index: int, total: int, unit: int) -> list[tuple[int, int]]:
    """Cost and room (in common measures) of each number of further slabs of a node, up to what holds everything."""
    first_grams, _, slab_grams, slab_minor = problem.fares[index]
    rooms = [(0, first_grams // unit)]
    while rooms[-1][1] < total:
        slabs = len(rooms)
        rooms.append((slabs * slab_minor, (first_grams + slabs * slab_grams) // unit))
    return rooms


def _cheapest(
    rooms: Sequence[Sequence[tuple[int, int]]], sums: int, total: int, stride: int, ceiling: int
) -> tuple[int, int] | None:
    """The cheapest numbers of slabs into which the goods can be put: their cost, and the sums that do it."""
    others = rooms[1:-1]
    best: tuple[int, int] | None = None
    for cost_first, room_first in rooms[0]:
        if cost_first >= ceiling:
            break
        for cost_second, room_second in others[0] if others else ((0, 0),):
            cost = cost_first + cost_second
            if cost >= ceiling:
                break
            last = next(((c, r) for c, r in rooms[-1] if r >= total - room_first - room_second), None)
            for cost_last, room_last in rooms[-1] if last is None else rooms[-1][rooms[-1].index(last) :]:
                if cost + cost_last >= ceiling:
                    break
                load = _fit(sums, total, stride, room_first, room_second if others else None, room_last)
                if load is not None:
                    ceiling = cost + cost_last
                    best = (ceiling, load)
                    break
    return best


def _fit(sums: int, total: int, stride: int, first: int, second: int | None, last: int) -> int | None:
    """Sums that leave every node within its room; None where there are none."""
    if second is None:
        return _between(sums, total - last, first)
    least = max(0, total - last - first)
    rows = (sums >> (least * stride)) & ((1 << ((min(second, total) - least + 1) * stride)) - 1)
    mask = (1 << stride) - 1
    for row in range(least, min(second, total) + 1):
        found = _between(rows & mask, total - last - row, first)
        if found is not None:
            return row * stride + found
        rows >>= stride
    return None


def _between(sums: int, low: int, high: int) -> int | None:
    """The largest sum in a range."""
    top = (sums & ((1 << (high + 1)) - 1)).bit_length() - 1
    return top if top >= max(low, 0) else None


def _traced(
    choices: Sequence[Sequence[_Way]], reached: Sequence[int], load: int, nodes: int
) -> tuple[tuple[int, ...], ...]:
    """The way to sums that were reached, want by want from the last."""
    dealt: list[tuple[int, ...]] = []
    for ways, before in zip(reversed(choices), reversed(reached[:-1]), strict=True):
        shift, units = next(way for way in ways if way[0] <= load and before >> (load - way[0]) & 1)
        load -= shift
        dealt.append(units)
    dealt.reverse()
    return tuple(tuple(units[place] for units in dealt) for place in range(nodes))
