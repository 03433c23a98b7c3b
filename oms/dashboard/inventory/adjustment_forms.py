"""Forms of adjustments and of the limits above which they wait."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from inventory.models import NodeKind, Sku, Tracking
from inventory.services import ADJUSTMENTS, COUNTED, checked_photo
from oms.core.errors import DomainError
from oms.core.values import MAX_MINOR, MAX_QUANTITY, major_units
from oms.dashboard.choices import offer
from oms.dashboard.inventory.forms import KeyedForm

#: Groups of reasons, so that the list of them is read at a glance.
_GROUPS = (
    ("On the shelf", ("lost", "found", "damaged", "display", "expired", "expired_aside", "theft", "given_away",
                      "to_supplier", "to_check")),
    ("Put aside to check", ("checked", "check_failed", "checked_written_off")),
    ("Damaged", ("repaired", "damaged_written_off", "damaged_to_supplier")),
)  # fmt: skip


def reason_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """Reasons in groups, each with what it does to stock; the count is a group of its own."""
    groups = [
        (title, [(key, _with_effect(key)) for key in keys]) for title, keys in _GROUPS
    ]  # fmt: skip
    named = {key for _, keys in _GROUPS for key in keys}
    rest = [(key, _with_effect(key)) for key in ADJUSTMENTS if key not in named]
    if rest:
        groups.append(("Other", rest))
    counted = (COUNTED, "Counted: on hand becomes this number, ATP follows")
    return [("Count", [counted]), *groups]


def _with_effect(key: str) -> str:
    effect = ADJUSTMENTS[key]
    return f"{effect.label}: {effect.effect[:1].lower()}{effect.effect[1:]}"


class AdjustForm(KeyedForm):
    """Why, and how many; which lot or serial numbers where the SKU is kept by them; a photo with the last step."""

    reason = forms.ChoiceField(label="What happened", widget=forms.RadioSelect)
    quantity = forms.IntegerField(label="Units", min_value=0, max_value=MAX_QUANTITY)
    lot = forms.CharField(label="Lot", max_length=60, required=False,
                          help_text="Empty: the lot that expires first.")  # fmt: skip
    serials = forms.CharField(
        label="Serial numbers", required=False, help_text="One for each unit, apart by spaces or lines.",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocapitalize": "off"}),
    )  # fmt: skip
    note = forms.CharField(label="Note", max_length=200, required=False,
                           help_text="For whoever reads the ledger later.")  # fmt: skip
    photo = forms.FileField(
        label="Photo", required=False, help_text="JPEG, PNG or WebP, at most 8 MB.",
        widget=forms.ClearableFileInput(attrs={"accept": "image/jpeg,image/png,image/webp"}),
    )  # fmt: skip

    def __init__(self, *args: Any, sku: Sku, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "reason", reason_choices())
        if sku.tracking != Tracking.LOT:
            del self.fields["lot"]
        if sku.tracking != Tracking.SERIAL:
            del self.fields["serials"]

    def clean_serials(self) -> list[str]:
        """Each once, in the order in which they were typed or scanned."""
        return list(dict.fromkeys(re.split(r"[\s,;]+", self.cleaned_data["serials"].strip()))) if (
            self.cleaned_data["serials"].strip()
        ) else []  # fmt: skip

    def clean_photo(self) -> UploadedFile | None:
        """A picture, by its content."""
        photo: UploadedFile | None = self.cleaned_data["photo"]
        if photo:
            try:
                checked_photo(photo)
            except DomainError as error:
                raise forms.ValidationError(error.message) from error
            photo.seek(0)
        return photo or None

    def clean(self) -> dict[str, Any]:
        """Zero is a count, but it is no change."""
        data = super().clean() or {}
        if data.get("quantity") == 0 and data.get("reason") != COUNTED:
            self.add_error("quantity", "Enter a whole number from 1.")
        return data


class LimitForm(forms.Form):
    """Above how much an adjustment waits, for one kind of node or for all."""

    node_kind = forms.ChoiceField(
        label="Kind of node", required=False, choices=[("", "Every node without a limit of its own"), *NodeKind.choices]
    )
    units = forms.IntegerField(label="More units than", min_value=0, max_value=MAX_QUANTITY)
    value = forms.DecimalField(
        label="More value than", min_value=0, decimal_places=2,
        max_value=major_units(MAX_MINOR, settings.DEFAULT_CURRENCY),
        help_text="Units times their cost, in the currency of the business.",
    )  # fmt: skip
