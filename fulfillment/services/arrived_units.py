"""Which lots and serial numbers of a parcel came good, damaged, or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from fulfillment.selectors.arrivals import OnTheRoad
from fulfillment.services.units import NOTHING_NAMED, LineUnits
from inventory.errors import TrackingNeeded
from inventory.models import Tracking
from inventory.services import Units
from oms.core.errors import DomainError

#: A lot or a serial number, as units of the ledger name them.
_Key = tuple[int | None, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """What came of one line, good and damaged; the rest is missing.

    `named_good` and `named_damaged` say which lots or serial numbers, where not all units of the line met one fate.
    """

    line_id: int
    good: int = 0
    damaged: int = 0
    named_good: LineUnits = NOTHING_NAMED
    named_damaged: LineUnits = NOTHING_NAMED


@dataclass(frozen=True, slots=True)
class Sorted:
    """The units of one line by what became of them."""

    good: list[Units]
    damaged: list[Units]
    missing: list[Units]


def sort_units(row: OnTheRoad, told: Arrived) -> Sorted:
    """Which units came good, damaged and not: those that are named, and of the rest what can be only one.

    Raises DomainError for more units than are on the road, and TrackingNeeded where it is not said which lots or serial
    numbers met which fate, or where others are named than are in the parcel.
    """
    code = row.item.line.sku.code
    if min(told.good, told.damaged) < 0 or told.good + told.damaged > row.units:
        raise DomainError(
            f"{code}: {told.good} good and {told.damaged} damaged came, expected at most {row.units} together.",
            field="lines",
        )
    left = units_of(row)
    wanted = (told.good, told.damaged, row.units - told.good - told.damaged)
    good = _named(row, left, told.named_good, told.good, "good")
    damaged = _named(row, left, told.named_damaged, told.damaged, "damaged")
    open_ends = [units for units, named in zip(wanted, (good, damaged, []), strict=True) if units and not named]
    if len(open_ends) > 1 and len(left) > 1:
        kept = "serial number" if row.item.line.sku.tracking == Tracking.SERIAL else "lot"
        raise TrackingNeeded(f"{code} is kept by {kept}: say which came good, damaged, or not at all.", field="lines")
    return Sorted(
        good or _first(left, told.good), damaged or _first(left, told.damaged), _first(left, wanted[2])
    )  # fmt: skip


def units_of(row: OnTheRoad) -> list[Units]:
    """All that is on the road of an item, by lot and serial number where it is kept so."""
    if not row.named:
        return [Units(row.units)] if row.units else []
    found: Counter[_Key] = Counter()
    for part in row.named:
        found[part.lot_id, part.serial_id] += part.quantity
    return [Units(units, *key) for key, units in found.items()]


def split(units: Sequence[Units], quantity: int) -> tuple[list[Units], list[Units]]:
    """So many of the units, and the others."""
    left = list(units)
    return _first(left, quantity), left


def _named(row: OnTheRoad, left: list[Units], named: LineUnits, quantity: int, how: str) -> list[Units]:
    """The named units, taken out of those that are `left`."""
    if not named:
        return []
    code = row.item.line.sku.code
    asked = [*named.lots, *((number, 1) for number in named.serials)]
    if sum(units for _, units in asked) != quantity:
        raise TrackingNeeded(
            f"{code}: {sum(units for _, units in asked)} units are named as {how}, expected {quantity}.", field="lines"
        )
    known: dict[str, _Key] = {}
    for part in row.named:
        if part.lot is not None:
            known[part.lot.code.upper()] = (part.lot_id, None)
        if part.serial is not None:
            known[part.serial.number] = (None, part.serial_id)
    there = Counter({(part.lot_id, part.serial_id): part.quantity for part in left})
    taken: Counter[_Key] = Counter()
    for name, units in asked:
        key = known.get(name.strip()) or known.get(name.strip().upper())
        if key is None or units < 1 or taken[key] + units > there[key]:
            raise TrackingNeeded(f"{code}: {units} × {name} is not in this parcel, or named twice.", field="lines")
        taken[key] += units
    left[:] = [
        Units(part.quantity - taken[part.lot_id, part.serial_id], part.lot_id, part.serial_id) for part in left
        if part.quantity > taken[part.lot_id, part.serial_id]
    ]  # fmt: skip
    return [Units(units, *key) for key, units in taken.items()]


def _first(left: list[Units], quantity: int) -> list[Units]:
    """The first so many, taken out of those that are `left`."""
    taken: list[Units] = []
    rest: list[Units] = []
    for part in left:
        share = min(part.quantity, quantity)
        quantity -= share
        if share:
            taken.append(Units(share, part.lot_id, part.serial_id))
        if part.quantity > share:
            rest.append(Units(part.quantity - share, part.lot_id, part.serial_id))
    left[:] = rest
    return taken
