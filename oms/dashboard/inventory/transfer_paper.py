"""The transfer note: what travels from one node to another, to be ticked off and signed. A4 PDF."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from carriers.labels.page import GREY, Page
from carriers.labels.paging import rows_by_page
from inventory.models import Node, Transfer, TransferLine

_LEFT, _RIGHT = 14.0, 196.0
_ROW_MM = 10.0
_FIRST_ROW, _NEXT_ROW, _LAST_ROW = 74.0, 34.0, 278.0
_SIGNATURES_MM = 40.0
#: Left edge and width of the columns; the last two are filled in by hand.
_COLUMNS = {
    "#": (14.0, 8.0), "SKU": (25.0, 42.0), "ITEM": (69.0, 74.0), "UNITS": (145.0, 14.0), "GOOD": (163.0, 14.0),
    "DAMAGED": (180.0, 16.0),
}  # fmt: skip


def transfer_note_pdf(transfer: Transfer, lines: Sequence[TransferLine], moment: datetime) -> bytes:
    """The note as PDF. Units are what left; before that what is to leave."""
    local = moment.astimezone(ZoneInfo(transfer.from_node.time_zone))
    page = Page("A4", title=f"Transfer {transfer.number}", created_at=local)
    rows = [line for line in lines if _units(transfer, line)]
    first_room, next_room = (int((_LAST_ROW - top) / _ROW_MM) for top in (_FIRST_ROW, _NEXT_ROW))
    chunks = rows_by_page(rows, first_room, next_room, tail_rows=math.ceil(_SIGNATURES_MM / _ROW_MM))
    position = 0
    for number, chunk in enumerate(chunks, start=1):
        page.add_page()
        _draw_head(page, transfer, rows, local, number, len(chunks))
        y = _FIRST_ROW if number == 1 else _NEXT_ROW
        for caption, (x, width) in _COLUMNS.items():
            page.put(x, y - 7, width, caption, 6.5, bold=True, align=_align(caption), colour=GREY)
        page.rule(_LEFT, y - 2.8, _RIGHT, y - 2.8, 0.4)
        for line in chunk:
            position += 1
            _draw_row(page, y, position, line, _units(transfer, line))
            y += _ROW_MM
        if number == len(chunks):
            _draw_signatures(page, y + 6, transfer)
    return page.as_bytes()


def _units(transfer: Transfer, line: TransferLine) -> int:
    if transfer.shipped_at is not None:
        return line.shipped_quantity
    return line.picked_quantity if transfer.state == "picked" else line.quantity


def _draw_head(
    page: Page, transfer: Transfer, rows: Sequence[TransferLine], local: datetime, number: int, count: int
) -> None:
    page.put(_LEFT, 14, 110, f"Transfer {transfer.number}", 18, bold=True)
    page.put(_RIGHT - 70, 15.5, 70, f"{local:%d %b %Y %H:%M} {local.tzname() or ''}", 9, align="R")
    page.put(_RIGHT - 70, 285, 70, f"Page {number} of {count}", 8, align="R", colour=GREY)
    page.put(_LEFT, 285, 110, f"{transfer.from_node.code} to {transfer.to_node.code}", 8, colour=GREY)
    if number > 1:
        return
    _draw_node(page, _LEFT, "FROM", transfer.from_node)
    _draw_node(page, _LEFT + 64, "TO", transfer.to_node)
    page.code128(_RIGHT - 52, 25, 52, 10, transfer.number, widest=0.375)
    expected = f"Expected {transfer.expected_on:%d %b %Y}" if transfer.expected_on else ""
    travels = " ".join(part for part in (transfer.carrier_name, transfer.awb) if part)
    units = sum(_units(transfer, line) for line in rows)
    page.put_lines(_RIGHT - 52, 37, 52, [f"{len(rows)} items, {units} units", travels, expected], 8.5)
    if transfer.note:
        page.put(_LEFT, 56, _RIGHT - _LEFT, transfer.note, 8.5, colour=GREY)


def _draw_node(page: Page, x: float, caption: str, node: Node) -> None:
    page.put(x, 24, 30, caption, 6.5, bold=True, colour=GREY)
    page.put(x, 27, 58, node.name, 10.5, bold=True)
    page.put_lines(x, 32.5, 58, [node.line1, f"{node.city} {node.postcode}", node.phone, node.gstin], 8.5)


def _draw_row(page: Page, y: float, number: int, line: TransferLine, units: int) -> None:
    options = ", ".join(str(value) for value in line.sku.options.values() if value)
    cells = {"#": str(number), "SKU": line.sku.code, "ITEM": line.sku.name, "UNITS": str(units)}
    for caption, text in cells.items():
        x, width = _COLUMNS[caption]
        page.put(x, y, width, text, 9, align=_align(caption), bold=caption in ("SKU", "UNITS"))
    x, width = _COLUMNS["ITEM"]
    page.put(x, y + 4, width, options, 7.5, colour=GREY)
    for caption in ("GOOD", "DAMAGED"):
        x, width = _COLUMNS[caption]
        page.rule(x, y + 5.4, x + width, y + 5.4, 0.2)
    page.rule(_LEFT, y + _ROW_MM - 1.6, _RIGHT, y + _ROW_MM - 1.6, 0.1)


def _align(caption: str) -> str:
    return "R" if caption in ("#", "UNITS") else "L"


def _draw_signatures(page: Page, y: float, transfer: Transfer) -> None:
    half = (_RIGHT - _LEFT - 12) / 2
    titles = (f"Sent by {transfer.from_node.code}", f"Received by {transfer.to_node.code}")
    for x, title in zip((_LEFT, _LEFT + half + 12), titles, strict=True):
        page.put(x, y, half, title, 9, bold=True)
        for number, caption in enumerate(("Name", "Signature", "Date and time")):
            line = y + 13 + 9 * number
            page.rule(x + 24, line, x + half, line, 0.2)
            page.put(x, line - 3.5, 24, caption, 8, colour=GREY)
