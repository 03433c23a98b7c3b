"""Rows of one order -> its lines: ids, quantities and prices. Pure.

Amounts. `line_total` is for all units of the row; the unit price is that divided by the quantity, rounded up to a
whole minor unit, and the excess becomes line discount, so that the line still adds up to what the file says.

Quantities. Some channels set the quantity of a cancelled row to 0. Nothing says any more how many there were: the
line is kept with one cancelled unit, the least there can have been.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from channels.adapters.files.format import OrderFormat
from channels.adapters.files.money import Priced, price_line
from channels.adapters.files.rows import SourceRow
from channels.imports.types import LineState
from orders.canonical import CanonicalLine

_ID_LENGTH = 120


class Problem(Protocol):
    """Takes note of what is wrong with the order or with one of its rows."""

    def __call__(self, field: str, got: str, expected: str, row: int | None = None, *, warning: bool = False) -> None:
        """Note it."""
        ...


class LineReader:
    """Reads the lines of one order."""

    def __init__(self, external_id: str, rows: Sequence[SourceRow], format: OrderFormat, problem: Problem) -> None:
        self.external_id = external_id
        self.rows = rows
        self.format = format
        self.problem = problem

    def read(self, values: Sequence[Mapping[str, Any]], states: Sequence[LineState]) -> list[CanonicalLine]:
        """The lines that could be read; what stands against the others is told."""
        lines: list[CanonicalLine] = []
        seen: Counter[tuple[str, str]] = Counter()
        ids: set[str] = set()
        for row, value, state in zip(self.rows, values, states, strict=True):
            sku, listing = value.get("sku", ""), value.get("listing_id", "")
            seen[sku, listing] += 1
            line_id = value.get("line_id") or _line_id(self.external_id, sku, listing, seen[sku, listing])
            if line_id in ids:
                self.problem("line_id", line_id, "a line id that no other row of the order has", row.number)
            ids.add(line_id)
            if seen[sku, listing] > 1 and sku and "line_id" not in value and self._repeats(row):
                self.problem("row", "repeats another row", "different rows; both are taken", row.number, warning=True)
            quantity = self._quantity(row, value, state)
            priced = self._price(row, value, state, quantity)
            if not sku or quantity == 0 or priced is None:
                continue
            lines.append(
                CanonicalLine(
                    external_id=line_id,
                    sku_code=sku,
                    quantity=quantity,
                    name=value.get("product_name", ""),
                    unit_price_minor=priced.unit_minor,
                    discount_minor=priced.discount_minor,
                    tax_minor=value.get("line_tax", 0),
                    tax_included=self.format.tax_included,
                    options={name: value[name] for name in ("size", "listing_id") if name in value},
                    cancelled_quantity=quantity if state == "cancelled" else 0,
                )
            )
        return lines

    def _repeats(self, row: SourceRow) -> bool:
        return sum(1 for other in self.rows if other.cells == row.cells) > 1

    def _quantity(self, row: SourceRow, value: Mapping[str, Any], state: LineState) -> int:
        if "quantity" not in value:
            return 0
        quantity = int(value["quantity"])
        if quantity == 0:
            if state == "cancelled":
                return 1
            self.problem("quantity", "0", "a whole number from 1; 0 only for cancelled rows", row.number)
        return quantity

    def _price(self, row: SourceRow, value: Mapping[str, Any], state: LineState, quantity: int) -> Priced | None:
        if quantity == 0:
            return None
        named = [name for name in ("line_total", "unit_price") if name in self.format.columns]
        if not any(name in value for name in named):
            if named and state != "cancelled":
                if not row.cells.get(named[0]):
                    self.problem(named[0], "", "an amount; only cancelled rows may have none", row.number)
                return None
            return Priced(0, 0)
        priced = price_line(
            quantity=quantity,
            total_minor=value.get("line_total"),
            unit_minor=value.get("unit_price"),
            discount_minor=value.get("line_discount", 0),
        )
        if priced is None:
            self.problem("line_discount", row.cells.get("line_discount", ""), "at most the line's amount", row.number)
        return priced


def _line_id(order_id: str, sku: str, listing: str, occurrence: int) -> str:
    text = f"{order_id}:{sku}:{listing}:{occurrence}"
    if len(text) <= _ID_LENGTH:
        return text
    return f"{text[:79]}:{hashlib.sha256(text.encode()).hexdigest()[:40]}"
