"""What was bought: three suppliers and their items, a purchase order in each state, one late, one partly received."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from inventory.models import Node, PurchaseOrder, Sku, Supplier
from inventory.services import (
    AnnouncedLine,
    ItemTerms,
    PurchaseLine,
    PurchaseTerms,
    ReceiptItem,
    Source,
    SupplierTerms,
    announce_shipment,
    cancel_purchase_order,
    close_purchase_order,
    draft_purchase_order,
    place_purchase_order,
    receive_goods,
    save_supplier,
    save_supplier_items,
)
from oms.demo import past
from oms.demo.models import DemoWorld
from oms.demo.nodes import DCS
from oms.demo.world import Standing

#: Code, name, city's number, lead days, units of a pack, and which part of the catalogue it sells.
_SUPPLIERS = (
    ("demo-kashi-weavers", "Kashi Weavers Collective", "+915420000101", 12, 4, 0),
    ("demo-jaipur-stitch", "Jaipur Stitch Works", "+911410000102", 6, 6, 1),
    ("demo-surat-mills", "Surat Mills", "+912610000103", 8, 10, 2),
)
SUPPLIER_CODES = tuple(row[0] for row in _SUPPLIERS)
#: SKUs that one supplier sells.
_ITEMS = 24
_BUYER, _DOCK = "Meera Iyer", "Harpreet Gill"
#: State, supplier, distribution centre, days until it is expected.
_ORDERS = (
    ("draft", 1, 0, None), ("placed", 0, 1, 5), ("announced", 1, 2, 2), ("late", 2, 0, -3), ("partial", 1, 1, 1),
    ("received", 0, 0, -1), ("closed", 2, 3, -4), ("cancelled", 2, 1, 9),
)  # fmt: skip
_UNITS = 30
#: Tables whose rows are written here, with their columns of time.
_TABLES = (
    ("inventory_stockmovement", ("occurred_at", "recorded_at")), ("core_transition", ("at",)),
    ("inventory_purchaseorder", ("created_at", "placed_at", "closed_at")),
    ("inventory_inboundshipment", ("created_at",)), ("inventory_receipt", ("received_at",)),
)  # fmt: skip


def add(world: DemoWorld, standing: Standing, moment: datetime) -> None:
    """Write them through the services, as of `moment`."""
    with past.rewriting_history():
        newest = past.newest_ids([table for table, _ in _TABLES])
        suppliers = [_supplier(*row) for row in _SUPPLIERS]
        for number, (state, supplier, node, days) in enumerate(_ORDERS):
            expected = moment.date() + timedelta(days=days) if days is not None else None
            order = _draft(suppliers[supplier], standing.nodes[DCS[node].code], number, expected)
            _live(order, state, f"demo/{world.uid}/receipt/{number}", moment)
        past.set_back_to(moment, newest, _TABLES)


def _supplier(code: str, name: str, phone: str, lead_days: int, pack_size: int, part: int) -> Supplier:
    terms = SupplierTerms(code=code, name=name, phone=phone, lead_days=lead_days, email=f"orders@{code[5:]}.example")
    supplier = save_supplier(terms=terms)
    skus = Sku.objects.order_by("code")[part * _ITEMS : (part + 1) * _ITEMS]
    save_supplier_items(supplier_id=supplier.pk, items=[
        ItemTerms(sku_id=sku.pk, unit_cost_minor=sku.cost_minor, pack_size=pack_size, least_order=pack_size,
                  is_preferred=True)
        for sku in skus
    ])  # fmt: skip
    return supplier


def _draft(supplier: Supplier, node: Node, number: int, expected_on: date | None) -> PurchaseOrder:
    """Three items, others for each order of a supplier."""
    items = supplier.items.order_by("sku_id")[number % 6 * 3 : number % 6 * 3 + 3]
    return draft_purchase_order(
        terms=PurchaseTerms(supplier_id=supplier.pk, node_id=node.pk, expected_on=expected_on),
        lines=[PurchaseLine(sku_id=item.sku_id, quantity=_UNITS) for item in items], actor=_BUYER,
    )  # fmt: skip


def _live(order: PurchaseOrder, state: str, op_key: str, moment: datetime) -> None:
    """Bring a draft as far as its state says."""
    if state == "draft":
        return
    place_purchase_order(order_id=order.pk, actor=_BUYER)
    sku_ids = list(order.lines.order_by("pk").values_list("sku_id", flat=True))
    if state == "announced":
        lines = [AnnouncedLine(sku_id=sku_id, quantity=_UNITS * 2 // 3) for sku_id in sku_ids]
        announce_shipment(order_id=order.pk, lines=lines, expected_at=moment + timedelta(days=1), awb="RJ 14 GC 2207",
                          carrier_name="Own lorry", actor=_BUYER)  # fmt: skip
    elif state == "cancelled":
        cancel_purchase_order(order_id=order.pk, reason="Bought elsewhere at a better price", actor=_BUYER)
    elif state in ("partial", "received", "closed"):
        come = sku_ids if state == "received" else sku_ids[:2]
        damaged = 0 if state == "received" else 1
        items = [ReceiptItem(sku_id=sku_id, good=_UNITS - damaged, damaged=damaged) for sku_id in come]
        receive_goods(node_id=order.node_id, items=items, op_key=op_key, actor=_DOCK, reference=f"DN-{order.pk:05d}",
                      source=Source(order_id=order.pk))  # fmt: skip
        if state == "closed":
            close_purchase_order(order_id=order.pk, reason="The mill has no more of this cloth", actor=_BUYER)
