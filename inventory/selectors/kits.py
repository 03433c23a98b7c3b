"""Kits: what they are assembled from, and how many can be."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from oms.core.db import bigints, fetch_all


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """`quantity` units of a SKU go into one unit of the kit. Prices and costs are in minor units."""

    sku_id: int
    code: str
    name: str
    quantity: int
    price_minor: int
    cost_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What one unit of a kit is assembled from, by code of the component; empty where nobody has said it yet."""

    kit_id: int
    code: str
    ships_together: bool
    components: tuple[Component, ...]


_RECIPES = """
SELECT kit.id, kit.code, kit.ships_together, sku.id, sku.code, sku.name, part.quantity, sku.price_minor, sku.cost_minor
FROM inventory_sku kit
LEFT JOIN inventory_kitcomponent part ON part.kit_id = kit.id
LEFT JOIN inventory_sku sku ON sku.id = part.component_id
WHERE kit.id = ANY(%s::bigint[]) AND kit.is_kit
ORDER BY kit.id, sku.code
"""


def read_recipes(kit_ids: Iterable[int]) -> dict[int, Recipe]:
    """The recipes of those of these SKUs that are kits, by id. One statement."""
    rows: dict[int, tuple[str, bool, list[Component]]] = {}
    for kit_id, code, together, *part in fetch_all(_RECIPES, [bigints(sorted(set(kit_ids)))]):
        components = rows.setdefault(kit_id, (code, together, []))[2]
        if part[0] is not None:
            names = ("sku_id", "code", "name", "quantity", "price_minor", "cost_minor")
            components.append(Component(**dict(zip(names, part, strict=True))))
    return {
        kit_id: Recipe(kit_id=kit_id, code=code, ships_together=together, components=tuple(components))
        for kit_id, (code, together, components) in rows.items()
    }


_KITS_OF = """
SELECT kit_id FROM inventory_kitcomponent WHERE component_id = ANY(%(skus)s::bigint[])
UNION SELECT id FROM inventory_sku WHERE id = ANY(%(skus)s::bigint[]) AND is_kit
"""


def kits_of(sku_ids: Collection[int]) -> set[int]:
    """The kits among these SKUs, and those that any of them is a component of. One statement."""
    return {row[0] for row in fetch_all(_KITS_OF, {"skus": bigints(sku_ids)})} if sku_ids else set()


@dataclass(frozen=True, slots=True, kw_only=True)
class KitPart:
    """What one component gives to a kit at a node: `atp` units, never below zero here, `per_kit` of them for one."""

    sku_id: int
    code: str
    name: str
    per_kit: int
    atp: int

    @property
    def kits(self) -> int:
        """Units of the kit that this component alone would allow."""
        return max(0, self.atp) // self.per_kit


@dataclass(frozen=True, slots=True, kw_only=True)
class KitAtNode:
    """How many of a kit a node can assemble: min over components of floor(max(0, ATP) / units per kit)."""

    kit_id: int
    node_id: int
    node_code: str
    parts: tuple[KitPart, ...]

    @property
    def atp(self) -> int:
        """Units of the kit that may be promised."""
        return min((part.kits for part in self.parts), default=0)

    @property
    def scarcest(self) -> tuple[KitPart, ...]:
        """The components that allow no more."""
        return tuple(part for part in self.parts if part.kits == self.atp)

    def sentence(self) -> str:
        """ "4 = min(9 / 2 of A, 7 / 1 of B)"."""
        steps = ", ".join(f"{part.atp} / {part.per_kit} of {part.code}" for part in self.parts)
        return f"{self.atp} = min({steps})" if self.parts else "0: this kit has no components"


#: How many of a kit each node can assemble (kit_id, node_id, kits), by min over components of floor(max(0, ATP) / units
#: per kit); a node that never had one of them is left out. `of` is the condition on `part` and `level`.
ASSEMBLED = """
    SELECT part.kit_id, level.node_id,
        min(greatest(0, level.on_hand - level.reserved - level.safety_stock) / part.quantity) AS kits
    FROM inventory_kitcomponent part JOIN inventory_stocklevel level ON level.sku_id = part.component_id
    WHERE {of}
    GROUP BY part.kit_id, level.node_id
    HAVING count(*) = (SELECT count(*) FROM inventory_kitcomponent every WHERE every.kit_id = part.kit_id)
"""

_STORED = """
    SELECT part.kit_id, part.component_id, part.quantity, sku.code, sku.name
    FROM inventory_kitcomponent part JOIN inventory_sku sku ON sku.id = part.component_id
    WHERE part.kit_id = ANY(%(kits)s::bigint[])
"""
_GIVEN = """
    SELECT 0::bigint AS kit_id, sku.id AS component_id, given.quantity, sku.code, sku.name
    FROM unnest(%(skus)s::bigint[], %(units)s::int[]) AS given(sku_id, quantity)
    JOIN inventory_sku sku ON sku.id = given.sku_id
"""

# A component that a node never had counts as none of it there, so that the explanation names every component.
_AT_NODES = """
WITH part AS MATERIALIZED ({parts}),
place AS MATERIALIZED (
    SELECT DISTINCT part.kit_id, level.node_id
    FROM part JOIN inventory_stocklevel level ON level.sku_id = part.component_id
    WHERE %(nodes)s::bigint[] IS NULL OR level.node_id = ANY(%(nodes)s::bigint[])
)
SELECT place.kit_id, place.node_id, node.code, part.component_id, part.code, part.name, part.quantity,
    coalesce(level.on_hand - level.reserved - level.safety_stock, 0)
FROM place JOIN inventory_node node ON node.id = place.node_id JOIN part ON part.kit_id = place.kit_id
LEFT JOIN inventory_stocklevel level ON level.sku_id = part.component_id AND level.node_id = place.node_id
ORDER BY place.kit_id, node.code, part.code
"""
_KITS_AT_NODES, _PARTS_AT_NODES = _AT_NODES.format(parts=_STORED), _AT_NODES.format(parts=_GIVEN)


def kits_at_nodes(kit_ids: Iterable[int], node_ids: Sequence[int] | None = None) -> list[KitAtNode]:
    """What can be assembled of these kits at these nodes (None: at all), where a node has a level of any component.

    By kit, then by code of the node. One statement.
    """
    return _places(_KITS_AT_NODES, {"kits": bigints(sorted(set(kit_ids)))}, node_ids)


def parts_at_nodes(parts: Sequence[tuple[int, int]], node_ids: Sequence[int] | None = None) -> list[KitAtNode]:
    """The same for a recipe that nobody has saved yet: (SKU id, units in one kit). Its `kit_id` is 0."""
    params = {"skus": bigints(sku for sku, _ in parts), "units": [units for _, units in parts]}
    return _places(_PARTS_AT_NODES, params, node_ids)


def _places(statement: str, params: dict[str, Any], node_ids: Sequence[int] | None) -> list[KitAtNode]:
    nodes = None if node_ids is None else bigints(node_ids)
    found: dict[tuple[int, int], tuple[str, list[KitPart]]] = {}
    for kit_id, node_id, node_code, sku_id, code, name, per_kit, atp in fetch_all(statement, params | {"nodes": nodes}):
        parts = found.setdefault((kit_id, node_id), (node_code, []))[1]
        parts.append(KitPart(sku_id=sku_id, code=code, name=name, per_kit=per_kit, atp=atp))
    return [
        KitAtNode(kit_id=kit_id, node_id=node_id, node_code=node_code, parts=tuple(parts))
        for (kit_id, node_id), (node_code, parts) in found.items()
    ]
