"""The part of the business that a person sees, as conditions for set-based SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from oms.accounts.access import Principal

# The rule of `oms.accounts.access.in_order_scope`: by channel, and for people of some nodes by the work given there.
_CHANNELS = "o.channel_id IN (SELECT id FROM orders_saleschannel WHERE code = ANY(%(channels)s))"
_NODES = """EXISTS (
    SELECT 1 FROM fulfillment_fulfillmentorder seen JOIN inventory_node place ON place.id = seen.node_id
    WHERE seen.order_id = o.id AND place.code = ANY(%(nodes)s)
)"""


@dataclass(frozen=True, slots=True)
class Scope:
    """Codes of the channels and nodes in sight; None means every one."""

    channels: tuple[str, ...] | None = None
    nodes: tuple[str, ...] | None = None

    @classmethod
    def of(cls, principal: Principal) -> Scope:
        """What a principal may see."""
        return cls(
            channels=None if principal.all_channels else tuple(sorted(principal.channel_codes)),
            nodes=None if principal.all_nodes else tuple(sorted(principal.node_codes)),
        )

    def apply(self, sql: str) -> str:
        """The statement with its marks replaced by conditions.

        `{orders}` becomes one on the order that the statement calls `o`, `{nodes}` one on the node that it calls `n`,
        `{channels}` one on the channel that it calls `c`. Only text of this module goes in; codes stay parameters.
        """
        orders = [text for text, limited in ((_CHANNELS, self.channels), (_NODES, self.nodes)) if limited is not None]
        nodes = "n.code = ANY(%(nodes)s)" if self.nodes is not None else "true"
        channels = "c.code = ANY(%(channels)s)" if self.channels is not None else "true"
        filled = sql.replace("{orders}", " AND ".join(orders) or "true")
        return filled.replace("{nodes}", nodes).replace("{channels}", channels)

    @property
    def params(self) -> dict[str, Any]:
        """The parameters that the conditions name."""
        return {
            "channels": list(self.channels) if self.channels is not None else None,
            "nodes": list(self.nodes) if self.nodes is not None else None,
        }
