"""A planted bug: a unified diff with its story at the head, and how it is put into the text of a file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PATCHES = Path(__file__).with_name("patches")

#: The families of bugs that concern stock, with where they were shipped, as the threads of those projects tell.
FAMILIES: dict[str, str] = {
    "B1": "magento/inventory#2722, #3072",
    "B2": "magento/inventory#1881",
    "B3": "magento/inventory#2773",
    "B4": "magento/magento2#6363, saleor#543",
    "B5": "magento/inventory#2503, #3153",
    "B6": "medusa#16502",
    "B7": "medusa#16569",
    "B8": "medusa#16825",
    "B11": "medusa#11703, #11131; vendure#1198",
    "B12": "vendure#3508, #1738",
    "B13": "vendure#1557, #2874, #1571",
    "B14": "saleor#6897, #5334",
    "B17": "woocommerce#12467, #27953, #44273",
    "B21": "odoo#62139, #79180",
    "B22": "odoo#24555, #159444",
    "B23": "erpnext#51562, #51375",
    "B24": "Sylius#2776, #3573, #12812",
    "B29": "openfoodnetwork#5300",
}

_FIELD = re.compile(r"^([A-Z][a-z]+(?: [a-z]+)?): *(.*)$")


class PatchError(Exception):
    """A patch that cannot be read, or that does not fit the code any more."""


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines that a file has, and those that stand in their place with the bug."""

    path: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Plant:
    """One bug. `walls` are constraints of the database that stand behind the code: it is also tried without them."""

    name: str
    family: str
    title: str
    planted: str
    breaks: str
    caught_by: tuple[str, ...]
    walls: tuple[str, ...]
    hunks: tuple[Hunk, ...]

    @property
    def paths(self) -> list[str]:
        """The files that it changes."""
        return sorted({hunk.path for hunk in self.hunks})

    @property
    def shipped(self) -> str:
        """Where it was shipped."""
        return FAMILIES[self.family]

    @property
    def changes_migrations(self) -> bool:
        """Whether the database has to be made anew for it."""
        return any("/migrations/" in path for path in self.paths)


def read_plants(directory: Path = PATCHES) -> list[Plant]:
    """Every planted bug, in the order of the families. Raises PatchError."""
    plants = [read_plant(path.stem, path.read_text(encoding="utf-8")) for path in sorted(directory.glob("*.patch"))]
    order = list(FAMILIES)
    return sorted(plants, key=lambda plant: (order.index(plant.family), plant.name))


def read_plant(name: str, text: str) -> Plant:
    """One planted bug from the text of its patch. Raises PatchError."""
    head, found, diff = text.partition("\n--- ")
    if not found:
        raise PatchError(f"{name}: there is no diff.")
    fields = _fields(name, head)
    try:
        plant = Plant(
            name=name, family=fields["Bug"], title=fields["Title"], planted=fields["Planted"], breaks=fields["Breaks"],
            caught_by=tuple(fields["Caught by"].split()), walls=tuple(fields.get("Walls", "").split()),
            hunks=tuple(_hunks(name, "--- " + diff)),
        )  # fmt: skip
    except KeyError as error:
        raise PatchError(f"{name}: its head does not say {error}.") from error
    if plant.family not in FAMILIES or not plant.caught_by or not plant.hunks:
        raise PatchError(f"{name}: a family, tests and a change are needed.")
    return plant


def _fields(name: str, head: str) -> dict[str, str]:
    """`Word: text`, where indented lines go on with the text."""
    fields: dict[str, str] = {}
    word = ""
    for line in head.splitlines():
        found = _FIELD.match(line)
        if found:
            word = found[1]
            fields[word] = found[2]
        elif line.startswith(" ") and word:
            fields[word] = f"{fields[word]} {line.strip()}".strip()
        elif line.strip():
            raise PatchError(f"{name}: {line!r} is no field of the head.")
    return fields


def _hunks(name: str, diff: str) -> Iterator[Hunk]:
    path = ""
    before: list[str] = []
    after: list[str] = []
    for line in [*diff.splitlines(keepends=True), "@@"]:
        if line.startswith(("@@", "--- ", "diff ")) and (before or after):
            yield Hunk(path, "".join(before), "".join(after))
            before, after = [], []
        if line.startswith("+++ "):
            path = line[4:].split("\t")[0].strip().removeprefix("b/")
        elif line.startswith(("@@", "--- ", "diff ", "index ", "\\")):
            continue
        elif line.startswith("-"):
            before.append(line[1:])
        elif line.startswith("+"):
            after.append(line[1:])
        elif line.startswith(" ") or line == "\n":
            before.append(line[1:] or "\n")
            after.append(line[1:] or "\n")
        else:
            raise PatchError(f"{name}: {line!r} is no line of a diff.")


def plant_into(plant: Plant, texts: Mapping[str, str]) -> dict[str, str]:
    """The texts of its files (by path) with the bug in them.

    Line numbers do not matter, so that other changes of a file leave a patch valid: the lines that it replaces must be
    there exactly once. Raises PatchError where they are not.
    """
    result = dict(texts)
    for number, hunk in enumerate(plant.hunks, start=1):
        times = ("\n" + result[hunk.path]).count("\n" + hunk.before)
        if times != 1:
            raise PatchError(f"{plant.name}: part {number} fits {hunk.path} {times} times instead of once.")
        at = ("\n" + result[hunk.path]).index("\n" + hunk.before)
        result[hunk.path] = result[hunk.path][:at] + hunk.after + result[hunk.path][at + len(hunk.before) :]
    return result
