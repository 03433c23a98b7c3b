"""How each account does on its lanes, learned from the scans of its own parcels: written anew once a day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta

from django.conf import settings
from django.db import transaction

from carriers.base import RateRequest
from carriers.choosing import Lane
from carriers.locks import lock_lanes
from carriers.models import LANE_DAYS, LaneRecord
from oms.core.clock import now
from oms.core.db import fetch_all, run_atomic

#: Parcels that were booked within so many days are looked at.
LOOK_BACK = timedelta(days=120)
#: A parcel that left longer ago than this and has not arrived is a late one; younger ones are not judged yet.
SETTLED_AFTER = timedelta(days=15)

# What became of each parcel that has had its time: the days it took by the calendar here, None where it came back.
_JOURNEYS = """
WITH journey AS (
    SELECT b.account_id,
           CASE coalesce(b.request -> 'ship_from' ->> 'country', 'IN')
               WHEN 'IN' THEN left(b.request -> 'ship_from' ->> 'postcode', 3)
               ELSE b.request -> 'ship_from' ->> 'country' END AS origin,
           CASE coalesce(b.request -> 'ship_to' ->> 'country', 'IN')
               WHEN 'IN' THEN left(b.request -> 'ship_to' ->> 'postcode', 3)
               ELSE b.request -> 'ship_to' ->> 'country' END AS destination,
           min(t.occurred_at) FILTER (WHERE t.milestone IN ('picked_up', 'in_transit', 'out_for_delivery')) AS left_at,
           (min(t.occurred_at) FILTER (WHERE t.milestone IN ('picked_up', 'in_transit', 'out_for_delivery'))
               AT TIME ZONE %(zone)s)::date AS left_on,
           (max(t.occurred_at) FILTER (WHERE t.milestone = 'delivered') AT TIME ZONE %(zone)s)::date AS arrived_on,
           bool_or(t.milestone IN ('rto_initiated', 'rto_in_transit', 'rto_delivered')) AS came_back
    FROM carriers_booking b JOIN carriers_trackingevent t ON t.booking_id = b.id
    WHERE b.state = 'booked' AND b.booked_at >= %(since)s
    GROUP BY b.id
)
SELECT account_id, origin, destination,
       CASE WHEN came_back THEN NULL
            WHEN arrived_on IS NULL THEN %(late)s
            ELSE least(%(late)s, greatest(0, arrived_on - left_on))
       END AS days,
       count(*)
FROM journey
WHERE left_at < %(settled)s AND origin <> '' AND destination <> ''
GROUP BY 1, 2, 3, 4
"""


def learn_lanes() -> int:
    """Count what became of the parcels of the last months, by account and lane; how many rows there are now.

    A lane goes from the first three digits of a PIN code to the first three of another (an Indian sorting district);
    beyond India the country's two letters stand in their place.
    Only parcels that left long enough ago to have arrived are counted, so that the slow ones are in it.
    """
    moment = now()
    found = fetch_all(_JOURNEYS, {"since": moment - LOOK_BACK, "settled": moment - SETTLED_AFTER,
                                  "late": LANE_DAYS - 1, "zone": settings.TIME_ZONE})  # fmt: skip
    counts: dict[tuple[int | None, str, str], _Count] = defaultdict(_Count)
    for account_id, origin, destination, days, parcels in found:
        keys = [(account_id, origin, destination), (account_id, "", destination)]
        if not _is_beyond(origin, destination):
            keys += [(account_id, "", ""), (None, "", "")]
        for key in keys:
            counts[key].add(days, parcels)
    rows = [
        LaneRecord(account_id=account_id, origin=origin, destination=destination, parcels=count.parcels,
                   returned=count.returned, by_day=count.by_day(), learned_at=moment)
        for (account_id, origin, destination), count in counts.items()
    ]  # fmt: skip

    def write() -> int:
        with transaction.atomic():
            lock_lanes()
            LaneRecord.objects.all().delete()
            LaneRecord.objects.bulk_create(rows, batch_size=1_000)
        return len(rows)

    return run_atomic(write)


class _Count:
    """Parcels of one lane by the days that they took."""

    def __init__(self) -> None:
        self.parcels = 0
        self.returned = 0
        self._took = [0] * LANE_DAYS

    def add(self, days: int | None, parcels: int) -> None:
        self.parcels += parcels
        if days is None:
            self.returned += parcels
        else:
            self._took[days] += parcels

    def by_day(self) -> list[int]:
        """How many had arrived by each day; all of them on the last."""
        total = 0
        return [total := total + took for took in self._took]


def lanes_of(codes: Mapping[int, str], request: RateRequest) -> dict[str, Lane]:
    """What is known of the way of a parcel, by account code. `codes` are account id and code. One query.

    Each lane leans on the wider ones: the account's parcels to the same place, all of the account, those of everybody;
    beyond India on the account's parcels to the same country alone. An account of which nothing is known is not in it.
    """
    origin, destination = _end(request.from_country, request.from_postcode), _end(request.country, request.to_postcode)
    rows = LaneRecord.objects.filter(destination__in=["", destination], origin__in=["", origin])
    known = {(row.account_id, row.origin, row.destination): row for row in rows if row.account_id in {*codes, None}}
    beyond = _is_beyond(origin, destination)
    everybody = None if beyond else _lane(known.get((None, "", "")), None)
    lanes = {}
    for account_id, code in codes.items():
        lane = everybody
        for key in ((account_id, "", ""), (account_id, "", destination), (account_id, origin, destination))[beyond:]:
            lane = _lane(known.get(key), lane)
        if lane is not None:
            lanes[code] = lane
    return lanes


def _end(country: str, postcode: str) -> str:
    return postcode[:3] if country == "IN" else country


def _is_beyond(origin: str, destination: str) -> bool:
    """Not a way between two Indian sorting districts."""
    return origin.isalpha() or destination.isalpha()


def _lane(row: LaneRecord | None, parent: Lane | None) -> Lane | None:
    if row is None:
        return parent
    return Lane(parcels=row.parcels, returned=row.returned, by_day=row.by_day, parent=parent)
