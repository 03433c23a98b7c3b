"""What happens to goods that come back."""

from __future__ import annotations

from dataclasses import dataclass

from oms.core.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnReceived(Event):
    """Returned goods were received and put where they belong."""

    return_id: int
    order_id: int
