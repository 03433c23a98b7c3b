"""What a promise is made from and what it is: ways of delivery, nodes with their calendars, options and their parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Literal, NamedTuple

from routing.engine.types import Lane, NodeInput, OrderInput, Plan, RateTable, Stock
from routing.promise.calendar import Departure, NodeCalendar, WorkingDays
from routing.promise.calibration import Calibrator
from routing.promise.transit import Days

Kind = Literal["delivery", "slot", "pickup"]


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
    where the order goes, whose clock is `time_zone`. `sends_to_stores`: a rule in force lets nodes send to a store what
    it lacks of an order to collect, so that it is worth asking routing for it."""

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
    sends_to_stores: bool = False


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
    `order_by` is until when an order still gets this promise. The first source of a collection is its store; the
    others send to it.
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
class Leg:
    """One parcel of an option: when it leaves, and the chance of each day of arrival."""

    source: Source
    departure: Departure
    chances: Mapping[date, float]
    typical: date


def has_all(order: OrderInput, node_id: int, stock: Stock) -> bool:
    """Whether the node has every unit of the cart, kits by their parts."""
    needed: dict[int, int] = {}
    for line in order.lines:
        for sku, each in line.parts or ((line.sku_id, 1),):
            needed[sku] = needed.get(sku, 0) + each * line.quantity
    return all(stock.get((sku, node_id), 0) >= units for sku, units in needed.items())


def all_units(order: OrderInput) -> dict[int, int]:
    """Every unit of the cart, by line key."""
    return {line.key: line.quantity for line in order.lines}
