"""Amounts and counts as people write them, for the sentences that explain a plan. Pure and free of locales."""

from __future__ import annotations

from collections.abc import Sequence

from oms.core.values import currency_exponent

_SIGNS = {"INR": "₹", "USD": "$", "EUR": "€", "GBP": "£"}


def money(minor: int, currency: str) -> str:
    """An amount in plain text: INR in Indian grouping (₹1,23,456.50), others in thousands; no empty decimals."""
    exponent = currency_exponent(currency)
    major, rest = divmod(abs(minor), 10**exponent)
    text = _grouped(str(major), 2 if currency == "INR" else 3)
    if rest:
        text = f"{text}.{rest:0{exponent}d}"
    sign = _SIGNS.get(currency, f"{currency} ")
    return f"-{sign}{text}" if minor < 0 else f"{sign}{text}"


def _grouped(digits: str, size: int) -> str:
    """Digits with commas: the last three together, then groups of `size`."""
    head, tail = digits[:-3], digits[-3:]
    parts = [tail]
    while head:
        parts.append(head[-size:])
        head = head[:-size]
    return ",".join(reversed(parts))


def days(count: int) -> str:
    """When something arrives: "today", "in 1 day", "in 3 days"."""
    if count <= 0:
        return "today"
    return "in 1 day" if count == 1 else f"in {count} days"


def items(count: int) -> str:
    """ "1 item" or "3 items"."""
    return "1 item" if count == 1 else f"{count} items"


def nodes(count: int) -> str:
    """ "1 node" or "3 nodes"."""
    return "1 node" if count == 1 else f"{count} nodes"


def all_items(count: int) -> str:
    """ "the item", "both items" or "all 3 items"."""
    if count == 1:
        return "the item"
    return "both items" if count == 2 else f"all {count} items"


def listed(parts: Sequence[str]) -> str:
    """ "a", "a and b" or "a, b and c"."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"
