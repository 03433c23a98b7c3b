"""Work that was open before its node's WMS was linked goes to it, and what the WMS has comes back to the floor."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet

from fulfillment.locks import lock_one_work
from fulfillment.models import (
    FulfillmentOrder,
    FulfillmentOrderKind,
    FulfillmentOrderState,
    HandOff,
    InstructionKind,
    LinkMode,
    WaveOrder,
    WmsLink,
)
from fulfillment.services.hand_offs import answer_by, instruct, take_over
from fulfillment.services.moving import NOT_BEGUN
from oms.core.db import run_atomic
from oms.core.errors import Conflict, NotFound
from orders.services import TimelineEntry, record

_IN_WAVE = WaveOrder.objects.filter(fulfillment_order=OuterRef("pk"), left_at__isnull=True)


def can_be_handed_over() -> QuerySet[FulfillmentOrder]:
    """Work that nobody began and no WMS was given before: not in a wave, and not collected at the counter."""
    rows = FulfillmentOrder.objects.filter(NOT_BEGUN, ~Exists(_IN_WAVE), hand_off__isnull=True)
    return rows.exclude(kind=FulfillmentOrderKind.PICKUP)


def hand_over_to_wms(*, fulfillment_order_id: int, actor: str) -> HandOff:
    """Give work that the floor did not begin to the WMS of its node, as if it opened now.

    Raises NotFound; Conflict where the node has no WMS, or where the work was begun or handed off meanwhile.
    """

    def work() -> HandOff:
        item = lock_one_work(fulfillment_order_id)
        link = WmsLink.objects.filter(node=item.node_id).defer("secret", "old_secret").first()
        if link is None or link.mode == LinkMode.NONE:
            raise Conflict(f"{item.node.code} has no WMS: link it first.")
        if not can_be_handed_over().filter(pk=item.pk).exists():
            state = item.get_state_display().lower()
            raise Conflict(f"{item.number} ({state}) was begun, or a WMS was given it before: it stays as it is.")
        FulfillmentOrder.objects.filter(pk=item.pk).update(with_wms=True)
        hand_off = HandOff(fulfillment_order=item, link=link)
        is_open = item.state != FulfillmentOrderState.SCHEDULED
        hand_off.answer_by = answer_by(hand_off) if is_open else None
        hand_off.save()
        # What is scheduled is told when it opens.
        instruct([hand_off] if is_open else [], InstructionKind.PICK)
        message = f"Handed to the WMS of {item.node.code}"
        record([TimelineEntry(order_id=item.order_id, kind="hand_off", actor=actor, message=message,
                              data={"fulfillment_order": item.number})])  # fmt: skip
        return hand_off

    return run_atomic(work)


def back_to_the_floor(*, fulfillment_order_id: int, reason: str, actor: str) -> FulfillmentOrder:
    """Take work back from its WMS. Raises NotFound, and what `take_over` raises."""
    pk = HandOff.objects.filter(fulfillment_order=fulfillment_order_id).values_list("pk", flat=True).first()
    if pk is None:
        raise NotFound(f"No WMS was given the work {fulfillment_order_id}.")
    return take_over(hand_off_id=pk, reason=reason, actor=actor)
