"""What counting needs to know of the work of orders: which units pickers carry, and which they did not find.

The stock room cannot see orders' work, so the screens and the API hand it these answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from fulfillment.models import FulfillmentLine, FulfillmentOrder, FulfillmentOrderState
from fulfillment.selectors.picking import PUT_BACK, PUT_BACK_DAYS
from fulfillment.services import reroute_order
from fulfillment.states import FULFILLMENT_ORDER
from inventory.models import CountItem, StockLevel
from inventory.selectors.shelf import Carried
from inventory.services.counting import Decision, Reviewer, accept_items
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict
from oms.core.models import Transition
from orders.models import Order, OrderEvent
from routing.services import exclude_node

State = FulfillmentOrderState
#: Days in which a short pick gives reason to count.
SHORT_DAYS = 30
_ENDED = (State.CANCELLED, State.REJECTED)
_IN_HAND = (State.ACCEPTED, State.PICKING, State.PICKED)


def carried_by_pickers(node_id: int, sku_ids: Sequence[int], since: datetime) -> list[Carried]:
    """Units of these SKUs that were picked at a node and lay in a tote at some moment since then.

    A unit is picked between the beginning of its picking and the moment when all of that work was picked; it is carried
    until the parcel is packed or, where the work ended before, until somebody reports it as put back. Four statements.
    """
    ended_since = max(since, now() - timedelta(days=PUT_BACK_DAYS)) - timedelta(days=30)
    lines = list(
        FulfillmentLine.objects.select_related("fulfillment_order").filter(
            Q(fulfillment_order__state__in=_IN_HAND) | Q(fulfillment_order__packed_at__gt=since)
            | Q(fulfillment_order__state__in=_ENDED, fulfillment_order__released_at__gte=ended_since),
            fulfillment_order__node=node_id, sku__in=sku_ids, picked__gt=0,
        )
    )  # fmt: skip
    if not lines:
        return []
    work = {line.fulfillment_order_id: line.fulfillment_order for line in lines}
    steps = Transition.objects.filter(model=FULFILLMENT_ORDER.name, object_id__in=list(work)).order_by("pk")
    times = {(pk, state): at for pk, state, at in steps.values_list("object_id", "to_state", "at")}
    settled = _put_back_at([item.order_id for item in work.values() if item.state in _ENDED])
    return [_carried(line, times, settled) for line in lines]


def _put_back_at(order_ids: Sequence[int]) -> dict[str, datetime]:
    """When the goods of ended work were reported as put back, by number of the work."""
    if not order_ids:
        return {}
    rows = OrderEvent.objects.filter(order__in=order_ids, kind=PUT_BACK).values_list("data", "at")
    return {str(data.get("fulfillment_order", "")): at for data, at in rows}


def _carried(
    line: FulfillmentLine, times: dict[tuple[int, str], datetime], settled: dict[str, datetime]
) -> Carried:  # fmt: skip
    item = line.fulfillment_order
    begun = times.get((item.pk, State.PICKING)) or item.accepted_at or item.picked_at or item.created_at
    after: datetime | None = None
    by: datetime | None = None
    if item.packed_at is not None:
        after = by = item.packed_at
    elif item.state in _ENDED:
        after = next((times[item.pk, state] for state in _ENDED if (item.pk, state) in times), begun)
        by = settled.get(item.number, after + timedelta(days=PUT_BACK_DAYS))
    return Carried(
        sku_id=line.sku_id, quantity=line.picked, taken_after=begun, taken_by=item.picked_at, ended_after=after,
        ended_by=by,
    )  # fmt: skip


def short_picked_skus(node_id: int, *, days: int = SHORT_DAYS) -> list[int]:
    """SKUs that pickers of a node did not find, or not enough of, in the last days."""
    rows = FulfillmentLine.objects.filter(
        fulfillment_order__node=node_id, fulfillment_order__released_at__gte=now() - timedelta(days=days), short__gt=0
    )
    return sorted(set(rows.values_list("sku_id", flat=True)))


def reroute_and_accept(*, count_uid: UUID, item_id: int, reviewer: Reviewer) -> tuple[Decision, list[str]]:
    """Accept a shortage that reservations stand in the way of: the newest orders go to other nodes until it fits.

    One transaction. Only orders whose work nobody began are moved, and this node is not asked for them again. The
    decision, and the numbers of the orders that were moved. Raises Conflict, with nothing changed, where too few of
    them can be moved.
    """

    def work() -> tuple[Decision, list[str]]:
        item = CountItem.objects.select_related("count", "sku").get(pk=item_id, count__uid=count_uid)
        moved = _make_room(item, reviewer.name)
        decision = accept_items(
            count_uid=count_uid, reviewer=reviewer, carried_since=carried_by_pickers, item_ids=[item_id]
        )
        if decision.refused:
            raise Conflict(decision.refused[0].text)
        return decision, moved

    return run_atomic(work)


def _make_room(item: CountItem, actor: str) -> list[str]:
    node_id, reason = item.count.node_id, f"{item.sku.code}: counted fewer than reserved ({item.count.number})"
    waiting = FulfillmentOrder.objects.filter(
        node=node_id, state__in=(State.SCHEDULED, State.OPEN, State.ACCEPTED), lines__sku=item.sku_id
    )
    orders = Order.objects.filter(pk__in=waiting.values("order_id")).order_by("-pk")
    moved: list[str] = []
    for order in orders:
        if _missing(item, node_id) <= 0:
            break
        exclude_node(order_id=order.pk, node_id=node_id, reason=reason)
        reroute_order(order_id=order.pk, actor=actor, reason=reason)
        moved.append(order.number)
    missing = _missing(item, node_id)
    if missing > 0:
        raise Conflict(
            f"{item.sku.code}: {missing} units are reserved for orders that are being picked already. Let their "
            "pickers report them as short."
        )
    return moved


def _missing(item: CountItem, node_id: int) -> int:
    """Units that are reserved beyond what the accepted variance would leave on hand."""
    level = StockLevel.objects.filter(sku=item.sku_id, node=node_id).first()
    return level.reserved - (level.on_hand + (item.variance or 0)) if level else 0
