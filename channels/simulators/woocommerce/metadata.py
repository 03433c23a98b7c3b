"""`meta_data` of orders and lines, changed as WooCommerce changes it: by id, else by key, else added; null removes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from channels.simulators.woocommerce.database import Database, Doc


def apply_meta(database: Database, kept: list[Doc], given: Any) -> None:
    """Change `kept` in place by what a request gave."""
    for item in given if isinstance(given, list) else []:
        if isinstance(item, Mapping) and "key" in item:
            set_meta(database, kept, str(item["key"]), item.get("value"), number=item.get("id"))


def set_meta(database: Database, kept: list[Doc], key: str, value: Any, *, number: Any = None) -> None:
    """Set one entry."""
    matching = [entry for entry in kept if entry["id"] == number] or [entry for entry in kept if entry["key"] == key]
    if value is None:
        kept[:] = [entry for entry in kept if entry not in matching]
    elif matching:
        matching[0]["value"] = value
        if "display_value" in matching[0]:
            matching[0]["display_value"] = value
    else:
        kept.append({"id": database.next_id("meta"), "key": key, "value": value})


def set_line_meta(database: Database, line: Doc, key: str, value: str, display_key: str = "") -> None:
    """Set one entry of a line, which carries what is displayed beside what is kept."""
    set_meta(database, line["meta_data"], key, value)
    for entry in line["meta_data"]:
        if entry["key"] == key:
            entry["display_key"], entry["display_value"] = display_key or key, value


def value_of(kept: list[Doc], key: str) -> Any:
    """The value of a key, None where it is not kept."""
    return next((entry["value"] for entry in kept if entry["key"] == key), None)
