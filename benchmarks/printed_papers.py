"""How long the papers of a parcel take to draw, by page, beside the least that a PDF with the same fonts takes.

    python benchmarks/printed_papers.py [--rounds 40]

The floor is a sheet with one word: the font library has to cut both faces down to the signs that are used, for every
document anew. Drawn together, twenty labels pay for that once.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from carriers.labels import (
    CustomsInvoiceData,
    CustomsRow,
    InvoiceRow,
    LabelData,
    LabelItem,
    PackingRow,
    PackingSlipData,
    PickListData,
    PickRow,
    TaxInvoiceData,
    customs_invoice_pdf,
    packing_slip_pdf,
    parcel_papers_pdf,
    pick_list_pdf,
    shipping_label_pdf,
    shipping_label_zpl,
    shipping_labels_pdf,
    tax_invoice_pdf,
)
from carriers.labels.page import Page
from oms.core.values import Address

MOMENT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NODE = Address(company="Kaveri Retail", line1="12 Whitefield Road", city="Bengaluru", region="Karnataka",
               postcode="560066", phone="+918041234567")  # fmt: skip
HOME = Address(name="Asha Rao", line1="14 Station Road", line2="Near the old mill", city="Mysuru", region="Karnataka",
               postcode="570001", phone="+919845012345")  # fmt: skip
HINDI = Address(name="आशा राव", line1="14 स्टेशन रोड", line2="पुरानी मिल के पास", city="Lucknow", region="Uttar Pradesh",
                postcode="226001", phone="+919845012345")  # fmt: skip
AUSTIN = Address(name="Maya Lopez", line1="701 Brazos St", city="Austin", region="TX", postcode="78701", country="US",
                 phone="+15125550100")  # fmt: skip
GOODS = [(f"KURTA-{size}", f"Straight cotton kurta, indigo, size {size}") for size in ("S", "M", "L", "XL", "XXL")]


def label(awb: str = "431746199453", home: Address = HOME) -> LabelData:
    """A COD parcel of three lines."""
    return LabelData(
        awb=awb, courier_name="Delhivery Surface", order_number="OM-102003", ship_from=NODE, ship_to=home,
        weight_grams=640, created_at=MOMENT, cod_minor=174_800, tracking_url=f"https://shop.example/t/{awb}/",
        declared_value_minor=174_800, length_mm=300, width_mm=220, height_mm=80,
        items=tuple(LabelItem(name=name, quantity=1, sku_code=code) for code, name in GOODS[:3]),
    )  # fmt: skip


def slip(home: Address = HOME) -> PackingSlipData:
    """Five lines."""
    return PackingSlipData(
        order_number="OM-102003", order_date=MOMENT.date(), created_at=MOMENT, seller_name="Kaveri", ship_from=NODE,
        ship_to=home, rows=tuple(PackingRow(sku_code=code, name=name, ordered=1, packed=1) for code, name in GOODS),
        awb="431746199453", courier_name="Delhivery Surface",
    )  # fmt: skip


def invoice(home: Address = HOME) -> TaxInvoiceData:
    """Five lines within one state."""
    rows = tuple(
        InvoiceRow(name=name, quantity=1, gross_minor=99_900, discount_minor=0, taxable_minor=95_142, rate_bp=500,
                   cgst_minor=2_379, sgst_minor=2_379, igst_minor=0, total_minor=99_900, hsn="6211", sku_code=code)
        for code, name in GOODS
    )  # fmt: skip
    return TaxInvoiceData(
        title="Tax invoice", number="KA/26-27/00652", issued_on=date(2026, 11, 23), created_at=MOMENT,
        order_number="OM-102003", order_date=date(2026, 11, 22), seller=NODE, seller_gstin="29ABCDE1234F1Z5",
        ship_from=NODE, bill_to=home, ship_to=home, place_of_supply="29 Karnataka", rows=rows,
        words="Rupees four thousand nine hundred and ninety-five only",
    )  # fmt: skip


def customs() -> CustomsInvoiceData:
    """Five articles for the United States."""
    rows = tuple(
        CustomsRow(description=name, quantity=1, unit_value="999.00", line_value="999.00", origin="IN", grams=128,
                   hsn="621142", sku_code=code)
        for code, name in GOODS
    )  # fmt: skip
    return CustomsInvoiceData(
        number="OM-102003", issued_on=date(2026, 11, 22), created_at=MOMENT, awb="1Z999AA10123456784",
        courier_name="UPS Worldwide Saver", ship_from=NODE, ship_to=AUSTIN, terms="DAP", currency="INR", rows=rows,
        total="4995.00", weight_grams=640,
    )  # fmt: skip


def walk() -> PickListData:
    """Two pages of shelves."""
    rows = tuple(
        PickRow(bin_code=f"A{n:02}-1", sku_code=f"SKU-{n:03}", name=GOODS[n % 5][1], quantity=1 + n % 3,
                barcode=f"89012345{n:05}", orders=f"T{n % 8 + 1}")
        for n in range(40)
    )  # fmt: skip
    return PickListData(number="W-100027", node_name="Bengaluru", created_at=MOMENT, rows=rows, order_count=30)


def one_word() -> bytes:
    """The floor: a label's sheet with a word in each face."""
    page = Page((101.6, 152.4), title="x", created_at=MOMENT)
    page.add_page()
    page.put(10, 10, 60, "Label", 9)
    page.put(10, 20, 60, "Label", 9, bold=True)
    return bytes(page.output())


def measure(draw: Callable[[], bytes | str], rounds: int) -> tuple[float, float, int]:
    """Median and 95th percentile of a document in milliseconds, and its pages. The first one warms up."""
    paper = draw()
    pages = len(re.findall(rb"/Type /Page\b", paper)) if isinstance(paper, bytes) else 1
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        draw()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times), statistics.quantiles(times, n=20)[-1], pages


def main() -> None:
    """Print one line for each paper."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    twenty = [label(str(431746199453 + n)) for n in range(20)]
    papers: dict[str, Callable[[], bytes | str]] = {
        "floor: one word": one_word,
        "label": lambda: shipping_label_pdf(label()),
        "label, Devanagari": lambda: shipping_label_pdf(label(home=HINDI)),
        "20 labels in one document": lambda: shipping_labels_pdf(twenty),
        "label as ZPL": lambda: shipping_label_zpl(label()),
        "packing slip": lambda: packing_slip_pdf(slip()),
        "tax invoice": lambda: tax_invoice_pdf(invoice()),
        "tax invoice, Devanagari": lambda: tax_invoice_pdf(invoice(HINDI)),
        "slip and invoice together": lambda: parcel_papers_pdf(slip(), invoice()),
        "customs invoice, 3 copies": lambda: customs_invoice_pdf(customs()),
        "pick list": lambda: pick_list_pdf(walk()),
    }
    floor = 0.0
    print(f"{'paper':<28}{'pages':>6}{'ms p50':>9}{'ms p95':>9}{'ms/page':>9}{'x floor':>9}")
    for name, draw in papers.items():
        middle, late, pages = measure(draw, rounds)
        floor = floor or middle
        print(f"{name:<28}{pages:>6}{middle:>9.1f}{late:>9.1f}{middle / pages:>9.1f}{middle / floor:>9.2f}")


if __name__ == "__main__":
    main()
