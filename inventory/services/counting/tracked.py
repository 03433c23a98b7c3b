"""The postings of a variance, by lot and serial number where the SKU is kept by them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import F

from inventory.models import Bucket, CountItem, Lot, LotLevel, SerialNumber, StockCount, StockMovementReason, Tracking
from inventory.services.posting import Posting
from oms.core.db import fetch_all
from oms.core.errors import Conflict

#: Units by (lot, serial number) as they were scanned.
Units = Mapping[tuple[str, str], int]

# What on hand of each lot, or each serial number, changed by since a moment.
_SINCE = """
SELECT coalesce(m.lot_id, m.serial_id),
    sum(m.quantity * ((m.to_bucket = 'on_hand')::int - (m.from_bucket = 'on_hand')::int))::int
FROM inventory_stockmovement m
WHERE m.sku_id = %(sku)s AND m.node_id = %(node)s AND m.occurred_at > %(at)s AND m.recorded_at > %(at)s
    AND 'on_hand' IN (m.from_bucket, m.to_bucket) AND coalesce(m.lot_id, m.serial_id) IS NOT NULL
GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class Change:
    """So many units more or fewer on hand, of one lot or one serial number, where the SKU is kept by them."""

    units: int
    lot: str = ""
    serial: str = ""


def changes_of(count: StockCount, item: CountItem, units: Units) -> list[Change]:
    """What accepting an item would change; nothing where nothing differs. Writes nothing.

    Raises Conflict where serial numbers that are missing may lie in a picker's tote: once they are packed, the ledger
    knows which.
    """
    if item.sku.tracking == Tracking.SERIAL:
        return _by_serial(count, item, units)
    if item.sku.tracking == Tracking.LOT:
        return _by_lot(count, item, units)
    return [Change(item.variance)] if item.variance else []


def postings_of(count: StockCount, item: CountItem, units: Units, *, actor: str, note: str) -> list[Posting]:
    """What accepting an item posts; makes lots and serial numbers that are new.

    The operation key is of the item, so that accepting it twice posts once. Raises as `changes_of`.
    """
    changes = changes_of(count, item, units)
    lots = _lot_ids(item, {change.lot for change in changes if change.lot})
    serials = _serial_ids(item, {change.serial for change in changes if change.serial})
    return [
        Posting(
            op_key=f"cycle/{count.uid}/{item.pk}", leg=leg, sku_id=item.sku_id, node_id=count.node_id,
            from_bucket=Bucket.ADJUSTMENT if change.units > 0 else Bucket.ON_HAND,
            to_bucket=Bucket.ON_HAND if change.units > 0 else Bucket.ADJUSTMENT, quantity=abs(change.units),
            reason=StockMovementReason.COUNT, reference=count.number, note=note[:200], actor=actor,
            lot_id=lots.get(change.lot.upper()), serial_id=serials.get(change.serial),
        )
        for leg, change in enumerate(changes, start=1)
    ]  # fmt: skip


def _lot_ids(item: CountItem, codes: set[str]) -> dict[str, int]:
    if not codes:
        return {}
    found = {row.code.upper(): row.pk for row in Lot.objects.filter(sku=item.sku_id)}
    for code in sorted(codes):
        if code.upper() not in found:
            found[code.upper()] = Lot.objects.create(sku_id=item.sku_id, code=code).pk
    return found


def _serial_ids(item: CountItem, numbers: set[str]) -> dict[str, int]:
    if not numbers:
        return {}
    found = dict(SerialNumber.objects.filter(sku=item.sku_id, number__in=numbers).values_list("number", "pk"))
    for number in sorted(numbers - set(found)):
        found[number] = SerialNumber.objects.create(sku_id=item.sku_id, number=number, bucket=Bucket.ADJUSTMENT).pk
    return found


def _changed_since(count: StockCount, item: CountItem) -> dict[int, int]:
    return dict(fetch_all(_SINCE, {"sku": item.sku_id, "node": count.node_id, "at": item.counted_at}))


def _by_lot(count: StockCount, item: CountItem, units: Units) -> list[Change]:
    since = _changed_since(count, item)
    rows = LotLevel.objects.select_related("lot").filter(lot__sku=item.sku_id, node=count.node_id)
    rows = rows.order_by(F("lot__expires_on").asc(nulls_last=True), "lot_id")
    changes = {row.lot.code.upper(): since.get(row.lot_id, 0) - row.on_hand for row in rows}
    for (code, _), quantity in units.items():
        changes[code.upper()] = changes.get(code.upper(), 0) + quantity
    # What lay in totes is no shortage; pickers take the first to expire first.
    left = (item.variance or 0) - sum(changes.values())
    for code, change in changes.items():
        if left > 0 > change or left < 0 < change:
            part = min(left, -change) if left > 0 else max(left, -change)
            changes[code] += part
            left -= part
    return [Change(change, lot=code) for code, change in changes.items() if change]


def _by_serial(count: StockCount, item: CountItem, units: Units) -> list[Change]:
    since = _changed_since(count, item)
    scanned = {serial for (_, serial), quantity in units.items() if serial and quantity}
    rows = {row.number: row for row in SerialNumber.objects.filter(sku=item.sku_id)}
    here = {number for number, row in rows.items() if row.bucket == Bucket.ON_HAND and row.node_id == count.node_id}
    # There at the moment of counting: those here now that did not come since, and those that left since.
    there = {number for number in here if since.get(rows[number].pk, 0) <= 0}
    there |= {number for number, row in rows.items() if number not in here and since.get(row.pk, 0) < 0}
    missing, found = sorted((there & here) - scanned), sorted(scanned - there - here)
    left_since = len(there - here - scanned)
    unexplained = (item.variance or 0) + len(there - scanned) - len(scanned - there) - left_since
    if missing and unexplained > 0:
        raise Conflict(
            f"{item.sku.code}: {unexplained} units are picked and not packed yet, so nobody can say which numbers are "
            "missing. Accept it once they are packed.", field="serials",
        )  # fmt: skip
    return [Change(-1, serial=number) for number in missing] + [Change(1, serial=number) for number in found]
