"""Which nodes keep the units of a checkout's hold: as few as can be, those with the highest ATP first. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class HoldLine:
    """So many units of a SKU; of one node where the caller names it."""

    sku_id: int
    quantity: int
    node_id: int | None = None


class Bound(NamedTuple):
    """Units of a SKU that a node shall keep."""

    sku_id: int
    node_id: int
    quantity: int


class Shortage(NamedTuple):
    """A SKU of which fewer units are possible than are wanted, at one node where the line names it."""

    sku_id: int
    node_id: int | None
    wanted: int
    possible: int


#: ATP by SKU and node id.
Stock = Mapping[tuple[int, int], int]


def bind(
    lines: Sequence[HoldLine], stock: Stock, open_nodes: Collection[int]
) -> tuple[tuple[Bound, ...], tuple[Shortage, ...]]:
    """What each node keeps, or what is missing: all lines or none.

    Lines that name a node come first; the others may use the `open_nodes`. Among those the node that can keep most of
    what is left is taken, of several the one with the highest ATP, then the one with the lowest id.
    """
    left = {key: max(0, atp) for key, atp in stock.items()}
    found: list[Bound] = []
    short: list[Shortage] = []
    for (sku_id, named), wanted in _named(lines).items():
        possible = left.get((sku_id, named), 0)
        if possible < wanted:
            short.append(Shortage(sku_id, named, wanted, possible))
        else:
            left[sku_id, named] = possible - wanted
            found.append(Bound(sku_id, named, wanted))
    need = _anywhere(lines)
    for sku_id, wanted in need.items():
        possible = sum(left.get((sku_id, node_id), 0) for node_id in open_nodes)
        if possible < wanted:
            short.append(Shortage(sku_id, None, wanted, possible))
    if short:
        return (), tuple(short)
    while need:
        node_id = max(open_nodes, key=lambda node: _worth(node, need, left))
        for sku_id in sorted(need):
            share = min(need[sku_id], left.get((sku_id, node_id), 0))
            if share:
                found.append(Bound(sku_id, node_id, share))
                left[sku_id, node_id] -= share
                need[sku_id] -= share
        need = +need
    return tuple(found), ()


def _named(lines: Sequence[HoldLine]) -> dict[tuple[int, int], int]:
    wanted: Counter[tuple[int, int]] = Counter()
    for line in lines:
        if line.node_id is not None:
            wanted[line.sku_id, line.node_id] += line.quantity
    return dict(sorted(wanted.items()))


def _anywhere(lines: Sequence[HoldLine]) -> Counter[int]:
    wanted: Counter[int] = Counter()
    for line in lines:
        if line.node_id is None:
            wanted[line.sku_id] += line.quantity
    return wanted


def _worth(node_id: int, need: Mapping[int, int], left: Stock) -> tuple[int, int, int]:
    """How good a node is for what is left: units that it covers, its ATP of these SKUs, its id."""
    there = {sku_id: left.get((sku_id, node_id), 0) for sku_id in need}
    return sum(min(need[sku_id], units) for sku_id, units in there.items()), sum(there.values()), -node_id
