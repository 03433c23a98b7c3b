"""Who got units of a lot or a serial number: the parcels and their orders."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import QuerySet

from fulfillment.models import PickedUnit, Shipment, ShipmentState


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
