"""Holds: many per order, each with its reason; all must be cleared before work is released."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import F

from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError, NotFound
from oms.core.outbox import publish
from orders.events import OrderHeld, OrderReleased
from orders.locks import lock_order, lock_orders
from orders.models import Hold, HoldReason, Order
from orders.services.timeline import TimelineEntry, record

#: Stages in which a hold still stops something.
HOLDABLE = frozenset({"captured", "backordered", "routed", "released", "picked"})


@dataclass(slots=True)
class BulkResult:
    """Row by row: the ids that were done, and why the others were not. One bad row never blocks the rest."""

    done: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)


def place_hold(
    *,
    order_id: int,
    reason: str,
    source: str,
    handle: str,
    actor: str,
    note: str = "",
    held_until: datetime | None = None,
) -> Hold:
    """Hold one order. A second hold with the same open handle returns the first one.

    Raises DomainError for an unknown reason or an order whose work has gone too far to be held back.
    """
    if reason not in HoldReason.values:
        raise DomainError(f"{reason!r} is not a reason for a hold.", field="reason")

    def work() -> Hold:
        order = lock_order(order_id)
        existing = Hold.objects.filter(order=order, handle=handle, released_at__isnull=True).first()
        if existing is not None:
            return existing
        _refuse_unholdable(order)
        hold = Hold.objects.create(
            order=order, reason=reason, source=source, handle=handle, note=note, held_until=held_until
        )
        Order.objects.filter(pk=order.pk).update(open_holds=F("open_holds") + 1)
        text = f"On hold: {hold.get_reason_display()}." + (f" {note}" if note else "")
        record([TimelineEntry(order_id=order.pk, kind="held", message=text, actor=actor, data={"hold": hold.pk})])
        if order.open_holds == 0:
            publish([OrderHeld(order_id=order.pk)])
        return hold

    return run_atomic(work)


def _refuse_unholdable(order: Order) -> None:
    if order.stage not in HOLDABLE:
        raise Conflict(f"{order.number} is {order.get_stage_display().lower()} and can no longer be held.")


def release_hold(*, hold_id: int, actor: str, note: str = "") -> None:
    """Clear one hold; releasing it again changes nothing. The last one publishes OrderReleased. Raises NotFound."""

    def work() -> None:
        hold = Hold.objects.filter(pk=hold_id).first()
        if hold is None:
            raise NotFound(f"There is no hold {hold_id}.")
        order = lock_order(hold.order_id)
        _release(order, [hold], actor, note)

    run_atomic(work)


def end_holds(*, order_id: int, actor: str) -> None:
    """A cancelled order has nothing left to hold back: its holds end, and no work is released. Lock the order first."""
    if Hold.objects.filter(order=order_id, released_at__isnull=True).update(released_at=now(), released_by=actor):
        Order.objects.filter(pk=order_id).update(open_holds=0)


def _release(order: Order, holds: Sequence[Hold], actor: str, note: str) -> None:
    cleared = Hold.objects.filter(pk__in=[hold.pk for hold in holds], released_at__isnull=True).update(
        released_at=now(), released_by=actor
    )
    if cleared == 0:
        return
    left = Hold.objects.filter(order=order, released_at__isnull=True).count()
    Order.objects.filter(pk=order.pk).update(open_holds=left)
    reasons = ", ".join(sorted({hold.get_reason_display() for hold in holds}))
    message = f"Hold cleared: {reasons}." + (f" {note}" if note else "")
    record([TimelineEntry(order_id=order.pk, kind="released", message=message, actor=actor)])
    if left == 0:
        publish([OrderReleased(order_id=order.pk)])


def release_orders(*, order_ids: Sequence[int], actor: str, note: str = "") -> BulkResult:
    """Clear every open hold of many orders. Orders without one are refused with the reason."""
    result = BulkResult()

    def work() -> None:
        result.done.clear()
        result.refused.clear()
        orders = lock_orders(order_ids)
        holds: dict[int, list[Hold]] = {}
        for hold in Hold.objects.filter(order_id__in=orders, released_at__isnull=True):
            holds.setdefault(hold.order_id, []).append(hold)
        for order_id in order_ids:
            order = orders.get(order_id)
            if order is None:
                result.refused[order_id] = "There is no such order."
            elif order_id not in holds:
                result.refused[order_id] = f"{order.number} is not on hold."
            else:
                _release(order, holds[order_id], actor, note)
                result.done.append(order_id)

    run_atomic(work)
    return result


def release_expired_holds() -> int:
    """Clear holds whose time is over; how many."""
    due = list(Hold.objects.filter(released_at__isnull=True, held_until__lte=now()).order_by("pk")[:500])
    for hold in due:
        release_hold(hold_id=hold.pk, actor="schedule", note="Its time is over.")
    return len(due)
