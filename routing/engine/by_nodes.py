"""Exact solution: branch and bound over sets of nodes.

What a plan costs is decided by which nodes ship; how units are divided between them is `loading`'s affair. So sets of
nodes are tried, each once: of the wants not covered yet the one that fewest nodes have is looked at, and one of those
nodes must be in the set; the nodes tried before it are then left out. A branch ends where what it has, and the least
that the rest can cost, reaches the best plan known. The least comes from prices of wants: each want gets as much of the
opening of a node as no other want has taken, so that no node earns more than it costs (a dual solution of the covering
problem, Fisher and Kedia, Management Science 36/6, 1990).
"""

from __future__ import annotations

from collections.abc import Sequence

from routing.engine.loading import Budget, Loading, least_slabs_minor, least_units_minor, load
from routing.engine.problem import INFINITE, NOTHING, PARCEL, SCALE, Parcel, Problem, Solution

#: Sets of nodes looked at before the search ends with what it has and an honest bound: about half a second. One whose
#: goods have to be divided with an eye on the scales counts as several.
MOST_SETS = 200_000
_SETS_A_LOADING = 20
#: From so many usable nodes on it pays to leave out those that others replace.
_MANY_NODES = 40


class Search:
    """The cheapest plan that ships all of `units`, each of which the usable nodes have. `must` has to be in it."""

    def __init__(self, problem: Problem, units: Sequence[int], must: int | None = None) -> None:
        self.problem = problem
        self.units = units
        self.ceiling = INFINITE
        self.nodes: tuple[int, ...] = ()
        self.loading: Loading | None = None
        self.exact = True
        self.looked_at = 0
        self.budget = Budget()
        self._most = problem.max_shipments
        self._order(must)
        self._pack()
        self._weigh()
        self._price()

    def _order(self, must: int | None) -> None:
        """Usable nodes from the cheapest opening; a place is a position among them."""
        problem = self.problem
        order = sorted((cost, index) for index, cost in problem.opening.items())
        if len(order) > _MANY_NODES:
            order = _needed(problem, self.units, order, self._most, must)
        self.index = [index for _, index in order]
        self.step = [(cost + problem.split) * SCALE + PARCEL for cost, _ in order]
        self.must = must

    def _pack(self) -> None:
        """What a place has of all wants as one number, a field for each: a sum of such numbers plus `offsets` sets the
        guard bit of each want that is covered. A node counts with at most what is wanted."""
        shift = self.offsets = self.guards = 0
        self.have = [0] * len(self.index)
        wants = []
        for row, units in zip(self.problem.rows, self.units, strict=True):
            if not units:
                continue
            room = (self._most * units).bit_length()
            guard = 1 << (shift + room)
            suppliers = []
            for place, index in enumerate(self.index):
                if index in row:
                    self.have[place] |= min(row[index], units) << shift
                    suppliers.append(place)
            self.offsets |= ((1 << room) - units) << shift
            self.guards |= guard
            wants.append((len(suppliers), guard, suppliers))
            shift += room + 1
        wants.sort()
        self.wants = [(guard, suppliers) for _, guard, suppliers in wants]

    def _weigh(self) -> None:
        """Whether weights or units cost anything beyond openings, and what at least, by number of parcels."""
        problem, units = self.problem, self.units
        self.grams = sum(count * unit for count, unit in zip(units, problem.grams, strict=True))
        fares = {problem.fares[index] for index in self.index}
        light = all(self.grams <= fare.first_slab_grams or not fare.additional_minor for fare in fares)
        self.plain = light and problem.unit_minor is None
        self.units_minor = least_units_minor(problem, self.index, units)
        self.beyond = [0] * (self._most + 1)
        if not light:
            first = max(fare.first_slab_grams for fare in fares)
            cheapest = min(fares, key=lambda fare: fare.additional_minor / fare.additional_slab_grams)
            for parcels in range(self._most + 1):
                grams = max(0, self.grams - parcels * first)
                self.beyond[parcels] = grams * cheapest.additional_minor // cheapest.additional_slab_grams
        self.beyond = [(minor + self.units_minor) * SCALE for minor in self.beyond]

    def _price(self) -> None:
        """The prices of wants, by guard bit."""
        slack = list(self.step)
        self.prices: dict[int, int] = {}
        for guard, suppliers in self.wants:
            price = min(slack[place] for place in suppliers)
            self.prices[guard] = price
            for place in suppliers:
                slack[place] -= price
        self._rests: dict[int, int] = {0: 0}
        self.root = self._more(0, sum(self.prices.values())) - self.problem.split * SCALE

    def _rest(self, missing: int) -> int:
        """What covering the missing wants costs at least."""
        rest = self._rests.get(missing)
        if rest is None:
            rest = self._rests[missing] = sum(price for guard, price in self.prices.items() if missing & guard)
        return rest

    def _more(self, depth: int, rest: int, least: int = 1) -> int:
        """What is still to be paid at least beside so many parcels: `least` or more of them, that cost `rest` or more,
        and the slabs that so many parcels leave over."""
        step, beyond = self.step[0], self.beyond
        return min(max(rest, (count - depth) * step) + beyond[count] for count in range(depth + least, self._most + 1))

    def run(self, ceiling: int = INFINITE) -> Solution | None:
        """The best plan that costs less than `ceiling` (scaled); None where there is none or none was found in time."""
        self.ceiling = ceiling
        base = -self.problem.split * SCALE
        if self.must is None:
            self._descend(0, base, 0, 0, ())
        else:
            place = self.index.index(self.must)
            if not self.have[place]:
                return None
            self._descend(1, base + self.step[place], self.have[place], 1 << place, (place,))
        return self._solution() if self.nodes else None

    def _descend(self, depth: int, spent: int, have: int, out: int, chosen: tuple[int, ...]) -> None:
        self.looked_at += 1
        if self.looked_at > MOST_SETS:
            self.exact = False
            return
        missing = self.guards & ~(have + self.offsets)
        if not missing:
            self._take(spent, chosen)
            if not self.plain and depth < self._most:
                self._widen(depth, spent, out, chosen, 0)
            return
        if depth == self._most or spent + self._more(depth, self._rest(missing)) >= self.ceiling:
            return
        suppliers = next(suppliers for guard, suppliers in self.wants if missing & guard)
        for place in suppliers:
            if out >> place & 1:
                continue
            cost = spent + self.step[place]
            if cost + self._more(depth + 1, 0, 0) >= self.ceiling:
                break
            out |= 1 << place
            self._descend(depth + 1, cost, have + self.have[place], out, (*chosen, place))

    def _widen(self, depth: int, spent: int, out: int, chosen: tuple[int, ...], start: int) -> None:
        """All is covered; a further parcel may still save more slabs than its opening costs."""
        for place in range(start, len(self.index)):
            cost = spent + self.step[place]
            if cost + self._more(depth + 1, 0, 0) >= self.ceiling:
                return
            if out >> place & 1:
                continue
            self.looked_at += 1
            if self.looked_at > MOST_SETS:
                self.exact = False
                return
            self._take(cost, (*chosen, place))
            if depth + 1 < self._most:
                self._widen(depth + 1, cost, out, (*chosen, place), place + 1)

    def _take(self, spent: int, chosen: tuple[int, ...]) -> None:
        """A set of nodes that has everything: keep it if it is the cheapest."""
        if self.plain:
            if spent < self.ceiling:
                self.ceiling, self.nodes = spent, chosen
            return
        at = sorted(self.index[place] for place in chosen)
        least = self.units_minor + least_slabs_minor(self.problem, at, self.units, self.grams)
        if spent + least * SCALE >= self.ceiling:
            return
        self.looked_at += _SETS_A_LOADING
        # In whole money: less by a parcel alone is decided by the comparison below.
        loading = load(self.problem, at, self.units, (self.ceiling - spent) // SCALE + 1, self.budget, self.must)
        if loading is None:
            return
        self.exact = self.exact and loading.exact
        total = spent + loading.cost * SCALE
        if total < self.ceiling:
            self.ceiling, self.nodes, self.loading = total, chosen, loading

    def _solution(self) -> Solution:
        at = sorted(self.index[place] for place in self.nodes)
        loading = self.loading if self.loading is not None else load(self.problem, at, self.units, must=self.must)
        assert loading is not None  # without a ceiling there is always a way
        parcels = tuple(Parcel(index, units) for index, units in zip(at, loading.units, strict=True) if any(units))
        # Where the search was cut short a node may be left that sends nothing.
        cost = sum(self.problem.parcel_minor(*parcel) for parcel in parcels) + (len(parcels) - 1) * self.problem.split
        bound = cost if self.exact else min(cost, max(0, self.root // SCALE))
        return Solution(parcels, cost, bound, bound == cost)


def _needed(
    problem: Problem, units: Sequence[int], order: Sequence[tuple[int, int]], most: int, must: int | None
) -> list[tuple[int, int]]:
    """Nodes, cheapest first, without those for which `most` others have the same goods at no more cost.

    A plan has at most `most - 1` nodes beside such a one, so one of the others is free to take its place.
    """
    wanted = [(row, count) for row, count in zip(problem.rows, units, strict=True) if count]
    seen: dict[tuple[int, ...], list[int]] = {}
    kept = []
    for cost, index in order:
        have = tuple([min(row.get(index, 0), count) for row, count in wanted])
        alike = seen.setdefault(have, [])
        if index != must and sum(_replaces(problem, other, index) for other in alike) >= most:
            continue
        alike.append(index)
        kept.append((cost, index))
    return kept


def _replaces(problem: Problem, other: int, index: int) -> bool:
    """Whether the slabs and units of one node never cost more than those of another."""
    return problem.never_steeper(other, index) and (
        problem.unit_minor is None or all(row.get(other, 0) <= row[index] for row in problem.unit_minor if index in row)
    )


def most_units(problem: Problem, units: Sequence[int]) -> Solution:
    """The plan with the most units, then the least cost, where no plan within `max_shipments` ships all of them."""
    return _Most(problem, units).solution()


class _Most:
    """Sets of nodes in order of what they have; a branch ends where even the best nodes left add too little."""

    def __init__(self, problem: Problem, units: Sequence[int]) -> None:
        self.problem = problem
        self.most = min(problem.max_shipments, len(problem.opening))
        self.wants = [want for want, count in enumerate(units) if count]
        self.wanted = [units[want] for want in self.wants]
        order = sorted((cost, index) for index, cost in problem.opening.items())
        have = {
            index: [min(problem.rows[want].get(index, 0), units[want]) for want in self.wants]
            for _, index in _needed(problem, units, order, self.most, None)
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
            if self.looked_at > MOST_SETS:
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
