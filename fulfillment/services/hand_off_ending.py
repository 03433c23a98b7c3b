"""Work leaves its WMS: it agreed, it refused, it said nothing in time, or a person decided without it."""

from __future__ import annotations

import logging

from fulfillment.errors import CannotCancel
from fulfillment.models import FulfillmentOrder, HandOff, HandOffState, LinkSilence
from fulfillment.services.cancelling import cancel_work
from fulfillment.services.hand_offs import end_hand_offs, locked_hand_off, move_hand_off, stop
from fulfillment.services.opening import open_fulfillment_orders
from fulfillment.services.work import WITHDRAWABLE, reject, withdraw
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError
from orders.services import TimelineEntry, record
from routing.services import exclude_node, route_orders

log = logging.getLogger(__name__)
State = HandOffState
#: Why routing gives the work to another node.
SILENT = "WMS did not answer"
#: Hand-offs that one run looks at.
LOOKED_AT = 200


def agreed_to_cancel(item: FulfillmentOrder, hand_off: HandOff, *, actor: str) -> None:
    """The WMS does not send it: what was wished for follows, in this transaction. Both are locked."""
    wish = dict(hand_off.wish)
    move_hand_off(hand_off, State.CANCELLATION_ACCEPTED, actor=actor)
    _say(item, f"The WMS of {item.node.code} agreed to cancel.", actor)
    _carry_out(item, wish, actor)


def refused_to_cancel(item: FulfillmentOrder, hand_off: HandOff, *, reason: str, actor: str) -> None:
    """The WMS goes on: the parcel leaves, unless a person cancels anyway."""
    why = reason.strip()[:200] or "no reason was given"
    move_hand_off(hand_off, State.CANCELLATION_REJECTED, actor=actor, reason=why)
    _say(item, f"The WMS of {item.node.code} does not cancel: {why}.", actor)


def cancel_anyway(*, hand_off_id: int, reason: str, actor: str) -> FulfillmentOrder:
    """Take the work away from a WMS that refused, or did not answer in time, although the parcel may leave.

    Raises DomainError without a reason, Conflict while the WMS has time to answer, or was not asked.
    """
    if not reason.strip():
        raise DomainError("Say why it is cancelled without the WMS.", field="reason")

    def work() -> FulfillmentOrder:
        item, hand_off = locked_hand_off(hand_off_id)
        asked = hand_off.state == State.CANCELLATION_REQUESTED
        if asked and not hand_off.is_overdue:
            raise Conflict(f"{item.number}: its WMS still has time to answer.")
        if not asked and hand_off.state != State.CANCELLATION_REJECTED:
            raise Conflict(f"{item.number}: its WMS was not asked to cancel.")
        if item.state not in FulfillmentOrder.LIVE:
            raise CannotCancel(f"{item.number} is {item.get_state_display().lower()} already.")
        wish = dict(hand_off.wish)
        _say(item, f"Cancelled without the WMS of {item.node.code}: {reason.strip()}", actor)
        end_hand_offs([item], reason=f"Cancelled anyway: {reason.strip()}", actor=actor)
        _carry_out(item, wish, actor)
        return item

    return run_atomic(work)


def _carry_out(item: FulfillmentOrder, wish: dict[str, object], actor: str) -> None:
    """Do what the WMS was asked for: cancel its part, or give it to another node."""
    reason = str(wish.get("reason") or "Cancelled")
    if wish.get("do") == "cancel":
        cancel_work(fulfillment_order_id=item.pk, reason=reason, actor=str(wish.get("actor") or actor),
                    not_collected=bool(wish.get("not_collected")))  # fmt: skip
        return
    if item.state not in WITHDRAWABLE:
        raise Conflict(f"{item.number} is {item.get_state_display().lower()}: it can only be cancelled.")
    to_node = wish.get("to_node_id")
    only = to_node if isinstance(to_node, int) else None
    if only is None:
        exclude_node(order_id=item.order_id, node_id=item.node_id, reason=f"Its WMS gave it back: {reason}")
    withdraw(fulfillment_order_ids=[item.pk], reason=reason, actor=actor, announce_it=False)
    route_orders([item.order_id], trigger="reroute", actor=actor, only_node_id=only)
    open_fulfillment_orders([item.order_id], actor=actor)


def _say(item: FulfillmentOrder, message: str, actor: str) -> None:
    record([
        TimelineEntry(order_id=item.order_id, kind="hand_off", actor=actor, message=message,
                      data={"fulfillment_order": item.number})
    ])  # fmt: skip


# -- by the clock ------------------------------------------------------------------------------------------------------


def look_at_hand_offs() -> dict[str, int]:
    """Note answers that are overdue, and treat a silent WMS as rejecting where its node wants it so; how many of each.

    What ended without its hand-off being told is closed, too.
    """
    moment = now()
    late = HandOff.objects.filter(answer_by__lt=moment, overdue_at__isnull=True).order_by("answer_by", "pk")
    ended = HandOff.objects.filter(state__in=HandOff.LIVE, fulfillment_order__with_wms=True)
    ended = ended.exclude(fulfillment_order__state__in=FulfillmentOrder.LIVE).order_by("pk")
    counts = {"overdue": 0, "closed": 0}
    for pk in late.values_list("pk", flat=True)[:LOOKED_AT]:
        counts["overdue"] += _look(pk)
    for pk in ended.values_list("pk", flat=True)[:LOOKED_AT]:
        counts["closed"] += _close(pk)
    return counts


def _look(hand_off_id: int) -> bool:
    def work() -> bool:
        item, hand_off = locked_hand_off(hand_off_id)
        if not hand_off.is_overdue or hand_off.overdue_at is not None:
            return False
        unanswered = hand_off.state in (State.UNSUBMITTED, State.SUBMITTED)
        if unanswered and hand_off.link.on_silence == LinkSilence.REROUTE and item.state in WITHDRAWABLE:
            minutes = hand_off.link.answer_minutes
            reject(fulfillment_order_id=item.pk, reason=SILENT, actor="flow", by_wms=True)
            hand_off.refresh_from_db()
            stop([hand_off], f"{SILENT} within {minutes} minutes")
            _say(item, f"The WMS of {item.node.code} did not answer within {minutes} minutes.", "flow")
            HandOff.objects.filter(pk=hand_off.pk).update(overdue_at=now())
            return True
        hand_off.overdue_at = now()
        hand_off.save(update_fields=["overdue_at"])
        return True

    return _unless_gone(work)


def _close(hand_off_id: int) -> bool:
    def work() -> bool:
        item, hand_off = locked_hand_off(hand_off_id)
        if item.state in FulfillmentOrder.LIVE or hand_off.state not in HandOff.LIVE:
            return False
        if item.state == "completed":
            move_hand_off(hand_off, State.CLOSED, actor="flow", wish={})
        else:
            end_hand_offs([item], reason=item.end_reason or item.get_state_display(), actor="flow")
        return True

    return _unless_gone(work)


def _unless_gone(work: object) -> bool:
    """Whether it was done; not where a person was faster."""
    assert callable(work)
    try:
        return bool(run_atomic(work))
    except Conflict as error:
        log.info("A hand-off was left alone: %s", error.message)
        return False
