"""The pick list on paper: the rows of a walk, with the lots and serial numbers to take. Nothing here writes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.formats import date_format

from carriers.labels import PickListData
from carriers.labels import PickRow as PrintedRow
from fulfillment.models import FulfillmentOrder
from fulfillment.selectors.picking import PickRow, pick_rows
from fulfillment.selectors.units import SomeSerials, some_serials
from inventory.models import Barcode, Node, Tracking

#: Serial numbers that a row names; any one of those in stock may be taken.
MOST_SERIALS = 6


def pick_list_of(
    node: Node, work: Sequence[FulfillmentOrder], moment: datetime, *, picker: str = "", waiting: int = 0
) -> PickListData:
    """What is left to take for this work, loaded by `with_lines`: a row for each bin, and one for each lot.

    `waiting` are the orders that wait there in all, where this list has the first of them only. The number of a list
    of several orders says when it was printed: the next one, of other orders, is not mistaken for it.
    Lots are those that the walk on the phone shows: the first to expire first, none that may not be sold.
    """
    rows = [row for row in pick_rows(node.pk, work) if row.left > 0]
    by_serial = {row.sku.pk for row in rows if row.sku.tracking == Tracking.SERIAL}
    serials = some_serials(by_serial, node.pk, most=MOST_SERIALS)
    barcodes: dict[int, str] = {}
    for sku_id, code in Barcode.objects.filter(sku__in=[row.sku.pk for row in rows]).values_list("sku", "code"):
        barcodes.setdefault(sku_id, code)
    zone = ZoneInfo(node.time_zone)
    printed = moment.astimezone(zone)
    due = min((item.due_at for item in work if item.due_at is not None), default=None)
    return PickListData(
        number=work[0].number if len(work) == 1 else f"PL-{min(item.pk for item in work)}-{printed:%d%H%M%S}",
        node_name=node.name, created_at=printed, picker_name=picker, order_count=len(work), waiting_count=waiting,
        due_at_text=date_format(due.astimezone(zone), "j M, H:i") if due else "",
        rows=tuple(
            part for row in rows
            for part in _printed(row, barcodes.get(row.sku.pk, ""), serials.get(row.sku.pk, SomeSerials()))
        ),
    )  # fmt: skip


def _printed(row: PickRow, barcode: str, serials: SomeSerials) -> list[PrintedRow]:
    """The rows of paper of one SKU: of each lot that its units come from one, and one for the rest."""
    parts = [
        (share.units, f"Lot {share.lot.code}" + (f", expires {share.lot.expires_on:%d %b %Y}"
                                                 if share.lot.expires_on else ""))
        for share in row.take_from
    ]  # fmt: skip
    rest = row.left - sum(units for units, _ in parts)
    if rest > 0:
        parts.append((rest, _rest_of(row, serials)))
    kits = f"for kit {', '.join(row.kits)}" if row.kits else ""
    instead = f"substitute for {', '.join(row.instead_of)}" if row.instead_of else ""
    return [
        PrintedRow(
            bin_code=row.bin_code, sku_code=row.sku.code, name=row.sku.name, quantity=units, barcode=barcode,
            orders=", ".join(row.orders), lots=" · ".join(text for text in (lot, kits, instead) if text),
        )
        for units, lot in parts
    ]  # fmt: skip


def _rest_of(row: PickRow, serials: SomeSerials) -> str:
    """What to take where no lot is named."""
    if row.sku.tracking == Tracking.LOT:
        return "By the books no lot here may be sold: report short"
    if row.sku.tracking == Tracking.SERIAL:
        if not serials.numbers:
            return "No serial number here by the books: report short"
        left = serials.count - len(serials.numbers)
        return f"Any of {', '.join(serials.numbers)}{f' or {left} more' if left else ''}"
    return ""
