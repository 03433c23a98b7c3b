"""Numbers of invoices: consecutive, of at most 16 signs, unique in a financial year (CGST Rules 2017, rule 46(b))."""

from __future__ import annotations

from datetime import date

LONGEST = 16
#: Digits of the running number before it grows.
_DIGITS = 5


def financial_year(day: date) -> int:
    """The year in which the financial year of a day began: it runs from April to March."""
    return day.year if day.month >= 4 else day.year - 1


def invoice_number(prefix: str, year: int, running: int) -> str:
    """`KA/26-27/00042`. Raises ValueError where it would be longer than the law allows."""
    number = f"{prefix}/{year % 100:02d}-{(year + 1) % 100:02d}/{running:0{_DIGITS}d}"
    if len(number) > LONGEST:
        raise ValueError(f"{number} has more than {LONGEST} signs: choose a shorter prefix.")
    return number


def why_no_number(prefix: str, year: int, running: int) -> str:
    """Why a series cannot give this number, as a sentence; empty where it can."""
    try:
        invoice_number(prefix, year, running)
    except ValueError as error:
        return f"{error} An admin changes it with the tax registration."
    return ""
