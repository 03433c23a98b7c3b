"""Confirmations of a WMS as a CSV file: rows with the same event are one, and whatever is wrong names its row."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fulfillment.services.hand_off_answers import KINDS, Confirmation
from fulfillment.services.hand_off_work import Left, PackedBox, Part
from fulfillment.services.picking import SHORT_REASONS

REQUIRED = ("event", "kind", "work", "version")
COLUMNS = (
    *REQUIRED, "reason", "line_id", "sku", "quantity", "lot", "serials", "box", "weight_grams", "length_mm",
    "width_mm", "height_mm", "awb", "carrier",
)  # fmt: skip
MOST_ROWS = 1_000
MOST_BYTES = 2 * 1024 * 1024
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
#: Characters of a cell; of serial numbers there may be many in one.
_LONGEST, _LONGEST_SERIALS = 500, 20_000
_NUMBERS = ("version", "line_id", "quantity", "weight_grams", "length_mm", "width_mm", "height_mm")
_WITH_UNITS = ("pick", "short", "pack")
_SIDES = {"length_mm": 300, "width_mm": 220, "height_mm": 80}


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong in one row; row 1 is that of the column names."""

    row: int
    field: str
    came: str
    expected: str


@dataclass(frozen=True, slots=True)
class ReadFile:
    """What a file says, event by event with the row where each begins; or what is wrong, and then nothing is said."""

    said: Sequence[tuple[int, Confirmation]]
    errors: Sequence[RowError]


Row = Mapping[str, str]


def read_confirmations(raw: bytes) -> ReadFile:
    """Read a file. Nothing of it is taken where any row cannot be read."""
    if len(raw) > MOST_BYTES:
        return ReadFile([], [RowError(1, "file", f"{len(raw)} bytes", f"at most {MOST_BYTES}")])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        came = "UTF-16" if raw[:2] in _UTF_16 else f"the byte 0x{raw[error.start]:02x}"
        return ReadFile([], [RowError(raw.count(b"\n", 0, error.start) + 1, "file", came, "CSV in UTF-8")])
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        names = [(name or "").strip().lower() for name in reader.fieldnames or ()]
        reader.fieldnames = names
        read = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        return ReadFile([], [RowError(max(1, reader.reader.line_num), "file", str(error)[:120], "CSV in UTF-8")])
    if len(names) == 1 and (apart := next((sign for sign in ";\t|" if sign in names[0]), "")):
        return ReadFile([], [RowError(1, "file", f"columns apart by {apart!r}", "columns apart by commas")])
    wrong = [
        RowError(1, name, "no such column", f"one of {', '.join(COLUMNS)}") for name in names if name not in COLUMNS
    ]
    wrong += [RowError(1, name, "nothing", "this column") for name in REQUIRED if name not in names]
    wrong += [RowError(1, name, "twice", "each column once") for name in dict.fromkeys(names) if names.count(name) > 1]
    # What is behind the last column stands under None: a comma that is not quoted moves all that follows it.
    wrong += [
        RowError(number, "file", f"{len(names) + len(row[None])} cells", f"{len(names)}: quote texts that hold a comma")
        for number, row in read if any(row.get(None) or ())
    ]  # fmt: skip
    rows = [(number, {name: (row[name] or "").strip() for name in names if name in row}) for number, row in read]
    if not wrong and not 1 <= len(rows) <= MOST_ROWS:
        wrong.append(RowError(1, "file", f"{len(rows)} rows", f"1 to {MOST_ROWS} below the column names"))
    if wrong:
        return ReadFile([], wrong)
    return _events(rows)


def _events(rows: Sequence[tuple[int, Row]]) -> ReadFile:
    errors: list[RowError] = []
    groups: dict[str, list[tuple[int, Row]]] = {}
    for number, row in rows:
        errors += _wrong(number, row)
        groups.setdefault(row.get("event", ""), []).append((number, row))
    for event, some in groups.items():
        first = some[0][1]
        errors += [
            RowError(number, name, row.get(name, ""), f"{first.get(name, '')}, as in the other rows of {event}")
            for number, row in some[1:] for name in ("kind", "work", "version") if row.get(name) != first.get(name)
        ]  # fmt: skip
    if errors:
        return ReadFile([], sorted(errors, key=lambda error: error.row))
    return ReadFile(
        [(some[0][0], _confirmation(event, [row for _, row in some])) for event, some in groups.items()], []
    )


def _wrong(number: int, row: Row) -> list[RowError]:
    kind = row.get("kind", "")
    known: dict[str, tuple[tuple[str, ...], str]] = {"kind": (KINDS, "one of " + ", ".join(KINDS))}
    if kind == "short":
        known["reason"] = (tuple(SHORT_REASONS), "one of " + ", ".join(SHORT_REASONS))
    found = [RowError(number, name, "nothing", "a value") for name in REQUIRED if not row.get(name)]
    found += [
        RowError(number, name, row.get(name, "") or "nothing", words)
        for name, (values, words) in known.items() if row.get(name) not in values and (name != "kind" or kind)
    ]  # fmt: skip
    found += [
        RowError(number, name, row[name], "a whole number of 0 or more")
        for name in _NUMBERS if row.get(name) and not _is_number(row[name])
    ]  # fmt: skip
    for name, text in row.items():
        longest = _LONGEST_SERIALS if name == "serials" else _LONGEST
        if "\x00" in text:
            found.append(RowError(number, name, "a NUL (U+0000)", "text without it"))
        if len(text) > longest:
            found.append(RowError(number, name, f"{len(text)} characters", f"at most {longest}"))
    if kind in _WITH_UNITS and not (row.get("line_id") or row.get("sku")):
        found.append(RowError(number, "sku", "nothing", "a SKU, or a line_id"))
    if kind in _WITH_UNITS and not row.get("quantity"):
        found.append(RowError(number, "quantity", "nothing", "units, 1 or more"))
    if kind == "pack" and not row.get("box"):
        found.append(RowError(number, "box", "nothing", "your own name for the box"))
    return found


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10


def _confirmation(event: str, rows: Sequence[Row]) -> Confirmation:
    first = rows[0]
    kind = first["kind"]
    raw: dict[str, Any] = {"rows": [{name: text for name, text in row.items() if text} for row in rows]}
    parts = tuple(map(_part, rows)) if kind in ("pick", "short") else ()
    return Confirmation(
        event_id=event, kind=kind, work=first["work"], version=int(first["version"]), raw=raw, parts=parts,
        reason=first.get("reason", ""), boxes=_boxes(rows) if kind == "pack" else (),
        left=tuple(_left(row) for row in rows) if kind == "ship" else (),
    )  # fmt: skip


def _part(row: Row) -> Part:
    quantity = int(row["quantity"])
    return Part(
        quantity=quantity, line_id=int(row["line_id"]) if row.get("line_id") else None, sku=row.get("sku", ""),
        lots=((row["lot"], quantity),) if row.get("lot") else (), serials=tuple(row.get("serials", "").split()),
        reason=row.get("reason", ""),
    )  # fmt: skip


def _boxes(rows: Sequence[Row]) -> tuple[PackedBox, ...]:
    """Rows of the same box are its contents; its weight and sides stand in the first of them that has any."""
    named: dict[str, list[Row]] = {}
    for row in rows:
        named.setdefault(row["box"], []).append(row)

    def first(some: Sequence[Row], name: str, otherwise: int) -> int:
        return next((int(row[name]) for row in some if row.get(name)), otherwise)

    return tuple(
        PackedBox(ref=ref, parts=tuple(map(_part, some)), weight_grams=first(some, "weight_grams", 0),
                  **{name: first(some, name, usual) for name, usual in _SIDES.items()})
        for ref, some in named.items()
    )  # fmt: skip


def _left(row: Row) -> Left:
    return Left(ref=row.get("box", ""), awb=row.get("awb", ""), carrier=row.get("carrier", ""))


def sample_rows() -> list[list[str]]:
    """A file to begin with: its columns, and a pack and a departure."""
    said: list[dict[str, str]] = [
        {"event": "E-1", "kind": "pack", "work": "OM-100231-1", "version": "1", "sku": "KURTA-M", "quantity": "2",
         "box": "B1", "weight_grams": "900", "length_mm": "300", "width_mm": "220", "height_mm": "80"},
        {"event": "E-2", "kind": "ship", "work": "OM-100231-1", "version": "1", "box": "B1", "awb": "14112233445566",
         "carrier": "Bluedart"},
    ]  # fmt: skip
    return [list(COLUMNS), *([row.get(name, "") for name in COLUMNS] for row in said)]
