"""Forms of counts: planning one, and saying what an unknown code is."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from inventory.models import Node, Sku, StockCountKind
from inventory.selectors import find_sku_by_code_or_barcode, find_skus_by_codes
from oms.core.values import MAX_MINOR, MAX_QUANTITY
from oms.dashboard.choices import offer_rows
from oms.dashboard.inventory.forms import KeyedForm


class CountPlanForm(KeyedForm):
    """Where, what and how. SKUs are named, or chosen by filters, or both: named ones then narrow the filters."""

    node = forms.ModelChoiceField(
        label=_("Node"), queryset=Node.objects.none(), to_field_name="code", empty_label=_("Choose a node")
    )
    kind = forms.ChoiceField(
        label=_("Kind"), widget=forms.RadioSelect, initial=StockCountKind.DIRECTED,
        choices=[
            (StockCountKind.DIRECTED.value, _("Directed: these SKUs, and only they are expected")),
            (StockCountKind.FREE.value, _("Free: whatever is scanned")),
        ],
    )  # fmt: skip
    name = forms.CharField(label=_("Name"), max_length=120, required=False)
    category = forms.CharField(label=_("Category"), max_length=120, required=False)
    bin_prefix = forms.CharField(label=_("Bins that begin with"), max_length=40, required=False)
    atp_below = forms.IntegerField(
        label=_("ATP below"), required=False, min_value=-MAX_QUANTITY, max_value=MAX_QUANTITY
    )
    not_counted_days = forms.IntegerField(
        label=_("Not counted for"), required=False, min_value=0, max_value=3650, help_text=_("Days.")
    )
    after_short = forms.BooleanField(label=_("Only what pickers did not find in the last 30 days"), required=False)
    codes = forms.CharField(
        label=_("SKUs"), required=False, widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=_("SKU codes or barcodes, one a line. Empty takes all that the filters choose."),
    )  # fmt: skip
    is_blind = forms.BooleanField(
        label=_("Blind: who counts does not see what is expected"), required=False, initial=True
    )
    accept_units = forms.IntegerField(
        label=_("Accept by itself up to"), min_value=0, max_value=MAX_QUANTITY, initial=0,
        help_text=_("Units a SKU may differ without anybody looking at it."),
    )  # fmt: skip
    accept_value = forms.DecimalField(
        label=_("and up to a value of"), min_value=0, max_value=MAX_MINOR // 100, decimal_places=2, initial=0,
        help_text=_("Units that differ × cost."),
    )  # fmt: skip
    due_on = forms.DateField(label=_("Due on"), required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, nodes: QuerySet[Node], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_rows(self, "node", nodes)

    def clean_codes(self) -> list[Sku]:
        """The SKUs that are named. Raises for a code that nobody knows."""
        texts = [text.strip() for text in self.cleaned_data["codes"].replace(",", "\n").splitlines() if text.strip()]
        known = find_skus_by_codes(texts)
        missing = [text for text in texts if text not in known]
        if missing:
            raise forms.ValidationError(f"Not in the catalogue: {', '.join(missing[:5])}.")
        return list(dict.fromkeys(known[text] for text in texts))


class MatchForm(forms.Form):
    """What SKU an unknown code is."""

    code = forms.CharField(max_length=80)
    sku = forms.CharField(max_length=80, error_messages={"required": "Write the SKU that this code is."})
    keep_barcode = forms.BooleanField(required=False)

    def clean_sku(self) -> Sku:
        """The SKU by code or barcode. Raises for one that nobody knows."""
        found = find_sku_by_code_or_barcode(self.cleaned_data["sku"])
        if found is None:
            raise forms.ValidationError(f"There is no SKU {self.cleaned_data['sku']}.")
        return found


class AsideForm(forms.Form):
    """Why an unknown code counts for nothing."""

    code = forms.CharField(max_length=80)
    reason = forms.CharField(max_length=120, error_messages={"required": "Say why the code is set aside."})
