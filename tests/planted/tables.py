"""The tables of the planted bugs: one for the terminal, one for docs/planted-bugs.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tests.planted.bugs import FAMILIES, Plant
from tests.planted.runs import Verdict

HEAD = "| Bug | Shipped by | Planted here | Caught by |\n| --- | --- | --- | --- |"


def row(verdict: Verdict) -> str:
    """One line of the terminal's table."""
    plant = verdict.plant
    mark = "caught" if verdict.caught else "SURVIVED"
    name = plant.name if verdict.walls else f"{plant.name}, walls away"
    tests = ", ".join(test.rpartition("::")[2] for test in plant.caught_by)
    return f"{plant.family:<4} {mark:<8} {verdict.seconds:>5.1f} s  {name:<58} {tests}"


def markdown(plants: Sequence[Plant]) -> str:
    """The table of the documentation: a row for each patch, in the order of the families."""
    rows = [HEAD]
    for plant in plants:
        tests = "<br>".join(f"`{test}`" for test in plant.caught_by)
        walls = f" Also without {_names(plant.walls)}." if plant.walls else ""
        rows.append(f"| {plant.family} | {plant.shipped} | {plant.title}: {plant.planted}{walls} | {tests} |")
    return "\n".join(rows) + "\n"


def missing_families(plants: Iterable[Plant]) -> list[str]:
    """Families that no patch stands for."""
    there = {plant.family for plant in plants}
    return [family for family in FAMILIES if family not in there]


def _names(walls: Sequence[str]) -> str:
    return " and ".join(f"`{name}`" for name in walls)
