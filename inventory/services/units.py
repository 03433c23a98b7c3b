"""Which lots and serial numbers a quantity is made of, for SKUs that are kept by them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

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
    """A quantity of a SKU with what is known of it: units of lots by code, serial numbers. The rest is found.

    With `sold_on` the units leave for a customer on that day: a lot that may not be sold then is refused, named or not.
    """

    sku: Sku
    quantity: int
    lots: tuple[tuple[str, int], ...] = ()
    serials: tuple[str, ...] = ()
    sold_on: date | None = None


#: Units of lots of these SKUs (ids) at these nodes (ids) that lie there by the books and are in somebody's hands, by
#: (node id, lot id). The rooms above know them and say so: the stock room does not know what is picked for orders.
SpokenFor = Callable[[Collection[int], Collection[int]], Mapping[tuple[int, int], int]]


def nobody(sku_ids: Collection[int], node_ids: Collection[int]) -> Mapping[tuple[int, int], int]:
    """Nothing is in anybody's hands."""
    return {}


def in_hands(spoken_for: SpokenFor, wanted: Sequence[Wanted], node_id: int) -> dict[int, int]:
    """Units of the wanted SKUs' lots at a node that are spoken for, by lot id; not asked where none is kept by lot.

    Lock the levels first, where the units are to be taken.
    """
    sku_ids = sorted(set(_ids(wanted, Tracking.LOT)))
    if not sku_ids:
        return {}
    return {lot_id: units for (_, lot_id), units in spoken_for(sku_ids, [node_id]).items()}


@dataclass(slots=True)
class _Place:
    """What lies in the bucket: lots with the units left of each, first to expire first; serial numbers by text.

    `spoken_for` are units by lot id that are left out.
    """

    lots: dict[int, dict[int, tuple[Lot, int]]] = field(default_factory=dict)
    serials: dict[tuple[int, str], SerialNumber] = field(default_factory=dict)
    spoken_for: Mapping[int, int] = field(default_factory=dict)


def split_units(
    wanted: Sequence[Wanted], *, node_id: int, bucket: str, usable_on: date | None = None,
    spoken_for: Mapping[int, int] | None = None,
) -> list[list[Units]]:  # fmt: skip
    """The units that each quantity is made of in a bucket (on_hand, packed, damaged, quarantine) of a node.

    Lots that are not named are taken first expired, first out (FEFO): the earliest expiry first, lots without one
    last. With `usable_on` blocked lots and those that expire before that day are left lying; `spoken_for` are units by
    lot id that lie there but are in somebody's hands. No unit is taken twice, and names go before what is found. Raises
    TrackingNeeded where serial numbers or more lots are needed, SerialElsewhere and NotEnoughStock where they do not
    lie there. Two statements, however many SKUs.
    """
    place = _Place(
        lots=_lots_in(_ids(wanted, Tracking.LOT), node_id, bucket, spoken_for or {}),
        serials=_serials_named(wanted),
        spoken_for=spoken_for or {},
    )
    _refuse_twice(wanted)
    named = [_named_lots(item, place, bucket, usable_on) for item in wanted]
    return [
        _split_one(item, place, units, node_id, bucket, usable_on)
        for item, units in zip(wanted, named, strict=True)
    ]  # fmt: skip


def may_be_sold(lot: Lot, sku: Sku, day: date) -> bool:
    """The lot is not blocked and has the SKU's days of use left on that day."""
    return _is_usable(lot, day + timedelta(days=sku.shelf_life_days))


def why_not_sold(lot: Lot, sku: Sku, day: date) -> str:
    """Why units of the lot do not leave for a customer that day, as the end of a sentence; nothing where they may."""
    if lot.is_blocked:
        return "is blocked"
    if lot.expires_on is None or may_be_sold(lot, sku, day):
        return ""
    if lot.expires_on < day:
        return f"expired on {lot.expires_on:%d %b %Y}"
    return f"expires on {lot.expires_on:%d %b %Y}, and {sku.shelf_life_days} days must be left when it is sold"


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


def _lots_in(
    sku_ids: list[int], node_id: int, bucket: str, spoken_for: Mapping[int, int]
) -> dict[int, dict[int, tuple[Lot, int]]]:
    found: dict[int, dict[int, tuple[Lot, int]]] = {}
    if not sku_ids:
        return found
    rows = LotLevel.objects.filter(lot__sku__in=sku_ids, node_id=node_id, **{f"{bucket}__gt": 0}).select_related("lot")
    for row in rows.order_by(F("lot__expires_on").asc(nulls_last=True), "lot_id"):
        units = getattr(row, bucket) - spoken_for.get(row.lot_id, 0)
        if units > 0:
            found.setdefault(row.lot.sku_id, {})[row.lot_id] = (row.lot, units)
    return found


def _serials_named(wanted: Sequence[Wanted]) -> dict[tuple[int, str], SerialNumber]:
    numbers = {number for item in wanted for number in item.serials}
    if not numbers:
        return {}
    rows = SerialNumber.objects.select_related("node").filter(sku__in=_ids(wanted, Tracking.SERIAL), number__in=numbers)
    return {(row.sku_id, row.number): row for row in rows}


def _refuse_twice(wanted: Sequence[Wanted]) -> None:
    """Raises TrackingNeeded for a serial number that stands for two units."""
    seen: set[tuple[int, str]] = set()
    for item in wanted:
        for number in set(item.serials) if item.sku.tracking == Tracking.SERIAL else ():
            if (item.sku.pk, number) in seen:
                raise TrackingNeeded(f"Serial number {number} of {item.sku.code} was named twice.", field="serials")
            seen.add((item.sku.pk, number))


def _split_one(
    item: Wanted, place: _Place, named: list[Units], node_id: int, bucket: str, usable_on: date | None
) -> list[Units]:
    if item.quantity <= 0:
        return []
    if item.sku.tracking == Tracking.SERIAL:
        return _serial_units(item, place.serials, node_id, bucket)
    if item.sku.tracking == Tracking.LOT:
        rest = item.quantity - sum(units.quantity for units in named)
        return _joined([*named, *_first_to_expire(item, place.lots.get(item.sku.pk, {}), rest, usable_on)])
    return [Units(item.quantity)]


def _joined(parts: Sequence[Units]) -> list[Units]:
    """Each lot once."""
    units: dict[int | None, int] = {}
    for part in parts:
        units[part.lot_id] = units.get(part.lot_id, 0) + part.quantity
    return [Units(quantity, lot_id=lot_id) for lot_id, quantity in units.items()]


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


def _named_lots(item: Wanted, place: _Place, bucket: str, usable_on: date | None) -> list[Units]:
    """Units of the lots that were named; they are taken out of what lies there."""
    if item.sku.tracking != Tracking.LOT or item.quantity <= 0:
        return []
    there = place.lots.get(item.sku.pk, {})
    named: list[Units] = []
    for code, quantity in item.lots:
        if quantity < 1:
            text = f"Lot {code} of {item.sku.code}: {quantity} units came, expected 1 or more."
            raise TrackingNeeded(text, field="lot")
        found = next((row for row in there.values() if row[0].code.upper() == code.strip().upper()), None)
        if found is None or found[1] < quantity:
            raise _too_few(item, code, quantity, found[1] if found else 0, bucket, place.spoken_for)
        _refuse_unsold(item, found[0])
        if usable_on is not None and found[0].is_blocked:
            raise NotEnoughStock(f"Lot {code} of {item.sku.code} is blocked and is not picked.", field="lot")
        named.append(Units(quantity, lot_id=found[0].pk))
        there[found[0].pk] = (found[0], found[1] - quantity)
    too_many = sum(units.quantity for units in named) - item.quantity
    if too_many > 0:
        raise TrackingNeeded(
            f"{item.sku.code}: the lots that were named have {too_many} more than {item.quantity} units.", field="lot"
        )
    return named


def _refuse_unsold(item: Wanted, lot: Lot) -> None:
    """Raises NotEnoughStock, with `data["unsold"]` (the SKU's id), for a lot that may not leave for a customer."""
    refused = why_not_sold(lot, item.sku, item.sold_on) if item.sold_on is not None else ""
    if refused:
        raise NotEnoughStock(
            f"Lot {lot.code} of {item.sku.code} {refused}. Take another one.", field="lot", unsold=item.sku.pk
        )


def _too_few(
    item: Wanted, code: str, quantity: int, units: int, bucket: str, spoken_for: Mapping[int, int]
) -> NotEnoughStock:
    """Fewer units of a lot lie there than were named. A lot that may not be sold says that instead."""
    lot = Lot.objects.filter(sku=item.sku, code__iexact=code.strip()).first()
    if lot is not None:
        _refuse_unsold(item, lot)
    taken = spoken_for.get(lot.pk, 0) if lot is not None else 0
    others = f"; {taken} lie in totes for orders" if taken else ""
    return NotEnoughStock(
        f"Lot {code} of {item.sku.code}: {quantity} units wanted, {units} are {Bucket(bucket).label.lower()}{others}.",
        field="lot",
    )


def _first_to_expire(
    item: Wanted, there: dict[int, tuple[Lot, int]], quantity: int, usable_on: date | None
) -> list[Units]:
    """So many units, first expired, first out; they are taken out of `there`."""
    usable = [row for row in there.values() if usable_on is None or _is_usable(row[0], usable_on)]
    if item.sold_on is not None:
        usable = [row for row in usable if may_be_sold(row[0], item.sku, item.sold_on)]
    taken, missing = share_out(usable, quantity)
    if missing > 0:
        raise NotEnoughStock(
            f"{item.sku.code}: {item.quantity} units wanted, but its lots that may be used have {missing} too few.",
            field="lot",
        )
    for part in taken:
        lot, units = there[part.lot_id or 0]
        there[lot.pk] = (lot, units - part.quantity)
    return taken


def _is_usable(lot: Lot, day: date) -> bool:
    return not lot.is_blocked and (lot.expires_on is None or lot.expires_on >= day)
