"""Conditions as rows of a form. Rows and groups stand as in the tree, so that an error lands on the row it is about."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from routing.policy.conditions import Group, Row, read_conditions, row_json
from routing.policy.facts import FIELDS, WITHOUT_VALUE, Field
from routing.policy.problems import PolicyInvalid, Problem, Reading

#: Rows and groups that one form may send.
_MOST = 60
_JOINS = ("all", "any")
_SUFFIXES = {"minor": "₹"}


@dataclass(slots=True)
class FormRow:
    """One question as it stands in the form; `id` is the beginning of the names of its inputs."""

    field: str = "value"
    op: str = ""
    text: str = ""
    id: str = ""
    errors: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def about(self) -> Field:
        """The field that is asked for."""
        return FIELDS[self.field]

    @property
    def operators(self) -> dict[str, str]:
        """Operators that the form offers."""
        return self.about.operators

    @property
    def takes_value(self) -> bool:
        """The operator compares with something."""
        return self.op not in WITHOUT_VALUE

    @property
    def unit(self) -> str:
        """What stands behind the value."""
        return _SUFFIXES.get(self.about.unit, self.about.unit)

    def json(self) -> dict[str, Any]:
        """As the tree has it; what cannot be read stays a text, which is refused at its place."""
        found: dict[str, Any] = {"field": self.field, "op": self.op}
        if not self.takes_value:
            return found
        if self.about.type != "number":
            return found | {"value": [word.strip() for word in self.text.split(",") if word.strip()]}
        return found | {"value": _stored(self.about, self.text)}


@dataclass(slots=True)
class FormBlock:
    """A row that stands alone (`join` empty), or a group of rows."""

    join: str = ""
    rows: list[FormRow] = dataclasses.field(default_factory=list)
    id: str = ""


def _stored(about: Field, text: str) -> int | str:
    try:
        number = Decimal(text.strip().replace(",", "")) * (100 if about.unit == "minor" else 1)
    except InvalidOperation:
        return text.strip() or "nothing"
    return int(number) if number == number.to_integral_value() else text.strip()


def _shown(about: Field, row: Row) -> str:
    if isinstance(row.value, tuple):
        return ", ".join(row.value)
    if isinstance(row.value, int):
        return f"{Decimal(row.value) / 100:f}" if about.unit == "minor" else str(row.value)
    return ""


class ConditionForm:
    """The conditions of one rule in a form."""

    def __init__(self, join: str = "all", blocks: list[FormBlock] | None = None) -> None:
        self.join = join
        self.blocks = blocks or []
        self.problem = ""
        self._number()

    @classmethod
    def of_tree(cls, tree: Group) -> ConditionForm:
        """Filled with the conditions of a rule."""
        blocks = [
            FormBlock(each.join, [_row_of(row) for row in each.members if isinstance(row, Row)])
            if isinstance(each, Group) else FormBlock("", [_row_of(each)])
            for each in tree.members
        ]  # fmt: skip
        return cls(tree.join, blocks)

    @classmethod
    def sent(cls, data: Mapping[str, str]) -> ConditionForm:
        """As it was sent."""
        blocks = []
        for index in range(_count(data, "c-count")):
            name = f"c{index}"
            rows = [_sent_row(data, f"{name}-{place}") for place in range(_count(data, f"{name}-count"))]
            join = data.get(f"{name}-join", "")
            blocks.append(FormBlock(join if join in _JOINS else "", rows))
        join = data.get("c-join", "all")
        return cls(join if join in _JOINS else "all", [block for block in blocks if block.rows])

    def act(self, what: str) -> None:
        """Add or remove: "add", "add-group", "add:2" (to block 2), "remove:2.0" (row 0 of block 2). Else nothing."""
        verb, _, place = what.partition(":")
        numbers = [int(part) for part in place.split(".") if part.isdecimal()]
        if verb == "add" and not place:
            self.blocks.append(FormBlock("", [_sound(FormRow())]))
        elif verb == "add-group":
            self.blocks.append(FormBlock("any", [_sound(FormRow()), _sound(FormRow(field="tags"))]))
        elif verb == "add" and len(numbers) == 1 and numbers[0] < len(self.blocks):
            self.blocks[numbers[0]].rows.append(_sound(FormRow()))
        elif verb == "remove" and len(numbers) == 2 and numbers[0] < len(self.blocks):
            rows = self.blocks[numbers[0]].rows
            if numbers[1] < len(rows):
                rows.pop(numbers[1])
        self.blocks = [block for block in self.blocks if block.rows]
        self._number()

    def _number(self) -> None:
        for index, block in enumerate(self.blocks):
            block.id = f"c{index}"
            for place, row in enumerate(block.rows):
                row.id = f"c{index}-{place}"

    def json(self) -> dict[str, Any]:
        """The tree as JSON."""
        members = [
            {block.join: [row.json() for row in block.rows]} if block.join else block.rows[0].json()
            for block in self.blocks
        ]
        return {self.join: members}

    def tree(self) -> Group:
        """The conditions. Raises PolicyInvalid, and then has every error on its row."""
        reading = Reading()
        tree = read_conditions(self.json(), "when", reading)
        for problem in reading.problems:
            self._blame(problem)
        if reading.problems:
            raise PolicyInvalid(tuple(reading.problems))
        return tree

    def _blame(self, problem: Problem) -> None:
        for index, block in enumerate(self.blocks):
            at = f"when.{self.join}[{index}]"
            for place, row in enumerate(block.rows):
                path = f"{at}.{block.join}[{place}]" if block.join else at
                if problem.path.startswith(f"{path}."):
                    row.errors[problem.path[len(path) + 1 :]] = _sentence(row, problem)
                    return
        self.problem = str(problem)

    @property
    def errors(self) -> list[tuple[str, str]]:
        """(id of the input, sentence) for the summary."""
        found = [
            (f"id_{row.id}-{part}", f"{row.about.label}: {text}")
            for block in self.blocks for row in block.rows for part, text in row.errors.items()
        ]  # fmt: skip
        return [*found, *([("conditions", self.problem)] if self.problem else [])]


def _sentence(row: FormRow, problem: Problem) -> str:
    if row.about.type == "number" and problem.path.endswith(".value"):
        return f"Write a number, such as 1000. {problem.got} is none."
    if problem.path.endswith(".value"):
        return f"Write {problem.expected}."
    return f"Expected {problem.expected}."


def _count(data: Mapping[str, str], name: str) -> int:
    text = data.get(name, "")
    return min(int(text), _MOST) if text.isdecimal() else 0


def _row_of(row: Row) -> FormRow:
    found = row_json(row)
    return FormRow(found["field"], found["op"], _shown(FIELDS[row.field], row))


def _sent_row(data: Mapping[str, str], name: str) -> FormRow:
    key = data.get(f"{name}-field", "")
    row = FormRow(key if key in FIELDS else "value", data.get(f"{name}-op", ""), data.get(f"{name}-value", "")[:8000])
    return _sound(row)


def _sound(row: FormRow) -> FormRow:
    """With an operator that its field has: the first where another field was chosen."""
    if row.op not in row.operators:
        row.op = next(iter(row.operators))
    return row
