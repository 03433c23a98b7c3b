"""Returns in the administration: to look at. The desk receives them, with their stock and their order."""

from __future__ import annotations

from django.contrib import admin

from oms.core.read_only import ReadOnly
from returns.models import Return, ReturnLine


class ReturnLineInline(ReadOnly, admin.TabularInline[ReturnLine, Return]):
    """Units that come back."""

    model = ReturnLine
    extra = 0


@admin.register(Return)
class ReturnAdmin(ReadOnly, admin.ModelAdmin[Return]):
    """Goods on their way back."""

    list_display = ("number", "kind", "state", "order", "node", "created_at", "received_at")
    list_filter = ("state", "kind", "node")
    search_fields = ("number", "order__number", "shipment__awb")
    list_select_related = ("order", "node")
    inlines = (ReturnLineInline,)
