"""Lists: the query parameters that WordPress validates, and the page of rows they choose."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from channels.simulators.woocommerce.errors import invalid_param, not_in_enum

Query = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a list and the numbers of `X-WP-Total` and `X-WP-TotalPages`."""

    rows: list[dict[str, Any]]
    total: int
    per_page: int
    page: int = 1

    @property
    def pages(self) -> int:
        """How many pages the list has."""
        return -(-self.total // self.per_page)


def text_of(query: Query, name: str, default: str = "") -> str:
    """The last value of a parameter, as PHP reads it."""
    values = query.get(name)
    return values[-1] if values else default


def list_of(query: Query, name: str) -> list[str]:
    """A list given as `a,b`, `name[]=a` or `name[0]=a`."""
    found: list[str] = []
    for key, values in query.items():
        if key == name or (key.startswith(f"{name}[") and key.endswith("]")):
            found += [part.strip() for value in values for part in value.split(",") if part.strip()]
    return found


def numbers_of(query: Query, name: str) -> list[int]:
    """A list of ids; what is no number is left out."""
    return [int(part) for part in list_of(query, name) if part.isdigit()]


def whole_of(query: Query, name: str, default: int, lowest: int, highest: int | None = None) -> int:
    """A whole number within its bounds. Raises the recorded 400 outside them."""
    raw = text_of(query, name)
    if not raw:
        return default
    if not raw.lstrip("-").isdigit():
        raise invalid_param(name, "rest_invalid_type", f"{name} is not of type integer.")
    value = int(raw)
    if highest is not None and not lowest <= value <= highest:
        message = f"{name} must be between {lowest} (inclusive) and {highest} (inclusive)"
        raise invalid_param(name, "rest_out_of_bounds", message)
    if value < lowest:
        message = f"{name} must be greater than or equal to {lowest}"
        raise invalid_param(name, "rest_out_of_bounds", message)
    return value


def choice_of(query: Query, name: str, default: str, allowed: list[str]) -> str:
    """One of the allowed words. Raises the recorded 400 for any other."""
    value = text_of(query, name, default)
    if value not in allowed:
        raise not_in_enum(name, allowed)
    return value


def moment_of(query: Query, name: str) -> str:
    """A time as the store keeps it (UTC to the second), empty where it is not given."""
    raw = text_of(query, name)
    if not raw:
        return ""
    try:
        moment = datetime.fromisoformat(raw)
    except ValueError as error:
        raise invalid_param(name, "rest_invalid_date", "Invalid date.") from error
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


@dataclass(frozen=True, slots=True)
class PageWanted:
    """Which rows of a list are asked for."""

    per_page: int
    page: int
    offset: int


def page_of(query: Query) -> PageWanted:
    """`per_page` (1 to 100), `page` and `offset`."""
    per_page = whole_of(query, "per_page", 10, 1, 100)
    page = whole_of(query, "page", 1, 1)
    offset = whole_of(query, "offset", (page - 1) * per_page, 0)
    return PageWanted(per_page=per_page, page=page, offset=offset)
