"""Kits from a file of SKUs, and stock files that name kits."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from channels.imports.checking import rejected_rows
from channels.imports.kinds.skus import SkuHandler
from channels.imports.services import plan
from channels.imports.types import Options
from inventory.models import Sku, StockLevel
from inventory.services import OpeningRow, set_opening_stock
from oms.core.errors import DomainError
from tests.channels.imports.conftest import WriteFile, look, run
from tests.factories import make_node

pytestmark = pytest.mark.django_db

SETS = ("SKU Code,Name,Components", "TEA,Tea,", "CUP,Cup,", "SET,Tea set,TEA x 2 | CUP")


def recipe(code: str) -> list[tuple[str, int]]:
    parts = Sku.objects.get(code=code).components.order_by("component__code")
    return [(part.component.code, part.quantity) for part in parts]


def test_a_column_of_components_makes_kits_once(write_file: WriteFile) -> None:
    path = write_file(*SETS)
    assert run(path, "skus").created == 3
    assert (Sku.objects.get(code="SET").is_kit, recipe("SET")) == (True, [("CUP", 1), ("TEA", 2)])

    again = run(write_file(*SETS, "CUP,Cup,"), "skus")
    assert (again.created, again.updated, again.skipped) == (0, 0, 3)
    changed = run(write_file("SKU Code,Components", "SET,TEA*3|CUP:1"), "skus")
    assert (changed.updated, changed.skipped, recipe("SET")) == (1, 0, [("CUP", 1), ("TEA", 3)])
    # An empty cell leaves the recipe alone.
    run(write_file("SKU Code,Name,Components", "SET,Gift set,"), "skus")
    assert recipe("SET") == [("CUP", 1), ("TEA", 3)]


def test_components_that_cannot_be_are_refused_with_their_row(write_file: WriteFile) -> None:
    run(write_file(*SETS), "skus")
    unknown = run(write_file("SKU Code,Name,Components", "BOX,Box,NOPE x 2"), "skus")
    assert [(group.field, group.expected) for group in unknown.errors] == [
        ("components", "SKUs of the catalogue or of this file")
    ]

    result = run(write_file("SKU Code,Name,Components", "BOX,Box,SET x 1 | TEA"), "skus")
    assert result.failed == 1
    assert "SET is a kit itself" in result.errors[0].expected
    assert recipe("BOX") == []


@pytest.mark.parametrize("lines", [
    ("SET,Tea set,TEA x 2 | CUP", "A,A,", "B,B,", "C,C,", "TEA,Tea,", "CUP,Cup,"),
    ("TEA,Tea,", "CUP,Cup,", "A,A,", "B,B,", "C,C,", "SET,Tea set,TEA x 2 | CUP"),
])  # fmt: skip
def test_components_may_stand_far_before_their_kit_or_after_it(
    write_file: WriteFile, monkeypatch: pytest.MonkeyPatch, lines: tuple[str, ...]
) -> None:
    monkeypatch.setattr(SkuHandler, "chunk_size", 2)
    path = write_file("SKU Code,Name,Components", *lines)
    inspection = look(path, "skus")
    check = plan(inspection, inspection.mapping, Options())
    assert (check.create, check.errors) == (6, ())
    assert rejected_rows(inspection, inspection.mapping, Options()).count(b"\n") == 1

    result = run(path, "skus")
    assert (result.created, result.failed, recipe("SET")) == (6, 0, [("CUP", 1), ("TEA", 2)])


def test_a_component_whose_own_row_was_refused_is_named_at_the_row_of_the_kit(
    write_file: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SkuHandler, "chunk_size", 2)
    run(write_file("SKU Code,Name,Barcodes", "OLD,Old,890100"), "skus")
    path = write_file("SKU Code,Name,Components,Barcodes", "SET,Set,TEA x 2,", "A,A,,", "B,B,,", "TEA,Tea,,890100")
    result = run(path, "skus")
    assert [(group.field, group.expected) for group in result.errors] == [
        ("components", "There is no SKU TEA: its own row was refused."),
        ("barcodes", "a barcode that is free; OLD has it"),
    ]
    assert recipe("SET") == []


def test_kits_of_a_chunk_lock_skus_and_listings_in_one_go_each(write_file: WriteFile) -> None:
    run(write_file("SKU Code,Name", "TEA,Tea", "CUP,Cup"), "skus")
    with CaptureQueriesContext(connection) as queries:
        result = run(write_file("SKU Code,Name,Components", "S-1,S,TEA", "S-2,S,CUP", "S-3,S,CUP | TEA"), "skus")
    locks = [row["sql"] for row in queries if "FOR NO KEY UPDATE" in (row["sql"] or "")]
    assert result.created == 3
    assert len([sql for sql in locks if 'FROM "channels_listing"' in sql]) == 1
    first = next(sql for sql in locks if 'FROM "inventory_sku"' in sql)
    ids = Sku.objects.order_by("pk").values_list("pk", flat=True)
    assert all(str(pk) in first for pk in ids)


def test_kits_have_no_stock_to_import(write_file: WriteFile) -> None:
    run(write_file(*SETS), "skus")
    node = make_node("dc-1", city="Pune", postcode="411001")
    result = run(write_file("SKU,Node,On hand", "SET,dc-1,5", "TEA,dc-1,5"), "stock")
    assert (result.created, result.failed) == (1, 1)
    with pytest.raises(DomainError, match="SET is a kit and has no stock of its own"):
        set_opening_stock(rows=[OpeningRow(Sku.objects.get(code="SET").pk, node.pk, 5)], op_key="x", actor="test")
    assert list(StockLevel.objects.values_list("sku__code", flat=True)) == ["TEA"]
