"""Reads fields of a WooCommerce payload strictly, and notes every field that is not what it should be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from channels.base import MappingIssue
from oms.core.values import MAX_MINOR, MAX_QUANTITY, currency_exponent

_AMOUNT = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,10})?")


class PayloadReader:
    """Collects issues instead of stopping at the first, so that a person sees all of them at once."""

    def __init__(self, currency: str) -> None:
        self.currency = currency
        self.exponent = currency_exponent(currency)
        self.issues: list[MappingIssue] = []

    def issue(self, field: str, got: object, expected: str) -> None:
        """Note one field at fault. What came is shown shortened."""
        self.issues.append(MappingIssue(field=field, got=repr(got)[:80], expected=expected))

    def money(self, data: Mapping[str, Any], key: str, path: str, *, missing: int | None = 0) -> int:
        """An amount in minor units, read from its decimal digits and never through a binary float.

        An absent or empty amount is `missing`; None there makes it an issue.
        """
        value = data.get(key)
        field = f"{path}{key}"
        if value is None or value == "":
            if missing is None:
                self.issue(field, value, "an amount")
            return missing or 0
        text = str(value).strip()
        if isinstance(value, bool) or not _AMOUNT.fullmatch(text):
            self.issue(field, value, "an amount such as 120.50")
            return 0
        minor = Decimal(text).scaleb(self.exponent)
        if minor != minor.to_integral_value():
            self.issue(field, value, f"at most {self.exponent} decimals in {self.currency}")
            return 0
        if abs(minor) > MAX_MINOR:
            self.issue(field, value, "an amount below ten billion")
            return 0
        return int(minor)

    def quantity(self, data: Mapping[str, Any], key: str, path: str) -> int:
        """A whole number of units, at least one. Plugins that sell by weight send fractions: those are an issue."""
        value = data.get(key)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value, whole = int(value), True
        if not whole or value is None or not 1 <= value <= MAX_QUANTITY:
            self.issue(f"{path}{key}", value, "a whole number of at least 1")
            return 1
        return int(value)

    def objects(self, data: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
        """A list of objects, empty when absent."""
        value = data.get(key)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
            self.issue(key, value, "a list of objects")
            return []
        return value

    def moment(self, data: Mapping[str, Any], key: str, zone: str) -> datetime | None:
        """`key` as a UTC time: `<key>_gmt` where the store sends it, else the local time of the store's zone."""
        for name, tz in ((f"{key}_gmt", "UTC"), (key, zone)):
            value = data.get(name)
            if not value:
                continue
            try:
                parsed = datetime.fromisoformat(str(value))
            except ValueError:
                self.issue(name, value, "a time such as 2026-11-21T19:16:45")
                return None
            return (parsed if parsed.tzinfo else parsed.replace(tzinfo=ZoneInfo(tz))).astimezone(UTC)
        return None


def text(data: Mapping[str, Any], key: str) -> str:
    """A field as stripped text; absent, null and objects become empty."""
    value = data.get(key)
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""


def meta(data: Mapping[str, Any]) -> dict[str, Any]:
    """`meta_data` as a mapping; of equal keys the first counts, as in WooCommerce."""
    found: dict[str, Any] = {}
    for item in data.get("meta_data") or []:
        if isinstance(item, Mapping):
            found.setdefault(str(item.get("key", "")), item.get("value"))
    return found
