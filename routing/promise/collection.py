"""Collection at a store: when an order lies ready there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from routing.engine.types import OrderInput
from routing.promise.calendar import departure
from routing.promise.calibration import Calibrator
from routing.promise.terms import Answer, NodeTerms, Option, Part, Source, World, all_units, has_all

#: Stores offered for collection, the nearest ones.
_MOST_STORES = 3
#: Farther than this nobody goes for what can be delivered, in kilometres.
_NEAR_KM = 50.0


def collected(order: OrderInput, moment: datetime, world: World, node_ids: Iterable[int]) -> Answer:
    """Collection at those of the stores, in this sequence, that have all of the cart."""
    options: list[Option] = []
    refusal = ""
    for node_id in node_ids:
        terms = world.nodes.get(node_id)
        if terms is None or not terms.offers_pickup or not terms.node.active:
            refusal = refusal or "This store does not hand orders over."
        elif not has_all(order, node_id, world.stock):
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
        sources=(Source(terms.node.node_id, terms.node.code, terms.node.name, all_units(order), ready, "pickup", km),),
        parts=tuple(Part(*span) for span in spans if span[2] > span[1]),
    )  # fmt: skip


def stores_by_distance(order: OrderInput, world: World, *, near: bool) -> list[int]:
    """Stores that have all of it, the nearest first; only `near` ones where it can be delivered as well."""
    stores = [
        terms.node for terms in world.nodes.values() if terms.offers_pickup and terms.node.active
        and (not order.allowed_groups or order.allowed_groups & terms.node.groups)
        and has_all(order, terms.node.node_id, world.stock)
    ]  # fmt: skip
    by_distance = sorted((world.lane(order, node).km, node.code, node.node_id) for node in stores)
    return [node_id for km, _, node_id in by_distance if not near or km <= _NEAR_KM]
