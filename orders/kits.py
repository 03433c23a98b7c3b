"""What the units of components say of the kit they were sold in: always whole kits. Asks the database nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from orders.models import OrderLine

#: Buckets of units that have not left us and may still be cancelled.
LIVE_BUCKETS = ("unallocated", "backordered", "allocated", "released", "picked", "packed")


def live_units(line: OrderLine) -> int:
    """Units of a line that have not left us and are not cancelled."""
    return sum(getattr(line, name) for name in LIVE_BUCKETS)


@dataclass(frozen=True, slots=True)
class KitUnits:
    """Units of a kit. `shipped + cancelled + live` may be less than `quantity`: the rest has left us in part.

    `shipped`: all of it has left. `cancelled`: something of it is cancelled, so it will never be whole. `live`: all of
    it is still here and can be cancelled.
    """

    quantity: int
    shipped: int
    delivered: int
    returned: int
    cancelled: int
    live: int


def kit_units(lines: Iterable[OrderLine]) -> KitUnits:
    """How far the whole units of a kit are, from the lines that are its components (at least one)."""
    counts = [(line.units_per_kit or 1, line) for line in lines]
    return KitUnits(
        quantity=min(line.quantity // each for each, line in counts),
        shipped=min(line.shipped // each for each, line in counts),
        delivered=min(line.delivered // each for each, line in counts),
        returned=min(line.returned // each for each, line in counts),
        cancelled=max(-(-line.cancelled // each) for each, line in counts),
        live=min(live_units(line) // each for each, line in counts),
    )


def by_kit(lines: Iterable[OrderLine]) -> dict[UUID, list[OrderLine]]:
    """The lines that are components, by the id of their kit, in their order."""
    found: dict[UUID, list[OrderLine]] = defaultdict(list)
    for line in lines:
        if line.kit_id is not None:
            found[line.kit_id].append(line)
    return dict(found)


def open_kits(lines: Iterable[OrderLine]) -> int:
    """Units of a kit of which anything has not left: whole ones, and the rest of those that left in part."""
    return max(-(-live_units(line) // (line.units_per_kit or 1)) for line in lines)


def cancellable_units(lines: Iterable[OrderLine], kits: int) -> dict[int, int]:
    """Units by line id that go with so many kits: whole ones first, then the rest of those that left in part."""
    found = {line.pk: min(live_units(line), kits * (line.units_per_kit or 1)) for line in lines}
    return {pk: units for pk, units in found.items() if units}


def takes_whole_kits(lines: Iterable[OrderLine], units: Mapping[int, int]) -> bool:
    """True where the units by line id are so many whole kits, or all that is left of kits that were torn apart."""
    parts = [(units.get(line.pk, 0), line.units_per_kit or 1, live_units(line)) for line in lines]
    kits = max(-(-wanted // each) for wanted, each, _ in parts)
    return all(wanted == min(live, kits * each) for wanted, each, live in parts)
