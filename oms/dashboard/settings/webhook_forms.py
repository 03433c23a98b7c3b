"""The forms of webhooks: what an endpoint is, and how its secret is changed."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from oms.accounts.access import Principal
from oms.core.errors import DomainError
from oms.dashboard.settings.imports.scope import node_choices
from oms.integrations.addresses import MAX_URL_LENGTH
from oms.integrations.models import WebhookEndpoint
from oms.integrations.selectors import sku_codes
from oms.integrations.services import EndpointWish
from oms.integrations.topics import TOPICS

CHANGEOVER_CHOICES = [
    ("24", _("For a day")), ("1", _("For an hour")), ("168", _("For a week")),
    ("0", _("Not at all: it is known to others")),
]  # fmt: skip


class EndpointForm(forms.Form):
    """What an endpoint is to be."""

    name = forms.CharField(label=_("Name"), max_length=120, help_text=_("Whose it is: the ERP, the website."))
    url = forms.CharField(
        label=_("Address"), max_length=MAX_URL_LENGTH,
        help_text=_("Begins with https://. Messages are posted to it; redirects are not followed."),
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip
    topics = forms.MultipleChoiceField(
        label=_("It is told"), widget=forms.CheckboxSelectMultiple,
        choices=[(topic.name, f"{topic.title} ({topic.name})") for topic in TOPICS],
        error_messages={"required": _("Choose at least one topic.")},
    )  # fmt: skip
    node_codes = forms.MultipleChoiceField(
        label=_("At these nodes"), required=False, widget=forms.CheckboxSelectMultiple,
        help_text=_("None ticked: all nodes. Otherwise nothing that happens before an order has a node."),
    )  # fmt: skip
    sku_codes = forms.CharField(
        label=_("About these SKUs"), required=False, strip=True,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "autocomplete": "off"}),
        help_text=_("Codes, each on a line of its own. Empty: all SKUs."),
    )  # fmt: skip

    def __init__(self, *args: Any, principal: Principal, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        nodes = self.fields["node_codes"]
        assert isinstance(nodes, forms.MultipleChoiceField)
        nodes.choices = node_choices(principal)

    def wish(self) -> EndpointWish:
        """What was asked for."""
        data = self.cleaned_data
        codes = [line.strip() for line in data["sku_codes"].splitlines() if line.strip()]
        return EndpointWish(
            name=data["name"], url=data["url"], topics=data["topics"], node_codes=data["node_codes"], sku_codes=codes
        )

    def refuse(self, error: DomainError) -> None:
        """Say at the field at fault why the service refused."""
        self.add_error(error.field if error.field in self.fields else None, error.message)


def initial_of(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """An endpoint as the form shows it."""
    return {
        "name": endpoint.name, "url": endpoint.url, "topics": endpoint.topics, "node_codes": endpoint.node_codes,
        "sku_codes": "\n".join(sku_codes(endpoint)),
    }  # fmt: skip


class SecretForm(forms.Form):
    """How long the old secret goes on signing beside the new one."""

    old_hours = forms.TypedChoiceField(
        label=_("The old secret signs as well"), choices=CHANGEOVER_CHOICES, coerce=int,
        help_text=_("The time in which the other side changes over. Every message bears both signatures until then."),
    )  # fmt: skip
