"""The form of the quote tester."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from carriers.base import RateRequest
from oms.core.places import has_postcodes, is_country, normalise_postcode
from oms.core.values import minor_units

_MAX_WEIGHT_GRAMS = 200_000
_MAX_COD = Decimal(1_000_000)


class QuoteForm(forms.Form):
    """From where, to where, how heavy, and what is collected at the door."""

    origin = forms.CharField(label=_("From PIN"), max_length=16)
    to = forms.CharField(label=_("To PIN"), max_length=16, required=False)
    country = forms.CharField(
        label=_("To country"), max_length=2, initial=settings.DEFAULT_COUNTRY, required=False,
        help_text=_("Two letters: IN for India."),
    )  # fmt: skip
    weight = forms.IntegerField(label=_("Weight"), min_value=1, max_value=_MAX_WEIGHT_GRAMS, initial=500)
    cod = forms.DecimalField(
        label=_("COD amount"), min_value=0, max_value=_MAX_COD, decimal_places=2, required=False,
        help_text=_("Empty for a prepaid parcel."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("origin", "weight", "cod"):
            self.fields[name].widget.attrs["inputmode"] = "numeric" if name != "cod" else "decimal"

    def clean_origin(self) -> str:
        """A postcode as it is written."""
        return self._postcode("origin")

    def clean_country(self) -> str:
        """Two capital letters."""
        country = str(self.cleaned_data["country"]).upper() or settings.DEFAULT_COUNTRY
        if not is_country(country):
            raise forms.ValidationError(_("Enter the two letters of a country, as IN."))
        return country

    def clean(self) -> dict[str, Any]:
        """The goal's postcode must be one of its country, where it has any."""
        data: dict[str, Any] = super().clean() or {}
        if "country" in data and (data.get("to") or has_postcodes(data["country"])):
            try:
                data["to"] = self._postcode("to", data["country"])
            except forms.ValidationError as error:
                self.add_error("to", error)
        return data

    def _postcode(self, name: str, country: str = settings.DEFAULT_COUNTRY) -> str:
        text = normalise_postcode(country, str(self.cleaned_data[name]))
        if text is None:
            said = _("Enter a PIN code of six digits.") if country == "IN" else _("Enter a postcode of this country.")
            raise forms.ValidationError(said)
        return text

    def request(self) -> RateRequest:
        """The question for the carriers."""
        data = self.cleaned_data
        cod_minor = minor_units(data["cod"] or Decimal(0), settings.DEFAULT_CURRENCY)
        return RateRequest(
            from_postcode=data["origin"], to_postcode=data["to"], weight_grams=data["weight"], cod_minor=cod_minor,
            declared_value_minor=cod_minor, from_country=settings.DEFAULT_COUNTRY, country=data["country"],
        )  # fmt: skip
