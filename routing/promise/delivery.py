"""Delivery to the door: when units arrive from the nodes that routing would take, all of them, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from routing.engine.types import Assignment, OrderInput, RateTable
from routing.promise.calendar import departure
from routing.promise.terms import Leg, Option, Part, Service, Source, World
from routing.promise.transit import passage


def delivered(
    order: OrderInput, assignments: Iterable[Assignment], moment: datetime, world: World, service: Service
) -> Option:
    """When these units arrive from these nodes, all of them. Raises NeverOpen."""
    legs = [leg_of(order, source, moment, world, service) for source in sources_of(order, assignments, moment, world)]
    calibrator = world.calibrators[service.code]
    slowest = max(legs, key=lambda leg: (leg.typical, leg.departure.leaves_at))
    group = group_of(service.code, slowest.source.zone)
    day, reached = all_by([leg.chances for leg in legs], calibrator.level(group))
    zone = ZoneInfo(world.time_zone)
    promised_by = datetime.combine(day, time(23, 59), zone).astimezone(UTC)
    first = min(leg.departure.minutes_to_cutoff for leg in legs)
    return Option(
        kind="delivery",
        service=service.code,
        name=service.name,
        promised_by=promised_by,
        starts_at=None,
        day=day,
        probability=calibrator.probability(reached, group),
        level=reached,
        group=group,
        cost_minor=freight_minor(order, legs, world.rates) * service.price_percent // 100,
        currency=order.currency,
        minutes_to_cutoff=first,
        order_by=moment + timedelta(minutes=first),
        sources=tuple(leg.source for leg in legs),
        parts=parts_of(slowest, promised_by, world, zone),
    )


def group_of(service: str, zone: str) -> str:
    """What a promise is calibrated with, on top of all of its service."""
    return f"{service} {zone}".strip()


def all_by(chances: Sequence[Mapping[date, float]], level: float) -> tuple[date, float]:
    """The first day by which everything has arrived with at least this probability, and that probability.

    Parcels of different nodes are taken to be independent of each other.
    """
    days = sorted({day for each in chances for day in each})
    reached = [0.0] * len(chances)
    day, share = days[-1], 0.0
    for day in days:
        share = 1.0
        for at, each in enumerate(chances):
            reached[at] += each.get(day, 0.0)
            share *= reached[at]
        if share >= level:
            break
    return day, min(1.0, share)


def sources_of(order: OrderInput, assignments: Iterable[Assignment], moment: datetime, world: World) -> list[Source]:
    units: dict[int, dict[int, int]] = {}
    for part in assignments:
        lines = units.setdefault(part.node_id, {})
        lines[part.line_key] = lines.get(part.line_key, 0) + part.quantity
    sources = []
    for node_id, lines in units.items():
        terms = world.nodes[node_id]
        lane = world.lane(order, terms.node)
        leaves = departure(terms.calendar, moment).leaves_at
        sources.append(Source(node_id, terms.node.code, terms.node.name, lines, leaves, lane.zone, lane.km))
    return sources


def leg_of(order: OrderInput, source: Source, moment: datetime, world: World, service: Service) -> Leg:
    terms = world.nodes[source.node_id]
    leaving = departure(terms.calendar, moment)
    transit = world.transit(service, terms, order, world.lane(order, terms.node))
    way = passage(leaving.leaves_on, terms.slip, terms.calendar.days, transit, world.carrier)
    typical = world.carrier.after(leaving.leaves_on, transit.quantile(0.5) + 1)[-1]
    return Leg(source, leaving, way.arrives, typical)


def freight_minor(order: OrderInput, legs: Iterable[Leg], rates: RateTable) -> int:
    """What the parcels cost by the rate card, without the weights of a policy."""
    grams = {line.key: line.weight_grams for line in order.lines}
    total = 0
    for leg in legs:
        rate = rates.zones[leg.source.zone]
        weight = sum(grams[key] * units for key, units in leg.source.units.items())
        slabs = max(0, -((rate.first_slab_grams - weight) // rate.additional_slab_grams))
        total += rate.first_minor + slabs * rate.additional_minor + (rates.cod_minor if order.cod else 0)
    return total


def parts_of(leg: Leg, promised_by: datetime, world: World, zone: ZoneInfo) -> tuple[Part, ...]:
    """The bar: the node's part by the clock, then the carrier's whole days."""
    went = leg.departure
    arrives = max(went.leaves_at, datetime.combine(leg.typical, time(23, 59), zone).astimezone(UTC))
    off = sum(
        not world.carrier.works_on(went.leaves_on + timedelta(days=back))
        for back in range(1, (leg.typical - went.leaves_on).days + 1)
    )
    rested = max(went.leaves_at, arrives - timedelta(days=off))
    spans = (
        ("cutoff", went.came_at, went.begun_at),
        ("queue", went.begun_at, went.turn_at),
        ("pack", went.turn_at, went.packed_at),
        ("pickup", went.packed_at, went.leaves_at),
        ("transit", went.leaves_at, min(rested, promised_by)),
        ("off", min(rested, promised_by), min(arrives, promised_by)),
        ("margin", min(arrives, promised_by), promised_by),
    )
    return tuple(Part(*span) for span in spans if span[2] > span[1])
