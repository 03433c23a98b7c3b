"""The commercial invoice of a parcel that crosses a border."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from carriers.labels import CustomsInvoiceData, CustomsRow, customs_invoice_pdf
from carriers.labels.customs import COPIES
from oms.core.values import Address
from tests.carriers.labels.test_codes_are_read import MOMENT, codes, pictures, text_of
from tests.carriers.labels.test_labels import SENDER

AUSTIN = Address(name="Maya Lopez", line1="701 Brazos St", city="Austin", region="TX", postcode="78701", country="US",
                 phone="+15125550100")  # fmt: skip
SAREE = CustomsRow(description="Handloom cotton saree, indigo", quantity=2, unit_value="42.50", line_value="85.00",
                   origin="IN", grams=900, hsn="520851", sku_code="SAR-07")  # fmt: skip
SHAWL = CustomsRow(description="Wool shawl", quantity=1, unit_value="60.00", line_value="60.00", origin="NP", grams=450)
PAPER = CustomsInvoiceData(
    number="OMS-100234", issued_on=date(2026, 11, 20), created_at=MOMENT, awb="1Z999AA10123456784",
    courier_name="UPS Worldwide Saver", ship_from=SENDER, ship_to=AUSTIN, terms="DAP", currency="USD",
    rows=(SAREE, SHAWL), total="145.00", weight_grams=1350, exporter_number="GSTIN 29AAGCB7383J1Z4",
)  # fmt: skip


def test_it_says_what_customs_asks_for_three_times() -> None:
    pdf = customs_invoice_pdf(PAPER)
    text = text_of(pdf)
    for wanted in (
        "Commercial invoice", "OMS-100234", "20 Nov 2026", "1Z999AA10123456784", "UPS Worldwide Saver",
        SENDER.line1, "GSTIN 29AAGCB7383J1Z4", "Maya Lopez", "701 Brazos St", "Phone +15125550100",
        "Handloom cotton saree, indigo", "520851", "SAR-07", "Nepal", "42.50", "85.00", "0.900", "1.350 kg",
        "USD 145.00", "Sale of goods", "Paid by the receiver (DAP, Incoterms 2020)", "I declare",
    ):  # fmt: skip
        assert text.count(wanted) >= COPIES, wanted
    assert text.count("United States") == 2 * COPIES
    assert text.count("India") == 3 * COPIES
    assert [f"Copy {copy} of 3" in text for copy in (1, 2, 3)] == [True] * 3
    assert len(pictures(pdf, 72)) == COPIES
    assert PAPER.awb in codes(pdf, 203)
    assert customs_invoice_pdf(PAPER) == pdf


def test_who_pays_the_duties_is_said_in_words() -> None:
    assert "Paid by the shipper (DDP, Incoterms 2020)" in text_of(customs_invoice_pdf(replace(PAPER, terms="DDP")))


def test_many_articles_go_on_over_pages_and_each_copy_ends_with_its_total() -> None:
    pdf = customs_invoice_pdf(replace(PAPER, rows=(SAREE,) * 60))
    text, pages = text_of(pdf), len(pictures(pdf, 72))
    assert pages % COPIES == 0
    assert pages // COPIES >= 3
    assert text.count(f"Page 1 of {pages // COPIES}") == COPIES
    assert text.count("USD 145.00") == COPIES
    assert text.count("SAR-07") == 60 * COPIES
