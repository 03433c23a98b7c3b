"""The commercial invoice of a parcel that crosses a border: what its carrier was told, on paper."""

from __future__ import annotations

from decimal import Decimal

from carriers.adapters.abroad import crosses_border, customs_lines, terms_of_sale
from carriers.base import NumbersInvoices
from carriers.labels import CustomsInvoiceData, CustomsRow
from carriers.models import Booking, BookingState
from carriers.registry import adapter_for
from carriers.services.stored_request import read_request


def customs_invoice(booking: Booking, exporter_number: str = "") -> CustomsInvoiceData | None:
    """What the paper says; None for a parcel that is not booked or stays in its country.

    Drawn from the request that the booking keeps, so that customs reads what the carrier declared, under the same
    number: an order that changes later changes nothing. `booking.account` must be loaded.

    Raises PermanentError for goods that cannot be declared, which only carriers that declare nothing have booked.
    """
    if booking.state != BookingState.BOOKED:
        return None
    request = read_request(booking.request)
    if not crosses_border(request):
        return None
    settings, adapter = booking.account.settings, adapter_for(booking.account.adapter)
    lines = customs_lines(request, settings)
    return CustomsInvoiceData(
        number=adapter.invoice_number(request) if isinstance(adapter, NumbersInvoices) else request.order_number,
        issued_on=request.order_date.date(),
        created_at=booking.booked_at or booking.created_at,
        awb=booking.awb,
        courier_name=booking.courier_name or booking.account.name,
        ship_from=request.ship_from,
        ship_to=request.ship_to,
        terms=terms_of_sale(settings),
        currency=request.currency,
        rows=tuple(
            CustomsRow(
                description=line.description, quantity=line.quantity, unit_value=line.unit_value,
                line_value=line.line_value, origin=line.origin, grams=line.grams, hsn=line.hsn, sku_code=line.sku_code,
            )
            for line in lines
        ),
        total=str(sum(Decimal(line.line_value) for line in lines)),
        weight_grams=request.weight_grams,
        exporter_number=exporter_number,
    )  # fmt: skip
