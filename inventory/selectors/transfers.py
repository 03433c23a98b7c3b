"""What can be asked about transfers and adjustments: what waits, what is late, what a scanned code means for one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Count, F, Min, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from inventory.models import (
    Bucket,
    Lot,
    SerialNumber,
    Sku,
    StockAdjustment,
    StockAdjustmentState,
    StockLevel,
    Transfer,
    TransferLine,
    TransferState,
)
from inventory.selectors.codes import find_sku_by_code_or_barcode
from oms.core.models import Transition

OPEN_TRANSFERS = (
    TransferState.DRAFT, TransferState.RESERVED, TransferState.PICKED, TransferState.SHIPPED, TransferState.RECEIVED,
)  # fmt: skip


def with_units(transfers: QuerySet[Transfer]) -> QuerySet[Transfer]:
    """Transfers with their nodes and what their lines add up to: items, units, in_transit, missing, over."""
    return transfers.select_related("from_node", "to_node").annotate(
        items=Count("lines"),
        units=Coalesce(Sum("lines__quantity"), 0),
        in_transit=Coalesce(Sum("lines__in_transit_quantity"), 0),
        missing=Coalesce(Sum("lines__missing_quantity"), 0),
        over=Coalesce(Sum("lines__over_quantity"), 0),
    )


def with_differences(transfers: QuerySet[Transfer], today: date) -> QuerySet[Transfer]:
    """Transfers that need a person: units that did not come, and goods that should have come before today."""
    late = Q(state=TransferState.SHIPPED, expected_on__lt=today)
    return transfers.filter(Q(state=TransferState.RECEIVED) | late)


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many of something wait for a person, and since when the oldest does. `units` are those of transfers."""

    count: int
    oldest_at: datetime | None
    units: int = 0


def differences_waiting(transfers: QuerySet[Transfer], today: date) -> Waiting:
    """What the tower says about transfers with differences. One statement."""
    found = with_differences(transfers, today).aggregate(
        n=Count("pk", distinct=True), since=Min("shipped_at"), units=Sum("lines__in_transit_quantity")
    )
    return Waiting(found["n"], found["since"], found["units"] or 0)


def adjustments_waiting(adjustments: QuerySet[StockAdjustment]) -> Waiting:
    """Adjustments that wait for a second person. One statement."""
    found = adjustments.filter(state=StockAdjustmentState.WAITING).aggregate(n=Count("pk"), since=Min("asked_at"))
    return Waiting(found["n"], found["since"])


def lines_of_transfer(transfer: Transfer) -> list[TransferLine]:
    """Its lines with their SKUs, in the order in which they were written."""
    return list(transfer.lines.select_related("sku").order_by("pk"))


def steps_of(model: str, object_id: int) -> list[Transition]:
    """Every change of an object's state, newest first."""
    return list(Transition.objects.filter(model=model, object_id=object_id).order_by("-pk"))


def atp_at(node_id: int, sku_ids: Iterable[int]) -> dict[int, int]:
    """ATP of SKUs at a node; what it never had is left out."""
    rows = StockLevel.objects.filter(node_id=node_id, sku__in=list(sku_ids))
    return {row.sku_id: row.atp for row in rows}


def shelves_at(node_id: int, sku_ids: Iterable[int]) -> dict[int, str]:
    """The shelf of each SKU at a node, where it is known."""
    rows = StockLevel.objects.filter(node_id=node_id, sku__in=list(sku_ids)).exclude(bin_code="")
    return dict(rows.values_list("sku_id", "bin_code"))


@dataclass(frozen=True, slots=True)
class ScannedUnit:
    """What a scanned code means for a transfer. Without `line` it is not wanted; without `sku` nobody knows it."""

    sku: Sku | None
    line: TransferLine | None = None
    serial: str = ""
    lot: str = ""


def read_unit(
    lines: Sequence[TransferLine], text: str, *, node_id: int, bucket: str = Bucket.ON_HAND, reference: str = ""
) -> ScannedUnit:
    """A scanned or typed code: a SKU or its barcode, a serial number or a lot of a wanted SKU.

    Serial numbers are looked for in a bucket of a node, with `reference` only those that travel under this number.
    """
    code = text.strip()[:80]
    by_sku = {line.sku_id: line for line in lines}
    sku = find_sku_by_code_or_barcode(code)
    if sku is not None:
        return ScannedUnit(sku, by_sku.get(sku.pk))
    serials = SerialNumber.objects.filter(number=code, sku__in=by_sku).select_related("sku")
    here = Q(node_id=node_id, bucket=bucket) & (Q(reference=reference) if reference else Q())
    serial = serials.filter(here).order_by("pk").first() or serials.order_by("pk").first()
    if serial is not None:
        return ScannedUnit(serial.sku, by_sku[serial.sku_id], serial=serial.number)
    lot = Lot.objects.filter(code__iexact=code, sku__in=by_sku).select_related("sku").order_by(F("pk")).first()
    if lot is not None:
        return ScannedUnit(lot.sku, by_sku[lot.sku_id], lot=lot.code)
    return ScannedUnit(None)
