"""Goods that come back: expected, received, put where they belong, with stock and order following."""

from __future__ import annotations

from collections.abc import Mapping

from fulfillment.locks import lock_shipments
from fulfillment.models import ShipmentState
from fulfillment.services.sending import is_transfer
from fulfillment.states import SHIPMENT
from inventory.models import Bucket, StockMovementReason
from inventory.services import Posting, announce, post
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError
from oms.core.outbox import publish
from oms.core.states import advance
from orders.services import TimelineEntry, UnitMove, move_units, record
from returns.events import ReturnReceived
from returns.locks import lock_return
from returns.models import Return, ReturnKind, ReturnLine, ReturnLineDisposition, ReturnState
from returns.selectors import lines_with_tracking
from returns.services.came_back import CameBack, units_back
from returns.states import RETURN

#: Where units of each disposition go in the stock room; missing ones go nowhere.
_BUCKET = {
    ReturnLineDisposition.RESTOCK: Bucket.ON_HAND,
    ReturnLineDisposition.DAMAGED: Bucket.DAMAGED,
    ReturnLineDisposition.QUARANTINE: Bucket.QUARANTINE,
}


def expect_rto(*, shipment_id: int) -> Return:
    """A carrier brings a parcel back: expect its contents at the node it left. Again returns the same one.

    Raises Conflict for a parcel to the store where its order is collected: `give_up_parcel` takes those back.
    """

    def work() -> Return:
        shipment = lock_shipments([shipment_id])[0]
        if is_transfer(shipment):
            raise Conflict(f"{shipment} of {shipment.order.number} goes to its store: it is no return of a customer.")
        found = Return.objects.filter(shipment=shipment).first()
        if found is not None:
            return found
        made = Return.objects.create(
            number=f"RTO-{shipment.pk}", kind=ReturnKind.RTO, state=ReturnState.IN_TRANSIT, order_id=shipment.order_id,
            shipment=shipment, node_id=shipment.node_id, reason="Not delivered",
        )  # fmt: skip
        contents: dict[int, int] = {}
        for item in shipment.items.select_related("line"):
            contents[item.line.order_line_id] = contents.get(item.line.order_line_id, 0) + item.quantity
        ReturnLine.objects.bulk_create(
            ReturnLine(return_order=made, order_line_id=line_id, quantity=units) for line_id, units in contents.items()
        )
        message = f"{shipment.courier_name} {shipment.awb} comes back to {shipment.node.code}."
        record([TimelineEntry(order_id=shipment.order_id, kind="rto", message=message, actor="carrier")])
        return made

    return run_atomic(work)


def receive(
    *, return_id: int, dispositions: Mapping[int, str], actor: str, units: Mapping[int, CameBack] | None = None,
    as_found: bool = False,
) -> Return:  # fmt: skip
    """Receive a return: each line ({return line id: disposition}) goes where it is decided; the order counts it.

    `units` are the lots and serial numbers that came back, by return line id; a line that names none brings back what
    was sent, where that is all of it. Another unit than was sent is refused (OtherUnit), unless a person looked and
    takes it `as_found`. One transaction. Receiving again changes nothing. Raises DomainError for a line without a
    decision, Conflict for a return that is not on its way, and TrackingNeeded and SerialElsewhere for units.
    """

    def work() -> Return:
        item = lock_return(return_id)
        if item.state in (ReturnState.DISPOSED, ReturnState.CLOSED):
            return item
        if not RETURN.allows(item.state, ReturnState.RECEIVED):
            raise Conflict(f"{item} is {item.get_state_display().lower()} and cannot be received.")
        lines = lines_with_tracking(item)
        for line in lines:
            line.disposition = dispositions.get(line.pk, "")
            if line.disposition not in _BUCKET and line.disposition != ReturnLineDisposition.MISSING:
                raise DomainError(f"Say what happens to {line.order_line.sku_code}.", field=f"line-{line.pk}")
        ReturnLine.objects.bulk_update(lines, ["disposition"])
        _post(item, lines, units or {}, as_found, actor)
        entry = TimelineEntry(order_id=item.order_id, kind="returned", actor=actor,
                              message=f"{item} received at {item.node.code}.")  # fmt: skip
        moves = [UnitMove(line.order_line_id, _source(item), "returned", line.quantity) for line in lines]
        move_units(moves, [entry])
        for state in (ReturnState.RECEIVED, ReturnState.INSPECTED, ReturnState.DISPOSED):
            advance(item, state, using=RETURN, actor=actor)
        Return.objects.filter(pk=item.pk).update(received_at=now())
        _close_shipment(item, actor)
        publish([ReturnReceived(return_id=item.pk, order_id=item.order_id)])
        return item

    return run_atomic(work)


def _source(item: Return) -> str:
    """Parcels that were never delivered come back out of the shipped units."""
    return "shipped" if item.kind == ReturnKind.RTO else "delivered"


def _post(item: Return, lines: list[ReturnLine], named: Mapping[int, CameBack], as_found: bool, actor: str) -> None:
    stocked = [line for line in lines if line.disposition in _BUCKET and line.order_line.sku_id is not None]
    units = units_back(item, stocked, named, as_found=as_found)
    post([
        Posting(
            op_key=f"return/{line.pk}", leg=leg, sku_id=line.order_line.sku_id or 0, node_id=item.node_id,
            from_bucket=Bucket.CUSTOMER, to_bucket=_BUCKET[ReturnLineDisposition(line.disposition)],
            quantity=part.quantity, lot_id=part.lot_id, serial_id=part.serial_id, reason=StockMovementReason.RETURN,
            reference=item.number, actor=actor,
        )
        for line in stocked for leg, part in enumerate(units[line.pk], start=1)
    ])  # fmt: skip
    announce([line.order_line.sku_id or 0 for line in stocked], reason="return", grew_at=item.node_id)


def _close_shipment(item: Return, actor: str) -> None:
    if item.shipment_id is None:
        return
    shipment = lock_shipments([item.shipment_id])[0]
    if SHIPMENT.allows(shipment.state, ShipmentState.RTO_RECEIVED):
        advance(shipment, ShipmentState.RTO_RECEIVED, using=SHIPMENT, actor=actor)
