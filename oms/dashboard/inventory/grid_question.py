"""What the stock grid is asked: filters from the address, and what stands in its columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from inventory.models import Node, NodeGroup

PAGE_SIZES = (25, 50, 100)
#: What a column may stand for beside a node.
COLUMNS_BY = {"region": _("Regions"), "kind": _("Kinds of node"), "group": _("Node groups")}


@dataclass(frozen=True, slots=True, kw_only=True)
class GridQuestion:
    """What the grid shows. Texts come from the address; what is not understood means no limit."""

    text: str = ""
    category: str = ""
    brand: str = ""
    group: str = ""
    kind: str = ""
    by: str = ""
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
        below, size, start, by = (str(params.get(name) or "") for name in ("below", "size", "cols", "by"))
        return cls(
            text=str(params.get("q") or "").strip()[:80], category=str(params.get("category") or ""),
            brand=str(params.get("brand") or ""), by=by if by in COLUMNS_BY else "",
            group=str(params.get("group") or ""), kind=str(params.get("kind") or ""),
            node=str(params.get("node") or ""),
            below=int(below) if below.isdecimal() and len(below) < 9 else None,
            problems=str(params.get("problems") or "") == "1", after=str(params.get("after") or "")[:80],
            before=str(params.get("before") or "")[:80],
            columns_from=int(start) if start.isdecimal() and len(start) < 6 else 0,
            size=int(size) if size.isdecimal() and int(size) in PAGE_SIZES else 50,
        )  # fmt: skip

    def query(self, **changes: Any) -> str:
        """The address of the same question with some of it changed."""
        values: dict[str, Any] = {
            "q": self.text, "category": self.category, "brand": self.brand, "group": self.group, "kind": self.kind,
            "node": self.node, "by": self.by, "below": self.below, "problems": "1" if self.problems else "",
            "cols": self.columns_from or "", "size": self.size if self.size != 50 else "",
        } | changes  # fmt: skip
        return "?" + urlencode({name: value for name, value in values.items() if value not in ("", None)})

    @property
    def is_filtered(self) -> bool:
        """Something limits the rows."""
        return bool(self.text or self.category or self.brand or self.below is not None or self.problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A node, or several that belong together: a region, a kind, a group such as a franchise. `url` leads into it."""

    label: str
    title: str
    url: str
    node_ids: frozenset[int]
    node_code: str = ""
    is_active: bool = True


def columns_of(question: GridQuestion, nodes: Sequence[Node]) -> list[Column]:
    """The columns of the grid over these nodes: one each, or one for each region, kind or group of them."""
    if not question.by:
        return [
            Column(label=node.code, title=node.name, url=reverse("dashboard:node", args=[node.code]),
                   node_ids=frozenset({node.pk}), node_code=node.code, is_active=node.is_active)
            for node in nodes
        ]  # fmt: skip
    found: dict[tuple[str, str], set[int]] = {}
    for node, key, label in _belonging(question.by, nodes):
        found.setdefault((label, key), set()).add(node)
    return [
        Column(label=label, title=label, node_ids=frozenset(ids),
               url=question.query(by="", **{question.by: key}) if question.by in ("kind", "group") else "")
        for (label, key), ids in sorted(found.items())
    ]  # fmt: skip


def _belonging(by: str, nodes: Sequence[Node]) -> Iterator[tuple[int, str, str]]:
    """Each node with the key and the name of what it belongs to; a node may belong to several groups."""
    if by == "group":
        rows = NodeGroup.objects.filter(nodes__in=nodes).values_list("nodes__pk", "code", "name")
        yield from rows
        return
    for node in nodes:
        if by == "kind":
            yield node.pk, node.kind, node.get_kind_display()
        else:
            yield node.pk, node.region, node.region or gettext("No region")
