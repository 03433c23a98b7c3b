"""The newest levels of SKUs, read at the moment in which they are sent, each report numbered."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from inventory.models import Sku, StockLevel
from oms.core.clock import now
from oms.core.db import fetch_all
from oms.integrations.services.queueing import envelope
from oms.integrations.topics import LEVEL_TOPIC

#: Locks the SKUs' numbers, in key order, until the transaction ends: what is read next is newer than what anybody read
#: who had a smaller number. Microseconds since 1970 where that is more, so that numbers grow after a restored backup.
_NEXT_VERSIONS = """
INSERT INTO integrations_stockversion AS known (sku_id, version)
SELECT id, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint FROM inventory_sku
WHERE id = ANY(%(ids)s) ORDER BY id
ON CONFLICT (sku_id) DO UPDATE SET version = greatest(known.version + 1, excluded.version)
RETURNING sku_id, version
"""


def read_levels(sku_ids: Iterable[int], node_codes: Collection[str]) -> dict[int, dict[str, Any]]:
    """The payload of each SKU that still exists, of these nodes (none means all). Only inside a transaction."""
    versions = dict(fetch_all(_NEXT_VERSIONS, {"ids": sorted(set(sku_ids))}))
    codes = dict(Sku.objects.filter(pk__in=versions).values_list("pk", "code"))
    found = StockLevel.objects.filter(sku_id__in=versions).select_related("node").order_by("node__code")
    if node_codes:
        found = found.filter(node__code__in=node_codes)
    levels: dict[int, list[dict[str, Any]]] = {}
    for level in found:
        names = ("on_hand", "reserved", "safety_stock", "atp")
        levels.setdefault(level.sku_id, []).append(
            {"node": level.node.code, **{name: getattr(level, name) for name in names}}
        )
    at = now().isoformat()
    return {
        sku_id: envelope(LEVEL_TOPIC, at, {"sku": code, "version": versions[sku_id], "nodes": levels.get(sku_id, [])})
        for sku_id, code in codes.items()
    }
