"""Questions about the work of the nodes. Nothing here writes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Case, Count, F, IntegerField, Min, Prefetch, Q, QuerySet, Sum, Value, When

from fulfillment.models import FulfillmentLine, FulfillmentOrder, FulfillmentOrderKind, FulfillmentOrderState
from inventory.models import Node
from oms.core.clock import now

State = FulfillmentOrderState

#: States in which a person of the node has something to do.
AT_NODE = (State.OPEN, State.ACCEPTED, State.PICKING, State.PICKED, State.PACKED, State.READY)
TO_PICK = (State.ACCEPTED, State.PICKING)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCount:
    """Work of some nodes in one state: orders, units, how many are late, and the earliest due moment."""

    state: str
    kind: str
    orders: int
    units: int
    late: int
    due_at: datetime | None


def count_by_stage(node_ids: Collection[int]) -> list[StageCount]:
    """How much work the nodes have in each state, one row for each state and kind."""
    moment = now()
    rows = (
        FulfillmentOrder.objects.filter(node__in=node_ids, state__in=AT_NODE, with_wms=False)
        .values("state", "kind")
        .annotate(
            orders=Count("pk", distinct=True),
            units=Sum(F("lines__quantity") - F("lines__short")),
            late=Count("pk", filter=Q(due_at__lt=moment), distinct=True),
            due=Min("due_at"),
        )
    )
    return [
        StageCount(state=row["state"], kind=row["kind"], orders=row["orders"], units=row["units"] or 0,
                   late=row["late"], due_at=row["due"])
        for row in rows
    ]  # fmt: skip


def work_at(node_id: int, states: Collection[str], *, kind: str = "", limit: int = 100) -> list[FulfillmentOrder]:
    """Work that people of a node do, with its order and lines, the first due first. Two queries."""
    rows = FulfillmentOrder.objects.filter(node=node_id, state__in=states, with_wms=False)
    if kind:
        rows = rows.filter(kind=kind)
    return list(with_lines(rows).order_by(F("due_at").asc(nulls_last=True), "pk")[:limit])


def with_lines(rows: QuerySet[FulfillmentOrder]) -> QuerySet[FulfillmentOrder]:
    """Load order, node, lines and SKUs with the rows."""
    lines = FulfillmentLine.objects.select_related("sku", "order_line__kit", "order_line__substitute_for").order_by(
        "pk"
    )
    return rows.select_related("order", "node").prefetch_related(Prefetch("lines", lines))


# -- the floor as a whole ----------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class NodeLoad:
    """Work of one node by state; `late` counts what is past its due moment."""

    node_id: int
    code: str
    name: str
    by_state: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    late: int = 0

    @property
    def total(self) -> int:
        """All work at the node."""
        return sum(self.by_state.values())


def load_by_node(rows: QuerySet[FulfillmentOrder]) -> list[NodeLoad]:
    """The work of `rows` that stands at nodes, one line for each node: most late first. One query."""
    counts = (
        rows.filter(state__in=AT_NODE)
        .values("node_id", "node__code", "node__name", "state")
        .annotate(orders=Count("pk"), late=Count("pk", filter=Q(due_at__lt=now())))
        .order_by("node__code")
    )
    loads: dict[int, NodeLoad] = {}
    for row in counts:
        load = loads.setdefault(
            row["node_id"], NodeLoad(node_id=row["node_id"], code=row["node__code"], name=row["node__name"])
        )
        load.by_state[row["state"]] += row["orders"]
        load.late += row["late"]
    return sorted(loads.values(), key=lambda load: (-load.late, -load.total, load.code))


def units_of(lines: Iterable[FulfillmentLine]) -> int:
    """Units of the lines that are not reported short."""
    return sum(line.quantity - line.short for line in lines)


def by_urgency(rows: QuerySet[FulfillmentOrder]) -> QuerySet[FulfillmentOrder]:
    """The first due first, work without a due moment last."""
    no_date = Case(When(due_at__isnull=True, then=Value(1)), default=Value(0), output_field=IntegerField())
    return rows.order_by(no_date, "due_at", "pk")


def closed_nodes_with_work() -> list[int]:
    """Nodes that are switched off and still have work that nobody packed, or are to be sent such work's goods."""
    found = FulfillmentOrder.objects.filter(
        node__is_active=False, state__in=(State.SCHEDULED, State.OPEN, State.ACCEPTED, State.PICKING)
    )
    sent_to = FulfillmentOrder.objects.filter(
        kind=FulfillmentOrderKind.TRANSFER,
        state__in=(State.SCHEDULED, State.OPEN, State.ACCEPTED, State.PICKING, State.PICKED),
    ).values("order__pickup_node_code")
    stores = Node.objects.filter(is_active=False, code__in=sent_to).values_list("pk", flat=True)
    return sorted({*found.order_by().values_list("node_id", flat=True).distinct(), *stores})
