"""Same-day slots: windows that the nearest node with all of the goods can still reach."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from routing.engine.types import Assignment, Lane, NodeInput, OrderInput
from routing.promise.calendar import Departure, departure
from routing.promise.delivery import freight_minor, group_of, sources_of
from routing.promise.terms import Leg, NodeTerms, Option, Part, Service, Source, World, all_units, has_all


def slots_today(order: OrderInput, moment: datetime, world: World, service: Service) -> list[Option]:
    """The slots of today that the nearest node with all of the cart can still reach."""
    near = [
        (world.lane(order, terms.node), terms)
        for terms in world.nodes.values()
        if terms.slots and _may_serve(terms.node, order) and has_all(order, terms.node.node_id, world.stock)
    ]
    reachable = [(lane, terms) for lane, terms in near if lane.serviceable and 0 < lane.km <= service.radius_km]
    if not reachable:
        return []
    lane, terms = min(reachable, key=lambda pair: (pair[0].km, pair[1].node.node_id))
    leaving = departure(terms.calendar, moment)
    zone = ZoneInfo(terms.calendar.time_zone)
    ready = leaving.packed_at + timedelta(minutes=service.ride_minutes)
    today = moment.astimezone(zone).date()
    options = []
    for begins, ends in service.slots:
        starts_at = datetime.combine(today, begins, zone).astimezone(UTC)
        if ready <= starts_at:
            slack = int((starts_at - ready).total_seconds() // 60)
            options.append(_slot(order, moment, world, service, terms, lane, leaving, slack, starts_at,
                                 datetime.combine(today, ends, zone).astimezone(UTC)))  # fmt: skip
    return options


def same_day(
    order: OrderInput, assignments: Iterable[Assignment], moment: datetime, world: World, service: Service
) -> Option | None:
    """The first window that these units can reach from where they are, today or on the next days that the node works.

    None where they come from several nodes, or none of the windows of a week can be reached. Raises NeverOpen.
    """
    sources = sources_of(order, assignments, moment, world)
    if len(sources) != 1 or not service.slots:
        return None
    terms = world.nodes[sources[0].node_id]
    leaving = departure(terms.calendar, moment)
    zone = ZoneInfo(terms.calendar.time_zone)
    ready = leaving.packed_at + timedelta(minutes=service.ride_minutes)
    lane = world.lane(order, terms.node)
    for day in terms.calendar.days.after(leaving.packed_at.astimezone(zone).date(), 7):
        for begins, ends in service.slots:
            starts_at = datetime.combine(day, begins, zone).astimezone(UTC)
            if ready <= starts_at:
                ends_at = datetime.combine(day, ends, zone).astimezone(UTC)
                slack = int((starts_at - ready).total_seconds() // 60)
                return _slot(order, moment, world, service, terms, lane, leaving, slack, starts_at, ends_at)
    return None


def _slot(
    order: OrderInput, moment: datetime, world: World, service: Service, terms: NodeTerms, lane: Lane,
    leaving: Departure, slack: int, starts_at: datetime, ends_at: datetime,
) -> Option:  # fmt: skip
    calibrator, group = world.calibrators[service.code], group_of(service.code, lane.zone)
    reached = terms.slip.within(0)
    minutes = max(0, min(slack, leaving.minutes_to_cutoff))
    source = Source(terms.node.node_id, terms.node.code, terms.node.name, all_units(order), leaving.packed_at,
                    lane.zone, lane.km)  # fmt: skip
    leg = Leg(source, leaving, {}, leaving.leaves_on)
    spans = (("cutoff", leaving.came_at, leaving.begun_at), ("queue", leaving.begun_at, leaving.turn_at),
             ("pack", leaving.turn_at, leaving.packed_at), ("pickup", leaving.packed_at, starts_at),
             ("transit", starts_at, ends_at))  # fmt: skip
    return Option(
        kind="slot", service=service.code, name=service.name, promised_by=ends_at, starts_at=starts_at,
        day=starts_at.astimezone(ZoneInfo(terms.calendar.time_zone)).date(),
        probability=calibrator.probability(reached, group), level=reached, group=group,
        cost_minor=freight_minor(order, [leg], world.rates) * service.price_percent // 100, currency=order.currency,
        minutes_to_cutoff=minutes, order_by=moment + timedelta(minutes=minutes), sources=(source,),
        parts=tuple(Part(*span) for span in spans if span[2] > span[1]),
    )  # fmt: skip


def _may_serve(node: NodeInput, order: OrderInput) -> bool:
    return node.active and node.ships and (not order.allowed_groups or bool(order.allowed_groups & node.groups))
