"""The order JSON of our own REST API as a canonical order. Pure.

The API takes the canonical form (`channels.canonical_json`) and fills in what a caller may reasonably leave out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from channels.canonical_json import canonical_from_json
from orders.canonical import CanonicalOrder


def to_canonical(payload: Mapping[str, Any]) -> CanonicalOrder:
    """The canonical order. Raises MappingError with every issue found.

    A line without `external_id` is named by its place in the list (1, 2, ...), so lines of one order keep their place.
    A payment without `amount_minor` is over the total; one that is "paid" and states no `captured_minor` has captured
    all of it.
    """
    data = dict(payload)
    lines = data.get("lines")
    if isinstance(lines, list):
        data["lines"] = [_named(line, position) for position, line in enumerate(lines, start=1)]
    order = canonical_from_json(data)
    stated = data.get("payment")
    return _with_payment(order, stated if isinstance(stated, Mapping) else {})


def _named(line: Any, position: int) -> Any:
    if isinstance(line, Mapping) and line.get("external_id") in (None, ""):
        return {**line, "external_id": str(position)}
    return line


def _with_payment(order: CanonicalOrder, stated: Mapping[str, Any]) -> CanonicalOrder:
    payment = order.payment
    total = order.total_minor if order.total_minor is not None else order.computed_total_minor()
    amount = total if stated.get("amount_minor") is None else payment.amount_minor
    captured = payment.captured_minor
    if stated.get("captured_minor") is None and payment.method == "prepaid" and payment.state == "paid":
        captured = amount
    return replace(order, payment=replace(payment, amount_minor=amount, captured_minor=min(captured, amount)))
