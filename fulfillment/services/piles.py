"""Parcels that lie in a driver's pile and do not leave any more: the dock is told until they are out of it."""

from __future__ import annotations

from collections.abc import Iterable

from fulfillment.locks import lock_manifest, lock_shipments
from fulfillment.models import OffManifest, Shipment, ShipmentState
from oms.core.db import run_atomic
from orders.services import TimelineEntry, record


def note_dropped(shipments: Iterable[Shipment]) -> None:
    """Remember which of these locked parcels lie in a pile, before they come off their manifests."""
    OffManifest.objects.bulk_create(
        [OffManifest(manifest_id=row.manifest_id, shipment=row, awb=row.awb) for row in shipments
         if row.state == ShipmentState.MANIFESTED and row.manifest_id is not None],
        ignore_conflicts=True,
    )  # fmt: skip


def take_out(*, manifest_id: int, shipment_id: int, actor: str) -> None:
    """Somebody took a parcel out of the pile of a manifest, or looked, and it is not there. Twice is once."""

    def work() -> None:
        lock_manifest(manifest_id)
        shipment = next(iter(lock_shipments([shipment_id])), None)
        rows = OffManifest.objects.filter(manifest=manifest_id, shipment=shipment_id).select_related("manifest")
        row = rows.first()
        if row is None or shipment is None:
            return
        row.delete()
        record([TimelineEntry(order_id=shipment.order_id, kind="taken_out", actor=actor,
                              message=f"{row.awb} is out of the pile of {row.manifest}.")])  # fmt: skip

    run_atomic(work)
