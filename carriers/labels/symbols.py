"""Bar code and QR code as plain modules, and amounts as text. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache

import segno
from babel.numbers import format_currency
from barcode.codex import Code128

from oms.core.values import currency_exponent

#: Light modules that a reader needs on either side of a Code 128 symbol (ISO/IEC 15417).
QUIET_MODULES = 10
#: Longest text that a label's Code 128 takes; longer ones cannot be printed wide enough.
MAX_CODE128 = 40


@lru_cache(maxsize=1024)
def code128_modules(text: str) -> str:
    """The symbol as a row of 1 (bar) and 0 (space) without quiet zones. Raises `ValueError` for what it cannot hold."""
    if not text or len(text) > MAX_CODE128 or any(not 32 <= ord(letter) < 127 for letter in text):
        raise ValueError(f"Code 128 on a label takes 1 to {MAX_CODE128} printable ASCII characters, not {text!r}.")
    return str(Code128(text).build()[0])


@lru_cache(maxsize=1024)
def qr_rows(text: str) -> tuple[str, ...]:
    """A QR code (error correction M) as rows of 1 (dark) and 0 (light), quiet zone left out."""
    matrix = segno.make_qr(text, error="m").matrix
    return tuple("".join("1" if module else "0" for module in row) for row in matrix)


def runs(row: str) -> Iterator[tuple[int, int]]:
    """Start and length of every run of 1 in a row."""
    start = 0
    for bit, length in _groups(row):
        if bit == "1":
            yield start, length
        start += length


def _groups(row: str) -> Iterator[tuple[str, int]]:
    previous, length = "", 0
    for bit in row:
        if bit != previous and length:
            yield previous, length
            length = 0
        previous, length = bit, length + 1
    if length:
        yield previous, length


def amount_text(minor: int, currency: str = "INR") -> str:
    """An amount as it is read in India: `₹1,49,999.00`; other currencies with their own sign and digits."""
    digits = currency_exponent(currency)
    value = Decimal(minor).scaleb(-digits)
    return format_currency(value, currency, locale="en_IN", currency_digits=True)


def weight_text(grams: int) -> str:
    """`850 g` below a kilogram, `1.25 kg` from there."""
    if grams < 1000:
        return f"{grams} g"
    return f"{Decimal(grams) / 1000:.3f}".rstrip("0").rstrip(".") + " kg"


def size_text(length_mm: int, width_mm: int, height_mm: int) -> str:
    """`30 x 20 x 10.5 cm`; empty when a side is unknown."""
    if not (length_mm and width_mm and height_mm):
        return ""
    sides = (f"{Decimal(side) / 10:.1f}".removesuffix(".0") for side in (length_mm, width_mm, height_mm))
    return " × ".join(sides) + " cm"
