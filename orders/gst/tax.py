"""How what a customer pays is split into value and tax. Amounts in paise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Split:
    """What is taxed, and the taxes on it. Within a state half is the centre's and half the state's (or territory's)."""

    taxable_minor: int
    cgst_minor: int = 0
    sgst_minor: int = 0
    igst_minor: int = 0

    @property
    def tax_minor(self) -> int:
        """All taxes."""
        return self.cgst_minor + self.sgst_minor + self.igst_minor

    @property
    def total_minor(self) -> int:
        """What is paid."""
        return self.taxable_minor + self.tax_minor


def split_price(paid_minor: int, rate_bp: int, *, between_states: bool) -> Split:
    """The value and the tax in a price that includes it; they add up to the price exactly.

    Tax = price * rate / (100 % + rate), to the paisa (CGST Rules 2017, rule 35). Between states it is IGST (IGST Act
    2017, section 5); within one, two halves that are equal (CGST Act 2017, section 9): the value bears an odd paisa.
    """
    if between_states:
        tax = _rounded(paid_minor * rate_bp, 10_000 + rate_bp)
        return Split(paid_minor - tax, igst_minor=tax)
    half = _rounded(paid_minor * rate_bp, 2 * (10_000 + rate_bp))
    return Split(paid_minor - 2 * half, cgst_minor=half, sgst_minor=half)


def _rounded(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)
