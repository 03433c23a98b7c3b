"""The form of a recipe."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from inventory.models import Sku
from inventory.selectors import Recipe
from inventory.services import recipe_version
from oms.dashboard.inventory.forms import LinesForm


class ComponentsForm(LinesForm):
    """What a SKU is assembled from: SKUs with the units that go into one, one a line. Empty: it is no kit."""

    lines = forms.CharField(
        label=_("Components"), required=False,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "autocapitalize": "off", "autofocus": True}),
        help_text=_("One a line: SKU or barcode, then the units that go into one kit. None: it is no kit."),
    )  # fmt: skip
    ships_together = forms.BooleanField(
        label=_("All of one unit leaves from one node"), required=False,
        help_text=_("Off: its components may come from several nodes, in several parcels."),
    )  # fmt: skip
    version = forms.CharField(max_length=12, widget=forms.HiddenInput)

    def clean_lines(self) -> list[tuple[Sku, int]]:
        """SKUs with units; nothing where nothing is written."""
        return super().clean_lines() if self.cleaned_data["lines"].strip() else []


def initial_of(sku: Sku, recipe: Recipe | None) -> dict[str, object]:
    """What the form shows of a recipe."""
    parts = recipe.components if recipe else ()
    return {
        "lines": "\n".join(f"{one.code} {one.quantity}" for one in parts), "ships_together": sku.ships_together,
        "version": recipe_version(recipe),
    }  # fmt: skip
