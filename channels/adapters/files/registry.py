"""Reports of orders that need no mapping. A new one is a folder with a `mapping.py`, and one line here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from channels.adapters.files.amazon_all_orders import mapping as amazon_all_orders
from channels.adapters.files.amazon_sale_report import mapping as amazon_sale_report
from channels.adapters.files.amazon_unshipped import mapping as amazon_unshipped
from channels.adapters.files.flipkart import mapping as flipkart
from channels.adapters.files.format import OrderFormat
from channels.adapters.files.meesho import mapping as meesho
from channels.adapters.files.myntra import mapping as myntra
from channels.adapters.files.shopify import mapping as shopify
from channels.imports.catalogue_orders import GENERIC_STATUSES
from channels.imports.matching import normalise

FORMATS: dict[str, OrderFormat] = {
    format.code: format
    for format in (
        amazon_all_orders.FORMAT,
        amazon_sale_report.FORMAT,
        amazon_unshipped.FORMAT,
        shopify.FORMAT,
        flipkart.FORMAT,
        meesho.FORMAT,
        myntra.FORMAT,
    )
}


def detect_format(header: Sequence[str]) -> OrderFormat | None:
    """The report with this header, None where it is none we know. The one with the most telling columns wins."""
    names = {normalise(name) for name in header}
    fitting = [format for format in FORMATS.values() if all(normalise(column) in names for column in format.required)]
    return max(fitting, key=lambda format: len(format.required), default=None)


def mapped_format(columns: Mapping[str, str]) -> OrderFormat:
    """The format of a file whose columns a person named."""
    return OrderFormat(code="columns", name="a file with named columns", columns=columns, statuses=GENERIC_STATUSES)
