"""Goods of other nodes for orders to collect: what a store waits for, and what an order waits for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat

from fulfillment.models import (
    FulfillmentLine,
    FulfillmentOrder,
    FulfillmentOrderKind,
    FulfillmentOrderState,
    PickedUnit,
    Shipment,
    ShipmentItem,
    ShipmentState,
)
from fulfillment.selectors.pickups import unstaged
from fulfillment.selectors.units import is_tracked, units_of_items
from inventory.models import Bucket, CarriedGoods
from oms.core.clock import now
from orders.models import OrderLine

State = FulfillmentOrderState
#: What the stock room calls the units of a parcel's item while they are on the road: this, and the item's id.
ITEM_KEY = "parcel-item/"
_CARRIED = CarriedGoods.objects.filter(
    in_transit__gt=0, key=Concat(Value(ITEM_KEY), Cast(OuterRef("pk"), CharField()))
)  # fmt: skip
#: Work whose own parcel has something in transit.
_ON_THE_ROAD = Exists(ShipmentItem.objects.filter(Exists(_CARRIED), shipment=OuterRef("arrives_in")))
#: Work that sends to a store, or waits there for what is sent.
_UNDER_WAY = Q(kind=FulfillmentOrderKind.TRANSFER, state__in=FulfillmentOrder.LIVE) | Q(state=State.WAITING_TRANSFER)

#: Units that will be at the store without anybody's doing more than their work.
_TO_COME = Q(unallocated__gt=0) | Q(allocated__gt=0) | Q(released__gt=0) | Q(picked__gt=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """A parcel that a store waits for: its work there, and what is in it.

    `is_for_stock`: the order does not want it any more, so that what comes is stock of the store.
    """

    work: FulfillmentOrder
    parcel: Shipment
    lines: list[FulfillmentLine] = field(default_factory=list)
    is_for_stock: bool = False
    is_late: bool = False

    @property
    def units(self) -> int:
        """Everything in the parcel."""
        return sum(line.quantity for line in self.lines)


@dataclass(frozen=True, slots=True)
class OnTheRoad:
    """What of a parcel's item is in transit by the books; `named` are its lots and serial numbers.

    Nothing is where the item's serial numbers are somewhere else by the books, or where it was settled.
    """

    item: ShipmentItem
    units: int
    named: tuple[PickedUnit, ...] = ()


def on_the_road(parcel_id: int) -> list[OnTheRoad]:
    """The items of a parcel to a store, each with what of it is on the road. Three statements at most."""
    items = list(ShipmentItem.objects.select_related("line__sku").filter(shipment=parcel_id).order_by("pk"))
    carried = CarriedGoods.objects.filter(key__in=[f"{ITEM_KEY}{item.pk}" for item in items], in_transit__gt=0)
    units = dict(carried.values_list("key", "in_transit"))
    named = units_of_items(items)
    found = []
    for item in items:
        left = units.get(f"{ITEM_KEY}{item.pk}", 0)
        # A serial number that left by mistake is not on the road by the books.
        rows = [
            row for row in named.get(item.pk, ())
            if left and (row.serial is None or row.serial.bucket == Bucket.TRANSIT)
        ]  # fmt: skip
        left = sum(row.quantity for row in rows) if is_tracked(item.line) else left
        found.append(OnTheRoad(item, left, tuple(rows)))
    return found


def awaited_at(node_id: int) -> list[Awaited]:
    """Parcels on their way to a store for orders to collect there, the first due first. Two statements."""
    return _awaited(_to_settle().filter(node=node_id))


def awaited_work(node_id: int, work_id: int) -> Awaited | None:
    """One of them; None where this store does not wait for it."""
    return next((item for item in awaited_at(node_id) if item.work.pk == work_id), None)


def find_awaited(node_id: int, code: str) -> Awaited | None:
    """The awaited parcel of a scanned AWB, of its order's number, or of the number of its work."""
    wanted = code.strip().casefold()
    if not wanted:
        return None
    return next((item for item in awaited_at(node_id) if wanted in _codes(item)), None)


def _codes(item: Awaited) -> set[str]:
    work = item.parcel.fulfillment_order
    return {code.casefold() for code in (item.parcel.awb, item.work.order.number, item.work.number, work.number)}


def awaited_parcel(parcels: QuerySet[Shipment], awb: str) -> Awaited | None:
    """The one of these parcels with this AWB that goes to a store and has not been settled there; else None."""
    wanted = awb.strip()
    if not wanted:
        return None
    return next(iter(_awaited(_to_settle().filter(arrives_in__in=parcels.filter(awb=wanted)))), None)


def waiting_transfers(order_id: int) -> list[Awaited]:
    """Parcels of an order on their way to its store. Two statements."""
    return _awaited(_works().filter(order=order_id, state=State.WAITING_TRANSFER))


def _to_settle() -> QuerySet[FulfillmentOrder]:
    """Work that still waits for its parcel, and cancelled work whose parcel is on the road."""
    references = CarriedGoods.objects.filter(in_transit__gt=0).values("reference")
    cancelled = Q(_ON_THE_ROAD, state=State.CANCELLED, order__number__in=references)
    return _works().filter(Q(state=State.WAITING_TRANSFER) | cancelled)


def _works() -> QuerySet[FulfillmentOrder]:
    return FulfillmentOrder.objects.select_related(
        "order", "node", "arrives_in__node", "arrives_in__fulfillment_order", "arrives_in__carrier_account"
    ).filter(arrives_in__isnull=False)


def _awaited(rows: QuerySet[FulfillmentOrder]) -> list[Awaited]:
    works = sorted(rows, key=lambda work: (work.due_at is None, work.due_at or now(), work.pk))
    lines: dict[int, list[FulfillmentLine]] = {}
    of_works = FulfillmentLine.objects.select_related("sku", "order_line").filter(fulfillment_order__in=works)
    for line in of_works.order_by("pk"):
        lines.setdefault(line.fulfillment_order_id, []).append(line)
    return [
        Awaited(
            work=work, parcel=work.arrives_in, lines=lines.get(work.pk, []),
            is_for_stock=work.state == State.CANCELLED, is_late=is_late(work.due_at),
        )
        for work in works if work.arrives_in is not None
    ]  # fmt: skip


def is_late(due_at: datetime | None) -> bool:
    """Whether a parcel should be there already."""
    return due_at is not None and due_at < now()


def ready_parcels(order_ids: Collection[int]) -> dict[int, int]:
    """Orders that lie ready to collect with nothing still to come, each with the id of its newest ready parcel.

    To come is what is on its way to the store or will be: sent, waited for, at work in a node, given to one, or not
    decided yet, and the way to the shelf in a store that puts parcels on one. Units that no node has (backordered) hold
    nothing back: nobody knows when they come. One statement where nothing lies ready, else four.
    """
    rows = Shipment.objects.filter(
        order__in=list(order_ids), state=ShipmentState.CREATED, fulfillment_order__kind=FulfillmentOrderKind.PICKUP
    )  # fmt: skip
    newest = dict(rows.order_by("pk").values_list("order_id", "pk")) if order_ids else {}
    if not newest:
        return {}
    to_come = OrderLine.objects.filter(_TO_COME, order__in=newest, sku_id__isnull=False)
    under_way = FulfillmentOrder.objects.filter(_UNDER_WAY, order__in=newest)
    still = {*to_come.values_list("order_id", flat=True), *under_way.values_list("order_id", flat=True)}
    still.update(unstaged(rows).values_list("order_id", flat=True))
    return {order_id: pk for order_id, pk in newest.items() if order_id not in still}
