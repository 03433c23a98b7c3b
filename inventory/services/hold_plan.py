"""Which nodes keep the units of a checkout's hold: as few as can be, those with the highest ATP first. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class HoldLine:
    """So many units of a SKU; of one node where the caller names it.

    A kit names in `parts` the SKUs, and units of each, that one unit of it is assembled from: all of one unit are kept
    at one node.
    """

    sku_id: int
    quantity: int
    node_id: int | None = None
    parts: tuple[tuple[int, int], ...] = ()

    @property
    def needs(self) -> tuple[tuple[int, int], ...]:
        """SKUs, and units of each, that one unit takes."""
        return self.parts or ((self.sku_id, 1),)


class Bound(NamedTuple):
    """Units of a SKU that a node shall keep; for the kit of the line with this index, where it is one."""

    sku_id: int
    node_id: int
    quantity: int
    kit: int | None = None


class Shortage(NamedTuple):
    """A SKU of which fewer units are possible than are wanted, at one node where the line names it."""

    sku_id: int
    node_id: int | None
    wanted: int
    possible: int


class _Want(NamedTuple):
    """Lines that want the same: of a plain SKU all that name the same node or none, of a kit one line.

    `needs` are the SKUs, and units of each, that one unit takes.
    """

    sku_id: int
    node_id: int | None
    needs: tuple[tuple[int, int], ...]
    kit: int | None


#: ATP by SKU and node id.
Stock = Mapping[tuple[int, int], int]


def bind(
    lines: Sequence[HoldLine], stock: Stock, open_nodes: Collection[int]
) -> tuple[tuple[Bound, ...], tuple[Shortage, ...]]:
    """What each node keeps, or what is missing: all lines or none.

    Lines that name a node come first; the others may use the `open_nodes`. Among those the node that can keep most of
    what is left is taken, of several the one with the highest ATP, then the one with the lowest id. Kits go before
    single units that need the same SKU; where that leaves too little, the other way round is tried.
    """
    wants = _wants(lines)
    found, short = _bind(wants, stock, open_nodes)
    if short and any(line.parts for line in lines):
        other, still_short = _bind(dict(sorted(wants.items(), key=_kits_last)), stock, open_nodes)
        if not still_short:
            return tuple(other), ()
    return ((), tuple(short)) if short else (tuple(found), ())


def _wants(lines: Sequence[HoldLine]) -> dict[_Want, int]:
    """How many of each are wanted: those that name a node before the others, of each kind the kits first."""
    wants: Counter[_Want] = Counter()
    for index, line in enumerate(lines):
        wants[_Want(line.sku_id, line.node_id, line.needs, index if line.parts else None)] += line.quantity
    return dict(sorted(wants.items(), key=_kits_first))


def _kits_first(item: tuple[_Want, int]) -> tuple[bool, bool]:
    return item[0].node_id is None, item[0].kit is None


def _kits_last(item: tuple[_Want, int]) -> tuple[bool, bool]:
    return item[0].node_id is None, item[0].kit is not None


def _bind(wants: Mapping[_Want, int], stock: Stock, open_nodes: Collection[int]) -> tuple[list[Bound], list[Shortage]]:
    left = {key: max(0, atp) for key, atp in stock.items()}
    found: list[Bound] = []
    short: list[Shortage] = []
    need: Counter[_Want] = Counter()
    for want, wanted in wants.items():
        if want.node_id is None:
            need[want] = wanted
            possible = sum(_possible(want, node_id, left) for node_id in open_nodes)
        else:
            possible = _possible(want, want.node_id, left)
            if possible >= wanted:
                found += _taken(want, want.node_id, wanted, left)
        if possible < wanted:
            short.append(Shortage(want.sku_id, want.node_id, wanted, possible))
    while need and not short:
        node_id = max(open_nodes, key=lambda node: _worth(node, need, left))
        before = need.total()
        for want in need:
            share = min(need[want], _possible(want, node_id, left))
            if share:
                found += _taken(want, node_id, share, left)
                need[want] -= share
        if need.total() == before:
            # Wants that need the same SKU took it from each other.
            short = [Shortage(want.sku_id, None, wants[want], wants[want] - units) for want, units in need.items()]
        need = +need
    return found, short


def _possible(want: _Want, node_id: int, left: Stock) -> int:
    """Units that a node can keep: of a kit as many as its scarcest part allows."""
    return min(left.get((sku_id, node_id), 0) // each for sku_id, each in want.needs)


def _taken(want: _Want, node_id: int, units: int, left: dict[tuple[int, int], int]) -> list[Bound]:
    """So many units kept at a node, and gone from what is left there."""
    for sku_id, each in want.needs:
        left[sku_id, node_id] -= units * each
    return [Bound(sku_id, node_id, units * each, want.kit) for sku_id, each in want.needs]


def _worth(node_id: int, need: Mapping[_Want, int], left: Stock) -> tuple[int, int, int]:
    """How good a node is for what is left: units that it covers, units that it could, its id."""
    there = {want: _possible(want, node_id, left) for want in need}
    return sum(min(need[want], units) for want, units in there.items()), sum(there.values()), -node_id
