"""Which SKUs may stand in for which, from a file: the rows of a SKU are all of its substitutes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from channels.imports.catalogue import SUBSTITUTE_FIELDS
from channels.imports.fields import FieldSet
from channels.imports.kinds.base import Context, Finish, Written, mapped_rows, read_records
from channels.imports.parsers import Unreadable, parse_code
from channels.imports.tables import Table
from channels.imports.types import Counts, Options, Reading, RowIssue, Unit
from inventory.models import MAX_SUBSTITUTES, Sku, Substitute
from inventory.services import set_substitutes
from oms.core.errors import DomainError

_FIELDS = FieldSet(SUBSTITUTE_FIELDS)


@dataclass(frozen=True, slots=True)
class StandInRecord:
    """One row: a SKU, what may stand in for it, and which choice that is, 0 where the file does not say."""

    sku: str
    substitute: str
    choice: int = 0


def _build(values: dict[str, Any], options: Options) -> list[tuple[str, Any]]:
    record = StandInRecord(values["sku"], values["substitute"], values.get("choice", 0))
    return [(f"{record.sku} by {record.substitute}", record)]


class SubstituteHandler:
    """Import of substitutes."""

    chunk_size = 500

    def read(self, table: Table, columns: Mapping[str, str], options: Options) -> Reading:
        """The rows of one SKU are one object: its substitutes by their choice, else as they stand in the file."""
        reading = read_records(table, columns, options, _FIELDS, _build, "substitute")
        found: dict[str, list[Unit]] = {}
        for unit in reading.units:
            found.setdefault(unit.value.sku, []).append(unit)
        # A SKU one of whose rows cannot be read would lose that substitute: all of its rows are refused.
        torn = {_sku_of(cells) for row, cells in mapped_rows(table, columns) if row.number in reading.bad_rows}
        left_out = sorted(row for sku in torn for unit in found.pop(sku, ()) for row in unit.rows)
        issues = [
            RowIssue(row=row, field="sku", got="", expected="a SKU all of whose rows can be read") for row in left_out
        ]
        units = []
        for sku, rows in found.items():
            # A row without a choice stands behind those that have one; equal choices stand as in the file.
            rows.sort(key=lambda unit: (unit.value.choice or MAX_SUBSTITUTES + 1, unit.rows[0]))
            value = tuple((unit.value.substitute, unit.rows[0]) for unit in rows)
            units.append(Unit(key=sku, rows=tuple(sorted(row for unit in rows for row in unit.rows)), value=value))
        return Reading(
            units=tuple(units), issues=(*reading.issues, *issues), rows=reading.rows,
            bad_rows=reading.bad_rows | frozenset(left_out),
        )  # fmt: skip

    def verify(self, units: Sequence[Unit], options: Options) -> list[RowIssue]:
        """SKUs that do not exist, kits on either side, a SKU that stands in for itself, too many."""
        kits = dict(Sku.objects.filter(code__in=_codes(units)).values_list("code", "is_kit"))
        issues: list[RowIssue] = []
        for unit in units:
            if kits.get(unit.key) is not False:
                expected = "a single SKU: a kit has no substitutes" if unit.key in kits else "a SKU of the catalogue"
                issues += [RowIssue(row=row, field="sku", got=unit.key, expected=expected) for row in unit.rows]
            for place, (code, row) in enumerate(unit.value, start=1):
                expected = _fault(unit.key, code, kits)
                if not expected and place > MAX_SUBSTITUTES:
                    expected = f"at most {MAX_SUBSTITUTES} substitutes of a SKU"
                if expected:
                    issues.append(RowIssue(row=row, field="substitute", got=code, expected=expected))
        return issues

    def count(self, units: Sequence[Unit], options: Options) -> Counts:
        """Compare with the substitutes there are."""
        stored = _stored(units)
        new = sum(1 for unit in units if unit.key not in stored)
        same = sum(1 for unit in units if stored.get(unit.key) == [code for code, _ in unit.value])
        return Counts(create=new, update=len(units) - new - same, skip=same)

    def write(self, units: Sequence[Unit], context: Context) -> Written:
        """Each SKU for itself, in the order in which SKUs are locked; what is refused costs the others nothing."""
        ids = dict(Sku.objects.filter(code__in=_codes(units)).values_list("code", "pk"))
        counts, refused = Counts(), []
        for unit in sorted(units, key=lambda unit: ids[unit.key]):
            one = self.count([unit], context.options)
            try:
                with transaction.atomic():  # a savepoint: one refused SKU must not cost the chunk
                    set_substitutes(
                        sku_id=ids[unit.key], substitute_ids=[ids[code] for code, _ in unit.value], actor=context.actor
                    )
            except DomainError as error:
                refused.append(RowIssue(row=unit.rows[0], field="sku", got=unit.key, expected=error.message))
                continue
            counts = counts.plus(one)
        return Written(counts=counts, refused=tuple(refused))

    def finish(self, context: Context, *, until: float | None) -> Finish:
        """Nothing follows."""
        return Finish()


def _sku_of(cells: Mapping[str, str]) -> str:
    """The SKU of a row that cannot be read; empty where not even that can."""
    try:
        return parse_code(cells.get("sku", ""), most=80)
    except Unreadable:
        return ""


def _codes(units: Sequence[Unit]) -> set[str]:
    return {unit.key for unit in units} | {code for unit in units for code, _ in unit.value}


def _fault(sku: str, code: str, kits: Mapping[str, bool]) -> str:
    if code == sku:
        return "another SKU: none stands in for itself"
    if code not in kits:
        return "a SKU of the catalogue"
    return "a single SKU: a kit cannot stand in for one" if kits[code] else ""


def _stored(units: Sequence[Unit]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    rows = Substitute.objects.filter(sku__code__in=[unit.key for unit in units]).order_by("sku_id", "rank")
    for sku, code in rows.values_list("sku__code", "substitute__code"):
        found.setdefault(sku, []).append(code)
    return found
