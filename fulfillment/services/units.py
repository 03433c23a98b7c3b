"""Lots and serial numbers on the way of an order: what a picker took, what a packer put into a parcel.

Only lines of SKUs that are kept by lot or serial number have them; for all others nothing here asks the database.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from fulfillment.models import FulfillmentLine, PickedUnit, ShipmentItem
from fulfillment.selectors.held import HeldUnits
from fulfillment.selectors.units import is_tracked, lots_here, units_in_totes
from inventory.errors import SerialElsewhere, TrackingNeeded
from inventory.locks import lock_levels
from inventory.models import Bucket, Node, Sku, Tracking
from inventory.services import Units, Wanted, split_units
from oms.core.errors import Conflict


@dataclass(frozen=True, slots=True, kw_only=True)
class LineUnits:
    """What a person named of a line: units by lot code, serial numbers. What is not named is found, where it can be."""

    lots: tuple[tuple[str, int], ...] = ()
    serials: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.lots or self.serials)


NOTHING_NAMED = LineUnits()
#: Lots that a sentence names at most.
_LOTS_SAID = 3


@dataclass(frozen=True, slots=True)
class Taken:
    """Units of a line that went into the tote now."""

    line: FulfillmentLine
    node: Node
    quantity: int
    named: LineUnits = NOTHING_NAMED


def note_taken(taken: Sequence[Taken]) -> None:
    """Keep which lots and serial numbers went into totes. Lock the lines first.

    Lots that are not named are those that expire first of what may be sold and lies in no tote; serial numbers that are
    not named are asked for when the parcel is packed. Raises NotEnoughStock, SerialElsewhere and TrackingNeeded.
    """
    for item in taken:
        _refuse_untracked(item.line, item.named)
    tracked = [item for item in taken if item.quantity > 0 and is_tracked(item.line)]
    if not tracked:
        return
    keys = {(item.line.sku_id, item.node.pk) for item in tracked}
    lock_levels(keys)
    others = units_in_totes({key[0] for key in keys}, {key[1] for key in keys})
    rows: list[PickedUnit] = []
    for node in {item.node.pk: item.node for item in tracked}.values():
        here = [item for item in tracked if item.node.pk == node.pk]
        split = split_units(
            [_wanted(item) for item in here], node_id=node.pk, bucket=Bucket.ON_HAND,
            spoken_for={lot_id: units for (place, lot_id), units in others.items() if place == node.pk},
        )  # fmt: skip
        for item, parts in zip(here, split, strict=True):
            rows += _rows(item.line, parts)
    _keep(rows)


def _refuse_untracked(line: FulfillmentLine, named: LineUnits) -> None:
    if named.lots and line.sku.tracking != Tracking.LOT:
        raise TrackingNeeded(f"{line.sku.code} is not kept by lot: name none.", field="lots")
    if named.serials and line.sku.tracking != Tracking.SERIAL:
        raise TrackingNeeded(f"{line.sku.code} is not kept by serial number: name none.", field="serials")


def _wanted(item: Taken) -> Wanted:
    serials = tuple(dict.fromkeys(number.strip() for number in item.named.serials if number.strip()))
    if len(serials) != len(item.named.serials):
        raise TrackingNeeded(f"{item.line.sku.code}: a serial number was named twice, or is empty.", field="serials")
    if len(serials) > item.quantity:
        raise TrackingNeeded(
            f"{item.line.sku.code}: {len(serials)} serial numbers were named for {item.quantity} units.",
            field="serials",
        )
    quantity = len(serials) if item.line.sku.tracking == Tracking.SERIAL else item.quantity
    return Wanted(
        sku=item.line.sku, quantity=quantity, lots=item.named.lots, serials=serials, sold_on=item.node.today()
    )


def _rows(line: FulfillmentLine, parts: Sequence[Units], item: ShipmentItem | None = None) -> list[PickedUnit]:
    return [
        PickedUnit(line=line, item=item, lot_id=part.lot_id, serial_id=part.serial_id, quantity=part.quantity)
        for part in parts
    ]


def _keep(rows: Sequence[PickedUnit]) -> None:
    """Write the rows of open picks; units of a lot that a line has already are added to them."""
    refuse_in_a_tote([row.serial_id for row in rows if row.serial_id is not None])
    lot_rows = [row for row in rows if row.lot_id is not None]
    known = {
        (row.line_id, row.lot_id): row
        for row in PickedUnit.objects.filter(item__isnull=True, line__in={row.line_id for row in lot_rows})
    } if lot_rows else {}  # fmt: skip
    fresh: list[PickedUnit] = []
    for row in rows:
        before = known.get((row.line_id, row.lot_id)) if row.lot_id is not None else None
        if before is None:
            fresh.append(row)
            known[row.line_id, row.lot_id] = row
        else:
            before.quantity += row.quantity
    changed = [row for row in known.values() if row not in fresh]
    if changed:
        PickedUnit.objects.bulk_update(changed, ["quantity"])
    try:
        with transaction.atomic():
            PickedUnit.objects.bulk_create(fresh)
    except IntegrityError as error:
        if "picked_unit_serial_in_one_tote" not in str(error):
            raise
        raise SerialElsewhere(
            "Somebody took one of these serial numbers for another order just now. Scan another unit.", field="serials"
        ) from error


def refuse_in_a_tote(serial_ids: Sequence[int], *, besides: Sequence[int] = ()) -> None:
    """Raises SerialElsewhere for a serial number that lies in a tote, `besides` those of these lines."""
    if not serial_ids:
        return
    row = (
        PickedUnit.objects.filter(item__isnull=True, serial__in=serial_ids).exclude(line__in=besides)
        .select_related("serial__sku", "line__fulfillment_order__order").first()
    )  # fmt: skip
    if row is None or row.serial is None:
        return
    number = row.line.fulfillment_order.order.number
    raise SerialElsewhere(
        f"Serial number {row.serial.number} of {row.serial.sku.code} is picked for {number} already. Scan another one.",
        field="serials", serial=row.serial.number, order=number,
    )  # fmt: skip


def open_units(lines: Iterable[FulfillmentLine]) -> dict[int, list[PickedUnit]]:
    """What lies in the tote of each line that is kept by lot or serial number, in the order in which it was taken."""
    ids = [line.pk for line in lines if is_tracked(line)]
    found: dict[int, list[PickedUnit]] = defaultdict(list)
    if ids:
        rows = PickedUnit.objects.filter(line__in=ids, item__isnull=True).select_related("lot", "serial")
        for row in rows.order_by("pk"):
            found[row.line_id].append(row)
    return found


def forget_units(lines: Sequence[FulfillmentLine]) -> None:
    """The goods of these lines go back to the shelf: nothing of them lies in a tote any more."""
    ids = [line.pk for line in lines if line.picked and is_tracked(line)]
    if ids:
        PickedUnit.objects.filter(line__in=ids, item__isnull=True).delete()


def way_on(sku: Sku, node: Node) -> str:
    """What to do about picked units that may not be sold any more, as a sentence."""
    others = lots_here(node, [sku]).get(sku.pk, [])
    if not others:
        return f"Nothing else of {sku.code} may be taken here: give the work back, and another node gets the order."
    told = ", ".join(f"{row.units} of lot {row.lot.code}" for row in others[:_LOTS_SAID])
    return f"Swap it in the tote: {told} may be taken here. Scan one of them, or press Swap when packing."


# -- packing -----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class PackedPart:
    """The units of one line in one parcel: what was named while packing, else what was picked."""

    line: FulfillmentLine
    node: Node
    quantity: int
    named: LineUnits
    item: ShipmentItem | None = None


def wanted_of_parcels(parts: Sequence[PackedPart]) -> dict[int, list[Wanted]]:
    """For each of the parts, by line id and in order, the units that go into its parcel.

    What the packer names is what is in the parcel, whatever was picked. Raises TrackingNeeded where serial numbers are
    missing, SerialElsewhere for one that lies in another tote.
    """
    lines = {part.line.pk: part.line for part in parts}
    picked = open_units(lines.values())
    wanted: dict[int, list[Wanted]] = defaultdict(list)
    for line_id, line in lines.items():
        own = [part for part in parts if part.line.pk == line_id]
        for part in own:
            _refuse_untracked(line, part.named)
        if line.sku.tracking == Tracking.SERIAL:
            wanted[line_id] = _serials_of_parcels(own, [row.serial.number for row in picked[line_id] if row.serial])
        else:
            lots = Counter({row.lot.code: row.quantity for row in picked[line_id] if row.lot})
            wanted[line_id] = _lots_of_parcels(own, lots)
    return wanted


def _serials_of_parcels(parts: Sequence[PackedPart], picked: list[str]) -> list[Wanted]:
    named = {number.strip() for part in parts for number in part.named.serials}
    left = [number for number in picked if number not in named]
    found = []
    for part in parts:
        numbers = [number.strip() for number in part.named.serials]
        while len(numbers) < part.quantity and left:
            numbers.append(left.pop(0))
        if len(numbers) != part.quantity or len(set(numbers)) != len(numbers):
            raise TrackingNeeded(
                f"{part.line.sku.code} is kept by serial number: scan each of the {part.quantity} in the parcel; "
                f"{len(set(numbers))} scanned.", field="serials", line=part.line.pk,
            )  # fmt: skip
        found.append(Wanted(sku=part.line.sku, quantity=part.quantity, serials=tuple(numbers)))
    return found


def _lots_of_parcels(parts: Sequence[PackedPart], picked: Counter[str]) -> list[Wanted]:
    """Lots that were named, then those picked; what was picked before it was kept which lot is found anew."""
    for part in parts:
        for code, units in part.named.lots:
            known = next((name for name in picked if name.upper() == code.strip().upper()), code)
            picked[known] -= units
    found = []
    for part in parts:
        lots = Counter(dict(part.named.lots)) if part.named.lots else Counter[str]()
        left = part.quantity - sum(lots.values())
        for code in [code for code, units in picked.items() if units > 0]:
            units = min(left, picked[code])
            if units > 0:
                lots[code] += units
                picked[code] -= units
                left -= units
        found.append(
            Wanted(sku=part.line.sku, quantity=part.quantity, lots=tuple(lots.items()), sold_on=part.node.today())
        )
    return found


def others_of_parcels(
    parts: Sequence[PackedPart], wanted: Mapping[int, Sequence[Wanted]]
) -> dict[tuple[int, int], int]:
    """Units of lots in the totes of others, by (node id, lot id). Refuses serial numbers that lie in one of them."""
    lines = [part.line.pk for part in parts]
    numbers = {(item.sku.pk, number) for items in wanted.values() for item in items for number in item.serials}
    if numbers:
        rows = PickedUnit.objects.filter(
            item__isnull=True,
            serial__sku__in={key[0] for key in numbers},
            serial__number__in={key[1] for key in numbers},
        )
        found = rows.exclude(line__in=lines).values_list("serial_id", "serial__sku_id", "serial__number")
        refuse_in_a_tote([pk for pk, sku_id, number in found if (sku_id, number) in numbers], besides=lines)
    lots = [part for part in parts if part.line.sku.tracking == Tracking.LOT]
    nodes = {part.node.pk for part in lots}
    return units_in_totes({part.line.sku_id for part in lots}, nodes, besides=lines) if lots else {}


def keep_packed(parts: Sequence[PackedPart], packed: Sequence[Sequence[Units]]) -> None:
    """Keep what each parcel holds in place of what lay in the totes of its lines."""
    PickedUnit.objects.filter(line__in=[part.line.pk for part in parts], item__isnull=True).delete()
    PickedUnit.objects.bulk_create(
        row for part, units in zip(parts, packed, strict=True) for row in _rows(part.line, units, part.item)
    )


def packed_units(items: Iterable[ShipmentItem]) -> dict[int, list[Units]]:
    """What each item of a parcel is made of, by item id. `line__sku` must be loaded; one statement, or none.

    Raises Conflict for an item whose units are not known: its parcel must not leave, or come back, as if it were empty.
    """
    items = list(items)
    ids = [item.pk for item in items if is_tracked(item.line)]
    found: dict[int, list[Units]] = {item.pk: [Units(item.quantity)] for item in items if not is_tracked(item.line)}
    if ids:
        for row in PickedUnit.objects.filter(item__in=ids).order_by("pk"):
            found.setdefault(row.item_id or 0, []).append(Units(row.quantity, row.lot_id, row.serial_id))
    for item in items:
        known = sum(part.quantity for part in found.get(item.pk, ()))
        if known != item.quantity:
            raise Conflict(
                f"{item.line.sku.code}: {item.quantity} units were packed, but lots or serial numbers of {known} "
                "are known."
            )
    return found


def packed_by_the_books(
    items: Sequence[ShipmentItem], held: Iterable[HeldUnits]
) -> list[tuple[ShipmentItem, int, Units]]:
    """What of these parcels can be posted out of packed: item, leg and units, with what `held_units` says of them.

    A serial number that is not packed there by the books stays where they have it. The legs are those of the whole
    item, so that a leg means the same units whatever else is left out. Raises Conflict as `packed_units` does.
    """
    elsewhere = {row.unit.serial_id for row in held if row.unit.serial_id is not None}
    units = packed_units(items)
    return [
        (item, leg, part)
        for item in items for leg, part in enumerate(units.get(item.pk, ()), start=1)
        if part.serial_id is None or part.serial_id not in elsewhere
    ]  # fmt: skip
