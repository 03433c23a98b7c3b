"""Exact solution when every want goes whole from one node: dynamic programme over sets of wants as bit masks.

best[set] is the cheapest single parcel that holds a set; the answer is the cheapest partition of all wants into such
sets. Time 2^w per node and 3^w for the partition, cut short by bounds; meant for up to ten wants.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from routing.engine.problem import INFINITE, NOTHING, SCALE, Parcel, Problem, Solution
from routing.engine.types import SlabRate

MOST_WANTS = 10


def solve_by_mask(
    problem: Problem, cover: Mapping[int, int], single: tuple[int, int] | None, complete: bool
) -> Solution:
    """The best solution. `cover[index]` is the set of wants that a usable node can supply whole.

    Every want must be covered by some node, and for every node one parcel must be cheaper than two. `single` is what
    `cheapest_single` found. With `complete`, wants that `max_shipments` leaves out mean no solution; without it, as
    many units as can be are shipped.
    """
    full = (1 << len(problem.quantities)) - 1
    best, sender = _cheapest_parcels(problem, cover)
    split = problem.split * SCALE
    openings = sorted(opening * SCALE + 1 for opening in problem.opening.values())
    most = min(problem.max_shipments, len(problem.quantities), len(openings))
    layers = [best]
    count, ceiling = (0, INFINITE) if single is None else (1, single[0] * SCALE + 1)
    for parcels in range(2, most + 1):
        if sum(openings[:parcels]) + (parcels - 1) * split >= ceiling:
            break
        if parcels > 2:
            layers.append(_layer(range(2, full, 2), best, layers[-1], split))
        cost, _ = _best_cut(full, best, layers[-1], split)
        if cost < ceiling:
            count, ceiling = parcels, cost
    if count:
        return _read(problem, full, count, layers, sender, split)
    return NOTHING if complete else _as_much_as_fits(problem, best, sender, split, most)


def cheapest_single(problem: Problem, cover: Mapping[int, int], full: int) -> tuple[int, int] | None:
    """Cost and index of the cheapest node that can ship everything in one parcel; None when no node can."""
    grams = sum(quantity * unit for quantity, unit in zip(problem.quantities, problem.grams, strict=True))
    best, winner = INFINITE, -1
    for index, opening in problem.opening.items():
        if cover[index] == full and opening < best:
            cost = opening + problem.further_minor(index, grams)
            if cost < best:
                best, winner = cost, index
    return None if winner < 0 else (best, winner)


def cheapest_pair_bound(problem: Problem) -> int:
    """No solution of two or more parcels costs less than the two cheapest openings and one split penalty."""
    if len(problem.opening) < 2 or problem.max_shipments < 2:
        return INFINITE
    first = second = INFINITE
    for opening in problem.opening.values():
        if opening < second:
            first, second = (opening, first) if opening < first else (first, opening)
    return first + second + problem.split


def _cheapest_parcels(problem: Problem, cover: Mapping[int, int]) -> tuple[list[int], list[int]]:
    """For every set of wants the cost of the cheapest parcel that holds exactly it, and the node that sends it."""
    size = 1 << len(problem.quantities)
    weights = _set_grams(problem, size)
    best, sender = [INFINITE] * size, [-1] * size
    slabs: dict[tuple[int, int], list[int]] = {}
    for index in _undominated(problem, cover):
        first_grams, _, slab_grams, slab_minor = problem.fares[index]
        further = slabs.get((first_grams, slab_grams))
        if further is None:
            further = [0 if grams <= first_grams else -((first_grams - grams) // slab_grams) for grams in weights]
            slabs[first_grams, slab_grams] = further
        opening, step = problem.opening[index] * SCALE + 1, slab_minor * SCALE
        whole = part = cover[index]
        while part:
            cost = opening + further[part] * step
            if cost < best[part]:
                best[part] = cost
                sender[part] = index
            part = (part - 1) & whole
    return best, sender


def _set_grams(problem: Problem, size: int) -> list[int]:
    """The weight of every set of wants."""
    weights = [0] * size
    for want, (quantity, grams) in enumerate(zip(problem.quantities, problem.grams, strict=True)):
        bit = 1 << want
        for part in range(bit):
            weights[bit | part] = weights[part] + quantity * grams
    return weights


def _undominated(problem: Problem, cover: Mapping[int, int]) -> list[int]:
    """Usable nodes without those that another one replaces at no more cost, whatever they would have shipped."""
    opening, fares = problem.opening, problem.fares
    kept: list[tuple[int, int, SlabRate, int]] = []
    for cost, index in sorted((cost, index) for index, cost in opening.items()):
        mine, fare = cover[index], fares[index]
        if not mine:
            continue
        for other_cover, other_cost, other_fare, other in kept:
            if (
                other_cover & mine == mine
                and (other_fare is fare or _never_steeper(other_fare, fare))
                and (other < index or other_cost < cost)
            ):
                break
        else:
            kept.append((mine, cost, fare, index))
    return sorted(index for _, _, _, index in kept)


def _never_steeper(one: SlabRate, other: SlabRate) -> bool:
    """Whether the slabs after the first are the same and cost no more."""
    return (
        one.additional_minor <= other.additional_minor
        and one.first_slab_grams == other.first_slab_grams
        and one.additional_slab_grams == other.additional_slab_grams
    )


def _best_cut(whole: int, best: Sequence[int], rest: Sequence[int], split: int) -> tuple[int, int]:
    """The cheapest way to take one parcel, with the lowest want of a set, off the set: cost and the parcel's set."""
    low = whole & -whole
    others = part = whole ^ low
    least, taken = INFINITE, 0
    while part:
        part = (part - 1) & others
        cost = best[part | low] + rest[others ^ part]
        if cost < least:
            least, taken = cost, part | low
    return (least + split, taken) if taken else (INFINITE, 0)


def _layer(sets: Iterable[int], best: Sequence[int], rest: Sequence[int], split: int) -> list[int]:
    """Cost of each of the sets in one parcel more than `rest` has."""
    layer = [INFINITE] * len(best)
    for whole in sets:
        layer[whole] = _best_cut(whole, best, rest, split)[0]
    return layer


def _as_much_as_fits(problem: Problem, best: list[int], sender: Sequence[int], split: int, most: int) -> Solution:
    """Everything needs more parcels than are allowed: the set with the most units, then the cheapest."""
    layers = [best]
    for _ in range(2, most + 1):
        layers.append(_layer(range(1, len(best)), best, layers[-1], split))
    units = _set_units(problem, len(best))
    reachable = (
        (-units[part], layer[part], count, part)
        for count, layer in enumerate(layers, start=1)
        for part in range(1, len(best))
        if layer[part] < INFINITE
    )
    chosen = min(reachable, default=None)
    return NOTHING if chosen is None else _read(problem, chosen[3], chosen[2], layers, sender, split)


def _set_units(problem: Problem, size: int) -> list[int]:
    """The units in every set of wants."""
    units = [0] * size
    for part in range(1, size):
        low = part & -part
        units[part] = units[part ^ low] + problem.quantities[low.bit_length() - 1]
    return units


def _read(
    problem: Problem, whole: int, count: int, layers: Sequence[list[int]], sender: Sequence[int], split: int
) -> Solution:
    """Walk back through the layers and name the parcels. A partition takes `count` parcels, the last from layer one."""
    best, total, parcels = layers[0], 0, []
    for left in range(count, 0, -1):
        part = whole if left == 1 else _best_cut(whole, best, layers[left - 2], split)[1]
        total += best[part] // SCALE
        index = sender[part]
        parcels.append(Parcel(index, tuple(q if part >> want & 1 else 0 for want, q in enumerate(problem.quantities))))
        whole ^= part
    cost = total + (count - 1) * problem.split
    return Solution(tuple(sorted(parcels)), cost, cost, True)
