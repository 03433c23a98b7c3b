"""What each kind of import can do, and the reading of plain records that three of them share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from channels.imports.fields import FieldSet
from channels.imports.matching import apply
from channels.imports.tables import Row, Table
from channels.imports.types import Counts, Options, Reading, RowIssue, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a chunk is written under. `fingerprint` names the file with its mapping and options, for ever."""

    options: Options
    actor: str
    fingerprint: str
    job_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What one chunk did; `refused` are rows that only the database could refuse."""

    counts: Counts
    refused: tuple[RowIssue, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """What became of it after the last chunk, for kinds that go on."""

    captured: int = 0
    quarantined: int = 0
    waiting: int = 0
    errors: tuple[RowIssue, ...] = field(default_factory=tuple)


class Handler(Protocol):
    """One kind of import."""

    chunk_size: int

    def read(self, table: Table, columns: Mapping[str, str], options: Options) -> Reading:
        """Every row validated by itself and against the others; touches no database."""
        ...

    def verify(self, units: Sequence[Unit], options: Options) -> list[RowIssue]:
        """What only the database knows to be wrong: an unknown SKU, a barcode of another one."""
        ...

    def count(self, units: Sequence[Unit], options: Options) -> Counts:
        """What writing these units would do."""
        ...

    def write(self, units: Sequence[Unit], context: Context) -> Written:
        """Write one chunk inside the caller's transaction. Writing it again changes nothing."""
        ...

    def finish(self, context: Context, *, until: float | None) -> Finish:
        """Called after the last chunk, outside of any transaction; again while it reports something waiting.

        `until` is a moment of `time.monotonic` to work to; None leaves the rest to the workers.
        """
        ...


def mapped_rows(table: Table, columns: Mapping[str, str]) -> Iterator[tuple[Row, dict[str, str]]]:
    """Rows with their cells by our field names."""
    positions = apply(columns, table.header)
    for row in table.rows():
        yield row, {name: row.cells[position] for name, position in positions.items()}


def overlong(row: Row) -> RowIssue:
    """A row with filled cells beyond the header: a delimiter stands inside a cell, and everything may be shifted."""
    return RowIssue(row=row.number, field="row", got=f"{row.extra} cells too many", expected="as many as the header")


Build = Callable[[dict[str, Any], Options], list[tuple[str, Any]]]


def read_records(
    table: Table,
    columns: Mapping[str, str],
    options: Options,
    fields: FieldSet,
    build: Build,
    key_field: str,
    name: Callable[[str], str] = str,
) -> Reading:
    """Rows that are each one record (or several). `build` turns values into (key, value) pairs, or raises Unreadable.

    The same record twice is a warning; two different ones under one key are refused, both, because nothing says which
    of them is right. `name` shortens a key to what people know it by.
    """
    issues: list[RowIssue] = []
    found: dict[str, tuple[list[int], Any]] = {}
    contested: set[str] = set()
    bad: set[int] = set()
    count = 0
    for row, cells in mapped_rows(table, columns):
        count += 1
        values, wrong = fields.read(cells, options, row.number)
        if row.extra:
            wrong.append(overlong(row))
        pairs = build(values, options) if not wrong else []
        if wrong:
            issues += wrong
            bad.add(row.number)
        for key, value in pairs:
            known = found.setdefault(key, ([], value))
            known[0].append(row.number)
            if known[1] != value:
                contested.add(key)
    issues += _duplicates(found, contested, key_field, bad, name)
    units = tuple(
        Unit(key=key, rows=tuple(rows), value=value) for key, (rows, value) in found.items() if key not in contested
    )
    return Reading(units=units, issues=tuple(issues), rows=count, bad_rows=frozenset(bad))


def _duplicates(
    found: Mapping[str, tuple[list[int], Any]],
    contested: set[str],
    key_field: str,
    bad: set[int],
    name: Callable[[str], str],
) -> list[RowIssue]:
    issues: list[RowIssue] = []
    for key, (rows, _) in found.items():
        if key in contested:
            others = ", ".join(str(number) for number in rows[:5])
            expected = "one row, or equal ones"
            issues += [
                RowIssue(row=number, field=key_field, got=f"{name(key)} (rows {others})", expected=expected)
                for number in rows
            ]
            bad.update(rows)
        elif len(rows) > 1:
            expected = "each only once; equal rows are taken as one"
            issues += [
                RowIssue(row=number, field=key_field, got=name(key), expected=expected, warning=True)
                for number in rows[1:]
            ]
    return list(dict.fromkeys(issues))
