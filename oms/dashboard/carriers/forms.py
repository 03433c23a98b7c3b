"""The form of the quote tester."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from carriers.base import RateRequest
from oms.core.places import normalise_postcode
from oms.core.values import minor_units

_MAX_WEIGHT_GRAMS = 200_000
_MAX_COD = Decimal(1_000_000)


class QuoteForm(forms.Form):
    """From where, to where, how heavy, and what is collected at the door."""

    origin = forms.CharField(label=_("From PIN"), max_length=16)
    to = forms.CharField(label=_("To PIN"), max_length=16)
    weight = forms.IntegerField(label=_("Weight"), min_value=1, max_value=_MAX_WEIGHT_GRAMS, initial=500)
    cod = forms.DecimalField(
        label=_("COD amount"), min_value=0, max_value=_MAX_COD, decimal_places=2, required=False,
        help_text=_("Empty for a prepaid parcel."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("origin", "to", "weight", "cod"):
            self.fields[name].widget.attrs["inputmode"] = "numeric" if name != "cod" else "decimal"

    def clean_origin(self) -> str:
        """A postcode as it is written."""
        return self._postcode("origin")

    def clean_to(self) -> str:
        """A postcode as it is written."""
        return self._postcode("to")

    def _postcode(self, name: str) -> str:
        text = normalise_postcode(settings.DEFAULT_COUNTRY, str(self.cleaned_data[name]))
        if text is None:
            raise forms.ValidationError(_("Enter a PIN code of six digits."))
        return text

    def request(self) -> RateRequest:
        """The question for the carriers."""
        data = self.cleaned_data
        cod_minor = minor_units(data["cod"] or Decimal(0), settings.DEFAULT_CURRENCY)
        return RateRequest(
            from_postcode=data["origin"], to_postcode=data["to"], weight_grams=data["weight"], cod_minor=cod_minor,
            declared_value_minor=cod_minor, country=settings.DEFAULT_COUNTRY,
        )  # fmt: skip
