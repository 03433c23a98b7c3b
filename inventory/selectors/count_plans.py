"""Which SKUs a count should take: by filters, or by what gives reason to doubt the stock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from oms.core.clock import now
from oms.core.db import fetch_all, fetch_dicts

#: SKUs that one count takes at most.
MOST_SKUS = 2000
#: SKUs of a suggested count.
SUGGESTED_SKUS = 50
#: Days after which a SKU is due again, by how fast it sells (see DemandRate); what is not known to sell is of the last.
DUE_DAYS = {"fast": 30, "medium": 60, "slow": 120, "none": 180}


@dataclass(frozen=True, slots=True, kw_only=True)
class CountFilter:
    """SKUs of a node. Every field that is given narrows the choice; `sku_ids` limits it to these SKUs."""

    category: str = ""
    bin_prefix: str = ""
    atp_below: int | None = None
    not_counted_days: int | None = None
    sku_ids: frozenset[int] | None = field(default=None)


_CHOSEN = """
SELECT l.sku_id FROM inventory_stocklevel l JOIN inventory_sku s ON s.id = l.sku_id
WHERE l.node_id = %(node)s AND NOT s.is_kit
    AND (%(category)s = '' OR s.category = %(category)s)
    AND (%(bin)s = '' OR starts_with(upper(l.bin_code), upper(%(bin)s)))
    AND (%(below)s::int IS NULL OR l.on_hand - l.reserved - l.safety_stock < %(below)s)
    AND (%(skus)s::bigint[] IS NULL OR l.sku_id = ANY(%(skus)s))
    AND (%(since)s::timestamptz IS NULL OR NOT EXISTS (
        SELECT FROM inventory_countitem i JOIN inventory_stockcount c ON c.id = i.count_id
        WHERE i.sku_id = l.sku_id AND c.node_id = l.node_id AND i.state IN ('accepted', 'auto')
            AND i.counted_at >= %(since)s))
ORDER BY l.bin_code, s.code LIMIT %(limit)s
"""


def skus_to_count(node_id: int, only: CountFilter, *, limit: int = MOST_SKUS + 1) -> list[int]:
    """Ids of the SKUs that a node has or had and the filter takes, in the order of their bins. Kits have no stock."""
    days = only.not_counted_days
    rows = fetch_all(
        _CHOSEN,
        {"node": node_id, "category": only.category, "bin": only.bin_prefix, "below": only.atp_below,
         "skus": sorted(only.sku_ids) if only.sku_ids is not None else None,
         "since": now() - timedelta(days=days) if days is not None else None, "limit": limit},
    )  # fmt: skip
    return [row[0] for row in rows]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A SKU that should be counted, and why, the strongest reason first."""

    sku_id: int
    code: str
    name: str
    bin_code: str
    on_hand: int
    velocity: str
    last_at: datetime | None
    last_variance: int | None
    short_picked: bool
    overdue_days: int

    @property
    def reason(self) -> str:
        """In words."""
        if self.short_picked:
            return "A picker did not find it"
        if self.last_variance is not None and self.last_variance < 0:
            return f"{-self.last_variance} too few at its last count"
        if self.last_at is None:
            return "Never counted"
        return f"Due {self.overdue_days} days ago"


_SUGGESTED = """
WITH known AS (
    SELECT DISTINCT ON (i.sku_id) i.sku_id, i.counted_at, i.counted_quantity - i.expected_quantity AS variance
    FROM inventory_countitem i JOIN inventory_stockcount c ON c.id = i.count_id
    WHERE c.node_id = %(node)s AND i.state IN ('accepted', 'auto') AND i.counted_at IS NOT NULL
    ORDER BY i.sku_id, i.counted_at DESC
),
going AS (
    SELECT i.sku_id FROM inventory_countitem i JOIN inventory_stockcount c ON c.id = i.count_id
    WHERE c.node_id = %(node)s AND c.state IN ('open', 'review')
),
level AS (
    SELECT l.sku_id, s.code, s.name, l.bin_code, l.on_hand, coalesce(d.velocity, 'none') AS velocity,
        k.counted_at AS last_at, k.variance AS last_variance,
        coalesce(l.sku_id = ANY(%(short)s::bigint[])
            AND (k.counted_at IS NULL OR k.counted_at < %(short_since)s), false) AS short_picked,
        CASE d.velocity WHEN 'fast' THEN %(fast)s WHEN 'medium' THEN %(medium)s
            WHEN 'slow' THEN %(slow)s ELSE %(other)s END::int AS due_days
    FROM inventory_stocklevel l
    JOIN inventory_sku s ON s.id = l.sku_id AND s.is_active AND NOT s.is_kit
    LEFT JOIN inventory_demandrate d ON d.sku_id = l.sku_id AND d.node_id = l.node_id
    LEFT JOIN known k ON k.sku_id = l.sku_id
    WHERE l.node_id = %(node)s AND l.sku_id NOT IN (SELECT sku_id FROM going)
)
SELECT sku_id, code, name, bin_code, on_hand, velocity, last_at, last_variance, short_picked,
    coalesce(extract(day FROM %(now)s::timestamptz - last_at)::int - due_days, 0) AS overdue_days
FROM level
WHERE short_picked OR last_variance < 0 AND last_at < %(now)s::timestamptz - interval '7 days'
    OR last_at IS NULL AND on_hand > 0 OR last_at < %(now)s::timestamptz - make_interval(days => due_days)
ORDER BY short_picked DESC, coalesce(last_variance, 0) < 0 DESC, due_days, last_at NULLS FIRST, on_hand DESC, code
LIMIT %(limit)s
"""


def suggested_skus(
    node_id: int, *, short_sku_ids: Sequence[int], short_since: datetime, limit: int = SUGGESTED_SKUS
) -> list[Suggestion]:
    """What should be counted next at a node: what pickers missed (`short_sku_ids`, since `short_since`) and nobody
    counted after it; what was too few at its last count, a week or more ago; what is due by how fast it sells, the
    longest uncounted first. SKUs that a count is going on about are left out. One statement.
    """
    rows = fetch_dicts(
        _SUGGESTED,
        {"node": node_id, "short": list(short_sku_ids), "short_since": short_since, "now": now(), "limit": limit,
         "fast": DUE_DAYS["fast"], "medium": DUE_DAYS["medium"], "slow": DUE_DAYS["slow"], "other": DUE_DAYS["none"]},
    )  # fmt: skip
    return [Suggestion(**row) for row in rows]
