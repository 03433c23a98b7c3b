"""What helps an order whose promise is at risk: other nodes, a faster service, or telling the customer.

Looked for by the clock, in batches, never where an order is routed. What is found is a proposal with its probability;
`save_promise` and `go_faster` do it where a person asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Exists, F, OuterRef, Q

from fulfillment.locks import lock_work
from fulfillment.models import (
    FulfillmentLine,
    FulfillmentOrder,
    FulfillmentOrderKind,
    RerouteCause,
    Shipment,
    ShipmentState,
)
from fulfillment.selectors.standing import standings_of
from fulfillment.services.moving import NOT_BEGUN, Move, is_begun, move_elsewhere
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict
from orders.locks import lock_order
from orders.services import TimelineEntry, record
from routing.engine import Plan
from routing.models import OrderOutlook, OutlookRemedy
from routing.promise.outlook import Outlook, Piece, Standing
from routing.services import (
    Freed,
    Remedy,
    active_policy,
    as_by,
    as_from,
    forget_remedies,
    look_soon,
    orders_to_help,
    outlooks_of,
    plan_again,
    set_remedies,
)
from routing.services.promise_facts import slow_facts

#: Orders that are helped in one run of the clock.
HELPED_A_RUN = 100
#: What changes the probability by less than this is no remedy.
WORTH_IT = 0.1
#: The service that comes sooner, where the shop sells it.
FASTER = "express"
#: States of work of which nothing is in a parcel yet.
_UNPACKED = ("scheduled", "open", "accepted", "picking", "picked")


@dataclass(frozen=True, slots=True)
class _Moved:
    """Where the work of an order would go, and how much more that costs by the rules than staying."""

    plan: Plan
    more_minor: int


def find_remedies(*, limit: int = HELPED_A_RUN) -> int:
    """Look for what helps the orders at risk that were not helped yet, the dearest first; how many were looked at."""
    ids = orders_to_help(limit)
    if not ids:
        return 0
    moment = now()
    standings = {each.order_id: each for each in standings_of(ids)}
    present = outlooks_of(list(standings.values()), moment)
    moved = _plans_elsewhere(standings)
    there = outlooks_of(
        [as_from(standings[pk], each.plan.node_ids, moment) for pk, each in moved.items()], moment
    )  # fmt: skip
    faster = outlooks_of([as_by(each, FASTER) for each in standings.values() if _may_go_faster(each)], moment)
    set_remedies([
        _best(standings[pk], present[pk], moved.get(pk), there.get(pk), faster.get(pk)) for pk in standings
    ], moment)  # fmt: skip
    return len(ids)


def _plans_elsewhere(standings: Mapping[int, Standing]) -> dict[int, _Moved]:
    """For orders all of whose work nobody began at one node: the plan without that node. A few statements a node."""
    work: dict[int, list[FulfillmentOrder]] = {}
    for item in FulfillmentOrder.objects.filter(order__in=standings, kind=FulfillmentOrderKind.SHIP).filter(NOT_BEGUN):
        work.setdefault(item.order_id, []).append(item)
    by_node: dict[int, list[FulfillmentOrder]] = {}
    for pk, items in work.items():
        if len(items) == 1 and len([piece for piece in standings[pk].pieces if piece.kind == "node"]) == 1:
            by_node.setdefault(items[0].node_id, []).append(items[0])
    found: dict[int, _Moved] = {}
    for node_id, items in by_node.items():
        ids, freed = [item.order_id for item in items], _given_back(items)
        stay = plan_again(ids, freed, only_node_id=node_id)
        for pk, plan in plan_again(ids, freed, without_node_id=node_id).items():
            if plan.outcome == "routed" and node_id not in plan.node_ids:
                at_home = stay.get(pk)
                costs = at_home.cost_minor if at_home is not None and at_home.outcome == "routed" else plan.cost_minor
                found[pk] = _Moved(plan, plan.cost_minor - costs)
    return found


def _given_back(items: Sequence[FulfillmentOrder]) -> list[Freed]:
    """What the node would give back of work that nobody began. One statement."""
    lines = FulfillmentLine.objects.filter(fulfillment_order__in=items).order_by("pk")
    return [
        Freed(line.order_line_id, items[0].node_id, line.sku_id, line.quantity - line.short - line.packed)
        for line in lines
    ]


def _may_go_faster(standing: Standing) -> bool:
    """Something of it has no label yet and goes by the usual service, and the shop sells the faster one."""
    if standing.service != "standard" or not any(_is_unbooked(piece) for piece in standing.pieces):
        return False
    return any(service.code == FASTER for service in slow_facts().services)


def _is_unbooked(piece: Piece) -> bool:
    return piece.kind == "node" and not piece.carrier and not piece.collected


def _best(
    standing: Standing, present: Outlook, moved: _Moved | None, there: Outlook | None, faster: Outlook | None
) -> Remedy:
    """The remedy that lowers the probability the most and is worth its price; the customer is told where none does."""
    pk, breach = standing.order_id, present.breach
    options: list[Remedy] = []
    if moved is not None and there is not None and there.breach <= breach - WORTH_IT:
        late_days = max(1, (present.expected_on - standing.promised_by.date()).days if present.expected_on else 1)
        worth = (breach - there.breach) * late_days * active_policy().weights.late_minor_per_day
        if moved.more_minor <= worth:
            nodes = set(moved.plan.node_ids)
            codes = tuple(sorted(found.code for found in moved.plan.candidates if found.node_id in nodes))
            options.append(Remedy(pk, OutlookRemedy.REROUTE, there.breach, max(0, moved.more_minor), codes))
    if faster is not None and faster.breach <= breach - WORTH_IT:
        options.append(Remedy(pk, OutlookRemedy.UPGRADE, faster.breach))
    if options:
        return min(options, key=lambda option: (option.breach or 0.0, option.kind != OutlookRemedy.REROUTE))
    if standing.can_tell and present.sure_by is not None and present.sure_by > standing.promised_by:
        return Remedy(pk, OutlookRemedy.TELL)
    return Remedy(pk, OutlookRemedy.NONE)


def save_promise(*, order_id: int, actor: str) -> bool:
    """Move the work of an order that nobody began to another node, because its promise is at risk; whether it moved.

    One transaction: all of it finds another node, or nothing changes but the record of the try. The node that it leaves
    is not asked again for the order. Raises Conflict where somebody has begun, or where moving it away from where its
    work is now is not what helps: who asks twice does not move it twice.
    """

    def work() -> bool:
        order = lock_order(order_id)
        found = FulfillmentOrder.objects.filter(order=order_id, kind=FulfillmentOrderKind.SHIP).filter(NOT_BEGUN)
        items = [item for item in lock_work(found.values_list("pk", flat=True)) if not is_begun(item)]
        if not items:
            raise Conflict(f"{order.number} cannot be moved: somebody has begun with it.")
        outlook = OrderOutlook.objects.filter(order=order_id).first()
        if outlook is None or not outlook.is_at_risk or outlook.remedy != OutlookRemedy.REROUTE:
            raise Conflict(f"{order.number} is not moved: another node is not what helps its promise now.")
        item = next((item for item in items if item.node.code == outlook.place), None)
        if item is None:
            raise Conflict(f"{order.number} is not moved: its work is not at {outlook.place} any more.")
        move = Move(RerouteCause.AT_RISK, f"Its promise is at risk at {item.node.code}.", never_again=True)
        return move_elsewhere(item, move, actor=actor)

    return run_atomic(work)


def go_faster(*, order_id: int, actor: str) -> None:
    """Have the parcels of an order that have no label yet booked with the fastest service, whatever that costs.

    Raises Conflict where a faster service is not what helps its promise, or where nothing waits for a label of the
    usual service any more.
    """

    def work() -> None:
        order = lock_order(order_id)
        outlook = OrderOutlook.objects.filter(order=order_id).first()
        if outlook is None or not outlook.is_at_risk or outlook.remedy != OutlookRemedy.UPGRADE:
            raise Conflict(f"{order.number} is left as it is: a faster service is not what helps its promise now.")
        live = FulfillmentOrder.objects.filter(order=order_id, kind=FulfillmentOrderKind.SHIP, goes_fast=False)
        unbooked = Exists(Shipment.objects.filter(fulfillment_order=OuterRef("pk"), state=ShipmentState.CREATED))
        live = live.filter(Q(state__in=_UNPACKED) | unbooked)
        items = lock_work(live.values_list("pk", flat=True))
        if not items:
            raise Conflict(f"{order.number} is left as it is: nothing waits for a label of the usual service.")
        FulfillmentOrder.objects.filter(pk__in=[item.pk for item in items]).update(
            goes_fast=True, version=F("version") + 1
        )
        nodes = ", ".join(sorted({item.node.code for item in items}))
        message = f"Goes from {nodes} by the fastest service, because its promise is at risk."
        record([TimelineEntry(order_id=order_id, kind="goes_fast", message=message, actor=actor)])
        forget_remedies([order_id])
        look_soon([order_id])

    run_atomic(work)
