"""What a field of an import is, and how a row is read by a list of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from channels.imports.parsers import (
    Unreadable,
    parse_choice,
    parse_code,
    parse_country,
    parse_currency,
    parse_flag,
    parse_money,
    parse_number,
    parse_quantity,
    parse_slug,
    parse_text,
)
from channels.imports.types import Options, RowIssue

Parser = Callable[[str, Options], Any]
_SHOWN = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field that a column can hold. `parse` takes a filled cell; `synonyms` are other names of such columns."""

    name: str
    label: str
    help: str
    parse: Parser
    required: bool = False
    synonyms: tuple[str, ...] = ()
    is_date: bool = False


class FieldSet:
    """Fields that are read together."""

    def __init__(self, fields: Iterable[Field]) -> None:
        self.by_name = {field.name: field for field in fields}
        self.required = [field.name for field in self.by_name.values() if field.required]

    def read(self, cells: Mapping[str, str], options: Options, row: int) -> tuple[dict[str, Any], list[RowIssue]]:
        """Values of the filled cells by field name, and what is wrong with the others. Other cells are ignored."""
        values: dict[str, Any] = {}
        issues = [
            RowIssue(row=row, field=name, got="", expected="a value") for name in self.required if not cells.get(name)
        ]
        for name, text in cells.items():
            field = self.by_name.get(name)
            if not text or field is None:
                continue
            try:
                values[name] = field.parse(text, options)
            except Unreadable as error:
                issues.append(RowIssue(row=row, field=name, got=shown(text), expected=error.expected))
        return values, issues


def shown(text: str) -> str:
    """A cell as it is shown to people: short, and on one line."""
    plain = text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return plain if len(plain) <= _SHOWN else f"{plain[:_SHOWN]}..."


def code(most: int) -> Parser:
    """An identifier."""
    return lambda text, options: parse_code(text, most=most)


def text(most: int) -> Parser:
    """Free text."""
    return lambda value, options: parse_text(value, most=most)


def quantity(low: int = 0) -> Parser:
    """Whole units."""
    return lambda value, options: parse_quantity(value, low=low)


def money(value: str, options: Options) -> int:
    """Minor units of the declared currency."""
    return parse_money(value, currency=options.currency, decimal=options.decimal)


def flag(value: str, options: Options) -> bool:
    """Yes or no."""
    return parse_flag(value)


def slug(value: str, options: Options) -> str:
    """A short code."""
    return parse_slug(value)


def country(value: str, options: Options) -> str:
    """An ISO 3166 code."""
    return parse_country(value)


def currency(value: str, options: Options) -> str:
    """An ISO 4217 code."""
    return parse_currency(value)


def number(low: float, high: float) -> Parser:
    """A decimal number as a float."""
    return lambda value, options: float(parse_number(value, low=low, high=high, decimal=options.decimal))


def choice(choices: dict[str, str], expected: str) -> Parser:
    """One of some words."""
    return lambda value, options: parse_choice(value, choices, expected=expected)
