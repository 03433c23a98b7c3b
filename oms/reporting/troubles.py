"""What needs a person, grouped by cause: counts, value at risk, the oldest and the next promise that breaks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.core.cache import cache

from oms.core.clock import now
from oms.core.db import fetch_all, fetch_dicts
from oms.reporting.scope import Scope
from oms.reporting.trouble_sql import groups_sql, members_sql

#: Nearer to the hand-over than this, an order is at risk.
AT_RISK = timedelta(hours=2)
#: A fresh order is decided within seconds; one that waits longer needs a person.
ROUTING_GRACE = timedelta(minutes=5)
RTO_WAIT = timedelta(days=7)
INSPECTION_WAIT = timedelta(hours=24)
RECENT = timedelta(days=7)
#: Least time in a state before work there counts as stuck, however fast the others were.
STUCK_FLOOR = {"open": timedelta(minutes=30), "picking": timedelta(hours=3), "picked": timedelta(hours=1),
               "packed": timedelta(hours=24)}  # fmt: skip
_LIMITS_SECONDS = 600
_ENOUGH = 50
MOST_MEMBERS = 1000


@dataclass(slots=True, kw_only=True)
class TroubleGroup:
    """Orders with the same trouble from the same cause. `parts` counts them by detail (a stage, a reason, a node)."""

    kind: str
    cause: str
    orders: int = 0
    objects: int = 0
    value_minor: dict[str, int] = field(default_factory=dict)
    oldest_at: datetime | None = None
    due_at: datetime | None = None
    parts: dict[str, int] = field(default_factory=dict)
    #: How many of them will probably miss their promise, where that is the trouble; `value_minor` is what hangs on it.
    breaches: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One order of a group. `object_id` is what an action is about: the order, its parcel or its return.

    What follows `due_at` is known of orders whose promise is at risk: the probability of breach, that times the value,
    when it is expected, what could be promised anew, and what the remedy would make of it.
    """

    object_id: int
    order_id: int
    number: str
    stage: str
    total_minor: int
    currency: str
    ship_city: str
    ship_postcode: str
    node_code: str | None
    detail: str
    since: datetime | None
    due_at: datetime | None
    breach: float | None = None
    at_risk_minor: int | None = None
    expected_on: date | None = None
    sure_by: datetime | None = None
    remedy_breach: float | None = None
    remedy_cost_minor: int | None = None
    remedy_nodes: list[str] | None = None


def trouble_groups(scope: Scope, *, moment: datetime | None = None) -> list[TroubleGroup]:
    """Every group of orders in trouble, unsorted. One statement, and one each ten minutes for the usual times."""
    params = _moments(moment or now()) | scope.params
    found: dict[tuple[str, str], TroubleGroup] = {}
    for row in fetch_dicts(scope.apply(groups_sql(limited=scope.nodes is not None)), params):
        key = (row["kind"], row["cause"])
        group = found.setdefault(key, TroubleGroup(kind=row["kind"], cause=row["cause"]))
        group.orders += row["orders"]
        group.objects += row["objects"]
        group.breaches += row["breaches"] or 0.0
        group.value_minor[row["currency"]] = group.value_minor.get(row["currency"], 0) + row["value_minor"]
        group.parts[row["detail"]] = group.parts.get(row["detail"], 0) + row["orders"]
        group.oldest_at = _earlier(group.oldest_at, row["oldest_at"])
        group.due_at = _earlier(group.due_at, row["due_at"])
    return list(found.values())


def trouble_members(
    scope: Scope, *, kind: str, cause: str, moment: datetime | None = None, limit: int = MOST_MEMBERS
) -> list[Member]:
    """The orders of one group as they are now, the most urgent first."""
    params = _moments(moment or now()) | scope.params | {"kind": kind, "cause": cause, "limit": limit}
    rows = fetch_dicts(scope.apply(members_sql(limited=scope.nodes is not None)), params)
    return [Member(**row) for row in rows]


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min(one, other) if one is not None and other is not None else one or other


def _moments(at: datetime) -> dict[str, Any]:
    limits = stuck_limits()
    return {
        "now": at, "risk": at + AT_RISK, "undecided": at - ROUTING_GRACE, "rto": at - RTO_WAIT,
        "uninspected": at - INSPECTION_WAIT, "recent": at - RECENT,
        **{f"stuck_{name}": at - limit for name, limit in limits.items()},
    }  # fmt: skip


_USUAL = """
SELECT count(*),
    percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM accepted_at - released_at)::float),
    percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM picked_at - accepted_at)::float),
    percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM packed_at - picked_at)::float),
    percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM completed_at - packed_at)::float)
FROM fulfillment_fulfillmentorder WHERE completed_at > now() - interval '3 days'
"""


def stuck_limits() -> dict[str, timedelta]:
    """How long work may stand in a state: what 95 of 100 needed in the last three days, and at least STUCK_FLOOR."""
    limits: dict[str, timedelta] | None = cache.get("reporting.stuck_limits")
    if limits is None:
        cases, *usual = fetch_all(_USUAL)[0]
        limits = dict(STUCK_FLOOR)
        if cases >= _ENOUGH:
            for name, seconds in zip(STUCK_FLOOR, usual, strict=True):
                limits[name] = max(STUCK_FLOOR[name], timedelta(seconds=seconds or 0))
        cache.set("reporting.stuck_limits", limits, _LIMITS_SECONDS)
    return limits
