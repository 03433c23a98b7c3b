"""How probable it is that decisions of the past would have been in time, by what was learned from delivered parcels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from zoneinfo import ZoneInfo

from oms.core.db import fetch_all, read_only
from routing.engine import NodeInput
from routing.promise.calendar import NeverOpen, NodeCalendar, WorkingDays, departure
from routing.promise.lanes import transit_path
from routing.promise.options import Service
from routing.promise.transit import TRANSIT, DayCounts, Days, around, arrivals, blended
from routing.services.context import lane, region_of
from routing.services.promise_facts import Remembered, carrier_days, slow_facts
from routing.simulation import Decided, PastOrder, Played, PlayedParcel

#: The clock by which a promised day ends.
_ZONE = ZoneInfo("Asia/Kolkata")

_LANES = """
SELECT service, lane, risk, events FROM routing_learneddays
WHERE kind = 'transit' AND carrier = '' AND lane = ANY(%(lanes)s::text[])
"""


@dataclass(slots=True)
class Chances:
    """Probabilities that all parcels of a decision arrive by the day of the promise. Asks the database nothing.

    A node's queue of that time is not kept: none is counted. What was learned is what is known now.
    """

    facts: Remembered
    calendars: Mapping[int, NodeCalendar]
    carriers: Mapping[str, WorkingDays]
    learned: Mapping[tuple[str, str], DayCounts]
    nodes: Mapping[int, NodeInput]
    _services: dict[str, Service] = field(default_factory=dict)
    _known: dict[tuple[object, ...], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._services = {service.code: service for service in self.facts.services if not service.slots}

    def of(self, past: PastOrder, decided: Decided) -> float | None:
        """The probability, 0 for what is not shipped whole; None where nothing was promised or nothing can be said."""
        service = self._services.get(past.order.service_level)
        if past.promised_by is None or service is None or past.order.pickup_node_id is not None:
            return None
        if decided.outcome != "routed":
            return 0.0
        chance = 1.0
        for parcel in decided.parcels:
            if parcel.node_id not in self.calendars or parcel.node_id not in self.facts.nodes:
                return None
            chance *= self._of_parcel(past, parcel, service, past.promised_by.astimezone(_ZONE).date())
        return chance

    def _of_parcel(self, past: PastOrder, parcel: PlayedParcel, service: Service, by: date) -> float:
        calendar = self.calendars[parcel.node_id]
        try:
            leaves_on = departure(calendar, past.at).leaves_on
        except NeverOpen:
            return 0.0
        key = (parcel.node_id, past.order.postcode, service.code, leaves_on, by)
        chance = self._known.get(key)
        if chance is None:
            chance = self._known[key] = self._in_time(past, parcel, service, leaves_on, by)
        return chance

    def _in_time(self, past: PastOrder, parcel: PlayedParcel, service: Service, leaves_on: date, by: date) -> float:
        node = self.nodes[parcel.node_id]
        path = transit_path(parcel.zone, node.code, *_region(past), past.order.postcode)
        counts = [self.learned.get((service.code, each)) for each in path]
        # The days of the card, without the day that a missed cut-off adds: the calendar knows that.
        transit = _from_card(max(1, -(-lane(past.order, node).transit_days * service.transit_percent // 100)))
        if any(counts):
            transit = blended([(known, TRANSIT.prior(depth)) for depth, known in enumerate(counts)], transit)
        slip = self.facts.nodes[parcel.node_id].slip
        leaves = arrivals({leaves_on: 1.0}, slip, self.calendars[parcel.node_id].days)
        carrier = self.carriers[_region(past)[0]]
        return min(1.0, sum(chance for day, chance in arrivals(leaves, transit, carrier).items() if day <= by))


@lru_cache(maxsize=100)
def _from_card(days: int) -> Days:
    return around(days)


def _region(past: PastOrder) -> tuple[str, str]:
    return region_of(past.order.country, past.order.postcode)


def read_chances(
    played: Iterable[Played], nodes: Iterable[NodeInput], holidays: Mapping[int, frozenset[date]]
) -> Chances:
    """What is learned of the lanes of these decisions, in one picture of the database. Writes nothing."""
    by_id = {node.node_id: node for node in nodes}
    lanes: set[str] = set()
    states: set[str] = {""}
    for each in played:
        region = _region(each.past)
        states.add(region[0])
        for decided in each.decided:
            for parcel in decided.parcels:
                code = by_id[parcel.node_id].code
                lanes.update(transit_path(parcel.zone, code, *region, each.past.order.postcode))
    with read_only():
        facts = slow_facts()
        carriers = {state: carrier_days(state) for state in states}
        rows = fetch_all(_LANES, {"lanes": sorted(lanes)})
    calendars = {
        node_id: replace(
            known.calendar,
            orders_ahead=0,
            days=WorkingDays(known.calendar.days.weekdays, holidays.get(node_id, frozenset())),
        )
        for node_id, known in facts.nodes.items()
    }
    learned = {(service, name): DayCounts(risk, events) for service, name, risk, events in rows}
    return Chances(facts, calendars, carriers, learned, by_id)
