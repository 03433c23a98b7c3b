"""Channels in Django admin. Secrets can be replaced, never read; the inbox can be read, never written."""

from __future__ import annotations

from django import forms
from django.contrib import admin

from channels.models import ChannelAccount, ImportMapping, InboundMessage, Listing, OutboundUpdate
from channels.registry import ADAPTERS
from oms.core.read_only import ReadOnly


class AccountForm(forms.ModelForm[ChannelAccount]):
    """An account; what is typed into `new_secrets` is merged over the stored secrets."""

    new_secrets = forms.JSONField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off", "spellcheck": "false"}),
        help_text='Stored secrets are never shown. Replace some: {"consumer_secret": "..."}. null removes one.',
    )
    connector = forms.ChoiceField(choices=[(code, adapter.name) for code, adapter in ADAPTERS.items()])

    class Meta:
        model = ChannelAccount
        fields = [
            "channel", "connector", "base_url", "settings", "pulls_orders", "pushes_stock", "pushes_updates",
            "poll_seconds",
        ]  # fmt: skip

    def clean_new_secrets(self) -> dict[str, str]:
        """Only an object of texts is a set of secrets."""
        value = self.cleaned_data.get("new_secrets") or {}
        if not isinstance(value, dict) or not all(isinstance(item, str | None) for item in value.values()):
            raise forms.ValidationError('Give an object of texts, such as {"consumer_key": "ck_..."}.')
        return value

    def save(self, commit: bool = True) -> ChannelAccount:
        """Merge the new secrets over the stored ones."""
        merged = dict(self.instance.secrets or {}) | self.cleaned_data["new_secrets"]
        self.instance.secrets = {key: value for key, value in merged.items() if value is not None}
        account: ChannelAccount = super().save(commit)
        return account


@admin.register(ChannelAccount)
class ChannelAccountAdmin(admin.ModelAdmin[ChannelAccount]):
    """How we talk to a channel."""

    form = AccountForm
    list_display = ("channel", "connector", "base_url", "last_ok_at", "last_order_at", "last_error_at")
    readonly_fields = (
        "secret_names", "cursor", "next_poll_at", "last_ok_at", "last_order_at", "last_error_at", "last_error",
    )  # fmt: skip

    @admin.display(description="Secrets stored")
    def secret_names(self, account: ChannelAccount) -> str:
        """The names of the stored secrets, not the secrets."""
        return ", ".join(sorted(account.secrets or {})) or "None"


@admin.register(Listing)
class ListingAdmin(admin.ModelAdmin[Listing]):
    """What each channel calls a SKU, and what it was told."""

    list_display = ("external_sku", "account", "sku", "wanted_quantity", "sent_quantity", "reported_quantity", "error")
    list_filter = ("account",)
    list_select_related = ("account__channel", "sku")
    search_fields = ("external_sku", "name", "sku__code")
    raw_id_fields = ("sku",)
    readonly_fields = (
        "wanted_quantity", "wanted_version", "wanted_at", "sent_quantity", "sent_version", "sent_at",
        "acknowledged_at", "reported_quantity", "error",
    )  # fmt: skip


@admin.register(InboundMessage)
class InboundMessageAdmin(ReadOnly, admin.ModelAdmin[InboundMessage]):
    """Everything the channels said."""

    list_display = ("external_id", "account", "kind", "source", "state", "cause", "received_at")
    list_filter = ("state", "source", "account")
    list_select_related = ("account__channel",)
    search_fields = ("external_id", "event_id")


@admin.register(OutboundUpdate)
class OutboundUpdateAdmin(ReadOnly, admin.ModelAdmin[OutboundUpdate]):
    """Everything the channels were told."""

    list_display = ("order", "account", "kind", "state", "attempts", "error", "created_at", "sent_at")
    list_filter = ("state", "kind", "account")
    list_select_related = ("account__channel", "order")
    search_fields = ("order__number", "update_key")


@admin.register(ImportMapping)
class ImportMappingAdmin(admin.ModelAdmin[ImportMapping]):
    """Saved answers to which column is which."""

    list_display = ("name", "kind", "updated_at")
