"""At the pack station: every unit is scanned into the box, and what does not belong there is stopped at once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Exists, OuterRef, QuerySet, Sum

from fulfillment.errors import NothingLeft, WrongItem
from fulfillment.locks import lock_one_work, lock_packing, lock_work_lines
from fulfillment.models import (
    FulfillmentLine,
    FulfillmentOrder,
    FulfillmentOrderState,
    Packing,
    PackingBox,
    PackScan,
    PickedUnit,
)
from fulfillment.selectors.boxes import units_in_box
from fulfillment.selectors.units import is_tracked
from fulfillment.services.hand_offs import refuse_with_wms
from fulfillment.services.naming import name_unit
from fulfillment.services.packing import refuse_on_hold
from fulfillment.services.units import open_units
from inventory.models import SerialNumber, Tracking
from inventory.selectors import find_sku_by_code_or_barcode
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError, NotFound
from routing.engine.wording import listed

#: A box that nobody scanned into for so long may be taken over by another packer.
LEFT_ALONE = timedelta(minutes=10)
#: So much oldest work with one unit of an item is looked through for one that nobody has.
_MOST_LOOKED_AT = 20


@dataclass(frozen=True, slots=True)
class InBox:
    """What a scan did: the line, and its units in the box. `is_full` once all that was picked is in it."""

    line: FulfillmentLine
    units: int
    is_full: bool


def open_packing(*, fulfillment_order_id: int, packer: str) -> Packing:
    """Put picked work on the bench, or go on with what lies there.

    Raises Conflict for work that is not to be packed, and where another packer has it in hand.
    """

    def work() -> Packing:
        item = lock_one_work(fulfillment_order_id)
        _refuse_unpackable(item)
        packing = lock_packing(item)
        if packing is None:
            return Packing.objects.create(fulfillment_order=item, packer=packer)
        if packing.packer != packer and packing.touched_at > now() - LEFT_ALONE and packing.scans.exists():
            raise Conflict(f"{packing.packer} is packing {item.order.number}.", packer=packing.packer)
        packing.packer, packing.touched_at = packer, now()
        packing.save(update_fields=["packer", "touched_at"])
        return packing

    return run_atomic(work)


def _refuse_unpackable(item: FulfillmentOrder) -> None:
    refuse_with_wms(item)
    if item.state == FulfillmentOrderState.PICKED:
        refuse_on_hold(item)
        return
    words = {
        FulfillmentOrderState.CANCELLED: f"{item.order.number} was cancelled: put its goods back.",
        FulfillmentOrderState.REJECTED: f"{item.order.number} was given back: put its goods back.",
    }
    said = words.get(FulfillmentOrderState(item.state))
    raise Conflict(said or f"{item.order.number} is not to be packed: {item.get_state_display().lower()}.")


def open_for_item(*, node_id: int, sku_id: int, packer: str) -> Packing | None:
    """The box for the first due order of the node that is this one unit and nothing else; None where there is none.

    Orders that another packer has in hand are left to them, so that two who scan the same item get two orders.
    """
    for work_id in _of_one_unit(node_id, sku_id)[:_MOST_LOOKED_AT]:
        try:
            return open_packing(fulfillment_order_id=work_id, packer=packer)
        except Conflict:
            continue
    return None


def _of_one_unit(node_id: int, sku_id: int) -> QuerySet[FulfillmentOrder, int]:
    lines = FulfillmentLine.objects.filter(fulfillment_order=OuterRef("pk"))
    others = lines.filter(picked__gt=0).exclude(sku_id=sku_id, picked=1)
    own = lines.filter(sku_id=sku_id, picked=1)
    rows = FulfillmentOrder.objects.filter(Exists(own), ~Exists(others), node=node_id, state="picked", with_wms=False)
    rows = rows.alias(units=Sum("lines__picked")).filter(units=1)
    return rows.order_by("due_at", "pk").values_list("pk", flat=True)


def scan_into_box(*, packing_id: int, code: str, packer: str) -> InBox:
    """Count one unit into the box by a scanned SKU code, barcode, serial number or lot.

    Raises WrongItem with both items where it belongs elsewhere, NothingLeft where all of it is in the box, NotFound for
    a code that nothing has, Conflict where the work may no longer be packed or another packer took the box over, and
    what naming a lot or serial number raises.
    """

    def work() -> InBox:
        packing, lines = locked_packing(packing_id, packer)
        line, serial = _line_of(packing, lines, code.strip()[:80])
        box = box_in_hand(packing)
        # A box that was weighed has another weight now.
        packing.boxes.filter(number=box, weighed_grams__isnull=False).update(weighed_grams=None, weight_accepted=False)
        PackScan.objects.create(
            packing=packing, box=box, line=line, serial=serial, code=code.strip()[:80],
            scanned_by=packer,
        )  # fmt: skip
        Packing.objects.filter(pk=packing.pk).update(touched_at=now(), packer=packer)
        counts = units_in_box(packing)
        return InBox(line, counts[line.pk], all(counts[each.pk] == each.picked for each in lines))

    return run_atomic(work)


def box_in_hand(packing: Packing) -> int:
    """The number of the box that is being filled."""
    return max([1, *packing.boxes.values_list("number", flat=True)])


def locked_packing(packing_id: int, packer: str) -> tuple[Packing, list[FulfillmentLine]]:
    """The boxes with the lines that were picked; the work is locked first, and must still be to pack.

    Raises Conflict for another packer than the one who goes on with it.
    """
    work_id = Packing.objects.filter(pk=packing_id).values_list("fulfillment_order_id", flat=True).first()
    if work_id is None:
        raise NotFound("This box is closed already.")
    item = lock_one_work(work_id)
    _refuse_unpackable(item)
    # Who goes on with it is known only under the lock.
    found = Packing.objects.filter(pk=packing_id).first()
    if found is None:
        raise NotFound("This box is closed already.")
    found.fulfillment_order = item
    if found.packer != packer and found.scans.exists():
        raise Conflict(f"{found.packer} goes on with {item.order.number}. Put it aside.")
    return found, [line for line in lock_work_lines([item]) if line.picked]


def _line_of(
    packing: Packing, lines: list[FulfillmentLine], code: str
) -> tuple[FulfillmentLine, SerialNumber | None]:  # fmt: skip
    """The line that the code counts for, and the serial number that it is."""
    counts = units_in_box(packing)
    unit = _named_by(lines, code)
    if unit is not None and unit.serial is not None:
        if packing.scans.filter(serial=unit.serial).exists():
            raise NothingLeft(f"{code} is in the box already.", field="code")
        return unit.line, unit.serial
    sku = find_sku_by_code_or_barcode(code)
    if sku is None:
        return _named_now(packing, lines, counts, code)
    own = [line for line in lines if line.sku_id == sku.pk]
    if not own:
        raise WrongItem(f"This is {sku.name or sku.code} ({sku.code}). {still_missing(lines, counts)}", field="code")
    if sku.tracking == Tracking.SERIAL:
        raise WrongItem(f"Scan the serial number of this {sku.code}, not its barcode.", field="code")
    return _with_room(own, counts, code), None


def _named_by(lines: list[FulfillmentLine], code: str) -> PickedUnit | None:
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


def _named_now(
    packing: Packing, lines: list[FulfillmentLine], counts: Counter[int], code: str
) -> tuple[FulfillmentLine, SerialNumber | None]:
    """A serial number that nobody named when picking, or a lot. Raises NotFound for a code that nothing has."""
    if not any(is_tracked(line) for line in lines):
        raise NotFound(f"{code} is not in the catalogue. Set it aside.", field="code")
    named = name_unit(fulfillment_order_id=packing.fulfillment_order_id, code=code)
    line = next(each for each in lines if each.pk == named.pk)
    if line.sku.tracking != Tracking.SERIAL:
        return _with_room([each for each in lines if each.sku_id == line.sku_id], counts, code), None
    unit = _named_by(lines, code)
    if unit is None or unit.serial is None:
        raise DomainError(f"{code} could not be named.", field="code")
    return unit.line, unit.serial


def _with_room(own: list[FulfillmentLine], counts: Counter[int], code: str) -> FulfillmentLine:
    for line in own:
        if counts[line.pk] < line.picked:
            return line
    units = sum(line.picked for line in own)
    all_of = f"The one {own[0].sku.code}" if units == 1 else f"All {units} of {own[0].sku.code}"
    raise NothingLeft(f"{all_of} {'is' if units == 1 else 'are'} in the box already: put this one back.", field="code")


def still_missing(lines: list[FulfillmentLine], counts: Counter[int]) -> str:
    """What the box still wants, as a sentence."""
    wanted = [
        f"{line.picked - counts[line.pk]} x {line.sku.code}"
        for line in lines if counts[line.pk] < line.picked
    ]  # fmt: skip
    return f"This box needs {listed(wanted)}." if wanted else "This box is full."


def undo_scan(*, packing_id: int, packer: str) -> str:
    """Take the last unit out of its box again; its code, empty where nothing is in any. An empty box is given up."""

    def work() -> str:
        packing, _ = locked_packing(packing_id, packer)
        last = packing.scans.order_by("-pk").first()
        if last is None:
            return ""
        PackingBox.objects.filter(packing=packing, number__gt=last.box).delete()
        PackingBox.objects.filter(packing=packing, number=last.box).update(weighed_grams=None, weight_accepted=False)
        last.delete()
        return last.code

    return run_atomic(work)
