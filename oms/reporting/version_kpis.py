"""How the published versions of the routing policy did, counted from their decisions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache

from oms.core.clock import now
from oms.core.db import fetch_all
from routing.models import RoutingPolicy

#: Decisions that are looked at, the newest ones: some tenths of a second.
MOST_DECISIONS = 20_000
#: How far back they may lie.
WITHIN = timedelta(days=90)
#: Seconds for which figures that were counted stand.
COUNTED_SECONDS = 60
#: A version decides from when it is published until it is archived; clocks differ, and who had read it goes on a bit.
_AROUND = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionKpis:
    """What a version decided for orders that had not been decided before.

    `cost_minor` is the mean cost of the orders that it routed whole, by its own weights: of those in `currency`, as
    most of them are; `other_currencies` counts the rest. `due` orders had a promised date that has passed or were
    delivered, `kept` of them were delivered by the date that was promised first.
    """

    orders: int
    shipped: int
    unroutable: int
    split: int
    cost_minor: int | None
    currency: str
    other_currencies: int
    due: int
    kept: int

    @property
    def unroutable_share(self) -> float:
        """Of all orders."""
        return self.unroutable / self.orders

    @property
    def split_share(self) -> float | None:
        """Of those that are shipped."""
        return self.split / self.shipped if self.shipped else None

    @property
    def kept_share(self) -> float | None:
        """Of those that are due."""
        return self.kept / self.due if self.due else None


# First decisions only: an order that is tried again was counted. Orders of checkouts came with their nodes.
_KPIS = """
WITH newest AS MATERIALIZED (
    SELECT d.order_id, d.policy_version, d.outcome, d.cost_minor,
        (SELECT count(DISTINCT part -> 2) FROM jsonb_array_elements(d.assignments) AS part) AS nodes
    FROM routing_routingdecision d
    WHERE d.decided_at >= %(since)s::timestamptz AND d.decided_at < %(until)s::timestamptz AND d.attempt = 1
        AND d.trigger <> 'checkout' {which}
    ORDER BY d.decided_at DESC, d.id DESC LIMIT %(most)s::bigint
),
cost AS (
    SELECT DISTINCT ON (policy_version) policy_version, currency, mean,
        sum(orders) OVER (PARTITION BY policy_version) - orders AS others
    FROM (
        SELECT n.policy_version, o.currency, count(*) AS orders, round(avg(n.cost_minor))::bigint AS mean
        FROM newest n JOIN orders_order o ON o.id = n.order_id WHERE n.outcome = 'routed' GROUP BY 1, 2
    ) AS by_currency
    ORDER BY policy_version, orders DESC, currency
)
SELECT n.policy_version, count(*), count(*) FILTER (WHERE n.nodes > 0),
    count(*) FILTER (WHERE n.outcome = 'unroutable'), count(*) FILTER (WHERE n.nodes > 1),
    c.mean, coalesce(c.currency, ''), coalesce(c.others, 0)::bigint,
    count(*) FILTER (WHERE p.due), count(*) FILTER (WHERE p.due AND o.delivered_at <= p.by)
FROM newest n JOIN orders_order o ON o.id = n.order_id
LEFT JOIN cost c ON c.policy_version = n.policy_version
CROSS JOIN LATERAL (
    SELECT by, o.stage <> 'cancelled' AND by IS NOT NULL
        AND (o.delivered_at IS NOT NULL OR by < %(now)s::timestamptz) AS due
    FROM (SELECT coalesce(o.first_promised_by, o.promised_by) AS by) AS promise
) AS p
GROUP BY n.policy_version, c.mean, c.currency, c.others
"""
_EVERY = _KPIS.format(which="")
_ONE = _KPIS.format(which="AND d.policy_version = %(version)s::int")


def version_kpis(version: int | None = None) -> dict[int, VersionKpis]:
    """The figures of every version, or of one, by number, from its newest decisions; without any it is left out.

    They stand for a minute (COUNTED_SECONDS).
    """
    key = f"reporting.version_kpis.{version or 'all'}"
    found: dict[int, VersionKpis] | None = cache.get(key)
    if found is None:
        found = _counted(version)
        cache.set(key, found, COUNTED_SECONDS)
    return found


def _counted(version: int | None) -> dict[int, VersionKpis]:
    moment = now()
    since, until = moment - WITHIN, moment + _AROUND
    if version is not None:
        policy = RoutingPolicy.objects.filter(version=version).first()
        if policy is None or policy.published_at is None:
            return {}
        since = max(since, policy.published_at - _AROUND)
        until = min(until, policy.archived_at + _AROUND) if policy.archived_at else until
    return _read(version, since, until, moment)


def _read(version: int | None, since: datetime, until: datetime, moment: datetime) -> dict[int, VersionKpis]:
    params = {"since": since, "until": until, "version": version, "most": MOST_DECISIONS, "now": moment}
    rows: Iterable[tuple[Any, ...]] = fetch_all(_EVERY if version is None else _ONE, params, planned_anew=True)
    return {
        number: VersionKpis(
            orders=orders,
            shipped=shipped,
            unroutable=unroutable,
            split=split,
            cost_minor=cost,
            currency=currency,
            other_currencies=others,
            due=due,
            kept=kept,
        )  # fmt: skip
        for number, orders, shipped, unroutable, split, cost, currency, others, due, kept in rows
    }
