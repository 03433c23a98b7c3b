"""The fields of the receive pages: per SKU good and damaged units, lot and expiry, serial numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from django.db.models import prefetch_related_objects
from django.utils.dateparse import parse_date

from inventory.models import InboundShipment, InboundShipmentLine, PurchaseOrder, PurchaseOrderLine, Sku, Tracking
from inventory.selectors import find_skus_by_codes
from inventory.services import ReceiptItem
from oms.core.errors import DomainError
from oms.core.values import MAX_QUANTITY

#: Lots of one SKU in one receipt without a purchase order.
MOST_LOTS = 20
_TEXTS = ("good", "damaged", "lot", "expires", "serials", "damaged_serials")


@dataclass(slots=True)
class ReceiveRow:
    """One row of the page: a SKU, or one lot of it. `key` is part of the names of its fields."""

    sku: Sku
    key: str
    expected: int
    texts: dict[str, str] = field(default_factory=dict)
    codes: str = ""

    @property
    def is_first(self) -> bool:
        """The first row of its SKU."""
        return self.key.endswith("-0")


def rows_for(
    order: PurchaseOrder, shipment: InboundShipment | None, sent: Mapping[str, str] | None
) -> list[ReceiveRow]:
    """The rows of an order, or of one ASN of it; with what was sent, where something was.

    A SKU kept by lot has a row for each lot announced, and one more for a lot that nobody announced.
    """
    lines = order.lines.select_related("sku").prefetch_related("sku__barcodes").order_by("pk")
    announced: dict[int, list[InboundShipmentLine]] = {}
    if shipment is not None:
        for part in shipment.lines.order_by("pk"):
            announced.setdefault(part.order_line_id, []).append(part)
    rows = []
    for line in lines:
        parts = announced.get(line.pk, [])
        if shipment is not None and not parts:
            continue
        rows += _rows_of(line, parts, sent)
    return rows


def _rows_of(
    line: PurchaseOrderLine, parts: Sequence[InboundShipmentLine], sent: Mapping[str, str] | None
) -> list[ReceiveRow]:
    codes = " ".join([line.sku.code, *(code.code for code in line.sku.barcodes.all())])
    # A lot more than was announced: one that nobody knew of.
    count = (len(parts) + 1 if parts else 2) if line.sku.tracking == Tracking.LOT else 1
    rows = []
    for number in range(count):
        key = f"{line.pk}-{number}"
        part = parts[number] if line.sku.tracking == Tracking.LOT and number < len(parts) else None
        expected = sum(p.quantity - p.received_quantity for p in parts) if parts else line.open_quantity
        if part is not None:
            expected = part.quantity - part.received_quantity
        texts = {"lot": part.lot_code if part else "",
                 "expires": part.expires_on.isoformat() if part and part.expires_on else ""}  # fmt: skip
        if sent is not None:
            texts = {name: sent.get(f"{name}-{key}", "") for name in _TEXTS}
        rows.append(ReceiveRow(line.sku, key, max(0, expected) if part or not number else 0, texts, codes))
    return rows


def rows_to_name(
    lines: Sequence[tuple[Sku, int]], sent: Mapping[str, str] | None, *, more: int = 1
) -> list[ReceiveRow]:
    """Rows for goods without a purchase order, of the SKUs that are kept by lot or serial number.

    A SKU kept by lot has `more` rows behind the last one that was filled. Nothing sent: the first has every unit.
    """
    rows = []
    tracked = [(sku, units) for sku, units in lines if sku.tracking != Tracking.NONE]
    prefetch_related_objects([sku for sku, _ in tracked], "barcodes")
    for sku, units in tracked:
        codes = " ".join([sku.code, *(code.code for code in sku.barcodes.all())])
        count = min(MOST_LOTS, max(1, _filled(sku, sent or {})) + more) if sku.tracking == Tracking.LOT else 1
        for number in range(count):
            key = f"{sku.pk}-{number}"
            texts = {name: (sent or {}).get(f"{name}-{key}", "") for name in _TEXTS}
            if sent is None and not number and sku.tracking == Tracking.LOT:
                texts["good"] = str(units)
            rows.append(ReceiveRow(sku, key, units if not number else 0, texts, codes))
    return rows


def _filled(sku: Sku, sent: Mapping[str, str]) -> int:
    """Rows of a SKU up to the last one that somebody wrote in."""
    written = (n + 1 for n in range(MOST_LOTS) if any(sent.get(f"{name}-{sku.pk}-{n}") for name in _TEXTS))
    return max(written, default=0)


def refuse_other_units(lines: Sequence[tuple[Sku, int]], items: Sequence[ReceiptItem]) -> None:
    """Raises DomainError where more or fewer units are named than were entered."""
    named: Counter[int] = Counter()
    for item in items:
        named[item.sku_id] += item.units
    for sku, units in lines:
        if sku.tracking != Tracking.NONE and named[sku.pk] != units:
            raise DomainError(
                f"{sku.code}: {units} units were entered, and {named[sku.pk]} are named here. Count again, or go back "
                "and change the items.", field="lines",
            )  # fmt: skip


def items_of(rows: Sequence[ReceiveRow]) -> list[ReceiptItem]:
    """What the rows say, without the empty ones. Raises DomainError naming the SKU whose fields cannot be read."""
    items = []
    for row in rows:
        serials, damaged = (_numbers(row.texts.get(name, "")) for name in ("serials", "damaged_serials"))
        sku = row.sku
        by_serial = sku.tracking == Tracking.SERIAL
        item = ReceiptItem(
            sku_id=sku.pk, lot_code=row.texts.get("lot", "").strip() if sku.tracking == Tracking.LOT else "",
            good=_units(row, "good") or (len(serials) if by_serial else 0),
            damaged=_units(row, "damaged") or (len(damaged) if by_serial else 0),
            expires_on=_day(row), serials=serials, damaged_serials=damaged,
        )  # fmt: skip
        if item.units or serials or damaged:
            items.append(item)
    if not items:
        raise DomainError("Count at least one unit.", field="lines")
    _refuse_barcodes(items)
    return items


def _refuse_barcodes(items: Sequence[ReceiptItem]) -> None:
    """Raises DomainError where the code of an item stands among serial numbers: it was scanned instead of one."""
    numbers = [text for item in items for text in (*item.serials, *item.damaged_serials)]
    known = find_skus_by_codes(numbers) if numbers else {}
    for text, sku in known.items():
        raise DomainError(f"{text} is the code of {sku.code}, not a serial number. Take it out.", field="lines")


def _units(row: ReceiveRow, name: str) -> int:
    text = row.texts.get(name, "").strip()
    if not text:
        return 0
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) <= MAX_QUANTITY):
        raise DomainError(f"{row.sku.code}: {text[:20]} {name} units; expected a whole number.", field="lines")
    return int(text)


def _day(row: ReceiveRow) -> date | None:
    text = row.texts.get("expires", "").strip()
    if not text or row.sku.tracking != Tracking.LOT:
        return None
    try:
        day = parse_date(text)
    except ValueError:
        day = None
    if day is None:
        raise DomainError(f"{row.sku.code}: {text[:20]} is no day; expected one like 2027-03-31.", field="lines")
    return day


def _numbers(text: str) -> tuple[str, ...]:
    """Serial numbers as typed or scanned: one a line, or with blanks or commas between."""
    return tuple(part for part in re.split(r"[\s,;]+", text) if part)
