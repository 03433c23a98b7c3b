"""What happens to stock and nodes."""

from __future__ import annotations

from dataclasses import dataclass

from oms.core.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class StockChanged(Event):
    """ATP of these SKUs changed somewhere: channels must be told. One event for a whole batch of postings."""

    sku_ids: list[int]
    reason: str

    @property
    def aggregate(self) -> str:
        """The first SKU, with the number of the others."""
        return f"sku:{self.sku_ids[0]}+{len(self.sku_ids) - 1}" if self.sku_ids else "sku:"


@dataclass(frozen=True, slots=True, kw_only=True)
class StockArrived(Event):
    """ATP of these SKUs grew at a node: orders that wait for them may be routed."""

    sku_ids: list[int]
    node_id: int

    @property
    def aggregate(self) -> str:
        """The node."""
        return f"node:{self.node_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCapacityChanged(Event):
    """A node takes another number of orders a day."""

    node_id: int
    before: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSwitched(Event):
    """A node was switched on or off."""

    node_id: int
    active: bool
