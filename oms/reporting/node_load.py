"""Nodes at work: what each was given today, what waits there, and when its next cut-off comes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from oms.core.clock import now
from oms.core.db import fetch_dicts
from oms.reporting.scope import Scope

#: How far ahead the next cut-off is looked for.
_DAYS_AHEAD = 14
#: Work packed in this time gives the present rate.
_RATE_WINDOW = timedelta(hours=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLoadNow:
    """One node now. `used` of `limit` orders were given to it today; `waiting` work is not packed yet."""

    node_id: int
    code: str
    name: str
    kind: str
    city: str
    time_zone: str
    is_active: bool
    offline_reason: str
    used: int
    limit: int
    to_accept: int
    to_pick: int
    picking: int
    to_pack: int
    scheduled: int
    packed: int
    packed_lately: int
    cutoff_at: datetime | None
    works_today: bool
    before_cutoff: int

    @property
    def waiting(self) -> int:
        """Work that the node has not packed."""
        return self.to_accept + self.to_pick + self.picking + self.to_pack

    @property
    def backlog_hours(self) -> float | None:
        """Hours until that is packed at the present rate; None while nothing was packed lately."""
        if not self.waiting:
            return 0.0
        rate = self.packed_lately / (_RATE_WINDOW.total_seconds() / 3600)
        return self.waiting / rate if rate else None

    @property
    def is_full(self) -> bool:
        """The day's limit is used up."""
        return self.used >= self.limit

    @property
    def percent(self) -> int:
        """Used share of the limit, 0 to 100."""
        return min(100, self.used * 100 // self.limit) if self.limit else 100


_NODES = """
SELECT n.id AS node_id, n.code, n.name, n.kind, n.city, n.time_zone, n.is_active, n.offline_reason, n.cutoff_at,
    n.working_days, n.daily_capacity AS "limit", coalesce(load.orders, 0) AS used,
    ARRAY(SELECT day FROM inventory_nodeholiday h WHERE h.node_id = n.id AND h.day >= %(yesterday)s) AS holidays,
    coalesce(work.to_accept, 0) AS to_accept, coalesce(work.to_pick, 0) AS to_pick,
    coalesce(work.picking, 0) AS picking, coalesce(work.to_pack, 0) AS to_pack, coalesce(work.packed, 0) AS packed,
    coalesce(work.scheduled, 0) AS scheduled, coalesce(done.packed, 0) AS packed_lately,
    coalesce(work.due_soon, 0) AS before_cutoff
FROM inventory_node n
LEFT JOIN routing_nodeload load ON load.node_id = n.id AND load.day = (%(now)s AT TIME ZONE n.time_zone)::date
LEFT JOIN (
    SELECT f.node_id, count(*) FILTER (WHERE f.state = 'open') AS to_accept,
        count(*) FILTER (WHERE f.state = 'accepted') AS to_pick,
        count(*) FILTER (WHERE f.state = 'picking') AS picking, count(*) FILTER (WHERE f.state = 'picked') AS to_pack,
        count(*) FILTER (WHERE f.state IN ('packed', 'ready')) AS packed,
        count(*) FILTER (WHERE f.state = 'scheduled') AS scheduled,
        count(*) FILTER (WHERE f.state NOT IN ('packed', 'ready', 'scheduled') AND f.due_at < %(tomorrow)s) AS due_soon
    FROM fulfillment_fulfillmentorder f
    WHERE f.state IN ('scheduled', 'open', 'accepted', 'picking', 'picked', 'packed', 'ready')
    GROUP BY f.node_id
) work ON work.node_id = n.id
LEFT JOIN (
    SELECT f.node_id, count(*) AS packed FROM fulfillment_fulfillmentorder f
    WHERE f.packed_at > %(lately)s GROUP BY f.node_id
) done ON done.node_id = n.id
WHERE {nodes}
ORDER BY n.code
"""


def nodes_now(scope: Scope, *, moment: datetime | None = None) -> list[NodeLoadNow]:
    """Every node in sight, by code. One statement."""
    at = moment or now()
    params = {
        "now": at, "lately": at - _RATE_WINDOW, "yesterday": (at - timedelta(days=1)).date(),
        "tomorrow": at + timedelta(days=1), **scope.params,
    }  # fmt: skip
    return [_node(row, at) for row in fetch_dicts(scope.apply(_NODES), params)]


def _node(row: dict[str, Any], at: datetime) -> NodeLoadNow:
    zone = ZoneInfo(row["time_zone"])
    holidays, working_days = set(row.pop("holidays")), list(row.pop("working_days"))
    row["works_today"] = _works(at.astimezone(zone).date(), holidays, working_days)
    row["cutoff_at"] = next_cutoff(at, zone, row["cutoff_at"], working_days, holidays)
    return NodeLoadNow(**row)


def _works(day: date, holidays: set[date], working_days: list[int]) -> bool:
    return day.isoweekday() in working_days and day not in holidays


def next_cutoff(
    at: datetime, zone: ZoneInfo, cutoff: time, working_days: list[int], holidays: set[date]
) -> datetime | None:
    """The next moment at which a node closes its day's orders; None when it does not work within two weeks."""
    today = at.astimezone(zone).date()
    for ahead in range(_DAYS_AHEAD):
        day = today + timedelta(days=ahead)
        moment = datetime.combine(day, cutoff, tzinfo=zone)
        if _works(day, holidays, working_days) and moment > at:
            return moment
    return None
