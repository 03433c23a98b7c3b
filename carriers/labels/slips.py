"""The paper of a node: pick list and packing slip. A4 PDF."""

from __future__ import annotations

from dataclasses import replace

from carriers.labels.page import GREY, PALE, Page
from carriers.labels.paging import rows_by_page
from carriers.labels.values import PackingRow, PackingSlipData, PickListData, PickRow
from oms.core.values import Address

_LEFT, _RIGHT, _WIDTH = 14.0, 196.0, 182.0
_LAST_ROW = 278.0
_PICK_MM, _SLIP_MM = 11.0, 9.0


def pick_list_pdf(data: PickListData, *more: PickListData) -> bytes:
    """The pick list as PDF, rows in the order given, and more of them behind it, each on pages of its own.

    The same data gives the same bytes.
    """
    page = Page("A4", title=f"Pick list {data.number}", created_at=data.created_at)
    for each in (data, *more):
        _draw_pick_list(page, each)
    return page.as_bytes()


def _draw_pick_list(page: Page, data: PickListData) -> None:
    chunks = rows_by_page(data.rows, _room(54.0, _PICK_MM), _room(34.0, _PICK_MM))
    for number, chunk in enumerate(chunks, start=1):
        page.add_page()
        _draw_foot(page, f"Pick list {data.number}, {data.node_name}", number, len(chunks))
        page.put(_LEFT, 14, 110, f"Pick list {data.number}", 18, bold=True)
        page.code128(_RIGHT - 56, 14, 56, 11, data.number, widest=0.375, align="R")
        y = 34.0
        if number == 1:
            _draw_pick_facts(page, data)
            y = 54.0
        _draw_pick_heads(page, y - 7)
        for row in chunk:
            _draw_pick_row(page, y, row)
            y += _PICK_MM


def packing_slip_pdf(data: PackingSlipData) -> bytes:
    """The packing slip as PDF, without prices; the same data gives the same bytes."""
    page = Page("A4", title=f"Packing slip {data.order_number}", created_at=data.created_at)
    draw_packing_slip(page, data)
    return page.as_bytes()


def draw_packing_slip(page: Page, data: PackingSlipData) -> None:
    """The packing slip on pages of its own."""
    chunks = rows_by_page(data.rows, _room(88.0, _SLIP_MM), _room(34.0, _SLIP_MM), tail_rows=4)
    for number, chunk in enumerate(chunks, start=1):
        page.add_page()
        _draw_foot(page, f"{data.seller_name}, order {data.order_number}", number, len(chunks))
        page.put(_LEFT, 14, 84, data.seller_name, 18, bold=True)
        page.put(_LEFT + 86, 15.5, 34, "Packing slip", 12, colour=GREY)
        page.code128(_RIGHT - 60, 13, 60, 10, data.order_number, widest=0.375, align="R")
        y = 34.0
        if number == 1:
            _draw_slip_head(page, data)
            y = 88.0
        _draw_slip_heads(page, y - 7)
        for row in chunk:
            _draw_slip_row(page, y, row)
            y += _SLIP_MM
        if number == len(chunks):
            _draw_slip_tail(page, y + 4, data)


def _room(first_row: float, row_mm: float) -> int:
    """Rows between the first row's top and the foot."""
    return int((_LAST_ROW - first_row) / row_mm)


def _draw_foot(page: Page, text: str, number: int, count: int) -> None:
    page.put(_LEFT, 285, 120, text, 8, colour=GREY)
    page.put(_RIGHT - 50, 285, 50, f"Page {number} of {count}", 8, align="R", colour=GREY)


def _draw_pick_facts(page: Page, data: PickListData) -> None:
    facts = (
        ("NODE", data.node_name),
        ("PICKER", data.picker_name or "–"),
        ("ORDERS", data.orders_text),
        ("UNITS", str(sum(row.quantity for row in data.rows))),
        ("DUE", data.due_at_text or "–"),
    )
    page.fill(_LEFT, 29, _WIDTH, 12, PALE)
    widths = (54.0, 40.0, 30.0, 18.0, 38.0)
    x = _LEFT + 3
    for (caption, text), width in zip(facts, widths, strict=True):
        page.put(x, 30.2, width - 3, caption, 6.5, bold=True, colour=GREY)
        page.put(x, 33.2, width - 3, text, 11, bold=True)
        x += width


def _draw_pick_heads(page: Page, y: float) -> None:
    heads = (
        ("", 14, 8),
        ("BIN", 23, 28),
        ("SKU", 53, 34),
        ("ARTICLE", 89, 62),
        ("FOR", 153, 25),
        ("QUANTITY", 178, 18),
    )
    for caption, x, width in heads:
        page.put(x, y, width, caption, 6.5, bold=True, align="R" if caption == "QUANTITY" else "L", colour=GREY)
    page.rule(_LEFT, y + 4.2, _RIGHT, y + 4.2, 0.4)


def _draw_pick_row(page: Page, y: float, row: PickRow) -> None:
    page.box(_LEFT + 0.5, y + 0.4, 5, 5, line=0.3)
    page.put(23, y, 28, row.bin_code or "–", 12, bold=True)
    page.put(53, y + 0.6, 34, row.sku_code, 9.5)
    small = " · ".join(text for text in (row.lots, row.barcode) if text)
    page.put(89, y + (-1.5 if small else 0.6), 62, row.name, 9.5)
    page.put_lines(89, y + 2.3, 62, page.wrapped(small, 62, 6.5, 2), 6.5)
    page.put(153, y + 0.6, 25, row.orders, 8.5)
    page.put(178, y - 0.3, 18, str(row.quantity), 13, bold=True, align="R")
    page.rule(_LEFT, y + 8.2, _RIGHT, y + 8.2, 0.1)


def _draw_slip_head(page: Page, data: PackingSlipData) -> None:
    abroad = data.ship_to.country != data.ship_from.country
    _draw_address(page, _LEFT, "DELIVER TO", data.ship_to, abroad)
    _draw_address(page, _LEFT + 92, "FROM", data.ship_from, abroad)
    facts = (
        ("ORDER", data.order_number),
        ("ORDERED ON", f"{data.order_date:%d %b %Y}"),
        ("PARCEL", f"{data.parcel_number} of {data.parcel_count}"),
        ("COURIER", " ".join(part for part in (data.courier_name, data.awb) if part) or "–"),
    )
    page.fill(_LEFT, 64, _WIDTH, 12, PALE)
    widths = (42.0, 36.0, 24.0, 78.0)
    x = _LEFT + 3
    for (caption, text), width in zip(facts, widths, strict=True):
        page.put(x, 65.2, width - 3, caption, 6.5, bold=True, colour=GREY)
        page.put(x, 68.2, width - 3, text, 11, bold=True)
        x += width


def _draw_address(page: Page, x: float, caption: str, address: Address, with_country: bool) -> None:
    y = 27 + page.put(x, 27, 85, caption, 6.5, bold=True, colour=GREY)
    lines = (address if with_country else replace(address, country="")).lines()
    first, *rest = lines or [""]
    y += page.put(x, y, 85, first, 11, bold=True)
    page.put_lines(x, y, 85, rest[:6], 9)


def _draw_slip_heads(page: Page, y: float) -> None:
    for caption, x, width in (("SKU", 14, 36), ("ARTICLE", 52, 96), ("ORDERED", 150, 22), ("IN THIS PARCEL", 172, 24)):
        page.put(x, y, width, caption, 6.5, bold=True, align="R" if x >= 150 else "L", colour=GREY)
    page.rule(_LEFT, y + 4.2, _RIGHT, y + 4.2, 0.4)


def _draw_slip_row(page: Page, y: float, row: PackingRow) -> None:
    page.put(14, y, 36, row.sku_code, 9.5, colour=GREY)
    page.put(52, y - (1.4 if row.units else 0), 96, row.name, 9.5)
    if row.units:
        page.put_lines(52, y + 2.4, 96, page.wrapped(row.units, 96, 6.5, 2), 6.5)
    page.put(150, y, 22, str(row.ordered), 9.5, align="R")
    page.put(172, y, 24, str(row.packed), 9.5, bold=True, align="R")
    page.rule(_LEFT, y + 6.6, _RIGHT, y + 6.6, 0.1)


def _draw_slip_tail(page: Page, y: float, data: PackingSlipData) -> None:
    units = sum(row.packed for row in data.rows)
    page.put(_RIGHT - 80, y, 80, f"{units} {'article' if units == 1 else 'articles'} in this parcel", 9.5, align="R")
    if data.note:
        lines = page.wrapped(data.note, 96, 10.5, 4)
        page.box(_LEFT, y, 102, 8 + 4.6 * len(lines))
        page.put(_LEFT + 3, y + 1.6, 96, "WITH THIS GIFT", 6.5, bold=True, colour=GREY)
        y = page.put_lines(_LEFT + 3, y + 5, 96, lines, 10.5) + 6
    page.put_lines(_LEFT, y, 120, page.wrapped(data.returns_text, 120, 9, 4) if data.returns_text else [], 9)
