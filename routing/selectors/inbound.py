"""Which waiting orders the goods on their way will serve: first come, first served, each with a date."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from inventory.selectors import Arrival, arrivals_of, uncovered_units
from oms.core.db import fetch_dicts


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Units of an order line that no node has. `node_ids` are the nodes that may serve it, None every one."""

    line_id: int
    order_id: int
    order_number: str
    sku_id: int
    units: int
    node_ids: frozenset[int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """Units of a waiting line that an arrival will serve, if it comes as announced."""

    line_id: int
    order_id: int
    order_number: str
    sku_id: int
    units: int
    arrival: Arrival

    @property
    def day(self) -> date | None:
        """When they come."""
        return self.arrival.day


@dataclass(frozen=True, slots=True)
class Expected:
    """An arrival with what of it is promised already."""

    arrival: Arrival
    promised: int

    @property
    def free(self) -> int:
        """Units that may still be promised to somebody new."""
        return self.arrival.quantity - self.promised


def promise_arrivals(
    arrivals: Sequence[Arrival], waiting: Iterable[Waiting], uncovered: Mapping[tuple[int, int], int]
) -> list[Promise]:
    """Give arrivals, the earliest first, to waiting lines, the order captured first first. Pure.

    `uncovered` units of a SKU at a node stay there: they only fill up what must lie there anyhow.
    """
    lacking = dict(uncovered)
    left: dict[int, list[tuple[Arrival, list[int]]]] = {}
    for arrival in arrivals:
        key = (arrival.sku_id, arrival.node_id)
        kept = min(arrival.quantity, lacking.get(key, 0))
        lacking[key] = lacking.get(key, 0) - kept
        left.setdefault(arrival.sku_id, []).append((arrival, [arrival.quantity - kept]))
    promises = []
    for line in sorted(waiting, key=lambda line: (line.order_id, line.line_id)):
        wanted = line.units
        for arrival, units in left.get(line.sku_id, ()):
            part = min(wanted, units[0])
            if part and (line.node_ids is None or arrival.node_id in line.node_ids):
                units[0] -= part
                wanted -= part
                promises.append(
                    Promise(line_id=line.line_id, order_id=line.order_id, order_number=line.order_number,
                            sku_id=line.sku_id, units=part, arrival=arrival)
                )  # fmt: skip
    return promises


# A pickup order is served by its own node only, the others by the nodes that their channel sells from.
_WAITING = """
SELECT l.id AS line_id, l.order_id, o.number AS order_number, l.sku_id, l.unallocated + l.backordered AS units,
    CASE WHEN o.service_level = 'pickup' THEN
        ARRAY(SELECT n.id FROM inventory_node n WHERE n.code = o.pickup_node_code)
    WHEN EXISTS (SELECT FROM routing_channelsourcing_groups g WHERE g.channelsourcing_id = s.id) THEN
        ARRAY(SELECT ng.node_id FROM routing_channelsourcing_groups g
            JOIN inventory_node_groups ng ON ng.nodegroup_id = g.nodegroup_id WHERE g.channelsourcing_id = s.id)
    END AS node_ids
FROM orders_orderline l JOIN orders_order o ON o.id = l.order_id
LEFT JOIN routing_channelsourcing s ON s.channel_id = o.channel_id
WHERE (l.unallocated > 0 OR l.backordered > 0) AND l.sku_id = ANY(%(skus)s)
ORDER BY l.order_id, l.id
"""

#: Nodes that are off serve nobody until they are on again.
_ACTIVE = "SELECT id FROM inventory_node WHERE is_active AND id = ANY(%(nodes)s)"


def promises_of(sku_ids: Sequence[int]) -> list[Promise]:
    """What waiting order lines of these SKUs will get from goods on their way, in the order they are served.

    Four statements, however many SKUs and orders; one where nothing is on its way.
    """
    return promise_arrivals(*_read(sku_ids))


def expected_of(sku_ids: Sequence[int]) -> list[Expected]:
    """What is on its way of these SKUs, the earliest first, each with the units promised to waiting orders."""
    arrivals, waiting, uncovered = _read(sku_ids)
    promised: dict[int, int] = {}
    for promise in promise_arrivals(arrivals, waiting, uncovered):
        promised[id(promise.arrival)] = promised.get(id(promise.arrival), 0) + promise.units
    return [Expected(arrival, promised.get(id(arrival), 0)) for arrival in arrivals]


def _read(sku_ids: Sequence[int]) -> tuple[list[Arrival], list[Waiting], dict[tuple[int, int], int]]:
    arrivals = arrivals_of(sku_ids)
    if not arrivals:
        return [], [], {}
    wanted = sorted({arrival.sku_id for arrival in arrivals})
    active = {row["id"] for row in fetch_dicts(_ACTIVE, {"nodes": sorted({row.node_id for row in arrivals})})}
    waiting = [
        Waiting(**(row | {"node_ids": frozenset(row["node_ids"]) if row["node_ids"] is not None else None}))
        for row in fetch_dicts(_WAITING, {"skus": wanted})
    ]
    return [row for row in arrivals if row.node_id in active], waiting, uncovered_units(wanted)
