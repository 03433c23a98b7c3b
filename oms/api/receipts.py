"""Receipts over the API: goods that came, with or without a purchase order, and taking a receipt back."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from inventory.models import PostedOperation, PurchaseOrder, Receipt
from inventory.services import ReceiptItem, Source, receive_goods, reverse_receipt
from oms.accounts.access import Principal, in_node_scope
from oms.api.gate import ErrorOut, idempotent, need, node_named
from oms.api.inventory import Reference, skus_named
from oms.core.errors import DomainError, NotFound

router = Router(tags=["receipts"])
REFUSALS = {403: ErrorOut, 404: ErrorOut, 409: ErrorOut, 422: ErrorOut}


class ReceiptLineIn(Schema):
    """Units of a SKU: `quantity` good ones and `damaged` ones; of a lot, or each with its serial number."""

    sku: str
    quantity: int = 0
    damaged: int = 0
    lot: str = Field("", max_length=60)
    expires_on: date | None = None
    serials: list[str] = []
    damaged_serials: list[str] = []
    unit_cost_minor: int | None = None


class ReceiptIn(Schema):
    """Goods that came. `reference` identifies the receipt at the node: the same one again changes nothing.

    `purchase_order` and `asn` are ids. Surplus above the allowed share is refused unless `accept_over`; `finish` says
    that no more of the ASN comes.
    """

    node: str
    reference: Reference
    lines: list[ReceiptLineIn]
    purchase_order: int | None = None
    asn: int | None = None
    accept_over: bool = False
    finish: bool = False
    note: str = Field("", max_length=200)


class ReverseIn(Schema):
    """Why the receipt was wrong."""

    reason: str = Field(min_length=1, max_length=200)


def _receipt_out(receipt: Receipt) -> dict[str, Any]:
    return {
        "id": receipt.pk, "node": receipt.node.code, "reference": receipt.reference, "note": receipt.note,
        "purchase_order": receipt.order_id, "asn": receipt.shipment_id, "reverses": receipt.reverses_id,
        "received_at": receipt.received_at.isoformat(), "actor": receipt.actor,
        "lines": [
            {"sku": line.sku.code, "quantity": line.good_quantity, "damaged": line.damaged_quantity,
             "over": line.over_quantity, "lot": line.lot.code if line.lot else "", "serials": line.serials,
             "damaged_serials": line.damaged_serials, "unit_cost_minor": line.unit_cost_minor}
            for line in receipt.lines.all()
        ],
    }  # fmt: skip


def _receipts(principal: Principal) -> QuerySet[Receipt]:
    rows = Receipt.objects.select_related("node").prefetch_related("lines__sku", "lines__lot")
    return in_node_scope(rows, principal)


def _receipt(principal: Principal, receipt_id: int) -> Receipt:
    found = _receipts(principal).filter(pk=receipt_id).first()
    if found is None:
        raise NotFound(f"There is no receipt {receipt_id}.", field="receipt")
    return found


@router.get("/inventory/receipts", summary="Receipts", response={200: dict[str, Any], **REFUSALS})
def receipts(request: HttpRequest, node: str = "", purchase_order: int = 0, before: int = 0, limit: int = 100) -> Any:
    """Newest first; `before` pages by the `next` of the page before."""
    rows = _receipts(need(request, "inventory.view"))
    only = {"node__code": node, "order_id": purchase_order, "pk__lt": before}
    size = max(1, min(limit, 500))
    page = list(rows.filter(**{name: value for name, value in only.items() if value}).order_by("-pk")[:size])
    return {"receipts": [_receipt_out(row) for row in page], "next": page[-1].pk if len(page) == size else None}


@router.get("/inventory/receipts/{int:receipt_id}", summary="A receipt", response={200: dict[str, Any], **REFUSALS})
def receipt(request: HttpRequest, receipt_id: int) -> Any:
    """What came in one go."""
    return _receipt_out(_receipt(need(request, "inventory.view"), receipt_id))


@router.post("/inventory/receipts", summary="Receive goods", response={200: dict[str, Any], **REFUSALS})
@idempotent
def receive(request: HttpRequest, body: ReceiptIn) -> tuple[int, Any]:
    """Goods come on hand, damaged ones apart. `units` is what is new: 0 where the reference came before."""
    principal = need(request, "inventory.receive")
    node = node_named(principal, body.node)
    orders = in_node_scope(PurchaseOrder.objects.all(), principal)
    if body.purchase_order is not None and not orders.filter(pk=body.purchase_order).exists():
        raise NotFound(f"There is no purchase order {body.purchase_order}.", field="purchase_order")
    if not body.lines:
        raise DomainError("A receipt has at least one line.", field="lines")
    skus = skus_named([line.sku for line in body.lines])
    op_key = f"receipt/{node.pk}/{body.reference}"
    known = Receipt.objects.filter(op_key=op_key).first()
    if known is not None or PostedOperation.objects.filter(op_key=op_key).exists():
        return 200, {"units": 0, "receipt": known.pk if known else None}
    items = [_item(skus[line.sku], line) for line in body.lines]
    done = receive_goods(
        node_id=node.pk, items=items, op_key=op_key, actor=principal.name, reference=body.reference, note=body.note,
        source=Source(order_id=body.purchase_order, shipment_id=body.asn, accept_over=body.accept_over,
                      finish=body.finish),
    )  # fmt: skip
    units = sum(item.units for item in items) if done.is_new else 0
    return 200, {"units": units, "receipt": done.receipt.pk}


def _item(sku_id: int, line: ReceiptLineIn) -> ReceiptItem:
    return ReceiptItem(
        sku_id=sku_id, good=line.quantity, damaged=line.damaged, lot_code=line.lot, expires_on=line.expires_on,
        serials=tuple(line.serials), damaged_serials=tuple(line.damaged_serials), unit_cost_minor=line.unit_cost_minor,
    )  # fmt: skip


@router.post("/inventory/receipts/{int:receipt_id}/reverse", summary="Take a receipt back",
             response={200: dict[str, Any], **REFUSALS})  # fmt: skip
@idempotent
def reverse(request: HttpRequest, receipt_id: int, body: ReverseIn) -> tuple[int, Any]:
    """A receipt that was wrong is taken back by another one, while its units are free. Twice is once."""
    principal = need(request, "inventory.receive")
    _receipt(principal, receipt_id)
    done = reverse_receipt(receipt_id=receipt_id, reason=body.reason, actor=principal.name)
    return 200, _receipt_out(_receipt(principal, done.receipt.pk))
