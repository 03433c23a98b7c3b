"""What a parcel's tax invoice says."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django.http import HttpResponse

from carriers.labels import InvoiceRow, TaxInvoiceData, tax_invoice_pdf
from carriers.labels.symbols import amount_text
from fulfillment.models import Shipment
from fulfillment.selectors.units import in_words, units_of_items
from fulfillment.services import cash_of_parcel
from oms.core.clock import now
from orders.gst.places import STATES
from orders.gst.words import rupees_in_words
from orders.models import Invoice, InvoiceState


def invoice_of(shipment: Shipment) -> Invoice | None:
    """The parcel's invoice with its lines, also one that was cancelled."""
    rows = Invoice.objects.select_related("registration").prefetch_related("lines")
    return rows.filter(parcel_uid=shipment.uid).first()


def invoice_data(invoice: Invoice, shipment: Shipment, moment: datetime) -> TaxInvoiceData:
    """The invoice with what is known of its parcel. `items` with line, SKU and order line must be loaded."""
    order, zone = shipment.order, ZoneInfo(shipment.node.time_zone)
    items = list(shipment.items.all())
    named = units_of_items(items)
    units = {item.line.order_line_id: in_words(named.get(item.pk, [])) for item in items}
    state = STATES.get(invoice.registration.state_code)
    rows = tuple(
        InvoiceRow(
            name=line.name, quantity=line.quantity, gross_minor=line.gross_minor, discount_minor=line.discount_minor,
            taxable_minor=line.taxable_minor, rate_bp=line.rate_bp, cgst_minor=line.cgst_minor,
            sgst_minor=line.sgst_minor, igst_minor=line.igst_minor, total_minor=line.total_minor, hsn=line.hsn,
            sku_code=line.sku_code, units=units.get(line.order_line_id, "") if line.order_line_id else "",
        )
        for line in invoice.lines.all()
    )  # fmt: skip
    cash = cash_of_parcel(shipment)
    return TaxInvoiceData(
        title=invoice.get_kind_display(), number=invoice.number, issued_on=invoice.issued_on,
        created_at=moment.astimezone(zone), order_number=order.number,
        order_date=order.placed_at.astimezone(zone).date(), seller=invoice.party("seller"),
        seller_gstin=invoice.registration.gstin, ship_from=invoice.party("ship_from"),
        bill_to=invoice.party("bill_to"), ship_to=invoice.party("ship_to"), place_of_supply=invoice.place, rows=rows,
        words=rupees_in_words(invoice.total_minor), buyer_gstin=invoice.buyer_gstin,
        between_states=invoice.between_states, trade_name=invoice.registration.trade_name,
        state_tax="UTGST" if state is not None and state.levies_utgst else "SGST",
        signatory=invoice.registration.signatory, awb=shipment.awb, courier_name=shipment.courier_name,
        payment=f"To pay on delivery: {amount_text(cash)}" if cash else order.get_payment_method_display(),
        is_cancelled=invoice.state == InvoiceState.CANCELLED,
    )  # fmt: skip


def invoice_response(invoice: Invoice, shipment: Shipment) -> HttpResponse:
    """The invoice as PDF, to look at or to print."""
    name = f"{invoice.get_kind_display().lower().replace(' ', '-')}-{invoice.number.replace('/', '-')}"
    return pdf_response(tax_invoice_pdf(invoice_data(invoice, shipment, now())), name)


def pdf_response(content: bytes, name: str) -> HttpResponse:
    """A document that the browser shows."""
    response = HttpResponse(content, content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="{name}.pdf"'
    return response
