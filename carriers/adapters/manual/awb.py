"""AWB numbers for a courier without an API: made from our reference, taken from a range, or typed in. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from oms.core.errors import DomainError

#: Longest AWB that labels, Code 128 and carriers' forms take.
MAX_AWB = 30


class BadAwb(DomainError):
    """A number that cannot serve as an AWB."""

    code = "bad_awb"


class RangeExhausted(DomainError):
    """Every number of the courier's range is used up: a new range is needed."""

    code = "awb_range_exhausted"


@dataclass(frozen=True, slots=True, kw_only=True)
class AwbRange:
    """Numbers that the courier allotted, `first` to `last` inclusive, printed with `prefix` and padded to equal width.

    Who has used how many is the caller's row, counted under its lock: `number_at(used)` is the next.
    """

    prefix: str = ""
    first: int
    last: int

    def __post_init__(self) -> None:
        if not 0 <= self.first <= self.last:
            raise BadAwb("An AWB range begins with its smaller number.", field="first")
        clean_awb(self.number_at(0))

    @property
    def size(self) -> int:
        """How many numbers the range holds."""
        return self.last - self.first + 1

    def number_at(self, used: int) -> str:
        """The AWB after `used` numbers were given out. Raises `RangeExhausted`."""
        if not 0 <= used < self.size:
            raise RangeExhausted(f"The AWB range {self.prefix}{self.first} to {self.prefix}{self.last} is used up.")
        return f"{self.prefix}{self.first + used:0{len(str(self.last))}d}"


def clean_awb(text: str) -> str:
    """An AWB as typed in: upper case, without blanks. Raises `BadAwb` unless it is letters, digits and dashes."""
    awb = "".join(text.split()).upper()
    if not re.fullmatch(rf"[A-Z0-9][A-Z0-9-]{{2,{MAX_AWB - 1}}}", awb):
        raise BadAwb(f"An AWB is 3 to {MAX_AWB} letters, digits or dashes; {text!r} is not.", field="awb")
    return awb


def awb_of_reference(prefix: str, client_reference: str) -> str:
    """An AWB made from our reference: the same reference always gives the same AWB."""
    return clean_awb(prefix + re.sub(r"[^A-Za-z0-9-]", "", client_reference))
