"""Parcels that leave for the store where their order is collected: on the road, and awaited at the store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from fulfillment.events import SentToStore
from fulfillment.models import (
    FulfillmentLine,
    FulfillmentOrder,
    FulfillmentOrderKind,
    FulfillmentOrderState,
    Shipment,
    ShipmentItem,
)
from fulfillment.selectors.arrivals import ITEM_KEY
from inventory.models import Node
from inventory.services import Leaving, Units, send_for_order
from oms.core.clock import now
from oms.core.errors import Conflict
from oms.core.outbox import publish
from routing.services import transfer_days


def is_transfer(shipment: Shipment) -> bool:
    """The parcel goes to the store where its order is collected."""
    return shipment.fulfillment_order.kind == FulfillmentOrderKind.TRANSFER


def store_of(shipment: Shipment) -> Node:
    """The store where the order of a parcel is collected. Raises Conflict where there is none any more."""
    store = Node.objects.filter(code=shipment.order.pickup_node_code).first()
    if store is None or store.pk == shipment.node_id:
        raise Conflict(f"{shipment.order.number} is collected at no store: {shipment} cannot be sent there.")
    return store


def key_of(item: ShipmentItem) -> str:
    """What the stock room calls the units of a parcel's item while they are on the road."""
    return f"{ITEM_KEY}{item.pk}"


def send_to_stores(
    leaving: Sequence[Shipment], books: Iterable[tuple[ShipmentItem, int, Units]], *, actor: str
) -> None:  # fmt: skip
    """Locked parcels that were handed over are on the road: their units are in transit, and the stores wait for them.

    `books` is what of them can be posted out of packed. The units of the order stay packed: no customer has them.
    Publishes SentToStore for each.
    """
    stores = {shipment.pk: store_of(shipment) for shipment in leaving}
    by_id = {shipment.pk: shipment for shipment in leaving}
    units: dict[int, list[Units]] = {}
    items: dict[int, ShipmentItem] = {}
    for item, _, part in books:
        if item.shipment_id in by_id:
            items[item.pk] = item
            units.setdefault(item.pk, []).append(part)
    send_for_order(
        [
            Leaving(
                key=key_of(item), sku_id=item.line.sku_id, from_node_id=by_id[item.shipment_id].node_id,
                to_node_id=stores[item.shipment_id].pk, reference=by_id[item.shipment_id].order.number,
                units=tuple(units[pk]),
            )
            for pk, item in items.items()
        ],
        actor=actor,
    )  # fmt: skip
    for shipment in leaving:
        _await(shipment, stores[shipment.pk])
    publish([SentToStore(shipment_id=row.pk, order_id=row.order_id, node_id=stores[row.pk].pk) for row in leaving])


def _await(shipment: Shipment, store: Node) -> None:
    """The store's work: what came in the parcel will be handed out there. Nothing of it is left to pick."""
    order = shipment.order
    work = FulfillmentOrder.objects.create(
        number=f"{order.number}-{order.fulfillment_orders.count() + 1}", order=order, node=store,
        kind=FulfillmentOrderKind.PICKUP, state=FulfillmentOrderState.WAITING_TRANSFER, due_at=due_at(shipment, store),
        arrives_in=shipment,
    )  # fmt: skip
    FulfillmentLine.objects.bulk_create(
        FulfillmentLine(
            fulfillment_order=work, order_line_id=item.line.order_line_id, sku_id=item.line.sku_id,
            quantity=item.quantity, picked=item.quantity, packed=item.quantity,
        )
        for item in shipment.items.select_related("line").order_by("pk")
    )  # fmt: skip


def due_at(shipment: Shipment, store: Node) -> datetime:
    """When a parcel that leaves now should be at its store: by the end of the carrier's day there, else as promised.

    Where nobody named a day it is due after the days that its rule allows for the way.
    """
    if shipment.expected_delivery is None:
        return shipment.order.promised_by or now() + timedelta(days=transfer_days(shipment.order_id))
    zone = ZoneInfo(str(store.time_zone))
    return datetime.combine(shipment.expected_delivery, time(23, 59), zone).astimezone(UTC)
