"""The world that one version of the rules plays in: stock and days of nodes, moved on by what is known to have happened
and by what the version itself decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeAlias

#: Units of a SKU at a node, by (SKU id, node id).
Units = Mapping[tuple[int, int], int]


#: So many units more (or fewer) to promise from a moment on: the moment, SKU id, node id, units. A plain tuple, because
#: there may be hundreds of thousands, and what was read is not copied.
Change: TypeAlias = tuple[datetime, int, int, int]
#: An order outside of the window was given to a node and counts in the node's day: the moment, node id, the day.
Given: TypeAlias = tuple[datetime, int, date]


@dataclass(frozen=True, slots=True)
class Past:
    """What is the same for every version: ATP when the window began, as if its orders had taken nothing, and what
    others did to stock and to the days of nodes since, oldest first. `cancelled` says when orders of the window were
    cancelled, by order id."""

    start: Units
    changes: Sequence[Change]
    given: Sequence[Given]
    cancelled: Mapping[int, datetime]


class World:
    """One version's world. `stock` may hold negative numbers: others took what this version had given away."""

    __slots__ = ("_cancelled", "_change", "_given", "_past", "_taken", "stock", "used")

    def __init__(self, past: Past) -> None:
        self._past = past
        self._change = self._given = 0
        self._cancelled = sorted((at, order_id) for order_id, at in past.cancelled.items())[::-1]
        self._taken: dict[int, list[tuple[int, int, int]]] = {}
        self.stock: dict[tuple[int, int], int] = dict(past.start)
        self.used: Counter[tuple[int, date]] = Counter()

    def move_to(self, moment: datetime) -> None:
        """Let everything happen that happened by this moment. Moments must not go back."""
        changes, given = self._past.changes, self._past.given
        index = self._change
        while index < len(changes) and changes[index][0] <= moment:
            _, sku_id, node_id, units = changes[index]
            self._add(sku_id, node_id, units)
            index += 1
        self._change, index = index, self._given
        while index < len(given) and given[index][0] <= moment:
            _, node_id, day = given[index]
            self.used[node_id, day] += 1
            index += 1
        self._given = index
        while self._cancelled and self._cancelled[-1][0] <= moment:
            for sku_id, node_id, units in self._taken.pop(self._cancelled.pop()[1], ()):
                self._add(sku_id, node_id, units)

    def take(self, order_id: int, units: Iterable[tuple[int, int, int]], days: Mapping[int, date]) -> None:
        """An order takes units, each as SKU id, node id and quantity; its nodes' days, by node id, count it once."""
        taken = self._taken.setdefault(order_id, [])
        for sku_id, node_id, quantity in units:
            taken.append((sku_id, node_id, quantity))
            self._add(sku_id, node_id, -quantity)
        for node_id, day in days.items():
            self.used[node_id, day] += 1

    def _add(self, sku_id: int, node_id: int, units: int) -> None:
        key = sku_id, node_id
        self.stock[key] = self.stock.get(key, 0) + units
