"""Where units are taken from when some of an order are cancelled: what stays of a kit stays whole at its node. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

#: A node's id; None for units that have no node.
Place = int | None


@dataclass(slots=True)
class Lying:
    """Units of one order line by place: all that have not left (`there`), and those that may be cancelled (`free`).

    `per_kit` of them belong to each unit of the line's kit; 1 for a line of its own. Places stand in the order in
    which they give up units, those that are least far first.
    """

    line_id: int
    per_kit: int = 1
    there: Counter[Place] = field(default_factory=Counter)
    free: Counter[Place] = field(default_factory=Counter)

    def add(self, place: Place, units: int, free: int) -> None:
        """So many more units lie there, and so many of them are free."""
        self.there[place] += units
        self.free[place] += free


#: Units to take, by order line id and place.
Taken = dict[int, Counter[Place]]


def take_whole_kits(parts: Sequence[Lying], wanted: Mapping[int, int]) -> Taken | None:
    """Which of the `wanted` units by line go where; `parts` are all components of one kit, or a single line.

    First whole kits that have no node, then kits whose components lie apart already, then whole kits node by node, and
    with them what is left of kits that left in part. No kit that is whole at a node loses some of its components. None
    where that cannot be, because units are in hand that would have to go.
    """
    taking = _Taking(parts)
    kits = min(wanted.get(part.line_id, 0) // part.per_kit for part in parts)
    rest = {part.line_id: wanted.get(part.line_id, 0) - kits * part.per_kit for part in parts}
    kits -= taking.whole(None, kits)
    kits -= taking.apart(kits)
    for place in taking.places:
        kits -= taking.whole(place, kits)
    if kits or not all(taking.loose_units(part, rest[part.line_id]) for part in parts):
        return None
    return taking.taken


class _Taking:
    """What is free still, and what was taken."""

    def __init__(self, parts: Sequence[Lying]) -> None:
        self.parts = parts
        self.places = list(dict.fromkeys(place for part in parts for place in part.there))
        self.free = {part.line_id: Counter(part.free) for part in parts}
        self.taken: Taken = {part.line_id: Counter() for part in parts}
        whole = {place: min(part.there[place] // part.per_kit for part in parts) for place in self.places}
        #: Units that make no whole kit with what lies beside them.
        self.loose = {
            part.line_id: Counter({place: part.there[place] - whole[place] * part.per_kit for place in self.places})
            for part in parts
        }

    def whole(self, place: Place, most: int) -> int:
        """Take whole kits at a place, at most so many; how many were taken."""
        kits = min(most, *(self.free[part.line_id][place] // part.per_kit for part in self.parts))
        for part in self.parts:
            self._take(part, place, kits * part.per_kit)
        return kits

    def apart(self, most: int) -> int:
        """Take kits whose components lie apart, at most so many; how many were taken."""
        kits = min(most, *(self._loose_and_free(part).total() // part.per_kit for part in self.parts))
        for part in self.parts:
            self._take_loose(part, kits * part.per_kit)
        return kits

    def loose_units(self, part: Lying, units: int) -> bool:
        """Take so many units of a component, those that make no whole kit first; whether there were so many."""
        left = units - self._take_loose(part, units)
        for place in self.places:
            share = min(left, self.free[part.line_id][place])
            self._take(part, place, share)
            left -= share
        return not left

    def _loose_and_free(self, part: Lying) -> Counter[Place]:
        return self.loose[part.line_id] & self.free[part.line_id]

    def _take_loose(self, part: Lying, units: int) -> int:
        left = units
        for place, there in self._loose_and_free(part).items():
            share = min(left, there)
            self._take(part, place, share)
            self.loose[part.line_id][place] -= share
            left -= share
        return units - left

    def _take(self, part: Lying, place: Place, units: int) -> None:
        if units:
            self.free[part.line_id][place] -= units
            self.taken[part.line_id][place] += units
