"""Plain values that every room shares. Frozen, validated where they are made, free of Django."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

#: Largest absolute amount of money in minor units that the database accepts (ten billion major units).
MAX_MINOR = 1_000_000_000_000
#: Largest quantity of one SKU that one row may hold.
MAX_QUANTITY = 1_000_000_000

#: Minor-unit exponent of the currencies that do not have two digits (ISO 4217).
_EXPONENTS = {
    "BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
    "CLP": 0, "JPY": 0, "KRW": 0, "VND": 0, "XAF": 0, "XOF": 0, "ISK": 0, "PYG": 0, "UGX": 0, "RWF": 0,
}  # fmt: skip


def currency_exponent(currency: str) -> int:
    """Number of digits behind the decimal point of a currency (INR 2, JPY 0, KWD 3; ISO 4217)."""
    return _EXPONENTS.get(currency, 2)


def major_units(minor: int, currency: str) -> Decimal:
    """An amount as people and files write it: 12345 paise are 123.45, 12345 yen 12345."""
    return Decimal(minor).scaleb(-currency_exponent(currency))


def minor_units(amount: Decimal, currency: str) -> int:
    """An amount as people write it in minor units: 123.45 rupees are 12345 paise; what is finer is cut off."""
    return int(amount.scaleb(currency_exponent(currency)))


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount in integer minor units (paise for INR) and its ISO 4217 currency."""

    minor: int
    currency: str = "INR"

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.minor - other.minor, self.currency)

    def _same(self, other: Money) -> None:
        if other.currency != self.currency:
            raise ValueError(f"Cannot combine {self.currency} with {other.currency}.")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a parcel goes or comes from. `region` is the state or province, `postcode` the PIN code in India."""

    name: str = ""
    company: str = ""
    line1: str = ""
    line2: str = ""
    city: str = ""
    region: str = ""
    postcode: str = ""
    country: str = "IN"
    phone: str = ""
    email: str = ""

    def as_json(self) -> dict[str, str]:
        """The address as a JSON object with every field present."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote; unknown keys are ignored, missing ones become empty."""
        return cls(**{key: str(data[key] or "") for key in cls.__slots__ if key in data})

    def lines(self) -> list[str]:
        """The address as it is printed: non-empty lines, city and postcode on one."""
        town = " ".join(part for part in (self.city, self.postcode) if part)
        parts = (self.name, self.company, self.line1, self.line2, town, self.region, self.country)
        return [part for part in parts if part]
