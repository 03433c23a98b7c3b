"""Reading carriers' replies, which may hold anything: what is not there is empty. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from oms.core.errors import PermanentError

_PDF = b"%PDF"


def part_of(value: Any, *names: str) -> Mapping[str, Any]:
    """The object under these names, one within the other."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def rows_of(value: Any, name: str) -> list[Mapping[str, Any]]:
    """The objects of the list under a name."""
    rows = value.get(name) if isinstance(value, dict) else None
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def text_of(row: Mapping[str, Any], name: str) -> str:
    """What stands under a name, as text."""
    value = row.get(name)
    return "" if value is None else str(value).strip()


def day_of(value: Any) -> date | None:
    """The day of `2026-11-24` or of a moment that begins so."""
    try:
        return datetime.fromisoformat(str(value)).date()
    except ValueError:
        return None


def pdf(encoded: Any, what: str) -> bytes:
    """A PDF of base64. Raises PermanentError for anything else."""
    try:
        content = base64.b64decode(str(encoded))
    except (binascii.Error, ValueError) as error:
        raise PermanentError(f"The {what} is no base64: {error}") from error
    if not content.startswith(_PDF):
        raise PermanentError(f"The {what} is no PDF: it begins with {content[:8]!r}.")
    return content


def label_of(encoded: Any) -> bytes:
    """The label that came with a booking, nothing where it is no PDF: the parcel is booked all the same."""
    try:
        return pdf(encoded or "", "label")
    except PermanentError:
        return b""
