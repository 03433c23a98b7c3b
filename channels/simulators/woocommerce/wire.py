"""JSON as PHP writes it."""

from __future__ import annotations

import json
from typing import Any


def php_json(data: Any) -> bytes:
    """Compact, ASCII, with escaped slashes: the very bytes that a webhook's signature covers."""
    return json.dumps(data, separators=(",", ":")).replace("/", "\\/").encode()
