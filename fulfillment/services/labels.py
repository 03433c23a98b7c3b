"""Asking the carriers again for parcels that have no label."""

from __future__ import annotations

from collections.abc import Sequence

from fulfillment.events import ParcelPacked
from fulfillment.locks import lock_shipments
from fulfillment.models import FulfillmentOrderKind, Shipment, ShipmentState
from oms.core.db import run_atomic
from oms.core.outbox import publish

ASKING = "Asked again; waiting for the carrier."


def retry_labels(*, shipment_ids: Sequence[int]) -> list[int]:
    """Book these parcels anew, in the background; the ids of those that still wait for a label.

    The parcel is announced as packed once more: booking finds what was booked before and never buys twice.
    """

    def work() -> list[int]:
        waiting = [
            row for row in lock_shipments(shipment_ids)
            if row.state == ShipmentState.CREATED and row.problem
            and row.fulfillment_order.kind != FulfillmentOrderKind.PICKUP
        ]  # fmt: skip
        ids = [row.pk for row in waiting]
        Shipment.objects.filter(pk__in=ids).update(problem=ASKING)
        publish([ParcelPacked(shipment_id=row.pk, order_id=row.order_id) for row in waiting])
        return ids

    return run_atomic(work)
