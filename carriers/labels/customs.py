"""The commercial invoice that travels outside a parcel, for the customs of both countries. A4 PDF."""

from __future__ import annotations

from dataclasses import replace

from carriers.labels.invoice import draw_facts, draw_party
from carriers.labels.page import GREY, Page
from carriers.labels.paging import rows_by_page
from carriers.labels.values import CustomsInvoiceData, CustomsRow
from oms.core.places import country_name
from oms.core.values import Address

#: An original and two copies: for export, for import, and for the receiver.
COPIES = 3

_LEFT, _RIGHT = 14.0, 196.0
_ROW_MM = 10.0
_FIRST_ROW, _NEXT_ROW, _LAST_ROW = 108.0, 36.0, 278.0
#: Rows that the totals, the declaration and the signature take.
_TAIL_ROWS = 6

#: Left edge and width of the columns.
_NUMBER, _NAME, _CODE, _ORIGIN = (14.0, 6.0), (21.0, 62.0), (85.0, 22.0), (108.0, 26.0)
_UNITS, _WEIGHT, _EACH, _VALUE = (134.0, 9.0), (143.5, 13.5), (157.5, 18.0), (176.0, 20.0)


def customs_invoice_pdf(data: CustomsInvoiceData) -> bytes:
    """All copies as one PDF; the same data gives the same bytes."""
    page = Page("A4", title=f"Commercial invoice {data.number}", created_at=data.created_at)
    draw_customs_invoice(page, data)
    return page.as_bytes()


def draw_customs_invoice(page: Page, data: CustomsInvoiceData) -> None:
    """Every copy on pages of its own."""
    first_room, next_room = (int((_LAST_ROW - top) / _ROW_MM) for top in (_FIRST_ROW, _NEXT_ROW))
    chunks = rows_by_page(data.rows, first_room, next_room, tail_rows=_TAIL_ROWS)
    for copy in range(1, COPIES + 1):
        position = 0
        for number, chunk in enumerate(chunks, start=1):
            page.add_page()
            _draw_frame(page, data, copy, f"Page {number} of {len(chunks)}")
            y = _NEXT_ROW
            if number == 1:
                _draw_parties(page, data)
                y = _FIRST_ROW
            _draw_heads(page, y - 8, data.currency)
            for row in chunk:
                position += 1
                _draw_row(page, y, position, row)
                y += _ROW_MM
            if number == len(chunks):
                _draw_tail(page, y + 2, data)


def _draw_frame(page: Page, data: CustomsInvoiceData, copy: int, pages: str) -> None:
    page.put(_LEFT, 13, 100, "Commercial invoice", 18, bold=True)
    words = f"Copy {copy} of {COPIES}: outside the parcel, in the carrier's pouch"
    page.put(_LEFT, 21.5, 110, words, 8, colour=GREY)
    page.code128(_RIGHT - 60, 13, 60, 10, data.awb, widest=0.375, align="R")
    page.put(_LEFT, 285, 130, f"Commercial invoice {data.number}, AWB {data.awb}", 8, colour=GREY)
    page.put(_RIGHT - 50, 285, 50, pages, 8, align="R", colour=GREY)


def _draw_parties(page: Page, data: CustomsInvoiceData) -> None:
    draw_facts(
        page,
        ("INVOICE NO.", data.number, 44.0),
        ("DATE", f"{data.issued_on:%d %b %Y}", 28.0),
        ("AWB", data.awb, 54.0),
        ("TERMS", f"{data.terms} {data.ship_to.city}", 28.0),
        ("CURRENCY", data.currency, 25.0),
    )
    draw_party(page, _LEFT, "SHIPPER / EXPORTER", _written_out(data.ship_from),
               _contact(data.ship_from.phone, data.exporter_number))  # fmt: skip
    draw_party(page, _LEFT + 64, "RECEIVER / IMPORTER", _written_out(data.ship_to), _contact(data.ship_to.phone))
    pays = "shipper" if data.terms == "DDP" else "receiver"
    more = (
        ("COUNTRY OF EXPORT", country_name(data.ship_from.country)),
        ("COUNTRY OF DESTINATION", country_name(data.ship_to.country)),
        ("REASON FOR EXPORT", "Sale of goods"),
        ("DUTIES AND TAXES", f"Paid by the {pays} ({data.terms}, Incoterms 2020)"),
        ("CARRIER", data.courier_name),
    )
    y = 45.0
    for caption, text in more:
        page.put(_LEFT + 126, y, 56, caption, 6.5, bold=True, colour=GREY)
        page.put(_LEFT + 126, y + 3, 56, text, 9)
        y += 9


def _written_out(address: Address) -> Address:
    """With the name of the country in place of its letters."""
    return replace(address, country=country_name(address.country))


def _contact(phone: str, number: str = "") -> list[str]:
    return [text for text in (phone and f"Phone {phone}", number) if text]


def _draw_heads(page: Page, y: float, currency: str) -> None:
    heads = (
        ("#", _NUMBER), ("DESCRIPTION", _NAME), ("HS CODE", _CODE), ("ORIGIN", _ORIGIN), ("QTY", _UNITS),
        ("WEIGHT KG", _WEIGHT), (f"EACH {currency}", _EACH), (f"VALUE {currency}", _VALUE),
    )  # fmt: skip
    for caption, (x, width) in heads:
        align = "R" if x >= _UNITS[0] else "L"
        page.put(x, y, width, caption, 6.5, bold=True, align=align, colour=GREY, smallest=5)
    page.rule(_LEFT, y + 4.2, _RIGHT, y + 4.2, 0.4)


def _draw_row(page: Page, y: float, position: int, row: CustomsRow) -> None:
    page.put(_NUMBER[0], y, _NUMBER[1], str(position), 8.5, colour=GREY)
    page.put(_NAME[0], y - 1.4, _NAME[1], row.description, 8.5)
    page.put(_NAME[0], y + 2.3, _NAME[1], row.sku_code, 6.5)
    for (x, width), text in ((_CODE, row.hsn), (_ORIGIN, country_name(row.origin))):
        page.put(x, y, width, text, 8.5)
    numbers = ((_UNITS, str(row.quantity)), (_WEIGHT, f"{row.grams / 1000:.3f}"), (_EACH, row.unit_value))
    for (x, width), text in numbers:
        page.put(x, y, width, text, 8.5, align="R")
    page.put(_VALUE[0], y, _VALUE[1], row.line_value, 8.5, bold=True, align="R")
    page.rule(_LEFT, y + 6.8, _RIGHT, y + 6.8, 0.1)


def _draw_tail(page: Page, y: float, data: CustomsInvoiceData) -> None:
    facts = (("Pieces", str(data.pieces)), ("Gross weight", f"{data.weight_grams / 1000:.3f} kg"))
    right = y
    for caption, text in facts:
        page.put(126, right, 40, caption, 9)
        page.put(_RIGHT - 34, right, 34, text, 9, align="R")
        right += 5
    page.rule(126, right + 0.4, _RIGHT, right + 0.4, 0.4)
    page.put(126, right + 2, 26, "Total", 12, bold=True)
    page.put(_RIGHT - 46, right + 2, 46, f"{data.currency} {data.total}", 12, bold=True, align="R")
    declared = "I declare that what this invoice states is true and complete, and that the goods are as described."
    page.put_lines(_LEFT, y, 104, page.wrapped(declared, 104, 9, 3), 9)
    for x, width, caption in ((_LEFT, 72.0, "Signature and name"), (_LEFT + 78, 26.0, "Date")):
        page.rule(x, y + 30, x + width, y + 30)
        page.put(x, y + 31, width, caption, 7, colour=GREY)
