"""When work can leave its node at the earliest. Pure but for the two reads at the end."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Count

from fulfillment.models import FulfillmentOrder, FulfillmentOrderState
from inventory.models import Node, NodeHoliday

State = FulfillmentOrderState
_BEFORE_PACKED = (State.OPEN, State.ACCEPTED, State.PICKING, State.PICKED)
#: A node that does not work within so many days is taken not to work at all.
_DAYS_AHEAD = 30


@dataclass(frozen=True, slots=True)
class NodeDay:
    """A node as its work is timed: its calendar, and how much of its work is not packed yet."""

    node: Node
    holidays: frozenset[date] = field(default_factory=frozenset)
    waiting: int = 0

    def works_on(self, day: date) -> bool:
        """Open on that day of its own."""
        return day.isoweekday() in self.node.working_days and day not in self.holidays


def leaves_at(at: NodeDay, *, released_at: datetime, now: datetime, ahead: int) -> datetime | None:
    """The earliest moment at which work can be handed over, `ahead` others first; None where the node does not work.

    Today where the node works today, the work was released by the cut-off, and its processing time is over before the
    node closes; else on the next day that it works, as soon as it is open and the processing time is over. A node does
    no more a day than it takes: each full day of work ahead is one working day later. It is a bound, and a kind one:
    what it says cannot be met cannot be met.
    """
    node, zone = at.node, ZoneInfo(at.node.time_zone)
    processing = timedelta(minutes=node.processing_minutes)
    local = now.astimezone(zone)
    days_full = ahead // node.daily_capacity if node.daily_capacity else _DAYS_AHEAD
    cutoff = datetime.combine(local.date(), node.cutoff_at, tzinfo=zone)
    closes = datetime.combine(local.date(), node.closes_at, tzinfo=zone)
    in_time = released_at <= cutoff and local + processing <= closes
    if at.works_on(local.date()):
        if in_time and not days_full:
            return now + processing
        days_full -= in_time
    for number in range(1, _DAYS_AHEAD + 1):
        day = local.date() + timedelta(days=number)
        if at.works_on(day):
            if days_full <= 0:
                return datetime.combine(day, node.opens_at, tzinfo=zone) + processing
            days_full -= 1
    return None


def node_days(node_ids: Collection[int]) -> Mapping[int, NodeDay]:
    """Calendars and unpacked work of nodes, by id. Three statements."""
    nodes = Node.objects.in_bulk(list(node_ids))
    holidays: dict[int, set[date]] = {}
    for node_id, day in NodeHoliday.objects.filter(node__in=nodes).values_list("node_id", "day"):
        holidays.setdefault(node_id, set()).add(day)
    waiting = dict(
        FulfillmentOrder.objects.filter(node__in=nodes, state__in=_BEFORE_PACKED)
        .values_list("node_id").annotate(Count("pk")).order_by()
    )  # fmt: skip
    return {pk: NodeDay(node, frozenset(holidays.get(pk, ())), waiting.get(pk, 0)) for pk, node in nodes.items()}
