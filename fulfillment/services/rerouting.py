"""Rerouting: take an order's unstarted work back and decide again, in one transaction, previewed first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fulfillment.locks import lock_work_of_orders
from fulfillment.models import FulfillmentLine, FulfillmentOrder
from fulfillment.services.hand_offs import ask_to_cancel, asked_first
from fulfillment.services.opening import open_fulfillment_orders
from fulfillment.services.unworked import Unworked, release_unworked, unworked
from fulfillment.services.work import BEFORE_PICKING, withdraw
from inventory.models import Node, ReservationState
from oms.core.db import run_atomic
from oms.core.errors import Conflict
from orders.locks import lock_order
from orders.models import Order
from orders.services import UnitMove, move_units
from routing.engine import Plan
from routing.services import Freed, giving_back_load, plan_again, route_orders

_HARD = (ReservationState.HARD,)


@dataclass(frozen=True, slots=True)
class ReroutePreview:
    """What a reroute would do: the plan now in force and the one that would replace it."""

    number: str
    from_nodes: list[str]
    plan: Plan | None
    refused: str = ""


def preview_reroute(*, order_id: int, to_node_id: int | None = None) -> ReroutePreview:
    """The plan that would replace the present one: what `reroute_order` would do now, by routing's own reading.

    It counts the stock and the places that the order would give back first. Refused where nothing can be routed again.
    """
    order = Order.objects.get(pk=order_id)
    work = list(FulfillmentOrder.objects.select_related("node").filter(order=order, state__in=BEFORE_PICKING))
    idle = unworked(order_id, states=_HARD)
    idle_codes = Node.objects.filter(pk__in={item.node_id for item in idle}).values_list("code", flat=True)
    codes = sorted({item.node.code for item in work} | set(idle_codes))
    refused = _refusal(order, bool(work or idle))
    if refused:
        return ReroutePreview(order.number, codes, None, refused)
    plan = plan_again([order_id], _given_back(work, idle), only_node_id=to_node_id).get(order_id)
    return ReroutePreview(order.number, codes, plan, "" if plan else f"Nothing of {order.number} needs a node.")


def _given_back(work: Sequence[FulfillmentOrder], idle: Sequence[Unworked]) -> list[Freed]:
    """What `reroute_order` takes back first: the units of the work, and those that no work was opened for yet."""
    rows = FulfillmentLine.objects.select_related("fulfillment_order").filter(fulfillment_order__in=work)
    return [
        Freed(row.order_line_id, row.fulfillment_order.node_id, row.sku_id, row.quantity - row.short - row.packed)
        for row in rows.order_by("pk")
    ] + [Freed(item.line.pk, item.node_id, item.sku_id, item.units) for item in idle]


def _refusal(order: Order, has_work: bool) -> str:
    unrouted = order.stage in ("captured", "backordered", "routed")
    if not has_work and not unrouted:
        return f"{order.number} is {order.get_stage_display().lower()}: its work has begun and cannot be rerouted."
    return ""


def reroute_order(
    *, order_id: int, actor: str, to_node_id: int | None = None, reason: str = "", ask_wms: bool = True
) -> list[int]:
    """Take back all work that nobody started and route again, to `to_node_id` or to the best node now.

    Work that the WMS of a node has in hand stays there; where `ask_wms`, it is asked first, and the work is routed
    again once it agrees (`waiting_for_wms` names the nodes).

    One transaction: nothing is reserved twice, and either everything moves or nothing. The ids of the new fulfillment
    orders. Raises Conflict when the work has begun.
    """

    def work() -> list[int]:
        order = lock_order(order_id)
        items = [item for item in lock_work_of_orders([order_id]) if item.state in BEFORE_PICKING]
        asked = asked_first(items)
        held = {row.fulfillment_order_id for row in asked}
        items = [item for item in items if item.pk not in held]
        idle = unworked(order_id, states=_HARD)
        refused = _refusal(order, bool(items or idle or (asked and ask_wms)))
        if refused:
            raise Conflict(refused)
        why = reason or f"Rerouted by {actor}"
        if ask_wms:
            ask_to_cancel(asked, {"do": "reroute", "to_node_id": to_node_id, "reason": why, "actor": actor},
                          actor=actor, reason=why)  # fmt: skip
            if asked and not items and not idle:
                return []
        withdraw(fulfillment_order_ids=[item.pk for item in items], reason=why, actor=actor, announce_it=False)
        # What a node was chosen for, but has no work for yet, would else stay where it is.
        with giving_back_load([order_id]):
            release_unworked(idle, actor=actor, reason=why, why="released")
        move_units([UnitMove(item.line.pk, "allocated", "unallocated", item.units) for item in idle])
        _back_to_backorder(order_id)
        route_orders([order_id], trigger="reroute", actor=actor, only_node_id=to_node_id)
        return open_fulfillment_orders([order_id], actor=actor)

    return run_atomic(work)


def _back_to_backorder(order_id: int) -> None:
    """Units that waited for stock compete again like fresh ones."""
    lines = Order.objects.get(pk=order_id).lines.filter(backordered__gt=0)
    move_units([UnitMove(line.pk, "backordered", "unallocated", line.backordered) for line in lines])
