"""Collection at a store: when an order lies ready there, with what other nodes send to it where rules allow that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from routing.engine.types import OrderInput, Plan
from routing.promise.calendar import NeverOpen, departure
from routing.promise.calibration import Calibrator
from routing.promise.delivery import all_by, leg_of, parts_of, sources_of
from routing.promise.terms import Answer, NodeTerms, Option, Part, Service, Source, World, all_units, has_all
from routing.promise.transit import arrivals

#: Stores offered for collection, the nearest ones.
_MOST_STORES = 3
#: Farther than this nobody goes for what can be delivered, in kilometres.
_NEAR_KM = 50.0
#: What goods for a store travel by where the shop sells no delivery.
_BY_CARRIER = Service("standard", "Standard")
#: What such collections are calibrated with.
_SENT = "pickup transfer"


def collected(order: OrderInput, moment: datetime, world: World, node_ids: Iterable[int]) -> Answer:
    """Collection at those of the stores, in this sequence, that have all of the cart or can be sent what they lack."""
    options: list[Option] = []
    refusal = ""
    for node_id in node_ids:
        terms = world.nodes.get(node_id)
        if terms is None or not terms.offers_pickup or not terms.node.active:
            refusal = refusal or "This store does not hand orders over."
        elif len(options) == _MOST_STORES:
            break
        elif has_all(order, node_id, world.stock):
            options.append(_collection(order, moment, world, terms))
        elif sent := _sent(order, moment, world, terms):
            options.append(sent)
        else:
            refusal = refusal or f"{terms.node.code} does not have all of it."
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
    km = _km(order, world, terms)
    return Option(
        kind="pickup", service="pickup", name=_name(terms), promised_by=ready,
        starts_at=None, day=ready.astimezone(zone).date(), probability=calibrator.probability(reached, "pickup"),
        level=reached, group="pickup", cost_minor=0, currency=order.currency,
        minutes_to_cutoff=leaving.minutes_to_cutoff,
        order_by=moment + timedelta(minutes=leaving.minutes_to_cutoff),
        sources=(Source(terms.node.node_id, terms.node.code, terms.node.name, all_units(order), ready, "pickup", km),),
        parts=tuple(Part(*span) for span in spans if span[2] > span[1]),
    )  # fmt: skip


def _sent(order: OrderInput, moment: datetime, world: World, terms: NodeTerms) -> Option | None:
    """Collection of what routing would send to the store; None where it would not or cannot."""
    if not world.sends_to_stores:
        return None
    store = terms.node
    there = replace(
        order, pickup_node_id=store.node_id, service_level="pickup", postcode=store.postcode, lat=store.lat,
        lon=store.lon, region=store.region,
    )  # fmt: skip
    plan = world.plan(there)
    if plan.outcome != "routed" or any(node_id not in world.nodes for node_id in plan.node_ids):
        return None
    try:
        return _with_transfer(there, plan, moment, world, terms, _km(order, world, terms))
    except NeverOpen:
        return None


def _with_transfer(
    order: OrderInput, plan: Plan, moment: datetime, world: World, terms: NodeTerms, km: float
) -> Option:  # fmt: skip
    """Ready once every parcel has come and was received, and the store has packed its own part.

    What comes on a day is ready by the store's closing, on a later working day as often as its own work slips.
    """
    store = terms.node.node_id
    service = next((each for each in world.services if not each.slots), _BY_CARRIER)
    assignments = [part for part in plan.assignments if part.node_id != store]
    legs = [leg_of(order, source, moment, world, service) for source in sources_of(order, assignments, moment, world)]
    if not legs:
        return _collection(order, moment, world, terms)
    chances = [arrivals(leg.chances, terms.slip, terms.calendar.days) for leg in legs]
    own = {part.line_key: part.quantity for part in plan.assignments if part.node_id == store}
    first = min(leg.departure.minutes_to_cutoff for leg in legs)
    zone = ZoneInfo(terms.calendar.time_zone)
    if own:
        leaving = departure(terms.calendar, moment)
        packed_on = leaving.packed_at.astimezone(zone).date()
        chances.append(arrivals({packed_on: 1.0}, terms.slip, terms.calendar.days))
        first = min(first, leaving.minutes_to_cutoff)
    calibrator = world.calibrators.get("pickup") or Calibrator(0.9)
    day, reached = all_by(chances, calibrator.level(_SENT))
    ready = datetime.combine(day, terms.calendar.closes_at, zone).astimezone(UTC)
    slowest = max(legs, key=lambda leg: (leg.typical, leg.departure.leaves_at))
    at_store = Source(store, terms.node.code, terms.node.name, own, ready, "pickup", km)
    return Option(
        kind="pickup", service="pickup", name=_name(terms), promised_by=ready, starts_at=None, day=day,
        probability=calibrator.probability(reached, _SENT), level=reached, group=_SENT, cost_minor=0,
        currency=order.currency, minutes_to_cutoff=first, order_by=moment + timedelta(minutes=first),
        sources=(at_store, *(leg.source for leg in legs)), parts=parts_of(slowest, ready, world, zone),
    )  # fmt: skip


def _name(terms: NodeTerms) -> str:
    return f"Collect at {terms.node.name or terms.node.code}"


def _km(order: OrderInput, world: World, terms: NodeTerms) -> float:
    """How far the store is from where the customer lives, where that is known."""
    return world.lane(order, terms.node).km if order.postcode else 0.0


def stores_by_distance(order: OrderInput, world: World, *, near: bool) -> list[int]:
    """Stores that may be offered, those with all of it first, then the nearest; only `near` ones where it can be
    delivered as well. Those that lack something are left out where nothing is sent to stores."""
    stores = [
        terms.node for terms in world.nodes.values() if terms.offers_pickup and terms.node.active
        and (not order.allowed_groups or order.allowed_groups & terms.node.groups)
        and (world.sends_to_stores or has_all(order, terms.node.node_id, world.stock))
    ]  # fmt: skip
    ranked = sorted(
        (not has_all(order, node.node_id, world.stock), world.lane(order, node).km, node.code, node.node_id)
        for node in stores
    )
    with_all = sum(not lacks for lacks, *_ in ranked)
    # Routing is asked for each store that lacks something: for no more of them than are offered.
    return [
        node_id for lacks, km, _, node_id in ranked[: max(with_all, _MOST_STORES)] if not near or km <= _NEAR_KM
    ]  # fmt: skip
