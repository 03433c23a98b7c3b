"""What is asked of the promise tester, as a person types it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext_lazy as _

from inventory.models import Node
from oms.accounts.access import Principal, in_node_scope
from oms.core.places import has_postcodes
from oms.dashboard.choices import offer
from orders.models import SalesChannel

#: The clock that people who promise go by.
INDIA = ZoneInfo("Asia/Kolkata")
MOST_POSTCODES = 500
_LINE = re.compile(r"^(?P<sku>\S+)(?:[\s,;x×*]+(?P<units>\d{1,6}))?$")
_POSTCODE = re.compile(r"\b\d{6}\b")


def read_lines(text: str) -> tuple[tuple[str, int], ...]:
    """A SKU and its units on each line; one unit where no number is given. Raises ValidationError with the line."""
    lines: dict[str, int] = {}
    for number, row in enumerate((row.strip() for row in text.splitlines()), start=1):
        if not row:
            continue
        match = _LINE.match(row)
        if match is None:
            raise forms.ValidationError(
                _("Line %(n)s is not a SKU and a number of units: %(row)s"), params={"n": number, "row": row[:60]}
            )
        lines[match["sku"]] = lines.get(match["sku"], 0) + int(match["units"] or 1)
    if not lines:
        raise forms.ValidationError(_("Name at least one SKU."))
    return tuple(lines.items())


class PromiseForm(forms.Form):
    """Postcode or store, cart, and by whom, when and how it is ordered."""

    postcode = forms.CharField(label=_("PIN code"), max_length=16, required=False)
    country = forms.RegexField(
        "^[A-Za-z]{2}$", label=_("Country"), initial="IN", required=False, strip=True,
        help_text=_("Two letters: IN for India."), error_messages={"invalid": _("Two letters, as IN.")},
    )  # fmt: skip
    lines = forms.CharField(
        label=_("Items"), max_length=4_000, widget=forms.Textarea(attrs={"rows": 3, "placeholder": "KURTA-M 2"}),
        help_text=_("A SKU and its units on each line; scan or paste."),
    )  # fmt: skip
    channel = forms.ChoiceField(label=_("Channel"))
    moment = forms.DateTimeField(
        label=_("Ordered at"), required=False, help_text=_("Indian time. Empty: now."),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"],
    )  # fmt: skip
    store = forms.ChoiceField(label=_("Collect at"), required=False)
    cod = forms.BooleanField(label=_("Cash on delivery"), required=False)

    def __init__(self, principal: Principal, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        channels = [
            (row.code, row.name) for row in SalesChannel.objects.filter(is_active=True).order_by("name")
            if principal.sees_channel(row.code)
        ]  # fmt: skip
        stores = in_node_scope(Node.objects.filter(offers_pickup=True, is_active=True), principal, "code")
        offer(self, "channel", channels)
        places = [(node.code, node.name) for node in stores.order_by("name")]
        offer(self, "store", [("", _("No, deliver it")), *places])

    def clean_lines(self) -> tuple[tuple[str, int], ...]:
        """The cart."""
        return read_lines(self.cleaned_data["lines"])

    def clean_moment(self) -> datetime | None:
        """The moment on the Indian clock."""
        moment = self.cleaned_data["moment"]
        return None if moment is None else moment.replace(tzinfo=INDIA)

    def clean(self) -> dict[str, object]:
        """A destination of one kind or the other."""
        values = super().clean() or {}
        values["country"] = str(values.get("country") or "IN").upper()
        if not values.get("postcode") and not values.get("store") and has_postcodes(values["country"]):
            self.add_error("postcode", _("Type a PIN code, or choose a store."))
        return values


class BulkForm(forms.Form):
    """One cart to many postcodes."""

    lines = forms.CharField(
        label=_("Items"), max_length=4_000, widget=forms.Textarea(attrs={"rows": 3, "placeholder": "KURTA-M 2"})
    )
    channel = forms.ChoiceField(label=_("Channel"))
    pins = forms.CharField(
        label=_("PIN codes"), required=False, widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("Paste them, or send a file. At most 500."),
    )  # fmt: skip
    file = forms.FileField(label=_("CSV of PIN codes"), required=False)

    def __init__(self, principal: Principal, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = SalesChannel.objects.filter(is_active=True).order_by("name")
        offer(self, "channel", [(row.code, row.name) for row in rows if principal.sees_channel(row.code)])

    def clean_lines(self) -> tuple[tuple[str, int], ...]:
        """The cart."""
        return read_lines(self.cleaned_data["lines"])

    def clean(self) -> dict[str, object]:
        """`postcodes`: every six digits in the text and in the file, each once."""
        values = super().clean() or {}
        given = values.get("file")
        text = given.read(200_000).decode("utf-8", errors="replace") if given else ""
        found = list(dict.fromkeys(_POSTCODE.findall(f"{values.get('pins', '')}\n{text}")))
        if not found:
            self.add_error("pins", _("There is no PIN code of six digits."))
        elif len(found) > MOST_POSTCODES:
            self.add_error("pins", _("These are more than 500 PIN codes. Send them in parts."))
        return values | {"postcodes": found}
