"""What a node's WMS is told of its work, written in the transaction of what happened. Sending is another matter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.db.models import Exists, OuterRef

from fulfillment.errors import WithWms
from fulfillment.events import InstructionsDue, ParcelPacked
from fulfillment.locks import lock_hand_offs, lock_one_work, lock_work_of_orders
from fulfillment.models import (
    FulfillmentOrder,
    FulfillmentOrderState,
    HandOff,
    HandOffInstruction,
    HandOffState,
    InstructionKind,
    InstructionState,
    LinkLabels,
    ShipmentState,
)
from fulfillment.states import HAND_OFF
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError, NotFound
from oms.core.outbox import publish
from oms.core.states import advance
from orders.locks import lock_orders
from orders.services import TimelineEntry, record

Kind = InstructionKind
State = HandOffState
#: Instructions that tell the whole truth: what was to be said before them and was never tried is not said any more.
_WHOLE = (Kind.PICK, Kind.CHANGE, Kind.HOLD, Kind.STOP)
#: States in which the WMS is asked before its work is taken away.
ASKED_FIRST = (State.SUBMITTED, State.ACCEPTED, State.CANCELLATION_REQUESTED, State.CANCELLATION_REJECTED)
_BEFORE_ROAD = (ShipmentState.CREATED, ShipmentState.LABELLED, ShipmentState.MANIFESTED)


def refuse_with_wms(item: FulfillmentOrder, by_wms: bool = False) -> None:
    """Raises WithWms where the node's own WMS does this work and somebody else wants to."""
    if item.with_wms and not by_wms:
        raise WithWms(f"{item.number} is with the WMS of {item.node.code}. Take it over by hand first.")


def instruct(hand_offs: Sequence[HandOff], kind: InstructionKind, *, reason: str = "") -> None:
    """Write the next instruction of each of these locked hand-offs; it is sent by the flow.

    PICK, CHANGE and HOLD make confirmations of older versions void.
    """
    for hand_off in hand_offs:
        hand_off.version += 1
        if kind in (Kind.PICK, Kind.CHANGE, Kind.HOLD):
            hand_off.valid_from = hand_off.version
        hand_off.changed_at = now()
    if not hand_offs:
        return
    HandOff.objects.bulk_update(hand_offs, ["version", "valid_from", "changed_at"])
    if kind in _WHOLE:
        untried = HandOffInstruction.objects.filter(
            hand_off__in=[item.pk for item in hand_offs], state=InstructionState.PENDING, attempts=0
        )
        untried.update(state=InstructionState.OVERTAKEN, settled_at=now())
    HandOffInstruction.objects.bulk_create(
        HandOffInstruction(link_id=item.link_id, hand_off=item, version=item.version, kind=kind, reason=reason[:300])
        for item in hand_offs
    )
    publish([InstructionsDue(link_id=pk) for pk in sorted({item.link_id for item in hand_offs})])


def move_hand_off(hand_off: HandOff, state: HandOffState, *, actor: str, reason: str = "", **changes: Any) -> None:
    """Move a locked hand-off along. The clock of its answer stops unless `answer_by` is among the changes."""
    values: dict[str, Any] = {"answer_by": None, "overdue_at": None, "changed_at": now()}
    if reason:
        values["why"] = reason[:300]
    advance(hand_off, state, using=HAND_OFF, actor=actor, reason=reason[:200], **(values | changes))


def answer_by(hand_off: HandOff) -> Any:
    """When the WMS should have answered what it is asked now."""
    return now() + timedelta(minutes=hand_off.link.answer_minutes)


# -- what happens to the work ------------------------------------------------------------------------------------------


def send_released(work: Sequence[FulfillmentOrder]) -> None:
    """Scheduled work opened: its WMS is told to do it. The work is locked."""
    hand_offs = [item for item in lock_hand_offs(work) if item.state in HandOff.LIVE]
    for hand_off in hand_offs:
        hand_off.is_told_to_wait = False
        hand_off.answer_by = answer_by(hand_off)
    HandOff.objects.bulk_update(hand_offs, ["is_told_to_wait", "answer_by"])
    instruct(hand_offs, Kind.PICK)


def send_hold(work: Sequence[FulfillmentOrder], idle_ids: Iterable[int], *, actor: str) -> None:
    """The orders are on hold: their WMS waits. Work in `idle_ids` is to be submitted anew. The work is locked."""
    unbegun = set(idle_ids)
    waiting = [item for item in lock_hand_offs(work) if item.state in HandOff.LIVE and not item.is_told_to_wait]
    for hand_off in waiting:
        idle = hand_off.fulfillment_order_id in unbegun
        if idle and hand_off.state in (State.SUBMITTED, State.ACCEPTED):
            move_hand_off(hand_off, State.UNSUBMITTED, actor=actor, reason="The order is on hold")
        elif idle:
            hand_off.answer_by = None
        hand_off.is_told_to_wait = True
    HandOff.objects.bulk_update(waiting, ["is_told_to_wait", "answer_by"])
    instruct([item for item in waiting if item.version], Kind.HOLD, reason="The order is on hold")


def send_resume(work: Sequence[FulfillmentOrder]) -> None:
    """The hold is gone, and the work had begun: its WMS goes on with it, as it is now. The work is locked."""
    told = [item for item in lock_hand_offs(work) if item.state in HandOff.LIVE and item.is_told_to_wait]
    for hand_off in told:
        hand_off.is_told_to_wait = False
    HandOff.objects.bulk_update(told, ["is_told_to_wait"])
    instruct(told, Kind.RESUME)


def send_change(work: Sequence[FulfillmentOrder], *, reason: str) -> None:
    """Lines or the address changed: the WMS gets the work anew, and confirms the newer version. The work is locked."""
    live = [item for item in lock_hand_offs(work) if item.state in HandOff.LIVE and not item.is_told_to_wait]
    awaited = [item for item in live if item.state in (State.UNSUBMITTED, State.SUBMITTED)]
    for hand_off in awaited:
        hand_off.answer_by, hand_off.overdue_at = answer_by(hand_off), None
    HandOff.objects.bulk_update(awaited, ["answer_by", "overdue_at"])
    instruct(live, Kind.CHANGE, reason=reason)


def send_moved(order_ids: Sequence[int]) -> int:
    """The addresses of these orders changed: every WMS that has work of them is told; how many hand-offs that are."""

    def work() -> int:
        lock_orders(order_ids)
        mine = [item for item in lock_work_of_orders(order_ids) if item.with_wms and item.state != "ready"]
        send_change(mine, reason="The address changed")
        return len(mine)

    return run_atomic(work)


def end_hand_offs(work: Iterable[FulfillmentOrder], *, reason: str, actor: str) -> None:
    """The work is not the WMS's any more: it is told to stop, where it may have heard of it. The work is locked."""
    live = [item for item in lock_hand_offs(work) if item.state in HandOff.LIVE]
    for hand_off in live:
        move_hand_off(hand_off, State.CLOSED, actor=actor, reason=reason, wish={})
    stop(live, reason)


def stop(hand_offs: Sequence[HandOff], reason: str) -> None:
    """Tell the WMS to stop, where it may have heard of the work at all."""
    tried = HandOffInstruction.objects.filter(hand_off__in=[item.pk for item in hand_offs], attempts__gt=0)
    heard = set(tried.values_list("hand_off_id", flat=True)) if hand_offs else set()
    instruct([item for item in hand_offs if item.pk in heard], Kind.STOP, reason=reason)
    silent = [item.pk for item in hand_offs if item.pk not in heard]
    HandOffInstruction.objects.filter(hand_off__in=silent, state=InstructionState.PENDING).update(
        state=InstructionState.OVERTAKEN, settled_at=now()
    )  # fmt: skip


def close_finished(work_ids: Iterable[int], *, actor: str) -> None:
    """The parcels of these left: nothing more is to be said. Their work is locked."""
    done = FulfillmentOrder.objects.filter(pk__in=list(work_ids), state=FulfillmentOrderState.COMPLETED)
    for hand_off in lock_hand_offs(done.order_by("pk")):
        if hand_off.state in HandOff.LIVE:
            move_hand_off(hand_off, State.CLOSED, actor=actor, wish={})


def ask_to_cancel(hand_offs: Sequence[HandOff], wish: dict[str, Any], *, actor: str, reason: str) -> None:
    """Ask before the work is taken away; `wish` is what follows once the WMS agrees. The hand-offs are locked."""
    fresh = [item for item in hand_offs if item.state != State.CANCELLATION_REQUESTED]
    for hand_off in hand_offs:
        if hand_off in fresh:
            move_hand_off(hand_off, State.CANCELLATION_REQUESTED, actor=actor, reason=reason, wish=wish,
                          answer_by=answer_by(hand_off))  # fmt: skip
        elif wish["do"] == "cancel":
            hand_off.wish = wish
            hand_off.save(update_fields=["wish"])
    instruct(fresh, Kind.CANCEL, reason=reason)
    record([
        TimelineEntry(
            order_id=item.fulfillment_order.order_id, kind="hand_off", actor=actor,
            message=f"The WMS of {item.fulfillment_order.node.code} is asked to cancel first: {reason}",
            data={"fulfillment_order": item.fulfillment_order.number},
        )
        for item in fresh
    ])  # fmt: skip


def asked_first(work: Iterable[FulfillmentOrder]) -> list[HandOff]:
    """Hand-offs of locked work whose WMS must be asked before the work is taken away; locked."""
    return [item for item in lock_hand_offs(work) if item.state in ASKED_FIRST]


# -- by hand -----------------------------------------------------------------------------------------------------------


def take_over(*, hand_off_id: int, reason: str, actor: str) -> FulfillmentOrder:
    """A person does the work by hand from now on: the floor's screens offer it, and the WMS is told to stop.

    Raises DomainError without a reason, Conflict where the WMS has it no more, or is asked to cancel it.
    """
    if not reason.strip():
        raise DomainError("Say why the work is taken over: its WMS reads it.", field="reason")

    def work() -> FulfillmentOrder:
        item, hand_off = locked_hand_off(hand_off_id)
        if hand_off.state not in HandOff.LIVE:
            raise Conflict(
                f"{item.number}: the hand-off is {hand_off.get_state_display().lower()}, nothing to take over."
            )
        if hand_off.state == State.CANCELLATION_REQUESTED:
            raise Conflict(f"{item.number}: its WMS is asked to cancel. Wait for its answer, or cancel anyway.")
        end_hand_offs([item], reason=f"Taken over by hand: {reason.strip()}", actor=actor)
        FulfillmentOrder.objects.filter(pk=item.pk).update(with_wms=False)
        item.with_wms = False
        message = f"Taken over from the WMS of {item.node.code}: {reason.strip()}"
        record([TimelineEntry(order_id=item.order_id, kind="hand_off", actor=actor, message=message)])
        if hand_off.link.labels == LinkLabels.THEIRS:
            # Nobody booked these: the WMS was to do it.
            parcels = item.shipments.filter(state=ShipmentState.CREATED).values_list("pk", flat=True)
            publish([ParcelPacked(shipment_id=pk, order_id=item.order_id) for pk in parcels])
        return item

    return run_atomic(work)


def locked_hand_off(hand_off_id: int) -> tuple[FulfillmentOrder, HandOff]:
    """The work of a hand-off and the hand-off, locked. Raises NotFound; Conflict where a person took the work over."""
    work_id = HandOff.objects.filter(pk=hand_off_id).values_list("fulfillment_order_id", flat=True).first()
    if work_id is None:
        raise NotFound(f"There is no hand-off {hand_off_id}.")
    item = lock_one_work(work_id)
    found = lock_hand_offs([item])
    if not found:
        raise Conflict(f"{item.number} was taken over by hand.")
    found[0].fulfillment_order = item
    return item, found[0]


def resend_instructions(instruction_ids: Sequence[int]) -> int:
    """Send instructions that were given up, or wait for another try, again now under the ids they had; how many.

    One that a newer one made void is left alone.
    """

    def work() -> int:
        newer = HandOffInstruction.objects.filter(
            hand_off=OuterRef("hand_off"), version__gt=OuterRef("version"), kind__in=_WHOLE
        )
        rows = HandOffInstruction.objects.filter(
            ~Exists(newer), pk__in=list(instruction_ids), state__in=(InstructionState.DEAD, InstructionState.FAILED)
        )
        links = sorted(set(rows.values_list("link_id", flat=True)))
        count = rows.update(state=InstructionState.FAILED, attempts=1, next_try_at=now(), settled_at=None)
        publish([InstructionsDue(link_id=pk) for pk in links])
        return count

    return run_atomic(work)
