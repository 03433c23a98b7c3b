"""Writes the rows of the first visible sheet of a workbook to stdout, one JSON array a line.

Run as a program of its own, with memory and CPU bounded: one cell at the far corner of a sheet makes any parser
allocate the whole rectangle, and only a process can be stopped from that. Imports nothing of the project.

    python -I workbook_rows.py FILE MAX_ROWS MAX_COLUMNS MEMORY_BYTES CPU_SECONDS
"""

from __future__ import annotations

import json
import resource
import sys
from datetime import date, datetime, time, timedelta
from typing import Any

#: Spreadsheets keep 15 significant digits; a whole number beyond them was rounded when it was typed.
EXACT = 10**15


def cell_text(value: Any) -> str:
    """A cell as text, without inventing or losing digits: dates in ISO form, whole numbers without a fraction."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        if abs(value) >= EXACT:
            return f"{value:.14E}"
        return str(int(value)) if value == int(value) else f"{value:.15g}"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    return str(value)


def main() -> int:
    """Exit status 0 when all was written, 3 past the bounds, 4 for a file that is no workbook."""
    path, rows, columns, memory, seconds = sys.argv[1], *map(int, sys.argv[2:6])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    import python_calamine  # noqa: PLC0415 - only now are memory and time bounded

    try:
        workbook = python_calamine.load_workbook(path)
    except python_calamine.CalamineError as error:
        print(str(error)[:200], file=sys.stderr)
        return 4
    sheets = [
        index
        for index, sheet in enumerate(workbook.sheets_metadata)
        if sheet.typ == python_calamine.SheetTypeEnum.WorkSheet
        and sheet.visible == python_calamine.SheetVisibleEnum.Visible
    ]
    if not sheets:
        print("it has no visible sheet", file=sys.stderr)
        return 4
    sheet = workbook.get_sheet_by_index(sheets[0])
    if sheet.total_height > rows or sheet.total_width > columns:
        print(f"{sheet.total_height} rows, {sheet.total_width} columns", file=sys.stderr)
        return 3
    out = sys.stdout
    out.write(json.dumps([sheet.name]) + "\n")
    for row in sheet.to_python(skip_empty_area=False):
        out.write(json.dumps([cell_text(value) for value in row], ensure_ascii=True) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
