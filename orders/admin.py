"""Orders in Django admin: to look things up, never to change money, quantities or history."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from oms.core.read_only import ReadOnly
from orders.models import (
    Hold,
    Invoice,
    InvoiceLine,
    InvoiceSeries,
    Order,
    OrderEvent,
    OrderLine,
    Payment,
    SalesChannel,
    TaxRegistration,
)


class LineInline(ReadOnly, admin.TabularInline[OrderLine, Order]):
    """Lines with their counters."""

    model = OrderLine
    extra = 0
    fields = (
        "position", "sku_code", "quantity", "unallocated", "backordered", "allocated", "released", "picked", "packed",
        "shipped", "delivered", "returned", "cancelled",
    )  # fmt: skip


class HoldInline(ReadOnly, admin.TabularInline[Hold, Order]):
    """Holds, open and cleared."""

    model = Hold
    extra = 0
    fields = ("reason", "source", "note", "created_at", "released_at", "released_by")


class PaymentInline(ReadOnly, admin.TabularInline[Payment, Order]):
    """What was agreed, taken and given back."""

    model = Payment
    extra = 0
    fields = ("method", "state", "gateway", "reference", "amount_minor", "captured_minor", "refunded_minor",
              "refund_due_minor", "reduced_minor")  # fmt: skip


@admin.register(SalesChannel)
class SalesChannelAdmin(admin.ModelAdmin[SalesChannel]):
    """Sales channels. The code identifies orders for ever, so it is only set once."""

    list_display = ("code", "name", "kind", "is_active", "hours_to_ship", "notifies_customer")

    def get_readonly_fields(self, request: HttpRequest, obj: SalesChannel | None = None) -> tuple[str, ...]:
        """The code may only be chosen for a new channel."""
        return ("code",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: SalesChannel | None = None) -> bool:
        """Channels are switched off, not deleted."""
        return False


@admin.register(Order)
class OrderAdmin(ReadOnly, admin.ModelAdmin[Order]):
    """Orders, found by number or by anything in their search text."""

    list_display = ("number", "channel", "external_number", "stage", "open_holds", "placed_at")
    list_filter = ("stage", "channel")
    list_select_related = ("channel",)
    search_fields = ("=number", "search__text__contains")
    ordering = ("-placed_at", "-pk")
    inlines = (LineInline, HoldInline, PaymentInline)


@admin.register(OrderEvent)
class OrderEventAdmin(ReadOnly, admin.ModelAdmin[OrderEvent]):
    """The timeline, append-only."""

    list_display = ("order", "seq", "kind", "actor", "message", "at")
    list_filter = ("kind",)
    list_select_related = ("order",)
    search_fields = ("order__number",)
    ordering = ("-pk",)


@admin.register(TaxRegistration)
class TaxRegistrationAdmin(admin.ModelAdmin[TaxRegistration]):
    """GSTINs that nodes sell under. The number itself is only set once: invoices stand under it."""

    list_display = ("gstin", "legal_name", "city", "invoice_prefix", "bill_prefix")

    def get_readonly_fields(self, request: HttpRequest, obj: TaxRegistration | None = None) -> tuple[str, ...]:
        """The GSTIN may only be typed for a new registration."""
        return ("gstin",) if obj else ()


@admin.register(InvoiceSeries)
class InvoiceSeriesAdmin(ReadOnly, admin.ModelAdmin[InvoiceSeries]):
    """How far each series has come."""

    list_display = ("registration", "financial_year", "prefix", "last_number")


class InvoiceLineInline(ReadOnly, admin.TabularInline[InvoiceLine, Invoice]):
    """What was sold, with its tax."""

    model = InvoiceLine
    extra = 0
    fields = ("position", "name", "hsn", "quantity", "rate_bp", "taxable_minor", "cgst_minor", "sgst_minor",
              "igst_minor", "total_minor")  # fmt: skip


@admin.register(Invoice)
class InvoiceAdmin(ReadOnly, admin.ModelAdmin[Invoice]):
    """Invoices as they were issued."""

    list_display = ("number", "kind", "state", "issued_on", "order", "total_minor")
    list_filter = ("state", "kind", "registration")
    search_fields = ("number",)
    inlines = (InvoiceLineInline,)
