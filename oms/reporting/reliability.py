"""Promised against kept: first promises of orders that fell due, by week, lane, carrier and node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from oms.core.db import fetch_all
from oms.reporting.scope import Scope
from routing.promise.calibration import Reliability, reliability_of

By = Literal["week", "lane", "carrier", "node", "service"]
#: Fewer promises say nothing yet.
FEWEST = 30
MOST_ROWS = 60

_KEYS: dict[str, str] = {
    "week": "to_char(date_trunc('week', p.promised_by), 'IYYY-\"W\"IW')",
    "lane": "p.lane",
    "carrier": "coalesce(nullif(p.carrier, ''), '–')",
    "node": "n.code",
    "service": "p.service",
}
# A promise of several nodes counts for each of them.
_ROWS = """
SELECT {key}, count(*), sum(p.said), count(*) FILTER (WHERE p.state = 'kept')
FROM routing_orderpromise p
JOIN orders_order o ON o.id = p.order_id
{nodes_join}
WHERE p.seq = 1 AND p.judged_at IS NOT NULL AND p.state <> 'void'
    AND p.promised_by >= now() - make_interval(days => %(days)s::int) AND {orders} {node_scope}
GROUP BY 1 ORDER BY {order} LIMIT %(most)s::bigint
"""


@dataclass(frozen=True, slots=True)
class ReliabilityRow:
    """One group, with positions on the chart in percent of its width."""

    row: Reliability

    @property
    def enough(self) -> bool:
        """Whether there are enough promises to say anything."""
        return self.row.promises >= FEWEST


def reliability_rows(by: By, scope: Scope, *, days: int = 180) -> list[ReliabilityRow]:
    """The groups: weeks from the newest on, others by the number of promises. One statement."""
    with_nodes = by == "node"
    sql = _ROWS.format(
        key=_KEYS[by],
        nodes_join="JOIN inventory_node n ON n.code = ANY(p.nodes)" if with_nodes else "",
        node_scope="AND {nodes}" if with_nodes else "",
        order="1 DESC" if by == "week" else "2 DESC, 1",
        orders="{orders}",
    )
    rows = fetch_all(scope.apply(sql), {"days": days, "most": MOST_ROWS} | scope.params)
    return [ReliabilityRow(reliability_of(key, count, float(said), kept)) for key, count, said, kept in rows]
