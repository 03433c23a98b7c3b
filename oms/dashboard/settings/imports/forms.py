"""Forms of the wizard: the file and what it is, and how it is to be read."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from channels.imports.types import Inspection, Kind
from inventory.models import NodeKind
from oms.accounts.access import Principal
from oms.dashboard.settings.imports.scope import carrier_choices, channel_choices, kinds_of, node_choices

KIND_CHOICES = [
    ("orders", _("Orders: reports of marketplaces, shop exports, or your own table")),
    ("skus", _("SKUs: the catalogue")),
    ("nodes", _("Nodes: warehouses, stores, dark stores")),
    ("stock", _("Stock: counted units at nodes")),
    ("purchase_orders", _("Purchase orders: what is bought, as drafts")),
    ("substitutes", _("Substitutes: which SKU may stand in for which")),
    ("remittances", _("Remittances: what carriers paid of the cash that they collected")),
]
TREAT_AS_CHOICES = [
    ("history", _("History: what was shipped is kept for the record, the rest is work to do")),
    ("open", _("Work to do: everything that is not cancelled is to be fulfilled, even if the file says shipped")),
]

#: Options that each kind asks for at the second step.
OPTIONS_OF: dict[Kind, tuple[str, ...]] = {
    "orders": ("date_order", "time_zone", "decimal", "currency", "country"),
    "skus": ("decimal", "currency", "weight_unit", "length_unit"),
    "nodes": ("node_kind", "country"),
    "stock": ("node", "node_split", "create_skus"),
    "purchase_orders": ("node", "date_order", "decimal", "currency"),
    "substitutes": (),
    "remittances": ("carrier", "date_order", "decimal", "currency"),
}


class UploadForm(forms.Form):
    """Step 1: which file, and what is in it."""

    kind = forms.ChoiceField(
        label=_("What is in the file"), choices=KIND_CHOICES, initial="orders", widget=forms.RadioSelect
    )
    channel = forms.ChoiceField(label=_("Channel of these orders"), required=False)
    treat_as = forms.ChoiceField(
        label=_("Take the orders as"), choices=TREAT_AS_CHOICES, initial="history", required=False,
        widget=forms.RadioSelect,
    )  # fmt: skip
    file = forms.FileField(
        label=_("File"), allow_empty_file=True,
        help_text=_("CSV, TSV or XLSX, also packed with gzip. The first row with two filled cells is the header."),
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx,.xlsm,.gz"}),
        error_messages={"required": _("Choose a file.")},
    )  # fmt: skip

    def __init__(self, *args: Any, principal: Principal, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        channel = self.fields["channel"]
        assert isinstance(channel, forms.ChoiceField)
        channel.choices = [("", _("Choose a channel")), *channel_choices(principal)]
        kind = self.fields["kind"]
        assert isinstance(kind, forms.ChoiceField)
        kind.choices = [(value, label) for value, label in KIND_CHOICES if value in kinds_of(principal)]

    def clean(self) -> dict[str, Any]:
        """Orders belong to a channel."""
        data: dict[str, Any] = super().clean() or {}
        if data.get("kind") == "orders" and not data.get("channel") and "channel" not in self.errors:
            self.add_error("channel", _("Choose the channel these orders belong to."))
        return data


class OptionsForm(forms.Form):
    """Step 2, beside the columns: what cannot be seen in a file and would corrupt data if it were guessed."""

    date_order = forms.ChoiceField(
        label=_("Dates such as 05/06/2026"), required=False,
        choices=[
            ("", _("There are none: refuse them")),
            ("dmy", _("Day first: 5 June")),
            ("mdy", _("Month first: 6 May")),
            ("ymd", _("Year first")),
        ],
    )  # fmt: skip
    time_zone = forms.CharField(label=_("Time zone of the file"), max_length=60)
    decimal = forms.ChoiceField(
        label=_("Decimal sign"), choices=[(".", _("Point: 1,299.50")), (",", _("Comma: 1.299,50"))]
    )
    currency = forms.RegexField(
        label=_("Currency"), regex=r"^[A-Za-z]{3}$", help_text=_("Where the file does not say."),
        error_messages={"invalid": _("Three letters, such as INR.")},
    )  # fmt: skip
    country = forms.RegexField(
        label=_("Country"), regex=r"^[A-Za-z]{2}$", help_text=_("Where the file does not say."),
        error_messages={"invalid": _("Two letters, such as IN.")},
    )  # fmt: skip
    weight_unit = forms.ChoiceField(label=_("Weights are in"), choices=[("g", _("grams")), ("kg", _("kilograms"))])
    length_unit = forms.ChoiceField(
        label=_("Lengths are in"), choices=[("mm", _("millimetres")), ("cm", _("centimetres"))]
    )
    node_kind = forms.ChoiceField(
        label=_("Kind of node"), choices=NodeKind.choices, help_text=_("Where the file has no such column.")
    )
    node = forms.ChoiceField(
        label=_("Node of the whole file"), required=False, help_text=_("Where the file has no node column.")
    )
    node_split = forms.MultipleChoiceField(
        label=_("Or spread each SKU evenly over"), required=False,
        widget=forms.CheckboxSelectMultiple, help_text=_("Where the file has one number for the whole company."),
    )  # fmt: skip
    carrier = forms.ChoiceField(
        label=_("Carrier of the whole file"), required=False, help_text=_("Where the file has no carrier column.")
    )
    create_skus = forms.BooleanField(label=_("Create SKUs that the catalogue lacks"), required=False)

    def __init__(self, *args: Any, kind: Kind, principal: Principal, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in set(self.fields) - set(OPTIONS_OF[kind]):
            del self.fields[name]
        nodes = node_choices(principal) if "node" in self.fields else []
        if "node" in self.fields:
            self._choices("node", [("", _("None: the file says it")), *nodes])
        if "carrier" in self.fields:
            self._choices("carrier", [("", _("None: the file says it")), *carrier_choices()])
        if "node_split" in self.fields:
            self._choices("node_split", nodes)

    def _choices(self, name: str, choices: list[Any]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    def clean_time_zone(self) -> str:
        """A name of the time zone database."""
        name = str(self.cleaned_data["time_zone"]).strip()
        if name not in available_timezones():
            raise ValidationError(_("There is no such time zone. Write it as Asia/Kolkata."))
        return name

    def clean_currency(self) -> str:
        """In capitals."""
        return str(self.cleaned_data["currency"]).upper()

    def clean_country(self) -> str:
        """In capitals."""
        return str(self.cleaned_data["country"]).upper()


def date_help(inspection: Inspection) -> str:
    """What the dates in the file prove, for beside the question."""
    words = {"dmy": _("day first"), "mdy": _("month first"), "ymd": _("year first")}
    if inspection.date_order not in words:
        return ""
    return str(_("The dates in this file prove: %(order)s.") % {"order": words[inspection.date_order]})
