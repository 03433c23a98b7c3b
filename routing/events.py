"""What routing decides."""

from __future__ import annotations

from dataclasses import dataclass

from oms.core.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRouted(Event):
    """Units of an order were given to nodes and reserved there. `complete` is False where some wait for stock."""

    order_id: int
    number: str
    node_ids: list[int]
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderUnroutable(Event):
    """No node can take any of an order now; it waits for stock or for a person."""

    order_id: int
    number: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingOrdersTried(Event):
    """A page of waiting orders was tried again, up to this one; those behind it are next.

    `sku_ids` limits them to orders that wait for one of these; None means any.
    """

    until_order_id: int
    trigger: str
    sku_ids: list[int] | None = None

    @property
    def aggregate(self) -> str:
        """The last order of the page."""
        return f"order:{self.until_order_id}"
