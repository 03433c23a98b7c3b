"""Carriers in the administration. Secrets go in and never come out; what happened can only be read."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from carriers.adapters.checks import COMMON, faults_of
from carriers.base import ChecksSettings
from carriers.models import (
    BillLine,
    Booking,
    CarrierAccount,
    CarrierBill,
    CreditNote,
    DeliveryProof,
    Label,
    RateCard,
    Serviceability,
    TrackingEvent,
)
from carriers.registry import ADAPTERS
from carriers.selectors import webhook_url
from carriers.services.cards import RateCardUnreadable, card_of
from carriers.services.quotes import forget_rates
from oms.core.read_only import ReadOnly


class WriteOnlyTextarea(forms.Textarea):
    """Shows nothing of what was typed in, not even when the form comes back with faults."""

    def format_value(self, value: Any) -> str:
        """Always empty."""
        return ""


class CarrierAccountForm(forms.ModelForm[CarrierAccount]):
    """An account without its secrets; a field of its own replaces them one by one."""

    new_secrets = forms.CharField(
        required=False,
        label="Replace secrets",
        widget=WriteOnlyTextarea(attrs={"rows": 4, "autocomplete": "off", "spellcheck": "false"}),
        help_text='One "name = value" a line. Names that are not given stay; a name without a value is removed.',
    )

    class Meta:
        model = CarrierAccount
        fields = (
            "code",
            "name",
            "adapter",
            "base_url",
            "settings",
            "rate_card",
            "priority",
            "is_active",
            "supports_cod",
            "max_weight_grams",
            "max_value_minor",
            "max_cod_minor",
            "remittance_days",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(code, adapter.name) for code, adapter in sorted(ADAPTERS.items())]
        self.fields["adapter"] = forms.ChoiceField(choices=choices)

    def clean_settings(self) -> dict[str, Any]:
        """A JSON object, nothing else."""
        settings = self.cleaned_data.get("settings") or {}
        if not isinstance(settings, dict):
            raise forms.ValidationError("Settings are a JSON object.")
        return settings

    def clean(self) -> dict[str, Any]:
        """Settings that the account's connector could not work with are refused, all at once."""
        cleaned = super().clean() or {}
        settings, adapter = cleaned.get("settings"), ADAPTERS.get(str(cleaned.get("adapter")))
        faults = faults_of(settings or {}, COMMON)
        if settings is not None and adapter is not None and isinstance(adapter, ChecksSettings):
            faults += adapter.settings_faults(settings)
        for fault in faults:
            self.add_error("settings", fault)
        return cleaned

    def clean_new_secrets(self) -> dict[str, str]:
        """The lines as names and values. A fault names its line, never its content."""
        secrets: dict[str, str] = {}
        for number, line in enumerate(self.cleaned_data["new_secrets"].splitlines(), start=1):
            if not line.strip():
                continue
            name, sign, value = line.partition("=")
            if not sign or not name.strip().isidentifier():
                raise forms.ValidationError(f'Line {number} does not have the form "name = value".')
            secrets[name.strip()] = value.strip()
        return secrets

    def save(self, commit: bool = True) -> CarrierAccount:
        """Merge the new secrets into those that stand."""
        kept = dict(self.instance.secrets or {}) | self.cleaned_data["new_secrets"]
        self.instance.secrets = {name: value for name, value in kept.items() if value}
        return super().save(commit)


@admin.register(CarrierAccount)
class CarrierAccountAdmin(admin.ModelAdmin[CarrierAccount]):
    """Contracts with carriers."""

    form = CarrierAccountForm
    list_display = ("code", "name", "adapter", "priority", "is_active", "supports_cod", "last_ok_at", "last_error_at")
    list_filter = ("adapter", "is_active")
    search_fields = ("code", "name")
    readonly_fields = ("secret_names", "tracking_webhook", "last_ok_at", "last_error_at", "last_error")

    @admin.display(description="Secrets that are set")
    def secret_names(self, account: CarrierAccount) -> str:
        """Names only."""
        return ", ".join(sorted(account.secrets or {})) or "none"

    @admin.display(description="Address for tracking webhooks")
    def tracking_webhook(self, account: CarrierAccount) -> str:
        """Empty until the account is saved, and where the carrier pushes nothing."""
        return webhook_url(account) if account.pk else ""

    def save_model(self, request: HttpRequest, obj: CarrierAccount, form: Any, change: bool) -> None:
        """Prices of the old account are forgotten."""
        super().save_model(request, obj, form, change)
        forget_rates()


class RateCardForm(forms.ModelForm[RateCard]):
    """A card whose zones can be read."""

    class Meta:
        model = RateCard
        fields = ("code", "name", "currency", "zones", "cod_minor", "cod_bp", "fuel_bp", "valid_from")

    def clean(self) -> dict[str, Any]:
        """The zones have the form that prices are made from."""
        cleaned = super().clean() or {}
        if not self.errors:
            try:
                card_of(RateCard(**{name: cleaned[name] for name in self.Meta.fields}))
            except RateCardUnreadable as error:
                self.add_error("zones", error.message)
        return cleaned


@admin.register(RateCard)
class RateCardAdmin(admin.ModelAdmin[RateCard]):
    """What carriers charge."""

    form = RateCardForm
    list_display = ("code", "name", "currency", "valid_from")
    search_fields = ("code", "name")


@admin.register(Serviceability)
class ServiceabilityAdmin(admin.ModelAdmin[Serviceability]):
    """Where carriers deliver."""

    list_display = ("account", "country", "postcode", "prepaid", "cod")
    list_filter = ("account",)
    search_fields = ("postcode",)
    list_select_related = ("account",)


class TrackingEventInline(ReadOnly, admin.TabularInline[TrackingEvent, Booking]):
    """The scans of a booking."""

    model = TrackingEvent
    extra = 0
    fields = ("occurred_at", "milestone", "carrier_status", "location", "source", "recorded_at")


@admin.register(Booking)
class BookingAdmin(ReadOnly, admin.ModelAdmin[Booking]):
    """Bookings, without the customer's address."""

    list_display = ("client_reference", "awb", "account", "state", "milestone", "attempts", "created_at", "error")
    list_filter = ("state", "account", "milestone")
    search_fields = ("awb", "client_reference", "order_number")
    list_select_related = ("account",)
    exclude = ("request",)
    inlines = (TrackingEventInline,)


@admin.register(Label)
class LabelAdmin(ReadOnly, admin.ModelAdmin[Label]):
    """When labels were made and printed; the label itself is on the shipment's page."""

    list_display = ("booking", "from_carrier", "created_at", "printed_at")
    fields = ("booking", "from_carrier", "created_at", "printed_at")
    search_fields = ("booking__awb", "booking__client_reference")
    list_select_related = ("booking",)


@admin.register(DeliveryProof)
class DeliveryProofAdmin(ReadOnly, admin.ModelAdmin[DeliveryProof]):
    """When proofs of delivery were fetched; the document itself is on the parcel's page."""

    list_display = ("booking", "fetched_by", "fetched_at")
    fields = ("booking", "sha256", "fetched_by", "fetched_at")
    search_fields = ("booking__awb", "booking__client_reference")
    list_select_related = ("booking",)


@admin.register(TrackingEvent)
class TrackingEventAdmin(ReadOnly, admin.ModelAdmin[TrackingEvent]):
    """Scans as the carriers told them."""

    list_display = ("booking", "occurred_at", "milestone", "carrier_status", "location", "source")
    list_filter = ("milestone", "source")
    search_fields = ("booking__awb",)
    list_select_related = ("booking",)


@admin.register(CarrierBill)
class CarrierBillAdmin(ReadOnly, admin.ModelAdmin[CarrierBill]):
    """Bills of carriers, without their files: those are on the bill's page."""

    list_display = ("number", "account", "billed_on", "state", "created_by", "created_at")
    list_filter = ("account", "state")
    search_fields = ("number",)
    list_select_related = ("account",)
    exclude = ("raw",)


@admin.register(BillLine)
class BillLineAdmin(ReadOnly, admin.ModelAdmin[BillLine]):
    """What was billed, what was expected, and what was decided."""

    list_display = ("bill", "row", "awb", "total_minor", "expected_minor", "finding", "state", "decided_by")
    list_filter = ("finding", "state", "account")
    search_fields = ("awb", "bill__number")
    list_select_related = ("bill",)


@admin.register(CreditNote)
class CreditNoteAdmin(ReadOnly, admin.ModelAdmin[CreditNote]):
    """What carriers gave back."""

    list_display = ("number", "account", "bill", "issued_on", "amount_minor", "created_by")
    list_filter = ("account",)
    search_fields = ("number", "bill__number")
    list_select_related = ("account", "bill")
