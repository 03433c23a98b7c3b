"""The planted bugs stay plantable: each fits the code of today, names tests that exist, and stands in the documents."""

from __future__ import annotations

import ast
from functools import cache

import pytest
from django.db import connection

from oms.embedded.state import CHECKOUT
from tests.planted.bugs import FAMILIES, PatchError, Plant, plant_into, read_plant, read_plants
from tests.planted.runs import Outcome, outcomes
from tests.planted.tables import markdown, missing_families

PLANTS = read_plants()
each_plant = pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)


@cache
def functions_of(path: str) -> frozenset[str]:
    """Names of the functions of a file."""
    tree = ast.parse((CHECKOUT / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@each_plant
def test_a_patch_fits_the_code_and_leaves_code(plant: Plant) -> None:
    sound = {path: (CHECKOUT / path).read_text(encoding="utf-8") for path in plant.paths}

    planted = plant_into(plant, sound)

    for path, text in planted.items():
        assert text != sound[path]
        ast.parse(text)


@each_plant
def test_its_tests_exist(plant: Plant) -> None:
    for test in plant.caught_by:
        path, _, name = test.partition("::")
        assert name.partition("[")[0] in functions_of(path), test


@pytest.mark.django_db
def test_the_walls_exist() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT conname FROM pg_constraint WHERE contype = 'c'")
        there = {row[0] for row in cursor.fetchall()}

    assert {wall for plant in PLANTS for wall in plant.walls} - there == set()


def test_every_family_is_planted_and_those_of_overselling_without_their_walls_too() -> None:
    walled = {plant.family for plant in PLANTS if plant.walls}

    assert missing_families(PLANTS) == []
    assert {"B1", "B4", "B6", "B7", "B12", "B14", "B17"} <= walled <= set(FAMILIES)


def test_the_table_of_the_documents_is_that_of_the_patches() -> None:
    text = (CHECKOUT / "docs" / "planted-bugs.md").read_text(encoding="utf-8")

    assert markdown(PLANTS) in text, "put in what `make planted-bugs ARGS=--table` prints"


PATCH = """Bug: B6
Title: Two lines
Planted: each line
  sees everything.
Breaks: More is sold than is there.
Caught by:
  tests/test_a.py::test_one
  tests/test_a.py::test_two[x]
Walls: never_below_zero

--- a/shop/stock.py
+++ b/shop/stock.py
@@ -10,3 +10,3 @@
 def fits(line):
-    return line <= left
+    return line <= there
"""
CODE = "left = 1\n\n\ndef fits(line):\n    return line <= left\n"


def test_a_patch_is_read_with_its_story() -> None:
    plant = read_plant("B06-two-lines", PATCH)

    assert (plant.family, plant.title, plant.planted) == ("B6", "Two lines", "each line sees everything.")
    assert plant.caught_by == ("tests/test_a.py::test_one", "tests/test_a.py::test_two[x]")
    assert (plant.walls, plant.paths, plant.shipped) == (("never_below_zero",), ["shop/stock.py"], "medusa#16502")


def test_a_patch_finds_its_place_wherever_it_has_moved() -> None:
    plant = read_plant("B06-two-lines", PATCH)

    assert plant_into(plant, {"shop/stock.py": CODE})["shop/stock.py"] == CODE.replace("<= left", "<= there")


@pytest.mark.parametrize("code", [CODE.replace("<=", "<"), CODE + CODE])
def test_a_patch_that_fits_nowhere_or_twice_says_so(code: str) -> None:
    with pytest.raises(PatchError, match="B06-two-lines: part 1 fits shop/stock.py"):
        plant_into(read_plant("B06-two-lines", PATCH), {"shop/stock.py": code})


@pytest.mark.parametrize(
    "text",
    [PATCH.replace("Bug: B6", "Bug: B99"), PATCH.replace("Breaks:", "  and"), PATCH.partition("---")[0], "\nx" + PATCH],
)
def test_a_patch_without_its_story_is_refused(text: str) -> None:
    with pytest.raises(PatchError):
        read_plant("B06-two-lines", text)


def test_a_report_tells_failures_from_errors_and_what_was_skipped() -> None:
    case = '<testcase classname="tests.a.test_b" name="test_{}">{}</testcase>'
    cases = case.format("one", "") + case.format("two[x]", '<failure message="assert 1 == 2">at</failure>')
    cases += case.format("three", '<error message="failed on setup">at</error>') + case.format("four", "<skipped />")

    assert outcomes(f"<testsuites><testsuite>{cases}</testsuite></testsuites>") == [
        Outcome("tests/a/test_b.py::test_one", "passed"),
        Outcome("tests/a/test_b.py::test_two[x]", "failed", "assert 1 == 2"),
        Outcome("tests/a/test_b.py::test_three", "error", "failed on setup"),
        Outcome("tests/a/test_b.py::test_four", "skipped"),
    ]
