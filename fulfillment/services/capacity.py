"""A node takes fewer orders a day than it was given: those above the limit that nobody began go elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from django.db.models import Exists, F, OuterRef

from fulfillment.locks import lock_work
from fulfillment.models import FulfillmentOrder, FulfillmentOrderKind, RerouteAttempt, RerouteCause, RerouteOutcome
from fulfillment.services.moving import NOT_BEGUN, Move, is_begun, move_elsewhere
from inventory.locks import lock_node
from inventory.models import Node, Reservation
from oms.core.db import run_atomic
from routing.models import NodeLoad

#: Orders that are moved before the worker has its hands free for others.
MOVED_AT_ONCE = 50


def orders_above(node: Node, limit: int | None = None) -> int:
    """How many orders more the node was given today than `limit` (what it takes a day)."""
    given = NodeLoad.objects.filter(node=node, day=node.today()).values_list("orders", flat=True).first() or 0
    return max(0, given - (node.daily_capacity if limit is None else limit))


def movable_work(node: Node, *, limit: int, tried_since: datetime | None = None) -> Sequence[FulfillmentOrder]:
    """Today's work of a node that nobody began: the least urgent first, of those the youngest.

    Work that was given to it on another day takes no place of today. Left out is what was tried `tried_since` and
    stayed.
    """
    today = Reservation.objects.filter(
        order_id=OuterRef("order_id"), node=OuterRef("node"), open_quantity__gt=0, created_at__gte=_midnight(node)
    )
    found = FulfillmentOrder.objects.filter(NOT_BEGUN, Exists(today), node=node, kind=FulfillmentOrderKind.SHIP)
    if tried_since is not None:
        stayed = RerouteAttempt.objects.filter(
            fulfillment_order=OuterRef("pk"), cause=RerouteCause.CAPACITY_CUT, outcome=RerouteOutcome.STAYED,
            tried_at__gte=tried_since,
        )  # fmt: skip
        found = found.exclude(Exists(stayed))
    return list(found.order_by(F("due_at").desc(nulls_first=True), "-pk")[:limit])


def _midnight(node: Node) -> datetime:
    return datetime.combine(node.today(), datetime.min.time(), tzinfo=ZoneInfo(node.time_zone))


def shed_excess(*, node_id: int, since: datetime, actor: str = "flow", limit: int = MOVED_AT_ONCE) -> bool:
    """Move orders above the node's limit to other nodes, each in a transaction of its own; whether there may be more.

    What no other node can take stays and is listed for people. `since` is when the limit was cut: what stayed after
    that is not tried again. Begun anew after a crash it goes on where it was: an order that moved is gone from here.
    Never inside a transaction.
    """
    node = Node.objects.get(pk=node_id)
    for _ in range(limit):
        found = movable_work(node, limit=1, tried_since=since) if orders_above(node) else []
        if not found:
            return False
        run_atomic(partial(_move, found[0].pk, actor))
    return True


def _move(work_id: int, actor: str) -> bool:
    items = lock_work([work_id])
    if not items or is_begun(items[0]):
        return False
    item = items[0]
    # One at a time, so that two workers do not both move the last one that is above the limit.
    node = lock_node(item.node_id)
    if not orders_above(node):
        return False
    words = f"{node.code} takes only {node.daily_capacity} orders a day now."
    return move_elsewhere(item, Move(RerouteCause.CAPACITY_CUT, words, never_again=False), actor=actor)
