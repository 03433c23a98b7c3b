"""The second step's table: each column of the file, what stands in it, and which of our fields it may be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from channels.imports.matching import REASON_COLUMN
from channels.imports.services import FIELDS
from channels.imports.types import Inspection, Kind

_SAMPLES = 3
_SHOWN = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRow:
    """One column. `source` says where the answer comes from: format, saved, name, similar, or empty for a person."""

    position: int
    column: str
    samples: tuple[str, ...]
    field: str
    field_label: str
    source: str
    score: int
    error: str = ""

    @property
    def name(self) -> str:
        """Name of its select in the form."""
        return f"col-{self.position}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a person said the columns are: field -> column, and what is wrong with it as (id of a field, sentence)."""

    mapping: dict[str, str]
    errors: list[tuple[str, str]]
    doubled: frozenset[str]


def labels_of(kind: Kind) -> dict[str, str]:
    """Field -> what people call it."""
    return {field.name: field.label for field in FIELDS[kind]}


def field_choices(kind: Kind) -> list[tuple[str, list[tuple[str, str]]]]:
    """Our fields for a select, the needed ones first."""
    needed = [(field.name, field.label) for field in FIELDS[kind] if field.required]
    others = [(field.name, field.label) for field in FIELDS[kind] if not field.required]
    return [(_("Needed"), needed), (_("Others"), others)]


def suggested_rows(inspection: Inspection, confirmed: Mapping[str, str] | None) -> list[ColumnRow]:
    """The table as it is first shown: with what was confirmed before, else with the suggestions."""
    by_column = {item.column: item for item in inspection.suggestions}
    said = {column: name for name, column in (confirmed or {}).items()}
    rows = []
    for row in _plain_rows(inspection):
        suggestion = by_column.get(row.column)
        name = said.get(row.column, "") if confirmed is not None else suggestion.field if suggestion else ""
        fits = suggestion is not None and suggestion.field == name
        rows.append(
            _filled(inspection.kind, row, name, source=suggestion.source if suggestion and fits else "",
                    score=suggestion.score if suggestion and fits else 0)
        )  # fmt: skip
    return rows


def posted_rows(inspection: Inspection, data: Mapping[str, str], answer: Answer) -> list[ColumnRow]:
    """The table as a person filled it in, with the doubled fields marked."""
    known = labels_of(inspection.kind)
    rows = []
    for row in _plain_rows(inspection):
        name = data.get(row.name, "")
        error = _("Two columns are named so.") if name in answer.doubled else ""
        rows.append(_filled(inspection.kind, row, name if name in known else "", error=error))
    return rows


def read_answer(inspection: Inspection, data: Mapping[str, str]) -> Answer:
    """The posted columns as a mapping, with a sentence for each field that is doubled or missing."""
    labels = labels_of(inspection.kind)
    rows = _plain_rows(inspection)
    said = [(row, data.get(row.name, "")) for row in rows if data.get(row.name, "") in labels]
    times = Counter(name for _row, name in said)
    doubled = frozenset(name for name, count in times.items() if count > 1)
    errors = [
        (row.name, _("%(field)s is named twice: for the column %(column)s too.")
         % {"field": labels[name], "column": row.column})
        for index, (row, name) in enumerate(said)
        if name in doubled and name in {other for _row, other in said[:index]}
    ]  # fmt: skip
    missing = [field.label for field in FIELDS[inspection.kind] if field.required and field.name not in times]
    if missing:
        first = rows[0].name if rows else "columns"
        errors.append((first, _("No column is named for: %(fields)s.") % {"fields": ", ".join(missing)}))
    return Answer(mapping={name: row.column for row, name in said}, errors=errors, doubled=doubled)


def _plain_rows(inspection: Inspection) -> list[ColumnRow]:
    return [
        ColumnRow(position=position, column=column, samples=_samples(inspection, position), field="", field_label="",
                  source="", score=0)
        for position, column in enumerate(inspection.header)
        if column != REASON_COLUMN
    ]  # fmt: skip


def _samples(inspection: Inspection, position: int) -> tuple[str, ...]:
    """The first different values of a column, shortened."""
    cells = (row.cells[position].strip() for row in inspection.preview if position < len(row.cells))
    values = list(dict.fromkeys(cell for cell in cells if cell))[:_SAMPLES]
    return tuple(value if len(value) <= _SHOWN else f"{value[:_SHOWN]}..." for value in values)


def _filled(kind: Kind, row: ColumnRow, name: str, *, source: str = "", score: int = 0, error: str = "") -> ColumnRow:
    return ColumnRow(
        position=row.position, column=row.column, samples=row.samples, field=name,
        field_label=labels_of(kind).get(name, ""), source=source, score=score, error=error,
    )  # fmt: skip
