"""What providers share: settings that must be there, and bodies that are forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from oms.core.errors import PermanentError


def needed(values: Mapping[str, Any], name: str, where: str) -> str:
    """A value without which nothing can be sent. Raises PermanentError that names it."""
    value = str(values.get(name) or "")
    if not value:
        raise PermanentError(f"The {where} of the account have no {name}.")
    return value


def form_of(body: bytes) -> dict[str, str]:
    """The fields of a form; blank ones too, as signatures count them."""
    return dict(parse_qsl(body.decode(), keep_blank_values=True))
