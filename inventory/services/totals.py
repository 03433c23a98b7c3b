"""SKUs over all nodes, rolled up for lists that would otherwise add up every level of every SKU."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from inventory.selectors.kits import ASSEMBLED, kits_of
from oms.core.db import bigints, execute, run_atomic

#: SKUs that are rolled up in one statement where all are.
CHUNK_SKUS = 5000

_STORE = """
INSERT INTO inventory_skutotal AS total (sku_id, on_hand, atp, short_nodes, aside_nodes)
{totals}
ON CONFLICT (sku_id) DO UPDATE SET on_hand = excluded.on_hand, atp = excluded.atp,
    short_nodes = excluded.short_nodes, aside_nodes = excluded.aside_nodes, updated_at = statement_timestamp()
WHERE (total.on_hand, total.atp, total.short_nodes, total.aside_nodes)
    IS DISTINCT FROM (excluded.on_hand, excluded.atp, excluded.short_nodes, excluded.aside_nodes)
"""

_REFRESH = _STORE.format(
    totals="""
SELECT sku.id, coalesce(sum(level.on_hand), 0),
    coalesce(sum(greatest(0, level.on_hand - level.reserved - level.safety_stock)), 0),
    count(*) FILTER (WHERE level.on_hand - level.reserved < level.safety_stock),
    count(*) FILTER (WHERE level.damaged > 0 OR level.quarantine > 0)
FROM unnest(%(skus)s::bigint[]) AS asked(id) JOIN inventory_sku sku USING (id)
LEFT JOIN inventory_stocklevel level ON level.sku_id = sku.id
WHERE NOT sku.is_kit
GROUP BY sku.id ORDER BY sku.id
"""
)

# Of a kit only ATP means something: at each node what the scarcest component allows, added up.
_REFRESH_KITS = _STORE.format(
    totals=f"""
SELECT kit.id, 0, coalesce(sum(place.kits), 0), 0, 0
FROM inventory_sku kit
LEFT JOIN ({ASSEMBLED.format(of="part.kit_id = ANY(%(skus)s::bigint[])")}) place ON place.kit_id = kit.id
WHERE kit.id = ANY(%(skus)s::bigint[]) AND kit.is_kit
GROUP BY kit.id ORDER BY kit.id
"""  # noqa: S608 - a constant of the selectors
)


def refresh_totals(sku_ids: Iterable[int]) -> int:
    """Roll up these SKUs over all nodes, and the kits that they are components of; how many totals changed.

    Two at once on one SKU may leave the older total; what changed it is noted after it, so the next round mends that.
    """
    ids = sorted(set(sku_ids))
    kits = sorted(kits_of(ids))
    plain = sum(_refresh(_REFRESH, ids[start : start + CHUNK_SKUS]) for start in range(0, len(ids), CHUNK_SKUS))
    return plain + (_refresh(_REFRESH_KITS, kits) if kits else 0)


def _refresh(statement: str, sku_ids: Sequence[int]) -> int:
    return run_atomic(lambda: execute(statement, {"skus": bigints(sku_ids)}))
