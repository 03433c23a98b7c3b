"""What goes into the box, and into the pouch on it, as one document to print."""

from __future__ import annotations

from carriers.labels.customs import draw_customs_invoice
from carriers.labels.invoice import draw_tax_invoice
from carriers.labels.page import Page
from carriers.labels.slips import draw_packing_slip
from carriers.labels.values import CustomsInvoiceData, PackingSlipData, TaxInvoiceData


def parcel_papers_pdf(
    slip: PackingSlipData, invoice: TaxInvoiceData | None, customs: CustomsInvoiceData | None = None
) -> bytes:
    """Packing slip and, where there are any, the tax invoice and the commercial invoice in all its copies.

    A4 PDF; the same data gives the same bytes.
    """
    page = Page("A4", title=f"Papers of {slip.order_number}", created_at=slip.created_at)
    draw_packing_slip(page, slip)
    if invoice is not None:
        draw_tax_invoice(page, invoice)
    if customs is not None:
        draw_customs_invoice(page, customs)
    return page.as_bytes()
