"""Which lots and serial numbers came back, against what was sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from inventory.errors import SerialElsewhere, TrackingNeeded
from inventory.models import Bucket, Lot, SerialNumber, Sku, Tracking
from inventory.services import Units, why_not_sold
from oms.core.errors import DomainError
from returns.errors import OtherUnit
from returns.models import Return, ReturnLine, ReturnLineDisposition, ReturnUnit
from returns.selectors import SentUnits, sent_units, tracking_of


@dataclass(frozen=True, slots=True, kw_only=True)
class CameBack:
    """What was found of a line when the parcel was opened: units by lot code, serial numbers."""

    lots: tuple[tuple[str, int], ...] = ()
    serials: tuple[str, ...] = ()


_NOTHING_NAMED = CameBack()


def units_back(
    item: Return, lines: Sequence[ReturnLine], named: Mapping[int, CameBack], *, as_found: bool
) -> dict[int, list[Units]]:
    """What each line brings back, by return line id; it is kept with the line. Lock the return first.

    No statement where no line is kept by lot or serial number. See `receive` for what is refused.
    """
    found = {line.pk: [Units(line.quantity)] for line in lines}
    tracked = [line for line in lines if tracking_of(line) != Tracking.NONE]
    if not tracked:
        return found
    sent = sent_units(item, tracked)
    skus = Sku.objects.in_bulk({line.order_line.sku_id for line in tracked})
    day = item.node.today()
    rows: list[ReturnUnit] = []
    for line in tracked:
        sku = skus[line.order_line.sku_id or 0]
        what = named.get(line.pk, _NOTHING_NAMED)
        if sku.tracking == Tracking.SERIAL:
            rows += _serials_back(item, line, sku, what, sent[line.pk], as_found)
        else:
            rows += _lots_back(item, line, sku, what, sent[line.pk], as_found, day)
    ReturnUnit.objects.bulk_create(rows)
    for line in tracked:
        own = [row for row in rows if row.line_id == line.pk]
        found[line.pk] = [Units(row.quantity, row.lot_id, row.serial_id) for row in own]
    return found


def _serials_back(
    item: Return, line: ReturnLine, sku: Sku, what: CameBack, sent: SentUnits, as_found: bool
) -> list[ReturnUnit]:
    expected = {serial.number: serial for serial in sent.serials.values()}
    numbers = list(dict.fromkeys(number.strip() for number in what.serials if number.strip()))
    if not numbers and len(expected) == line.quantity:
        numbers = list(expected)
    if len(numbers) != line.quantity:
        raise TrackingNeeded(
            f"{sku.code} is kept by serial number: name the {line.quantity} that came back. Sent: {sent.in_words}.",
            field=f"units-{line.pk}",
        )
    others = [number for number in numbers if number not in expected]
    if others and not as_found:
        raise _other_unit(item, line, sku, ", ".join(others), sent)
    known = expected | _strangers(sku, others)
    return [ReturnUnit(line=line, serial=known[number], quantity=1, differs=number in others) for number in numbers]


def _strangers(sku: Sku, numbers: Sequence[str]) -> dict[str, SerialNumber]:
    """Units that were not sent with this order. One that was never seen here comes from outside like any other."""
    if not numbers:
        return {}
    known = {row.number: row for row in SerialNumber.objects.filter(sku=sku, number__in=numbers).select_related("node")}
    for row in known.values():
        if row.bucket != Bucket.CUSTOMER:
            place = f" at {row.node.code}" if row.node else ""
            raise SerialElsewhere(
                f"Serial number {row.number} of {sku.code} is {row.get_bucket_display().lower()}{place} by the books: "
                "it cannot come back from a customer. Read it again, or correct the stock there first.", field="units",
            )  # fmt: skip
    new = [SerialNumber(sku=sku, number=number[:60], bucket=Bucket.CUSTOMER) for number in numbers
           if number not in known]  # fmt: skip
    return known | {row.number: row for row in SerialNumber.objects.bulk_create(new)}


def _lots_back(
    item: Return, line: ReturnLine, sku: Sku, what: CameBack, sent: SentUnits, as_found: bool, day: date
) -> list[ReturnUnit]:
    units = _lots_named(line, sku, what, sent)
    expected = {lot_id: there for lot_id, (_, there) in sent.lots.items()}
    others = [lot.code for lot, quantity in units if quantity > expected.get(lot.pk, 0)]
    if others and not as_found:
        raise _other_unit(item, line, sku, ", ".join(f"lot {code}" for code in others), sent)
    for lot, _ in units:
        why = why_not_sold(lot, sku, day)
        if why and line.disposition == ReturnLineDisposition.RESTOCK:
            raise DomainError(
                f"Lot {lot.code} of {sku.code} {why}: it cannot go back to stock. Choose damaged or to be checked.",
                field=f"line-{line.pk}",
            )
    return [
        ReturnUnit(line=line, lot=lot, quantity=quantity, differs=quantity > expected.get(lot.pk, 0))
        for lot, quantity in units
    ]


def _lots_named(line: ReturnLine, sku: Sku, what: CameBack, sent: SentUnits) -> list[tuple[Lot, int]]:
    """The lots that came back; those that were sent, where nobody names any and they leave no choice."""
    wanted = Counter({code.strip().upper(): 0 for code, _ in what.lots})
    for code, quantity in what.lots:
        wanted[code.strip().upper()] += quantity
    wanted = Counter({code: quantity for code, quantity in wanted.items() if quantity > 0})
    if not wanted:
        if sent.units == line.quantity:
            return list(sent.lots.values())
        if len(sent.lots) == 1:
            return [(lot, line.quantity) for lot, _ in sent.lots.values()]
    if sum(wanted.values()) != line.quantity:
        raise TrackingNeeded(
            f"{sku.code} is kept by lot: say of which lot the {line.quantity} units are. Sent: {sent.in_words}.",
            field=f"units-{line.pk}",
        )
    known = {lot.code.upper(): lot for lot in Lot.objects.filter(sku=sku)}
    for code in wanted:
        if code not in known:
            raise DomainError(
                f"{sku.code} has no lot {code}. Sent: {sent.in_words}. Read the box again, or put the units into "
                "quarantine under the lot that was sent.", field=f"units-{line.pk}",
            )  # fmt: skip
    return [(known[code], quantity) for code, quantity in wanted.items()]


def _other_unit(item: Return, line: ReturnLine, sku: Sku, came: str, sent: SentUnits) -> OtherUnit:
    return OtherUnit(
        f"{item.number}, {sku.code}: {came} came back, but {sent.in_words} was sent with {item.order.number}. Read it "
        "again. If another unit really came back, say so and decide what becomes of it.",
        field=f"units-{line.pk}", came=came, sent=sent.in_words,
    )  # fmt: skip
