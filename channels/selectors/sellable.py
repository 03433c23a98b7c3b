"""Why a channel may sell as many of a SKU as it may: every number of the sum, node by node."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from channels.services.sellable_sql import PAIRS, parts
from oms.core.db import bigints, fetch_dicts


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeShare:
    """What one node gives to a channel. `units` = max(0, `atp` - `buffer`); `inbound` is dated and on its way there."""

    node_id: int
    node_code: str
    atp: int
    buffer: int
    inbound: int

    @property
    def units(self) -> int:
        """Units that count."""
        return max(0, self.atp - self.buffer)


@dataclass(frozen=True, slots=True, kw_only=True)
class SellableExplanation:
    """What a channel may sell of a SKU, and why. `listing_id` is None where the channel does not list it.

    `quantity` follows from the parts alone; `stored` is what the database works out for publication.
    """

    channel_id: int
    channel_code: str
    channel_name: str
    listing_id: int | None
    sku_id: int
    nodes: tuple[NodeShare, ...]
    waiting: int
    threshold: int
    cap: int | None
    sells_inbound: bool
    stopped: bool
    stored: int

    @property
    def ready(self) -> int:
        """Units that the nodes have for it."""
        return sum(node.units for node in self.nodes)

    @property
    def inbound(self) -> int:
        """Units on their way that count; 0 where the listing does not sell them."""
        return sum(node.inbound for node in self.nodes) if self.sells_inbound else 0

    @property
    def uncapped(self) -> int:
        """The sum before the cap."""
        return max(0, self.ready + self.inbound - self.waiting - self.threshold)

    @property
    def quantity(self) -> int:
        """Units that the channel may sell."""
        if self.stopped:
            return 0
        return self.uncapped if self.cap is None else min(self.uncapped, self.cap)

    def sentence(self, seen: Sequence[str] | None = None) -> str:
        """ "12 = 9 WH-1 + 4 ST-2 - 1 waiting - 0 threshold, cap 12". Nodes that are not `seen` are one number."""
        shown = [node for node in self.nodes if node.units and (seen is None or node.node_code in seen)]
        steps = [
            f"{node.units} {node.node_code}" for node in sorted(shown, key=lambda node: (-node.units, node.node_code))
        ]
        others = self.ready - sum(node.units for node in shown)
        if others:
            steps.append(f"{others} other nodes")
        if self.inbound:
            steps.append(f"{self.inbound} inbound")
        text = f"{self.quantity} = {' + '.join(steps) or '0'} − {self.waiting} waiting − {self.threshold} threshold"
        if self.cap is not None:
            text += f", cap {self.cap}"
        if self.stopped:
            return f"{text}; selling is stopped"
        return f"{text}; no less than 0" if self.ready + self.inbound < self.waiting + self.threshold else text


_NUMBERS = f"""{parts(PAIRS)}
SELECT sellable.id, sellable.channel_id, channel.code AS channel_code, channel.name AS channel_name, sellable.sku_id,
    sellable.waiting, sellable.threshold, sellable.cap, sellable.sells_inbound, sellable.stopped,
    sellable.quantity AS stored,
    (SELECT coalesce(json_agg(json_build_object('node_id', node.id, 'node_code', node.code, 'atp', level.atp,
        'buffer', level.buffer, 'inbound', level.inbound) ORDER BY node.code), '[]')
     FROM level JOIN inventory_node node ON node.id = level.node_id WHERE level.channel_id = sellable.channel_id
    ) AS nodes
FROM sellable JOIN orders_saleschannel channel ON channel.id = sellable.channel_id
ORDER BY channel.name, channel.id
"""  # noqa: S608 - constants of this package


def explain_sellable(*, sku_id: int, channel_ids: Sequence[int]) -> list[SellableExplanation]:
    """What each of these channels may sell of the SKU, by name of the channel. One statement."""
    rows = fetch_dicts(_NUMBERS, {"sku": sku_id, "channels": bigints(channel_ids)})
    found = []
    for row in rows:
        listing_id, nodes = row.pop("id"), row.pop("nodes")
        shares = tuple(NodeShare(**node) for node in (json.loads(nodes) if isinstance(nodes, str) else nodes))
        found.append(SellableExplanation(**row, listing_id=listing_id if listing_id > 0 else None, nodes=shares))
    return found
