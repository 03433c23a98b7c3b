"""Moving work that nobody began to another node: one order, one transaction, and nothing moves unless all of it can."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F, Q, Sum

from fulfillment.locks import lock_work_lines
from fulfillment.models import (
    FulfillmentOrder,
    FulfillmentOrderKind,
    FulfillmentOrderState,
    RerouteAttempt,
    RerouteCause,
    RerouteOutcome,
)
from fulfillment.services.opening import open_fulfillment_orders
from fulfillment.services.unworked import unworked
from fulfillment.services.work import withdraw
from inventory.models import ReservationState
from oms.core.clock import now
from orders.models import OrderLine
from routing.services import Freed, exclude_node, route_orders
from routing.services.causes import add_cause

State = FulfillmentOrderState

#: What decisions name as their trigger.
TRIGGERS = {
    RerouteCause.CAPACITY_CUT: "node takes fewer orders",
    RerouteCause.NOT_SERVICEABLE: "no carrier goes there",
    RerouteCause.AT_RISK: "promise at risk",
}
#: Work that a node was given and that nobody took up: not accepted, or accepted by rule only. What a WMS was told of is
#: taken up: it is asked first, and it may not answer.
NOT_BEGUN = Q(with_wms=False) & (Q(state__in=(State.SCHEDULED, State.OPEN)) | Q(state=State.ACCEPTED, assigned_to=""))


class Stays(Exception):
    """The work stays where it is; why, in a sentence. Undoes what was tried."""


@dataclass(frozen=True, slots=True)
class Move:
    """Why work is moved: the cause, and in a sentence what happened. `never_again` keeps the order from the node."""

    cause: RerouteCause
    words: str
    never_again: bool


def is_begun(item: FulfillmentOrder) -> bool:
    """A person took it up, or it is another node's matter alone: pickups, and what ended."""
    if item.kind == FulfillmentOrderKind.PICKUP or item.with_wms:
        return True
    return item.state not in (State.SCHEDULED, State.OPEN) and not (
        item.state == State.ACCEPTED and not item.assigned_to
    )


def given_back(item: FulfillmentOrder) -> list[Freed]:
    """What the node would give back of work that is not packed."""
    return [
        Freed(line.order_line_id, item.node_id, line.sku_id, line.quantity - line.short - line.packed)
        for line in item.lines.order_by("pk")
    ]


def move_elsewhere(item: FulfillmentOrder, move: Move, *, actor: str) -> bool:
    """Take locked work back, decide again and open it elsewhere; whether it moved. Records what came of it.

    Must run in a transaction, with the order locked. Where not every unit finds another node, nothing changes but the
    record: better late from here than waiting for stock.
    """

    def take_back() -> None:
        lock_work_lines([item])
        withdraw(fulfillment_order_ids=[item.pk], reason=move.words, actor=actor, announce_it=False)

    return decide_elsewhere(item, move, take_back, actor=actor)


def decide_elsewhere(
    item: FulfillmentOrder, move: Move, take_back: Callable[[], None], *, actor: str,
    allowed: Callable[[set[int]], str] | None = None,
) -> bool:  # fmt: skip
    """As `move_elsewhere`, with the way in which units come free; `allowed` says why the chosen nodes will not do."""
    try:
        with transaction.atomic():
            waiting = _waiting_units(item.order_id)
            if move.never_again:
                exclude_node(order_id=item.order_id, node_id=item.node_id, reason=move.words)
            take_back()
            route_orders([item.order_id], trigger=TRIGGERS[move.cause], actor=actor)
            _require_elsewhere(item, waiting, allowed)
            add_cause(order_id=item.order_id, words=move.words)
            open_fulfillment_orders([item.order_id], actor=actor)
    except Stays as stays:
        note_attempt(item, move.cause, RerouteOutcome.STAYED, f"{move.words} {stays}")
        return False
    note_attempt(item, move.cause, RerouteOutcome.MOVED, move.words)
    return True


def _require_elsewhere(item: FulfillmentOrder, waiting: int, allowed: Callable[[set[int]], str] | None) -> None:
    """Raises Stays unless all units are reserved at other nodes that will do."""
    if _waiting_units(item.order_id) > waiting:
        raise Stays("No other node can take all of it.")
    idle = unworked(item.order_id, states=(ReservationState.HARD,))
    nodes = {part.node_id for part in idle}
    if item.node_id in nodes:
        raise Stays("It would come back to the same node.")
    problem = allowed(nodes) if allowed is not None else ""
    if problem:
        raise Stays(problem)


def _waiting_units(order_id: int) -> int:
    """Units of the order that no node has."""
    lines = OrderLine.objects.filter(order=order_id)
    return lines.aggregate(units=Sum(F("unallocated") + F("backordered")))["units"] or 0


def note_attempt(item: FulfillmentOrder, cause: RerouteCause, outcome: RerouteOutcome, sentence: str) -> None:
    """Keep what came of the last try for this cause."""
    RerouteAttempt.objects.update_or_create(
        fulfillment_order=item, cause=cause,
        defaults={"order_id": item.order_id, "outcome": outcome, "sentence": sentence[:500], "tried_at": now()},
    )  # fmt: skip
