"""At the packing desk: which lots and serial numbers are really in the tote, one scan at a time."""

from __future__ import annotations

from fulfillment.errors import NothingLeft, WrongItem
from fulfillment.locks import lock_one_work, lock_work_lines
from fulfillment.models import FulfillmentLine, FulfillmentOrder, FulfillmentOrderState, PickedUnit
from fulfillment.selectors.units import is_tracked
from fulfillment.services.picking import units_named_by
from fulfillment.services.units import LineUnits, Taken, note_taken, open_units
from inventory.models import Tracking
from oms.core.db import run_atomic
from oms.core.errors import Conflict, NotFound

_NAMEABLE = (FulfillmentOrderState.PICKING, FulfillmentOrderState.PICKED)


def name_unit(*, fulfillment_order_id: int, code: str) -> FulfillmentLine:
    """A scanned serial number or lot is in the tote; the line that it is for.

    A serial number is added to a line that still wants one. A lot takes the place of one unit of another lot. Raises
    WrongItem for a code that is neither, NothingLeft where every unit is named, and what `note_taken` raises.
    """

    def work() -> FulfillmentLine:
        item = _nameable(fulfillment_order_id)
        lines = [line for line in lock_work_lines([item]) if line.picked and is_tracked(line)]
        sku_id, named = units_named_by(code.strip(), {line.sku_id for line in lines}, 1)
        own = [line for line in lines if line.sku_id == sku_id]
        if not own:
            raise WrongItem(
                f"{code.strip()[:60]} is no serial number and no lot of anything that was picked for {item.number}.",
                field="code",
            )
        there = open_units(own)
        if own[0].sku.tracking == Tracking.SERIAL:
            line = _unnamed(own, there, named.serials[0])
        else:
            line = _make_room(own, there, named)
        note_taken([Taken(line, item.node, 1, named)])
        return line

    return run_atomic(work)


def _unnamed(lines: list[FulfillmentLine], there: dict[int, list[PickedUnit]], number: str) -> FulfillmentLine:
    """A line with a unit that has no serial number yet."""
    units = [row for line in lines for row in there[line.pk]]
    if any(row.serial is not None and row.serial.number == number for row in units):
        raise NothingLeft(f"{number} was scanned already.", field="code")
    line = next((row for row in lines if len(there[row.pk]) < row.picked), None)
    if line is None:
        raise NothingLeft(
            f"All {len(units)} serial numbers of {lines[0].sku.code} are scanned. Take one out first, or put this one "
            "back.", field="code",
        )  # fmt: skip
    return line


def _make_room(lines: list[FulfillmentLine], there: dict[int, list[PickedUnit]], named: LineUnits) -> FulfillmentLine:
    """One unit of another lot is taken out of the tote, where all units have their lot."""
    code = named.lots[0][0]
    for line in lines:
        units = there[line.pk]
        if sum(row.quantity for row in units) < line.picked:
            return line
        other = next((row for row in reversed(units) if row.lot is not None and row.lot.code != code), None)
        if other is None:
            continue
        other.quantity -= 1
        if other.quantity:
            other.save(update_fields=["quantity"])
        else:
            other.delete()
        return line
    raise NothingLeft(f"All units of {lines[0].sku.code} are of lot {code} already.", field="code")


def forget_unit(*, fulfillment_order_id: int, unit_id: int) -> None:
    """A serial number that was scanned is not in the tote after all. Raises NotFound where it is not."""

    def work() -> None:
        item = _nameable(fulfillment_order_id)
        lines = lock_work_lines([item])
        gone, _ = PickedUnit.objects.filter(
            pk=unit_id, line__in=[line.pk for line in lines], item__isnull=True, serial__isnull=False
        ).delete()
        if not gone:
            raise NotFound(f"This serial number is not in the tote of {item.number}.")

    run_atomic(work)


def _nameable(fulfillment_order_id: int) -> FulfillmentOrder:
    item = lock_one_work(fulfillment_order_id)
    if item.state not in _NAMEABLE:
        raise Conflict(f"{item.number} is {item.get_state_display().lower()}: nothing of it lies in a tote.")
    return item
