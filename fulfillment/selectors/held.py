"""Packed parcels that may not leave: a lot in them was blocked or expired since, a serial number lies elsewhere, or the
store that they go to was switched off."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from fulfillment.models import FulfillmentOrderKind, PickedUnit, Shipment, ShipmentItem, ShipmentState
from fulfillment.selectors.units import units_of_items
from inventory.models import Bucket, Lot, Node
from oms.core.clock import now
from oms.core.db import fetch_all

#: States of a parcel that is closed and still at the node.
BEFORE_ROAD = (ShipmentState.CREATED, ShipmentState.LABELLED, ShipmentState.MANIFESTED)


@dataclass(frozen=True, slots=True)
class HeldUnits:
    """Units in a packed parcel that may not leave with it. `why` is the end of a sentence."""

    shipment: Shipment
    item: ShipmentItem
    unit: PickedUnit
    why: str

    @property
    def words(self) -> str:
        """What is held and why, without the parcel."""
        name = f"lot {self.unit.lot.code}" if self.unit.lot is not None else f"serial number {self.unit.serial}"
        return f"{name} of {self.item.line.sku.code} {self.why}"

    @property
    def sentence(self) -> str:
        """The parcel, its order, and what of it is held."""
        return f"{self.shipment} of {self.shipment.order.number}: {self.words}"


@dataclass(frozen=True, slots=True)
class HeldParcel:
    """A packed parcel to the store of collection that may not leave, because the store is switched off."""

    shipment: Shipment
    store: str

    @property
    def words(self) -> str:
        """Why it may not leave, without the parcel."""
        return f"{self.store}, where its order is collected, is switched off"

    @property
    def sentence(self) -> str:
        """The parcel, its order, and why it stays."""
        return f"{self.shipment} of {self.shipment.order.number}: {self.words}"


#: What may not leave: units in a parcel, or the parcel itself.
Held = HeldUnits | HeldParcel


@dataclass(frozen=True, slots=True)
class HeldCount:
    """How many packed parcels hold how many units that may not leave: of which lots, by id, and how many serials."""

    parcels: int
    units: int
    lots: frozenset[int]
    serials: int


def why_not_leave(lot: Lot, day: date) -> str:
    """Why units of a lot that are packed do not leave on that day; nothing where they may.

    The days that must be left when it is sold are those of the day on which it was packed.
    """
    if lot.is_blocked:
        return f"is blocked ({lot.block_reason})" if lot.block_reason else "is blocked"
    if lot.expires_on is not None and lot.expires_on < day:
        return f"expired on {lot.expires_on:%d %b %Y}"
    return ""


def held_units(items: Iterable[ShipmentItem], shipments: Mapping[int, Shipment]) -> list[HeldUnits]:
    """What of these items may not leave, parcel by parcel. One statement, or none where nothing is kept by lot.

    `line__sku` of the items must be loaded, and order and node of the `shipments` (by id).
    """
    rows = list(items)
    found = units_of_items(rows)
    held: list[HeldUnits] = []
    for item in rows:
        parcel = shipments[item.shipment_id]
        for unit in found.get(item.pk, ()):
            why = _why(unit, parcel)
            if why:
                held.append(HeldUnits(parcel, item, unit, why))
    return held


def _why(unit: PickedUnit, parcel: Shipment) -> str:
    if unit.lot is not None:
        return why_not_leave(unit.lot, parcel.node.today())
    serial = unit.serial
    if serial is None or (serial.bucket == Bucket.PACKED and serial.node_id == parcel.node_id):
        return ""
    return f"is {serial.get_bucket_display().lower()} by the books"


def held_by_stores(shipments: Iterable[Shipment]) -> list[HeldParcel]:
    """Those of these parcels that go to a store which is switched off. One statement, or none without parcels."""
    by_id = {row.pk: row for row in shipments}
    if not by_id:
        return []
    closed = Node.objects.filter(is_active=False).values("code")
    rows = Shipment.objects.filter(
        pk__in=by_id, fulfillment_order__kind=FulfillmentOrderKind.TRANSFER, order__pickup_node_code__in=closed
    )  # fmt: skip
    found = rows.order_by("pk").values_list("pk", "order__pickup_node_code")
    return [HeldParcel(by_id[pk], code) for pk, code in found]


def contents_of(shipments: Iterable[Shipment]) -> list[ShipmentItem]:
    """What is in these parcels, with line and SKU. One statement."""
    rows = ShipmentItem.objects.select_related("line__sku").filter(shipment__in=[row.pk for row in shipments])
    return list(rows.order_by("pk"))


def held_parcels(shipments: Sequence[Shipment]) -> dict[int, list[Held]]:
    """What may not leave of those of these parcels that are still at the node, by their id; in three statements."""
    here = [row for row in shipments if row.state in BEFORE_ROAD]
    return _held(here, contents_of(here), held_by_stores(here)) if here else {}


def held_of_loaded(shipments: Sequence[Shipment]) -> dict[int, list[Held]]:
    """As `held_parcels`, of parcels that were read `with_contents`; without a statement where no lot is in them."""
    here = [row for row in shipments if row.state in BEFORE_ROAD]
    to_stores = [row for row in here if row.fulfillment_order.kind == FulfillmentOrderKind.TRANSFER]
    return _held(here, [item for row in here for item in row.items.all()], held_by_stores(to_stores))


def _held(
    here: Sequence[Shipment], contents: Sequence[ShipmentItem], closed: Sequence[HeldParcel]
) -> dict[int, list[Held]]:
    found: dict[int, list[Held]] = {}
    for item in held_units(contents, {row.pk: row for row in here}):
        found.setdefault(item.shipment.pk, []).append(item)
    for parcel in closed:
        found.setdefault(parcel.shipment.pk, []).append(parcel)
    return found


_HELD = """
FROM fulfillment_shipment parcel
JOIN fulfillment_shipmentitem item ON item.shipment_id = parcel.id
JOIN fulfillment_pickedunit unit ON unit.item_id = item.id
JOIN inventory_node node ON node.id = parcel.node_id
LEFT JOIN inventory_lot lot ON lot.id = unit.lot_id
LEFT JOIN inventory_serialnumber serial ON serial.id = unit.serial_id
WHERE parcel.state IN ('created', 'labelled', 'manifested')
  AND (lot.is_blocked OR lot.expires_on < (%(at)s::timestamptz AT TIME ZONE node.time_zone)::date
       OR serial.id IS NOT NULL AND (serial.bucket <> 'packed' OR serial.node_id IS DISTINCT FROM parcel.node_id))
  AND (%(nodes)s::bigint[] IS NULL OR parcel.node_id = ANY(%(nodes)s))
"""
_COUNT = f"""
SELECT count(DISTINCT parcel.id), coalesce(sum(unit.quantity), 0)::int,
    array_agg(DISTINCT lot.id) FILTER (WHERE lot.id IS NOT NULL), count(DISTINCT serial.id) {_HELD}
"""
_IDS = f"SELECT DISTINCT parcel.id {_HELD} ORDER BY parcel.id LIMIT %(most)s"


def count_held(node_ids: Collection[int] | None = None) -> HeldCount:
    """Packed parcels at these nodes, or at all, that may not leave (see `held_units`). One statement."""
    values = {"at": now(), "nodes": list(node_ids) if node_ids is not None else None}
    [(parcels, units, lots, serials)] = fetch_all(_COUNT, values)
    return HeldCount(parcels, units, frozenset(lots or ()), serials)


def ids_of_held(node_ids: Collection[int], *, most: int = 200) -> list[int]:
    """Ids of the packed parcels at these nodes that may not leave (see `held_units`), the oldest first."""
    return [row[0] for row in fetch_all(_IDS, {"at": now(), "nodes": list(node_ids), "most": most})]
