"""Accounts with providers in the administration. Secrets go in and never come out."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin

from carriers.admin import WriteOnlyTextarea
from oms.notifications.models import MessageAccount
from oms.notifications.registry import PROVIDERS
from oms.notifications.sending import hook_url


class MessageAccountForm(forms.ModelForm[MessageAccount]):
    """An account without its secrets; a field of its own replaces them one by one."""

    new_secrets = forms.CharField(
        required=False, label="Replace secrets",
        widget=WriteOnlyTextarea(attrs={"rows": 4, "autocomplete": "off", "spellcheck": "false"}),
        help_text='One "name = value" a line. Names that are not given stay; a name without a value is removed.',
    )  # fmt: skip

    class Meta:
        model = MessageAccount
        fields = ("code", "name", "provider", "channel", "base_url", "settings", "priority", "per_minute", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(code, provider.name) for code, provider in sorted(PROVIDERS.items()) if code != "mail"]
        self.fields["provider"] = forms.ChoiceField(choices=choices)

    def clean_settings(self) -> dict[str, Any]:
        """A JSON object, nothing else."""
        settings = self.cleaned_data.get("settings") or {}
        if not isinstance(settings, dict):
            raise forms.ValidationError("Settings are a JSON object.")
        return settings

    def clean_new_secrets(self) -> dict[str, str]:
        """The lines as names and values. A fault names its line, never its content."""
        secrets: dict[str, str] = {}
        for number, line in enumerate(self.cleaned_data["new_secrets"].splitlines(), start=1):
            name, sign, value = line.partition("=")
            if not line.strip():
                continue
            if not sign or not name.strip().isidentifier():
                raise forms.ValidationError(f'Line {number} does not have the form "name = value".')
            secrets[name.strip()] = value.strip()
        return secrets

    def save(self, commit: bool = True) -> MessageAccount:
        """Merge the new secrets into those that stand."""
        merged = {**(self.instance.secrets or {}), **self.cleaned_data["new_secrets"]}
        self.instance.secrets = {name: value for name, value in merged.items() if value}
        return super().save(commit)


@admin.register(MessageAccount)
class MessageAccountAdmin(admin.ModelAdmin[MessageAccount]):
    """Accounts with providers of SMS and WhatsApp."""

    form = MessageAccountForm
    list_display = ("code", "name", "provider", "channel", "is_active", "last_ok_at", "last_error_at")
    readonly_fields = ("receipts_go_to", "last_ok_at", "last_error_at", "last_error")

    @admin.display(description="Receipts go to")
    def receipts_go_to(self, account: MessageAccount) -> str:
        """The address that the provider is told."""
        return hook_url(account) if account.pk else ""
