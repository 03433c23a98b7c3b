"""Kits of the known world."""

from __future__ import annotations

from typing import Any

from channels.services import define_kit
from inventory.models import Sku
from inventory.services import ComponentTerms
from tests.factories import make_sku


def make_kit(code: str, *parts: tuple[Sku, int], price_minor: int = 150_000, **fields: Any) -> Sku:
    """A kit of these SKUs, so many units of each."""
    kit = make_sku(code, price_minor=price_minor, is_kit=not parts, **fields)
    if parts:
        define_kit(kit_id=kit.pk, components=[ComponentTerms(sku.pk, units) for sku, units in parts], actor="test")
        kit.refresh_from_db()
    return kit
