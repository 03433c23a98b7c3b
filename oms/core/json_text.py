"""JSON text for statements that take many rows in one parameter, and back. Several times as fast as the standard
library, which decides on hot paths; what only the standard library can write is left to it."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

_HALF = re.compile("[\ud800-\udfff]")


def to_json(value: Any) -> str:
    """JSON of dicts, lists, texts, numbers, UUIDs and times (ISO 8601). Keys stay in their order; NaN becomes null."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        # Integers beyond 64 bits and lone surrogates: rare, and only ever in what others sent us.
        return json.dumps(value, default=_text_of)


def from_json(text: str) -> Any:
    """The value of a JSON text that this system wrote."""
    return orjson.loads(text)


def unkept_text(value: Any) -> str | None:
    """Where in a JSON value the first text stands that PostgreSQL does not keep, as in `units.0.sku`; None for none.

    Such are texts with U+0000, or with half of a pair of surrogates.
    """
    waiting = [("", value)]
    while waiting:
        place, one = waiting.pop()
        if isinstance(one, str):
            if "\x00" in one or _HALF.search(one):
                return place
        elif isinstance(one, dict):
            waiting += [(place, name) for name in one]
            waiting += [(f"{place}.{name}".lstrip("."), inner) for name, inner in one.items()]
        elif isinstance(one, list | tuple):
            waiting += [(f"{place}.{number}".lstrip("."), inner) for number, inner in enumerate(one)]
    return None


def _text_of(value: Any) -> str:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON.")
