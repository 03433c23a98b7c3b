"""Returns in the administration: to look at. The desk receives them, with their stock and their order."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from returns.models import Return, ReturnLine


class ReturnLineInline(admin.TabularInline[ReturnLine, Return]):
    """Units that come back."""

    model = ReturnLine
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds rows here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody changes rows here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody deletes rows here."""
        return False


@admin.register(Return)
class ReturnAdmin(admin.ModelAdmin[Return]):
    """Goods on their way back."""

    list_display = ("number", "kind", "state", "order", "node", "created_at", "received_at")
    list_filter = ("state", "kind", "node")
    search_fields = ("number", "order__number", "shipment__awb")
    list_select_related = ("order", "node")
    inlines = (ReturnLineInline,)
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Returns are opened by what happens to parcels."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody changes rows here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody deletes rows here."""
        return False
