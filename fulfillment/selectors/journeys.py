"""How long parcels took and how nodes keep up, for promises to learn from. One statement for each kind, no writes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import NamedTuple

from oms.core.clock import now
from oms.core.db import fetch_all

#: Parcels that went out longer ago say nothing about today.
JOURNEY_DAYS = 120
#: Work released longer ago says nothing about how a node works now.
WORK_DAYS = 60
_PACE_DAYS = 7
_MOST_WORK = 200_000


class Travelled(NamedTuple):
    """Parcels of one lane and day: `arrived_on` is None while they are under way. Days are those of the node."""

    service: str
    carrier: str
    node_code: str
    country: str
    postcode: str
    left_on: date
    arrived_on: date | None
    parcels: int


class Worked(NamedTuple):
    """A fulfillment order that a node was given at a moment; `left_on` is None while it is there."""

    node_code: str
    released_at: datetime
    left_on: date | None


class Pace(NamedTuple):
    """What waits at a node and how fast it works.

    `orders_per_hour` is what it packed in the hours of the last days in which work was waiting all the time, 0 where
    there were too few of them. The hours are those from release to packing.
    """

    node_id: int
    orders_ahead: int
    orders_per_hour: float
    hours_median: float | None
    hours_slow: float | None


# Parcels that come back are left out: what kept them was not the road. So are those to a store: none of them went to
# the address of a customer, which the lanes are learned by. And so are those that went faster than their order's level.
_TRAVELLED = """
SELECT o.service_level, coalesce(a.code, ''), n.code, o.ship_country, o.ship_postcode,
    (s.handed_over_at AT TIME ZONE n.time_zone)::date, (s.delivered_at AT TIME ZONE n.time_zone)::date, count(*)
FROM fulfillment_shipment s
JOIN orders_order o ON o.id = s.order_id
JOIN fulfillment_fulfillmentorder f ON f.id = s.fulfillment_order_id AND f.kind <> 'transfer' AND NOT f.goes_fast
JOIN inventory_node n ON n.id = s.node_id
LEFT JOIN carriers_carrieraccount a ON a.id = s.carrier_account_id
WHERE s.handed_over_at >= %(since)s::timestamptz
  AND s.state NOT IN ('cancelled', 'rto_initiated', 'rto_in_transit', 'rto_received', 'damaged')
  AND o.ship_postcode <> ''
GROUP BY 1, 2, 3, 4, 5, 6, 7
"""

_WORKED = """
SELECT n.code, f.released_at, CASE WHEN f.state = 'completed' THEN (f.completed_at AT TIME ZONE n.time_zone)::date END
FROM fulfillment_fulfillmentorder f JOIN inventory_node n ON n.id = f.node_id
WHERE f.released_at >= %(since)s::timestamptz AND f.kind = 'ship'
  AND f.state NOT IN ('scheduled', 'rejected', 'cancelled', 'no_show')
ORDER BY f.released_at DESC
LIMIT %(most)s::bigint
"""

# What a node can do is seen only where work was waiting for it. An hour counts where something was packed in it and at
# least as many orders, and no fewer than three, that were there before it began were still there when it ended: then it
# was the node that set the pace, not the orders that came. A node without five such hours has no known pace, so that
# few orders never look like a slow node. What stayed is counted as if the oldest were packed first.
_PACE = """
WITH work AS MATERIALIZED (
    SELECT node_id, date_trunc('hour', greatest(released_at, %(since)s::timestamptz)) AS came,
        date_trunc('hour', packed_at) AS packed,
        extract(epoch FROM packed_at - released_at) / 3600 AS hours,
        state IN ('open', 'accepted', 'picking', 'picked', 'waiting_transfer') AS live
    FROM fulfillment_fulfillmentorder
    WHERE released_at IS NOT NULL AND (packed_at >= %(since)s::timestamptz
        OR state IN ('open', 'accepted', 'picking', 'picked', 'waiting_transfer'))
),
hour AS (
    SELECT node_id, hour, sum(came) AS came, sum(packed) AS packed
    FROM (SELECT node_id, came AS hour, 1 AS came, 0 AS packed FROM work
          UNION ALL SELECT node_id, packed, 0, 1 FROM work WHERE packed IS NOT NULL) e(node_id, hour, came, packed)
    GROUP BY node_id, hour
),
stood AS (
    SELECT node_id, packed,
        sum(came) OVER earlier - came - sum(packed) OVER earlier AS stayed
    FROM hour WINDOW earlier AS (PARTITION BY node_id ORDER BY hour)
),
busy AS (
    SELECT node_id, count(*) AS hours, avg(packed) AS packed FROM stood
    WHERE packed > 0 AND stayed >= greatest(packed, %(fewest)s::int) GROUP BY node_id
),
done AS (
    SELECT node_id, count(*) FILTER (WHERE live) AS live,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY hours) AS median,
        percentile_cont(0.9) WITHIN GROUP (ORDER BY hours) AS slow
    FROM work GROUP BY node_id
)
SELECT n.id, coalesce(done.live, 0), CASE WHEN busy.hours >= %(hours)s::int THEN busy.packed ELSE 0 END, done.median,
    done.slow
FROM inventory_node n LEFT JOIN done ON done.node_id = n.id LEFT JOIN busy ON busy.node_id = n.id
"""
#: As the statement says: orders that must have stayed, and hours in which they did.
_FEWEST_STAYED, _FEWEST_HOURS = 3, 5


def travelled() -> Iterator[Travelled]:
    """Parcels that left in the last days, by lane, day and what became of them."""
    for row in fetch_all(_TRAVELLED, {"since": now() - timedelta(days=JOURNEY_DAYS)}):
        yield Travelled(*row)


def worked() -> Iterator[Worked]:
    """Work that nodes were given in the last days, the newest first."""
    for row in fetch_all(_WORKED, {"since": now() - timedelta(days=WORK_DAYS), "most": _MOST_WORK}):
        yield Worked(*row)


def paces() -> list[Pace]:
    """Every node's pace of the last week and what waits there now."""
    rows = fetch_all(
        _PACE,
        {"since": now() - timedelta(days=_PACE_DAYS), "fewest": _FEWEST_STAYED, "hours": _FEWEST_HOURS},
    )
    return [
        Pace(node_id, ahead, float(per_hour), float(median) if median is not None else None,
             float(slow) if slow is not None else None)
        for node_id, ahead, per_hour, median, slow in rows
    ]  # fmt: skip
