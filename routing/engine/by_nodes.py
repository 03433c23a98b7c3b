"""Branch and bound over sets of nodes.

A branch takes one want that is not covered yet, the one that the fewest nodes have, and tries each node that has some
of it, the cheapest first. It ends where what is chosen, with the least that the rest can cost, reaches the best plan
known. The least comes from prices of wants: each want gets as much of the opening of a node as no other want has taken,
so that no node earns more than it costs (a dual solution of the covering problem, Fisher and Kedia, Management Science
36/6, 1990), and from the slabs that so many parcels leave over.
"""

from __future__ import annotations

from collections.abc import Sequence

from routing.engine.division import Divided, Goods
from routing.engine.dominance import needed
from routing.engine.loading import Budget, least_units_minor
from routing.engine.problem import INFINITE, PARCEL, SCALE, Parcel, Problem, Solution

#: Sets of nodes looked at before the search ends with what it has and an honest bound: about half a second. One whose
#: goods have to be divided with an eye on the scales counts as several.
MOST_SETS = 200_000
_SETS_A_DIVISION = 20


class Search:
    """The cheapest plan that ships all of `units`, each of which the usable nodes have. `must` has to be in it."""

    def __init__(
        self, problem: Problem, units: Sequence[int], must: int | None = None, most_sets: int = MOST_SETS
    ) -> None:
        self.problem = problem
        self.units = units
        self.most_sets = most_sets
        self.ceiling = INFINITE
        self.nodes: tuple[int, ...] = ()
        self.divided: Divided | None = None
        self.exact = True
        self.looked_at = 0
        self.budget = Budget()
        self.must = must
        self._most = problem.max_shipments
        #: Usable nodes from the cheapest opening; a place is a position among them.
        order = needed(problem, units, must)
        self.index = [index for _, index in order]
        self.step = [(cost + problem.split) * SCALE + PARCEL for cost, _ in order]
        self.goods = Goods(problem, units, self.index)
        self._pack()
        self._weigh()
        self._price()

    def _pack(self) -> None:
        """What a place has of all wants as one number, a field for each: a sum of such numbers plus `offsets` sets the
        guard bit of each want that is covered. A node counts with at most what is wanted."""
        goods = self.goods
        shift = self.offsets = self.guards = 0
        shifts, wants = [], []
        self.suppliers: list[list[int]] = []
        columns = zip(*goods.have, strict=True)
        for want, column in zip(goods.wants, columns, strict=True):
            units = self.units[want]
            room = (self._most * units).bit_length()
            guard = 1 << (shift + room)
            suppliers = [place for place, have in enumerate(column) if have]
            self.suppliers.append(suppliers)
            shifts.append(shift)
            self.offsets |= ((1 << room) - units) << shift
            self.guards |= guard
            wants.append((len(suppliers), guard, suppliers))
            shift += room + 1
        self.have = [
            sum([count << shift for count, shift in zip(have, shifts, strict=True) if count]) for have in goods.have
        ]
        wants.sort()
        self.wants = [(guard, suppliers) for _, guard, suppliers in wants]

    def _weigh(self) -> None:
        """Whether weights or units cost anything beyond openings, and what at least: `beyond` by number of parcels, and
        `charge` by the gram. A gram of a want costs no less than in the cheapest slabs of any node that has it, unless
        it lies in a first slab: `net` is what a node's opening costs less what its first slab can save that way."""
        problem, goods = self.problem, self.goods
        light = all(goods.grams <= fare[0] or not fare[3] for fare in goods.fares)
        self.plain = light and problem.unit_minor is None
        units_minor = least_units_minor(problem, self.index, self.units) if problem.unit_minor is not None else 0
        self.units_minor = units_minor
        self.charge = units_minor * SCALE
        self.net = self.step
        self.beyond = [units_minor * SCALE] * (self._most + 1)
        if light:
            return
        self._beyond()
        by_gram = [fare[3] * SCALE // fare[2] for fare in goods.fares]
        rated = []
        for column, want in enumerate(goods.wants):
            rate = min([by_gram[place] for place in self.suppliers[column]])
            grams = problem.grams[want]
            if rate and grams:
                rated.append((rate, column, grams))
                self.charge += rate * grams * self.units[want]
        rated.sort(reverse=True)
        self.net = []
        for step, have, fare in zip(self.step, goods.have, goods.fares, strict=True):
            room = fare[0]
            for rate, column, grams in rated:
                if have[column]:
                    filled = have[column] * grams
                    if filled >= room:
                        step -= room * rate
                        break
                    step -= filled * rate
                    room -= filled
            self.net.append(step)

    def _beyond(self) -> None:
        """What slabs cost at least that so many parcels leave over: whole slabs, where all are of one size."""
        goods = self.goods
        free = sorted(goods.free, reverse=True)
        left, slab_grams, slab_minor = goods.grams, goods.slab_grams, min(goods.slab_minor)
        by_gram = min(goods.by_gram)
        for parcels in range(self._most + 1):
            if parcels and parcels <= len(free):
                left -= free[parcels - 1]
            if left <= 0:
                break
            self.beyond[parcels] += (-(-left // slab_grams) * slab_minor if slab_grams else int(left * by_gram)) * SCALE

    def _price(self) -> None:
        """The prices of wants, by guard bit, and what is still to be paid at least beside so many parcels."""
        net = self.net
        slack = [cost if cost > 0 else 0 for cost in net]
        self.prices: dict[int, int] = {}
        for guard, suppliers in self.wants:
            price = min([slack[place] for place in suppliers])
            self.prices[guard] = price
            for place in suppliers:
                slack[place] -= price
            suppliers.sort(key=net.__getitem__)
        self._rests: dict[int, int] = {0: 0}
        # A node that saves more than it costs may come with any plan.
        saving = sorted([cost for cost in net if cost < 0])
        self.saved = [sum(saving[:parcels]) for parcels in range(self._most + 1)]
        self._bound_further()
        self.ranked = sorted(range(len(net)), key=net.__getitem__)
        self.root = max(self.least_more[0], self.charge + self.saved[-1] + sum(self.prices.values()))
        self.root -= self.problem.split * SCALE

    def _rest(self, missing: int) -> int:
        """What covering the missing wants costs at least."""
        rest = self._rests.get(missing)
        if rest is None:
            rest = self._rests[missing] = sum([price for guard, price in self.prices.items() if missing & guard])
        return rest

    def _bound_further(self) -> None:
        """What is still to be paid at least beside so many parcels, and the slabs that so many leave over: `after`, or
        `least_more` where one parcel more has to come."""
        step, least = self.step[0], INFINITE
        after, least_more = [], []
        for beyond in reversed(self.beyond):
            least_more.append(step + least)
            least = min(beyond, step + least)
            after.append(least)
        self.after, self.least_more = after[::-1], least_more[::-1]

    def run(self, ceiling: int = INFINITE) -> Solution | None:
        """The best plan that costs less than `ceiling` (scaled); None where there is none or none was found in time."""
        self.ceiling = ceiling
        # Every want is one piece at least.
        base = len(self.wants) - self.problem.split * SCALE
        if self.must is None:
            self._descend(0, base, base + self.charge, 0, 0, ())
        else:
            place = self.index.index(self.must)
            if not self.have[place]:
                return None
            net = base + self.charge + self.net[place]
            self._descend(1, base + self.step[place], net, self.have[place], 1 << place, (place,))
        return self._solution() if self.nodes else None

    def _descend(self, depth: int, spent: int, net: int, have: int, out: int, chosen: tuple[int, ...]) -> None:
        """Try all sets with these nodes and none of `out`: they cost `spent`, or `net` and the charges for weight."""
        self.looked_at += 1
        if self.looked_at > self.most_sets:
            self.exact = False
            return
        guards, covered = self.guards, have + self.offsets
        missing = guards & ~covered
        if not missing:
            self._take(spent, chosen)
            if not self.plain and depth < self._most:
                self._widen(depth, spent, net, out, chosen, 0)
            return
        if depth == self._most:
            return
        saved = self.saved[self._most - depth]
        if net + saved + self._rest(missing) >= self.ceiling or spent + self.least_more[depth] >= self.ceiling:
            return
        suppliers = next(suppliers for guard, suppliers in self.wants if missing & guard)
        step, nets, after, last = self.step, self.net, self.after[depth + 1], depth + 1 == self._most
        for place in suppliers:
            if out >> place & 1:
                continue
            cheapest = net + nets[place]
            if cheapest + saved >= self.ceiling:
                break
            cost = spent + step[place]
            if cost + after >= self.ceiling:
                continue
            if last:
                if guards & ~(covered + self.have[place]) == 0:
                    self.looked_at += 1
                    self._take(cost, (*chosen, place))
                continue
            out |= 1 << place
            self._descend(depth + 1, cost, cheapest, have + self.have[place], out, (*chosen, place))

    def _widen(self, depth: int, spent: int, net: int, out: int, chosen: tuple[int, ...], start: int) -> None:
        """All is covered; a further parcel may still save more slabs than its opening costs."""
        after, saved = self.after[depth + 1], self.saved[self._most - depth]
        for rank in range(start, len(self.ranked)):
            place = self.ranked[rank]
            cheapest = net + self.net[place]
            if cheapest + saved >= self.ceiling:
                return
            cost = spent + self.step[place]
            if out >> place & 1 or cost + after >= self.ceiling:
                continue
            self.looked_at += 1
            if self.looked_at > self.most_sets:
                self.exact = False
                return
            self._take(cost, (*chosen, place))
            if depth + 1 < self._most:
                self._widen(depth + 1, cost, cheapest, out, (*chosen, place), rank + 1)

    def _take(self, spent: int, chosen: tuple[int, ...]) -> None:
        """A set of nodes that has everything: keep it if it is the cheapest."""
        least = spent + (0 if self.plain else (self.units_minor + self.goods.least(chosen)) * SCALE)
        if least >= self.ceiling:
            return
        if not self.plain:
            self.looked_at += _SETS_A_DIVISION
        # In whole money: less by parcels or pieces alone is decided by the comparison below.
        divided = self.goods.divided(chosen, (self.ceiling - spent) // SCALE + 1, self.budget, self.must)
        if divided is None:
            return
        self.exact = self.exact and divided.exact
        total = spent + divided.cost * SCALE + divided.pieces - len(self.wants)
        if total < self.ceiling:
            self.ceiling, self.nodes, self.divided = total, chosen, divided

    def _solution(self) -> Solution:
        assert self.divided is not None
        at = sorted(zip([self.index[place] for place in self.nodes], self.divided.units, strict=True))
        # Where the search was cut short a node may be left that sends nothing.
        parcels = tuple([Parcel(index, units) for index, units in at if any(units)])
        cost = sum([self.problem.parcel_minor(*parcel) for parcel in parcels]) + (len(parcels) - 1) * self.problem.split
        bound = cost if self.exact else min(cost, max(0, self.root // SCALE))
        return Solution(parcels, cost, bound, bound == cost)
