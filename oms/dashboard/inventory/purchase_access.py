"""Which purchase orders and receipts a person sees, and what they may do with one now."""

from __future__ import annotations

from typing import Any

from django.db.models import BigIntegerField, F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from inventory.models import (
    InboundShipment,
    PurchaseOrder,
    PurchaseOrderLine,
    PurchaseOrderState,
    Receipt,
    ReceiptLine,
    Supplier,
)
from inventory.services import OPEN_STATES, RECEIVABLE
from oms.accounts.access import Principal, in_node_scope, principal_of
from oms.core.errors import DomainError, NotFound

State = PurchaseOrderState
TONES = {
    "draft": "neutral", "placed": "info", "partial": "progress", "received": "good", "closed": "warn",
    "cancelled": "off", "expected": "info", "arrived": "progress",
}  # fmt: skip
ICONS = {"placed": "send", "partial": "package-import", "received": "circle-check"}


def orders_of(principal: Principal) -> QuerySet[PurchaseOrder]:
    """Purchase orders for nodes in scope."""
    return in_node_scope(PurchaseOrder.objects.select_related("supplier", "node"), principal)


def order_for(request: HttpRequest, pk: int) -> PurchaseOrder:
    """A purchase order by id. Raises NotFound."""
    found = orders_of(principal_of(request)).filter(pk=pk).first()
    if found is None:
        raise NotFound(f"There is no purchase order {pk}.")
    return found


def shipment_for(request: HttpRequest, pk: int) -> InboundShipment:
    """An ASN by id, with its order. Raises NotFound."""
    rows = in_node_scope(InboundShipment.objects.select_related("order"), principal_of(request), "order__node__code")
    found = rows.filter(pk=pk).first()
    if found is None:
        raise NotFound(f"There is no ASN {pk}.")
    return found


def receipts_of(principal: Principal) -> QuerySet[Receipt]:
    """Receipts at nodes in scope."""
    return in_node_scope(Receipt.objects.select_related("node", "order", "shipment", "reverses"), principal)


def receipt_for(request: HttpRequest, pk: int) -> Receipt:
    """A receipt by id. Raises NotFound."""
    found = receipts_of(principal_of(request)).filter(pk=pk).first()
    if found is None:
        raise NotFound(f"There is no receipt {pk}.")
    return found


def supplier_for(code: str) -> Supplier:
    """A supplier by code. Raises NotFound."""
    found = Supplier.objects.select_related("node").filter(code=code).first()
    if found is None:
        raise NotFound(f"There is no supplier {code}.")
    return found


def page_of(order: PurchaseOrder) -> str:
    """The address of a purchase order."""
    return reverse("dashboard:purchase_order", args=[order.pk])


def with_sums(rows: QuerySet[PurchaseOrder]) -> QuerySet[Any]:
    """Each order with its units: ordered, came (good and damaged), open, on top; and its value in minor units."""
    lines = PurchaseOrderLine.objects.filter(order=OuterRef("pk")).order_by().values("order")

    def total(expression: Any) -> Any:
        return Coalesce(Subquery(lines.annotate(n=Sum(expression)).values("n"), output_field=BigIntegerField()), 0)

    return rows.annotate(
        units=total("quantity"), came=total(F("received_quantity") + F("damaged_quantity")),
        open_units=total("open_quantity"), over_units=total("over_quantity"),
        value_minor=total(F("quantity") * F("unit_cost_minor")),
    )  # fmt: skip


def receipts_with_sums(rows: QuerySet[Receipt]) -> QuerySet[Receipt]:
    """Each receipt with its good, damaged and surplus units, and whether it was taken back."""
    lines = ReceiptLine.objects.filter(receipt=OuterRef("pk")).order_by().values("receipt")

    def total(field: str) -> Any:
        return Coalesce(Subquery(lines.annotate(n=Sum(field)).values("n"), output_field=BigIntegerField()), 0)

    backs = Receipt.objects.filter(reverses=OuterRef("pk")).values("pk")
    return rows.annotate(
        good=total("good_quantity"), damaged=total("damaged_quantity"), over=total("over_quantity"),
        taken_back_by=Subquery(backs[:1]),
    )  # fmt: skip


def is_late(order: PurchaseOrder) -> bool:
    """Some of it should have come before today."""
    return order.state in OPEN_STATES and order.expected_on is not None and order.expected_on < timezone.localdate()


def allowed_steps(principal: Principal, order: PurchaseOrder) -> dict[str, bool]:
    """Which steps this person may take now, for buttons."""
    buy, receive = principal.may("inventory.buy"), principal.may("inventory.receive")
    return {
        "may_edit": buy and order.state == State.DRAFT,
        "may_place": buy and order.state == State.DRAFT,
        "may_cancel": buy and order.state in (State.DRAFT, State.PLACED),
        "may_close": buy and order.state in OPEN_STATES,
        "may_date": buy and order.state in OPEN_STATES,
        "may_announce": receive and order.state in OPEN_STATES,
        "may_receive": receive and order.state in RECEIVABLE,
    }


def version_of(request: HttpRequest) -> int:
    """The version of the document that the page showed. Raises DomainError where the page is incomplete."""
    text = request.POST.get("version", "")
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise DomainError("This page is incomplete. Reload it and try again.", field="version")
    return int(text)
