"""SKUs over all nodes, rolled up for lists that would otherwise add up every level of every SKU."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from oms.core.db import bigints, execute, run_atomic

#: SKUs that are rolled up in one statement where all are.
CHUNK_SKUS = 5000

_REFRESH = """
INSERT INTO inventory_skutotal AS total (sku_id, on_hand, atp, short_nodes, aside_nodes)
SELECT sku.id, coalesce(sum(level.on_hand), 0),
    coalesce(sum(greatest(0, level.on_hand - level.reserved - level.safety_stock)), 0),
    count(*) FILTER (WHERE level.on_hand - level.reserved < level.safety_stock),
    count(*) FILTER (WHERE level.damaged > 0 OR level.quarantine > 0)
FROM unnest(%(skus)s::bigint[]) AS asked(id) JOIN inventory_sku sku USING (id)
LEFT JOIN inventory_stocklevel level ON level.sku_id = sku.id
GROUP BY sku.id ORDER BY sku.id
ON CONFLICT (sku_id) DO UPDATE SET on_hand = excluded.on_hand, atp = excluded.atp,
    short_nodes = excluded.short_nodes, aside_nodes = excluded.aside_nodes, updated_at = statement_timestamp()
WHERE (total.on_hand, total.atp, total.short_nodes, total.aside_nodes)
    IS DISTINCT FROM (excluded.on_hand, excluded.atp, excluded.short_nodes, excluded.aside_nodes)
"""


def refresh_totals(sku_ids: Iterable[int]) -> int:
    """Roll up these SKUs over all nodes; how many totals changed.

    Two at once on one SKU may leave the older total; what changed it is noted after it, so the next round mends that.
    """
    ids = sorted(set(sku_ids))
    return sum(_refresh(ids[start : start + CHUNK_SKUS]) for start in range(0, len(ids), CHUNK_SKUS))


def _refresh(sku_ids: Sequence[int]) -> int:
    return run_atomic(lambda: execute(_REFRESH, {"skus": bigints(sku_ids)}))
