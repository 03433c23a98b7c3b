"""Any table file as a header and rows of text with the numbers that a spreadsheet shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from channels.imports.delimited import detect_delimiter, detect_encoding, read_records
from channels.imports.errors import ImportRefused
from channels.imports.limits import DEFAULT_LIMITS, Limits
from channels.imports.sources import Source
from channels.imports.workbooks import is_workbook, parse_workbook

#: A header lies within the first rows; panels put a title or a date above it.
_HEADER_WITHIN = 15


@dataclass(frozen=True, slots=True)
class Row:
    """One data row. `cells` is as long as the header; `extra` counts filled cells beyond it."""

    number: int
    cells: tuple[str, ...]
    extra: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A readable table. `rows()` may be called again and starts over."""

    filename: str
    encoding: str
    delimiter: str
    sheet: str
    header: tuple[str, ...]
    header_row: int
    records: Callable[[], Iterator[list[str]]]
    limits: Limits

    def rows(self) -> Iterator[Row]:
        """Data rows, empty ones left out. Raises ImportRefused past the limits and where the file breaks."""
        width, count = len(self.header), 0
        for number, record in enumerate(self.records(), start=1):
            if number <= self.header_row or not any(record):
                continue
            cells = tuple(clean(cell) for cell in record)
            if not any(cells):
                continue
            count += 1
            if count > self.limits.rows:
                raise ImportRefused(f"The file has more than {self.limits.rows} rows. Split it into parts.")
            if len(cells) == width:
                yield Row(number, cells)
            elif len(cells) < width:
                yield Row(number, cells + ("",) * (width - len(cells)))
            else:
                yield Row(number, cells[:width], sum(1 for cell in cells[width:] if cell))


def read_table(data: Path | bytes, filename: str = "", *, limits: Limits = DEFAULT_LIMITS) -> Table:
    """Open CSV (any usual encoding and delimiter, also gzip) or XLSX.

    Raises ImportRefused for a file that is too large, is no table, or is built to do harm.
    """
    source = Source(data)
    if source.size_bytes == 0:
        raise ImportRefused("The file is empty.")
    if source.size_bytes > limits.file_bytes:
        next(source.blocks(limits))
    name = filename or (data.name if isinstance(data, Path) else "file")
    if is_workbook(source):
        parsed = parse_workbook(source, limits)
        return _table(name, "xlsx", "", parsed.sheet, parsed.records, limits)
    encoding = detect_encoding(source, limits)
    delimiter = detect_delimiter(source, encoding)
    return _table(name, encoding, delimiter, "", lambda: read_records(source, encoding, delimiter), limits)


def _table(
    filename: str, encoding: str, delimiter: str, sheet: str, records: Callable[[], Iterator[list[str]]], limits: Limits
) -> Table:
    header_row, cells = _find_header(records())
    if len(cells) > limits.columns:
        raise ImportRefused(f"The file has {len(cells)} columns; at most {limits.columns} are taken.")
    return Table(
        filename=filename, encoding=encoding, delimiter=delimiter, sheet=sheet, header=column_names(cells),
        header_row=header_row, records=records, limits=limits,
    )  # fmt: skip


def _find_header(records: Iterator[list[str]]) -> tuple[int, list[str]]:
    """The first row with two filled cells or more; the first filled one in a table of one column."""
    fallback: tuple[int, list[str]] | None = None
    for number, record in enumerate(islice(records, _HEADER_WITHIN), start=1):
        filled = sum(1 for cell in record if clean(cell))
        if filled >= 2:
            return number, record
        if filled and fallback is None:
            fallback = number, record
    if fallback is None:
        raise ImportRefused("The file has no header: its first rows are empty.")
    return fallback


def column_names(cells: list[str]) -> tuple[str, ...]:
    """Header cells as names that are neither empty nor alike: "Column 3", "Qty (2)"."""
    names: list[str] = []
    for position, cell in enumerate(cells, start=1):
        plain = " ".join(clean(cell).split()) or f"Column {position}"
        name, again = plain, 2
        while name in names:
            name, again = f"{plain} ({again})", again + 1
        names.append(name)
    while names and names[-1] == f"Column {len(names)}":
        names.pop()
    return tuple(names)


def clean(cell: str) -> str:
    """A cell without the blanks around it (also no-break ones and byte order marks)."""
    return cell.strip().strip("\ufeff\u200b\xa0").strip()
