"""What goes into the box, as one document to print."""

from __future__ import annotations

from carriers.labels.invoice import draw_tax_invoice
from carriers.labels.page import Page
from carriers.labels.slips import draw_packing_slip
from carriers.labels.values import PackingSlipData, TaxInvoiceData


def parcel_papers_pdf(slip: PackingSlipData, invoice: TaxInvoiceData | None) -> bytes:
    """Packing slip and, where there is one, the tax invoice. A4 PDF; the same data gives the same bytes."""
    page = Page("A4", title=f"Papers of {slip.order_number}", created_at=slip.created_at)
    draw_packing_slip(page, slip)
    if invoice is not None:
        draw_tax_invoice(page, invoice)
    return page.as_bytes()
