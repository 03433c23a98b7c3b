"""What a customer can be offered for a cart: dates, windows, costs and how sure they are. Pure.

Routing is asked which nodes would ship the cart (`World.plan`), so that a promise follows what routing will do. From
each of those nodes the goods leave by its calendar, later than planned as often as they did before, and travel as long
as parcels of the lane did. The date is the first one by which all parcels have arrived with the level that calibration
asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from routing.engine.types import Assignment, Lane, NodeInput, OrderInput, Plan, RateTable, Stock
from routing.promise.calendar import Departure, NeverOpen, NodeCalendar, WorkingDays, departure
from routing.promise.calibration import Calibrator
from routing.promise.transit import Days, arrivals

Kind = Literal["delivery", "slot", "pickup"]
#: Stores offered for collection, the nearest ones.
_MOST_STORES = 3
#: Farther than this nobody goes for what can be delivered, in kilometres.
_NEAR_KM = 50.0
_NO_DATE = "No date can be promised: nothing works there for a year."


@dataclass(frozen=True, slots=True)
class Service:
    """A way of delivery that the shop sells.

    `target` is the share of its promises that shall be kept. `transit_percent` of the card's transit days is believed
    until parcels of the service have been delivered, `price_percent` of the card is what it costs. With `slots`
    (start and end on the clock of the node) it is delivered on the same day to at most `radius_km` from the node, by
    riders who need `ride_minutes` before the slot begins.
    """

    code: str
    name: str
    target: float = 0.9
    transit_percent: int = 100
    price_percent: int = 100
    slots: tuple[tuple[time, time], ...] = ()
    radius_km: float = 0.0
    ride_minutes: int = 30


@dataclass(frozen=True, slots=True)
class NodeTerms:
    """What a promise needs to know of a node beside what routing does. `slip` is by how many working days goods leave
    later than planned."""

    node: NodeInput
    calendar: NodeCalendar
    slip: Days
    offers_pickup: bool = False
    slots: bool = False


@dataclass(frozen=True, slots=True)
class World:
    """What options are made from. `transit` gives the days on a lane by service code, `carrier` when carriers deliver
    where the order goes, whose clock is `time_zone`."""

    nodes: Mapping[int, NodeTerms]
    stock: Stock
    plan: Callable[[OrderInput], Plan]
    lane: Callable[[OrderInput, NodeInput], Lane]
    transit: Callable[[Service, NodeTerms, OrderInput, Lane], Days]
    rates: RateTable
    services: Sequence[Service]
    calibrators: Mapping[str, Calibrator]
    carrier: WorkingDays = WorkingDays()
    time_zone: str = "Asia/Kolkata"


class Part(NamedTuple):
    """A span of the bar. `key` is one of PARTS."""

    key: str
    starts_at: datetime
    ends_at: datetime

    @property
    def minutes(self) -> int:
        """How long it is."""
        return int((self.ends_at - self.starts_at).total_seconds() // 60)


#: The parts of a promise in their order: until the node begins, until those ahead are done, picking and packing, until
#: the carrier comes, its working days, days off on the way, and what is added so that the promise is kept often enough.
PARTS = ("cutoff", "queue", "pack", "pickup", "transit", "off", "margin")


@dataclass(frozen=True, slots=True)
class Source:
    """What one node ships: units by line key."""

    node_id: int
    code: str
    name: str
    units: Mapping[int, int]
    leaves_at: datetime
    zone: str
    km: float


@dataclass(frozen=True, slots=True)
class Option:
    """One thing to offer.

    `promised_by` is the last moment of what is promised, `starts_at` the first one of a slot. `probability` is the
    share of such promises that is kept, `level` what the date was read off at, `group` what it is calibrated with.
    `order_by` is until when an order still gets this promise.
    """

    kind: Kind
    service: str
    name: str
    promised_by: datetime
    starts_at: datetime | None
    day: date
    probability: float
    level: float
    group: str
    cost_minor: int
    currency: str
    minutes_to_cutoff: int
    order_by: datetime
    sources: tuple[Source, ...]
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """All options, the soonest first, or in a sentence why nothing is delivered; `missing` units by line key."""

    options: tuple[Option, ...]
    refusal: str = ""
    missing: tuple[tuple[int, int], ...] = ()
    plan: Plan | None = None


@dataclass(frozen=True, slots=True)
class _Leg:
    """One parcel of an option: when it leaves, and the chance of each day of arrival."""

    source: Source
    departure: Departure
    chances: Mapping[date, float]
    typical: date


def options_for(order: OrderInput, moment: datetime, world: World) -> Answer:
    """What can be offered at a moment for an order that is not placed yet. `order.pickup_node_id` asks for one store.

    Never raises for a destination that nothing serves: then stores that have all of it are offered.
    """
    if order.pickup_node_id is not None:
        return _collected(order, moment, world, [order.pickup_node_id])
    options: list[Option] = []
    refusal = ""
    first: Plan | None = None
    for service in world.services:
        if service.slots:
            options += _slots(order, moment, world, service)
            continue
        plan = world.plan(replace(order, service_level=service.code))
        first = first or plan
        if plan.outcome != "routed":
            refusal = refusal or plan.sentence
            continue
        try:
            options.append(delivered(order, plan.assignments, moment, world, service))
        except NeverOpen:
            refusal = refusal or _NO_DATE
    stores = _collected(order, moment, world, _stores_by_distance(order, world, near=bool(options)))
    found = (*worth_offering(options), *stores.options)
    return Answer(found, "" if options else refusal, first.backordered if first else (), first)


def worth_offering(options: Iterable[Option]) -> list[Option]:
    """The options by their end, without deliveries that cost as much as an earlier one or more."""
    found: list[Option] = []
    cheapest: int | None = None
    for option in sorted(options, key=lambda option: (option.promised_by, option.cost_minor)):
        if option.kind == "delivery":
            if cheapest is not None and option.cost_minor >= cheapest:
                continue
            cheapest = option.cost_minor
        found.append(option)
    return found


# -- delivery --------------------------------------------------------------------------------------------------------


def delivered(
    order: OrderInput, assignments: Iterable[Assignment], moment: datetime, world: World, service: Service
) -> Option:
    """When these units arrive from these nodes, all of them. Raises NeverOpen."""
    legs = [_leg(order, source, moment, world, service) for source in _sources(order, assignments, moment, world)]
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
        cost_minor=_freight_minor(order, legs, world.rates) * service.price_percent // 100,
        currency=order.currency,
        minutes_to_cutoff=first,
        order_by=moment + timedelta(minutes=first),
        sources=tuple(leg.source for leg in legs),
        parts=_parts(slowest, promised_by, world, zone),
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


def _sources(order: OrderInput, assignments: Iterable[Assignment], moment: datetime, world: World) -> list[Source]:
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


def _leg(order: OrderInput, source: Source, moment: datetime, world: World, service: Service) -> _Leg:
    terms = world.nodes[source.node_id]
    leaving = departure(terms.calendar, moment)
    transit = world.transit(service, terms, order, world.lane(order, terms.node))
    leaves = arrivals({leaving.leaves_on: 1.0}, terms.slip, terms.calendar.days)
    typical = world.carrier.after(leaving.leaves_on, transit.quantile(0.5) + 1)[-1]
    return _Leg(source, leaving, arrivals(leaves, transit, world.carrier), typical)


def _freight_minor(order: OrderInput, legs: Iterable[_Leg], rates: RateTable) -> int:
    """What the parcels cost by the rate card, without the weights of a policy."""
    grams = {line.key: line.weight_grams for line in order.lines}
    total = 0
    for leg in legs:
        rate = rates.zones[leg.source.zone]
        weight = sum(grams[key] * units for key, units in leg.source.units.items())
        slabs = max(0, -((rate.first_slab_grams - weight) // rate.additional_slab_grams))
        total += rate.first_minor + slabs * rate.additional_minor + (rates.cod_minor if order.cod else 0)
    return total


def _parts(leg: _Leg, promised_by: datetime, world: World, zone: ZoneInfo) -> tuple[Part, ...]:
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


# -- same-day slots and collection -----------------------------------------------------------------------------------


def _slots(order: OrderInput, moment: datetime, world: World, service: Service) -> list[Option]:
    """The slots of today that the nearest node with all of the cart can still reach."""
    near = [
        (world.lane(order, terms.node), terms)
        for terms in world.nodes.values()
        if terms.slots and _may_serve(terms.node, order) and _has_all(order, terms.node.node_id, world.stock)
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
    sources = _sources(order, assignments, moment, world)
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
    source = Source(terms.node.node_id, terms.node.code, terms.node.name, _all_units(order), leaving.packed_at,
                    lane.zone, lane.km)  # fmt: skip
    leg = _Leg(source, leaving, {}, leaving.leaves_on)
    spans = (("cutoff", leaving.came_at, leaving.begun_at), ("queue", leaving.begun_at, leaving.turn_at),
             ("pack", leaving.turn_at, leaving.packed_at), ("pickup", leaving.packed_at, starts_at),
             ("transit", starts_at, ends_at))  # fmt: skip
    return Option(
        kind="slot", service=service.code, name=service.name, promised_by=ends_at, starts_at=starts_at,
        day=starts_at.astimezone(ZoneInfo(terms.calendar.time_zone)).date(),
        probability=calibrator.probability(reached, group), level=reached, group=group,
        cost_minor=_freight_minor(order, [leg], world.rates) * service.price_percent // 100, currency=order.currency,
        minutes_to_cutoff=minutes, order_by=moment + timedelta(minutes=minutes), sources=(source,),
        parts=tuple(Part(*span) for span in spans if span[2] > span[1]),
    )  # fmt: skip


def _collected(order: OrderInput, moment: datetime, world: World, node_ids: Iterable[int]) -> Answer:
    """Collection at those of the stores, in this sequence, that have all of the cart."""
    options: list[Option] = []
    refusal = ""
    for node_id in node_ids:
        terms = world.nodes.get(node_id)
        if terms is None or not terms.offers_pickup or not terms.node.active:
            refusal = refusal or "This store does not hand orders over."
        elif not _has_all(order, node_id, world.stock):
            refusal = refusal or f"{terms.node.code} does not have all of it."
        elif len(options) < _MOST_STORES:
            options.append(_collection(order, moment, world, terms))
    return Answer(tuple(options), "" if options else refusal)


def _collection(order: OrderInput, moment: datetime, world: World, terms: NodeTerms) -> Option:
    leaving = departure(terms.calendar, moment)
    calibrator = world.calibrators.get("pickup") or Calibrator(0.9)
    level = calibrator.level("pickup")
    zone = ZoneInfo(terms.calendar.time_zone)
    late = terms.slip.quantile(level)
    ready = leaving.packed_at
    if late:
        day = terms.calendar.days.after(ready.astimezone(zone).date(), late + 1)[-1]
        ready = datetime.combine(day, terms.calendar.closes_at, zone).astimezone(UTC)
    reached = terms.slip.within(late)
    spans = (("cutoff", leaving.came_at, leaving.begun_at), ("queue", leaving.begun_at, leaving.turn_at),
             ("pack", leaving.turn_at, leaving.packed_at), ("margin", leaving.packed_at, ready))  # fmt: skip
    km = world.lane(order, terms.node).km if order.postcode else 0.0
    return Option(
        kind="pickup", service="pickup", name=f"Collect at {terms.node.name or terms.node.code}", promised_by=ready,
        starts_at=None, day=ready.astimezone(zone).date(), probability=calibrator.probability(reached, "pickup"),
        level=reached, group="pickup", cost_minor=0, currency=order.currency,
        minutes_to_cutoff=leaving.minutes_to_cutoff,
        order_by=moment + timedelta(minutes=leaving.minutes_to_cutoff),
        sources=(Source(terms.node.node_id, terms.node.code, terms.node.name, _all_units(order), ready, "pickup", km),),
        parts=tuple(Part(*span) for span in spans if span[2] > span[1]),
    )  # fmt: skip


def _stores_by_distance(order: OrderInput, world: World, *, near: bool) -> list[int]:
    """Stores that have all of it, the nearest first; only `near` ones where it can be delivered as well."""
    stores = [
        terms.node for terms in world.nodes.values() if terms.offers_pickup and terms.node.active
        and (not order.allowed_groups or order.allowed_groups & terms.node.groups)
        and _has_all(order, terms.node.node_id, world.stock)
    ]  # fmt: skip
    by_distance = sorted((world.lane(order, node).km, node.code, node.node_id) for node in stores)
    return [node_id for km, _, node_id in by_distance if not near or km <= _NEAR_KM]


def _may_serve(node: NodeInput, order: OrderInput) -> bool:
    return node.active and node.ships and (not order.allowed_groups or bool(order.allowed_groups & node.groups))


def _has_all(order: OrderInput, node_id: int, stock: Stock) -> bool:
    """Whether the node has every unit of the cart, kits by their parts."""
    needed: dict[int, int] = {}
    for line in order.lines:
        for sku, each in line.parts or ((line.sku_id, 1),):
            needed[sku] = needed.get(sku, 0) + each * line.quantity
    return all(stock.get((sku, node_id), 0) >= units for sku, units in needed.items())


def _all_units(order: OrderInput) -> dict[int, int]:
    return {line.key: line.quantity for line in order.lines}
