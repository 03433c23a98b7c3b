"""Divides the goods of one order between few nodes: what stands on the scales decides.

Only the order of magnitude of a parcel's weight costs money, so most divisions are judged by a bound. The rest is found
by going through the loads that two or three nodes can be given, want by want; a load is one integer, the grams of the
first node plus, a stride further, those of the second.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from routing.engine.loading import Budget, Loading, load
from routing.engine.problem import INFINITE, Problem
from routing.engine.scales import TooFine

#: Loads that are gone through for one set of nodes.
MOST_LOADS = 4_000


#: A way to divide a want: how far it moves a load, and units by place.
_Way = tuple[int, tuple[int, ...]]


class _Ways(NamedTuple):
    """The ways to divide a want, and how far they move a load."""

    told: list[_Way]
    shifts: set[int]


#: The ways that led to a load, the last one first.
_Path = Any


class Divided(NamedTuple):
    """What goods cost above the openings of their nodes, the units of each want from each node, in how many pieces
    that is (a want that two nodes share is two), and whether no way to divide them costs less."""

    cost: int
    units: tuple[tuple[int, ...], ...]
    pieces: int
    exact: bool


class Goods:
    """Units of wants, and what each place has of them. A place is a position in `index`."""

    def __init__(self, problem: Problem, units: Sequence[int], index: Sequence[int]) -> None:
        self.problem = problem
        self.units = units
        self.index = index
        self.wants = [want for want, count in enumerate(units) if count]
        grams = [problem.grams[want] for want in self.wants]
        self.grams = sum([units[want] * weight for want, weight in zip(self.wants, grams, strict=True)])
        wanted = [(problem.rows[want], units[want]) for want in self.wants]
        self.have = [tuple([min(row.get(at, 0), count) for row, count in wanted]) for at in index]
        self.fares = [problem.fares[at] for at in index]
        #: Grams that a place could be given at most, and how many of them its opening pays for.
        self.most = [sum([count * weight for count, weight in zip(have, grams, strict=True)]) for have in self.have]
        self.free = [min(most, fare[0]) for most, fare in zip(self.most, self.fares, strict=True)]
        sizes = {fare[2] for fare in self.fares}
        self.slab_grams = sizes.pop() if len(sizes) == 1 else 0
        self.slab_minor = [fare[3] for fare in self.fares]
        self.by_gram = [fare[3] / fare[2] for fare in self.fares]
        self._known: dict[tuple[int, tuple[int, ...]], _Ways] = {}

    def least(self, places: Sequence[int]) -> int:
        """What further slabs cost at least, when these places carry everything together."""
        left = self.grams
        for place in places:
            left -= self.free[place]
        if left <= 0:
            return 0
        cost, slab_grams = 0, self.slab_grams
        if not slab_grams:
            return self._least_of_uneven(places, left)
        slabs = -(-left // slab_grams)
        for place in sorted(places, key=self.slab_minor.__getitem__):
            room = -((self.free[place] - self.most[place]) // slab_grams)
            if room >= slabs:
                return cost + slabs * self.slab_minor[place]
            cost += room * self.slab_minor[place]
            slabs -= room
        return cost

    def _least_of_uneven(self, places: Sequence[int], left: int) -> int:
        """As if goods could be cut into grams."""
        cost = 0
        for place in sorted(places, key=self.by_gram.__getitem__):
            _, _, slab_grams, slab_minor = self.fares[place]
            taken = min(left, self.most[place] - self.free[place])
            cost += taken * slab_minor // slab_grams
            left -= taken
            if not left:
                break
        return cost

    def divided(self, places: Sequence[int], ceiling: int, budget: Budget, must: int | None = None) -> Divided | None:
        """The cheapest way to take everything from these places; None where none costs less than `ceiling`.

        Together they must have it. `must` is a node's index that has to send something. An answer that is not exact is
        given even at the ceiling.
        """
        if len(places) >= 2 and must is None and self.problem.unit_minor is None:
            try:
                return self._by_loads(places, ceiling, budget)
            except TooFine:
                pass
        at = [self.index[place] for place in places]
        loading = load(self.problem, at, self.units, ceiling, budget, must)
        return None if loading is None else self._counted(loading)

    def _counted(self, loading: Loading) -> Divided:
        pieces = sum(map(bool, (count for units in loading.units for count in units)))
        return Divided(loading.cost, loading.units, pieces, loading.exact)

    def _by_loads(self, places: Sequence[int], ceiling: int, budget: Budget) -> Divided | None:
        """Every load that the places can be given. Raises TooFine."""
        ways = self._ways(places)
        loads = {0}
        fixed = 0
        for told, shifts in ways:
            if len(told) == 1:
                fixed += told[0][0]
                continue
            tries = len(loads) * len(shifts)
            if tries > MOST_LOADS or not budget.take(tries >> 4):
                raise TooFine
            loads = {known + shift for known in loads for shift in shifts}
        cost, found = self._cheapest(places, loads, fixed, self.grams + 1)
        if cost >= ceiling:
            return None
        return self._told([told for told, _ in ways], {each + fixed for each in found}, cost)

    def _ways(self, places: Sequence[int]) -> list[_Ways]:
        """For each want the ways to divide it. Raises TooFine."""
        found, known = [], self._known
        for column, piles in enumerate(zip(*[self.have[place] for place in places], strict=True)):
            ways = known.get((column, piles))
            if ways is None:
                want = self.wants[column]
                told = _divisions(piles, self.units[want], self.problem.grams[want], self.grams + 1)
                ways = known[column, piles] = _Ways(told, {shift for shift, _ in told})
            found.append(ways)
        return found

    def _cheapest(
        self, places: Sequence[int], loads: Iterable[int], fixed: int, stride: int
    ) -> tuple[int, list[int]]:  # fmt: skip
        """The least cost of further slabs of all loads, and the loads that have it."""
        fares = [self.fares[place] for place in places]
        first_last, _, size_last, minor_last = fares.pop()
        total = self.grams
        best, found = INFINITE, []
        for each in loads:
            rest, left, cost = each + fixed, total, 0
            for first, _, size, minor in fares:
                rest, mine = divmod(rest, stride)
                left -= mine
                if mine > first:
                    cost -= (first - mine) // size * minor
            if left > first_last:
                cost -= (first_last - left) // size_last * minor_last
            if cost < best:
                best, found = cost, [each]
            elif cost == best:
                found.append(each)
        return best, found

    def _told(self, ways: Sequence[Sequence[_Way]], loads: set[int], cost: int) -> Divided:
        """How one of these loads is put together, from the fewest pieces."""
        known: dict[int, tuple[int, _Path]] = {0: (0, None)}
        for each in ways:
            after: dict[int, tuple[int, _Path]] = {}
            for carried, (pieces, path) in known.items():
                for shift, counts in each:
                    more = pieces + len(counts) - counts.count(0)
                    other = after.get(carried + shift)
                    if other is None or more < other[0]:
                        after[carried + shift] = (more, (counts, path))
            known = after
        pieces, path = min([known[each] for each in sorted(loads, reverse=True)], key=itemgetter(0))
        dealt = []
        while path is not None:
            counts, path = path
            dealt.append(counts)
        return Divided(cost, self._by_place(dealt[::-1]), pieces, exact=True)

    def _by_place(self, dealt: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
        """Units of every want by place, from units of the wanted by place."""
        whole = [[0] * len(self.units) for _ in dealt[0]]
        for want, counts in zip(self.wants, dealt, strict=True):
            for units, count in zip(whole, counts, strict=True):
                units[want] = count
        return tuple(map(tuple, whole))


def _divisions(piles: Sequence[int], count: int, weight: int, stride: int) -> list[_Way]:
    """The ways to take so many units from piles, most from the first ones first. Raises TooFine."""
    if count == 1:
        return _places_of_one(piles, weight, stride)
    left_behind = sum(piles)
    ways: list[tuple[int, int, tuple[int, ...]]] = [(0, count, ())]
    for pile in piles[:-1]:
        left_behind -= pile
        ways = [
            (shift + taken * weight, left - taken, (*counts, taken))
            for shift, left, counts in ways
            for taken in range(min(pile, left), max(0, left - left_behind) - 1, -1)
        ]
        if len(ways) > MOST_LOADS:
            raise TooFine
        weight *= stride
    return [(shift, (*counts, left)) for shift, left, counts in ways]


def _places_of_one(piles: Sequence[int], weight: int, stride: int) -> list[_Way]:
    """As `_divisions`, for the one unit that most wants are."""
    last = len(piles) - 1
    return [
        (weight * stride**place if place < last else 0, (0,) * place + (1,) + (0,) * (last - place))
        for place, pile in enumerate(piles)
        if pile
    ]
