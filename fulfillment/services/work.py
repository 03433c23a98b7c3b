"""Releasing work of nodes and holding it back, accepting and withdrawing it."""

from __future__ import annotations

from collections.abc import Sequence

from fulfillment.events import FulfillmentReleased, NodeWorkLeft, WorkWithdrawn
from fulfillment.locks import lock_hand_offs, lock_one_work, lock_work, lock_work_lines, lock_work_of_orders
from fulfillment.models import (
    FulfillmentLine,
    FulfillmentOrder,
    FulfillmentOrderKind,
    FulfillmentOrderState,
    HandOff,
    HandOffState,
)
from fulfillment.services.hand_offs import (
    end_hand_offs,
    move_hand_off,
    refuse_with_wms,
    send_hold,
    send_released,
    send_resume,
)
from fulfillment.services.units import forget_units
from fulfillment.states import FULFILLMENT_ORDER
from inventory.models import Node
from inventory.services import Release, announce, release_reservations
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError
from oms.core.outbox import publish
from oms.core.states import advance_many
from orders.locks import lock_orders
from orders.services import TimelineEntry, UnitMove, move_units
from routing.services import exclude_node, giving_back_load

State = FulfillmentOrderState

#: States in which nothing was taken from a shelf yet.
BEFORE_PICKING = (State.SCHEDULED, State.OPEN, State.ACCEPTED)
#: States from which a node can still give the work back.
WITHDRAWABLE = (*BEFORE_PICKING, State.PICKING, State.PICKED)
#: What decisions about the orders of a node that went off are filed under.
NODE_OFF = "node off"
#: Work of a node that goes off which is taken back in one transaction.
WITHDRAWN_AT_ONCE = 100


def release_fulfillment_orders(order_ids: Sequence[int], *, actor: str = "flow") -> list[int]:
    """The last hold is gone: scheduled work of the orders opens. The ids of the work that opened."""

    def work() -> list[int]:
        orders = lock_orders(order_ids)
        free = [order.pk for order in orders.values() if not order.is_held]
        live = lock_work_of_orders(free)
        waiting = [item for item in live if item.state == State.SCHEDULED]
        send_resume([item for item in live if item.state != State.SCHEDULED])
        if not waiting:
            return []
        advance_many(FulfillmentOrder, [w.pk for w in waiting], State.OPEN, using=FULFILLMENT_ORDER, actor=actor,
                     reason="released", released_at=now())  # fmt: skip
        _accept_where_automatic(waiting, actor)
        lines = lock_work_lines(waiting)
        move_units([UnitMove(line.order_line_id, "allocated", "released", line.quantity) for line in lines])
        publish([
            FulfillmentReleased(fulfillment_order_id=w.pk, order_id=w.order_id, node_id=w.node_id) for w in waiting
        ])  # fmt: skip
        send_released(waiting)
        return [item.pk for item in waiting]

    return run_atomic(work)


def _accept_where_automatic(work: Sequence[FulfillmentOrder], actor: str) -> None:
    automatic = [item.pk for item in work if item.node.auto_accept and not item.with_wms]
    if automatic:
        advance_many(FulfillmentOrder, automatic, State.ACCEPTED, using=FULFILLMENT_ORDER, actor=actor,
                     reason="accepted by rule", accepted_at=now())  # fmt: skip


def hold_back(order_ids: Sequence[int], *, actor: str = "flow") -> list[int]:
    """A hold was placed: work that nobody started goes back to scheduled. Work under way is left to finish."""

    def work() -> list[int]:
        orders = lock_orders(order_ids)
        held = [order.pk for order in orders.values() if order.is_held]
        live = lock_work_of_orders(held)
        idle = [item for item in live if item.state in (State.OPEN, State.ACCEPTED)]
        send_hold(live, [item.pk for item in idle], actor=actor)
        if not idle:
            return []
        advance_many(FulfillmentOrder, [w.pk for w in idle], State.SCHEDULED, using=FULFILLMENT_ORDER, actor=actor,
                     reason="on hold", released_at=None, accepted_at=None)  # fmt: skip
        lines = lock_work_lines(idle)
        move_units([UnitMove(line.order_line_id, "released", "allocated", line.quantity) for line in lines])
        return [item.pk for item in idle]

    return run_atomic(work)


def accept(*, fulfillment_order_ids: Sequence[int], actor: str, by_wms: bool = False) -> list[int]:
    """A node takes the work; the ids of those that were still to accept. What a WMS does is left to it."""
    mine = FulfillmentOrder.objects.filter(pk__in=list(fulfillment_order_ids), with_wms=by_wms)
    return advance_many(
        FulfillmentOrder, mine.values_list("pk", flat=True), State.ACCEPTED, using=FULFILLMENT_ORDER, actor=actor,
        accepted_at=now(), assigned_to=actor,
    )  # fmt: skip


def reject(*, fulfillment_order_id: int, reason: str, actor: str, by_wms: bool = False) -> None:
    """A node refuses the work: its units are routed again, to another node. Raises Conflict once it is packed."""
    if not reason.strip():
        raise DomainError("Say why the work is rejected.", field="reason")

    def work() -> None:
        item = lock_one_work(fulfillment_order_id)
        refuse_with_wms(item, by_wms)
        if item.state not in WITHDRAWABLE:
            raise Conflict(f"{item.number} is {item.get_state_display().lower()} and can no longer be rejected.")
        for hand_off in lock_hand_offs([item]):
            if hand_off.state in HandOff.LIVE:
                move_hand_off(hand_off, HandOffState.REJECTED, actor=actor, reason=reason)
        exclude_node(order_id=item.order_id, node_id=item.node_id, reason=f"Rejected: {reason}")
        withdraw(fulfillment_order_ids=[item.pk], reason=reason, actor=actor, cause="rejected by the node")

    run_atomic(work)


def withdraw(
    *, fulfillment_order_ids: Sequence[int], reason: str, actor: str, announce_it: bool = True,
    cause: str = "work withdrawn",
) -> list[int]:  # fmt: skip
    """Take work back from its node: reservations end, units need a node again. The ids that were taken back.

    Publishes WorkWithdrawn, which routes them again with `cause` as the decision's trigger, unless the caller does so
    itself (`announce_it` False).
    """

    def work() -> list[int]:
        items = [item for item in lock_work(fulfillment_order_ids) if item.state in WITHDRAWABLE]
        if not items:
            return []
        lines = lock_work_lines(items)
        by_id = {item.pk: item for item in items}
        with giving_back_load({item.order_id for item in items}):
            release_lines(lines, by_id, target="unallocated", actor=actor, reason=reason)
        advance_many(FulfillmentOrder, list(by_id), State.REJECTED, using=FULFILLMENT_ORDER, actor=actor,
                     reason=reason[:200], end_reason=reason[:200])  # fmt: skip
        end_hand_offs(items, reason=reason, actor=actor)
        if announce_it:
            publish([
                WorkWithdrawn(order_id=w.order_id, fulfillment_order_id=w.pk, node_id=w.node_id, reason=reason[:200],
                              cause=cause)
                for w in items
            ])  # fmt: skip
        return list(by_id)

    return run_atomic(work)


def release_lines(
    lines: Sequence[FulfillmentLine], work: dict[int, FulfillmentOrder], *, target: str, actor: str, reason: str
) -> None:
    """Give back everything that unpacked work holds: reservations to ATP, units of the order lines to `target`."""
    moves, requests = [], []
    entries: dict[int, TimelineEntry] = {}
    for line in lines:
        item = work[line.fulfillment_order_id]
        source = "allocated" if item.state == State.SCHEDULED else "released"
        moves.append(UnitMove(line.order_line_id, source, target, line.to_pick))
        moves.append(UnitMove(line.order_line_id, "picked", target, line.picked - line.packed))
        requests.append(Release(line.order_line.uid, item.node_id, line.quantity - line.short - line.packed))
        word = "cancelled" if target == "cancelled" else "taken back"
        entries[item.pk] = TimelineEntry(
            order_id=item.order_id, kind="work_withdrawn", actor=actor, data={"fulfillment_order": item.number},
            message=f"Work at {item.node.code} {word}: {reason}",
        )  # fmt: skip
    release_reservations(requests=requests, actor=actor, reason=reason)
    forget_units(lines)
    move_units(moves, list(entries.values()))
    for node in sorted({item.node for item in work.values()}, key=lambda node: node.pk):
        skus = [line.sku_id for line in lines if work[line.fulfillment_order_id].node_id == node.pk]
        # What lies at a node that is off serves nobody: no waiting order need be tried for it.
        announce(skus, reason="released", grew_at=node.pk if node.is_active else None)


def withdraw_from_node(*, node_id: int, reason: str, actor: str = "flow", limit: int = WITHDRAWN_AT_ONCE) -> int:
    """Take back the oldest work of a node that is not picked yet, at most `limit` of it; how many were taken back.

    So is work of other nodes that sends goods to it for orders that are collected there, as long as it is not packed.

    One transaction, short enough that other orders do not wait for it. Where there may be more, it publishes
    NodeWorkLeft, whose step takes the next ones: what a crash undoes is one such part, and no part is skipped.
    """

    def work() -> int:
        own = FulfillmentOrder.objects.filter(node_id=node_id, state__in=(*BEFORE_PICKING, State.PICKING))
        ids = list(own.order_by("pk").values_list("pk", flat=True)[:limit])
        taken = withdraw(fulfillment_order_ids=ids, reason=reason, actor=actor, cause=NODE_OFF) if ids else []
        bound = _bound_for(node_id, limit - len(ids))
        if bound:
            taken += withdraw(
                fulfillment_order_ids=bound, reason=f"Its store is off: {reason}", actor=actor, cause=NODE_OFF
            )  # fmt: skip
        if len(ids) + len(bound) == limit:
            publish([NodeWorkLeft(node_id=node_id)])
        return len(taken)

    return run_atomic(work)


def _bound_for(node_id: int, limit: int) -> list[int]:
    """Work of other nodes that would send goods to this store and is not packed yet, the oldest."""
    code = Node.objects.filter(pk=node_id).values("code")
    found = FulfillmentOrder.objects.filter(
        kind=FulfillmentOrderKind.TRANSFER, state__in=WITHDRAWABLE, order__pickup_node_code__in=code
    )  # fmt: skip
    return list(found.order_by("pk").values_list("pk", flat=True)[:limit])
