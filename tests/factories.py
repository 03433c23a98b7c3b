"""The one known world of the tests: a merchant with two warehouses and a store, three SKUs and a web shop."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time

from inventory.models import Barcode, Node, NodeGroup, NodeKind, Sku
from inventory.services import OpeningRow, set_opening_stock
from oms.core.ids import uuid7
from oms.core.values import Address
from orders.canonical import CanonicalLine, CanonicalOrder, CanonicalPayment
from orders.gst.gstin import check_sign
from orders.models import SalesChannel, SalesChannelKind, TaxRegistration
from orders.services import capture_orders
from routing.models import ChannelSourcing

PLACED_AT = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)
ASHA = Address(
    name="Asha Rao", line1="12 MG Road", city="Bengaluru", region="Karnataka", postcode="560001", country="IN",
    phone="+919845012345", email="asha@example.com",
)  # fmt: skip


@dataclass(slots=True)
class World:
    """The objects that tests name."""

    channel: SalesChannel
    blr: Node
    delhi: Node
    store: Node
    kurta: Sku
    saree: Sku
    shoe: Sku


def make_node(code: str, *, city: str, postcode: str, kind: str = NodeKind.WAREHOUSE, **fields: object) -> Node:
    """A node that works around the clock, so that no test depends on the hour."""
    defaults: dict[str, object] = {
        "name": f"{city} {kind}", "kind": kind, "city": city, "postcode": postcode,
        "working_days": [1, 2, 3, 4, 5, 6, 7], "cutoff_at": time(23, 59), "opens_at": time(0, 0),
        "closes_at": time(23, 59),
    }  # fmt: skip
    return Node.objects.create(code=code, **(defaults | fields))


def register_for_tax(node: Node, state: str = "29", prefix: str = "KA") -> TaxRegistration:
    """The node sells under a GSTIN of that state: what is packed there is invoiced."""
    body = f"{state}AAGCB7383J1Z"
    node.gstin = body + check_sign(body)
    node.save()
    return TaxRegistration.objects.create(
        gstin=node.gstin, legal_name="Kaveri Retail Private Limited", line1="4 Industrial Layout", city=node.city,
        postcode=node.postcode, invoice_prefix=prefix, bill_prefix=f"{prefix}B",
    )  # fmt: skip


def make_sku(code: str, *, price_minor: int = 99_900, weight_grams: int = 400, **fields: object) -> Sku:
    """A SKU with a barcode that is its code with the EAN prefix 890."""
    sku = Sku.objects.create(
        code=code, name=f"The {code}", price_minor=price_minor, weight_grams=weight_grams, hsn="6204",
        tax_rate_bp=500, **fields,
    )  # fmt: skip
    Barcode.objects.create(sku=sku, code=f"890{sku.pk:010d}")
    return sku


def make_world() -> World:
    """Two warehouses that ship, one store that also offers pickup, and ten of each SKU at each."""
    everywhere = NodeGroup.objects.create(code="all", name="All nodes")
    blr = make_node("blr-01", city="Bengaluru", postcode="560037", latitude=12.95, longitude=77.70)
    delhi = make_node("del-01", city="Delhi", postcode="110037", latitude=28.55, longitude=77.11)
    store = make_node("blr-s1", city="Bengaluru", postcode="560001", kind=NodeKind.STORE, offers_pickup=True,
                      auto_accept=False, latitude=12.97, longitude=77.60, priority=200)  # fmt: skip
    for node in (blr, delhi, store):
        node.groups.add(everywhere)
    channel = SalesChannel.objects.create(code="web", name="Web shop", kind=SalesChannelKind.WEBSITE)
    ChannelSourcing.objects.create(channel=channel).groups.add(everywhere)
    kurta, saree, shoe = make_sku("KURTA-M"), make_sku("SAREE-1", price_minor=250_000), make_sku("SHOE-42")
    ten_each = [OpeningRow(sku.pk, node.pk, 10) for node in (blr, delhi) for sku in (kurta, saree, shoe)]
    set_opening_stock(rows=ten_each, op_key=f"test/{uuid7()}", actor="test")
    return World(channel, blr, delhi, store, kurta, saree, shoe)


def stock(sku: Sku, node: Node, on_hand: int) -> None:
    """Set what a node has of a SKU."""
    set_opening_stock(rows=[OpeningRow(sku.pk, node.pk, on_hand)], op_key=f"test/{uuid7()}", actor="test")


def make_line(sku: Sku, quantity: int = 1, external_id: str = "") -> CanonicalLine:
    """A line of a known SKU at its list price."""
    return CanonicalLine(
        external_id=external_id or f"{sku.code}-line", sku_code=sku.code, sku_id=sku.pk, quantity=quantity,
        name=sku.name, unit_price_minor=sku.price_minor,
    )  # fmt: skip


def make_order(external_id: str, *lines: CanonicalLine, **fields: object) -> CanonicalOrder:
    """A prepaid, paid order of Asha in Bengaluru."""
    total = sum(line.unit_price_minor * line.quantity for line in lines)
    defaults: dict[str, object] = {
        "placed_at": PLACED_AT, "ship_to": ASHA, "customer_name": ASHA.name, "customer_email": ASHA.email,
        "customer_phone": ASHA.phone,
        "payment": CanonicalPayment(method="prepaid", state="paid", amount_minor=total, captured_minor=total),
    }  # fmt: skip
    return CanonicalOrder(external_id=external_id, lines=lines, **(defaults | fields))  # type: ignore[arg-type]


def capture(world: World, order: CanonicalOrder) -> int:
    """Capture one order on the web shop; its id."""
    return capture_orders(channel=world.channel, orders=[order], actor="test")[0].order_id
