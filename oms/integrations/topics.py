"""Every topic on one screen: the event it follows, and who makes its payload. A new topic is a new row here."""

from __future__ import annotations

from typing import Any

from fulfillment.events import ShipmentDelivered, ShipmentHandedOver
from inventory.events import NodeSwitched, StockArrived, StockChanged
from oms.integrations import payloads as tell
from oms.integrations.news import Topic
from orders.events import LineSubstituted, OrderCancelled, OrderCaptured, SubstitutionTakenBack
from returns.events import ReturnReceived
from routing.events import OrderRouted, OrderUnroutable

#: The topic of messages that a person sends to try an endpoint.
TEST_TOPIC = "webhook.test"
#: The topic whose payload is read when it is sent.
LEVEL_TOPIC = "stock.level_changed"

_ORDER = {"number": "OM-100231", "channel": "web", "external_id": "5001", "external_number": "#1001"}
_ORDER_LINE = {"external_id": "9001", "sku": "KURTA-M", "quantity": 2}
_SUBSTITUTION: dict[str, Any] = _ORDER | {
    "units": 2, "line": {"external_id": "9001", "sku": "KURTA-M"},
    "substitute": {"id": 71, "sku": "KURTA-L", "unit_price_minor": 99900},
}  # fmt: skip
_PARCEL: dict[str, Any] = {
    "id": 812, "order": _ORDER, "node": "blr-01", "awb": "14112233445566", "courier": "Bluedart Surface",
    "weight_grams": 850, "handed_over_at": "2026-11-21T10:05:00+00:00", "delivered_at": None, "lines": [_ORDER_LINE],
}  # fmt: skip

TOPICS: tuple[Topic, ...] = (
    Topic(
        name=LEVEL_TOPIC, event=StockChanged, title="Stock of a SKU changed", build=tell.levels_changed,
        example={"sku": "KURTA-M", "version": 1795245600000000,
                 "nodes": [{"node": "blr-01", "on_hand": 10, "reserved": 3, "safety_stock": 1, "atp": 6}]},
    ),
    Topic(
        name="stock.arrived", event=StockArrived, title="Stock arrived at a node", build=tell.stock_arrived,
        example={"node": "blr-01", "skus": ["KURTA-M", "SAREE-1"]},
    ),
    Topic(
        name="node.switched", event=NodeSwitched, title="A node was switched on or off", build=tell.node_switched,
        example={"node": "blr-01", "name": "Bengaluru", "active": False, "reason": "Power cut"},
    ),
    Topic(
        name="order.captured", event=OrderCaptured, title="An order came in", build=tell.order_captured,
        example=_ORDER | {
            "placed_at": "2026-11-20T06:30:00+00:00", "promised_by": None, "on_hold": False, "currency": "INR",
            "total_minor": 199800, "payment_method": "prepaid", "service_level": "standard",
            "ship_to": {"city": "Bengaluru", "region": "Karnataka", "postcode": "560001", "country": "IN"},
            "lines": [_ORDER_LINE | {"id": 77, "unit_price_minor": 99900}],
        },
    ),
    Topic(
        name="order.routed", event=OrderRouted, title="An order was given to nodes", build=tell.order_routed,
        example=_ORDER | {"nodes": ["blr-01"], "complete": True},
    ),
    Topic(
        name="order.unroutable", event=OrderUnroutable, title="No node can take an order", build=tell.order_unroutable,
        example=_ORDER | {"reason": "No node has KURTA-M."},
    ),
    Topic(
        name="order.cancelled", event=OrderCancelled, title="An order, or part of it, was cancelled",
        build=tell.order_cancelled,
        example=_ORDER | {"units": 1, "whole": False,
                          "lines": [{"external_id": "9001", "sku": "KURTA-M", "cancelled": 1}]},
    ),
    Topic(
        name="order.substituted", event=LineSubstituted, title="Another SKU is sold for units of an order",
        build=tell.line_substituted, example=_SUBSTITUTION,
    ),
    Topic(
        name="order.substitute_taken_back", event=SubstitutionTakenBack, title="A substitute was taken back",
        build=tell.substitution_taken_back, example=_SUBSTITUTION,
    ),
    Topic(
        name="shipment.handed_over", event=ShipmentHandedOver, title="A parcel left a node", build=tell.handed_over,
        example=_PARCEL,
    ),
    Topic(
        name="shipment.delivered", event=ShipmentDelivered, title="A parcel was delivered", build=tell.delivered,
        example=_PARCEL | {"delivered_at": "2026-11-23T09:40:00+00:00"},
    ),
    Topic(
        name="return.received", event=ReturnReceived, title="Returned goods were received", build=tell.return_received,
        example={"number": "RT-100012", "kind": "customer", "order": _ORDER, "node": "blr-01",
                 "received_at": "2026-11-28T07:00:00+00:00",
                 "lines": [_ORDER_LINE | {"disposition": "restock"}]},
    ),
)  # fmt: skip

BY_NAME: dict[str, Topic] = {topic.name: topic for topic in TOPICS}


def topic_title(name: str) -> str:
    """A topic in words for people."""
    if name == TEST_TOPIC:
        return "A test"
    topic = BY_NAME.get(name)
    return topic.title if topic else name
