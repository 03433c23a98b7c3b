"""What the numbers of tax invoices have room for."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import F, Q

from orders.gst.numbers import why_no_number
from orders.models import InvoiceKind, InvoiceSeries


def full_series(gstins: Collection[str]) -> dict[tuple[str, InvoiceKind, int], str]:
    """Why these GSTINs have no number left, as a sentence, by GSTIN, kind and the year in which it began."""
    rows = InvoiceSeries.objects.select_related("registration").filter(
        Q(prefix=F("registration__invoice_prefix")) | Q(prefix=F("registration__bill_prefix")),
        registration__gstin__in=gstins,
    )
    found = {}
    for row in rows:
        seller = row.registration
        kind = InvoiceKind.INVOICE if row.prefix == seller.invoice_prefix else InvoiceKind.BILL
        why = why_no_number(row.prefix, row.financial_year, row.last_number + 1)
        if why:
            found[seller.gstin, kind, row.financial_year] = why
    return found
