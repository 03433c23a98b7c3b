"""Which lots and serial numbers lie in totes and parcels. SKUs that are kept by quantity cost no statement."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.db.models import Count, F, Q, QuerySet, Sum, Window
from django.db.models.functions import RowNumber

from fulfillment.models import FulfillmentLine, PickedUnit, ShipmentItem, ShipmentState
from inventory.models import Bucket, Lot, LotLevel, Node, SerialNumber, Sku, Tracking
from inventory.services import may_be_sold


@dataclass(frozen=True, slots=True)
class LotHere:
    """Units of a lot at a node that lie in no tote and may be sold."""

    lot: Lot
    units: int


def is_tracked(line: FulfillmentLine) -> bool:
    """The SKU of the line, which must be loaded, is kept by lot or serial number."""
    return line.sku.tracking != Tracking.NONE


def units_of_lines(lines: Iterable[FulfillmentLine]) -> dict[int, list[PickedUnit]]:
    """What was taken for each line, in totes and in parcels that were not opened again, by line id."""
    wanted = [line.pk for line in lines if is_tracked(line)]
    if not wanted:
        return {}
    live = Q(item__isnull=True) | ~Q(item__shipment__state=ShipmentState.CANCELLED)
    return _by(PickedUnit.objects.filter(live, line__in=wanted), "line_id")


def units_of_items(items: Iterable[ShipmentItem]) -> dict[int, list[PickedUnit]]:
    """What each item of a parcel is made of, by item id; `line__sku` must be loaded."""
    wanted = [item.pk for item in items if is_tracked(item.line)]
    return _by(PickedUnit.objects.filter(item__in=wanted), "item_id") if wanted else {}


def _by(rows: QuerySet[PickedUnit], field: str) -> dict[int, list[PickedUnit]]:
    found: dict[int, list[PickedUnit]] = defaultdict(list)
    for row in rows.select_related("lot", "serial").order_by("pk"):
        found[getattr(row, field)].append(row)
    return found


def units_in_totes(
    sku_ids: Collection[int], node_ids: Collection[int], *, besides: Collection[int] = ()
) -> dict[tuple[int, int], int]:
    """Units of lots of these SKUs that lie in totes at these nodes, by (node id, lot id), `besides` these lines'."""
    rows = (
        PickedUnit.objects.filter(
            item__isnull=True, lot__isnull=False, line__sku__in=sku_ids, line__fulfillment_order__node__in=node_ids
        )
        .exclude(line__in=besides).order_by()
        .values_list("line__fulfillment_order__node_id", "lot_id").annotate(sum=Sum("quantity"))
    )  # fmt: skip
    return {(node_id, lot_id): units for node_id, lot_id, units in rows}


def lots_here(node: Node, skus: Collection[Sku]) -> dict[int, list[LotHere]]:
    """Lots of each SKU that a picker may take from, by SKU id, the first to expire first. Two statements, or none."""
    by_id = {sku.pk: sku for sku in skus if sku.tracking == Tracking.LOT}
    if not by_id:
        return {}
    day = node.today()
    taken = units_in_totes(by_id, [node.pk])
    rows = LotLevel.objects.filter(node=node, lot__sku__in=by_id, on_hand__gt=0).select_related("lot")
    found: dict[int, list[LotHere]] = defaultdict(list)
    for row in rows.order_by(F("lot__expires_on").asc(nulls_last=True), "lot_id"):
        units = row.on_hand - taken.get((node.pk, row.lot_id), 0)
        if units > 0 and may_be_sold(row.lot, by_id[row.lot.sku_id], day):
            found[row.lot.sku_id].append(LotHere(row.lot, units))
    return found


def serials_on_hand(sku_ids: Collection[int], node_id: int) -> QuerySet[SerialNumber]:
    """Serial numbers of these SKUs on hand at a node that lie in no tote, by number."""
    picked = PickedUnit.objects.filter(item__isnull=True, serial__isnull=False, line__sku__in=sku_ids)
    rows = SerialNumber.objects.filter(sku__in=sku_ids, node=node_id, bucket=Bucket.ON_HAND)
    return rows.exclude(pk__in=picked.values("serial_id")).order_by("number")


@dataclass(frozen=True, slots=True)
class SomeSerials:
    """The first serial numbers of a SKU at a node, and how many there are in all."""

    numbers: tuple[str, ...] = ()
    count: int = 0


def some_serials(sku_ids: Collection[int], node_id: int, *, most: int) -> dict[int, SomeSerials]:
    """At most so many of the serial numbers that a picker may take of each SKU, by SKU id. One statement, or none."""
    found: dict[int, SomeSerials] = {}
    if not sku_ids:
        return found
    rows = serials_on_hand(sku_ids, node_id).annotate(
        place=Window(RowNumber(), partition_by="sku_id", order_by="number"),
        together=Window(Count("pk"), partition_by="sku_id"),
    )
    for sku_id, number, together in rows.filter(place__lte=most).values_list("sku_id", "number", "together"):
        before = found.get(sku_id, SomeSerials())
        found[sku_id] = SomeSerials((*before.numbers, number), together)
    return found


def lots_to_take(here: Iterable[LotHere], quantity: int) -> list[LotHere]:
    """From which lots so many units come: first expired, first out."""
    shares = []
    for lot in here:
        units = min(lot.units, quantity)
        if units > 0:
            shares.append(LotHere(lot.lot, units))
            quantity -= units
    return shares


def in_words(units: Iterable[PickedUnit]) -> str:
    """Lots with their expiry and units, serial numbers: one line for people and paper."""
    rows = list(units)
    lots: Counter[str] = Counter()
    for row in rows:
        if row.lot is not None:
            until = f" (expires {row.lot.expires_on:%d %b %Y})" if row.lot.expires_on else ""
            lots[f"{row.lot.code}{until}"] += row.quantity
    numbers = [row.serial.number for row in rows if row.serial is not None]
    return ", ".join([*(f"{units} of lot {text}" for text, units in lots.items()), *numbers])
