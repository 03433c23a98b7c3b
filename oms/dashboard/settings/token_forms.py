"""The form of a new API token: what it may do, where, and until when."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from oms.accounts.access import Principal
from oms.core.clock import now
from oms.dashboard.settings.imports.scope import channel_choices, node_choices

#: Verbs that only machines have: whoever makes tokens may give them.
MACHINE_VERBS = frozenset({"orders.ingest", "stock.write", "events.read"})
#: What a machine can be given: everything that the API asks for. Rights over people and settings are not among it.
_WORDS = {
    "orders.ingest": _("Send orders in"), "orders.view": _("Read orders"), "orders.hold": _("Put orders on hold"),
    "orders.release": _("Release orders"), "orders.cancel": _("Cancel orders"),
    "orders.reroute": _("Reroute orders"), "orders.edit": _("Edit orders"), "orders.create": _("Create orders"),
    "orders.note": _("Write notes"), "orders.export": _("Export orders"), "pii.view": _("Read personal data"),
    "inventory.view": _("Read stock"), "inventory.adjust": _("Adjust stock"),
    "inventory.receive": _("Receive stock"), "inventory.move": _("Move stock"),
    "inventory.export": _("Export stock"), "stock.write": _("Write stock counts"),
    "fulfillment.view": _("Read the floor's work"), "fulfillment.work": _("Pick and pack"),
    "fulfillment.manifest": _("Hand over to carriers"), "events.read": _("Read the event stream"),
    "returns.view": _("Read returns"), "returns.receive": _("Receive returns"),
}  # fmt: skip
EXPIRY_CHOICES = [("30", _("In 30 days")), ("90", _("In 90 days")), ("365", _("In a year")), ("", _("Never"))]


def verb_words(verb: str) -> str:
    """A verb as people say it."""
    return str(_WORDS.get(verb, verb))


def givable_verbs(principal: Principal) -> list[str]:
    """What the person may give to a machine: what they may do themselves, and what only machines do."""
    return [verb for verb in _WORDS if principal.may(verb) or verb in MACHINE_VERBS]


def verb_choices(principal: Principal) -> list[tuple[str, str]]:
    """The verbs with their words."""
    return [(verb, f"{verb_words(verb)} ({verb})") for verb in givable_verbs(principal)]


class TokenForm(forms.Form):
    """A new token. Its scope is never wider than that of the person who makes it."""

    name = forms.CharField(
        label=_("Name"), max_length=120, help_text=_("What uses it: the ERP, the website, a script.")
    )
    verbs = forms.MultipleChoiceField(
        label=_("It may"), widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one thing it may do.")},
    )  # fmt: skip
    node_codes = forms.MultipleChoiceField(
        label=_("At these nodes"), required=False, widget=forms.CheckboxSelectMultiple,
        help_text=_("None ticked: all nodes that you see."),
    )  # fmt: skip
    channel_codes = forms.MultipleChoiceField(
        label=_("On these channels"), required=False, widget=forms.CheckboxSelectMultiple,
        help_text=_("None ticked: all channels that you see."),
    )  # fmt: skip
    days = forms.ChoiceField(label=_("It ends"), choices=EXPIRY_CHOICES, initial="90", required=False)

    def __init__(self, *args: Any, principal: Principal, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.principal = principal
        for name, choices in (
            ("verbs", verb_choices(principal)), ("node_codes", node_choices(principal)),
            ("channel_codes", channel_choices(principal)),
        ):  # fmt: skip
            field = self.fields[name]
            assert isinstance(field, forms.MultipleChoiceField)
            field.choices = choices

    def expires_at(self) -> datetime | None:
        """When it ends; None for never."""
        days = self.cleaned_data["days"]
        return now() + timedelta(days=int(days)) if days else None

    def nodes(self) -> list[str] | None:
        """Codes of its nodes; None for all of them."""
        return self._scope("node_codes", self.principal.all_nodes, self.principal.node_codes)

    def channels(self) -> list[str] | None:
        """Codes of its channels; None for all of them."""
        return self._scope("channel_codes", self.principal.all_channels, self.principal.channel_codes)

    def _scope(self, name: str, sees_all: bool, own: frozenset[str]) -> list[str] | None:
        chosen: list[str] = self.cleaned_data[name]
        if chosen:
            return chosen
        return None if sees_all else sorted(own)
