"""Derived status of an order: a pure function of its line counters, never set by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import add, attrgetter

#: Live buckets from least to most advanced. An order is as far as its least advanced unit.
BUCKETS = ("unallocated", "backordered", "allocated", "released", "picked", "packed", "shipped", "cancelled")

#: Stage of an order -> words for people. The order of the keys is the way of an order.
STAGES = {
    "captured": "Captured",
    "backordered": "Backordered",
    "routed": "Routed",
    "released": "Released",
    "picked": "Picked",
    "packed": "Packed",
    "shipped": "Shipped",
    "delivered": "Delivered",
    "returned": "Returned",
    "cancelled": "Cancelled",
}


@dataclass(frozen=True, slots=True)
class LineQuantities:
    """Where the units of one line (or of many lines, added up) are. `delivered` and `returned` lie within `shipped`."""

    unallocated: int = 0
    backordered: int = 0
    allocated: int = 0
    released: int = 0
    picked: int = 0
    packed: int = 0
    shipped: int = 0
    cancelled: int = 0
    delivered: int = 0
    returned: int = 0

    def plus(self, other: LineQuantities) -> LineQuantities:
        """Field by field."""
        return LineQuantities(*map(add, quantities(self), quantities(other)))


#: The counters of a line as a tuple, in the order of the fields.
quantities = attrgetter(*LineQuantities.__slots__)


_STAGE_OF_BUCKET = (
    ("unallocated", "captured"),
    ("backordered", "backordered"),
    ("allocated", "routed"),
    ("released", "released"),
    ("picked", "picked"),
    ("packed", "packed"),
)


def derive_stage(lines: Iterable[LineQuantities]) -> str:
    """The stage of an order: that of its least advanced live unit (a key of STAGES)."""
    lines = list(lines)
    for bucket, stage in _STAGE_OF_BUCKET:
        if any(getattr(line, bucket) for line in lines):
            return stage
    total = reduce(LineQuantities.plus, lines, LineQuantities())
    if total.shipped == 0:
        return "cancelled"
    if total.returned == total.shipped:
        return "returned"
    return "delivered" if total.delivered + total.returned >= total.shipped else "shipped"


def is_partial(lines: Iterable[LineQuantities]) -> bool:
    """True where live units stand in more than one bucket, so that a label says "partially"."""
    total = reduce(LineQuantities.plus, lines, LineQuantities())
    live = [name for name in BUCKETS if name != "cancelled" and getattr(total, name)]
    return len(live) > 1
