"""What a customer can be offered for a cart: dates, windows, costs and how sure they are. Pure.

Routing is asked which nodes would ship the cart (`World.plan`), so that a promise follows what routing will do. From
each of those nodes the goods leave by its calendar, later than planned as often as they did before, and travel as long
as parcels of the lane did. The date is the first one by which all parcels have arrived with the level that calibration
asks for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from routing.engine.types import OrderInput, Plan
from routing.promise.calendar import NeverOpen
from routing.promise.collection import collected, stores_by_distance
from routing.promise.delivery import all_by, delivered, group_of
from routing.promise.slots import same_day, slots_today
from routing.promise.terms import PARTS, Answer, Kind, NodeTerms, Option, Part, Service, Source, World

__all__ = [
    "PARTS",
    "Answer",
    "Kind",
    "NodeTerms",
    "Option",
    "Part",
    "Service",
    "Source",
    "World",
    "all_by",
    "delivered",
    "group_of",
    "options_for",
    "same_day",
    "worth_offering",
]

_NO_DATE = "No date can be promised: nothing works there for a year."


def options_for(order: OrderInput, moment: datetime, world: World) -> Answer:
    """What can be offered at a moment for an order that is not placed yet. `order.pickup_node_id` asks for one store.

    Never raises for a destination that nothing serves: then stores that have all of it are offered.
    """
    if order.pickup_node_id is not None:
        return collected(order, moment, world, [order.pickup_node_id])
    options: list[Option] = []
    refusal = ""
    first: Plan | None = None
    for service in world.services:
        if service.slots:
            options += slots_today(order, moment, world, service)
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
    stores = collected(order, moment, world, stores_by_distance(order, world, near=bool(options)))
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
