"""Carrier scans move shipments, by rule; delivered units are counted on the order."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import DatabaseError, transaction
from django.db.models import Max

from carriers.models import TrackingEvent
from fulfillment.events import ReturningToOrigin, ShipmentDelivered, ShipmentMoved
from fulfillment.locks import lock_shipments
from fulfillment.models import FulfillmentOrderKind, Shipment, ShipmentItem, ShipmentState
from fulfillment.services.cash import UNPAID_ENDS, fix_late, note_missing_cash, record_cash
from fulfillment.services.failures import note_failures
from fulfillment.services.sending import is_transfer
from fulfillment.services.shipping import hand_over
from fulfillment.states import SHIPMENT, shipment_path
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict
from oms.core.outbox import publish
from oms.core.states import advance, advance_many
from orders.services import TimelineEntry, UnitMove, move_units, set_delivered_at

_RTO = (ShipmentState.RTO_INITIATED, ShipmentState.RTO_IN_TRANSIT, ShipmentState.RTO_RECEIVED)
_WITH_US = (ShipmentState.LABELLED, ShipmentState.MANIFESTED)
logger = logging.getLogger(__name__)


def apply_tracking(booking_ids: Sequence[int], *, actor: str = "carrier") -> list[int]:
    """Bring the shipments of these bookings to the state that all their scans lead to; ids of those that moved.

    The scans are folded in the order in which they happened, so late, repeated or shuffled news end in the same state.
    A parcel that the carrier scans before we said so was handed over by that scan. One that cannot be moved stops no
    other: each is moved in a savepoint of its own, and the first error is raised once the others are kept. A caller
    with a transaction of its own loses them with it, and should come again with fewer.
    """
    failed: list[Exception] = []

    def work() -> list[int]:
        failed.clear()
        ids = Shipment.objects.filter(booking__in=list(booking_ids)).values_list("pk", flat=True)
        shipments = lock_shipments(ids)
        scans: dict[int, list[TrackingEvent]] = defaultdict(list)
        rows = TrackingEvent.objects.filter(booking__in=[s.booking_id for s in shipments])
        for scan in rows.order_by("occurred_at", "pk"):
            scans[scan.booking_id].append(scan)
        moved: list[int] = []
        arrived: list[_Arrival] = []
        for shipment in shipments:
            told = scans[shipment.booking_id or 0]
            path = shipment_path(scan.milestone for scan in told)
            if not path or path[-1][1] == shipment.state:
                continue
            place, target = path[-1]
            try:
                with transaction.atomic():
                    if _apply(shipment, target, told[place], actor, arrived):
                        moved.append(shipment.pk)
            except DatabaseError:
                # A deadlock or a lost connection concerns the whole transaction: run_atomic does it again.
                raise
            except Exception as error:
                logger.exception("Parcel %s of booking %s does not move", shipment.pk, shipment.booking_id)
                failed.append(error)
        note_failures(shipments, scans)
        _deliver(arrived, actor)
        # The last parcel that was waited for may also be one that nobody pays for.
        unpaid = [item for item in shipments if item.pk in moved and item.state in UNPAID_ENDS]
        record_cash(unpaid, actor)
        note_missing_cash({item.order_id for item in unpaid if item.order.is_cod}, actor)
        return moved

    ids = run_atomic(work)
    if failed:
        raise failed[0]
    return ids


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A parcel that its recipient took."""

    shipment: Shipment
    at: datetime
    place: str


def _apply(shipment: Shipment, target: str, telling: TrackingEvent, actor: str, arrived: list[_Arrival]) -> bool:
    """Move one shipment; one that arrived is only noted in `arrived`, since arrivals are counted together.

    Time, place and words are those of the scan that led to the state, not of what the carrier reported after it.
    """
    if shipment.state in _WITH_US:
        hand_over(shipment_ids=[shipment.pk], actor=actor, reason="scanned by the carrier", is_gone=True)
        shipment.refresh_from_db()
        if target == shipment.state:
            return True
    if not SHIPMENT.allows(shipment.state, target):
        return False
    if target == ShipmentState.DELIVERED and not is_transfer(shipment):
        arrived.append(_Arrival(shipment, telling.occurred_at, telling.location))
        return True
    advance(shipment, target, using=SHIPMENT, actor=actor, reason=telling.carrier_status[:200])
    message = f"{shipment.courier_name} {shipment.awb}: {shipment.get_state_display().lower()}"
    where = f" at {telling.location}" if telling.location else ""
    entry = TimelineEntry(order_id=shipment.order_id, kind=target, actor=actor, message=f"{message}{where}.")
    move_units([], [entry])
    if is_transfer(shipment):
        # The store says what came of it; its customer has nothing to do with the parcel.
        return True
    if target in _RTO:
        publish([ReturningToOrigin(shipment_id=shipment.pk, order_id=shipment.order_id)])
    publish([ShipmentMoved(shipment_id=shipment.pk, order_id=shipment.order_id, state=target)])
    return True


def _deliver(arrived: Sequence[_Arrival], actor: str) -> None:
    """Count the parcels as delivered: shipments, order lines, timelines, money collected at the door."""
    if not arrived:
        return
    by_id = {item.shipment.pk: item for item in arrived}
    advance_many(Shipment, list(by_id), ShipmentState.DELIVERED, using=SHIPMENT, actor=actor)
    for item in arrived:
        item.shipment.state, item.shipment.delivered_at = ShipmentState.DELIVERED, item.at
    Shipment.objects.bulk_update([item.shipment for item in arrived], ["delivered_at"], batch_size=200)
    contents = ShipmentItem.objects.select_related("line").filter(shipment__in=by_id).order_by("pk")
    entries = [
        TimelineEntry(order_id=item.shipment.order_id, kind="delivered", actor=actor,
                      message=f"Delivered{f' in {item.place}' if item.place else ''}.",
                      data={"shipment": item.shipment.pk})
        for item in arrived
    ]  # fmt: skip
    moves = [UnitMove(row.line.order_line_id, "shipped", "delivered", row.quantity) for row in contents]
    move_units(moves, entries)
    _tell_orders_when({item.shipment.order_id for item in arrived})
    fix_late([item.shipment for item in arrived])
    record_cash([item.shipment for item in arrived], actor)
    publish([ShipmentDelivered(shipment_id=item.shipment.pk, order_id=item.shipment.order_id) for item in arrived])


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
        if shipment.state != ShipmentState.HANDED_OVER:
            state = shipment.get_state_display().lower()
            raise Conflict(f"{shipment.order.number} is {state}: do not hand it out.")
        _deliver([_Arrival(shipment, now(), shipment.node.name)], actor)
        return shipment

    return run_atomic(work)


def _tell_orders_when(order_ids: Collection[int]) -> None:
    """An order that is delivered was so when its last parcel arrived, not when we heard of it."""
    arrivals = Shipment.objects.filter(order__in=order_ids, delivered_at__isnull=False)
    last = arrivals.order_by().values("order_id").annotate(at=Max("delivered_at")).values_list("order_id", "at")
    set_delivered_at(dict(last))
