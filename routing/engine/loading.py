"""Divides given units between given nodes at the least cost: what stands on the scales decides, slab by slab.

Only the order of magnitude of a parcel's weight costs money, so most loads are decided by one comparison with a bound.
The rest is a dynamic programme over how many grams each node carries, want by want, cut short by the same bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, prod
from typing import Any, NamedTuple

from routing.engine.problem import INFINITE, Problem
from routing.engine.scales import TooFine, weigh


class Budget:
    """Combinations of a state and a way to divide a want that may still be tried for one order."""

    __slots__ = ("left",)

    def __init__(self, left: int = 100_000) -> None:
        self.left = left

    def take(self, tries: int) -> bool:
        """Whether there is enough left; it is taken where there is."""
        if tries > self.left:
            return False
        self.left -= tries
        return True


class Loading(NamedTuple):
    """What a set of nodes costs above its openings, the units of each want from each node, and whether no way to divide
    them costs less."""

    cost: int
    units: tuple[tuple[int, ...], ...]
    exact: bool


def least_units_minor(problem: Problem, at: Sequence[int], units: Sequence[int]) -> int:
    """What the units cost by themselves at least, weight apart."""
    if problem.unit_minor is None:
        return 0
    return sum(
        _cheapest(row, prices, at, count)
        for row, prices, count in zip(problem.rows, problem.unit_minor, units, strict=True)
        if count
    )


def _cheapest(row: Any, prices: Any, at: Sequence[int], count: int) -> int:
    total = 0
    for price, have in sorted((prices[index], row[index]) for index in at if index in row):
        taken = min(have, count)
        total += taken * price
        count -= taken
        if not count:
            break
    return total


def least_slabs_minor(problem: Problem, at: Sequence[int], units: Sequence[int], grams: int) -> int:
    """A cost of further slabs below which these nodes cannot carry so many units of each want.

    As if goods could be cut into grams: what is paid for anyway is filled first, then the cheapest slabs of the nodes
    that have the goods.
    """
    whole = _least_further(problem, at, [0] * len(at), grams)
    if not whole or len(at) == 1:
        return whole
    left, places = grams, []
    for index in at:
        first_grams, _, slab_grams, slab_minor = problem.fares[index]
        has = 0
        for row, count, unit in zip(problem.rows, units, problem.grams, strict=True):
            if index in row:
                have = row[index]
                has += (count if have > count else have) * unit
        left -= min(has, first_grams)
        if has > first_grams:
            places.append((slab_minor / slab_grams, has - first_grams, slab_minor, slab_grams))
    places.sort()
    cut = 0
    for _, room, slab_minor, slab_grams in places:
        if left <= 0:
            break
        taken = min(room, left)
        cut += taken * slab_minor // slab_grams
        left -= taken
    return max(whole, cut)


def _least_further(problem: Problem, at: Sequence[int], loads: Sequence[int], left: int) -> int:
    """Further slabs of loads as they are, and at least of `left` more grams: what is open is filled first."""
    paid = 0
    cheapest_minor, cheapest_grams, even = INFINITE, 1, True
    for index, load in zip(at, loads, strict=True):
        first_grams, _, slab_grams, slab_minor = problem.fares[index]
        if load <= first_grams:
            left -= first_grams - load
        else:
            slabs = -((first_grams - load) // slab_grams)
            paid += slabs * slab_minor
            left -= first_grams + slabs * slab_grams - load
        if cheapest_minor == INFINITE:
            cheapest_minor, cheapest_grams = slab_minor, slab_grams
        else:
            even = even and slab_grams == cheapest_grams
            if slab_minor * cheapest_grams < cheapest_minor * slab_grams:
                cheapest_minor, cheapest_grams = slab_minor, slab_grams
    if left <= 0:
        return paid
    # With slabs of one size whole slabs are paid, else at least the cheapest gram of any.
    if even:
        return paid - (-left // cheapest_grams) * cheapest_minor
    return paid + left * cheapest_minor // cheapest_grams


def load(
    problem: Problem,
    at: Sequence[int],
    units: Sequence[int],
    ceiling: int = INFINITE,
    budget: Budget | None = None,
    must: int | None = None,
) -> Loading | None:
    """The cheapest way to take so many units of each want from these nodes; None where none costs less than `ceiling`.

    Together the nodes must have the units. Costs count further slabs and units, not openings. One that is not known to
    be the cheapest is given even at the ceiling, since a cheaper one may exist.
    """
    grams = sum(count * unit for count, unit in zip(units, problem.grams, strict=True))
    bound = least_units_minor(problem, at, units) + least_slabs_minor(problem, at, units, grams)
    if bound >= ceiling:
        return None
    ways = [_dealt(problem, at, units, way) for way in _ways(problem, at)]
    place = None if must is None else at.index(must)
    if place is not None:
        ways = [forced for way in ways for forced in _forced(problem, at, way, place)]
    if not ways:
        return None
    best = min(ways, key=lambda found: found.cost)
    if best.cost > bound and problem.unit_minor is None and must is None and len(at) in (2, 3):
        try:
            weighed = weigh(problem, at, units, min(best.cost, ceiling))
        except TooFine:
            pass
        else:
            best = best if weighed is None else Loading(weighed.cost, weighed.units, exact=True)
            return best if best.cost < ceiling else None
    if best.cost > bound:
        best = _improved(problem, at, units, best, min(best.cost, ceiling), budget or Budget(), place)
    return best if best.cost < ceiling or not best.exact else None


def _forced(problem: Problem, at: Sequence[int], way: Loading, place: int) -> list[Loading]:
    """The ways nearest to this one in which the node at `place` sends something."""
    if any(way.units[place]):
        return [way]
    found = []
    for want, row in enumerate(problem.rows):
        for other, mine in enumerate(way.units):
            if mine[want] and at[place] in row:
                dealt = [list(units) for units in way.units]
                dealt[other][want] -= 1
                dealt[place][want] += 1
                found.append(_costed(problem, at, dealt))
    return found


def _ways(problem: Problem, at: Sequence[int]) -> list[list[int]]:
    """Sequences in which nodes are filled: as they come, and those with the cheapest slabs first."""
    given = list(range(len(at)))
    by_slab = sorted(given, key=lambda place: problem.fares[at[place]].additional_minor)
    return [given] if by_slab == given else [given, by_slab]


def _dealt(problem: Problem, at: Sequence[int], units: Sequence[int], way: Sequence[int]) -> Loading:
    """Each want from the nodes where its units cost least, whole where one of those can give all of it."""
    dealt = [[0] * len(units) for _ in at]
    for want, count in enumerate(units):
        if not count:
            continue
        row, prices = problem.rows[want], None if problem.unit_minor is None else problem.unit_minor[want]
        places = [place for place in way if at[place] in row]
        if prices is not None:
            places.sort(key=lambda place: prices[at[place]])
        least = None if prices is None else prices[at[places[0]]]
        whole = [
            place for place in places if row[at[place]] >= count and (prices is None or prices[at[place]] == least)
        ]
        left = count
        for place in whole or places:
            taken = min(left, row[at[place]])
            dealt[place][want] = taken
            left -= taken
            if not left:
                break
    return _costed(problem, at, dealt)


def _costed(problem: Problem, at: Sequence[int], dealt: Sequence[Sequence[int]]) -> Loading:
    cost = sum(
        problem.parcel_minor(index, mine) - problem.opening[index] for index, mine in zip(at, dealt, strict=True)
    )
    return Loading(cost, tuple(map(tuple, dealt)), exact=True)


#: Grams at each node, and whether the node that must send something does.
_State = tuple[tuple[int, ...], bool]


def _improved(
    problem: Problem,
    at: Sequence[int],
    units: Sequence[int],
    best: Loading,
    ceiling: int,
    budget: Budget,
    must: int | None,
) -> Loading:
    """The dynamic programme: grams at each node -> least cost of the units so far and the way there.

    `best` where nothing costs less than `ceiling`. `must` is the place of the node that has to send something.
    """
    wants = sorted(
        (want for want, count in enumerate(units) if count), key=lambda want: (-problem.grams[want], -units[want])
    )
    left = [0] * (len(wants) + 1)
    for step in range(len(wants) - 1, -1, -1):
        left[step] = left[step + 1] + units[wants[step]] * problem.grams[wants[step]]
    rest = [least_units_minor(problem, at, _only(units, wants[step:])) for step in range(len(wants) + 1)]
    states: dict[_State, tuple[int, Any]] = {((0,) * len(at), must is None): (0, None)}
    for step, want in enumerate(wants):
        have = [min(units[want], problem.rows[want].get(index, 0)) for index in at]
        divisions = min(comb(units[want] + len(at) - 1, len(at) - 1), prod(most + 1 for most in have[1:]))
        if not budget.take(len(states) * divisions):
            return best._replace(exact=False)
        grams, ways = problem.grams[want], _divisions(have, units[want])
        prices = [0] * len(at) if problem.unit_minor is None else [problem.unit_minor[want].get(i, 0) for i in at]
        after: dict[_State, tuple[int, Any]] = {}
        for (loads, sends), (cost, path) in states.items():
            for way in ways:
                grown = tuple([load + count * grams for load, count in zip(loads, way, strict=True)])
                state = grown, sends or (must is not None and way[must] > 0)
                total = cost + sum([count * price for count, price in zip(way, prices, strict=True)])
                known = after.get(state)
                if (known is None or total < known[0]) and (
                    total + rest[step + 1] + _least_further(problem, at, grown, left[step + 1]) < ceiling
                ):
                    after[state] = (total, (want, way, path))
        states = after
    ends = (
        (cost + _least_further(problem, at, loads, 0), path) for (loads, sends), (cost, path) in states.items() if sends
    )
    cost, path = min(ends, key=lambda end: end[0], default=(INFINITE, None))
    return best if cost >= ceiling else Loading(cost, _read(path, len(at), len(units)), exact=True)


def _only(units: Sequence[int], wants: Sequence[int]) -> list[int]:
    kept = set(wants)
    return [count if want in kept else 0 for want, count in enumerate(units)]


def _divisions(have: Sequence[int], count: int) -> list[tuple[int, ...]]:
    """Every way to take `count` units from piles, most from the first pile first."""
    if len(have) == 1:
        return [(count,)] if have[0] >= count else []
    beyond = sum(have[1:])
    return [
        (taken, *others)
        for taken in range(min(count, have[0]), max(0, count - beyond) - 1, -1)
        for others in _divisions(have[1:], count - taken)
    ]


def _read(path: Any, nodes: int, wants: int) -> tuple[tuple[int, ...], ...]:
    dealt = [[0] * wants for _ in range(nodes)]
    while path is not None:
        want, way, path = path
        for place, count in enumerate(way):
            dealt[place][want] = count
    return tuple(map(tuple, dealt))
