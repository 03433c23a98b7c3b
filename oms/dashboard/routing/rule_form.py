"""The form of one rule, apart from its conditions: money in rupees, shares in percent, as people write them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from inventory.models import NodeGroup, NodeKind
from oms.core.values import MAX_QUANTITY
from routing.engine import Eligibility, TransferTerms, Weights
from routing.policy.conditions import Group
from routing.policy.document import (
    MOST_DAYS,
    MOST_NAME,
    MOST_SHIPMENTS,
    MOST_TRANSFER_DAYS,
    SORT_FIELDS,
    Fallback,
    Rule,
    SortKey,
    Split,
)
from routing.policy.facts import folded
from routing.policy.words import WEIGHTS, people_number

_SEQUENCES = [("", _("Nothing more"))] + [
    (f"{by}:{way}", words)
    for by, names in {
        "ship_by": (_("Ship-by, the soonest first"), _("Ship-by, the latest first")),
        "promise": (_("Promise, the nearest first"), _("Promise, the farthest first")),
        "value": (_("Value, the smallest first"), _("Value, the largest first")),
        "age": (_("Age, the newest first"), _("Age, the oldest first")),
    }.items()
    for way, words in zip(("up", "down"), names, strict=True)
]
assert {key.partition(":")[0] for key, _words in _SEQUENCES if key} == set(SORT_FIELDS)
_PLACES = ("first", "second", "third", "fourth")
_MOST_RUPEES = Decimal(10) ** 9


def _optional(low: int, high: int, label: Any, help_text: Any = "") -> forms.IntegerField:
    return forms.IntegerField(label=label, help_text=help_text, required=False, min_value=low, max_value=high)


def _rupees(label: Any, help_text: Any = "") -> forms.DecimalField:
    return forms.DecimalField(
        label=label, help_text=help_text, required=False, min_value=0, max_value=_MOST_RUPEES, decimal_places=2
    )


class TermsForm(forms.Form):
    """What a rule does with the orders that it takes."""

    edit_version = forms.IntegerField(widget=forms.HiddenInput)
    name = forms.CharField(label=_("Name"), max_length=MOST_NAME)
    enabled = forms.BooleanField(label=_("The rule is on"), required=False)
    first, second, third, fourth = (
        forms.ChoiceField(label=label, choices=_SEQUENCES, required=False)
        for label in (_("First come"), _("then"), _("and then"), _("at last"))
    )
    kinds = forms.MultipleChoiceField(
        label=_("Kinds of nodes"), choices=NodeKind.choices, required=False, widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: every kind."),
    )  # fmt: skip
    groups = forms.MultipleChoiceField(
        label=_("Only nodes in one of"), required=False, widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: every group."),
    )  # fmt: skip
    groups_out = forms.MultipleChoiceField(
        label=_("No nodes in"), required=False, widget=forms.CheckboxSelectMultiple
    )  # fmt: skip
    capabilities = forms.CharField(
        label=_("They must be able to do"),
        required=False,
        max_length=400,
        help_text=_("Such as gift_wrap, cold_chain."),
    )
    min_capacity_left = _optional(0, MAX_QUANTITY, _("Least capacity left"), _("Orders that it can still take today."))
    min_minutes_to_cutoff = _optional(0, 24 * 60, _("Least time to the cut-off"), _("Minutes."))
    max_km = forms.FloatField(
        label=_("Farthest from the customer"), help_text=_("Kilometres."), required=False, min_value=0, max_value=20_100
    )
    min_performance = _optional(0, 100, _("Least performance"), _("Percent. Nodes not measured yet pass."))
    keep_units = _optional(0, MAX_QUANTITY, _("Units that stay"), _("Of each SKU at each node."))
    max_shipments = forms.IntegerField(label=_("Most parcels"), min_value=1, max_value=MOST_SHIPMENTS)
    max_extra = _rupees(_("Most a split may cost more"), _("Rupees above one parcel. Empty: no limit."))
    min_parcel = _rupees(_("Least value of a parcel"), _("Rupees of goods in each parcel of a split."))
    keep_gifts_whole = forms.BooleanField(label=_("Never split gifts"), required=False)
    partial = forms.BooleanField(label=_("Ship what is there"), required=False)
    then = forms.ChoiceField(
        label=_("What cannot be filled"), widget=forms.RadioSelect,
        choices=[("wait", _("waits for stock")), ("next", _("goes to the next rule that takes the order"))],
    )  # fmt: skip

    hold = forms.BooleanField(label=_("Hold an order that waits, once"), required=False)
    substitute = forms.BooleanField(
        label=_("Sell a substitute where the customer takes one"), required=False,
        help_text=_("For what no node can ship. Which SKU may stand in for which stands on the page of the SKU."),
    )  # fmt: skip
    cancel_after_days = _optional(
        1, MOST_DAYS, _("Cancel what still waits after"), _("Days since the order came. Empty: never.")
    )
    transfer_days = _optional(
        1, MOST_TRANSFER_DAYS, _("Send to the store of collection within"),
        _("Days. What the store lacks comes from other nodes. Empty: never."),
    )  # fmt: skip
    transfer_cost = _rupees(_("Cost of sending to it"), _("Rupees for each node that sends, beside its freight."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        groups = [(group.code, group.name) for group in NodeGroup.objects.order_by("name")]
        for name in ("groups", "groups_out"):
            field = self.fields[name]
            assert isinstance(field, forms.MultipleChoiceField)
            # A group that is gone stays to be seen, so that it can be taken off.
            chosen = [code for code in self.initial.get(name, []) if code not in dict(groups)]
            field.choices = [*groups, *((code, code) for code in chosen)]
        for words in WEIGHTS:
            self.fields[f"w_{words.key}"] = forms.DecimalField(
                label=words.name, help_text=words.meaning, min_value=0, max_value=_MOST_RUPEES,
                decimal_places=2 if words.scale == 100 else 4,
            )  # fmt: skip

    @classmethod
    def of_rule(cls, rule: Rule, edit_version: int) -> TermsForm:
        """Filled with a rule."""
        nodes, split, fallback = rule.nodes, rule.split, rule.fallback
        keys = [f"{key.by}:{'down' if key.descending else 'up'}" for key in rule.sequence] + [""] * 4
        return cls(initial={
            "edit_version": edit_version, "name": rule.name, "enabled": rule.enabled,
            **dict(zip(_PLACES, keys, strict=False)),
            "kinds": sorted(nodes.kinds), "groups": sorted(nodes.groups), "groups_out": sorted(nodes.groups_out),
            "capabilities": ", ".join(sorted(nodes.capabilities)), "min_capacity_left": nodes.min_capacity_left or None,
            "min_minutes_to_cutoff": nodes.min_minutes_to_cutoff, "max_km": nodes.max_km,
            "min_performance": None if nodes.min_performance is None else round(nodes.min_performance * 100),
            "keep_units": nodes.keep_units or None, "max_shipments": split.max_shipments,
            "max_extra": _in_rupees(split.max_extra_minor), "min_parcel": _in_rupees(split.min_parcel_minor or None),
            "keep_gifts_whole": split.keep_gifts_whole, "partial": fallback.partial, "then": fallback.then,
            "hold": fallback.hold, "substitute": fallback.substitute, "cancel_after_days": fallback.cancel_after_days,
            "transfer_days": fallback.transfer.max_days if fallback.transfer else None,
            "transfer_cost": _in_rupees(fallback.transfer.minor) if fallback.transfer else None,
            **{f"w_{words.key}": _plain(people_number(rule.weights, words)) for words in WEIGHTS},
        })  # fmt: skip

    def clean(self) -> dict[str, Any]:
        """One key of the sequence stands once."""
        data: dict[str, Any] = super().clean() or {}
        seen: set[str] = set()
        for name in _PLACES:
            by = data.get(name, "").partition(":")[0]
            if by and by in seen:
                self.add_error(name, _("This stands above already."))
            seen.add(by)
        return data

    def rule(self, when: Group) -> Rule:
        """The rule that was written. Only of a valid form."""
        data = self.cleaned_data
        percent, extra = data["min_performance"], data["max_extra"]
        return Rule(
            name=data["name"], when=when, enabled=data["enabled"],
            sequence=tuple(_sort_key(data[name]) for name in _PLACES if data[name]),
            nodes=Eligibility(
                kinds=frozenset(data["kinds"]), groups=frozenset(data["groups"]),
                groups_out=frozenset(data["groups_out"]), capabilities=folded(data["capabilities"].split(",")),
                min_capacity_left=data["min_capacity_left"] or 0, min_minutes_to_cutoff=data["min_minutes_to_cutoff"],
                max_km=data["max_km"], min_performance=None if percent is None else percent / 100,
                keep_units=data["keep_units"] or 0,
            ),
            weights=self._weights(),
            split=Split(
                data["max_shipments"], None if extra is None else _minor(extra),
                _minor(data["min_parcel"] or Decimal(0)), data["keep_gifts_whole"],
            ),
            fallback=Fallback(
                data["partial"], "next" if data["then"] == "next" else "wait", data["hold"], data["cancel_after_days"],
                transfer=self._transfer(), substitute=data["substitute"],
            ),
        )  # fmt: skip

    def _transfer(self) -> TransferTerms | None:
        days, cost = self.cleaned_data["transfer_days"], self.cleaned_data["transfer_cost"]
        if days is None:
            return None
        return TransferTerms(days, TransferTerms().minor if cost is None else _minor(cost))

    def _weights(self) -> Weights:
        numbers: dict[str, Any] = {}
        for words in WEIGHTS:
            number: Decimal = self.cleaned_data[f"w_{words.key}"]
            numbers[words.key] = _minor(number) if words.scale == 100 else float(number)
        return Weights(**numbers)

    @property
    def weight_fields(self) -> list[tuple[forms.BoundField, str]]:
        """The boxes of the weights with their units."""
        return [(self[f"w_{words.key}"], words.unit) for words in WEIGHTS]


def _sort_key(text: str) -> SortKey:
    by, _colon, way = text.partition(":")
    return SortKey(next(known for known in SORT_FIELDS if known == by), way == "down")


def _plain(number: float) -> str:
    return format(Decimal(str(number)).normalize(), "f")


def _in_rupees(minor: int | None) -> Decimal | None:
    return None if minor is None else Decimal(minor) / 100


def _minor(rupees: Decimal) -> int:
    return int(rupees * 100)
