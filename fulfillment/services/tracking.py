"""Carrier scans move shipments, by rule; delivered units are counted on the order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from carriers.models import TrackingEvent
from fulfillment.events import ReturningToOrigin, ShipmentDelivered, ShipmentMoved
from fulfillment.locks import lock_shipments
from fulfillment.models import FulfillmentOrderKind, Shipment, ShipmentItem, ShipmentState
from fulfillment.services.shipping import hand_over
from fulfillment.states import SHIPMENT, shipment_state_after
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict
from oms.core.outbox import publish
from oms.core.states import advance
from orders.models import Payment
from orders.services import TimelineEntry, UnitMove, move_units, record_payment

_RTO = (ShipmentState.RTO_INITIATED, ShipmentState.RTO_IN_TRANSIT, ShipmentState.RTO_RECEIVED)
_WITH_US = (ShipmentState.LABELLED, ShipmentState.MANIFESTED)


def apply_tracking(booking_ids: Sequence[int], *, actor: str = "carrier") -> list[int]:
    """Bring the shipments of these bookings to the state that all their scans lead to; ids of those that moved.

    The scans are folded in the order in which they happened, so late, repeated or shuffled news end in the same state.
    A parcel that the carrier scans before we said so was handed over by that scan.
    """

    def work() -> list[int]:
        ids = Shipment.objects.filter(booking__in=list(booking_ids)).values_list("pk", flat=True)
        moved = []
        for shipment in lock_shipments(ids):
            if _apply(shipment, actor):
                moved.append(shipment.pk)
        return moved

    return run_atomic(work)


def _apply(shipment: Shipment, actor: str) -> bool:
    if shipment.booking_id is None:
        return False
    scans = list(TrackingEvent.objects.filter(booking_id=shipment.booking_id).order_by("occurred_at", "pk"))
    target = shipment_state_after(scan.milestone for scan in scans)
    if target is None or target == shipment.state:
        return False
    if shipment.state in _WITH_US:
        hand_over(shipment_ids=[shipment.pk], actor=actor, reason="scanned by the carrier")
        shipment.refresh_from_db()
        if target == shipment.state:
            return True
    if not SHIPMENT.allows(shipment.state, target):
        return False
    last = scans[-1]
    if target == ShipmentState.DELIVERED:
        _deliver(shipment, last.occurred_at, actor, last.location)
        return True
    advance(shipment, target, using=SHIPMENT, actor=actor, reason=last.carrier_status[:200])
    message = f"{shipment.courier_name} {shipment.awb}: {shipment.get_state_display().lower()}"
    place = f" at {last.location}" if last.location else ""
    entry = TimelineEntry(order_id=shipment.order_id, kind=target, actor=actor, message=f"{message}{place}.")
    move_units([], [entry])
    if target in _RTO:
        publish([ReturningToOrigin(shipment_id=shipment.pk, order_id=shipment.order_id)])
    publish([ShipmentMoved(shipment_id=shipment.pk, order_id=shipment.order_id, state=target)])
    return True


def _deliver(shipment: Shipment, at: datetime, actor: str, place: str) -> None:
    advance(shipment, ShipmentState.DELIVERED, using=SHIPMENT, actor=actor, delivered_at=at)
    items = ShipmentItem.objects.select_related("line").filter(shipment=shipment)
    entry = TimelineEntry(
        order_id=shipment.order_id, kind="delivered", actor=actor,
        message=f"Delivered{f' in {place}' if place else ''}.", data={"shipment": shipment.pk},
    )  # fmt: skip
    stages = move_units(
        [UnitMove(item.line.order_line_id, "shipped", "delivered", item.quantity) for item in items], [entry]
    )
    if shipment.order.is_cod and stages.get(shipment.order_id) == "delivered":
        payment = Payment.objects.get(order_id=shipment.order_id)
        record_payment(order_id=shipment.order_id, state="paid", captured_minor=payment.amount_minor,
                       gateway="cod", reference=shipment.awb, actor=actor)  # fmt: skip
    publish([ShipmentDelivered(shipment_id=shipment.pk, order_id=shipment.order_id)])


def collect(*, shipment_id: int, actor: str, collected_by: str = "") -> Shipment:
    """The customer took a pickup order at the counter: handed over and delivered at once. Again changes nothing."""

    def work() -> Shipment:
        shipment = lock_shipments([shipment_id])[0]
        if shipment.fulfillment_order.kind != FulfillmentOrderKind.PICKUP:
            raise Conflict(f"{shipment.order.number} is shipped, not collected.")
        if shipment.state == ShipmentState.DELIVERED:
            return shipment
        hand_over(shipment_ids=[shipment_id], actor=actor, reason=f"collected by {collected_by or 'customer'}")
        shipment.refresh_from_db()
        _deliver(shipment, now(), actor, shipment.node.name)
        return shipment

    return run_atomic(work)
