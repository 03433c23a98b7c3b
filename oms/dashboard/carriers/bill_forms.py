"""Forms of carrier bills: a file that came, and a credit note."""

from __future__ import annotations

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from carriers.models import CarrierAccount
from carriers.services.bills import Credit
from oms.core.values import minor_units

#: A bill of twenty thousand rows has two.
MOST_BYTES = 8 * 1024 * 1024


class BillForm(forms.Form):
    """Whose bill, and the file."""

    account = forms.ModelChoiceField(
        label=_("Carrier"), queryset=CarrierAccount.objects.all(), empty_label=_("Choose a carrier")
    )
    file = forms.FileField(
        label=_("File"), widget=forms.FileInput(attrs={"accept": ".csv,.txt"}),
        help_text=_("CSV with the columns invoice number, date, AWB, freight and total; if you like, weight (kg) or "
                    "weight (g), zone, fuel, COD fee, RTO, other and GST."),
        error_messages={"required": _("Choose a file.")},
    )  # fmt: skip

    def clean_file(self) -> UploadedFile:
        """No larger than a bill can be."""
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > MOST_BYTES:
            raise forms.ValidationError(_("The file is larger than %(mb)s MB.") % {"mb": MOST_BYTES // 2**20})
        return file


class CreditForm(forms.Form):
    """What a credit note says."""

    number = forms.CharField(label=_("Number of the credit note"), max_length=60)
    issued_on = forms.DateField(label=_("Its day"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    amount = forms.DecimalField(
        label=_("Amount"), min_value=0, max_digits=14, decimal_places=2,
        help_text=_("With GST. Less than what is disputed is shared among the lines and closes them all the same."),
    )  # fmt: skip

    def credit(self, currency: str) -> Credit:
        """The note."""
        data = self.cleaned_data
        return Credit(number=data["number"], issued_on=data["issued_on"],
                      amount_minor=minor_units(data["amount"], currency))  # fmt: skip
