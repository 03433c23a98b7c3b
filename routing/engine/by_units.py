"""Exact solution when wants must be divided in units: dynamic programme over how much of each want was shipped.

The units shipped so far are packed into one integer, a field per want; nodes are taken one after the other, each at
most once, so any rate card is handled. The work grows with the product of the quantities and is measured first.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any, NamedTuple

from routing.engine.problem import INFINITE, NOTHING, SCALE, Parcel, Problem, Solution

#: About a tenth of a second. Beyond it the caller takes the search with a bound.
MOST_WORK = 300_000


class Scale(NamedTuple):
    """How wants are counted: `steps[want]` steps of `units[want]` units, in a field at `shift[want]`."""

    steps: tuple[int, ...]
    units: tuple[int, ...]
    shift: tuple[int, ...]
    guards: int
    full: int


def scale_of(problem: Problem, whole: Sequence[bool]) -> Scale:
    """A want that goes whole has one step of all its units; a divided one has a step for each unit."""
    steps = tuple(1 if one else quantity for one, quantity in zip(whole, problem.quantities, strict=True))
    units = tuple(quantity if one else 1 for one, quantity in zip(whole, problem.quantities, strict=True))
    shift, guards, full, position = [], 0, 0, 0
    for count in steps:
        shift.append(position)
        full |= count << position
        position += count.bit_length()
        guards |= 1 << position
        position += 1
    return Scale(steps, units, tuple(shift), guards, full)


def work(problem: Problem, scale: Scale) -> int:
    """How many combinations of a state and a parcel there are at most."""
    states = prod(count + 1 for count in scale.steps)
    return states * sum(prod(reach + 1 for reach in _reach(problem, scale, index)) for index in problem.opening)


def _reach(problem: Problem, scale: Scale, index: int) -> list[int]:
    """How many steps of each want a node can ship."""
    return [
        min(count, row.get(index, 0) // units)
        for row, count, units in zip(problem.rows, scale.steps, scale.units, strict=True)
    ]


def solve_by_units(problem: Problem, scale: Scale, complete: bool) -> Solution:
    """The best solution by (units, cost, parcels)."""
    # A path is (node, parcel code, path before), so that paths share their beginnings.
    layers: list[dict[int, tuple[int, Any]]] = [{} for _ in range(problem.max_shipments + 1)]
    layers[0][0] = (0, None)
    for index in problem.opening:
        parcels = _parcels(problem, scale, index)
        for count in range(problem.max_shipments - 1, -1, -1):
            if layers[count]:
                _extend(layers[count], layers[count + 1], index, parcels, scale, problem.split * SCALE * (count > 0))
    found = _best(layers, scale, complete)
    return NOTHING if found is None else _read(problem, scale, *found)


def _parcels(problem: Problem, scale: Scale, index: int) -> list[tuple[int, int]]:
    """Every parcel that a node could ship, as packed units and cost."""
    parcels = []
    for counts in product(*(range(reach + 1) for reach in _reach(problem, scale, index))):
        if any(counts):
            code = sum(count << shift for count, shift in zip(counts, scale.shift, strict=True))
            grams = sum(c * u * g for c, u, g in zip(counts, scale.units, problem.grams, strict=True))
            cost = problem.opening[index] + problem.further_minor(index, grams)
            parcels.append((code, cost * SCALE + 1))
    return parcels


def _extend(
    before: dict[int, tuple[int, Any]],
    after: dict[int, tuple[int, Any]],
    index: int,
    parcels: Sequence[tuple[int, int]],
    scale: Scale,
    split: int,
) -> None:
    """Add each parcel to each state that has room for it. A borrow out of a field clears its guard bit."""
    guards, full = scale.guards, scale.full
    for state, (cost, path) in before.items():
        room = (full - state) | guards
        for code, price in parcels:
            if (room - code) & guards == guards:
                total = cost + price + split
                known = after.get(state + code)
                if known is None or total < known[0]:
                    after[state + code] = (total, (index, code, path))


def _best(layers: Sequence[dict[int, tuple[int, Any]]], scale: Scale, complete: bool) -> tuple[int, Any] | None:
    """The cost and path of the state with the most units, then the least cost; all of it when `complete`."""
    if complete:
        ends = [layer[scale.full] for layer in layers if scale.full in layer]
        return min(ends, key=lambda end: end[0], default=None)
    most, least, chosen = 0, INFINITE, None
    for layer in layers[1:]:
        for state, end in layer.items():
            units = sum(_units(scale, state))
            if units > most or (units == most and end[0] < least):
                most, least, chosen = units, end[0], end
    return chosen


def _units(scale: Scale, state: int) -> tuple[int, ...]:
    """The units of each want in a packed state."""
    return tuple(
        (state >> shift & ((1 << steps.bit_length()) - 1)) * units
        for shift, steps, units in zip(scale.shift, scale.steps, scale.units, strict=True)
    )


def _read(problem: Problem, scale: Scale, cost: int, path: Any) -> Solution:
    parcels = []
    while path is not None:
        index, code, path = path
        parcels.append(Parcel(index, _units(scale, code)))
    total = cost // SCALE
    return Solution(tuple(sorted(parcels)), total, total, True)
