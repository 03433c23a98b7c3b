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
        if 2 <= len(places) <= 3 and must is None and self.problem.unit_minor is None:
            try:
                return self._by_loads(places, ceiling)
            except TooFine:
                pass
        at = [self.index[place] for place in places]
        loading = load(self.problem, at, self.units, ceiling, budget, must)
        return None if loading is None else self._counted(loading)

    def _counted(self, loading: Loading) -> Divided:
        pieces = sum(map(bool, (count for units in loading.units for count in units)))
        return Divided(loading.cost, loading.units, pieces, loading.exact)

    def _by_loads(self, places: Sequence[int], ceiling: int) -> Divided | None:
        """Every load that the places can be given. Raises TooFine."""
        stride = self.grams + 1
        ways = self._ways(places, stride)
        loads = {0}
        fixed = 0
        for each in ways:
            if len(each) == 1:
                fixed += each[0][0]
                continue
            if len(loads) * len(each) > MOST_LOADS:
                raise TooFine
            shifts = {shift for shift, _ in each}
            loads = {known + shift for known in loads for shift in shifts}
        cost, found = self._cheapest(places, loads, fixed, stride)
        if cost >= ceiling:
            return None
        return self._told(ways, {each + fixed for each in found}, cost)

    def _ways(self, places: Sequence[int], stride: int) -> list[list[_Way]]:
        """For each want the ways to divide it: how far the load moves, and units by place. Raises TooFine."""
        grams, units = self.problem.grams, self.units
        found: list[list[_Way]] = []
        if len(places) == 2:
            one, two = self.have[places[0]], self.have[places[1]]
            for want, first, second in zip(self.wants, one, two, strict=True):
                count, weight = units[want], grams[want]
                found.append([(a * weight, (a, count - a)) for a in range(first, max(0, count - second) - 1, -1)])
        else:
            for want, first, second, third in zip(self.wants, *[self.have[place] for place in places], strict=True):
                count, weight = units[want], grams[want]
                if first * second > MOST_LOADS:
                    raise TooFine
                found.append([
                    ((a + b * stride) * weight, (a, b, count - a - b))
                    for a in range(first, -1, -1)
                    for b in range(min(second, count - a), max(0, count - a - third) - 1, -1)
                ])  # fmt: skip
        return found

    def _cheapest(
        self, places: Sequence[int], loads: Iterable[int], fixed: int, stride: int
    ) -> tuple[int, list[int]]:  # fmt: skip
        """The least cost of further slabs of all loads, and the loads that have it."""
        fares = [self.fares[place] for place in places]
        (first_one, _, size_one, minor_one), last = fares[0], fares[-1]
        first_last, _, size_last, minor_last = last
        first_two, _, size_two, minor_two = fares[1]
        three, total = len(places) == 3, self.grams
        best, found = INFINITE, []
        for each in loads:
            rest, one = divmod(each + fixed, stride)
            left = total - one
            cost = 0 if one <= first_one else -((first_one - one) // size_one) * minor_one
            if three:
                left -= rest
                if rest > first_two:
                    cost -= (first_two - rest) // size_two * minor_two
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
