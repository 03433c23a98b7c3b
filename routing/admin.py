"""Routing in Django admin: publishing a policy makes a new version, published versions never change."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import Max, Model
from django.http import HttpRequest

from oms.core.clock import now
from routing.engine import Weights
from routing.models import ChannelSourcing, RoutingDecision, RoutingExclusion, RoutingPolicy
from routing.services import forget_policy

_WEIGHTS = {part.name: part.type for part in fields(Weights)}


class PolicyForm(forms.ModelForm[RoutingPolicy]):
    """A draft of the next version, filled from the one in force."""

    class Meta:
        model = RoutingPolicy
        fields = ["name", "weights", "max_shipments", "allow_partial", "note"]
        help_texts = {
            "weights": "shipping multiplies the rate card; distance_minor_per_km, transit_minor_per_day, "
            "late_minor_per_day, split_minor, load_minor and priority_minor are paise. Nothing is negative.",
            "note": "Why: shown in the history of versions.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["note"].required = True
        if self.instance._state.adding and not self.is_bound:
            row = RoutingPolicy.objects.filter(is_active=True).first()
            self.initial = {
                **self.initial,
                "name": row.name if row else "Standard",
                "weights": asdict(Weights(**row.weights) if row else Weights()),
                "max_shipments": row.max_shipments if row else 3, "allow_partial": row.allow_partial if row else True,
            }  # fmt: skip

    def clean_weights(self) -> dict[str, Any]:
        """Every weight is known, a number, and not negative."""
        given = self.cleaned_data["weights"]
        if not isinstance(given, dict):
            raise forms.ValidationError("Give an object of numbers.")
        unknown = sorted(set(given) - set(_WEIGHTS))
        if unknown:
            raise forms.ValidationError(f"Not a weight: {', '.join(unknown)}. Known are {', '.join(_WEIGHTS)}.")
        for name, value in given.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100_000_000:
                raise forms.ValidationError(f"{name} must be a number from 0.")
            if _WEIGHTS[name] == "int" and not float(value).is_integer():
                raise forms.ValidationError(f"{name} must be a whole number of paise.")
        whole = {name: int(value) if _WEIGHTS[name] == "int" else value for name, value in given.items()}
        return asdict(Weights(**whole))

    def clean_max_shipments(self) -> int:
        """One parcel at least."""
        value: int = self.cleaned_data["max_shipments"]
        if not 1 <= value <= 10:
            raise forms.ValidationError("Between 1 and 10 parcels.")
        return value


@admin.register(RoutingPolicy)
class RoutingPolicyAdmin(admin.ModelAdmin[RoutingPolicy]):
    """Versions of the policy. Adding one publishes it at once; the others stay as they were."""

    form = PolicyForm
    list_display = ("version", "name", "is_active", "published_at", "published_by", "note")
    ordering = ("-version",)

    def has_change_permission(self, request: HttpRequest, obj: RoutingPolicy | None = None) -> bool:
        """Never: decisions refer to what a version said."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: RoutingPolicy | None = None) -> bool:
        """Never."""
        return False

    def save_model(self, request: HttpRequest, obj: RoutingPolicy, form: Any, change: bool) -> None:
        """Publish: the next number, active in place of the present one."""
        with transaction.atomic():
            RoutingPolicy.objects.filter(is_active=True).update(is_active=False)
            obj.version = (RoutingPolicy.objects.aggregate(newest=Max("version"))["newest"] or 0) + 1
            obj.is_active = True
            obj.published_at, obj.published_by = now(), str(request.user)[:120]
            super().save_model(request, obj, form, change)
        forget_policy()


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


@admin.register(RoutingDecision)
class RoutingDecisionAdmin(_Log, admin.ModelAdmin[RoutingDecision]):
    """What was decided."""

    list_display = ("order", "attempt", "outcome", "sentence", "policy_version", "decided_at")
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
