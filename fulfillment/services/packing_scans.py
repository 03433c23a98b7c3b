"""At the pack station: every unit is scanned into the box, and what does not belong there is stopped at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fulfillment.errors import NothingLeft, WrongItem
from fulfillment.models import FulfillmentLine, Packing, PackingBox, PackScan, PickedUnit
from fulfillment.selectors.boxes import OpenBoxes
from fulfillment.selectors.units import is_tracked
from fulfillment.services.naming import name_unit
from fulfillment.services.packing_opening import locked_boxes
from fulfillment.services.units import open_units
from inventory.models import SerialNumber, Sku, Tracking
from inventory.selectors import find_sku_by_code_or_barcode
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import DomainError, NotFound


@dataclass(frozen=True, slots=True)
class InBox:
    """What a scan did: the line, and its units in the box. `is_full` once all that was picked is in it."""

    line: FulfillmentLine
    units: int
    is_full: bool


def scan_into_box(*, packing_id: int, code: str, packer: str) -> InBox:
    """Count one unit into the box by a scanned SKU code, barcode, serial number or lot.

    Raises WrongItem with both items where it belongs elsewhere, NothingLeft where all of it is in the box, NotFound for
    a code that nothing has, Conflict where the work may no longer be packed or another packer took the box over, and
    what naming a lot or serial number raises.
    """

    def work() -> InBox:
        opened = locked_boxes(packing_id, packer)
        scan = add_unit(opened, code=code, packer=packer)
        keep_unit(opened, scan)
        return InBox(scan.line, opened.units[scan.line_id], opened.is_full)

    return run_atomic(work)


def add_unit(opened: OpenBoxes, *, code: str, packer: str, sku: Sku | None = None) -> PackScan:
    """Count one unit into locked boxes, not kept yet; `sku` where it is known what the code means.

    Raises what `scan_into_box` raises of codes.
    """
    code = code.strip()[:80]
    line, serial = _line_of(opened, code, sku)
    scan = PackScan(packing=opened.packing, box=opened.number, line=line, serial=serial, code=code, scanned_by=packer)
    opened.scans.append(scan)
    opened.packing.packer = packer
    for row in opened.rows:
        # A box that was weighed has another weight now.
        if row.number == scan.box:
            row.weighed_grams, row.weight_accepted = None, False
    return scan


def keep_unit(opened: OpenBoxes, scan: PackScan) -> None:
    """Write what `add_unit` did."""
    Packing.objects.filter(pk=opened.packing.pk).update(touched_at=now(), packer=opened.packing.packer)
    scan.save()
    if any(row.number == scan.box for row in opened.rows):
        opened.packing.boxes.filter(number=scan.box).update(weighed_grams=None, weight_accepted=False)


def _line_of(opened: OpenBoxes, code: str, sku: Sku | None) -> tuple[FulfillmentLine, SerialNumber | None]:
    """The line that the code counts for, and the serial number that it is."""
    unit = _named_by(opened.lines, code)
    if unit is not None and unit.serial is not None:
        if any(scan.serial_id == unit.serial_id for scan in opened.scans):
            raise NothingLeft(f"{code} is in the box already.", field="code")
        return unit.line, unit.serial
    sku = sku or find_sku_by_code_or_barcode(code)
    if sku is None:
        return _named_now(opened, code)
    own = [line for line in opened.lines if line.sku_id == sku.pk]
    if not own:
        raise WrongItem(f"This is {sku.name or sku.code} ({sku.code}). {opened.missing()}", field="code")
    if sku.tracking == Tracking.SERIAL:
        raise WrongItem(f"Scan the serial number of this {sku.code}, not its barcode.", field="code")
    return _with_room(opened, own, code), None


def _named_by(lines: Sequence[FulfillmentLine], code: str) -> PickedUnit | None:
    """The serial number or lot of that name which was picked for the work."""
    tracked = {line.pk: line for line in lines if is_tracked(line)}
    if not tracked:
        return None
    for line_id, units in open_units(list(tracked.values())).items():
        for unit in units:
            if unit.serial is not None and unit.serial.number == code:
                unit.line = tracked[line_id]
                return unit
    return None


def _named_now(opened: OpenBoxes, code: str) -> tuple[FulfillmentLine, SerialNumber | None]:
    """A serial number that nobody named when picking, or a lot. Raises NotFound for a code that nothing has."""
    lines = opened.lines
    if not any(is_tracked(line) for line in lines):
        raise NotFound(f"{code} is not in the catalogue. Set it aside.", field="code")
    named = name_unit(fulfillment_order_id=opened.work.pk, code=code)
    line = next(each for each in lines if each.pk == named.pk)
    if line.sku.tracking != Tracking.SERIAL:
        return _with_room(opened, [each for each in lines if each.sku_id == line.sku_id], code), None
    unit = _named_by(lines, code)
    if unit is None or unit.serial is None:
        raise DomainError(f"{code} could not be named.", field="code")
    return unit.line, unit.serial


def _with_room(opened: OpenBoxes, own: Sequence[FulfillmentLine], code: str) -> FulfillmentLine:
    counts = opened.units
    for line in own:
        if counts[line.pk] < line.picked:
            return line
    units = sum(line.picked for line in own)
    all_of = f"The one {own[0].sku.code}" if units == 1 else f"All {units} of {own[0].sku.code}"
    raise NothingLeft(f"{all_of} {'is' if units == 1 else 'are'} in the box already: put this one back.", field="code")


def undo_scan(*, packing_id: int, packer: str) -> str:
    """Take the last unit out of its box again; its code, empty where nothing is in any. An empty box is given up."""

    def work() -> str:
        opened = locked_boxes(packing_id, packer)
        if not opened.scans:
            return ""
        last, boxes = opened.scans[-1], PackingBox.objects.filter(packing=opened.packing)
        boxes.filter(number__gt=last.box).delete()
        boxes.filter(number=last.box).update(weighed_grams=None, weight_accepted=False)
        last.delete()
        return last.code

    return run_atomic(work)
