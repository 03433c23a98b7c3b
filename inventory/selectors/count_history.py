"""What counting showed: the last count of a SKU at a node, how right the stock of a node was, and the limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from inventory.models import ApprovalLimit, CountItem, CountItemState, Node
from oms.core.clock import now
from oms.core.db import fetch_dicts

#: Items whose variance was settled.
ACCEPTED = (CountItemState.ACCEPTED, CountItemState.AUTO_ACCEPTED)
#: Days that the figures about accuracy look back.
ACCURACY_DAYS = 90


@dataclass(frozen=True, slots=True)
class Limit:
    """Up to so many units and so much value a variance needs no second person. None: no limit was set."""

    units: int | None = None
    value_minor: int | None = None

    def is_exceeded(self, units: int, value_minor: int) -> bool:
        """True where a second person has to decide."""
        return self.units is not None and self.value_minor is not None and (
            abs(units) > self.units or abs(value_minor) > self.value_minor
        )  # fmt: skip


def limit_at(node: Node) -> Limit:
    """The limit of the node's kind, else the one for every node, else none."""
    rows = {row.node_kind: row for row in ApprovalLimit.objects.filter(node_kind__in=(node.kind, ""))}
    row = rows.get(node.kind) or rows.get("")
    return Limit(row.units, row.value_minor) if row else Limit()


@dataclass(frozen=True, slots=True)
class LastCount:
    """The newest decided count of a SKU at a node."""

    uid: UUID
    number: str
    at: datetime
    counted: int
    variance: int
    posted: int
    decided_by: str


def last_count(sku_id: int, node_id: int) -> LastCount | None:
    """When the SKU was last counted there, and what differed. None where it never was. One statement."""
    item = (
        CountItem.objects.select_related("count")
        .filter(sku_id=sku_id, count__node=node_id, state__in=ACCEPTED, counted_at__isnull=False)
        .order_by("-counted_at")
        .first()
    )
    if item is None or item.counted_at is None or item.counted_quantity is None:
        return None
    return LastCount(
        item.count.uid, item.count.number, item.counted_at, item.counted_quantity, item.variance or 0,
        item.posted_quantity, item.decided_by,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How right the stock of a node was: lines counted, lines without variance, units and value that differed."""

    node_id: int
    lines: int
    right: int
    units_lost: int
    units_found: int
    value_minor: int

    @property
    def share(self) -> float | None:
        """Lines that were right; None without lines."""
        return self.right / self.lines if self.lines else None


_ACCURACY = """
WITH line AS (
    SELECT c.node_id, i.counted_quantity - i.expected_quantity AS variance, s.cost_minor
    FROM inventory_countitem i
    JOIN inventory_stockcount c ON c.id = i.count_id JOIN inventory_sku s ON s.id = i.sku_id
    WHERE c.node_id = ANY(%s) AND i.state IN ('accepted', 'auto') AND i.counted_at >= %s
)
SELECT node_id, count(*)::int AS lines, count(*) FILTER (WHERE variance = 0)::int AS right,
    coalesce(sum(-variance) FILTER (WHERE variance < 0), 0)::int AS units_lost,
    coalesce(sum(variance) FILTER (WHERE variance > 0), 0)::int AS units_found,
    coalesce(sum(abs(variance) * cost_minor), 0)::bigint AS value_minor
FROM line GROUP BY node_id
"""


def count_accuracy(node_ids: Sequence[int], *, days: int = ACCURACY_DAYS) -> list[Accuracy]:
    """Accuracy by node over the last days, in the order of the ids; nodes where nothing was counted are left out."""
    rows = fetch_dicts(_ACCURACY, [list(node_ids), now() - timedelta(days=days)])
    found = {row["node_id"]: Accuracy(**row) for row in rows}
    return [found[pk] for pk in node_ids if pk in found]
