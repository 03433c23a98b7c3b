"""Routing in Django admin. Policies are written, tried and published on the screens of routing; here they are read."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from routing.models import (
    ChannelSourcing,
    DeliveryHoliday,
    DeliveryService,
    NodePickup,
    RoutingCanary,
    RoutingDecision,
    RoutingExclusion,
    RoutingPolicy,
)
from routing.services import forget_promises


@admin.register(ChannelSourcing)
class ChannelSourcingAdmin(admin.ModelAdmin[ChannelSourcing]):
    """From which nodes a channel is sold and shipped."""

    list_display = ("channel", "threshold")
    filter_horizontal = ("groups",)


class _Log:
    """Rows that only services write."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False


@admin.register(RoutingPolicy)
class RoutingPolicyAdmin(_Log, admin.ModelAdmin[RoutingPolicy]):
    """Drafts and versions of the policy."""

    list_display = ("__str__", "state", "published_at", "published_by", "note")
    list_filter = ("state",)
    ordering = ("-version", "-id")

    def has_delete_permission(self, request: HttpRequest, obj: RoutingPolicy | None = None) -> bool:
        """Never: decisions refer to what a version said, and drafts are discarded where they are edited."""
        return False


@admin.register(RoutingCanary)
class RoutingCanaryAdmin(_Log, admin.ModelAdmin[RoutingCanary]):
    """Trials of versions."""

    list_display = ("policy", "percent", "started_at", "started_by", "stopped_at", "stop_reason")
    list_select_related = ("policy",)

    def has_delete_permission(self, request: HttpRequest, obj: RoutingCanary | None = None) -> bool:
        """Never."""
        return False


@admin.register(RoutingDecision)
class RoutingDecisionAdmin(_Log, admin.ModelAdmin[RoutingDecision]):
    """What was decided."""

    list_display = ("order", "attempt", "outcome", "sentence", "policy_version", "rule", "decided_at")
    list_select_related = ("order",)
    list_filter = ("outcome",)
    search_fields = ("=order__number",)
    ordering = ("-decided_at", "-id")
    show_full_result_count = False

    def has_delete_permission(self, request: HttpRequest, obj: RoutingDecision | None = None) -> bool:
        """Never: every attempt is kept."""
        return False


@admin.register(RoutingExclusion)
class RoutingExclusionAdmin(_Log, admin.ModelAdmin[RoutingExclusion]):
    """Nodes that may not be offered an order again. Deleting one offers it again."""

    list_display = ("order", "node", "reason", "created_at")
    list_select_related = ("order", "node")
    search_fields = ("=order__number",)


@admin.register(DeliveryService)
class DeliveryServiceAdmin(admin.ModelAdmin[DeliveryService]):
    """Ways of delivery that the shop sells."""

    list_display = ("code", "name", "target_percent", "transit_percent", "price_percent", "radius_km", "is_active")
    list_filter = ("is_active",)
    filter_horizontal = ("nodes",)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Promises are made by what was saved from the next question on, in this process."""
        super().save_related(request, form, formsets, change)
        forget_promises()


class _Promised:
    """Rows that promises are made from: this process reads them anew once they are saved, others within seconds."""

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        """Save, and read anew."""
        super().save_model(request, obj, form, change)  # type: ignore[misc]
        forget_promises()

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        """Delete, and read anew."""
        super().delete_model(request, obj)  # type: ignore[misc]
        forget_promises()


@admin.register(NodePickup)
class NodePickupAdmin(_Promised, admin.ModelAdmin[NodePickup]):
    """When carriers collect at nodes."""

    list_display = ("node", "at", "carrier")
    list_select_related = ("node",)
    list_filter = ("carrier",)
    search_fields = ("node__code",)
    autocomplete_fields = ("node",)
    ordering = ("node__code", "at")


@admin.register(DeliveryHoliday)
class DeliveryHolidayAdmin(_Promised, admin.ModelAdmin[DeliveryHoliday]):
    """Days on which carriers do not deliver."""

    list_display = ("day", "state", "name")
    list_filter = ("state",)
    date_hierarchy = "day"
    search_fields = ("name", "state")
