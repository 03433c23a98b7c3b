"""The form of a rule of choice."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from carriers.models import CarrierAccount, ChoiceRule, RuleEffect, RulePayment, RuleStrategy
from carriers.services.rules import RuleTerms
from inventory.models import Node
from oms.core.errors import DomainError
from oms.core.places import known_state
from oms.core.values import major_units, minor_units
from oms.dashboard.choices import offer
from orders.models import Order, SalesChannel

_MOST_MONEY = Decimal(100_000_000)
_MOST_GRAMS = 1_000_000
_WEIGHT = "weight_"
#: Fields of the form that rules call otherwise, for faults that the service finds.
_FIELDS = {"accounts": "blocked", "value_to_minor": "value_to"}
_PLAIN = ("name", "effect", "strategy", "reason", "nodes", "channels", "services", "payment", "grams_from", "grams_to",
          "valid_from", "valid_until", "is_active")  # fmt: skip


def _words(text: str) -> list[str]:
    """Entries of a text, split at commas and ends of lines."""
    return [part.strip() for part in text.replace("\n", ",").split(",") if part.strip()]


def _money_field(label: Any, help_text: Any = "") -> forms.DecimalField:
    return forms.DecimalField(
        label=label, min_value=0, max_value=_MOST_MONEY, decimal_places=2, required=False, help_text=help_text
    )


class RuleForm(forms.Form):
    """What a rule does, and which parcels it is about. Conditions that are left empty hold for every parcel."""

    name = forms.CharField(label=_("Name"), max_length=80)
    effect = forms.ChoiceField(label=_("What it does"), choices=RuleEffect.choices, widget=forms.RadioSelect)
    strategy = forms.ChoiceField(label=_("Best is"), choices=RuleStrategy.choices, required=False)
    return_cost = _money_field(_("A parcel that comes back costs"), _("On top of the freight out."))
    late_cost = _money_field(_("A late parcel costs"), _("In goodwill and calls."))
    blocked = forms.MultipleChoiceField(
        label=_("Accounts that are not used"), required=False, widget=forms.CheckboxSelectMultiple
    )
    reason = forms.CharField(
        label=_("Why not"), max_length=200, required=False, help_text=_("Shown wherever a person asks for the reason.")
    )
    nodes = forms.MultipleChoiceField(label=_("From nodes"), required=False, widget=forms.CheckboxSelectMultiple)
    channels = forms.MultipleChoiceField(label=_("Channels"), required=False, widget=forms.CheckboxSelectMultiple)
    services = forms.MultipleChoiceField(
        label=_("Service levels"), required=False, widget=forms.CheckboxSelectMultiple,
        choices=Order.ServiceLevel.choices,
    )  # fmt: skip
    states = forms.CharField(
        label=_("To states"), required=False, widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("By name, with commas between."),
    )  # fmt: skip
    postcodes = forms.CharField(
        label=_("To PIN codes that begin with"), required=False, max_length=2000,
        help_text=_("With commas between: 781, 79 holds for the north-east."),
    )  # fmt: skip
    payment = forms.ChoiceField(label=_("Payment"), choices=RulePayment.choices, required=False)
    grams_from = forms.IntegerField(label=_("Weight from"), min_value=0, max_value=_MOST_GRAMS, required=False)
    grams_to = forms.IntegerField(label=_("Weight to"), min_value=0, max_value=_MOST_GRAMS, required=False)
    value_from = _money_field(_("Goods worth from"))
    value_to = _money_field(_("Goods worth to"))
    valid_from = forms.DateTimeField(
        label=_("In force from"), required=False, widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )
    valid_until = forms.DateTimeField(
        label=_("In force until"), required=False, widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )
    is_active = forms.BooleanField(label=_("Switched on"), required=False, initial=True)
    seen_at = forms.DateTimeField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.accounts = list(CarrierAccount.objects.order_by("priority", "code"))
        offer(self, "blocked", [(account.code, account.name) for account in self.accounts])
        offer(self, "nodes", [(node.code, f"{node.name} ({node.code})") for node in Node.objects.order_by("code")])
        offer(self, "channels", SalesChannel.objects.order_by("code").values_list("code", "name"))
        for account in self.accounts:
            self.fields[f"{_WEIGHT}{account.pk}"] = forms.IntegerField(
                label=account.name, min_value=0, max_value=1000, required=False
            )

    @property
    def weights(self) -> list[forms.BoundField]:
        """A field for the weight of each account in a share."""
        return [self[f"{_WEIGHT}{account.pk}"] for account in self.accounts]

    def clean_states(self) -> list[str]:
        """States by the names that the directory has."""
        found = []
        for text in _words(self.cleaned_data["states"]):
            state = known_state(text)
            if state is None:
                raise forms.ValidationError(_("%(text)s is no state that is known."), params={"text": text})
            found.append(state)
        return found

    def clean_postcodes(self) -> list[str]:
        """The beginnings of PIN codes."""
        found = [text.upper().replace(" ", "") for text in _words(self.cleaned_data["postcodes"])]
        wrong = next((text for text in found if not text.isalnum() or len(text) > 10), None)
        if wrong is not None:
            raise forms.ValidationError(_("%(text)s is no beginning of a PIN code."), params={"text": wrong})
        return found

    def terms(self) -> RuleTerms:
        """What the valid form asks for."""
        data = self.cleaned_data
        accounts: dict[str, int] = {}
        if data["effect"] == RuleEffect.BLOCK:
            accounts = dict.fromkeys(data["blocked"], 1)
        elif data["effect"] == RuleEffect.SHARE:
            weights = {account.code: data.get(f"{_WEIGHT}{account.pk}") or 0 for account in self.accounts}
            accounts = {code: weight for code, weight in weights.items() if weight}
        return RuleTerms(
            **{name: data[name] for name in _PLAIN} | {"strategy": data["strategy"] or RuleStrategy.PROMISE.value},
            accounts=accounts, states=data["states"], postcodes=data["postcodes"],
            return_cost_minor=_minor(data["return_cost"]) or 0, late_cost_minor=_minor(data["late_cost"]) or 0,
            value_from_minor=_minor(data["value_from"]), value_to_minor=_minor(data["value_to"]),
        )  # fmt: skip

    def refuse(self, error: DomainError) -> None:
        """Say at the field at fault why the service refused."""
        name = _FIELDS.get(error.field, error.field)
        if error.field == "accounts" and self.cleaned_data.get("effect") == RuleEffect.SHARE and self.accounts:
            name = f"{_WEIGHT}{self.accounts[0].pk}"
        self.add_error(name if name in self.fields else None, error.message)


def _minor(amount: Decimal | None) -> int | None:
    return None if amount is None else minor_units(amount, settings.DEFAULT_CURRENCY)


def _major(minor: int | None) -> Decimal | None:
    return None if minor is None else major_units(minor, settings.DEFAULT_CURRENCY)


def initial_of(rule: ChoiceRule) -> Mapping[str, Any]:
    """A rule as its form shows it."""
    pks = dict(CarrierAccount.objects.filter(code__in=rule.accounts).values_list("code", "pk"))
    weights = {f"{_WEIGHT}{pks[code]}": weight for code, weight in rule.accounts.items() if code in pks}
    return {name: getattr(rule, name) for name in _PLAIN} | {
        "blocked": list(rule.accounts) if rule.effect == RuleEffect.BLOCK else [],
        "states": ", ".join(rule.states), "postcodes": ", ".join(rule.postcodes),
        "return_cost": _major(rule.return_cost_minor), "late_cost": _major(rule.late_cost_minor),
        "value_from": _major(rule.value_from_minor), "value_to": _major(rule.value_to_minor),
        "seen_at": rule.changed_at.isoformat(),
    } | (weights if rule.effect == RuleEffect.SHARE else {})  # fmt: skip
