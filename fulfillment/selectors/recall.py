"""Who got units of a lot or a serial number: the parcels and their orders."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.db.models import QuerySet

from fulfillment.models import PickedUnit, Shipment, ShipmentState
from inventory.models import SerialNumber
from orders.models import Order


def parcels_with(
    shipments: QuerySet[Shipment], *, lot_id: int | None = None, serial_id: int | None = None
) -> QuerySet[PickedUnit]:
    """Units of a lot or a serial number in these parcels, those opened again left out, the last packed first."""
    rows = PickedUnit.objects.filter(item__shipment__in=shipments).exclude(
        item__shipment__state=ShipmentState.CANCELLED
    )
    rows = rows.filter(lot=lot_id) if lot_id is not None else rows.filter(serial=serial_id)
    return rows.select_related("item__shipment__order", "item__shipment__node", "lot", "serial").order_by("-pk")


def totes_with(
    node_ids: Collection[int], *, lot_id: int | None = None, serial_id: int | None = None
) -> QuerySet[PickedUnit]:
    """Units of a lot or a serial number that are picked at these nodes and in no parcel yet."""
    rows = PickedUnit.objects.filter(item__isnull=True, line__fulfillment_order__node__in=node_ids)
    rows = rows.filter(lot=lot_id) if lot_id is not None else rows.filter(serial=serial_id)
    return rows.select_related("line__fulfillment_order__order", "line__fulfillment_order__node").order_by("-pk")


def references_told(
    serials: Sequence[SerialNumber], *, node_codes: Collection[str], orders: QuerySet[Order]
) -> dict[int, str]:
    """What each serial number was last moved with, by its id, for somebody who sees these nodes and these orders.

    Empty for a unit at another node, and where it is the number of another order. The node must be read along.
    """
    here = [row for row in serials if row.node is None or row.node.code in node_codes]
    numbers = {row.reference for row in here if row.reference}
    hidden = set(Order.objects.filter(number__in=numbers).values_list("number", flat=True)) if numbers else set()
    if hidden:
        hidden -= set(orders.filter(number__in=hidden).values_list("number", flat=True))
    told = {row.pk: row.reference for row in here if row.reference not in hidden}
    return {row.pk: told.get(row.pk, "") for row in serials}
