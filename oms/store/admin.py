"""Shared phones and what phones sent, in Django admin."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from oms.core.clock import now
from oms.store.models import SharedDevice, StoreEvent


@admin.register(SharedDevice)
class SharedDeviceAdmin(admin.ModelAdmin[SharedDevice]):
    """Shared phones: they are shared on the phone itself, and ended there or here."""

    list_display = ("name", "node", "shared_by", "shared_at", "ended_at")
    list_filter = ("node",)
    readonly_fields = ("name", "node", "shared_by", "shared_at", "ended_at", "ended_by")
    exclude = ("token_hash",)
    actions = ("end_sharing",)

    @admin.action(description="End: everybody on these phones is signed out", permissions=["change"])
    def end_sharing(self, request: HttpRequest, queryset: QuerySet[SharedDevice]) -> None:
        """The chosen phones are shared no more."""
        queryset.filter(ended_at__isnull=True).update(ended_at=now(), ended_by=str(request.user)[:120])

    def has_add_permission(self, request: HttpRequest) -> bool:
        """The secret of a phone stays on it."""
        return False


@admin.register(StoreEvent)
class StoreEventAdmin(admin.ModelAdmin[StoreEvent]):
    """What phones did, for whoever asks later. Nothing of it can be changed."""

    list_display = ("happened_at", "received_at", "node", "person", "kind", "outcome", "text")
    list_filter = ("outcome", "kind", "is_late")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Phones make them."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: StoreEvent | None = None) -> bool:
        """What happened stays."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: StoreEvent | None = None) -> bool:
        """What happened stays."""
        return False
