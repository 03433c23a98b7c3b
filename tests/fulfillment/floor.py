"""Work on the floor, brought as far as a test needs it."""

from __future__ import annotations

from carriers.models import CarrierAccount, RateCard
from fulfillment.models import FulfillmentOrder, Shipment
from fulfillment.services import accept, book_shipment, open_fulfillment_orders, pack, pick_all
from inventory.models import Node, Sku, StockLevel
from orders.canonical import CanonicalLine
from orders.models import Order, OrderLine
from routing.services import route_orders
from tests.factories import World, capture, make_order


def make_carrier(code: str = "riders", **fields: object) -> CarrierAccount:
    """A courier without an API: books in this process, prices by the sample card."""
    defaults: dict[str, object] = {"name": code.title(), "adapter": "manual", "priority": 10}
    return CarrierAccount.objects.create(code=code, **(defaults | fields))


def card_to(*rows: str) -> RateCard:
    """A rate card that goes to these zones and countries, at one price and in six days."""
    slab = {"first_grams": 500, "first_minor": 120_000, "additional_grams": 500, "additional_minor": 40_000, "days": 6}
    return RateCard.objects.create(code="card", name="Card", zones=dict.fromkeys(rows, slab))


def make_work(world: World, external_id: str, *lines: CanonicalLine, **fields: object) -> FulfillmentOrder:
    """An order captured, routed and opened as work of one node."""
    order_id = capture(world, make_order(external_id, *lines, **fields))
    route_orders([order_id], trigger="captured")
    [work_id] = open_fulfillment_orders([order_id])
    return FulfillmentOrder.objects.get(pk=work_id)


def picked(work: FulfillmentOrder) -> FulfillmentOrder:
    """Everything of it lies in the tote."""
    accept(fulfillment_order_ids=[work.pk], actor="Asha")
    return pick_all(fulfillment_order_id=work.pk, actor="Asha")


def packed(work: FulfillmentOrder) -> Shipment:
    """One closed parcel."""
    picked(work)
    [shipment] = pack(fulfillment_order_id=work.pk, actor="Asha")
    return shipment


def labelled(work: FulfillmentOrder) -> Shipment:
    """One parcel with a label; there must be a carrier."""
    book_shipment(packed(work).pk)
    return Shipment.objects.get(fulfillment_order=work)


def stock_of(sku: Sku, node: Node) -> dict[str, int]:
    """The balances that are not zero."""
    level = StockLevel.objects.get(sku=sku, node=node)
    names = ("on_hand", "reserved", "packed", "damaged", "quarantine")
    return {name: getattr(level, name) for name in names if getattr(level, name)}


def units_of(order: Order | int) -> dict[str, int]:
    """Where the order's units are, all lines together, buckets that are not empty."""
    names = ("unallocated", "backordered", "allocated", "released", "picked", "packed", "shipped", "cancelled",
             "delivered", "returned")  # fmt: skip
    lines = OrderLine.objects.filter(order=order)
    sums = {name: sum(getattr(line, name) for line in lines) for name in names}
    return {name: units for name, units in sums.items() if units}
