"""Paper as a scanner sees it: printed at the printer's resolution, and its codes read back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pypdfium2
import pytest
import zxingcpp
from PIL import Image

from carriers.labels import (
    InvoiceRow,
    PackingRow,
    PackingSlipData,
    PickListData,
    PickRow,
    TaxInvoiceData,
    command_sheet_pdf,
    packing_slip_pdf,
    pick_list_pdf,
    shipping_label_pdf,
    tax_invoice_pdf,
)
from oms.core.values import Address
from tests.carriers.labels.test_labels import HINDI, LABEL, SENDER

MOMENT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
BUYER = Address(name="Ananya Rao", line1="Flat 1204, Lodha Splendora", city="Thane", region="Maharashtra",
                postcode="421204", phone="9820012345")  # fmt: skip
ROW = InvoiceRow(
    name="Handloom cotton saree, indigo", quantity=2, gross_minor=399_900, discount_minor=40_000, taxable_minor=342_762,
    rate_bp=500, cgst_minor=0, sgst_minor=0, igst_minor=17_138, total_minor=359_900, hsn="5208", sku_code="SAR-07",
)  # fmt: skip
INVOICE = TaxInvoiceData(
    title="Tax invoice", number="KA/26-27/00042", issued_on=date(2026, 11, 21), created_at=MOMENT,
    order_number="OMS-100234", order_date=date(2026, 11, 20), seller=replace(SENDER, name="Kaveri Handlooms Pvt Ltd"),
    seller_gstin="29AAGCB7383J1Z4", ship_from=SENDER, bill_to=BUYER, ship_to=BUYER, place_of_supply="27 Maharashtra",
    rows=(ROW,), words="Three thousand five hundred ninety-nine rupees only", between_states=True,
)  # fmt: skip


def pictures(pdf: bytes, dpi: int) -> list[Image.Image]:
    """Each page in black and white, as a thermal or laser printer of this resolution puts it on paper."""
    document = pypdfium2.PdfDocument(pdf)
    return [page.render(scale=dpi / 72, grayscale=True).to_pil().convert("1") for page in document]


def codes(pdf: bytes, dpi: int = 203) -> set[str]:
    """What a reader finds on all pages."""
    return {found.text for picture in pictures(pdf, dpi) for found in zxingcpp.read_barcodes(picture.convert("L"))}


def text_of(pdf: bytes) -> str:
    """All text of the document, as somebody who copies it out gets it."""
    document = pypdfium2.PdfDocument(pdf)
    return "\n".join(page.get_textpage().get_text_bounded() for page in document)


@pytest.mark.parametrize("data", [LABEL, HINDI], ids=["english", "hindi"])
@pytest.mark.parametrize("dpi", [203, 300])
def test_a_label_says_its_awb_twice_and_where_to_track_it(data: object, dpi: int) -> None:
    found = codes(shipping_label_pdf(data), dpi)  # type: ignore[arg-type]
    assert {LABEL.awb, LABEL.tracking_url} <= found


@pytest.mark.parametrize("dpi", [203, 300])
def test_slip_invoice_pick_list_and_commands_are_read(dpi: int) -> None:
    slip = PackingSlipData(
        order_number="OMS-100234", order_date=date(2026, 11, 20), created_at=MOMENT, seller_name="Kaveri Handlooms",
        ship_from=SENDER, ship_to=BUYER, rows=(PackingRow(sku_code="SAR-07", name="Saree", ordered=2, packed=2),),
    )  # fmt: skip
    assert "OMS-100234" in codes(packing_slip_pdf(slip), dpi)
    assert "OMS-100234" in codes(tax_invoice_pdf(INVOICE), dpi)
    walk = PickListData(number="PL-7", node_name="Bhiwandi", created_at=MOMENT,
                        rows=(PickRow(bin_code="A1", sku_code="SAR-07", name="Saree", quantity=2),))  # fmt: skip
    assert "PL-7" in codes(pick_list_pdf(walk), dpi)
    sheet = command_sheet_pdf("Commands", [("OMS-UNDO", "Undo"), ("OMS-CLOSE", "Close")])
    assert {"OMS-UNDO", "OMS-CLOSE"} <= codes(sheet, dpi)


def test_an_invoice_says_what_the_law_wants() -> None:
    text = text_of(tax_invoice_pdf(replace(INVOICE, buyer_gstin="27AAGCB7383J1Z8")))
    for wanted in (
        "Tax invoice", "KA/26-27/00042", "21 Nov 2026", "29AAGCB7383J1Z4", "27AAGCB7383J1Z8", "27 Maharashtra",
        "HSN 5208", "IGST", "5 %", "3,427.62", "171.38", "₹3,599.00", "reverse charge: No", "Ananya Rao",
        "Three thousand five hundred ninety-nine rupees only",
    ):  # fmt: skip
        assert wanted in text
    assert "CGST" not in text
    within = replace(ROW, cgst_minor=8_569, sgst_minor=8_569, igst_minor=0)
    text = text_of(tax_invoice_pdf(replace(INVOICE, between_states=False, state_tax="UTGST", rows=(within,))))
    assert "CGST" in text
    assert "UTGST" in text
    assert "2.5 %" in text
    assert "IGST" not in text


def test_long_invoices_go_on_with_their_heads_and_end_with_their_totals() -> None:
    pdf = tax_invoice_pdf(replace(INVOICE, rows=(ROW,) * 60))
    assert 3 <= len(pictures(pdf, 72)) <= 4
    assert f"Page 1 of {len(pictures(pdf, 72))}" in text_of(pdf)
    assert text_of(pdf).count("reverse charge") == 1


def test_an_invoice_that_was_cancelled_says_so() -> None:
    assert "CANCELLED" in text_of(tax_invoice_pdf(replace(INVOICE, is_cancelled=True)))
    assert "CANCELLED" not in text_of(tax_invoice_pdf(INVOICE))


def test_the_same_invoice_gives_the_same_bytes() -> None:
    assert tax_invoice_pdf(INVOICE) == tax_invoice_pdf(INVOICE)
