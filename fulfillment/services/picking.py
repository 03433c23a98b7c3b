"""Picking: one scan at a time, and what happens when the goods are not there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fulfillment.errors import NothingLeft, WrongItem
from fulfillment.events import PickingStarted, ShortPicked
from fulfillment.locks import lock_one_work, lock_work_lines
from fulfillment.models import FulfillmentLine, FulfillmentOrder, FulfillmentOrderState
from fulfillment.selectors.units import is_tracked
from fulfillment.services.hand_offs import refuse_with_wms
from fulfillment.services.short_units import units_short
from fulfillment.services.units import NOTHING_NAMED, LineUnits, Taken, note_taken
from fulfillment.states import FULFILLMENT_ORDER
from inventory.errors import TrackingNeeded
from inventory.models import Barcode, Lot, SerialNumber, Sku, Tracking
from inventory.services import Release, Units, adjust, release_reservations
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError
from oms.core.outbox import publish
from oms.core.states import advance
from orders.services import TimelineEntry, UnitMove, move_units
from routing.services import exclude_node, giving_back_load

State = FulfillmentOrderState


@dataclass(frozen=True, slots=True)
class ShortReason:
    """Why units could not be picked, and the adjustment (see `inventory.services.ADJUSTMENTS`) that follows."""

    label: str
    effect: str
    adjustment: str


SHORT_REASONS: dict[str, ShortReason] = {
    "not_found": ShortReason("Not found", "Lowers stock here by this number", "lost"),
    "damaged": ShortReason("Damaged", "Moves this number to damaged stock", "damaged"),
    "display_worn": ShortReason("Display or worn", "Puts this number aside to check", "to_check"),
    "wrong_item": ShortReason("Wrong item in its place", "Lowers stock here by this number", "lost"),
    "expired": ShortReason("Expired or blocked", "Puts this number aside as expired", "expired_aside"),
}


def pick(
    *, fulfillment_order_id: int, actor: str, line_id: int | None = None, code: str = "", quantity: int = 1,
    named: LineUnits = NOTHING_NAMED, by_wms: bool = False,
) -> FulfillmentLine:  # fmt: skip
    """Put units of one line into the tote, by line or by scanned code; the line as it is then.

    A code is a SKU, a barcode, or a serial number or lot of a SKU that the work needs. `named` are the lots and serial
    numbers; lots that are not named are those that expire first, and serial numbers may be named when packing. Picking
    everything ends the picking. Raises WrongItem for a code this work does not need, NothingLeft when all of it is
    picked already, Conflict when the work is not to be picked (cancelled, on hold, packed), and NotEnoughStock,
    SerialElsewhere or TrackingNeeded for lots and serial numbers that cannot be taken. WithWms where the node's own WMS
    does the work and this is not what it says (`by_wms`).
    """

    def work() -> FulfillmentLine:
        item = lock_one_work(fulfillment_order_id)
        lines = lock_work_lines([item])
        _refuse_unpickable(item, by_wms)
        line, scanned = _find_units(item, lines, line_id, code, quantity)
        if quantity < 1 or quantity > line.to_pick:
            raise NothingLeft(f"{line.sku.code}: {line.to_pick} left to pick, not {quantity}.", field="quantity")
        note_taken([Taken(line, item.node, quantity, named or scanned)])
        line.picked += quantity
        line.save(update_fields=["picked"])
        move_units([UnitMove(line.order_line_id, "released", "picked", quantity)])
        _advance_picking(item, lines, actor)
        return line

    return run_atomic(work)


def pick_all(*, fulfillment_order_id: int, actor: str) -> FulfillmentOrder:
    """Pick everything that is left at once: for nodes that report picking as a whole."""

    def work() -> FulfillmentOrder:
        item = lock_one_work(fulfillment_order_id)
        lines = lock_work_lines([item])
        _refuse_unpickable(item)
        moves = [UnitMove(line.order_line_id, "released", "picked", line.to_pick) for line in lines]
        note_taken([Taken(line, item.node, line.to_pick) for line in lines])
        for line in lines:
            line.picked += line.to_pick
            line.save(update_fields=["picked"])
        move_units(moves)
        _advance_picking(item, lines, actor)
        return item

    return run_atomic(work)


def _refuse_unpickable(item: FulfillmentOrder, by_wms: bool = False) -> None:
    refuse_with_wms(item, by_wms)
    if item.state not in (State.OPEN, State.ACCEPTED, State.PICKING):
        raise Conflict(f"{item.number} is {item.get_state_display().lower()}: there is nothing to pick.")


def _find_units(
    item: FulfillmentOrder, lines: list[FulfillmentLine], line_id: int | None, code: str, quantity: int
) -> tuple[FulfillmentLine, LineUnits]:
    """The line that is meant, and the lot or serial number that a code names."""
    tracked = {line.sku_id for line in lines if is_tracked(line)}
    if line_id is not None or not tracked:
        return _find_line(item, lines, line_id, code), LineUnits()
    try:
        return _find_line(item, lines, None, code), LineUnits()
    except WrongItem:
        sku_id, named = units_named_by(code.strip(), tracked, quantity)
        own = [line for line in lines if line.sku_id == sku_id]
        if not own:
            raise
        return next((line for line in own if line.to_pick), own[0]), named


def units_named_by(code: str, sku_ids: set[int], quantity: int) -> tuple[int, LineUnits]:
    """The SKU of a serial number or lot of these SKUs; 0 where nobody knows it.

    Raises TrackingNeeded where several of them have the code: a batch number is one of its SKU only.
    """
    serials = SerialNumber.objects.filter(number=code, sku__in=sku_ids).select_related("sku").order_by("sku_id")[:2]
    lots = Lot.objects.filter(code__iexact=code, sku__in=sku_ids, sku__tracking=Tracking.LOT)
    found: list[tuple[Sku, LineUnits]] = [(row.sku, LineUnits(serials=(row.number,))) for row in serials]
    if not found:
        rows = lots.select_related("sku").order_by("pk")[:2]
        found = [(row.sku, LineUnits(lots=((row.code, quantity),))) for row in rows]
    if len({sku.pk for sku, _ in found}) > 1:
        named = " and ".join(sku.code for sku, _ in found)
        raise TrackingNeeded(f"{code} stands on {named}: say which one it is by its own barcode.", field="code")
    return (found[0][0].pk, found[0][1]) if found else (0, LineUnits())


def _find_line(item: FulfillmentOrder, lines: list[FulfillmentLine], line_id: int | None, code: str) -> FulfillmentLine:
    if line_id is not None:
        found = next((line for line in lines if line.pk == line_id), None)
        if found is None:
            raise WrongItem(f"{item.number} has no such line.")
        return found
    text = code.strip()
    sku_ids = set(Barcode.objects.filter(code=text).values_list("sku_id", flat=True))
    matching = [line for line in lines if line.sku_id in sku_ids or line.sku.code.casefold() == text.casefold()]
    if not matching:
        needed = ", ".join(f"{line.sku.code} ({line.to_pick} left)" for line in lines if line.to_pick) or "nothing more"
        raise WrongItem(f"{text} is not in this order. Needed: {needed}.", field="code", needed=needed)
    return next((line for line in matching if line.to_pick), matching[0])


def _advance_picking(item: FulfillmentOrder, lines: list[FulfillmentLine], actor: str) -> None:
    """Move the work along once its lines changed."""
    if item.state == State.OPEN:
        advance(item, State.ACCEPTED, using=FULFILLMENT_ORDER, actor=actor, accepted_at=now(), assigned_to=actor)
    if item.state == State.ACCEPTED:
        advance(item, State.PICKING, using=FULFILLMENT_ORDER, actor=actor, assigned_to=actor)
        publish([PickingStarted(fulfillment_order_id=item.pk, order_id=item.order_id, node_id=item.node_id)])
    if any(line.to_pick for line in lines):
        return
    if any(line.picked for line in lines):
        advance(item, State.PICKED, using=FULFILLMENT_ORDER, actor=actor, picked_at=now())
    else:
        advance(item, State.CANCELLED, using=FULFILLMENT_ORDER, actor=actor, reason="nothing found",
                end_reason="Nothing of it was found")  # fmt: skip


def report_short(
    *, fulfillment_order_id: int, line_id: int, quantity: int, reason: str, actor: str, note: str = "",
    named: LineUnits = NOTHING_NAMED, by_wms: bool = False,
) -> FulfillmentLine:  # fmt: skip
    """Units of a line are not there or cannot be sold: stock is corrected as the reason says, the rest is rerouted.

    One transaction: reservation released, ledger posted, units unallocated, this node excluded for the order, event
    published. `named` are the lots or serial numbers that are not there; see `units_short` for those that need not be
    named. Raises DomainError for an unknown reason or more units than are left to pick.
    """
    why = SHORT_REASONS.get(reason)
    if why is None:
        raise DomainError(f"{reason!r} is not a reason for a short pick.", field="reason")

    def work() -> FulfillmentLine:
        item = lock_one_work(fulfillment_order_id)
        lines = lock_work_lines([item])
        _refuse_unpickable(item, by_wms)
        line = _find_line(item, lines, line_id, "")
        if not 1 <= quantity <= line.to_pick:
            raise NothingLeft(f"{line.sku.code}: {line.to_pick} left to pick, {quantity} reported.", field="quantity")
        line.short += quantity
        line.save(update_fields=["short"])
        go_short(
            Short(item, line, quantity, reason, note), from_bucket="released", actor=actor,
            units=lambda: units_short(line, item.node, quantity, named, expired=reason == "expired"),
        )  # fmt: skip
        _advance_picking(item, lines, actor)
        return line

    return run_atomic(work)


@dataclass(frozen=True, slots=True)
class Short:
    """Units of a line that are not there; `reason` is a key of SHORT_REASONS."""

    item: FulfillmentOrder
    line: FulfillmentLine
    quantity: int
    reason: str
    note: str = ""


def go_short(short: Short, *, units: Callable[[], Sequence[Units]], from_bucket: str, actor: str) -> None:
    """What follows for stock, order and route. The line, locked, counts them as short already.

    `units` says which lots or serial numbers are meant: asked once reservations are released, it may lock levels.
    """
    item, line, quantity, why = short.item, short.line, short.quantity, SHORT_REASONS[short.reason]
    with giving_back_load([item.order_id]):
        release_reservations(
            requests=[Release(line.order_line.uid, item.node_id, quantity)], actor=actor, reason=why.label
        )
    adjust(node_id=item.node_id, sku_id=line.sku_id, reason=why.adjustment, quantity=quantity,
           op_key=f"short/{line.pk}/{line.short}", actor=actor, units=units(),
           note=f"Short pick {item.number}: {why.label}. {short.note}".strip())  # fmt: skip
    exclude_node(order_id=item.order_id, node_id=item.node_id, reason=f"{line.sku.code}: {why.label.lower()}")
    how = "picked" if from_bucket == "released" else "packed"
    entry = TimelineEntry(
        order_id=item.order_id, kind="short_pick", actor=actor, data={"reason": short.reason, "quantity": quantity},
        message=f"{quantity} x {line.sku.code} could not be {how} at {item.node.code}: {why.label.lower()}.",
    )  # fmt: skip
    move_units([UnitMove(line.order_line_id, from_bucket, "unallocated", quantity)], [entry])
    publish([
        ShortPicked(order_id=item.order_id, fulfillment_order_id=item.pk, node_id=item.node_id, sku_id=line.sku_id,
                    quantity=quantity, reason=short.reason)
    ])  # fmt: skip
