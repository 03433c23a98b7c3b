"""Forms that change stock. Each carries the key of its write, so that sending it twice changes stock once."""

from __future__ import annotations

import re
from typing import Any

from django import forms

from inventory.models import Node, Sku
from inventory.selectors import find_skus_by_codes
from oms.core.ids import uuid7
from oms.core.values import MAX_QUANTITY
from oms.dashboard.choices import offer_rows

#: Lines that one receipt or move may have.
MOST_LINES = 200
_LINE = re.compile(r"^(?P<code>.+?)(?:[\s,;]+[x×]?(?P<quantity>\d{1,9}))?$")


class KeyedForm(forms.Form):
    """A form with the key of the operation it stands for."""

    op_key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial = {"op_key": uuid7(), **(self.initial or {})}


class SafetyForm(forms.Form):
    """Units kept back from every promise."""

    quantity = forms.IntegerField(label="Safety stock", min_value=0, max_value=MAX_QUANTITY)


class LinesForm(KeyedForm):
    """SKU codes or barcodes with quantities, one a line: typed, pasted from a sheet or scanned."""

    lines = forms.CharField(
        label="Items", widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "autocapitalize": "off"}),
        help_text="One a line: SKU or barcode, then the quantity. A code alone counts as one; repeats add up.",
    )  # fmt: skip

    def clean_lines(self) -> list[tuple[Sku, int]]:
        """SKUs with quantities, in the order in which they were first named. Raises for what is not known."""
        rows: list[tuple[str, int]] = []
        for number, text in enumerate(self.cleaned_data["lines"].splitlines(), start=1):
            if not text.strip():
                continue
            rows.append(self._row(number, text.strip()))
        if not rows:
            raise forms.ValidationError("Write at least one item.")
        if len(rows) > MOST_LINES:
            raise forms.ValidationError(f"At most {MOST_LINES} lines at once. Use an import for more.")
        return self._resolve(rows)

    def _row(self, number: int, text: str) -> tuple[str, int]:
        parts = _LINE.match(text)
        # A barcode alone is all digits too: only what stands behind a separator is a quantity.
        code, quantity = (parts["code"].strip(), parts["quantity"]) if parts else (text, None)
        units = int(quantity) if quantity else 1
        if not 1 <= units <= MAX_QUANTITY:
            raise forms.ValidationError(f"Line {number}: the quantity must be a whole number from 1.")
        return code, units

    def _resolve(self, rows: list[tuple[str, int]]) -> list[tuple[Sku, int]]:
        known = find_skus_by_codes(code for code, _ in rows)
        missing = list(dict.fromkeys(code for code, _ in rows if code not in known))
        if missing:
            shown = ", ".join(missing[:5])
            more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
            raise forms.ValidationError(f"Not in the catalogue: {shown}{more}.")
        totals: dict[Sku, int] = {}
        for code, units in rows:
            totals[known[code]] = totals.get(known[code], 0) + units
        return list(totals.items())


class ReceiveForm(LinesForm):
    """Goods from a supplier."""

    reference = forms.CharField(label="Delivery note or purchase order", max_length=80)


class MoveForm(LinesForm):
    """Goods carried from one node to another."""

    to_node = forms.ModelChoiceField(
        label="To", queryset=Node.objects.none(), to_field_name="code", empty_label="Choose a node"
    )

    def __init__(self, *args: Any, nodes: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_rows(self, "to_node", nodes)


class SwitchForm(forms.Form):
    """Why a node is switched off."""

    reason = forms.CharField(label="Why", max_length=200)
