"""A SKU kept by lot and one kept by serial number, with orders under way: one in a tote, one packed, one to pick."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django.templatetags.static import static

from channels.models import ChannelAccount
from channels.services import submit_orders
from fulfillment.models import FulfillmentOrder
from fulfillment.services import LineUnits, accept, open_fulfillment_orders, pack, pick, pick_all
from inventory.models import Barcode, Node, Sku, Tracking
from inventory.services import ReceiptItem, receive_goods, set_aside_unsold_lots
from oms.demo import brand, past
from oms.demo.catalogue import ean13
from oms.demo.models import DemoWorld
from oms.demo.nodes import DCS
from oms.demo.world import Standing
from routing.services import route_orders

#: Codes of both SKUs, by which removing the demo knows them.
OIL, SEWING = "NEEM-OIL-100", "SILAI-MINI"
CODES = (OIL, SEWING)
#: How the orders' own numbers begin.
PREFIX = "NAMED-"
_FIRST_ITEM = 91_001
_PICKER = "Lata Devi"
#: Lots: code, units, days until it expires when the demo is loaded. The first has too few days left to be sold.
_LOTS = (("NO-0811", 6, 12), ("NO-0914", 18, 75), ("NO-1102", 60, 320))
_SERIALS = tuple(f"SM26-{number:05d}" for number in range(4101, 4113))
_TABLES = (
    ("orders_order", ("captured_at", "updated_at")), ("orders_orderevent", ("at",)), ("core_transition", ("at",)),
    ("inventory_stockmovement", ("occurred_at", "recorded_at")), ("inventory_reservation", ("created_at",)),
    ("routing_routingdecision", ("decided_at",)), ("channels_inboundmessage", ("received_at", "processed_at")),
    ("fulfillment_fulfillmentorder", ("created_at", "released_at", "accepted_at", "picked_at", "packed_at")),
    ("fulfillment_shipment", ("created_at",)), ("fulfillment_pickedunit", ("created_at",)),
    ("inventory_receipt", ("received_at",)), ("inventory_lot", ("created_at",)),
)  # fmt: skip


def add(world: DemoWorld, standing: Standing, moment: datetime) -> None:
    """Make the SKUs, receive their goods at the first warehouse, and take in the orders."""
    with past.rewriting_history():
        newest = past.newest_ids([table for table, _ in _TABLES])
        _write(world, standing, moment)
        past.set_back_to(moment, newest, _TABLES)


def _write(world: DemoWorld, standing: Standing, moment: datetime) -> None:
    node = standing.nodes[DCS[0].code]
    oil = _make(OIL, "Neem hair oil, 100 ml", Tracking.LOT, 34_900, 1, shelf_life_days=30)
    sewing = _make(SEWING, "Silai mini sewing machine", Tracking.SERIAL, 349_900, 2)
    _receive(world, node, oil, sewing, moment.date())
    set_aside_unsold_lots(actor="clock")
    portal = ChannelAccount.objects.select_related("channel").get(channel=standing.channels[brand.B2B])
    orders = [_order(world, number, moment) for number in range(4)]
    ids = [done.order_id for done in submit_orders(portal, orders) if done.order_id is not None]
    route_orders(ids, trigger="captured")
    work = list(FulfillmentOrder.objects.filter(pk__in=open_fulfillment_orders(ids), node=node).order_by("pk"))
    accept(fulfillment_order_ids=[item.pk for item in work], actor=_PICKER)
    for item in work[:2]:
        pick_all(fulfillment_order_id=item.pk, actor=_PICKER)
    for item in work[2:3]:
        line = item.lines.get()
        pick(fulfillment_order_id=item.pk, line_id=line.pk, quantity=line.quantity, actor=_PICKER,
             named=LineUnits(serials=_SERIALS[: line.quantity]))  # fmt: skip
        pack(fulfillment_order_id=item.pk, actor=_PICKER)


def _make(code: str, name: str, tracking: str, price_minor: int, item: int, *, shelf_life_days: int = 0) -> Sku:
    row = Sku.objects.create(
        code=code, name=name, category="Home", brand=brand.BRAND, price_minor=price_minor, tracking=tracking,
        cost_minor=price_minor // 2, shelf_life_days=shelf_life_days, tax_rate_bp=1800,
        image=static(f"demo/{code.lower()}.svg"),
    )  # fmt: skip
    Barcode.objects.create(sku=row, code=ean13(_FIRST_ITEM + item))
    return row


def _receive(world: DemoWorld, node: Node, oil: Sku, sewing: Sku, today: date) -> None:
    items = [
        ReceiptItem(sku_id=oil.pk, good=units, lot_code=code, expires_on=today + timedelta(days=days))
        for code, units, days in _LOTS
    ]
    items.append(ReceiptItem(sku_id=sewing.pk, good=len(_SERIALS), serials=_SERIALS))
    receive_goods(node_id=node.pk, items=items, op_key=f"demo/{world.uid}/named", actor=_PICKER,
                  reference="First delivery")  # fmt: skip


def _order(world: DemoWorld, number: int, moment: datetime) -> dict[str, Any]:
    code, price = ((OIL, 34_900), (OIL, 34_900), (SEWING, 349_900), (SEWING, 349_900))[number]
    names = ("Devika Menon", "Rohan Kulkarni", "Shabnam Ali", "Thomas Mathew")
    address = {"name": names[number], "line1": f"{12 + number}, Station Road", "city": "Bengaluru",
               "region": "Karnataka", "postcode": "560001", "country": "IN", "phone": f"+9197{number:08d}"}  # fmt: skip
    placed_at = moment - timedelta(minutes=14 - number)
    return {
        "external_id": f"{PREFIX}{world.seed}-{number + 1}", "placed_at": placed_at.isoformat(),
        "customer_name": names[number], "ship_to": address, "payment": {"method": "prepaid", "state": "paid"},
        "lines": [{"external_id": "1", "sku_code": code, "quantity": 20 if number == 1 else 1 + number % 2,
                   "unit_price_minor": price}],
    }  # fmt: skip
