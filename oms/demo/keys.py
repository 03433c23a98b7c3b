"""Passwords and keys of the demo world: derived from the installation's secret and the world, stored nowhere."""

from __future__ import annotations

import hashlib
import hmac

from django.conf import settings

from oms.demo.models import DemoWorld

_WORDS = (
    "kolam", "mango", "indigo", "saffron", "banyan", "monsoon", "peacock", "jasmine", "tamarind", "lotus", "marigold",
    "cardamom", "rickshaw", "bazaar", "veena", "turmeric",
)  # fmt: skip


def derive(world: DemoWorld, purpose: str) -> str:
    """64 hexadecimal digits that belong to this world and purpose, the same each time."""
    text = f"demo/{world.uid}/{purpose}".encode()
    return hmac.new(settings.SECRET_KEY.encode(), text, hashlib.sha256).hexdigest()


def password(world: DemoWorld) -> str:
    """The one password of everybody in this world: three words and three digits, easy to type and not in any list."""
    digest = bytes.fromhex(derive(world, "password"))
    words = [_WORDS[byte % len(_WORDS)] for byte in digest[:3]]
    return "-".join([*words, str(100 + int.from_bytes(digest[4:8], "big") % 900)])
