"""Writes what promises are made from: days by lane, slips and paces of nodes, corrections by promises that fell due.

Each of these may be done twice: tables are written anew from what is handed in, and a promise is judged once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from django.db import transaction

from oms.core.clock import now
from oms.core.db import execute, fetch_all
from oms.core.json_text import to_json
from routing.engine import NodeInput, OrderInput
from routing.locks import lock_corrections
from routing.models import LearnedDays, LearnedKind, PromiseCalibration
from routing.promise.calendar import NeverOpen, departure
from routing.promise.calibration import Calibrator
from routing.promise.lanes import handling_path, transit_path
from routing.promise.transit import HANDLING, LONGEST, TRANSIT, Memory, Way, tally
from routing.services.context import lane, nodes_now, region_of
from routing.services.promise_facts import carrier_days, forget_promises, slow_facts


@dataclass(frozen=True, slots=True)
class Journey:
    """So many parcels that left a node on a day for a postcode, and when they arrived: None where they have not yet."""

    service: str
    carrier: str
    node_code: str
    country: str
    postcode: str
    left_on: date
    arrived_on: date | None
    parcels: int = 1


@dataclass(frozen=True, slots=True)
class NodeWork:
    """An order that a node was given at a moment, and the day on which it left: None while it is there."""

    node_code: str
    came_at: datetime
    left_on: date | None


@dataclass(frozen=True, slots=True)
class MeasuredPace:
    """What waits at a node and how fast it works."""

    node_id: int
    orders_ahead: int
    orders_per_hour: float
    hours_median: float | None = None
    hours_slow: float | None = None


def learn_days(journeys: Iterable[Journey], work: Iterable[NodeWork]) -> int:
    """Write the tables of transit and handling anew, and say how many rows they have now."""
    today = now().date()
    nodes = {node.code: node for node in nodes_now()}
    ways: dict[tuple[str, str], list[Way]] = {}
    for journey in journeys:
        node = nodes.get(journey.node_code)
        way = _travelled(journey, node, today) if node is not None else None
        if way is not None:
            ways.setdefault((journey.service, ""), []).append(way)
            if journey.carrier:
                ways.setdefault((journey.service, journey.carrier), []).append(way)
    rows = [
        row for (service, carrier), some in ways.items()
        for row in _rows(LearnedKind.TRANSIT, some, TRANSIT, service, carrier)
    ]  # fmt: skip
    slips = [way for each in work if (node := nodes.get(each.node_code)) and (way := _slipped(each, node, today))]
    rows += _rows(LearnedKind.HANDLING, slips, HANDLING)
    with transaction.atomic():
        LearnedDays.objects.all().delete()
        LearnedDays.objects.bulk_create(rows, batch_size=1_000)
    forget_promises()
    return len(rows)


def _rows(kind: str, ways: list[Way], memory: Memory, service: str = "", carrier: str = "") -> list[LearnedDays]:
    moment = now()
    return [
        LearnedDays(kind=kind, service=service, carrier=carrier, level=depth, lane=key[:160], risk=counts.risk,
                    events=counts.events, parcels=parcels, learned_at=moment)
        for key, (depth, counts, parcels) in tally(ways, memory).items()
    ]  # fmt: skip


def _travelled(journey: Journey, node: NodeInput, today: date) -> Way | None:
    """A journey in working days of the carrier; None where its end is not a place that is known."""
    state, district = region_of(journey.country, journey.postcode)
    if not state:
        return None
    way = lane(OrderInput(0, (), postcode=journey.postcode, country=journey.country), node)
    path = transit_path(way.zone, node.code, state, district, journey.postcode)
    arrived = journey.arrived_on
    days = carrier_days(state).between(journey.left_on, arrived or today)
    if arrived is None:
        # Today is not over: it has lived through yesterday.
        return Way(path, days - 1, False, 0, journey.parcels) if days > 0 else None
    return Way(path, min(days, LONGEST), True, max(0, (today - arrived).days), journey.parcels)


def _slipped(work: NodeWork, node: NodeInput, today: date) -> Way | None:
    """By how many working days later than its calendar plans a node let go of an order."""
    known = slow_facts().nodes.get(node.node_id)
    if known is None:
        return None
    try:
        planned = departure(known.calendar, work.came_at).leaves_on
        slip = known.calendar.days.between(planned, work.left_on or today)
    except NeverOpen:
        return None
    path = handling_path(node.kind, node.code)
    if work.left_on is None:
        return Way(path, slip - 1, False, 0) if slip > 0 else None
    return Way(path, min(slip, LONGEST), True, max(0, (today - work.left_on).days))


_PACES = """
INSERT INTO routing_nodepace (node_id, orders_ahead, orders_per_hour, hours_median, hours_slow, measured_at)
SELECT p.node_id, p.orders_ahead, p.orders_per_hour, p.hours_median, p.hours_slow, now()
FROM json_to_recordset(%(rows)s::json) AS p(node_id bigint, orders_ahead int, orders_per_hour float8,
    hours_median float8, hours_slow float8)
ORDER BY p.node_id
ON CONFLICT (node_id) DO UPDATE SET orders_ahead = excluded.orders_ahead,
    orders_per_hour = excluded.orders_per_hour, hours_median = excluded.hours_median,
    hours_slow = excluded.hours_slow, measured_at = excluded.measured_at
"""


def set_paces(paces: Iterable[MeasuredPace]) -> None:
    """Keep what was measured, one row for each node."""
    rows = [
        {"node_id": pace.node_id, "orders_ahead": pace.orders_ahead, "orders_per_hour": pace.orders_per_hour,
         "hours_median": pace.hours_median, "hours_slow": pace.hours_slow}
        for pace in paces
    ]  # fmt: skip
    execute(_PACES, {"rows": to_json(rows)})


#: Gives when all of an order was at the customer's door, for those of so many orders where it was.
OfferedOf = Callable[[Sequence[int]], Mapping[int, datetime]]

# Promises are judged when their day is over: judging those that arrive early at once would count the kept ones first.
_DUE = """
SELECT p.id, p.order_id, p.promised_by, o.stage, o.delivered_at
FROM routing_orderpromise p JOIN orders_order o ON o.id = p.order_id
WHERE p.state = 'open' AND p.promised_by <= %(moment)s::timestamptz
ORDER BY p.id LIMIT 10000 FOR UPDATE OF p SKIP LOCKED
"""
_JUDGE = """
UPDATE routing_orderpromise p SET judged_at = %(moment)s::timestamptz, state = due.state
FROM unnest(%(ids)s::bigint[], %(states)s::text[]) AS due(id, state) WHERE due.id = p.id
RETURNING p.service, p."group", p.seq, p.state
"""
_WAITING = """
SELECT service, "group", count(*) FROM routing_orderpromise WHERE state = 'open' AND seq = 1 GROUP BY service, "group"
"""


def judge_promises(offered_of: OfferedOf) -> int:
    """Say of every promise whose time is up whether it was kept, and correct the levels; how many were judged.

    Kept is what was delivered in time, or was at the door in time and not taken. A promise for an order that was
    cancelled whole is void. Only the first promise of an order corrects anything.
    """
    moment = now()
    with transaction.atomic():
        due = [_Due(*row) for row in fetch_all(_DUE, {"moment": moment})]
        offered = offered_of(sorted({each.order_id for each in due if not each.delivered and each.stage in _LEFT}))
        states = [each.judged(offered.get(each.order_id)) for each in due]
        judged = fetch_all(_JUDGE, {"moment": moment, "ids": [each.promise_id for each in due], "states": states})
        first = [(service, group, state == "kept") for service, group, seq, state in judged
                 if seq == 1 and state != "void"]  # fmt: skip
        if first:
            _correct(first)
    if judged:
        forget_promises()
    return len(judged)


#: Stages in which nothing of an order is at a node any more.
_LEFT = frozenset({"shipped", "delivered", "returned"})


class _Due(NamedTuple):
    promise_id: int
    order_id: int
    promised_by: datetime
    stage: str
    delivered_at: datetime | None

    @property
    def delivered(self) -> bool:
        """In time."""
        return self.delivered_at is not None and self.delivered_at <= self.promised_by

    def judged(self, offered_at: datetime | None) -> str:
        if self.stage == "cancelled":
            return "void"
        at_door = offered_at is not None and offered_at <= self.promised_by
        return "kept" if self.delivered or at_door else "broken"


def _correct(judged: list[tuple[str, str, bool]]) -> None:
    waiting = {(service, group): count for service, group, count in fetch_all(_WAITING)}
    targets = {service.code: service.target for service in slow_facts().services}
    for service in sorted({service for service, _, _ in judged}):
        some = [(group, kept) for each, group, kept in judged if each == service]
        calibrator = Calibrator(targets.get(service, 0.9))
        rows = {row.group: row for row in lock_corrections(service)}
        for group in {"", *(group for group, _ in some)} - set(rows):
            rows[group] = PromiseCalibration(service=service, group=group)
        calibrator.overall = rows[""].correction
        calibrator.groups = {group: row.correction for group, row in rows.items() if group}
        total = sum(count for (each, _), count in waiting.items() if each == service)
        for group, kept in some:
            calibrator.due(kept=float(kept), waiting=total, group=group or None,
                           group_waiting=waiting.get((service, group), 0))  # fmt: skip
        _keep(rows, calibrator, some)


def _keep(rows: dict[str, PromiseCalibration], calibrator: Calibrator, judged: list[tuple[str, bool]]) -> None:
    moment = now()
    for group, row in rows.items():
        mine: list[Any] = [kept for each, kept in judged if group in ("", each)]
        row.correction = calibrator.groups.get(group, 0.0) if group else calibrator.overall
        row.judged += len(mine)
        row.kept += sum(mine)
        row.updated_at = moment
        row.save()
