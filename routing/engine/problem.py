"""The optimisation problem of one order, freed of everything but numbers, and the shape of its answer.

Model. A *want* is a SKU and how many units of it. Any number of its units may come from any node that has them. Each
node ships at most one parcel. A parcel of w grams from node i costs opening[i], the slabs that w needs beyond the
first, and unit_minor[want][i] for each unit of a want in it; each parcel after the first costs `split` more.
Sought: the most units, then the least cost, then the fewest parcels, with at most `max_shipments` parcels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from routing.engine.types import SlabRate

#: Costs are carried as cost * SCALE + parcels * PARCEL + pieces: one integer comparison prefers fewer parcels at
#: equal cost, and then fewer pieces: a want that two parcels share is two.
SCALE = 1 << 20
PARCEL = 1 << 12
#: Larger than any cost that is carried.
INFINITE = 1 << 62


class Problem:
    """One order to solve. Nodes are indices in canonical order (more priority first, then id), ties go to the lower.

    `rows[want][index]` is what a node has of a want (only positive entries, unusable nodes may occur); `opening[index]`
    is the fixed cost of a parcel with its first slab, for usable nodes only, in ascending index. `unit_minor` is None
    where no unit costs anything by itself.
    """

    __slots__ = ("fares", "grams", "max_shipments", "opening", "quantities", "rows", "split", "unit_minor")

    def __init__(
        self,
        quantities: Sequence[int],
        grams: Sequence[int],
        rows: Sequence[Mapping[int, int]],
        opening: Mapping[int, int],
        fares: Sequence[SlabRate],
        split: int,
        max_shipments: int,
        unit_minor: Sequence[Mapping[int, int]] | None = None,
    ) -> None:
        self.quantities = quantities
        self.grams = grams
        self.rows = rows
        self.opening = opening
        self.fares = fares
        self.split = split
        self.max_shipments = max(1, min(max_shipments, SCALE // PARCEL - 1))
        self.unit_minor = unit_minor

    def further_minor(self, index: int, grams: int) -> int:
        """What a parcel of so many grams costs above its opening."""
        first_grams, _, slab_grams, slab_minor = self.fares[index]
        return 0 if grams <= first_grams else -((first_grams - grams) // slab_grams) * slab_minor

    def units_minor(self, index: int, units: Sequence[int]) -> int:
        """What so many units of each want cost by themselves at a node."""
        if self.unit_minor is None:
            return 0
        return sum(count * row[index] for count, row in zip(units, self.unit_minor, strict=True) if count)

    def parcel_minor(self, index: int, units: Sequence[int]) -> int:
        """All of a parcel's cost, without the penalty for splitting."""
        grams = sum(count * unit for count, unit in zip(units, self.grams, strict=True))
        return self.opening[index] + self.further_minor(index, grams) + self.units_minor(index, units)

    def in_one_parcel(self) -> Problem:
        """The same order without splitting."""
        return self.varied(max_shipments=1)

    def varied(
        self,
        *,
        quantities: Sequence[int] | None = None,
        rows: Sequence[Mapping[int, int]] | None = None,
        opening: Mapping[int, int] | None = None,
        split: int | None = None,
        max_shipments: int | None = None,
    ) -> Problem:
        """The same problem but for what is given."""
        return Problem(
            self.quantities if quantities is None else quantities,
            self.grams,
            self.rows if rows is None else rows,
            self.opening if opening is None else opening,
            self.fares,
            self.split if split is None else split,
            self.max_shipments if max_shipments is None else max_shipments,
            self.unit_minor,
        )


class Parcel(NamedTuple):
    """What one node ships: the node's index, and units of each want."""

    at: int
    units: tuple[int, ...]


class Solution(NamedTuple):
    """Parcels in canonical order, their cost with split penalties, and how sure it is.

    `lower_bound`: no solution with as many units costs less. `optimal`: proven best by (units, cost, parcels).
    """

    parcels: tuple[Parcel, ...]
    cost: int
    lower_bound: int
    optimal: bool


NOTHING = Solution((), 0, 0, True)
