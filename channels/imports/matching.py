"""Which column is which: by known names first, then by likeness, always as a suggestion with its score."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence

from rapidfuzz import fuzz

from channels.imports.fields import Field
from channels.imports.types import Suggestion

#: Column of the rejected rows that says why; ignored when they are uploaded again.
REASON_COLUMN = "Import reason"

_WORDS = re.compile(r"[^a-z0-9]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
#: Likeness (0 to 100) below which a column is not even suggested.
_LIKE = 80
_EXACT, _SYNONYM = 100, 95


def normalise(name: str) -> str:
    """A header cell as words: "Order-ID" and "orderId" become "order id"."""
    return _WORDS.sub(" ", _CAMEL.sub(" ", name).lower()).strip()


def fingerprint(header: Sequence[str]) -> str:
    """The same for every file with the same columns, whatever their order and case, corrected rejects included."""
    names = sorted(normalise(name) for name in header if name != REASON_COLUMN)
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def suggest(fields: Sequence[Field], header: Sequence[str]) -> tuple[Suggestion, ...]:
    """At most one column for a field and one field for a column, best scores first."""
    candidates = [
        Suggestion(field=field.name, column=column, score=score, source="name" if score >= _SYNONYM else "similar")
        for field in fields
        for column in header
        if (score := _score(field, column)) >= _LIKE
    ]
    order = {field.name: position for position, field in enumerate(fields)}
    candidates.sort(key=lambda item: (-item.score, order[item.field], header.index(item.column)))
    taken_fields: set[str] = set()
    taken_columns: set[str] = set()
    best: list[Suggestion] = []
    for item in candidates:
        if item.field not in taken_fields and item.column not in taken_columns:
            best.append(item)
            taken_fields.add(item.field)
            taken_columns.add(item.column)
    return tuple(best)


def _score(field: Field, column: str) -> int:
    words = normalise(column)
    if not words:
        return 0
    if words in {normalise(field.name), normalise(field.label)}:
        return _EXACT
    if words in field.synonyms:
        return _SYNONYM
    names = (normalise(field.name), normalise(field.label), *field.synonyms)
    # Short names are alike by chance ("pin" and "in"), so they count only when they are equal.
    return min(_SYNONYM - 1, round(max(fuzz.ratio(words, name) if len(name) > 3 else 0 for name in names)))


def apply(columns: Mapping[str, str], header: Sequence[str]) -> dict[str, int]:
    """Field -> position of its column; columns that this file does not have are left out."""
    by_name = {normalise(name): position for position, name in enumerate(header)}
    exact = {name: position for position, name in enumerate(header)}
    found: dict[str, int] = {}
    for field, column in columns.items():
        position = exact.get(column, by_name.get(normalise(column)))
        if position is not None:
            found[field] = position
    return found
