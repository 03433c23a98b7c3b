"""Advance shipping notices (ASN): what a supplier says is on its way, within what is open of its purchase order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import IntegrityError, transaction
from django.db.models import F, Sum

from inventory.errors import BadQuantity
from inventory.locks import lock_inbound_shipments, lock_purchase_order, lock_purchase_order_lines
from inventory.models import (
    InboundShipment,
    InboundShipmentLine,
    InboundShipmentState,
    PurchaseOrder,
    PurchaseOrderLine,
)
from inventory.services.purchasing import OPEN_STATES
from inventory.states import INBOUND_SHIPMENT
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError, NotFound
from oms.core.states import advance
from oms.core.values import MAX_QUANTITY

#: States in which an ASN is still to be received.
COMING = (InboundShipmentState.EXPECTED, InboundShipmentState.ARRIVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncedLine:
    """Units of a SKU in an ASN, with lot and expiry where the supplier states them."""

    sku_id: int
    quantity: int
    lot_code: str = ""
    expires_on: date | None = None


def announce_shipment(
    *, order_id: int, number: str = "", lines: Sequence[AnnouncedLine], expected_at: datetime | None = None,
    carrier_name: str = "", awb: str = "", actor: str,
) -> InboundShipment:  # fmt: skip
    """Note an ASN for a placed order. Without a number it gets the next one of its order.

    Raises DomainError where it announces more than is open and not announced yet, Conflict where the number is taken.
    """

    def work() -> InboundShipment:
        order = lock_purchase_order(order_id)
        if order.state not in OPEN_STATES:
            raise Conflict(f"{order} is {order.get_state_display().lower()}: nothing of it can be on its way.")
        order_lines = {line.sku_id: line for line in lock_purchase_order_lines(order_id)}
        known = lock_inbound_shipments(order_id)
        _refuse_too_many(order, order_lines, lines)
        shipment = InboundShipment(
            number=number.strip()[:80] or f"{order.number}-{len(known) + 1}", order=order, expected_at=expected_at,
            carrier_name=carrier_name.strip()[:80], awb=awb.strip()[:60], created_by=actor[:120],
        )  # fmt: skip
        _insert(shipment)
        InboundShipmentLine.objects.bulk_create(
            InboundShipmentLine(
                shipment=shipment, order_line=order_lines[line.sku_id], quantity=line.quantity,
                lot_code=line.lot_code.strip()[:60], expires_on=line.expires_on,
            )
            for line in lines
        )  # fmt: skip
        return shipment

    return run_atomic(work)


def arrive_shipment(*, shipment_id: int, actor: str) -> InboundShipment:
    """It is at the dock; its goods are counted later. Raises Conflict where it arrived or ended before."""

    def work() -> InboundShipment:
        shipment = _locked(shipment_id)
        advance(shipment, InboundShipmentState.ARRIVED, using=INBOUND_SHIPMENT, actor=actor, arrived_at=now())
        return shipment

    return run_atomic(work)


def cancel_shipment(*, shipment_id: int, reason: str, actor: str) -> InboundShipment:
    """It will not come; its units stay open on the order. Raises Conflict once goods of it were received."""

    def work() -> InboundShipment:
        shipment = _locked(shipment_id)
        if InboundShipmentLine.objects.filter(shipment=shipment, received_quantity__gt=0).exists():
            raise Conflict(f"Goods of {shipment} were received already: finish it with its last receipt instead.")
        advance(
            shipment, InboundShipmentState.CANCELLED, using=INBOUND_SHIPMENT, actor=actor, reason=reason[:200]
        )  # fmt: skip
        return shipment

    return run_atomic(work)


def announced_units(order_id: int) -> dict[int, int]:
    """Units of each line of a purchase order, by its id, that are on their way and not received."""
    rows = InboundShipmentLine.objects.filter(
        shipment__order_id=order_id, shipment__state__in=COMING, quantity__gt=F("received_quantity")
    )
    return dict(rows.values_list("order_line").annotate(units=Sum(F("quantity") - F("received_quantity"))))


def _locked(shipment_id: int) -> InboundShipment:
    order_id = InboundShipment.objects.filter(pk=shipment_id).values_list("order_id", flat=True).first()
    if order_id is None:
        raise NotFound(f"There is no ASN {shipment_id}.")
    lock_purchase_order(order_id)
    return next(row for row in lock_inbound_shipments(order_id) if row.pk == shipment_id)


def _refuse_too_many(
    order: PurchaseOrder, order_lines: dict[int, PurchaseOrderLine], lines: Sequence[AnnouncedLine]
) -> None:
    if not lines:
        raise DomainError("An ASN names at least one SKU.", field="lines")
    on_the_way = announced_units(order.pk)
    wanted: dict[int, int] = {}
    for line in lines:
        if not 1 <= line.quantity <= MAX_QUANTITY:
            raise BadQuantity(f"{line.quantity} is not a quantity; expected a whole number from 1.", field="lines")
        if line.sku_id not in order_lines:
            raise DomainError(f"SKU {line.sku_id} is not on {order}.", field="lines", sku_id=line.sku_id)
        wanted[line.sku_id] = wanted.get(line.sku_id, 0) + line.quantity
    for sku_id, units in wanted.items():
        row = order_lines[sku_id]
        left = row.open_quantity - on_the_way.get(row.pk, 0)
        if units > left:
            raise DomainError(
                f"{row.sku.code}: {units} announced, but {max(0, left)} are open of {row.quantity} on {order} and not "
                "on their way yet.", field="lines", sku=row.sku.code, announced=units, open=max(0, left),
            )  # fmt: skip


def _insert(shipment: InboundShipment) -> None:
    try:
        with transaction.atomic():
            shipment.save(force_insert=True)
    except IntegrityError as error:
        if "inbound_shipment_once" not in str(error):
            raise
        raise Conflict(f"{shipment.order} has an ASN {shipment.number} already.", field="number") from error
