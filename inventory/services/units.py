"""Which lots and serial numbers a quantity is made of, for SKUs that are kept by them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from django.db.models import F

from inventory.errors import NotEnoughStock, SerialElsewhere, TrackingNeeded
from inventory.models import Bucket, Lot, LotLevel, SerialNumber, Sku, Tracking


@dataclass(frozen=True, slots=True)
class Units:
    """So many units that a posting moves together: of one lot, or one serial number, or of neither."""

    quantity: int
    lot_id: int | None = None
    serial_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A quantity of a SKU with what is known of it: units of lots by code, serial numbers. The rest is found."""

    sku: Sku
    quantity: int
    lots: tuple[tuple[str, int], ...] = ()
    serials: tuple[str, ...] = ()


@dataclass(slots=True)
class _Place:
    """What lies in the bucket: lots with the units left of each, first to expire first; serial numbers by text."""

    lots: dict[int, dict[int, tuple[Lot, int]]] = field(default_factory=dict)
    serials: dict[tuple[int, str], SerialNumber] = field(default_factory=dict)


def split_units(
    wanted: Sequence[Wanted], *, node_id: int, bucket: str, usable_on: date | None = None
) -> list[list[Units]]:
    """The units that each quantity is made of in a bucket (on_hand, packed, damaged, quarantine) of a node.

    Lots that are not named are taken first expired, first out (FEFO): the earliest expiry first, lots without one
    last. With `usable_on` blocked lots and those that expire before that day are left lying. Raises TrackingNeeded
    where serial numbers or more lots are needed, SerialElsewhere and NotEnoughStock where they do not lie there. Two
    statements, however many SKUs.
    """
    place = _Place(
        lots=_lots_in(_ids(wanted, Tracking.LOT), node_id, bucket),
        serials=_serials_named(wanted),
    )
    return [_split_one(item, place, node_id, bucket, usable_on) for item in wanted]


def share_out(lots: Iterable[tuple[Lot, int]], quantity: int) -> tuple[list[Units], int]:
    """Take `quantity` units from lots in the order given; what was taken, and how many units are missing."""
    taken = []
    for lot, there in lots:
        part = min(there, quantity)
        if part > 0:
            taken.append(Units(part, lot_id=lot.pk))
            quantity -= part
    return taken, quantity


def _ids(wanted: Sequence[Wanted], tracking: str) -> list[int]:
    return [item.sku.pk for item in wanted if item.sku.tracking == tracking]


def _lots_in(sku_ids: list[int], node_id: int, bucket: str) -> dict[int, dict[int, tuple[Lot, int]]]:
    found: dict[int, dict[int, tuple[Lot, int]]] = {}
    if not sku_ids:
        return found
    rows = LotLevel.objects.filter(lot__sku__in=sku_ids, node_id=node_id, **{f"{bucket}__gt": 0}).select_related("lot")
    for row in rows.order_by(F("lot__expires_on").asc(nulls_last=True), "lot_id"):
        found.setdefault(row.lot.sku_id, {})[row.lot_id] = (row.lot, getattr(row, bucket))
    return found


def _serials_named(wanted: Sequence[Wanted]) -> dict[tuple[int, str], SerialNumber]:
    numbers = {number for item in wanted for number in item.serials}
    if not numbers:
        return {}
    rows = SerialNumber.objects.select_related("node").filter(sku__in=_ids(wanted, Tracking.SERIAL), number__in=numbers)
    return {(row.sku_id, row.number): row for row in rows}


def _split_one(item: Wanted, place: _Place, node_id: int, bucket: str, usable_on: date | None) -> list[Units]:
    if item.quantity <= 0:
        return []
    if item.sku.tracking == Tracking.SERIAL:
        return _serial_units(item, place.serials, node_id, bucket)
    if item.sku.tracking == Tracking.LOT:
        return _lot_units(item, place.lots.get(item.sku.pk, {}), bucket, usable_on)
    return [Units(item.quantity)]


def _serial_units(item: Wanted, serials: dict[tuple[int, str], SerialNumber], node_id: int, bucket: str) -> list[Units]:
    numbers = refuse_miscount(item.sku, item.serials, item.quantity)
    for number in numbers:
        row = serials.get((item.sku.pk, number))
        if row is None:
            raise SerialElsewhere(f"{item.sku.code} has no serial number {number}.", field="serials")
        if row.bucket != bucket or row.node_id != node_id:
            where = f"{row.get_bucket_display().lower()}{f' at {row.node.code}' if row.node else ''}"
            wanted = Bucket(bucket).label.lower()
            raise SerialElsewhere(
                f"Serial number {number} of {item.sku.code} is {where}, not {wanted} here.", field="serials"
            )
    return [Units(1, serial_id=serials[item.sku.pk, number].pk) for number in numbers]


def refuse_miscount(sku: Sku, serials: Sequence[str], quantity: int) -> list[str]:
    """The serial numbers, each once. Raises TrackingNeeded where they are not as many as the units."""
    numbers = list(dict.fromkeys(serials))
    if len(numbers) != quantity:
        raise TrackingNeeded(
            f"{sku.code} is kept by serial number: {quantity} units, but {len(numbers)} numbers were named.",
            field="serials",
        )
    return numbers


def _lot_units(item: Wanted, there: dict[int, tuple[Lot, int]], bucket: str, usable_on: date | None) -> list[Units]:
    named: list[Units] = []
    left = dict(there)
    for code, quantity in item.lots:
        found = next((row for row in left.values() if row[0].code.upper() == code.strip().upper()), None)
        if found is None or found[1] < quantity:
            units = found[1] if found else 0
            raise NotEnoughStock(
                f"Lot {code} of {item.sku.code}: {quantity} units wanted, {units} are {Bucket(bucket).label.lower()}.",
                field="lot",
            )
        if usable_on is not None and found[0].is_blocked:
            raise NotEnoughStock(f"Lot {code} of {item.sku.code} is blocked and is not picked.", field="lot")
        named.append(Units(quantity, lot_id=found[0].pk))
        left[found[0].pk] = (found[0], found[1] - quantity)
    rest = item.quantity - sum(units.quantity for units in named)
    usable = [row for row in left.values() if usable_on is None or _is_usable(row[0], usable_on)]
    taken, missing = share_out(usable, rest)
    if missing > 0:
        raise NotEnoughStock(
            f"{item.sku.code}: {item.quantity} units wanted, but its lots that may be used have {missing} too few.",
            field="lot",
        )
    return [*named, *taken]


def _is_usable(lot: Lot, day: date) -> bool:
    return not lot.is_blocked and (lot.expires_on is None or lot.expires_on >= day)
