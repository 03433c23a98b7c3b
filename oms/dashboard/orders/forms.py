"""Forms of the order page."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms

from oms.core.clock import now
from oms.core.errors import DomainError
from oms.core.places import find_place, normalise_postcode
from oms.core.values import Address
from orders.models import OrderLine
from orders.selectors import hold_reasons


class HoldForm(forms.Form):
    """Why an order is held, and until when."""

    reason = forms.ChoiceField(label="Why", choices=hold_reasons, initial="customer_request")
    held_until = forms.DateTimeField(
        label="Until", required=False, widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        input_formats=["%Y-%m-%dT%H:%M"], help_text="Released by itself then. Empty: until somebody releases it.",
    )  # fmt: skip
    note = forms.CharField(label="Note", required=False, max_length=500)

    def clean_held_until(self) -> datetime | None:
        """A hold that is over already would be released at once."""
        until: datetime | None = self.cleaned_data["held_until"]
        if until is not None and until <= now():
            raise forms.ValidationError("Choose a time in the future.")
        return until


class AddressForm(forms.Form):
    """Where an order goes. `seen` is the digest of the address that the person saw."""

    name = forms.CharField(label="Name", max_length=120)
    line1 = forms.CharField(label="Address", max_length=200)
    line2 = forms.CharField(label="Area, landmark", max_length=200, required=False)
    city = forms.CharField(label="City", max_length=120)
    region = forms.CharField(label="State", max_length=120, required=False)
    postcode = forms.CharField(label="PIN code", max_length=16)
    country = forms.CharField(label="Country", max_length=2, min_length=2, help_text="Two letters: IN for India.")
    phone = forms.CharField(label="Phone", max_length=32, required=False)
    seen = forms.CharField(widget=forms.HiddenInput, required=False)
    version = forms.IntegerField(widget=forms.HiddenInput)

    def clean_country(self) -> str:
        """Upper case, as everywhere."""
        return str(self.cleaned_data["country"]).upper()

    def clean(self) -> dict[str, Any]:
        """The postcode must be one of the country's."""
        data: dict[str, Any] = super().clean() or {}
        postcode, country = data.get("postcode"), data.get("country")
        if postcode and country and normalise_postcode(country, postcode) is None:
            what = "Enter a PIN code of six digits" if country == "IN" else f"{postcode} is no postcode of {country}"
            self.add_error("postcode", what)
        return data

    def address(self, before: Address) -> Address:
        """The address as entered; what the form does not ask for stays as it was."""
        fields = {key: value for key, value in self.cleaned_data.items() if key not in {"seen", "version"}}
        place = find_place(fields["country"], fields["postcode"])
        if not fields["region"] and place is not None:
            fields["region"] = place.state
        return Address.from_json(before.as_json() | fields)


def address_digest(address: Address) -> str:
    """A short digest, to tell whether an address changed since a person saw it."""
    return hashlib.sha256(json.dumps(address.as_json(), sort_keys=True).encode()).hexdigest()[:16]


def wanted_units(post: Mapping[str, Any], lines: list[OrderLine]) -> dict[int, int] | None:
    """Units to cancel per line from fields `line_<id>`; None where every open unit is wanted or no field was sent.

    Raises DomainError for what is no whole number, or for nothing at all.
    """
    if not any(f"line_{line.pk}" in post for line in lines):
        return None
    wanted: dict[int, int] = {}
    for line in lines:
        text = str(post.get(f"line_{line.pk}", "0")).strip() or "0"
        if not text.isdigit() or len(text) > 9:
            raise DomainError(f"{text} is no number of units of {line.sku_code}.", field=f"line_{line.pk}")
        if int(text):
            wanted[line.pk] = int(text)
    if not wanted:
        raise DomainError("Choose at least one unit to cancel.", field=f"line_{lines[0].pk}")
    return None if all(wanted.get(line.pk, 0) == open_units(line) for line in lines) else wanted


def open_units(line: OrderLine) -> int:
    """Units of a line that have not left and are not cancelled."""
    return line.unallocated + line.backordered + line.allocated + line.released + line.picked + line.packed
