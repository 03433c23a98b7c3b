"""SKUs from a file. The code identifies; an empty cell or an unmapped column leaves the stored value alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from channels.imports.catalogue import SKU_FIELDS
from channels.imports.fields import FieldSet
from channels.imports.kinds.base import Context, Finish, Written, read_records
from channels.imports.kinds.upsert import Plan, apply_plan, codes, compare
from channels.imports.tables import Table
from channels.imports.types import Counts, Options, Reading, RowIssue, Unit
from channels.services.kits import define_kits
from inventory.models import Barcode, Sku
from inventory.selectors import read_recipes
from inventory.services import ComponentTerms

_FIELDS = FieldSet(SKU_FIELDS)
_COLUMNS = {
    "name": "name", "category": "category", "brand": "brand", "weight": "weight_grams", "length": "length_mm",
    "width": "width_mm", "height": "height_mm", "hsn": "hsn", "tax_rate": "tax_rate_bp", "price": "price_minor",
    "cost": "cost_minor", "is_active": "is_active", "needs": "needs",
}  # fmt: skip
OPTION_NAMES = ("size", "color", "style")


@dataclass(frozen=True, slots=True)
class SkuRecord:
    """Columns of the SKU that the file states, its barcodes, and what it is assembled from where it is a kit.

    `in_file` are those of its components that the file states as well.
    """

    values: dict[str, Any]
    barcodes: tuple[str, ...] = ()
    components: tuple[tuple[str, int], ...] = ()
    in_file: frozenset[str] = frozenset()


def sku_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by field name as columns of the model; size, colour and style become options."""
    columns = {column: values[name] for name, column in _COLUMNS.items() if name in values}
    options = {name: values[name] for name in OPTION_NAMES if name in values}
    return columns | ({"options": options} if options else {})


def _record(values: Mapping[str, Any]) -> SkuRecord:
    return SkuRecord(sku_values(values), values.get("barcodes", ()), values.get("components", ()))


def _build(values: dict[str, Any], options: Options) -> list[tuple[str, Any]]:
    return [(values["code"], _record(values))]


def create_skus(records: Mapping[str, Mapping[str, Any]]) -> None:
    """Make these SKUs; the name is the code where none is given."""
    apply_plan(Sku, {}, Plan(create={code: dict(values) for code, values in records.items()}),
               {code: {"name": code} for code in records})  # fmt: skip


class SkuHandler:
    """Import of SKUs."""

    chunk_size = 1000

    def read(self, table: Table, columns: Mapping[str, str], options: Options) -> Reading:
        """One row is one SKU; two rows may not claim one barcode. Kits come after the other units."""
        reading = read_records(table, columns, options, _FIELDS, _build, "code")
        owners: dict[str, Unit] = {}
        issues: list[RowIssue] = []
        refused: set[str] = set()
        for unit in reading.units:
            for barcode in unit.value.barcodes:
                first = owners.setdefault(barcode, unit)
                if first.key != unit.key:
                    refused |= {first.key, unit.key}
                    expected = f"a barcode of one SKU; {first.key} has it too"
                    issues.append(RowIssue(row=unit.rows[0], field="barcodes", got=barcode, expected=expected))
                    expected = f"a barcode of one SKU; {unit.key} has it too"
                    issues.append(RowIssue(row=first.rows[0], field="barcodes", got=barcode, expected=expected))
        bad = {row for unit in reading.units if unit.key in refused for row in unit.rows}
        return Reading(
            units=_kits_last([unit for unit in reading.units if unit.key not in refused]),
            issues=(*reading.issues, *dict.fromkeys(issues)),
            rows=reading.rows,
            bad_rows=reading.bad_rows | bad,
        )

    def verify(self, units: Sequence[Unit], options: Options) -> list[RowIssue]:
        """Barcodes that belong to another SKU, and components that are no SKU."""
        wanted = {barcode: unit for unit in units for barcode in unit.value.barcodes}
        taken = Barcode.objects.filter(code__in=list(wanted)).values_list("code", "sku__code")
        return [
            RowIssue(row=wanted[barcode].rows[0], field="barcodes", got=barcode,
                     expected=f"a barcode that is free; {owner} has it")
            for barcode, owner in taken if owner != wanted[barcode].key
        ] + self._unknown_components(units)  # fmt: skip

    def _unknown_components(self, units: Sequence[Unit]) -> list[RowIssue]:
        named = {code for unit in units for code, _ in unit.value.components}
        known = set(Sku.objects.filter(code__in=list(named)).values_list("code", flat=True)) if named else set()
        expected = "SKUs of the catalogue or of this file"
        return [
            RowIssue(row=unit.rows[0], field="components", got=code, expected=expected)
            for unit in units for code, _ in unit.value.components if code not in known | unit.value.in_file
        ]  # fmt: skip

    def count(self, units: Sequence[Unit], options: Options) -> Counts:
        """Compare with the catalogue."""
        plan, existing, new_barcodes = self._plan(units)
        more = (new_barcodes.keys() | _changed_recipes(units, existing)) - plan.create.keys() - plan.update.keys()
        counts = plan.counts
        return Counts(create=counts.create, update=counts.update + len(more), skip=counts.skip - len(more))

    def write(self, units: Sequence[Unit], context: Context) -> Written:
        """Create and change in a few statements."""
        plan, existing, new_barcodes = self._plan(units)
        counts = self.count(units, context.options)
        apply_plan(Sku, existing, plan, {code: {"name": code} for code in plan.create})
        ids = dict(Sku.objects.filter(code__in=list(new_barcodes)).values_list("code", "pk"))
        rows = [Barcode(sku_id=ids[code], code=text) for code in sorted(new_barcodes) for text in new_barcodes[code]]
        Barcode.objects.bulk_create(rows, ignore_conflicts=True)
        return Written(counts=counts, refused=tuple(_define_kits(units, context)))

    def finish(self, context: Context, *, until: float | None) -> Finish:
        """Nothing follows."""
        return Finish()

    def _plan(self, units: Sequence[Unit]) -> tuple[Plan, dict[str, Sku], dict[str, list[str]]]:
        existing = {sku.code: sku for sku in Sku.objects.filter(code__in=codes(units)).order_by("code")}
        plan = compare(existing, {unit.key: unit.value.values for unit in units})
        stored = set(
            Barcode.objects.filter(code__in=[b for unit in units for b in unit.value.barcodes]).values_list(
                "code", flat=True
            )
        )
        new = {unit.key: [b for b in unit.value.barcodes if b not in stored] for unit in units}
        return plan, existing, {code: barcodes for code, barcodes in new.items() if barcodes}


def _kits_last(units: Sequence[Unit]) -> tuple[Unit, ...]:
    """In file order, but kits after all that they may be assembled from: chunks are written one after the other."""
    keys = {unit.key for unit in units}
    kits = [
        replace(unit, value=replace(unit.value, in_file=frozenset(dict(unit.value.components)) & keys))
        for unit in units if unit.value.components
    ]  # fmt: skip
    return (*(unit for unit in units if not unit.value.components), *kits)


def _changed_recipes(units: Sequence[Unit], existing: Mapping[str, Sku]) -> set[str]:
    """Codes of the SKUs there are that are assembled from something else than the file says."""
    wanted = {unit.key: unit.value.components for unit in units if unit.value.components and unit.key in existing}
    if not wanted:
        return set()
    recipes = read_recipes([existing[code].pk for code in wanted])
    stored = {recipe.code: [(one.code, one.quantity) for one in recipe.components] for recipe in recipes.values()}
    return {code for code, parts in wanted.items() if sorted(stored.get(code, [])) != sorted(parts)}


def _define_kits(units: Sequence[Unit], context: Context) -> list[RowIssue]:
    """Write the recipes that differ; those that cannot be."""
    kits = {unit.key: unit for unit in units if unit.value.components}
    if not kits:
        return []
    named = {code for unit in kits.values() for code, _ in unit.value.components}
    skus = {sku.code: sku for sku in Sku.objects.filter(code__in=[*kits, *named])}
    recipes: dict[int, list[ComponentTerms]] = {}
    refused: list[RowIssue] = []
    for code in sorted(_changed_recipes(list(kits.values()), skus)):
        missing = [part for part, _ in kits[code].value.components if part not in skus]
        if missing:
            refused.append(_refused(kits[code], f"There is no SKU {missing[0]}: its own row was refused."))
        else:
            recipes[skus[code].pk] = [ComponentTerms(skus[part].pk, count) for part, count in
                                      kits[code].value.components]  # fmt: skip
    codes_of = {sku.pk: code for code, sku in skus.items()}
    errors = define_kits(recipes=recipes, actor=context.actor) if recipes else {}
    return refused + [_refused(kits[codes_of[pk]], error.message) for pk, error in errors.items()]


def _refused(unit: Unit, why: str) -> RowIssue:
    got = " | ".join(f"{part} x {count}" for part, count in unit.value.components)
    return RowIssue(row=unit.rows[0], field="components", got=got, expected=why)
