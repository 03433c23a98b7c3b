"""Substitutes from a file: the rows of a SKU are all of its substitutes, refused row by row."""

from __future__ import annotations

import pytest

from channels.imports.services import plan
from channels.imports.types import Options
from inventory.models import Sku, Substitute
from tests.channels.imports.conftest import WriteFile, look, run
from tests.factories import make_sku
from tests.kits import make_kit

pytestmark = pytest.mark.django_db

HEADER = "SKU code,Substitute,Choice"


@pytest.fixture(autouse=True)
def catalogue(db: None) -> list[Sku]:
    return [make_sku(code) for code in ("A-1", "B-1", "C-1")]


def stored() -> list[tuple[str, str, int]]:
    rows = Substitute.objects.order_by("sku__code", "rank")
    return list(rows.values_list("sku__code", "substitute__code", "rank"))


def test_the_rows_of_a_sku_are_all_of_its_substitutes_and_again_changes_nothing(write_file: WriteFile) -> None:
    first = write_file(HEADER, "A-1,C-1,2", "B-1,A-1,", "A-1,B-1,1")
    results = [run(first, "substitutes") for _ in range(2)]
    assert stored() == [("A-1", "B-1", 1), ("A-1", "C-1", 2), ("B-1", "A-1", 1)]
    assert [(each.created, each.updated, each.skipped) for each in results] == [(2, 0, 0), (0, 0, 2)]

    second = run(write_file(HEADER, "A-1,C-1,1", name="b.csv"), "substitutes")
    assert (second.updated, stored()) == (1, [("A-1", "C-1", 1), ("B-1", "A-1", 1)])


def test_what_cannot_be_names_row_field_and_what_was_expected(write_file: WriteFile) -> None:
    make_kit("SET-1", (Sku.objects.get(code="A-1"), 1), (Sku.objects.get(code="B-1"), 1))
    path = write_file(HEADER, "A-1,A-1,1", "B-1,NONE,1", "C-1,SET-1,1", "SET-1,C-1,1")
    inspection = look(path, "substitutes")
    found = plan(inspection, inspection.mapping, Options())
    told = {(group.field, group.expected): list(group.rows) for group in found.errors}

    assert told == {
        ("substitute", "another SKU: none stands in for itself"): [2],
        ("substitute", "a SKU of the catalogue"): [3],
        ("substitute", "a single SKU: a kit cannot stand in for one"): [4],
        ("sku", "a single SKU: a kit has no substitutes"): [5],
    }
    run(path, "substitutes")
    assert stored() == []


def test_a_sku_with_a_row_that_cannot_be_read_keeps_what_it_has(write_file: WriteFile) -> None:
    result = run(write_file(HEADER, "A-1,B-1,first", "A-1,C-1,2", "B-1,C-1,1"), "substitutes")

    assert stored() == [("B-1", "C-1", 1)]
    assert result.failed == 2


def test_a_code_that_is_marked_as_text_is_the_same_code_in_a_row_that_cannot_be_read(write_file: WriteFile) -> None:
    run(write_file(HEADER, "A-1,B-1,1", "A-1,C-1,2"), "substitutes")

    run(write_file(HEADER, "'A-1,B-1,first", "'A-1,C-1,2", name="b.csv"), "substitutes")
    assert stored() == [("A-1", "B-1", 1), ("A-1", "C-1", 2)]
