"""What people may choose from."""

from __future__ import annotations

from orders.models import HoldReason


def hold_reasons() -> list[tuple[str, str]]:
    """Reasons that a person may choose from."""
    return [(value, label) for value, label in HoldReason.choices if value not in {"unmapped_sku", "channel"}]
