"""The optimisation problem of one order, freed of everything but numbers, and the shape of its answer.

Model. A *want* is a SKU and how many units of it. A want that some usable node can supply whole is never divided; a
want that no usable node can supply whole may be divided in units between nodes. Each node ships at most one parcel.
A parcel from node i with w grams costs opening[i] + further slabs of w; each parcel after the first costs `split`.
Sought: the most units, then the least cost, then the fewest parcels, with at most `max_shipments` parcels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from routing.engine.types import SlabRate

#: Costs are carried as cost * SCALE + parcels, so that one integer comparison prefers fewer parcels at equal cost.
SCALE = 256
#: Larger than any cost that is carried.
INFINITE = 1 << 62


class Problem:
    """One order to solve. Nodes are indices in canonical order (more priority first, then id), ties go to the lower.

    `rows[want][index]` is what a node has of a want (only positive entries, unusable nodes may occur); `opening[index]`
    is the fixed cost of a parcel with its first slab, for usable nodes only, in ascending index.
    """

    __slots__ = ("fares", "grams", "max_shipments", "opening", "quantities", "rows", "split")

    def __init__(
        self,
        quantities: Sequence[int],
        grams: Sequence[int],
        rows: Sequence[Mapping[int, int]],
        opening: Mapping[int, int],
        fares: Sequence[SlabRate],
        split: int,
        max_shipments: int,
    ) -> None:
        self.quantities = quantities
        self.grams = grams
        self.rows = rows
        self.opening = opening
        self.fares = fares
        self.split = split
        self.max_shipments = max(1, min(max_shipments, SCALE - 1))

    def further_minor(self, index: int, grams: int) -> int:
        """What a parcel of so many grams costs above its opening."""
        first_grams, _, slab_grams, slab_minor = self.fares[index]
        return 0 if grams <= first_grams else -((first_grams - grams) // slab_grams) * slab_minor

    def one_parcel_is_cheaper(self, index: int) -> bool:
        """Whether two parcels of this node never beat one (true of any sane rate card).

        Joining parcels saves one opening and one split penalty and adds at most the slabs that fit into a first slab.
        """
        first_grams, _, slab_grams, slab_minor = self.fares[index]
        return self.opening[index] + self.split >= -(-first_grams // slab_grams) * slab_minor


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


def lower_bound(problem: Problem, fewest: int, grams: int) -> int:
    """A cost below which no solution with at least `fewest` parcels and `grams` in all can lie.

    k parcels open at least the k cheapest nodes; what does not fit into k largest first slabs costs at least the
    cheapest gram of any fare.
    """
    openings = sorted(problem.opening.values())
    fares = [problem.fares[index] for index in problem.opening]
    first_grams = max(fare.first_slab_grams for fare in fares)
    cheapest = min(fares, key=lambda fare: fare.additional_minor / fare.additional_slab_grams)
    most = min(problem.max_shipments, len(openings))
    best = INFINITE
    for count in range(min(fewest, most), most + 1):
        beyond = max(0, grams - count * first_grams)
        further = beyond * cheapest.additional_minor // cheapest.additional_slab_grams
        best = min(best, sum(openings[:count]) + (count - 1) * problem.split + further)
    return best
