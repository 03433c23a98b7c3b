"""The stock grid: SKUs down, nodes across, what can be promised in each cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from django.urls import reverse

from inventory.models import Node, NodeGroup, NodeKind, Sku
from inventory.selectors import kits_at_nodes
from inventory.selectors.kits import ASSEMBLED
from oms.accounts.access import Principal, in_node_scope
from oms.core.db import fetch_all, fetch_dicts
from oms.dashboard.inventory.grid_question import COLUMNS_BY, Column, GridQuestion, columns_of

#: Node columns shown at once.
COLUMNS = 8
CHUNK_SKUS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One SKU at one node, or added up over the nodes of a column, each counted from zero for ATP.

    None of it exists where the nodes never had the SKU.
    """

    sku_id: int
    node_id: int
    on_hand: int
    reserved: int
    damaged: int
    quarantine: int
    inbound: int
    safety_stock: int
    atp: int


@dataclass(slots=True)
class GridRow:
    """One SKU with its cells in the order of the columns, its sum over all nodes asked about, and waiting demand."""

    sku: Sku
    cells: list[Cell | None] = field(default_factory=list)
    atp: int = 0
    on_hand: int = 0
    waiting: int = 0
    columns: Sequence[Column] = ()

    @property
    def is_kit(self) -> bool:
        """It has no stock of its own: its cells are what each node can assemble."""
        return self.sku.is_kit

    @property
    def pairs(self) -> list[tuple[Column, Cell | None, str]]:
        """Each cell with its column and its address: the SKU's where several nodes are added up.

        A page has hundreds: one address is made and cut per row.
        """
        base = reverse("dashboard:sku", args=[self.sku.pk])
        return [
            (column, cell, f"{base}{column.node_code}/" if column.node_code else base)
            for column, cell in zip(self.columns, self.cells, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Grid:
    """A page of the grid."""

    rows: list[GridRow]
    columns: list[Column]
    all_columns: int
    nodes: list[Node]
    before: str
    after: str
    previous_columns: int | None
    next_columns: int | None
    first_column: int = 1

    @property
    def last_column(self) -> int:
        """Number of the last column shown, counted from 1."""
        return self.first_column + len(self.columns) - 1


def nodes_asked(question: GridQuestion, principal: Principal) -> list[Node]:
    """The nodes in scope that the filters leave, by code."""
    nodes = in_node_scope(Node.objects.all(), principal, "code")
    if question.group:
        nodes = nodes.filter(groups__code=question.group)
    if question.kind in NodeKind.values:
        nodes = nodes.filter(kind=question.kind)
    if question.node:
        nodes = nodes.filter(code=question.node)
    return list(nodes.order_by("code"))


_MATCHING = """
SELECT s.id FROM inventory_sku s
WHERE s.is_active
    AND (%(category)s = '' OR s.category = %(category)s) AND (%(brand)s = '' OR s.brand = %(brand)s)
"""
# Each half has an index of its own; joined by OR none would be used.
_NAMED = """ AND s.id IN (
    SELECT id FROM inventory_sku WHERE code ILIKE %(like)s OR name ILIKE %(like)s
    UNION ALL SELECT sku_id FROM inventory_barcode WHERE code = %(text)s
)"""
# Over all nodes the totals know; over some of them their levels are added up once, not SKU by SKU.
_BELOW = """ AND NOT EXISTS (
    SELECT FROM inventory_skutotal total WHERE total.sku_id = s.id AND total.atp >= %(below)s
)"""
_OF_SKU = ASSEMBLED.format(of="part.kit_id = s.id AND level.node_id = ANY(%(nodes)s::bigint[])")
_BELOW_AT_NODES = f""" AND s.id NOT IN (
    SELECT sku_id FROM inventory_stocklevel WHERE node_id = ANY(%(nodes)s::bigint[])
    GROUP BY sku_id HAVING sum(greatest(0, on_hand - reserved - safety_stock)) >= %(below)s
) AND NOT (s.is_kit AND %(below)s <= (SELECT coalesce(sum(kits), 0) FROM ({_OF_SKU}) place))"""  # noqa: S608 - constants
_WANTED = "SELECT sku_id FROM orders_orderline WHERE (unallocated > 0 OR backordered > 0) AND sku_id IS NOT NULL"
_PROBLEMS = f""" AND s.id IN (
    SELECT sku_id FROM inventory_skutotal WHERE short_nodes > 0 OR aside_nodes > 0 UNION ALL {_WANTED}
)"""  # noqa: S608 - a constant of this module
_PROBLEMS_AT_NODES = f""" AND s.id IN (
    SELECT sku_id FROM inventory_stocklevel WHERE node_id = ANY(%(nodes)s::bigint[])
        AND (damaged > 0 OR quarantine > 0 OR on_hand - reserved < safety_stock)
    UNION ALL {_WANTED}
)"""  # noqa: S608 - a constant of this module


@dataclass(frozen=True, slots=True)
class Asked:
    """The nodes that a question is about; `everywhere` where that is all there are."""

    nodes: Sequence[Node]
    everywhere: bool


def _asked(question: GridQuestion, principal: Principal, nodes: Sequence[Node]) -> Asked:
    return Asked(nodes, principal.all_nodes and not (question.group or question.kind or question.node))


def _matching(question: GridQuestion, *, everywhere: bool) -> str:
    """The statement with the conditions that the question has."""
    sql = _MATCHING
    if question.text:
        sql += _NAMED
    if question.below is not None:
        sql += _BELOW if everywhere else _BELOW_AT_NODES
    if question.problems:
        sql += _PROBLEMS if everywhere else _PROBLEMS_AT_NODES
    return sql


_FORWARD = " AND s.code > %(mark)s ORDER BY s.code LIMIT %(limit)s"
_BACKWARD = " AND s.code < %(mark)s ORDER BY s.code DESC LIMIT %(limit)s"


def _sku_ids(question: GridQuestion, nodes: Asked, mark: str, limit: int, *, back: bool) -> list[int]:
    escaped = question.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    params = {
        "text": question.text, "like": f"%{escaped}%", "category": question.category, "below": question.below,
        "brand": question.brand, "nodes": [node.pk for node in nodes.nodes], "mark": mark, "limit": limit,
    }  # fmt: skip
    sql = _matching(question, everywhere=nodes.everywhere) + (_BACKWARD if back else _FORWARD)
    return [row[0] for row in fetch_all(sql, params)]


def build_grid(question: GridQuestion, principal: Principal) -> Grid:
    """One page, by key over the SKU's code. Six statements at most, whatever the size."""
    nodes = nodes_asked(question, principal)
    every = columns_of(question, nodes)
    start = question.columns_from if question.columns_from < len(every) else 0
    columns = every[start : start + COLUMNS]
    back = bool(question.before)
    mark = question.before or question.after
    ids = _sku_ids(question, _asked(question, principal, nodes), mark, question.size + 1, back=back)
    more, ids = len(ids) > question.size, ids[: question.size]
    skus = sorted(Sku.objects.filter(pk__in=ids), key=lambda sku: sku.code)
    rows = _rows(skus, columns, nodes)
    has_before = more if back else bool(mark)
    has_after = True if back else more
    return Grid(
        rows=rows, columns=columns, all_columns=len(every), nodes=nodes,
        before=rows[0].sku.code if rows and has_before else "", after=rows[-1].sku.code if rows and has_after else "",
        previous_columns=max(0, start - COLUMNS) if start else None,
        next_columns=start + COLUMNS if start + COLUMNS < len(every) else None, first_column=start + 1,
    )  # fmt: skip


_CELLS = """
SELECT sku_id, node_id, on_hand, reserved, damaged, quarantine, inbound, safety_stock,
    on_hand - reserved - safety_stock AS atp
FROM inventory_stocklevel WHERE sku_id = ANY(%s) AND node_id = ANY(%s)
"""
_WAITING = """
SELECT sku_id, sum(unallocated + backordered)::int FROM orders_orderline
WHERE sku_id = ANY(%s) AND (unallocated > 0 OR backordered > 0) GROUP BY sku_id
"""


def _rows(skus: Sequence[Sku], columns: Sequence[Column], nodes: Sequence[Node]) -> list[GridRow]:
    ids = [sku.pk for sku in skus]
    cells = {(row["sku_id"], row["node_id"]): Cell(**row)
             for row in fetch_dicts(_CELLS, [ids, [node.pk for node in nodes]])}  # fmt: skip
    cells |= _assembled([sku.pk for sku in skus if sku.is_kit], nodes)
    waiting = waiting_units(ids)
    rows = {
        sku.pk: GridRow(
            sku, [_cell(cells, sku.pk, column) for column in columns], waiting=waiting.get(sku.pk, 0), columns=columns
        )
        for sku in skus
    }
    for (sku_id, _node_id), cell in cells.items():
        rows[sku_id].atp += max(0, cell.atp)
        rows[sku_id].on_hand += cell.on_hand
    return list(rows.values())


def _assembled(kit_ids: Sequence[int], nodes: Sequence[Node]) -> dict[tuple[int, int], Cell]:
    """Cells of kits: as many as each node can assemble. One statement, and none where there are no kits."""
    places = kits_at_nodes(kit_ids, [node.pk for node in nodes]) if kit_ids else []
    none = dict.fromkeys(_SUMMED, 0)
    return {
        (place.kit_id, place.node_id): Cell(sku_id=place.kit_id, node_id=place.node_id, atp=place.atp, **none)
        for place in places
    }


def _cell(cells: Mapping[tuple[int, int], Cell], sku_id: int, column: Column) -> Cell | None:
    """The level in a column of one node; in one of several, their sum."""
    found = [cells[sku_id, node_id] for node_id in column.node_ids if (sku_id, node_id) in cells]
    if len(column.node_ids) == 1 or not found:
        return found[0] if found else None
    sums = {name: sum(getattr(cell, name) for cell in found) for name in _SUMMED}
    return Cell(sku_id=sku_id, node_id=0, atp=sum(max(0, cell.atp) for cell in found), **sums)


_SUMMED = ("on_hand", "reserved", "damaged", "quarantine", "inbound", "safety_stock")


def waiting_units(sku_ids: Sequence[int]) -> dict[int, int]:
    """Units that customers ordered and no node was found for, per SKU."""
    return dict(fetch_all(_WAITING, [list(sku_ids)]))


def iter_export(question: GridQuestion, principal: Principal) -> Iterator[list[str | int]]:
    """Every level of the SKUs asked about, some SKUs at a time: one row per SKU and node, with headings."""
    nodes = nodes_asked(question, principal)
    asked, codes = _asked(question, principal, nodes), {node.pk: node.code for node in nodes}
    yield ["SKU", "Name", "Category", "Brand", "Node", "On hand", "Reserved", "Safety stock", "ATP", "Damaged",
           "Quarantine", "Inbound"]  # fmt: skip
    mark = ""
    while True:
        ids = _sku_ids(question, asked, mark, CHUNK_SKUS, back=False)
        skus = {sku.pk: sku for sku in Sku.objects.filter(pk__in=ids).order_by("code")}
        cells = [Cell(**row) for row in fetch_dicts(_CELLS, [ids, list(codes)])]
        for cell in sorted(cells, key=lambda cell: (skus[cell.sku_id].code, codes[cell.node_id])):
            sku = skus[cell.sku_id]
            yield [sku.code, sku.name, sku.category, sku.brand, codes[cell.node_id], cell.on_hand, cell.reserved,
                   cell.safety_stock, cell.atp, cell.damaged, cell.quarantine, cell.inbound]  # fmt: skip
        if len(ids) < CHUNK_SKUS:
            return
        mark = list(skus.values())[-1].code


def filter_choices() -> dict[str, list[tuple[str, str]]]:
    """What the filters offer. Three statements."""
    return {
        "categories": _names("category"), "brands": _names("brand"),
        "groups": list(NodeGroup.objects.order_by("name").values_list("code", "name")),
        "kinds": list(NodeKind.choices), "columns_by": [(key, str(label)) for key, label in COLUMNS_BY.items()],
    }  # fmt: skip


# Skips from one name to the next larger one, so that few names cost little however many SKUs bear them.
def _names(column: str) -> list[tuple[str, str]]:
    rows = fetch_all(f"""
        WITH RECURSIVE name(value) AS (
            (SELECT {column} FROM inventory_sku WHERE {column} > '' ORDER BY {column} LIMIT 1)
            UNION ALL
            SELECT (SELECT {column} FROM inventory_sku WHERE {column} > value ORDER BY {column} LIMIT 1)
            FROM name WHERE value IS NOT NULL
        )
        SELECT value FROM name WHERE value IS NOT NULL""")  # noqa: S608 - one of two columns
    return [(row[0], row[0]) for row in rows]
