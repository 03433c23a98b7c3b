"""From what was read to plans: which rules take each order, and in which sequence orders compete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from oms.core.clock import now
from routing.engine import ANY_NODE, Attempt, NodeInput, OrderInput, Plan, plan_by_rules
from routing.policy.compiled import CompiledPolicy, Place
from routing.policy.facts import folded
from routing.services.context import place_of, read_groups, terms_of
from routing.services.facts import facts_of, needs_of
from routing.services.kits import engine_lines
from routing.services.reading import Demand, Surroundings
from routing.services.rules import rules_in_force

#: What a person's choice of a node overrides.
_UNBOUND: dict[str, Any] = {"excluded_node_ids": frozenset(), "allowed_groups": frozenset()}


@dataclass(frozen=True, slots=True)
class Planned:
    """What the engine says of one order."""

    demand: Demand
    plan: Plan


@dataclass(slots=True)
class _Asked:
    demand: Demand
    order: OrderInput
    attempts: tuple[Attempt, ...]
    place: Place


def plan_demands(
    around: Surroundings, only_node_id: int | None = None, *, rules: CompiledPolicy | None = None
) -> list[Planned]:  # fmt: skip
    """Plans for every order read, in the sequence in which they compete. Writes nothing.

    `only_node_id` is a person's choice: no other node is considered, and neither what kept the order from it before nor
    what its rule asks of nodes counts. `rules` are taken in place of those in force.
    """
    moment = now()
    asked = [_asked(demand, order, moment, rules) for demand, order in _inputs(around, moment, only_node_id)]
    asked.sort(key=lambda each: each.place)
    nodes = around.nodes
    if only_node_id is not None:
        nodes = [node for node in nodes if node.node_id == only_node_id]
        for each in asked:
            each.attempts = tuple(
                Attempt(replace(attempt.policy, eligibility=ANY_NODE), attempt.then) for attempt in each.attempts
            )
    return _plan(asked, nodes, around)


def _asked(demand: Demand, order: OrderInput, moment: datetime, rules: CompiledPolicy | None) -> _Asked:
    facts = facts_of(demand.lines, moment)
    policy = rules or rules_in_force().of_order(demand.order_id, demand.order["channel_code"])
    attempts = policy.match(facts)
    return _Asked(demand, order, attempts, policy.place(facts, attempts))


def _plan(asked: Sequence[_Asked], nodes: list[NodeInput], around: Surroundings) -> list[Planned]:
    """Plans in this sequence: each order gets what those before it left of stock and capacity, or what they give up for
    it where that saves and costs them no unit."""
    plans = plan_by_rules(
        partial(terms_of, nodes, measured=around.measured), [(each.order, each.attempts) for each in asked],
        around.stock, around.used, together=True,
    )  # fmt: skip
    return [Planned(each.demand, plan) for each, plan in zip(asked, plans, strict=True)]


def _inputs(
    around: Surroundings, moment: datetime, only_node_id: int | None
) -> list[tuple[Demand, OrderInput]]:  # fmt: skip
    """The engine's view of the orders. Lines without a SKU cannot be routed and are left out."""
    groups = read_groups()
    by_code = {node.code: node for node in around.nodes}
    found = [(demand, order_input(demand, groups, by_code, moment)) for demand in around.demands.values()]
    if only_node_id is None:
        return found
    return [(demand, replace(order, **_UNBOUND)) for demand, order in found]


def order_input(
    demand: Demand, groups: dict[int, frozenset[str]], by_code: Mapping[str, NodeInput], moment: datetime
) -> OrderInput:
    """An order as the engine sees it at a moment, by the groups of the channels and the nodes by code.

    The place of an order that the customer collects is that of the store: there goods of other nodes would go.
    """
    row = demand.order
    promised = datetime.fromisoformat(row["promised_by"]) if row["promised_by"] else None
    store = by_code.get(row["pickup_node_code"]) if row["service_level"] == "pickup" else None
    if store is not None:
        postcode, country, lat, lon, region = store.postcode, store.country, store.lat, store.lon, store.region
    else:
        place = place_of(row["ship_country"], row["ship_postcode"])
        postcode, country, region = row["ship_postcode"], row["ship_country"], row["ship_region"]
        lat, lon = (place.lat, place.lon) if place else (None, None)
    return OrderInput(
        key=demand.order_id,
        lines=engine_lines(demand.lines),
        postcode=postcode, country=country, lat=lat, lon=lon, region=region, cod=row["payment_method"] == "cod",
        value_minor=row["total_minor"], currency=row["currency"], service_level=row["service_level"],
        allowed_groups=groups.get(row["channel_id"], frozenset()), excluded_node_ids=frozenset(demand.excluded),
        pickup_node_id=None if store is None else store.node_id,
        hours_to_promise=(promised - moment).total_seconds() / 3600 if promised else None,
        needs=folded(needs_of(demand.lines)), brands=folded(line["brand"] or "" for line in demand.lines),
        is_gift=row["is_gift"],
    )  # fmt: skip
