"""Orders as CSV and XLSX: the present filter, columns and sort, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

import xlsxwriter
from django.utils import timezone

from oms.reporting.order_rows import Column, OrderRow, Value

#: A cell that begins like this is read as a formula by spreadsheets (OWASP, "CSV Injection").
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
#: Rows of one sheet, its heading included (Excel's limit).
MOST_SHEET_ROWS = 1_048_576
CURRENCY = "Currency"


def safe_text(text: str) -> str:
    """The text with an apostrophe in front when a spreadsheet would run it."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def headings(columns: Sequence[Column]) -> list[str]:
    """The first row: amounts name no currency of their own, so one column says it."""
    extra = [CURRENCY] if any(column.money for column in columns) else []
    return [column.label for column in columns] + extra


def cells(row: OrderRow, columns: Sequence[Column]) -> list[str]:
    """One row as text: amounts with a decimal point, times in the installation's zone, everything else made safe."""
    values = [_text(column.value(row)) for column in columns]
    return values + ([row.order.currency] if any(column.money for column in columns) else [])


def _text(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return timezone.localtime(value).strftime("%Y-%m-%d %H:%M")
    if isinstance(value, int | Decimal):
        return str(value)
    return safe_text(value)


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    """Rows as CSV (RFC 4180, CRLF)."""
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()


def csv_parts(columns: Sequence[Column], chunks: Iterable[Sequence[OrderRow]]) -> Iterator[str]:
    """The file piece by piece; a byte order mark first, without which Excel misreads anything but ASCII."""
    yield "\ufeff" + csv_text([headings(columns)])
    for chunk in chunks:
        yield csv_text(cells(row, columns) for row in chunk)


def xlsx_from_rows(target: Path | io.BytesIO, columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """A workbook with one sheet. Text is written as text, never as a formula; amounts and counts as numbers."""
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(target if isinstance(target, io.BytesIO) else str(target), options) as book:
        sheet = book.add_worksheet("Orders")
        bold = book.add_format({"bold": True})
        amount = book.add_format({"num_format": "#,##0.00"})
        titles = headings(columns)
        for at, title in enumerate(titles):
            sheet.set_column(at, at, max(12, min(40, len(title) + 4)))
        sheet.freeze_panes(1, 0)
        sheet.write_row(0, 0, titles, bold)
        for number, row in enumerate(rows, start=1):
            if number >= MOST_SHEET_ROWS:
                return
            for at, text in enumerate(row):
                column = columns[at] if at < len(columns) else None
                figure = _figure(text) if column and (column.money or column.numeric) else None
                if figure is None:
                    sheet.write_string(number, at, text)
                else:
                    sheet.write_number(number, at, figure, amount if column and column.money else None)


def _figure(text: str) -> float | None:
    try:
        return float(Decimal(text))
    except InvalidOperation:
        return None
