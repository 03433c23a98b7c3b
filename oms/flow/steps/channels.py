"""Channels: what they sent is read, what they may sell and what became of their orders is told."""

from __future__ import annotations

import time
from collections.abc import Sequence

from django.db import transaction

from channels.events import ListingsDirty, MessagesReceived, OrderUpdateQueued
from channels.services import (
    OrderNews,
    process_inbox,
    push_order_updates,
    queue_order_update,
    queue_order_updates,
    recount_due,
)
from channels.services import push_stock as push_stock_of
from fulfillment.events import FulfillmentReleased, ShipmentDelivered, ShipmentHandedOver
from fulfillment.models import Shipment
from inventory.events import StockChanged
from inventory.services import apply_buffers_after
from oms.core.events import Event
from oms.core.outbox import publish
from oms.notifications.links import tracking_url
from orders.events import OrderCancelled

#: While messages keep coming, reading them gives way to the other urgent steps after this long.
INBOX_SECONDS = 1.0


#: So many are read between two looks at the clock.
INBOX_MESSAGES = 100


def read_inbox(events: Sequence[Event]) -> None:
    """Turn messages into orders and changes of orders."""
    deadline = time.monotonic() + INBOX_SECONDS
    for account_id in sorted({event.account_id for event in events if isinstance(event, MessagesReceived)}):
        while sum(process_inbox(account_id, limit=INBOX_MESSAGES).counts.values()):
            if time.monotonic() > deadline:
                _read_on(account_id)
                break


def _read_on(account_id: int) -> None:
    with transaction.atomic():
        publish([MessagesReceived(account_id=account_id)])


def count_sellable(events: Sequence[Event]) -> None:
    """Work out what channels may sell of SKUs whose ATP changed, after the buffer rules had their say.

    What the database noted is counted with them; the clock takes what no event speaks of.
    """
    changes = [event for event in events if isinstance(event, StockChanged)]
    apply_buffers_after(changes)
    recount_due(sku for change in changes for sku in change.sku_ids)


def push_stock(events: Sequence[Event]) -> None:
    """Tell channels what they may sell. One that fails is tried again by the clock, not once for each event."""
    for account_id in sorted({event.account_id for event in events if isinstance(event, ListingsDirty)}):
        push_stock_of(account_id)


def tell_channel(events: Sequence[Event]) -> None:
    """Queue what a channel should know of its orders."""
    news: list[OrderNews] = []
    for event in events:
        match event:
            case FulfillmentReleased(order_id=order_id):
                news.append(OrderNews(order_id=order_id, kind="processing", update_key=f"processing/{order_id}"))
            case ShipmentHandedOver():
                news.append(_shipped(event.shipment_id))
            case ShipmentDelivered():
                key = f"delivered/{event.shipment_id}"
                news.append(OrderNews(order_id=event.order_id, kind="delivered", update_key=key))
            case _:
                continue
    queue_order_updates(news)
    for event in events:
        if isinstance(event, OrderCancelled):
            key = f"cancelled/{event.order_id}/{event.seq}"
            queue_order_update(order_id=event.order_id, kind="cancelled", update_key=key)


def _shipped(shipment_id: int) -> OrderNews:
    shipment = Shipment.objects.select_related("order").get(pk=shipment_id)
    lines: dict[int, int] = {}
    for item in shipment.items.select_related("line"):
        lines[item.line.order_line_id] = lines.get(item.line.order_line_id, 0) + item.quantity
    return OrderNews(
        order_id=shipment.order_id, kind="shipped", update_key=f"shipped/{shipment.pk}", awb=shipment.awb,
        carrier_name=shipment.courier_name, tracking_url=tracking_url(shipment.order), lines=lines,
    )  # fmt: skip


def push_updates(events: Sequence[Event]) -> None:
    """Tell channels what became of their orders."""
    push_order_updates(ids=[event.update_id for event in events if isinstance(event, OrderUpdateQueued)])
