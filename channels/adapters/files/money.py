"""Amounts of a row as unit price and discount, and an amount spread over rows. Pure; integer minor units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Priced:
    """Price of one unit and the discount on the whole line: quantity * unit - discount is what the file says."""

    unit_minor: int
    discount_minor: int


def price_line(*, quantity: int, total_minor: int | None, unit_minor: int | None, discount_minor: int) -> Priced | None:
    """`total_minor` (all units, before discount) wins over `unit_minor`. None where the discount exceeds the line."""
    if total_minor is not None:
        unit = -(-total_minor // quantity)
        discount = discount_minor + unit * quantity - total_minor
    else:
        unit, discount = unit_minor or 0, discount_minor
    if discount > unit * quantity:
        return None
    return Priced(unit, discount)


def spread(amount: int, weights: Sequence[int]) -> list[int]:
    """`amount` in whole parts in proportion to the weights; the parts add up to it (largest remainder first)."""
    total = sum(weights)
    if total <= 0:
        return [amount] + [0] * (len(weights) - 1) if weights else []
    shares = [amount * weight // total for weight in weights]
    remainders = sorted(range(len(weights)), key=lambda i: (-(amount * weights[i] % total), i))
    for index in remainders[: amount - sum(shares)]:
        shares[index] += 1
    return shares
