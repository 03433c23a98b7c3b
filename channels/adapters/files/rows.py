"""A row of a file of orders, and which of its fields speak for the whole order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from channels.imports.catalogue_orders import ORDER_FIELDS, ORDER_LEVEL
from channels.imports.fields import FieldSet

#: Charges that some files state per row and others per order.
CHARGES = frozenset({"shipping", "shipping_tax", "shipping_discount"})


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One row of the file: its number and its cells by our field names."""

    number: int
    cells: Mapping[str, str]


#: Fields that hold for the whole order, by whether the charges are stated per row.
LEVELS = {True: ORDER_LEVEL, False: ORDER_LEVEL | CHARGES}


def _by_level(per_row: bool, common: bool) -> FieldSet:
    return FieldSet(
        field for field in ORDER_FIELDS
        if (field.name in LEVELS[per_row]) is common and field.name not in {"order_id", "status"}
    )  # fmt: skip


ORDER_LEVEL_FIELDS = {per_row: _by_level(per_row, True) for per_row in (True, False)}
ROW_LEVEL_FIELDS = {per_row: _by_level(per_row, False) for per_row in (True, False)}
