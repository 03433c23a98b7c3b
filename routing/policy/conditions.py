"""Conditions on an order: a typed tree of at most two levels of "all of" and "any of", compiled once to closures.

As JSON a row is `{"field": "value", "op": "at_least", "value": 100000}` and a group `{"all": [...]}` or
`{"any": [...]}`. The tree is a group; its members are rows and groups of rows. A tree without members holds for every
order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from oms.core.values import MAX_MINOR
from routing.policy.facts import FIELDS, WITHOUT_VALUE, Field, OrderFacts, fold, folded
from routing.policy.problems import Reading

Join: TypeAlias = Literal["all", "any"]
Value: TypeAlias = tuple[str, ...] | int | None
Test: TypeAlias = Callable[[OrderFacts], bool]

#: Members of one group, and words of one row.
MOST_ROWS = 30
MOST_WORDS = 500
_ROW_KEYS = frozenset({"field", "op", "value"})


@dataclass(frozen=True, slots=True)
class Row:
    """One question: a field, an operator of its type, and the value it is compared with (None where it takes none)."""

    field: str
    op: str
    value: Value = None


@dataclass(frozen=True, slots=True)
class Group:
    """Members that must all hold, or any of which must. Empty, it holds."""

    join: Join = "all"
    members: tuple[Row | Group, ...] = ()


#: Holds for every order.
EVERY_ORDER = Group()


def read_conditions(given: object, path: str, reading: Reading) -> Group:
    """The tree of a JSON value; what is wrong is noted with `reading`."""
    return _group(given, path, reading, depth=1)


def _group(given: object, path: str, reading: Reading, depth: int) -> Group:
    if not isinstance(given, dict) or len(given) != 1 or next(iter(given)) not in ("all", "any"):
        reading.refuse(path, given, 'an object with either "all" or "any"')
        return EVERY_ORDER
    join: Join = "all" if "all" in given else "any"
    place = f"{path}.{join}"
    found = reading.rows(place, given[join], MOST_ROWS)
    if depth > 1 and not found:
        reading.refuse(place, "no row", "at least one row in a group")
    members: list[Row | Group] = []
    for index, member in enumerate(found):
        at = f"{place}[{index}]"
        if isinstance(member, dict) and "field" not in member and ("all" in member or "any" in member):
            if depth > 1:
                reading.refuse(at, "a group within a group", "a row: groups go two levels deep at most")
            else:
                members.append(_group(member, at, reading, depth + 1))
        else:
            row = _row(member, at, reading)
            if row is not None:
                members.append(row)
    return Group(join, tuple(members))


def _row(given: object, path: str, reading: Reading) -> Row | None:
    table = reading.table(path, given, _ROW_KEYS)
    if not isinstance(given, dict):
        return None
    field = FIELDS.get(table["field"]) if isinstance(table.get("field"), str) else None
    if field is None:
        reading.refuse(f"{path}.field", table.get("field"), f"one of {', '.join(FIELDS)}")
        return None
    op = table.get("op")
    if not isinstance(op, str) or op not in field.operators:
        reading.refuse(f"{path}.op", op, f"one of {', '.join(field.operators)}")
        return None
    return Row(field.key, op, _value(field, op, table.get("value"), f"{path}.value", reading))


def _value(field: Field, op: str, given: object, path: str, reading: Reading) -> Value:
    if op in WITHOUT_VALUE:
        if given is not None:
            reading.refuse(path, given, f'no value with "{field.operators[op]}"')
        return None
    if field.type == "number":
        return reading.whole(path, given, -MAX_MINOR, MAX_MINOR)
    words = reading.words(path, given, MOST_WORDS)
    if not words and given == []:
        reading.refuse(path, "no words", "at least one word")
    return words


def conditions_json(tree: Group) -> dict[str, Any]:
    """The tree as JSON; `read_conditions` gives the same tree back."""
    return {tree.join: [conditions_json(each) if isinstance(each, Group) else row_json(each) for each in tree.members]}


def row_json(row: Row) -> dict[str, Any]:
    """One row as JSON."""
    value = list(row.value) if isinstance(row.value, tuple) else row.value
    return {"field": row.field, "op": row.op} | ({} if value is None else {"value": value})


def compile_conditions(tree: Group) -> Test:
    """The tree as one function of the facts. Made once for a policy: asking it takes well under a microsecond a row."""
    tests = tuple(compile_conditions(each) if isinstance(each, Group) else compile_row(each) for each in tree.members)
    if not tests:
        return _always
    if len(tests) == 1:
        return tests[0]
    if tree.join == "all":
        return lambda facts: all(test(facts) for test in tests)
    return lambda facts: any(test(facts) for test in tests)


def _always(facts: OrderFacts) -> bool:
    return True


def compile_row(row: Row) -> Test:
    """One row as a function of the facts."""
    field = FIELDS[row.field]
    read = field.read
    if isinstance(row.value, int):
        return _compare(read, row.op, row.value)
    if isinstance(row.value, tuple):
        return _ask_words(read, row.op, row.value)
    return _WITHOUT[row.op](read)


_Read: TypeAlias = Callable[[OrderFacts], Any]
_WITHOUT: dict[str, Callable[[_Read], Test]] = {
    "yes": lambda read: lambda facts: bool(read(facts)),
    "no": lambda read: lambda facts: not read(facts),
    "known": lambda read: lambda facts: read(facts) is not None,
    "unknown": lambda read: lambda facts: read(facts) is None,
}


def _compare(read: _Read, op: str, bound: int) -> Test:
    if op == "at_least":
        return lambda facts: (number := read(facts)) is not None and number >= bound
    return lambda facts: (number := read(facts)) is not None and number < bound


def _ask_words(read: _Read, op: str, value: tuple[str, ...]) -> Test:
    words = folded(value)
    starts = tuple(fold(word) for word in value)
    tests: dict[str, Test] = {
        "one_of": lambda facts: read(facts) in words,
        "none_of": lambda facts: read(facts) not in words,
        "has_any": lambda facts: not words.isdisjoint(read(facts)),
        "has_all": lambda facts: words <= read(facts),
        "has_none": lambda facts: words.isdisjoint(read(facts)),
        "starts_with": lambda facts: read(facts).startswith(starts),
        "starts_with_none": lambda facts: not read(facts).startswith(starts),
    }
    return tests[op]
