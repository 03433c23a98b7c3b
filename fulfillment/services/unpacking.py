"""Packed parcels that may not leave any more are taken apart."""

from __future__ import annotations

from collections.abc import Sequence

from fulfillment.events import ShipmentVoided, WorkWithdrawn
from fulfillment.locks import lock_shipments
from fulfillment.models import (
    FulfillmentOrder,
    FulfillmentOrderState,
    Shipment,
    ShipmentItem,
    ShipmentState,
)
from fulfillment.selectors.held import BEFORE_ROAD, HeldUnits, held_by_stores, held_units
from fulfillment.services.invoicing import cancel_invoices_of
from fulfillment.services.piles import note_dropped
from fulfillment.services.shipping import complete_work
from fulfillment.services.units import packed_by_the_books
from fulfillment.states import FULFILLMENT_ORDER, SHIPMENT
from inventory.models import Bucket, StockMovementReason
from inventory.services import Posting, Units, announce, post
from oms.core.db import run_atomic
from oms.core.errors import Conflict, NotFound
from oms.core.outbox import publish
from oms.core.states import advance
from orders.services import TimelineEntry, UnitMove, move_units

State = FulfillmentOrderState


def take_apart(*, shipment_id: int, actor: str) -> Shipment:
    """A packed parcel that may not leave, or has units that may not, is opened; what was in it needs a node again.

    One transaction: units of lots that are blocked or expired go to quarantine, the rest back on hand; the label is
    voided, the work of the node ends unless it has other parcels, and the order's units are routed again (to the same
    node, where it has other stock). Taking it apart again changes nothing. Raises NotFound, and Conflict for a parcel
    that has left, or in which everything may leave.
    """

    def work() -> Shipment:
        shipment = next(iter(lock_shipments([shipment_id])), None)
        if shipment is None:
            raise NotFound(f"There is no parcel {shipment_id}.", field="shipment_id")
        if shipment.state == ShipmentState.CANCELLED:
            return shipment
        if shipment.state not in BEFORE_ROAD:
            state = shipment.get_state_display().lower()
            raise Conflict(f"{shipment} of {shipment.order.number} is {state}.", field="shipment_id")
        items = list(shipment.items.select_related("line__sku").order_by("pk"))
        held = held_units(items, {shipment.pk: shipment})
        words = [item.words for item in held] + [item.words for item in held_by_stores([shipment])]
        if not words:
            raise Conflict(
                f"Everything in {shipment} of {shipment.order.number} may leave: hand it over, or cancel the order.",
                field="shipment_id",
            )
        _open(shipment, items, held, "; ".join(dict.fromkeys(words)), actor)
        return shipment

    return run_atomic(work)


def _open(
    shipment: Shipment, items: Sequence[ShipmentItem], held: Sequence[HeldUnits], why: str, actor: str
) -> None:  # fmt: skip
    open_parcel(shipment, items, held, why=why, actor=actor)
    announce([item.line.sku_id for item in items], reason="unpacked", grew_at=shipment.node_id)
    publish([
        WorkWithdrawn(order_id=shipment.order_id, fulfillment_order_id=shipment.fulfillment_order_id,
                      node_id=shipment.node_id, reason=f"Taken apart: {why}"[:200], cause="taken apart"),
    ])  # fmt: skip


def open_parcel(
    shipment: Shipment, items: Sequence[ShipmentItem], held: Sequence[HeldUnits], *, why: str, actor: str
) -> None:
    """Put what is in a locked parcel back where it may lie, and void its label: its units need a node again.

    `held` are those of its units that may not be sold. Publishes ShipmentVoided; what else follows is the caller's.
    """
    reason = f"Taken apart: {why}"[:200]
    post(_postings(shipment, items, held, actor))
    entry = TimelineEntry(
        order_id=shipment.order_id, kind="work_withdrawn", actor=actor,
        data={"fulfillment_order": shipment.fulfillment_order.number, "shipment": shipment.pk},
        message=f"{shipment} was taken apart at {shipment.node.code}: {why}.",
    )  # fmt: skip
    move_units([UnitMove(item.line.order_line_id, "packed", "unallocated", item.quantity) for item in items], [entry])
    note_dropped([shipment])
    advance(shipment, ShipmentState.CANCELLED, using=SHIPMENT, actor=actor, reason=reason, manifest=None)
    cancel_invoices_of([shipment], reason=reason, actor=actor)
    _go_on(shipment.fulfillment_order, actor, reason)
    publish([ShipmentVoided(shipment_id=shipment.pk, order_id=shipment.order_id, booking_id=shipment.booking_id)])


def _postings(
    shipment: Shipment, items: Sequence[ShipmentItem], held: Sequence[HeldUnits], actor: str
) -> list[Posting]:
    """Packed to on hand, or to quarantine for what may not be sold. A serial number that is elsewhere stays there."""
    why = {(item.item.pk, item.unit.lot_id): item for item in held if item.unit.lot_id is not None}

    def posting(item: ShipmentItem, leg: int, part: Units) -> Posting:
        unsold = why.get((item.pk, part.lot_id)) if part.lot_id is not None else None
        target, reason, note = Bucket.ON_HAND, StockMovementReason.UNPACK, ""
        if unsold is not None:
            blocked = unsold.unit.lot is not None and unsold.unit.lot.is_blocked
            reason = StockMovementReason.BLOCK if blocked else StockMovementReason.EXPIRED
            target, note = Bucket.QUARANTINE, f"Taken out of {shipment}: {unsold.words}"
        return Posting(
            op_key=f"unpack/{item.pk}", leg=leg, sku_id=item.line.sku_id, node_id=shipment.node_id,
            from_bucket=Bucket.PACKED, to_bucket=target, quantity=part.quantity, lot_id=part.lot_id,
            serial_id=part.serial_id, reason=reason, note=note[:200], reference=shipment.order.number, actor=actor,
        )  # fmt: skip

    return [posting(item, leg, part) for item, leg, part in packed_by_the_books(items, held)]


def _go_on(work: FulfillmentOrder, actor: str, reason: str) -> None:
    """The work goes on with its other parcels, is complete with those that have left, or ends with its only one."""
    states = set(work.shipments.exclude(state=ShipmentState.CANCELLED).values_list("state", flat=True))
    if not states:
        advance(work, State.REJECTED, using=FULFILLMENT_ORDER, actor=actor, reason=reason, end_reason=reason)
    elif not states.intersection(BEFORE_ROAD):
        complete_work([work.pk], actor)
    elif work.state == State.PACKED and ShipmentState.CREATED not in states:
        advance(work, State.READY, using=FULFILLMENT_ORDER, actor=actor)
