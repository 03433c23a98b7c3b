"""Amounts of the store: integer paise inside, strings with two decimals outside."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

#: The store charges one rate on everything, as the recorded one did.
GST_PERCENT = 18


def paise(value: Any) -> int:
    """Minor units of an amount as the API takes it: a string or a number; nonsense and nothing are 0."""
    try:
        amount = Decimal(str(value or 0))
    except InvalidOperation:
        return 0
    if not amount.is_finite():
        return 0
    return int((amount * 100).to_integral_value(ROUND_HALF_UP))


def amount(value_paise: int) -> str:
    """Two decimals: `329.40`."""
    return f"{Decimal(value_paise) / 100:.2f}"


def trimmed(value_paise: int) -> str:
    """As PHP prints a float: `5.4`, `324`."""
    return f"{(Decimal(value_paise) / 100).normalize():f}" if value_paise else "0"


def number(value_paise: int) -> int | float:
    """As PHP encodes a float in JSON: whole numbers lose their decimals."""
    return value_paise // 100 if value_paise % 100 == 0 else value_paise / 100


def tax_of(net_paise: int) -> int:
    """GST on an amount without tax, rounded half up."""
    sign = -1 if net_paise < 0 else 1
    return sign * ((abs(net_paise) * GST_PERCENT + 50) // 100)


def net_of(gross_paise: int) -> int:
    """The amount without the GST that it contains."""
    return int((Decimal(gross_paise) * 100 / (100 + GST_PERCENT)).to_integral_value(ROUND_HALF_UP))
