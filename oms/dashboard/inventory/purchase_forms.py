"""Forms of purchase orders, ASNs and suppliers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django import forms

from inventory.models import Node, NodeKind, PurchaseOrder, Sku, Supplier, SupplierItem
from inventory.selectors import find_skus_by_codes
from inventory.services import AnnouncedLine, ItemTerms, PurchaseLine, PurchaseTerms, SupplierTerms
from oms.core.values import MAX_MINOR, MAX_QUANTITY, currency_exponent, major_units
from oms.dashboard.choices import offer_rows
from oms.dashboard.inventory.forms import KeyedForm, LinesForm

_LINE = re.compile(r"^(?P<code>.+?)(?:[\s,]+[x×]?(?P<quantity>\d{1,9}))?(?:\s*@\s*(?P<cost>[\d.,]+))?$")
_AMOUNT = re.compile(r"^\d[\d,]{0,14}(\.\d{1,4})?$", re.ASCII)


def minor_of(text: str, currency: str) -> int:
    """An amount as people write it ("1,249.50") in minor units. Raises ValueError for what is none."""
    if not _AMOUNT.match(text.strip()):
        raise ValueError(text)
    minor = Decimal(text.replace(",", "").strip()).scaleb(currency_exponent(currency))
    if minor != minor.to_integral_value() or not 0 <= minor <= MAX_MINOR:
        raise ValueError(text)
    return int(minor)


def amount_of(minor: int, currency: str) -> str:
    """Minor units as a form shows them: "1249.50"."""
    return str(major_units(minor, currency))


def text_of_lines(order: PurchaseOrder) -> str:
    """The lines of a draft as its form shows them."""
    rows = order.lines.select_related("sku").order_by("pk")
    return "\n".join(
        f"{row.sku.code} {row.quantity} @ {amount_of(row.unit_cost_minor, order.currency)}" for row in rows
    )


class ChooseForm(forms.Form):
    """From whom, and for which node: asked first, because it decides what can be suggested."""

    supplier = forms.ModelChoiceField(
        label="Supplier", queryset=Supplier.objects.filter(is_active=True), to_field_name="code",
        empty_label="Choose a supplier",
    )  # fmt: skip
    node = forms.ModelChoiceField(
        label="Deliver to", queryset=Node.objects.none(), to_field_name="code", empty_label="Choose a node"
    )

    def __init__(self, *args: Any, nodes: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_rows(self, "node", nodes.exclude(kind=NodeKind.SUPPLIER))


class PurchaseForm(KeyedForm):
    """What is bought: typed, pasted from a sheet, scanned, or taken from what the supplier sells."""

    number = forms.CharField(label="Number", max_length=40, required=False, help_text="Empty: the next one.")
    expected_on = forms.DateField(
        label="Expected on", required=False, widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Empty: the supplier's lead time, from the day it is placed.",
    )  # fmt: skip
    reference = forms.CharField(label="The supplier's own number", max_length=80, required=False)
    note = forms.CharField(label="Note", max_length=500, required=False)
    lines = forms.CharField(
        label="Items", required=False,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "autocapitalize": "off"}),
        help_text="One a line: SKU or barcode, the quantity, and @ the cost of a unit where it is not the supplier's "
        "price. Columns pasted from a sheet (SKU, quantity, cost) are understood too.",
    )  # fmt: skip

    def __init__(self, *args: Any, supplier: Supplier, items: Sequence[SupplierItem], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = supplier.currency
        for item in items:
            self.fields[f"item-{item.sku_id}"] = forms.IntegerField(
                label=item.sku.code, required=False, min_value=0, max_value=MAX_QUANTITY
            )

    def clean(self) -> dict[str, Any]:
        """The lines of the box and the chosen items as one list; a SKU in both counts the sum."""
        data = super().clean() or {}
        try:
            lines = self._typed(data.get("lines", ""))
        except forms.ValidationError as error:
            self.add_error("lines", error)
            return data
        for name, units in data.items():
            if name.startswith("item-") and units:
                _add(lines, int(name[5:]), units, None)
        if not lines and not self.errors:
            self.add_error("lines", "Write at least one item, or enter units beside one of the supplier's.")
        data["purchase_lines"] = list(lines.values())
        return data

    def _typed(self, text: str) -> dict[int, PurchaseLine]:
        rows = [
            (number, *self._row(number, line.strip()))
            for number, line in enumerate(text.splitlines(), start=1) if line.strip()
        ]  # fmt: skip
        known = find_skus_by_codes(code for _, code, _, _ in rows)
        missing = list(dict.fromkeys(code for _, code, _, _ in rows if code not in known))
        if missing:
            more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
            raise forms.ValidationError(f"Not in the catalogue: {', '.join(missing[:5])}{more}.")
        lines: dict[int, PurchaseLine] = {}
        for number, code, units, cost in rows:
            sku = known[code]
            before = lines.get(sku.pk)
            if before and None not in (cost, before.unit_cost_minor) and cost != before.unit_cost_minor:
                raise forms.ValidationError(f"Line {number}: {sku.code} stands above at another cost.")
            _add(lines, sku.pk, units, cost)
        return lines

    def _row(self, number: int, text: str) -> tuple[str, int, int | None]:
        if "\t" in text or ";" in text:
            code, quantity, cost = ([part.strip() for part in re.split(r"[\t;]", text)] + ["", ""])[:3]
        else:
            parts = _LINE.match(text)
            code, quantity, cost = (parts["code"], parts["quantity"], parts["cost"]) if parts else (text, "", "")
        if quantity and not (quantity.isascii() and quantity.isdecimal() and len(quantity) < 10):
            raise forms.ValidationError(f"Line {number}: {quantity} is not a quantity; expected a whole number.")
        units = int(quantity) if quantity else 1
        if not 1 <= units <= MAX_QUANTITY:
            raise forms.ValidationError(f"Line {number}: the quantity must be a whole number from 1.")
        try:
            return code.strip(), units, minor_of(cost.lstrip("@"), self.currency) if cost else None
        except ValueError as error:
            raise forms.ValidationError(
                f"Line {number}: {cost} is not an amount; expected one like 1249.50."
            ) from error

    def terms(self, supplier: Supplier, node: Node) -> PurchaseTerms:
        """What the form says beside its lines."""
        data = self.cleaned_data
        return PurchaseTerms(
            supplier_id=supplier.pk, node_id=node.pk, expected_on=data["expected_on"], reference=data["reference"],
            note=data["note"],
        )  # fmt: skip


def _add(lines: dict[int, PurchaseLine], sku_id: int, units: int, cost: int | None) -> None:
    before = lines.get(sku_id)
    lines[sku_id] = PurchaseLine(
        sku_id=sku_id, quantity=units + (before.quantity if before else 0),
        unit_cost_minor=cost if cost is not None else before.unit_cost_minor if before else None,
    )  # fmt: skip


class DateForm(forms.Form):
    """What a supplier told us after the order was placed."""

    expected_on = forms.DateField(label="Expected on", widget=forms.DateInput(attrs={"type": "date"}))
    reference = forms.CharField(label="The supplier's own number", max_length=80, required=False)
    note = forms.CharField(label="Note", max_length=500, required=False)


class AnnounceForm(LinesForm):
    """An ASN: what is on its way."""

    number = forms.CharField(label="ASN number", max_length=80, required=False, help_text="Empty: the next one.")
    expected_at = forms.DateTimeField(
        label="Arrives", required=False, widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )
    carrier_name = forms.CharField(label="Carrier", max_length=80, required=False)
    awb = forms.CharField(label="AWB or vehicle", max_length=60, required=False)

    def announced(self) -> list[AnnouncedLine]:
        """The lines for the service."""
        return [AnnouncedLine(sku_id=sku.pk, quantity=units) for sku, units in self.cleaned_data["lines"]]


class SupplierForm(forms.ModelForm[Supplier]):
    """A supplier."""

    class Meta:
        model = Supplier
        fields = ("code", "name", "email", "phone", "gstin", "currency", "lead_days", "node", "is_active")
        labels = {"gstin": "GSTIN", "node": "Node of its own stock", "is_active": "We buy there"}

    def __init__(self, *args: Any, nodes: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_rows(self, "node", nodes.filter(kind=NodeKind.SUPPLIER))

    def terms(self) -> SupplierTerms:
        """What the form says, for the service."""
        data = dict(self.cleaned_data)
        node = data.pop("node")
        return SupplierTerms(node_id=node.pk if node else None, **data)


class ItemForm(forms.Form):
    """A SKU as the supplier sells it."""

    sku = forms.CharField(label="SKU or barcode", max_length=80)
    supplier_code = forms.CharField(label="Its code", max_length=80, required=False)
    cost = forms.CharField(label="Cost of a unit", max_length=20)
    pack_size = forms.IntegerField(label="Pack", min_value=1, max_value=MAX_QUANTITY, initial=1)
    least_order = forms.IntegerField(label="Least order", min_value=1, max_value=MAX_QUANTITY, initial=1)
    lead_days = forms.IntegerField(label="Lead days", min_value=0, max_value=730, required=False)
    is_preferred = forms.BooleanField(label="Bought here first", required=False)

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = currency

    def clean_sku(self) -> Sku:
        """The SKU that the code means."""
        text = self.cleaned_data["sku"].strip()
        found: Mapping[str, Sku] = find_skus_by_codes([text])
        if text not in found:
            raise forms.ValidationError(f"{text} is not in the catalogue.")
        return found[text]

    def clean_cost(self) -> int:
        """In minor units."""
        try:
            return minor_of(self.cleaned_data["cost"], self.currency)
        except ValueError as error:
            raise forms.ValidationError("Expected an amount like 1249.50.") from error

    def terms(self) -> ItemTerms:
        """What the form says, for the service."""
        data = self.cleaned_data
        return ItemTerms(
            sku_id=data["sku"].pk, supplier_code=data["supplier_code"], unit_cost_minor=data["cost"],
            pack_size=data["pack_size"], least_order=data["least_order"], lead_days=data["lead_days"],
            is_preferred=data["is_preferred"],
        )  # fmt: skip
