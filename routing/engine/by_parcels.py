"""Exact solution for orders of ordinary size: the cheapest parcel of every content, then the cheapest way to fill the
order with parcels.

A content (units of each want) is one integer, a field for each want. The cheapest node for each content is found by
going through what each node could send; then parcels are put together, each time one with some of the want that the
fewest nodes have, and the last parcel is looked up. Two parcels of one node are joined, which never costs more where
`one_parcel_is_cheaper` holds; where the node has too little for both, the answer is left to the search over nodes.
"""

from __future__ import annotations

from collections.abc import Sequence

from routing.engine.problem import INFINITE, PARCEL, SCALE, Parcel, Problem, Solution

#: Contents of parcels that are looked at, over all nodes: a few milliseconds.
MOST_CONTENTS = 12_000
#: Parcels that are tried; beyond it the search over nodes takes over.
MOST_TRIED = 200_000


class TooMany(Exception):
    """The order has too many contents, or its parcels cannot be joined: another way must be taken."""


def solve_by_parcels(problem: Problem, units: Sequence[int], ceiling: int) -> Solution | None:
    """The best solution that ships all of `units` and costs less than `ceiling` (scaled); None where there is none.

    Raises TooMany.
    """
    return _Parcels(problem, units, ceiling).solution()


class _Parcels:
    """One order taken apart into contents."""

    def __init__(self, problem: Problem, units: Sequence[int], ceiling: int) -> None:
        self.problem = problem
        self.ceiling = ceiling
        self.base = -problem.split * SCALE
        self.most = problem.max_shipments
        self.wants = [want for want, count in enumerate(units) if count]
        self.shifts: list[int] = []
        self.guards = self.full = shift = 0
        for want in self.wants:
            self.shifts.append(shift)
            self.full |= units[want] << shift
            shift += units[want].bit_length()
            self.guards |= 1 << shift
            shift += 1
        self.units = [units[want] for want in self.wants]
        self.contents: dict[tuple[int, ...], list[tuple[int, int, int]]] = {}
        self.best: dict[int, int] = {}
        self.sender: dict[int, int] = {}
        self._fill()
        self.chosen: tuple[int, ...] = ()
        self.two: dict[int, tuple[int, int]] = {}
        self.tried = 0

    def _fill(self) -> None:
        """The cheapest parcel of every content."""
        problem, best, sender = self.problem, self.best, self.sender
        contents = self.contents
        looked_at = 0
        for opening, index, have in self._undominated():
            mine = contents.get(have)
            if mine is None:
                mine = contents[have] = self._contents(have)
            looked_at += len(mine)
            if looked_at > MOST_CONTENTS:
                raise TooMany
            first_grams, _, slab_grams, slab_minor = problem.fares[index]
            fixed, slab = (opening + problem.split) * SCALE + PARCEL, slab_minor * SCALE
            for content, grams, pieces in mine:
                cost = fixed if grams <= first_grams else fixed - (first_grams - grams) // slab_grams * slab
                if problem.unit_minor is not None:
                    cost += self._units_minor(index, content) * SCALE
                cost += pieces
                known = best.get(content)
                if known is None or cost < known:
                    best[content] = cost
                    sender[content] = index

    def _undominated(self) -> list[tuple[int, int, tuple[int, ...]]]:
        """Opening, index and stock (at most what is wanted) of each node, cheapest first, without those that another
        one replaces whatever they would send: it has all that is wanted of what they have, at no more cost."""
        problem, wanted = self.problem, self.units
        rows = [problem.rows[want] for want in self.wants]
        kept: list[tuple[int, int, tuple[int, ...]]] = []
        able: list[tuple[int, int]] = []  # of the kept: the wants that they have whole, as bits, and their index
        for opening, index in sorted([(opening, index) for index, opening in problem.opening.items()]):
            have = tuple([min(row.get(index, 0), count) for row, count in zip(rows, wanted, strict=True)])
            some = whole = 0
            bit = 1
            for units, count in zip(have, wanted, strict=True):
                if units:
                    some |= bit
                    if units == count:
                        whole |= bit
                bit <<= 1
            if not some or (
                problem.unit_minor is None
                and any(other & some == some and problem.never_steeper(place, index) for other, place in able)
            ):
                continue
            kept.append((opening, index, have))
            able.append((whole, index))
        return kept

    def _contents(self, have: Sequence[int]) -> list[tuple[int, int, int]]:
        """Every content that so much stock allows, with its grams and the number of wants in it."""
        found = [(0, 0, 0)]
        for want, shift, units in zip(self.wants, self.shifts, have, strict=True):
            if units:
                grams = self.problem.grams[want]
                found += [
                    (content + (count << shift), weight + count * grams, pieces + 1)
                    for count in range(1, units + 1)
                    for content, weight, pieces in found
                ]
                if len(found) > MOST_CONTENTS:
                    raise TooMany
        del found[0]
        return found

    def _units_of(self, content: int) -> list[int]:
        """Units of each want in a content."""
        counts = [0] * len(self.problem.quantities)
        for want, shift, most in zip(self.wants, self.shifts, self.units, strict=True):
            counts[want] = content >> shift & ((1 << most.bit_length()) - 1)
        return counts

    def _units_minor(self, index: int, content: int) -> int:
        return self.problem.units_minor(index, self._units_of(content))

    def solution(self) -> Solution | None:
        """The cheapest way to fill the order."""
        if not self.best:
            return None
        self._sort()
        self._put(self.full, self.grams, self.most, self.base, ())
        if not self.chosen:
            return None
        return self._joined()

    def _sort(self) -> None:
        """For each want, the rarest first, the parcels with some of it, by what they cost above their weight.

        `rate` is what a gram costs in the parcel that is cheapest by weight: whatever is left costs at least its grams
        times the rate, so what counts of a parcel is its cost less its own grams times the rate.
        """
        weights = {content: grams for mine in self.contents.values() for content, grams, _ in mine}
        self.grams = sum(self.problem.grams[want] * count for want, count in zip(self.wants, self.units, strict=True))
        heavy = [(cost, weights[content]) for content, cost in self.best.items() if weights[content]]
        self.rate = min((cost / grams for cost, grams in heavy), default=0.0) if self.grams else 0.0
        rate = self.rate
        entries = sorted(
            [(cost - rate * weights[content], cost, content, weights[content]) for content, cost in self.best.items()]
        )
        lists = []
        for shift, most in zip(self.shifts, self.units, strict=True):
            field = ((1 << most.bit_length()) - 1) << shift
            having = [entry for entry in entries if entry[2] & field]
            lists.append((len(having), field, having))
        lists.sort(key=lambda each: each[:2])
        self.by_want = [(field, having) for _, field, having in lists]
        self.cheapest = [(field, min([entry[1] for entry in having])) for field, having in self.by_want if having]

    def _put(self, left: int, grams: int, parcels: int, spent: int, chosen: tuple[int, ...]) -> None:
        """Fill what is left with at most so many parcels."""
        last = self.best.get(left)
        if last is not None and spent + last < self.ceiling:
            self.ceiling = spent + last
            self.chosen = (*chosen, left)
        if parcels == 1:
            return
        if parcels == 2:
            cost, part = self.two.get(left) or self._two(left, grams)
            if part and spent + cost < self.ceiling:
                self.ceiling = spent + cost
                self.chosen = (*chosen, part, left - part)
            return
        having = next(entries for field, entries in self.by_want if left & field)
        guards, guarded, cheapest = self.guards, left | self.guards, self.cheapest
        # Half a unit beyond what is counted in whole ones: no rounding decides.
        least = spent + self.rate * grams - 0.5
        for above, cost, content, weight in having:
            if least + above >= self.ceiling:
                return
            rest = guarded - content
            if rest & guards != guards or rest == guards:
                continue
            self.tried += 1
            if self.tried > MOST_TRIED:
                raise TooMany
            rest ^= guards
            after = spent + cost
            for field, other in cheapest:
                if rest & field and after + other >= self.ceiling:
                    break
            else:
                self._put(rest, grams - weight, parcels - 1, after, (*chosen, content))

    def _two(self, left: int, grams: int) -> tuple[int, int]:
        """The cheapest two parcels for what is left: their cost, and what one of them holds (0 where no two hold all).
        Every way to divide it is tried, or every parcel that may be one of them, whichever are fewer."""
        field, having = next(entry for entry in self.by_want if left & entry[0])
        best, found, cheapest = self.best, 0, INFINITE
        ways = 1
        for shift, most in zip(self.shifts, self.units, strict=True):
            ways *= (left >> shift & ((1 << most.bit_length()) - 1)) + 1
        if ways < len(having):
            for part in self._parts(left):
                one = best.get(part) if part & field else None
                if one is not None and one < cheapest:
                    other = best.get(left - part)
                    if other is not None and one + other < cheapest:
                        cheapest, found = one + other, part
        else:
            guards, guarded = self.guards, left | self.guards
            least = self.rate * grams - 0.5
            for above, cost, content, _ in having:
                if least + above >= cheapest:
                    break
                rest = guarded - content
                if rest & guards == guards:
                    other = best.get(rest ^ guards)
                    if other is not None and cost + other < cheapest:
                        cheapest, found = cost + other, content
        self.tried += min(ways, len(having))
        if self.tried > MOST_TRIED:
            raise TooMany
        self.two[left] = cheapest, found
        return cheapest, found

    def _parts(self, left: int) -> list[int]:
        """Everything that is less than what is left and more than nothing."""
        found = [0]
        for shift, most in zip(self.shifts, self.units, strict=True):
            units = left >> shift & ((1 << most.bit_length()) - 1)
            if units:
                found += [part + (count << shift) for count in range(1, units + 1) for part in found]
        return found[1:-1]

    def _joined(self) -> Solution:
        """The parcels by node. Raises TooMany where a node has too little for all that was given to it."""
        at: dict[int, list[int]] = {}
        for content in self.chosen:
            counts = self._units_of(content)
            index = self.sender[content]
            known = at.get(index)
            at[index] = counts if known is None else [one + other for one, other in zip(known, counts, strict=True)]
        if len(at) < len(self.chosen):
            for index, counts in at.items():
                if any(count > row.get(index, 0) for count, row in zip(counts, self.problem.rows, strict=True)):
                    raise TooMany
        parcels = tuple(Parcel(index, tuple(counts)) for index, counts in sorted(at.items()))
        cost = sum(self.problem.parcel_minor(*parcel) for parcel in parcels) + (len(parcels) - 1) * self.problem.split
        return Solution(parcels, cost, cost, True)
