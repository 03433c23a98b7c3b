"""What a report of orders is: which column holds what, and what its words mean. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from channels.imports.types import DateOrder, LineState

Cells = dict[str, str]


def as_it_is(cells: Cells) -> Cells:
    """No quirks."""
    return cells


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFormat:
    """One shape of report.

    `columns` maps our field (see `channels.imports.catalogue_orders`) to the column as the channel writes it; names
    that begin with _ are columns that only `prepare` looks at. `required` are the columns that tell this report from
    others. `prepare` turns the quirks of a row into our fields. `charges_per_row`: shipping stands on every row and
    adds up, instead of once for the order. `withholds_address`: the channel keeps the postcode to itself.
    `tax_included`: amounts contain the tax.
    """

    code: str
    name: str
    columns: Mapping[str, str]
    statuses: Mapping[str, LineState]
    required: tuple[str, ...] = ()
    prepare: Callable[[Cells], Cells] = as_it_is
    date_order: DateOrder = ""
    charges_per_row: bool = False
    withholds_address: bool = False
    tax_included: bool = True
    #: Words in "fulfilled by" of orders that the channel ships from its own warehouse.
    fulfilled_by_channel: frozenset[str] = field(default_factory=frozenset)
