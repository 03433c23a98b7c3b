"""At the pack station: picked units that are not there or cannot be sold, and orders that somebody must look at."""

from __future__ import annotations

from fulfillment.errors import NothingLeft, WrongItem
from fulfillment.models import FulfillmentLine, FulfillmentOrderState
from fulfillment.selectors.boxes import OpenBoxes
from fulfillment.selectors.units import is_tracked
from fulfillment.services.packing_opening import locked_boxes
from fulfillment.services.picking import SHORT_REASONS, Short, go_short
from fulfillment.services.short_units import units_short
from fulfillment.services.units import NOTHING_NAMED, open_units
from fulfillment.states import FULFILLMENT_ORDER
from inventory.errors import TrackingNeeded
from inventory.models import Tracking
from inventory.services import Units
from oms.core.db import run_atomic
from oms.core.errors import DomainError
from oms.core.states import advance
from orders.models import HoldReason
from orders.services import place_hold

#: Handle of the hold that a pack station places: one for each order.
BENCH_HOLD = "pack-station"


def short_in_box(*, packing_id: int, line_id: int, quantity: int, reason: str, packer: str) -> bool:
    """Units of a line that was picked cannot be packed; True where all that is left of the order is in its boxes.

    One transaction, as `report_short`: stock is corrected as the reason says, the units get another node. What lies in
    the boxes stays there. With nothing left the work ends. Raises DomainError for an unknown reason, WrongItem for a
    line that is not of it, NothingLeft for more units than are missing in the boxes, TrackingNeeded where serial
    numbers lie in the tote of which not all are missing: scan those that are there first.
    """
    if reason not in SHORT_REASONS:
        raise DomainError(f"{reason!r} is not a reason for a short pick.", field="reason")

    def work() -> bool:
        opened = locked_boxes(packing_id, packer)
        item = opened.work
        line = next((row for row in opened.lines if row.pk == line_id), None)
        if line is None:
            raise WrongItem(f"{item.order.number} has no such line.")
        missing = line.picked - opened.units[line.pk]
        if not 1 <= quantity <= missing:
            raise NothingLeft(f"{line.sku.code}: {missing} missing in the box, {quantity} reported.", field="quantity")
        line.picked -= quantity
        line.short += quantity
        line.save(update_fields=["picked", "short"])
        go_short(
            Short(item, line, quantity, reason, f"Packer {packer}."), from_bucket="picked", actor=packer,
            units=lambda: _units_missing(opened, line, quantity, reason),
        )  # fmt: skip
        return _goes_on(opened, packer)

    return run_atomic(work)


def _units_missing(opened: OpenBoxes, line: FulfillmentLine, quantity: int, reason: str) -> list[Units]:
    """The lots or serial numbers of the tote that are meant; they are not in it any more."""
    if not is_tracked(line):
        return []
    scanned = {scan.serial_id for scan in opened.scans if scan.line_id == line.pk and scan.serial_id}
    rows = [row for row in open_units([line]).get(line.pk, []) if row.serial_id not in scanned]
    if not rows:
        return units_short(line, line.fulfillment_order.node, quantity, NOTHING_NAMED, expired=reason == "expired")
    if line.sku.tracking == Tracking.SERIAL:
        if len(rows) > quantity:
            numbers = ", ".join(row.serial.number for row in rows if row.serial)
            raise TrackingNeeded(f"Scan those of {numbers} that are there; what is left then is missing.")
        for row in rows:
            row.delete()
        return [Units(1, serial_id=row.serial_id) for row in rows]
    found, left = [], quantity
    for row in reversed(rows):
        part = min(left, row.quantity)
        if not part:
            break
        left -= part
        found.append(Units(part, lot_id=row.lot_id))
        if part == row.quantity:
            row.delete()
        else:
            row.quantity -= part
            row.save(update_fields=["quantity"])
    return found


def _goes_on(opened: OpenBoxes, packer: str) -> bool:
    if not any(line.picked for line in opened.lines):
        advance(opened.work, FulfillmentOrderState.CANCELLED, using=FULFILLMENT_ORDER, actor=packer,
                reason="nothing to pack", end_reason="Nothing of it could be packed")  # fmt: skip
        opened.packing.delete()
        return False
    return opened.is_full


def hold_at_bench(*, packing_id: int, note: str, packer: str) -> None:
    """Somebody must look before this is packed: the order is on hold until it is released. Twice is once."""

    def hold() -> None:
        work = locked_boxes(packing_id, packer).work
        place_hold(
            order_id=work.order_id, reason=HoldReason.OTHER, source=f"Pack station, {packer}",
            handle=BENCH_HOLD, actor=packer, note=note[:500] or "Put aside by the packer.",
        )  # fmt: skip

    run_atomic(hold)
