"""The tax invoice in the box. A4 PDF."""

from __future__ import annotations

from dataclasses import replace

from carriers.labels.page import GREY, PALE, Page
from carriers.labels.paging import rows_by_page
from carriers.labels.symbols import amount_text
from carriers.labels.values import InvoiceRow, TaxInvoiceData
from oms.core.values import Address

_LEFT, _RIGHT, _WIDTH = 14.0, 196.0, 182.0
_ROW_MM = 11.0
_FIRST_ROW, _NEXT_ROW, _LAST_ROW = 104.0, 36.0, 278.0
#: Rows that the totals and the signature take.
_TAIL_ROWS = 6
_WATERMARK = (222, 222, 222)


def tax_invoice_pdf(data: TaxInvoiceData) -> bytes:
    """The invoice as PDF; the same data gives the same bytes."""
    page = Page("A4", title=f"{data.title} {data.number}", created_at=data.created_at)
    draw_tax_invoice(page, data)
    return page.as_bytes()


def draw_tax_invoice(page: Page, data: TaxInvoiceData) -> None:
    """The invoice on pages of its own."""
    first_room, next_room = (int((_LAST_ROW - top) / _ROW_MM) for top in (_FIRST_ROW, _NEXT_ROW))
    chunks = rows_by_page(data.rows, first_room, next_room, tail_rows=_TAIL_ROWS)
    position = 0
    for number, chunk in enumerate(chunks, start=1):
        page.add_page()
        _draw_frame(page, data, number, len(chunks))
        y = _NEXT_ROW
        if number == 1:
            _draw_parties(page, data)
            y = _FIRST_ROW
        _draw_heads(page, y - 8, data)
        for row in chunk:
            position += 1
            _draw_row(page, y, position, row, data)
            y += _ROW_MM
        if number == len(chunks):
            _draw_tail(page, y + 2, data)


def _draw_frame(page: Page, data: TaxInvoiceData, number: int, count: int) -> None:
    if data.is_cancelled:
        with page.rotation(35, 105, 160):
            page.put(15, 145, 180, "CANCELLED", 90, bold=True, align="C", colour=_WATERMARK)
    page.put(_LEFT, 13, 100, data.title, 18, bold=True)
    page.put(_LEFT, 21.5, 100, "Original for the recipient", 8, colour=GREY)
    page.code128(_RIGHT - 60, 13, 60, 10, data.order_number, widest=0.375, align="R")
    page.put(_LEFT, 285, 130, f"{data.title} {data.number}, {data.seller.name}", 8, colour=GREY)
    page.put(_RIGHT - 50, 285, 50, f"Page {number} of {count}", 8, align="R", colour=GREY)


def _draw_parties(page: Page, data: TaxInvoiceData) -> None:
    draw_facts(
        page,
        ("INVOICE NO.", data.number, 38.0),
        ("DATE", f"{data.issued_on:%d %b %Y}", 28.0),
        ("ORDER", data.order_number, 38.0),
        ("ORDERED ON", f"{data.order_date:%d %b %Y}", 28.0),
        ("PLACE OF SUPPLY", data.place_of_supply, 47.0),
    )
    seller = [f"GSTIN {data.seller_gstin}"]
    if data.trade_name and data.trade_name != data.seller.name:
        seller.insert(0, f"Trading as {data.trade_name}")
    if data.ship_from.line1 != data.seller.line1:
        place = ", ".join(part for part in (data.ship_from.line1, data.ship_from.city, data.ship_from.postcode) if part)
        seller += [f"Shipped from {data.ship_from.name}", place]
    road = " ".join(part for part in (data.courier_name, data.awb) if part)
    buyer = [f"GSTIN {data.buyer_gstin}"] if data.buyer_gstin else []
    draw_party(page, _LEFT, "SOLD BY", data.seller, seller)
    draw_party(page, _LEFT + 64, "BILL TO", data.bill_to, buyer)
    draw_party(page, _LEFT + 126, "SHIP TO", data.ship_to, [part for part in (road, data.payment) if part])


def draw_facts(page: Page, *facts: tuple[str, str, float]) -> None:
    """A band of captions with their words, each as wide as it says in millimetres."""
    page.fill(_LEFT, 29, _WIDTH, 12, PALE)
    x = _LEFT + 3
    for caption, text, width in facts:
        page.put(x, 30.2, width - 2, caption, 6.5, bold=True, colour=GREY)
        page.put(x, 33.2, width - 2, text, 10.5, bold=True)
        x += width


def draw_party(page: Page, x: float, caption: str, address: Address, more: list[str]) -> None:
    """One of three parties beside each other, with what is known of it beyond its address."""
    y = 45 + page.put(x, 45, 56, caption, 6.5, bold=True, colour=GREY)
    first, *rest = (replace(address, country="") if address.country == "IN" else address).lines() or [""]
    y += page.put(x, y, 56, first, 10, bold=True)
    for line in rest[:6]:
        y = page.put_lines(x, y, 56, page.wrapped(line, 56, 8.5, 2), 8.5)
    for line in more:
        y = page.put_lines(x, y + 0.6, 56, page.wrapped(line, 56, 8, 2), 8)


#: Left edge and width of the columns; those of the tax share one place.
_NUMBER, _NAME, _UNITS = (14.0, 6.0), (21.0, 51.0), (72.0, 9.0)
_GROSS, _OFF, _TAXABLE, _TOTAL = (82.0, 20.0), (103.0, 17.0), (121.0, 21.0), (176.0, 20.0)
_HALVES, _WHOLE = ((143.0, 16.0), (159.5, 16.0)), (143.0, 32.5)


def _draw_heads(page: Page, y: float, data: TaxInvoiceData) -> None:
    taxes = (("IGST", _WHOLE),) if data.between_states else (("CGST", _HALVES[0]), (data.state_tax, _HALVES[1]))
    heads = (
        ("#", _NUMBER), ("DESCRIPTION", _NAME), ("QTY", _UNITS), ("GROSS ₹", _GROSS), ("DISCOUNT ₹", _OFF),
        ("TAXABLE ₹", _TAXABLE), *((f"{name} ₹", place) for name, place in taxes), ("TOTAL ₹", _TOTAL),
    )  # fmt: skip
    for caption, (x, width) in heads:
        align = "L" if caption in ("#", "DESCRIPTION") else "R"
        page.put(x, y, width, caption, 6.5, bold=True, align=align, colour=GREY)
    page.rule(_LEFT, y + 4.2, _RIGHT, y + 4.2, 0.4)


def _draw_row(page: Page, y: float, position: int, row: InvoiceRow, data: TaxInvoiceData) -> None:
    page.put(*_at(_NUMBER, y), str(position), 8.5, colour=GREY)
    page.put(_NAME[0], y - 1.4, _NAME[1], row.name, 8.5)
    hsn = f"HSN {row.hsn}" if row.hsn else ""
    small = " · ".join(text for text in (hsn, row.sku_code, row.units) if text)
    page.put_lines(_NAME[0], y + 2.3, _NAME[1], page.wrapped(small, _NAME[1], 6.5, 2), 6.5)
    page.put(*_at(_UNITS, y), str(row.quantity), 8.5, align="R")
    page.put(*_at(_GROSS, y), _plain(row.gross_minor), 8.5, align="R")
    page.put(*_at(_OFF, y), _plain(row.discount_minor), 8.5, align="R")
    page.put(*_at(_TAXABLE, y), _plain(row.taxable_minor), 8.5, align="R")
    halves = ((_HALVES[0], row.cgst_minor, row.rate_bp / 2), (_HALVES[1], row.sgst_minor, row.rate_bp / 2))
    for place, tax, rate in ((_WHOLE, row.igst_minor, row.rate_bp),) if data.between_states else halves:
        page.put(place[0], y - 1.4, place[1], _plain(tax), 8.5, align="R")
        page.put(place[0], y + 2.3, place[1], f"{rate / 100:g} %", 6.5, align="R", colour=GREY)
    page.put(*_at(_TOTAL, y), _plain(row.total_minor), 8.5, bold=True, align="R")
    page.rule(_LEFT, y + 7.6, _RIGHT, y + 7.6, 0.1)


def _at(column: tuple[float, float], y: float) -> tuple[float, float, float]:
    return column[0], y, column[1]


def _plain(minor: int) -> str:
    """`1,49,999.00`: the column's head has the sign of the currency."""
    return amount_text(minor).replace("₹", "").strip()


def _draw_tail(page: Page, y: float, data: TaxInvoiceData) -> None:
    def whole(name: str) -> int:
        return sum(getattr(row, name) for row in data.rows)

    taxes = [("IGST", whole("igst_minor"))]
    if not data.between_states:
        taxes = [("CGST", whole("cgst_minor")), (data.state_tax, whole("sgst_minor"))]
    right = y
    for caption, amount in (("Taxable value", whole("taxable_minor")), *taxes):
        page.put(126, right, 40, caption, 9)
        page.put(_RIGHT - 34, right, 34, amount_text(amount), 9, align="R")
        right += 5
    page.rule(126, right + 0.4, _RIGHT, right + 0.4, 0.4)
    page.put(126, right + 2, 34, "Total", 12, bold=True)
    page.put(_RIGHT - 40, right + 2, 40, amount_text(whole("total_minor")), 12, bold=True, align="R")
    page.put(126, right + 14, 70, f"For {data.seller.name}", 8, align="R")
    page.put(126, right + 25, 70, data.signatory or "Authorised signatory", 8, align="R", colour=GREY)
    left = page.put_lines(_LEFT, y, 104, page.wrapped(data.words, 104, 9, 2, bold=True), 9, bold=True) + 1.5
    for text in ("Whether tax is payable on reverse charge: No", data.note):
        left = page.put_lines(_LEFT, left, 104, page.wrapped(text, 104, 8, 3) if text else [], 8) + 1
