"""Which SKUs may stand in for which."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q

from inventory.models import Substitute
from oms.core.db import bigints, fetch_dicts
from oms.core.json_text import from_json


@dataclass(frozen=True, slots=True)
class StandIn:
    """A SKU that may be sold in place of `for_sku_id`, the first choice having rank 1.

    `atp` counts units at nodes that are on, without looking at who may sell from them. Prices are list prices in minor
    units, `tax_rate_bp` is in basis points.
    """

    for_sku_id: int
    sku_id: int
    code: str
    name: str
    options: dict[str, str]
    rank: int
    price_minor: int
    tax_rate_bp: int
    atp: int


_STAND_INS = """
SELECT t.sku_id AS for_sku_id, s.id AS sku_id, s.code, s.name, s.options::text AS options, t.rank, s.price_minor,
    s.tax_rate_bp, coalesce((
        SELECT sum(greatest(0, v.on_hand - v.reserved - v.safety_stock))
        FROM inventory_stocklevel v JOIN inventory_node n ON n.id = v.node_id AND n.is_active
        WHERE v.sku_id = s.id), 0)::int AS atp
FROM inventory_substitute t JOIN inventory_sku s ON s.id = t.substitute_id
WHERE t.sku_id = ANY(%(skus)s::bigint[]) AND s.is_active AND NOT s.is_kit
ORDER BY t.sku_id, t.rank
"""


def stand_ins(sku_ids: Iterable[int]) -> dict[int, list[StandIn]]:
    """The active SKUs that may stand in for each SKU, by its id, best first; SKUs without any are left out."""
    found: dict[int, list[StandIn]] = {}
    for row in fetch_dicts(_STAND_INS, {"skus": bigints(sku_ids)}):
        found.setdefault(row["for_sku_id"], []).append(StandIn(**row | {"options": _texts(row["options"])}))
    return found


def _texts(options: str) -> dict[str, str]:
    return {str(key): str(value) for key, value in from_json(options).items()}


def substitutes_of(sku_id: int) -> list[Substitute]:
    """The substitutes of a SKU as they were entered, best first, active or not."""
    return both_ways(sku_id)[0]


def both_ways(sku_id: int) -> tuple[list[Substitute], list[Substitute]]:
    """The substitutes of a SKU as they were entered, best first, and the rows of which it is the substitute, by code.
    One statement."""
    rows = Substitute.objects.filter(Q(sku=sku_id) | Q(substitute=sku_id)).select_related("sku", "substitute")
    found = list(rows.order_by("rank", "sku__code"))
    return (
        [row for row in found if row.sku_id == sku_id],
        sorted([row for row in found if row.substitute_id == sku_id], key=lambda row: row.sku.code),
    )
