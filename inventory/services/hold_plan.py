"""Which nodes keep the units of a checkout's hold: as few as can be, those with the highest ATP first. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple


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
    """A SKU of which fewer units are possible than are wanted, at one node where the line names it.

    `lines` are the places of the lines that want it, from 0.
    """

    sku_id: int
    node_id: int | None
    wanted: int
    possible: int
    lines: tuple[int, ...] = ()


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
    """What each node keeps, or what is missing: all lines or none. Both are the same in whatever order lines come.

    Lines that name a node come first; the others may use the `open_nodes`. Among those the node that can keep most of
    what is left is taken, of several the one with the highest ATP, then the one with the lowest id. Kits go before
    single units that need the same SKU; where that leaves too little, the other way round is tried, then whether the
    kits can be divided among the nodes in another way.
    """
    wants = _wants(lines)
    found, short = _bind(wants, stock, open_nodes)
    if short and any(line.parts and line.node_id is None for line in lines):
        other, still_short = _bind(dict(sorted(wants.items(), key=_kits_last)), stock, open_nodes)
        if still_short:
            other, still_short = _divided(wants, stock, open_nodes)
        if not still_short:
            return tuple(other), ()
    if not short:
        return tuple(found), ()
    places = _places(lines)
    return (), tuple(item._replace(lines=places[key]) for key, item in short.items())


def _wants(lines: Sequence[HoldLine]) -> dict[_Want, int]:
    """How many of each are wanted: those that name a node before the others, of each kind the kits first."""
    wants: Counter[_Want] = Counter()
    for index, line in enumerate(lines):
        wants[_Want(line.sku_id, line.node_id, line.needs, index if line.parts else None)] += line.quantity
    return dict(sorted(wants.items(), key=_kits_first))


def _places(lines: Sequence[HoldLine]) -> dict[_Want, tuple[int, ...]]:
    """The places of the lines behind each want."""
    found: dict[_Want, tuple[int, ...]] = {}
    for index, line in enumerate(lines):
        want = _Want(line.sku_id, line.node_id, line.needs, index if line.parts else None)
        found[want] = (*found.get(want, ()), index)
    return found


def _kits_first(item: tuple[_Want, int]) -> tuple[Any, ...]:
    want, quantity = item
    return want.node_id is None, want.kit is None, want.node_id or 0, want.sku_id, want.needs, -quantity


def _kits_last(item: tuple[_Want, int]) -> tuple[Any, ...]:
    named, is_single, *rest = _kits_first(item)
    return named, not is_single, *rest


#: What is bound, and what is missing of which want.
_Outcome = tuple[list[Bound], dict[_Want, Shortage]]


def _bind(wants: Mapping[_Want, int], stock: Stock, open_nodes: Collection[int]) -> _Outcome:
    left = {key: max(0, atp) for key, atp in stock.items()}
    found: list[Bound] = []
    short: dict[_Want, Shortage] = {}
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
            short[want] = Shortage(want.sku_id, want.node_id, wanted, possible)
    while need and not short:
        node_id = max(open_nodes, key=lambda node: _worth(node, need, left))
        before = need.total()
        for want in need:
            share = min(need[want], _possible(want, node_id, left))
            if share:
                found += _taken(want, node_id, share, left)
                need[want] -= share
        need = +need
        if need.total() == before:
            # Wants that need the same SKU took it from each other.
            short = {
                want: Shortage(want.sku_id, None, wants[want], wants[want] - units) for want, units in need.items()
            }
    return found, short


# -- kits that compete -------------------------------------------------------------------------------------------------

#: Ways of sharing kits among nodes that are looked at before a hold is refused, and pairs of a want and a node that are
#: looked at for it: a refusal takes some hundredths of a second at most.
_MOST_TRIES, _MOST_LOOKS = 500, 20_000


def _divided(wants: Mapping[_Want, int], stock: Stock, open_nodes: Collection[int]) -> _Outcome:
    """The same with another share of the kits at each node: any that leaves enough for the single units.

    Something is short where there is none, or none was found in so many tries.
    """
    left = {key: max(0, atp) for key, atp in stock.items()}
    named = {want: wanted for want, wanted in wants.items() if want.node_id is not None}
    found, short = _bind(named, stock, ())
    for bound in found:
        left[bound.sku_id, bound.node_id] -= bound.quantity
    kits = {want: wanted for want, wanted in wants.items() if want.node_id is None and want.kit is not None}
    singles = {want: wanted for want, wanted in wants.items() if want.node_id is None and want.kit is None}
    search = _Search(kits, {want.sku_id: wanted for want, wanted in singles.items()}, left, sorted(open_nodes))
    if short or not search.succeeds():
        return found, short or {want: Shortage(want.sku_id, None, wanted, 0) for want, wanted in kits.items()}
    more, short = _bind(singles, left, open_nodes)
    return [*found, *search.found, *more], short


class _Search:
    """Tries shares of kits node by node, the largest first, and goes back where nothing is left for the rest."""

    def __init__(
        self, kits: Mapping[_Want, int], singles: Mapping[int, int], left: dict[tuple[int, int], int],
        nodes: Sequence[int],
    ) -> None:  # fmt: skip
        self.kits, self.singles, self.left, self.nodes = list(kits.items()), singles, left, nodes
        self.places = [self._most_first(want) for want in kits]
        self.tries = min(_MOST_TRIES, _MOST_LOOKS // max(1, (len(kits) + len(singles)) * len(nodes)))
        self.found: list[Bound] = []

    def _most_first(self, want: _Want) -> list[int]:
        there = {node_id: _possible(want, node_id, self.left) for node_id in self.nodes}
        return sorted((node_id for node_id in self.nodes if there[node_id]), key=lambda node_id: -there[node_id])

    def succeeds(self) -> bool:
        """Whether there is a share; `found` and `left` are then as it leaves them."""
        return self._enough(0) and self._place(0, 0, self.kits[0][1])

    def _place(self, kit: int, turn: int, need: int) -> bool:
        """Whether `need` units of a kit, and all kits after it, find a place at the nodes from this turn on."""
        if not need:
            kit, turn = kit + 1, 0
            if kit == len(self.kits):
                return True
            need = self.kits[kit][1]
        want, nodes = self.kits[kit][0], self.places[kit][turn:]
        if sum(_possible(want, node_id, self.left) for node_id in nodes) < need:
            return False
        for share in range(min(need, _possible(want, nodes[0], self.left)), -1, -1):
            if not self.tries:
                return False
            self.tries -= 1
            bound = _taken(want, nodes[0], share, self.left) if share else []
            self.found += bound
            if self._enough(kit + 1) and self._place(kit, turn + 1, need - share):
                return True
            del self.found[len(self.found) - len(bound) :]
            for part in bound:
                self.left[part.sku_id, part.node_id] += part.quantity
        return False

    def _enough(self, after: int) -> bool:
        """Whether each kit from there on, and the single units, would find enough if they were alone."""
        kits = zip(self.kits[after:], self.places[after:], strict=True)
        return all(
            sum(_possible(want, node_id, self.left) for node_id in places) >= wanted for (want, wanted), places in kits
        ) and all(
            sum(self.left.get((sku_id, node_id), 0) for node_id in self.nodes) >= wanted
            for sku_id, wanted in self.singles.items()
        )


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
