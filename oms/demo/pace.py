"""How fast the people of the demo work."""

from __future__ import annotations

from dataclasses import dataclass

#: Share of lines of which a unit is not found, as the trade has it: one to two in a hundred.
SHORT_SHARE = 0.015


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the crew works. Seconds, before `speed` divides them."""

    speed: float = 1.0
    order_seconds: float = 8.0
    pack_seconds: float = 12.0
    pickup_seconds: float = 45.0
    restock_seconds: float = 240.0
    short_share: float = SHORT_SHARE
