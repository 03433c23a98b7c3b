"""Which buffer rules there are, and what each keeps back now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from inventory.models import BufferRule
from oms.core.db import bigints, fetch_all

#: Rules set by hand for one SKU at one node come before all that were not given a lower number.
HAND_PRIORITY = 10
BY_HAND = Q(priority=HAND_PRIORITY, sku__isnull=False, node__isnull=False, channel_code="", measure="units")
#: The note of a rule that was removed and waits until no level names it.
REMOVED = "Removed"


@dataclass(frozen=True, slots=True)
class Kept:
    """What a rule keeps back now: stock levels that follow it, units of their buffers, and units of ATP it hides."""

    levels: int = 0
    units: int = 0
    hidden: int = 0


_KEPT = """
SELECT level.safety_rule_id, count(*), sum(level.safety_stock)::bigint,
    sum(least(level.safety_stock, greatest(0, level.on_hand - level.reserved)))::bigint
FROM inventory_stocklevel level WHERE level.safety_rule_id = ANY(%(rules)s::bigint[])
GROUP BY level.safety_rule_id
UNION ALL
SELECT buffer.rule_id, count(*), sum(buffer.units)::bigint,
    sum(least(buffer.units, greatest(0, level.on_hand - level.reserved - level.safety_stock)))::bigint
FROM inventory_channelbuffer buffer JOIN inventory_stocklevel level USING (sku_id, node_id)
WHERE buffer.rule_id = ANY(%(rules)s::bigint[])
GROUP BY buffer.rule_id
"""


def kept_by(rule_ids: Sequence[int]) -> dict[int, Kept]:
    """What each of these rules keeps back now; rules that no level follows are left out."""
    if not rule_ids:
        return {}
    return {row[0]: Kept(*row[1:]) for row in fetch_all(_KEPT, {"rules": bigints(rule_ids)})}


def query_buffer_rules(*, by_hand: bool = False, text: str = "") -> QuerySet[BufferRule]:
    """The rules in order of priority, without those removed; by hand or not. `text` is part of a name."""
    rows = BufferRule.objects.select_related("node", "group", "sku").exclude(note=REMOVED, is_active=False)
    rows = rows.filter(BY_HAND) if by_hand else rows.exclude(BY_HAND)
    return rows.filter(name__icontains=text) if text else rows
