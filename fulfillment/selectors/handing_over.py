"""Parcels on their way out of a node: their labels, their manifests, who waits for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, Min, Prefetch, QuerySet

from carriers.models import CarrierAccount
from fulfillment.models import (
    FulfillmentOrderKind,
    FulfillmentOrderState,
    Manifest,
    ManifestState,
    OffManifest,
    Shipment,
    ShipmentItem,
    ShipmentState,
)
from oms.core.clock import now

State = FulfillmentOrderState


@dataclass(slots=True, kw_only=True)
class CarrierWaiting:
    """What one carrier takes from a node: parcels with a label, those on the open manifest, and that manifest."""

    account: CarrierAccount
    waiting: int = 0
    scanned: int = 0
    due_at: datetime | None = None
    manifest: Manifest | None = None

    @property
    def parcels(self) -> int:
        """All parcels that the carrier will take."""
        return self.waiting + self.scanned


def carriers_waiting(node_id: int) -> list[CarrierWaiting]:
    """Carriers with parcels at the node, the first due first."""
    manifests = {
        row.carrier_account_id: row
        for row in Manifest.objects.select_related("carrier_account").filter(node=node_id, state=ManifestState.OPEN)
    }
    found = {pk: CarrierWaiting(account=row.carrier_account, manifest=row) for pk, row in manifests.items()}
    rows = (
        Shipment.objects.filter(
            node=node_id, state__in=(ShipmentState.LABELLED, ShipmentState.MANIFESTED), carrier_account__isnull=False
        )
        .values("carrier_account", "state")
        .annotate(parcels=Count("pk"), due=Min("fulfillment_order__due_at"))
    )
    counts = list(rows)
    accounts = CarrierAccount.objects.in_bulk({row["carrier_account"] for row in counts} - set(found))
    for row in counts:
        pk = row["carrier_account"]
        item = found.setdefault(pk, CarrierWaiting(account=accounts[pk])) if pk in accounts else found[pk]
        if row["state"] == ShipmentState.LABELLED:
            item.waiting = row["parcels"]
        else:
            item.scanned = row["parcels"]
        if row["due"] is not None:
            item.due_at = min(item.due_at or row["due"], row["due"])
    far = now() + timedelta(days=3650)
    return sorted(found.values(), key=lambda item: (item.due_at or far, item.account.name))


def pickups_waiting(node_id: int) -> list[Shipment]:
    """Packed pickup orders that wait for their customers, the oldest first."""
    rows = Shipment.objects.filter(
        node=node_id, state=ShipmentState.CREATED, fulfillment_order__kind=FulfillmentOrderKind.PICKUP,
        fulfillment_order__state=State.READY,
    )  # fmt: skip
    return list(with_contents(rows).order_by("created_at", "pk"))


def with_contents(rows: QuerySet[Shipment]) -> QuerySet[Shipment]:
    """Load order, work, node, carrier and contents with the rows."""
    items = ShipmentItem.objects.select_related("line__sku", "line__order_line__substitute_for").order_by("pk")
    return rows.select_related("order", "fulfillment_order", "node", "carrier_account").prefetch_related(
        Prefetch("items", items)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestSheet:
    """A manifest with the parcels on it and those that the carrier should take too but nobody scanned.

    `dropped` came off it and may still lie in the pile, with the AWB that their labels say.
    """

    manifest: Manifest
    scanned: list[Shipment]
    missing: list[Shipment]
    dropped: list[OffManifest]

    @property
    def expected(self) -> int:
        """Parcels the carrier should take."""
        return len(self.scanned) + len(self.missing)


def at_the_dock(rows: QuerySet[Shipment], node_id: int, account_id: int) -> QuerySet[Shipment]:
    """Parcels with a label that the people of a node give to a carrier; those that its WMS ships are left out."""
    return rows.filter(
        node=node_id, carrier_account=account_id, state=ShipmentState.LABELLED, fulfillment_order__with_wms=False
    )


def manifest_sheet(manifest: Manifest) -> ManifestSheet:
    """Both lists, by order number. A closed manifest misses nothing."""
    with_order = Shipment.objects.select_related("order", "node", "fulfillment_order")
    scanned = with_order.filter(manifest=manifest).order_by("order__number", "pk")
    missing = Shipment.objects.none()
    if manifest.state == ManifestState.OPEN:
        missing = at_the_dock(with_order, manifest.node_id, manifest.carrier_account_id)
    return ManifestSheet(manifest=manifest, scanned=list(scanned), missing=list(missing.order_by("order__number")),
                         dropped=list(manifest.dropped.select_related("shipment__order").order_by("pk")))  # fmt: skip


def without_label(rows: QuerySet[Shipment]) -> QuerySet[Shipment]:
    """Parcels that travel, are packed, and have no label yet."""
    travel = (FulfillmentOrderKind.SHIP, FulfillmentOrderKind.TRANSFER)
    return rows.filter(state=ShipmentState.CREATED, fulfillment_order__kind__in=travel)


def label_problems(rows: QuerySet[Shipment]) -> QuerySet[Shipment]:
    """Parcels that no carrier took, or whose carrier has not answered: a person must look. The first due first."""
    return without_label(rows).exclude(problem="").order_by(F("fulfillment_order__due_at").asc(nulls_last=True), "pk")
