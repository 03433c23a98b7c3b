"""Lots and serial numbers at the door: made known when goods come, refused where they contradict what is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from inventory.errors import SerialElsewhere, TrackingNeeded
from inventory.models import Bucket, Lot, SerialNumber, Sku, Tracking
from inventory.services.units import refuse_miscount
from oms.core.errors import Conflict, DomainError

#: Characters of a lot's code and of a serial number.
_LONGEST = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptItem:
    """Units of a SKU that came: good ones, damaged ones; of one lot, or each with its serial number."""

    sku_id: int
    good: int = 0
    damaged: int = 0
    lot_code: str = ""
    expires_on: date | None = None
    serials: tuple[str, ...] = ()
    damaged_serials: tuple[str, ...] = ()
    unit_cost_minor: int | None = None

    @property
    def units(self) -> int:
        """Good and damaged."""
        return self.good + self.damaged


@dataclass(frozen=True, slots=True)
class NamedUnits:
    """What an item's units are called in the ledger."""

    lot_id: int | None = None
    serial_ids: tuple[int, ...] = ()
    damaged_serial_ids: tuple[int, ...] = ()


def name_units(items: Sequence[ReceiptItem], skus: Mapping[int, Sku], today: date) -> list[NamedUnits]:
    """Lots and serial numbers of the items, new ones made known, in the order of the items.

    Raises TrackingNeeded where they are missing, DomainError where they are one too many, Conflict where a lot is known
    with another expiry, SerialElsewhere for numbers that came before. Two statements for lots, two for serial numbers.
    """
    for number, item in enumerate(items, start=1):
        _refuse_misnamed(number, item, skus[item.sku_id])
    lots = _lots([item for item in items if skus[item.sku_id].tracking == Tracking.LOT], skus, today)
    serials = _serials([item for item in items if skus[item.sku_id].tracking == Tracking.SERIAL], skus)
    named = []
    for item in items:
        lot = lots.get((item.sku_id, item.lot_code.strip().upper()))
        good, damaged = (
            tuple(serials[item.sku_id, text.strip()] for text in texts)
            for texts in ((item.serials, item.damaged_serials) if serials else ((), ()))
        )
        named.append(NamedUnits(lot.pk if lot else None, good, damaged))
    return named


def _refuse_misnamed(number: int, item: ReceiptItem, sku: Sku) -> None:
    where = f"Line {number}, {sku.code}"
    has_serials = bool(item.serials or item.damaged_serials)
    if sku.tracking == Tracking.NONE and (item.lot_code.strip() or has_serials):
        raise DomainError(f"{where}: it is kept by quantity; leave lot and serial numbers empty.", field="lot")
    if sku.tracking == Tracking.LOT:
        if has_serials:
            raise DomainError(f"{where}: it is kept by lot, not by serial number.", field="serials")
        if not item.lot_code.strip():
            raise TrackingNeeded(f"{where}: it is kept by lot; write the lot that stands on the box.", field="lot")
        if len(item.lot_code.strip()) > _LONGEST:
            raise DomainError(f"{where}: a lot has at most {_LONGEST} characters.", field="lot")
    if sku.tracking == Tracking.SERIAL:
        if item.lot_code.strip():
            raise DomainError(f"{where}: it is kept by serial number, not by lot.", field="lot")
        _refuse_serials(where, item, sku)


def _refuse_serials(where: str, item: ReceiptItem, sku: Sku) -> None:
    texts = [text.strip() for text in (*item.serials, *item.damaged_serials)]
    twice = [text for text, times in Counter(texts).items() if times > 1]
    if twice:
        raise DomainError(f"{where}: scanned twice: {_some(twice)}.", field="serials", serials=twice[:20])
    if any(not text or len(text) > _LONGEST for text in texts):
        raise DomainError(f"{where}: a serial number has 1 to {_LONGEST} characters.", field="serials")
    refuse_miscount(sku, item.serials, item.good)
    refuse_miscount(sku, item.damaged_serials, item.damaged)


# -- lots --------------------------------------------------------------------------------------------------------------

_LotKey = tuple[int, str]


def _lots(items: Sequence[ReceiptItem], skus: Mapping[int, Sku], today: date) -> dict[_LotKey, Lot]:
    """The lot of each item by (sku id, code in capitals)."""
    if not items:
        return {}
    known = _known_lots(items)
    dates: dict[_LotKey, date | None] = {}
    for item in items:
        key = (item.sku_id, item.lot_code.strip().upper())
        lot = known.get(key)
        said = dates.get(key) or (lot.expires_on if lot else None)
        if item.expires_on and said and item.expires_on != said:
            raise Conflict(
                f"{skus[item.sku_id].code}, lot {item.lot_code.strip()}: it expires on {said:%d %b %Y} by what came "
                f"before, not on {item.expires_on:%d %b %Y}. Look at the box, or receive it as another lot.",
                field="expires_on", lot=item.lot_code.strip(),
            )  # fmt: skip
        dates[key] = item.expires_on or said
        _refuse_expiry(item, skus[item.sku_id], dates[key], today)
    new = {
        key: Lot(sku_id=item.sku_id, code=item.lot_code.strip(), expires_on=dates[key])
        for item in items if (key := (item.sku_id, item.lot_code.strip().upper())) not in known
    }  # fmt: skip
    if new:
        Lot.objects.bulk_create(new.values(), ignore_conflicts=True)
        known = _known_lots(items)
    for key, lot in known.items():
        if lot.expires_on is None and dates.get(key):
            Lot.objects.filter(pk=lot.pk, expires_on__isnull=True).update(expires_on=dates[key])
    return known


def _known_lots(items: Sequence[ReceiptItem]) -> dict[_LotKey, Lot]:
    codes = {text for item in items for text in (item.lot_code.strip(), item.lot_code.strip().upper())}
    rows = Lot.objects.filter(sku__in={item.sku_id for item in items}, code__in=codes).order_by("-pk")
    return {(lot.sku_id, lot.code.upper()): lot for lot in rows}


def _refuse_expiry(item: ReceiptItem, sku: Sku, expires_on: date | None, today: date) -> None:
    if expires_on is None and sku.shelf_life_days:
        raise TrackingNeeded(
            f"{sku.code}, lot {item.lot_code.strip()}: write the day on which it expires; {sku.shelf_life_days} days "
            "must be left when it is sold.", field="expires_on",
        )  # fmt: skip
    if expires_on is not None and expires_on < today and item.good:
        raise DomainError(
            f"{sku.code}, lot {item.lot_code.strip()} expired on {expires_on:%d %b %Y}: receive its units as damaged.",
            field="expires_on",
        )  # fmt: skip


# -- serial numbers ----------------------------------------------------------------------------------------------------


def _serials(items: Sequence[ReceiptItem], skus: Mapping[int, Sku]) -> dict[tuple[int, str], int]:
    """The id of each serial number by (sku id, number)."""
    wanted = [
        (item.sku_id, text.strip()) for item in items for text in (*item.serials, *item.damaged_serials)
    ]  # fmt: skip
    if not wanted:
        return {}
    twice = [text for (_, text), times in Counter(wanted).items() if times > 1]
    if twice:
        raise DomainError(f"Scanned twice: {_some(twice)}.", field="serials", serials=twice[:20])
    known = _known_serials(wanted)
    _refuse_elsewhere([row for row in known.values() if row.bucket != Bucket.SUPPLIER], skus)
    new = [SerialNumber(sku_id=sku_id, number=text) for sku_id, text in wanted if (sku_id, text) not in known]
    if new:
        SerialNumber.objects.bulk_create(new, ignore_conflicts=True)
        known = _known_serials(wanted)
    return {key: row.pk for key, row in known.items()}


def _known_serials(wanted: Sequence[tuple[int, str]]) -> dict[tuple[int, str], SerialNumber]:
    rows = SerialNumber.objects.select_related("node").filter(
        sku__in={sku_id for sku_id, _ in wanted}, number__in={text for _, text in wanted}
    )
    asked = set(wanted)
    return {(row.sku_id, row.number): row for row in rows if (row.sku_id, row.number) in asked}


def _refuse_elsewhere(rows: Sequence[SerialNumber], skus: Mapping[int, Sku]) -> None:
    """Raises SerialElsewhere for numbers that are not at a supplier: each of them exists once in the world."""
    if not rows:
        return
    told = [
        f"{row.number} of {skus[row.sku_id].code} is {row.get_bucket_display().lower()}"
        f"{f' at {row.node.code}' if row.node else ''}"
        for row in rows[:5]
    ]
    more = f" and {len(rows) - 5} more" if len(rows) > 5 else ""
    raise SerialElsewhere(
        f"Known already: {', '.join(told)}{more}. Scan again, or look at their history.", field="serials",
        serials=[row.number for row in rows[:20]],
    )  # fmt: skip


def _some(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - 5} more" if len(texts) > 5 else ""
    return f"{', '.join(texts[:5])}{more}"
