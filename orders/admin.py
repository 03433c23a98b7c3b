"""Orders in Django admin: to look things up, never to change money, quantities or history."""

from __future__ import annotations

from typing import Any, TypeVar

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from orders.models import Hold, Order, OrderEvent, OrderLine, Payment, SalesChannel

M = TypeVar("M", bound=Model)


class ReadOnlyAdmin(admin.ModelAdmin[M]):
    """Rows that only services write."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """Never."""
        return False


class ReadOnlyInline(admin.TabularInline[M, Order]):
    """Rows of an order that only services write."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


class LineInline(ReadOnlyInline[OrderLine]):
    """Lines with their counters."""

    model = OrderLine
    fields = (
        "position", "sku_code", "quantity", "unallocated", "backordered", "allocated", "released", "picked", "packed",
        "shipped", "delivered", "returned", "cancelled",
    )  # fmt: skip


class HoldInline(ReadOnlyInline[Hold]):
    """Holds, open and cleared."""

    model = Hold
    fields = ("reason", "source", "note", "created_at", "released_at", "released_by")


class PaymentInline(ReadOnlyInline[Payment]):
    """What was agreed, taken and given back."""

    model = Payment
    fields = ("method", "state", "gateway", "reference", "amount_minor", "captured_minor", "refunded_minor",
              "refund_due_minor")  # fmt: skip


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
class OrderAdmin(ReadOnlyAdmin[Order]):
    """Orders, found by number or by anything in their search text."""

    list_display = ("number", "channel", "external_number", "stage", "open_holds", "placed_at")
    list_filter = ("stage", "channel")
    list_select_related = ("channel",)
    search_fields = ("=number", "search__text__contains")
    ordering = ("-placed_at", "-pk")
    inlines = (LineInline, HoldInline, PaymentInline)


@admin.register(OrderEvent)
class OrderEventAdmin(ReadOnlyAdmin[OrderEvent]):
    """The timeline, append-only."""

    list_display = ("order", "seq", "kind", "actor", "message", "at")
    list_filter = ("kind",)
    list_select_related = ("order",)
    search_fields = ("order__number",)
    ordering = ("-pk",)
