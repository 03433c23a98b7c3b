"""The stock grid: SKUs down, nodes across, what can be promised in each cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from inventory.models import Node, NodeGroup, NodeKind, Sku
from oms.accounts.access import Principal, in_node_scope
from oms.core.db import fetch_all, fetch_dicts

PAGE_SIZES = (25, 50, 100)
#: Node columns shown at once.
COLUMNS = 8
CHUNK_SKUS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class GridQuestion:
    """What the grid shows. Texts come from the address; what is not understood means no limit."""

    text: str = ""
    category: str = ""
    group: str = ""
    kind: str = ""
    below: int | None = None
    problems: bool = False
    after: str = ""
    before: str = ""
    columns_from: int = 0
    size: int = 50
    node: str = ""

    @classmethod
    def read(cls, params: Mapping[str, Any]) -> GridQuestion:
        """From a query string."""
        below, size, start = (str(params.get(name) or "") for name in ("below", "size", "cols"))
        return cls(
            text=str(params.get("q") or "").strip()[:80], category=str(params.get("category") or ""),
            group=str(params.get("group") or ""), kind=str(params.get("kind") or ""),
            node=str(params.get("node") or ""),
            below=int(below) if below.isdigit() and len(below) < 9 else None,
            problems=str(params.get("problems") or "") == "1", after=str(params.get("after") or "")[:80],
            before=str(params.get("before") or "")[:80],
            columns_from=int(start) if start.isdigit() and len(start) < 6 else 0,
            size=int(size) if size.isdigit() and int(size) in PAGE_SIZES else 50,
        )  # fmt: skip

    def query(self, **changes: Any) -> str:
        """The address of the same question with some of it changed."""
        values: dict[str, Any] = {
            "q": self.text, "category": self.category, "group": self.group, "kind": self.kind, "node": self.node,
            "below": self.below, "problems": "1" if self.problems else "",
            "cols": self.columns_from or "", "size": self.size if self.size != 50 else "",
        } | changes  # fmt: skip
        return "?" + urlencode({name: value for name, value in values.items() if value not in ("", None)})

    @property
    def is_filtered(self) -> bool:
        """Something limits the rows."""
        return bool(self.text or self.category or self.below is not None or self.problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One SKU at one node. None of it exists where the node never had the SKU."""

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
    columns: Sequence[Node] = ()

    @property
    def pairs(self) -> list[tuple[Node, Cell | None, str]]:
        """Each cell with its column and its address. A page has hundreds: one address is made and cut per row."""
        base = reverse("dashboard:sku", args=[self.sku.pk])
        return [(node, cell, f"{base}{node.code}/") for node, cell in zip(self.columns, self.cells, strict=True)]


@dataclass(frozen=True, slots=True)
class Grid:
    """A page of the grid."""

    rows: list[GridRow]
    columns: list[Node]
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
    AND (%(text)s = '' OR s.code ILIKE %(like)s OR s.name ILIKE %(like)s
        OR EXISTS (SELECT 1 FROM inventory_barcode b WHERE b.sku_id = s.id AND b.code = %(text)s))
    AND (%(category)s = '' OR s.category = %(category)s)
    AND (%(below)s::int IS NULL OR (
        SELECT coalesce(sum(greatest(0, l.on_hand - l.reserved - l.safety_stock)), 0)
        FROM inventory_stocklevel l WHERE l.sku_id = s.id AND l.node_id = ANY(%(nodes)s)) < %(below)s)
    AND (NOT %(problems)s
        OR EXISTS (
            SELECT 1 FROM inventory_stocklevel l WHERE l.sku_id = s.id AND l.node_id = ANY(%(nodes)s)
                AND (l.damaged > 0 OR l.quarantine > 0 OR l.on_hand - l.reserved < l.safety_stock))
        OR EXISTS (
            SELECT 1 FROM orders_orderline ol WHERE ol.sku_id = s.id AND (ol.unallocated > 0 OR ol.backordered > 0)))
"""
_FORWARD = _MATCHING + " AND s.code > %(mark)s ORDER BY s.code LIMIT %(limit)s"
_BACKWARD = _MATCHING + " AND s.code < %(mark)s ORDER BY s.code DESC LIMIT %(limit)s"


def _sku_ids(question: GridQuestion, node_ids: Sequence[int], mark: str, limit: int, *, back: bool) -> list[int]:
    escaped = question.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    params = {
        "text": question.text, "like": f"%{escaped}%", "category": question.category, "below": question.below,
        "problems": question.problems, "nodes": list(node_ids), "mark": mark, "limit": limit,
    }  # fmt: skip
    return [row[0] for row in fetch_all(_BACKWARD if back else _FORWARD, params)]


def build_grid(question: GridQuestion, principal: Principal) -> Grid:
    """One page, by key over the SKU's code. Five statements, whatever the size."""
    nodes = nodes_asked(question, principal)
    start = question.columns_from if question.columns_from < len(nodes) else 0
    columns = nodes[start : start + COLUMNS]
    back = bool(question.before)
    mark = question.before or question.after
    ids = _sku_ids(question, [node.pk for node in nodes], mark, question.size + 1, back=back)
    more, ids = len(ids) > question.size, ids[: question.size]
    skus = sorted(Sku.objects.filter(pk__in=ids), key=lambda sku: sku.code)
    rows = _rows(skus, columns, nodes)
    has_before = more if back else bool(mark)
    has_after = True if back else more
    return Grid(
        rows=rows, columns=columns, nodes=nodes,
        before=rows[0].sku.code if rows and has_before else "", after=rows[-1].sku.code if rows and has_after else "",
        previous_columns=max(0, start - COLUMNS) if start else None,
        next_columns=start + COLUMNS if start + COLUMNS < len(nodes) else None, first_column=start + 1,
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


def _rows(skus: Sequence[Sku], columns: Sequence[Node], nodes: Sequence[Node]) -> list[GridRow]:
    ids = [sku.pk for sku in skus]
    cells = {(row["sku_id"], row["node_id"]): Cell(**row)
             for row in fetch_dicts(_CELLS, [ids, [node.pk for node in nodes]])}  # fmt: skip
    waiting = waiting_units(ids)
    rows = {
        sku.pk: GridRow(
            sku, [cells.get((sku.pk, node.pk)) for node in columns], waiting=waiting.get(sku.pk, 0), columns=columns
        )
        for sku in skus
    }
    for (sku_id, _), cell in cells.items():
        rows[sku_id].atp += max(0, cell.atp)
        rows[sku_id].on_hand += cell.on_hand
    return list(rows.values())


def waiting_units(sku_ids: Sequence[int]) -> dict[int, int]:
    """Units that customers ordered and no node was found for, per SKU."""
    return dict(fetch_all(_WAITING, [list(sku_ids)]))


def iter_export(question: GridQuestion, principal: Principal) -> Iterator[list[str | int]]:
    """Every level of the SKUs asked about, some SKUs at a time: one row per SKU and node, with headings."""
    nodes = nodes_asked(question, principal)
    codes = {node.pk: node.code for node in nodes}
    yield ["SKU", "Name", "Category", "Node", "On hand", "Reserved", "Safety stock", "ATP", "Damaged", "Quarantine",
           "Inbound"]  # fmt: skip
    mark = ""
    while True:
        ids = _sku_ids(question, list(codes), mark, CHUNK_SKUS, back=False)
        skus = {sku.pk: sku for sku in Sku.objects.filter(pk__in=ids).order_by("code")}
        cells = [Cell(**row) for row in fetch_dicts(_CELLS, [ids, list(codes)])]
        for cell in sorted(cells, key=lambda cell: (skus[cell.sku_id].code, codes[cell.node_id])):
            sku = skus[cell.sku_id]
            yield [sku.code, sku.name, sku.category, codes[cell.node_id], cell.on_hand, cell.reserved,
                   cell.safety_stock, cell.atp, cell.damaged, cell.quarantine, cell.inbound]  # fmt: skip
        if len(ids) < CHUNK_SKUS:
            return
        mark = list(skus.values())[-1].code


def filter_choices() -> dict[str, list[tuple[str, str]]]:
    """What the filters offer. Two statements."""
    categories = Sku.objects.exclude(category="").order_by("category").values_list("category", flat=True).distinct()
    return {
        "categories": [(name, name) for name in categories],
        "groups": list(NodeGroup.objects.order_by("name").values_list("code", "name")),
        "kinds": list(NodeKind.choices),
    }
