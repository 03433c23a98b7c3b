"""At the packing desk: which lots and serial numbers are really in the tote, one scan at a time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from fulfillment.errors import NothingLeft, WrongItem
from fulfillment.locks import lock_one_work, lock_work_lines
from fulfillment.models import FulfillmentLine, FulfillmentOrder, FulfillmentOrderState, PickedUnit
from fulfillment.selectors.units import is_tracked
from fulfillment.services.picking import units_named_by
from fulfillment.services.units import NOTHING_NAMED, LineUnits, Taken, note_taken, open_units, way_on
from inventory.errors import NotEnoughStock
from inventory.models import Node, Tracking
from inventory.services import why_not_sold
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError, NotFound

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
            line = _make_room(own, there, named, item.node)
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


def _make_room(
    lines: list[FulfillmentLine], there: dict[int, list[PickedUnit]], named: LineUnits, node: Node
) -> FulfillmentLine:
    """One unit of another lot is taken out of the tote, where all units have their lot: of one that may not be sold
    before any other.
    """
    code, day = named.lots[0][0], node.today()
    for line in lines:
        if sum(row.quantity for row in there[line.pk]) < line.picked:
            return line
    others = [
        (line, row) for line in lines for row in reversed(there[line.pk])
        if row.lot is not None and row.lot.code != code
    ]  # fmt: skip
    if not others:
        raise NothingLeft(f"All units of {lines[0].sku.code} are of lot {code} already.", field="code")
    unsold = [(line, row) for line, row in others if row.lot and why_not_sold(row.lot, line.sku, day)]
    line, other = (unsold or others)[0]
    other.quantity -= 1
    if other.quantity:
        other.save(update_fields=["quantity"])
    else:
        other.delete()
    return line


@dataclass(frozen=True, slots=True)
class Swapped:
    """Units of a lot that came out of the tote, and what went in for them: units by lot code."""

    line: FulfillmentLine
    out: str
    units: int
    into: dict[str, int]


def swap_units(*, fulfillment_order_id: int, unit_id: int, lot: str = "") -> Swapped:
    """Units of a lot in the tote give way to as many of another: of `lot`, else of those that expire first.

    For picked goods whose lot was blocked or expired meanwhile. `unit_id` is the row of the tote. Raises NotFound where
    it does not lie there, DomainError for a lot that may be sold while no other is named, NotEnoughStock where nothing
    else here may be taken.
    """

    def work() -> Swapped:
        item = _nameable(fulfillment_order_id)
        lines = {line.pk: line for line in lock_work_lines([item])}
        rows = PickedUnit.objects.select_related("lot").filter(item__isnull=True, lot__isnull=False, line__in=lines)
        row = rows.filter(pk=unit_id).first()
        if row is None or row.lot is None:
            raise NotFound(f"This lot is not in the tote of {item.number}.")
        line, out = lines[row.line_id], row.lot
        if lot.strip().upper() == out.code.upper() or not (lot or why_not_sold(out, line.sku, item.node.today())):
            raise DomainError(f"Lot {out.code} may be sold: name another one to take its place.", field="lot")
        before = _lots_of(line)
        row.delete()
        named = LineUnits(lots=((lot.strip(), row.quantity),)) if lot.strip() else NOTHING_NAMED
        try:
            note_taken([Taken(line, item.node, row.quantity, named)])
        except NotEnoughStock as error:
            raise NotEnoughStock(f"{error.message} {way_on(line.sku, item.node)}", field="lot") from error
        into = _lots_of(line) - before
        return Swapped(line, out.code, row.quantity, dict(into))

    return run_atomic(work)


def _lots_of(line: FulfillmentLine) -> Counter[str]:
    """Units in the tote of a line by lot."""
    return Counter({row.lot.code: row.quantity for row in open_units([line])[line.pk] if row.lot is not None})


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
