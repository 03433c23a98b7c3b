"""Promises that a node can no longer keep: work that nobody began goes to a node that can, where that is worth it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from math import ceil
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef

from fulfillment.locks import lock_work
from fulfillment.models import (
    FulfillmentOrder,
    FulfillmentOrderKind,
    FulfillmentOrderState,
    RerouteAttempt,
    RerouteCause,
    RerouteOutcome,
)
from fulfillment.selectors.leaving import NodeDay, leaves_at, node_days
from fulfillment.services.moving import NOT_BEGUN, Move, given_back, is_begun, move_elsewhere, note_attempt
from oms.core.clock import now
from oms.core.db import run_atomic
from routing.engine import Plan
from routing.engine.wording import money
from routing.services import active_policy, plan_again

#: Orders that are planned again in one run of the clock, and work that is looked at for them.
MOVED_A_RUN, LOOKED_AT = 50, 2000
#: Only promises that break within this time are looked at: much can happen before the others.
HORIZON = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Risk:
    """Work that cannot leave in time: when it must, and when it can at the earliest (None: never, by its calendar)."""

    work_id: int
    due_at: datetime
    leaves_at: datetime | None


def work_at_risk(*, limit: int = MOVED_A_RUN) -> list[Risk]:
    """Open work that nobody began and whose ship-by its node can no longer meet, the most urgent first.

    Left out are orders that were tried for this cause before, whatever came of it, and what is late already: no other
    node brings that back.
    """
    moment = now()
    tried = RerouteAttempt.objects.filter(order=OuterRef("order"), cause=RerouteCause.AT_RISK)
    found = (
        FulfillmentOrder.objects.filter(
            NOT_BEGUN, kind=FulfillmentOrderKind.SHIP, due_at__gt=moment, due_at__lt=moment + HORIZON,
            released_at__isnull=False,
        ).exclude(state=FulfillmentOrderState.SCHEDULED).exclude(Exists(tried)).order_by("due_at", "pk")[:LOOKED_AT]
    )  # fmt: skip
    work = list(found)
    days = node_days({item.node_id for item in work})
    here = Counter(item.node_id for item in work)
    # What is not looked at stands before it: begun, or due earlier.
    ahead = {node_id: max(0, day.waiting - here[node_id]) for node_id, day in days.items()}
    risks = []
    for item in work:
        assert item.due_at is not None
        assert item.released_at is not None
        leaves = leaves_at(days[item.node_id], released_at=item.released_at, now=moment, ahead=ahead[item.node_id])
        ahead[item.node_id] += 1
        if leaves is None or leaves > item.due_at:
            risks.append(Risk(item.pk, item.due_at, leaves))
    return risks[:limit]


def move_promises_at_risk(*, actor: str = "flow", limit: int = MOVED_A_RUN) -> int:
    """Move work at risk to nodes that keep its promise; how many moved. Each in a transaction of its own.

    A move may cost as much more as the policy charges for the days of lateness that it saves. Each order is tried once
    for this cause; what stays is listed for people.
    """
    return sum(run_atomic(partial(_move, risk, actor)) for risk in work_at_risk(limit=limit))


def _move(risk: Risk, actor: str) -> bool:
    items = lock_work([risk.work_id])
    if not items or is_begun(items[0]):
        return False
    item = items[0]
    words = _words(item, risk)
    problem = _problem(item, risk)
    if problem:
        note_attempt(item, RerouteCause.AT_RISK, RerouteOutcome.STAYED, f"{words} {problem}")
        return False
    return move_elsewhere(item, Move(RerouteCause.AT_RISK, words, never_again=True), actor=actor)


def _words(item: FulfillmentOrder, risk: Risk) -> str:
    zone = ZoneInfo(item.node.time_zone)
    due = risk.due_at.astimezone(zone)
    if risk.leaves_at is None:
        return f"{item.node.code} does not work before it is due on {due:%d %b %H:%M}."
    leaves = risk.leaves_at.astimezone(zone)
    return f"{item.node.code} can hand it over on {leaves:%d %b %H:%M} at the earliest; it is due on {due:%d %b %H:%M}."


def _problem(item: FulfillmentOrder, risk: Risk) -> str:
    """Why it had better stay; empty where another plan keeps the promise at a price that is worth it."""
    freed = given_back(item)
    stay = plan_again([item.order_id], freed, only_node_id=item.node_id).get(item.order_id)
    go = plan_again([item.order_id], freed, without_node_id=item.node_id).get(item.order_id)
    if go is None or not go.node_ids or go.outcome != "routed":
        return "No other node can take all of it."
    late = _late_nodes(item, go, node_days(go.node_ids))
    if late:
        return f"{', '.join(late)} would be late, too."
    days = 1 if risk.leaves_at is None else max(1, ceil((risk.leaves_at - risk.due_at) / timedelta(days=1)))
    worth = days * active_policy().weights.late_minor_per_day
    if stay is not None and stay.outcome == "routed" and go.cost_minor > stay.cost_minor + worth:
        currency = item.order.currency
        more, worthy = money(go.cost_minor - stay.cost_minor, currency), money(round(worth), currency)
        return f"From elsewhere it would cost {more} more; {days} late days are worth {worthy}."
    return ""


def _late_nodes(item: FulfillmentOrder, plan: Plan, days: Mapping[int, NodeDay]) -> Sequence[str]:
    """Nodes of the plan that would hand it over after it is due, or bring it after the day that was promised."""
    moment, promised = now(), item.order.promised_by
    transit = {found.node_id: found.transit_days or 0 for found in plan.candidates}
    late = []
    for node_id in plan.node_ids:
        leaves = leaves_at(days[node_id], released_at=moment, now=moment, ahead=days[node_id].waiting)
        due = item.due_at is not None and leaves is not None and leaves <= item.due_at
        brought = leaves + timedelta(days=transit.get(node_id, 0)) if leaves is not None else None
        if not due or (promised is not None and (brought is None or brought > promised)):
            late.append(days[node_id].node.code)
    return late
