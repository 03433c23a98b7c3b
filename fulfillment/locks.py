"""The only place where rows of the floor are locked. The order is locked first, then its work, then its parcels.

What is done to a wave locks the wave before its orders, and nothing locks a wave after them.
"""

from __future__ import annotations

from collections.abc import Iterable

from fulfillment.models import (
    FulfillmentLine,
    FulfillmentOrder,
    HandOff,
    Manifest,
    Packing,
    PrintJob,
    Shipment,
    Wave,
    WmsLink,
)
from oms.core.errors import NotFound
from orders.locks import lock_order_if_free, lock_orders


def lock_work(fulfillment_order_ids: Iterable[int]) -> list[FulfillmentOrder]:
    """Fulfillment orders with their orders locked, in key order; `order` and `node` are loaded."""
    ids = list(fulfillment_order_ids)
    lock_orders(FulfillmentOrder.objects.filter(pk__in=ids).values_list("order_id", flat=True))
    return _locked(ids)


def _locked(ids: Iterable[int]) -> list[FulfillmentOrder]:
    return list(
        FulfillmentOrder.objects.select_for_update(of=("self",), no_key=True)
        .select_related("order", "node")
        .filter(pk__in=list(ids))
        .order_by("pk")
    )


def lock_one_work(fulfillment_order_id: int, order_id: int | None = None) -> FulfillmentOrder:
    """One fulfillment order, locked with its order, whose id spares a statement where it is known. Raises NotFound."""
    if order_id is None:
        found = lock_work([fulfillment_order_id])
    else:
        lock_orders([order_id])
        found = _locked([fulfillment_order_id])
    if not found:
        raise NotFound(f"There is no fulfillment order {fulfillment_order_id}.")
    return found[0]


def lock_work_if_free(fulfillment_order_id: int, order_id: int) -> FulfillmentOrder | None:
    """One fulfillment order, locked with its order; None where somebody else holds the order at this moment."""
    return next(iter(_locked([fulfillment_order_id])), None) if lock_order_if_free(order_id) else None


def lock_work_of_orders(order_ids: Iterable[int]) -> list[FulfillmentOrder]:
    """Every live fulfillment order of the orders. Lock the orders first."""
    return list(
        FulfillmentOrder.objects.select_for_update(of=("self",), no_key=True)
        .select_related("order", "node")
        .filter(order_id__in=list(order_ids), state__in=FulfillmentOrder.LIVE)
        .order_by("pk")
    )


def lock_work_lines(work: Iterable[FulfillmentOrder]) -> list[FulfillmentLine]:
    """The lines of locked fulfillment orders, with SKU and order line."""
    return list(
        FulfillmentLine.objects.select_for_update(of=("self",), no_key=True)
        .select_related("sku", "order_line")
        .filter(fulfillment_order__in=[item.pk for item in work])
        .order_by("pk")
    )


def lock_packing(work: FulfillmentOrder) -> Packing | None:
    """The open box of locked work, if there is one."""
    return Packing.objects.select_for_update(no_key=True).filter(fulfillment_order=work).first()


def lock_hand_offs(work: Iterable[FulfillmentOrder]) -> list[HandOff]:
    """The hand-offs of locked work, in key order, with their links; those of work that no WMS does are left out."""
    ids = [item.pk for item in work if item.with_wms]
    if not ids:
        return []
    return list(
        HandOff.objects.select_for_update(of=("self",), no_key=True)
        .select_related("link", "fulfillment_order__order", "fulfillment_order__node")
        .defer("link__secret", "link__old_secret")
        .filter(fulfillment_order__in=ids)
        .order_by("pk")
    )


def lock_link(link_id: int) -> WmsLink:
    """The link of a node, locked. Raises NotFound."""
    link = (
        WmsLink.objects.select_for_update(of=("self",), no_key=True).select_related("node").filter(pk=link_id).first()
    )
    if link is None:
        raise NotFound(f"There is no WMS link {link_id}.")
    return link


def lock_shipments(shipment_ids: Iterable[int]) -> list[Shipment]:
    """Shipments with their orders and work locked first, in key order."""
    ids = list(shipment_ids)
    lock_work(Shipment.objects.filter(pk__in=ids).values_list("fulfillment_order_id", flat=True))
    return list(
        Shipment.objects.select_for_update(of=("self",), no_key=True)
        .select_related("order", "node", "fulfillment_order")
        .filter(pk__in=ids)
        .order_by("pk")
    )


def lock_manifest(manifest_id: int) -> Manifest:
    """One manifest, locked. Raises NotFound."""
    manifest = Manifest.objects.select_for_update(no_key=True).filter(pk=manifest_id).first()
    if manifest is None:
        raise NotFound(f"There is no manifest {manifest_id}.")
    return manifest


def lock_wave(wave_id: int) -> Wave:
    """One wave, locked, before any of its orders; `node` is loaded. Raises NotFound."""
    wave = Wave.objects.select_for_update(of=("self",), no_key=True).select_related("node").filter(pk=wave_id).first()
    if wave is None:
        raise NotFound(f"There is no wave {wave_id}.")
    return wave


def lock_print_jobs(job_ids: Iterable[int], *, only_free: bool = False) -> list[PrintJob]:
    """Print jobs, locked, in key order, with printer, node and shipment; `only_free` leaves out what others lock."""
    return list(
        PrintJob.objects.select_for_update(of=("self",), no_key=True, skip_locked=only_free)
        .select_related("printer__node", "shipment")
        .filter(pk__in=list(job_ids))
        .order_by("pk")
    )
