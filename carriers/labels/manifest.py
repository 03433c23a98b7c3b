"""The hand-over manifest: what a node gives to a courier, signed by both. A4 PDF."""

from __future__ import annotations

import math
from io import BytesIO

from PIL import UnidentifiedImageError

from carriers.labels.page import GREY, PALE, Page
from carriers.labels.paging import rows_by_page
from carriers.labels.symbols import amount_text, weight_text
from carriers.labels.values import ManifestData, ManifestRow

_LEFT, _RIGHT, _WIDTH = 14.0, 196.0, 182.0
_ROW_MM = 13.0
_FIRST_ROW, _NEXT_ROW, _LAST_ROW = 66.0, 34.0, 278.0
_SIGNATURES_MM = 40.0
_LINE_MM = 5.0
#: Of the parcels that came off, so many are named.
_MOST_TAKEN_OFF = 12
#: Left edge and width of the columns.
_COLUMNS = {
    "#": (14.0, 8.0),
    "AWB": (25.0, 58.0),
    "ORDER": (86.0, 30.0),
    "DELIVER TO": (118.0, 42.0),
    "WEIGHT": (161.0, 14.0),
    "COD": (176.0, 20.0),
}
_RIGHT_ALIGNED = ("#", "WEIGHT", "COD")


def manifest_pdf(data: ManifestData) -> bytes:
    """The manifest as PDF; the same data gives the same bytes."""
    page = Page("A4", title=f"Manifest {data.number}", created_at=data.created_at)
    first_room, next_room = (int((_LAST_ROW - top) / _ROW_MM) for top in (_FIRST_ROW, _NEXT_ROW))
    taken_off = _taken_off(data)
    tail = _SIGNATURES_MM + _LINE_MM * len(taken_off)
    chunks = rows_by_page(data.rows, first_room, next_room, tail_rows=math.ceil(tail / _ROW_MM))
    position = 0
    for number, chunk in enumerate(chunks, start=1):
        page.add_page()
        _draw_head(page, data, number, len(chunks))
        y = _FIRST_ROW if number == 1 else _NEXT_ROW
        _draw_column_heads(page, y - 7)
        for row in chunk:
            position += 1
            _draw_row(page, y, position, row, data.currency)
            y += _ROW_MM
        if number == len(chunks):
            for line, text in enumerate(taken_off):
                page.put(_LEFT, y + _LINE_MM * line, _WIDTH, text, 9, bold=line == 0)
            _draw_signatures(page, y + 6 + _LINE_MM * len(taken_off), data)
    return page.as_bytes()


def _taken_off(data: ManifestData) -> list[str]:
    """What stands over the signatures where parcels came off: lines, the first of them a heading."""
    if not data.taken_off:
        return []
    more = len(data.taken_off) - _MOST_TAKEN_OFF
    named = [*data.taken_off[:_MOST_TAKEN_OFF], *([f"and {more} more"] if more > 0 else [])]
    return ["Not handed over: take these out of the pile", *named]


def _draw_head(page: Page, data: ManifestData, number: int, count: int) -> None:
    page.put(_LEFT, 14, 110, f"Manifest {data.number}", 18, bold=True)
    page.put(_RIGHT - 70, 15.5, 70, f"{data.created_at:%d %b %Y %H:%M} {data.created_at.tzname() or ''}", 9, align="R")
    page.put(_RIGHT - 70, 285, 70, f"Page {number} of {count}", 8, align="R", colour=GREY)
    page.put(_LEFT, 285, 110, f"{data.courier_name}, {data.node_name}", 8, colour=GREY)
    if number > 1:
        return
    page.put(_LEFT, 24, 10, "FROM", 6.5, bold=True, colour=GREY)
    page.put(_LEFT, 27, 80, data.node_name, 10.5, bold=True)
    page.put_lines(_LEFT, 32, 80, list(data.node_lines[:3]), 8.5)
    page.put(_LEFT + 86, 24, 20, "TO COURIER", 6.5, bold=True, colour=GREY)
    page.put(_LEFT + 86, 27, 60, data.courier_name, 10.5, bold=True)
    lines = [f"Pickup {data.pickup_reference}" if data.pickup_reference else ""]
    lines.append(f"Vehicle {data.vehicle}" if data.vehicle else "")
    page.put_lines(_LEFT + 86, 32, 60, [line for line in lines if line], 8.5)
    page.code128(_RIGHT - 46, 24, 46, 12, data.number, widest=0.375, align="R")
    _draw_counts(page, data)


def _draw_counts(page: Page, data: ManifestData) -> None:
    pieces = sum(row.pieces for row in data.rows)
    cod = [row for row in data.rows if row.cod_minor]
    counts = (
        ("PARCELS", f"{len(data.rows)} ({pieces} pieces)" if pieces != len(data.rows) else str(len(data.rows))),
        ("PREPAID", str(len(data.rows) - len(cod))),
        ("COD", str(len(cod))),
        ("CASH TO COLLECT", amount_text(sum(row.cod_minor for row in cod), data.currency)),
        ("WEIGHT", weight_text(sum(row.weight_grams for row in data.rows))),
    )
    page.fill(_LEFT, 44, _WIDTH, 12, PALE)
    widths = (40.0, 26.0, 22.0, 58.0, 32.0)
    x = _LEFT + 3
    for (caption, text), width in zip(counts, widths, strict=True):
        page.put(x, 45.2, width - 2, caption, 6.5, bold=True, colour=GREY)
        page.put(x, 48.2, width - 2, text, 12, bold=True)
        x += width


def _draw_column_heads(page: Page, y: float) -> None:
    for caption, (x, width) in _COLUMNS.items():
        page.put(x, y, width, caption, 6.5, bold=True, align=_align(caption), colour=GREY)
    page.rule(_LEFT, y + 4.2, _RIGHT, y + 4.2, 0.4)


def _draw_row(page: Page, y: float, number: int, row: ManifestRow, currency: str) -> None:
    x, width = _COLUMNS["AWB"]
    page.code128(x, y - 1.4, width, 6.6, row.awb, widest=0.375)
    page.put(x, y + 5.4, width, row.awb, 8.5, bold=True, align="C")
    pieces = f" ({row.pieces} pieces)" if row.pieces > 1 else ""
    cells = {
        "#": str(number),
        "ORDER": row.order_number + pieces,
        "DELIVER TO": row.ship_to_name,
        "WEIGHT": weight_text(row.weight_grams),
        "COD": amount_text(row.cod_minor, currency) if row.cod_minor else "–",
    }
    for caption, text in cells.items():
        left, cell_width = _COLUMNS[caption]
        page.put(
            left, y + 0.6, cell_width, text, 9, align=_align(caption), bold=caption == "COD" and bool(row.cod_minor)
        )
    left, cell_width = _COLUMNS["DELIVER TO"]
    page.put(left, y + 4.8, cell_width, f"{row.ship_to_city} {row.ship_to_postcode}".strip(), 8, colour=GREY)
    page.rule(_LEFT, y + _ROW_MM - 2.8, _RIGHT, y + _ROW_MM - 2.8, 0.1)


def _align(caption: str) -> str:
    if caption == "AWB":
        return "C"
    return "R" if caption in _RIGHT_ALIGNED else "L"


def _draw_signatures(page: Page, y: float, data: ManifestData) -> None:
    half = (_WIDTH - 12) / 2
    for x, title in ((_LEFT, "Handed over by"), (_LEFT + half + 12, "Received for the courier by")):
        page.put(x, y, half, title, 9, bold=True)
        for number, caption in enumerate(("Name", "Signature", "Date and time")):
            line = y + 13 + 9 * number
            page.rule(x + 24, line, x + half, line, 0.2)
            page.put(x, line - 4, 23, caption, 8, colour=GREY)
    taken = _LEFT + half + 12 + 25
    code = f"{data.driver_name} (code {data.driver_code})" if data.driver_code else data.driver_name
    page.put(taken, y + 8.2, half - 26, code, 9)
    if data.signature:
        try:
            page.image(BytesIO(data.signature), x=taken, y=y + 13.5, h=8.2)
        except (UnidentifiedImageError, OSError):  # a damaged file must not keep the paper back
            page.put(taken, y + 17.2, half - 26, "Signed; the picture cannot be read", 8, colour=GREY)
