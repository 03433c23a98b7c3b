"""The first look at a file: what it is, and which column is probably which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

from channels.adapters.files.format import OrderFormat
from channels.adapters.files.registry import detect_format
from channels.imports.catalogue import FIELDS
from channels.imports.limits import DEFAULT_LIMITS, Limits
from channels.imports.matching import REASON_COLUMN, apply, fingerprint, suggest
from channels.imports.moments import prove_date_order
from channels.imports.saved import find_mapping
from channels.imports.sources import Source
from channels.imports.tables import Row, Table, read_table
from channels.imports.types import DateOrder, Inspection, Kind, PreviewRow, Suggestion
from channels.models import ImportMapping

PREVIEW_ROWS = 10
_DATE_SAMPLE = 2000


def inspect_table(path: Path, *, kind: Kind, filename: str, limits: Limits = DEFAULT_LIMITS) -> Inspection:
    """Read the header, count the rows, suggest the columns. Raises ImportRefused."""
    table = read_table(path, filename, limits=limits)
    header = tuple(name for name in table.header if name != REASON_COLUMN)
    rows = table.rows()
    sample = list(islice(rows, _DATE_SAMPLE))
    count = len(sample) + sum(1 for _ in rows)
    format = detect_format(header) if kind == "orders" else None
    saved = find_mapping(kind, header)
    suggestions = _suggestions(kind, header, format, saved)
    mapping = {item.field: item.column for item in suggestions}
    used = set(mapping.values()) | (set(format.columns.values()) if format is not None else set())
    required = [] if format is not None else [field.name for field in FIELDS[kind] if field.required]
    return Inspection(
        kind=kind,
        path=path,
        filename=filename or path.name,
        sha256=Source(path).sha256(),
        size_bytes=path.stat().st_size,
        encoding=table.encoding,
        delimiter=table.delimiter,
        sheet=table.sheet,
        header=table.header,
        fingerprint=fingerprint(header),
        rows=count,
        preview=tuple(PreviewRow(number=row.number, cells=row.cells) for row in sample[:PREVIEW_ROWS]),
        format_code=format.code if format is not None else "",
        format_name=format.name if format is not None else "",
        suggestions=suggestions,
        mapping=mapping,
        saved_mapping=saved.name if saved is not None else "",
        saved_options=dict(saved.options) if saved is not None else {},
        unmapped=tuple(name for name in header if name not in used),
        missing=tuple(name for name in required if name not in mapping),
        date_order=_date_order(kind, table, mapping, sample),
    )


def _suggestions(
    kind: Kind, header: Sequence[str], format: OrderFormat | None, saved: ImportMapping | None
) -> tuple[Suggestion, ...]:
    if format is not None:
        columns = {name: column for name, column in format.columns.items() if not name.startswith("_")}
        return _certain(columns, header, from_saved=False)
    if saved is not None:
        return _certain(saved.columns, header, from_saved=True)
    return suggest(FIELDS[kind], header)


def _certain(columns: Mapping[str, str], header: Sequence[str], *, from_saved: bool) -> tuple[Suggestion, ...]:
    return tuple(
        Suggestion(field=name, column=header[position], score=100, source="saved" if from_saved else "format")
        for name, position in apply(columns, header).items()
    )


def _date_order(kind: Kind, table: Table, mapping: Mapping[str, str], sample: Sequence[Row]) -> DateOrder:
    dates = {field.name for field in FIELDS[kind] if field.is_date}
    positions = apply({name: column for name, column in mapping.items() if name in dates}, table.header)
    return prove_date_order(row.cells[position] for row in sample for position in positions.values())
