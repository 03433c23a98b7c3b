"""What happens to a node's open work when it is switched off, or to waiting orders when it is switched on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from django.db.models import Q

from fulfillment.models import FulfillmentLine, FulfillmentOrder
from inventory.models import Node
from orders.models import OrderLine
from routing.services import Freed, plan_again

#: Work that is taken back: everything that is not in a box yet.
_TAKEN_BACK = ("scheduled", "open", "accepted", "picking")
_STAYS = ("picked", "waiting_transfer", "packed", "ready")
#: Orders that are planned for the preview; the others are only counted.
PLANNED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class OutagePreview:
    """Work by what becomes of it. `to_nodes` counts the planned orders by the node they would go to."""

    taken_back: int
    picking: int
    stays: int
    planned: int
    to_nodes: tuple[tuple[str, int], ...]
    partial: int
    stranded: int


def preview_outage(node: Node) -> OutagePreview:
    """Plan the node's open work again without it, against stock and capacity as they are. Writes nothing."""
    work = FulfillmentOrder.objects.filter(node=node)
    taken = work.filter(state__in=_TAKEN_BACK)
    rows = list(taken.order_by("due_at", "pk").values_list("pk", "order_id"))
    freed = _given_back(node, [pk for pk, _ in rows[:PLANNED]])
    order_ids = list(dict.fromkeys(order_id for _, order_id in rows[:PLANNED]))
    plans = list(plan_again(order_ids, freed, without_node_id=node.pk).values())
    codes = dict(Node.objects.values_list("pk", "code"))
    went = Counter(codes[node_id] for plan in plans for node_id in plan.node_ids)
    return OutagePreview(
        taken_back=len(rows), picking=taken.filter(state="picking").count(),
        stays=work.filter(state__in=_STAYS).count(), planned=len(plans), to_nodes=tuple(went.most_common()),
        partial=sum(plan.outcome == "partial" for plan in plans),
        stranded=sum(plan.outcome == "unroutable" for plan in plans),
    )  # fmt: skip


def _given_back(node: Node, work_ids: list[int]) -> list[Freed]:
    """The units of this work that are not in a box yet."""
    return [
        Freed(line.order_line_id, node.pk, line.sku_id, line.quantity - line.short - line.packed)
        for line in FulfillmentLine.objects.filter(fulfillment_order__in=work_ids).order_by("pk")
    ]


def waiting_for_a_node() -> int:
    """Orders that wait for a node; those that the node can supply are tried again when it comes on."""
    lines = OrderLine.objects.filter(Q(unallocated__gt=0) | Q(backordered__gt=0), sku_id__isnull=False)
    return lines.values("order_id").distinct().count()
