"""CSV that is written for people: safe to open in a spreadsheet, and readable again."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence

from channels.imports.matching import REASON_COLUMN
from channels.imports.parsers import FORMULA_STARTS
from channels.imports.tables import Table
from channels.imports.types import RowIssue

_NUMBER = re.compile(r"[+-]?[0-9][0-9,]*(?:\.[0-9]+)?")


def safe_cell(text: str) -> str:
    """The cell with an apostrophe before it where a spreadsheet would run it as a formula. Numbers stay numbers."""
    text = text.replace("\x00", "")
    if text.startswith(FORMULA_STARTS) and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def write_csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """RFC 4180 in UTF-8 with a byte order mark, so that spreadsheets read every script right."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([safe_cell(cell) for cell in header])
    writer.writerows([safe_cell(cell) for cell in row] for row in rows)
    return out.getvalue().encode("utf-8-sig", "replace")


def rejected_csv(table: Table, issues: Iterable[RowIssue], bad_rows: Mapping[int, int]) -> bytes:
    """The refused rows as they stand in the file, with their reasons in the last column.

    `bad_rows` maps each refused row to the row whose issue it shares: rows of one order stay together, because half an
    order cannot be imported again.
    """
    reasons: dict[int, list[str]] = {}
    for issue in issues:
        if not issue.warning:
            reasons.setdefault(issue.row, []).append(issue.reason)
    keep = [position for position, name in enumerate(table.header) if name != REASON_COLUMN]

    def lines() -> Iterable[list[str]]:
        for row in table.rows():
            if row.number in bad_rows:
                found = reasons.get(row.number) or [f"row {bad_rows[row.number]} of the same order is at fault"]
                yield [*(row.cells[position] for position in keep), "; ".join(dict.fromkeys(found))]

    return write_csv([*(table.header[position] for position in keep), REASON_COLUMN], lines())
