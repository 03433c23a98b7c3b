"""Forms of the order page."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms

from oms.core.clock import now
from oms.core.errors import DomainError
from oms.core.places import find_place, has_postcodes, normalise_postcode
from oms.core.values import Address
from orders.kits import by_kit, cancellable_units, kit_units, live_units, open_kits
from orders.models import OrderKit, OrderLine
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
    postcode = forms.CharField(label="PIN code", max_length=16, required=False)
    country = forms.CharField(label="Country", max_length=2, min_length=2, help_text="Two letters: IN for India.")
    phone = forms.CharField(label="Phone", max_length=32, required=False)
    seen = forms.CharField(widget=forms.HiddenInput, required=False)
    version = forms.IntegerField(widget=forms.HiddenInput)

    def clean_country(self) -> str:
        """Upper case, as everywhere."""
        return str(self.cleaned_data["country"]).upper()

    def clean(self) -> dict[str, Any]:
        """The postcode must be one of the country's, where it has any."""
        data: dict[str, Any] = super().clean() or {}
        postcode, country = data.get("postcode"), data.get("country")
        if country and not postcode and has_postcodes(country):
            self.add_error("postcode", self.fields["name"].error_messages["required"])
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


@dataclass(frozen=True, slots=True)
class SoldLine:
    """A line of an order as it was sold: one order line, or a kit with the lines that are its components.

    `open` counts the units of which anything has not left, `torn` those among them that have left in part: the rest of
    a torn kit can be cancelled like a whole one.
    """

    field: str
    code: str
    name: str
    parts: tuple[OrderLine, ...]
    open: int
    is_kit: bool = False
    torn: int = 0

    @property
    def untouched(self) -> int:
        """Units of which nothing has left."""
        return self.open - self.torn

    def units(self, quantity: int) -> dict[int, int]:
        """So many of it as units by order line id: whole kits first, then the rest of torn ones."""
        if not self.is_kit:
            return {self.parts[0].pk: quantity}
        return cancellable_units(self.parts, quantity)


def sold_lines(lines: Iterable[OrderLine]) -> list[SoldLine]:
    """The lines of an order as they were sold, in their order; the `kit` of each is loaded."""
    lines = list(lines)
    kits = by_kit(lines)
    found: dict[object, SoldLine] = {}
    for line in lines:
        if line.kit is None:
            found[line.pk] = SoldLine(f"line_{line.pk}", line.sku_code, line.name, (line,), live_units(line))
        elif line.kit.pk not in found:
            found[line.kit.pk] = _sold_kit(line.kit, tuple(kits[line.kit.pk]))
    return list(found.values())


def _sold_kit(kit: OrderKit, parts: tuple[OrderLine, ...]) -> SoldLine:
    # Not only whole kits: what is left of a torn one must be offered, or it could only go with the whole order.
    left = open_kits(parts)
    torn = left - kit_units(parts).live
    return SoldLine(f"kit_{kit.pk}", kit.sku_code, kit.name, parts, left, is_kit=True, torn=torn)


def wanted_units(post: Mapping[str, Any], sold: Sequence[SoldLine]) -> dict[int, int] | None:
    """Units to cancel per order line from a field for each sold line; None where every open unit of it is wanted or no
    field was sent.

    Raises DomainError for what is no whole number, for more than is open, or for nothing at all.
    """
    if not any(line.field in post for line in sold):
        return None
    chosen: dict[str, int] = {}
    for line in sold:
        text = str(post.get(line.field, "0")).strip() or "0"
        if not text.isdecimal() or len(text) > 9:
            raise DomainError(f"{text} is no number of units of {line.code}.", field=line.field)
        if line.is_kit and int(text) > line.open:
            left = "left in full" if line.torn else "left"
            raise DomainError(f"{text} of {line.code} cannot be cancelled: {line.open} have not {left} yet.",
                              field=line.field)  # fmt: skip
        chosen[line.field] = int(text)
    if not any(chosen.values()):
        raise DomainError("Choose at least one unit to cancel.", field=sold[0].field)
    if all(chosen[line.field] == line.open for line in sold):
        return None
    return {pk: units for line in sold if chosen[line.field] for pk, units in line.units(chosen[line.field]).items()}
