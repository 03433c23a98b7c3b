"""Purchase orders for tests: a supplier, orders in a known state, and what the ledger says of them."""

from __future__ import annotations

from inventory.models import Node, PurchaseOrder, PurchaseOrderLine, Sku, StockLevel, StockMovement, Supplier
from inventory.services import PurchaseLine, PurchaseTerms, draft_purchase_order, place_purchase_order

Row = tuple[str, str, int, str]


def make_supplier(code: str = "weaver", **fields: object) -> Supplier:
    """A supplier who delivers in five days."""
    return Supplier.objects.create(code=code, **({"name": f"The {code}", "lead_days": 5} | fields))


def make_draft(supplier: Supplier, node: Node, *wanted: tuple[Sku, int], cost_minor: int = 40_000) -> PurchaseOrder:
    """A draft with a line for each SKU."""
    lines = [PurchaseLine(sku_id=sku.pk, quantity=units, unit_cost_minor=cost_minor) for sku, units in wanted]
    return draft_purchase_order(
        terms=PurchaseTerms(supplier_id=supplier.pk, node_id=node.pk), lines=lines, actor="Meera"
    )


def make_placed(supplier: Supplier, node: Node, *wanted: tuple[Sku, int], cost_minor: int = 40_000) -> PurchaseOrder:
    """The same, placed."""
    order = make_draft(supplier, node, *wanted, cost_minor=cost_minor)
    return place_purchase_order(order_id=order.pk, version=1, actor="Meera")


def rows_of(order: PurchaseOrder) -> list[Row]:
    """What the ledger has under the order's number: from, to, quantity, reason."""
    rows = StockMovement.objects.filter(reference=order.number).order_by("pk")
    return list(rows.values_list("from_bucket", "to_bucket", "quantity", "reason"))


def line_of(order: PurchaseOrder, sku: Sku) -> tuple[int, int, int, int, int]:
    """Open, received, damaged, short and over of the order's line."""
    line = PurchaseOrderLine.objects.get(order=order, sku=sku)
    return (line.open_quantity, line.received_quantity, line.damaged_quantity, line.short_quantity,
            line.over_quantity)  # fmt: skip


def buckets(sku: Sku, node: Node) -> tuple[int, int, int]:
    """On hand, damaged and inbound."""
    level = StockLevel.objects.get(sku=sku, node=node)
    return level.on_hand, level.damaged, level.inbound


def state_of(order: PurchaseOrder) -> str:
    """Its state in the database."""
    return PurchaseOrder.objects.values_list("state", flat=True).get(pk=order.pk)
