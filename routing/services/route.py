"""Route = decide and reserve, in one transaction, for many orders at once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import perf_counter_ns
from typing import Any
from uuid import UUID

from inventory.events import StockChanged
from inventory.services import Claim, reserve
from oms.core.clock import now
from oms.core.db import execute, fetch_all, run_atomic
from oms.core.events import Event
from oms.core.ids import uuid7
from oms.core.outbox import INSERT_EVENTS, event_columns
from orders.services import TimelineEntry, UnitMove, move_units
from routing.engine import LineInput, NodeInput, OrderInput, Plan, Policy, plan_orders
from routing.events import OrderRouted, OrderUnroutable
from routing.locks import lock_unrouted_lines
from routing.services.context import active_policy, lane, place_of, rate_table, read_groups, read_nodes, read_stock

#: What a person's choice of a node overrides.
_UNBOUND: dict[str, Any] = {"excluded_node_ids": frozenset(), "allowed_groups": frozenset()}
#: Rounds of planning against fresh stock for orders that lost a race for it.
MAX_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Routed:
    """What was decided for one order: "routed", "partial" or "unroutable"."""

    order_id: int
    outcome: str


@dataclass(slots=True)
class Demand:
    """One order with the lines that need a node, as it was when it was locked."""

    order_id: int
    number: str
    channel_id: int
    row: dict[str, Any]
    lines: list[dict[str, Any]] = field(default_factory=list)
    attempt: int = 1
    last_outcome: str = ""
    excluded: frozenset[int] = frozenset()


def route_orders(
    order_ids: Sequence[int], *, trigger: str, actor: str = "routing", only_node_id: int | None = None
) -> list[Routed]:
    """Decide for every order that has unrouted units, reserve the stock, and say so; the others are left alone.

    One transaction: decision, reservations with their ledger postings, line counters, timeline and events commit
    together. Orders compete for stock and capacity in the order they are given. What no node can supply now stays
    with the order as backordered units. Routing an order twice finds nothing left to do. `only_node_id` is a person's
    choice: no other node is considered, and what kept the order from it before is forgotten.
    """
    if not order_ids:
        return []
    return run_atomic(lambda: _route(list(dict.fromkeys(order_ids)), trigger, actor, only_node_id))


def _route(order_ids: list[int], trigger: str, actor: str, only_node_id: int | None) -> list[Routed]:
    demands = read_demands(order_ids)
    if not demands:
        return []
    nodes = read_nodes()
    policy = active_policy()
    inputs = order_inputs(demands, nodes)
    if only_node_id is not None:
        nodes = [node for node in nodes if node.node_id == only_node_id]
        inputs = {key: replace(order, **_UNBOUND) for key, order in inputs.items()}
    done: list[_Decided] = []
    waiting = demands
    for _ in range(MAX_ROUNDS):
        decided = _plan(waiting, inputs, nodes, policy)
        refused = reserve(list(_claims(decided)), actor=actor)
        done += [item for item in decided if item.demand.order_id not in refused]
        waiting = [item.demand for item in decided if item.demand.order_id in refused]
        if not waiting:
            break
    _write(done, policy, trigger, actor)
    return [Routed(item.demand.order_id, item.plan.outcome) for item in done]


@dataclass(slots=True)
class _Decided:
    demand: Demand
    plan: Plan
    duration_us: int


_HISTORY = """
SELECT o.id, coalesce(max(d.attempt), 0),
    coalesce((array_agg(d.outcome ORDER BY d.attempt DESC) FILTER (WHERE d.id IS NOT NULL))[1], ''),
    ARRAY(SELECT x.node_id FROM routing_routingexclusion x WHERE x.order_id = o.id)
FROM unnest(%s::bigint[]) AS o(id) LEFT JOIN routing_routingdecision d ON d.order_id = o.id
GROUP BY o.id
"""


def read_demands(order_ids: Sequence[int]) -> list[Demand]:
    """The orders with unrouted lines, locked, in the sequence asked for, with their earlier attempts."""
    found: dict[int, Demand] = {}
    for row in lock_unrouted_lines(order_ids):
        demand = found.get(row["order_id"])
        if demand is None:
            demand = found[row["order_id"]] = Demand(row["order_id"], row["number"], row["channel_id"], row)
        demand.lines.append(row)
    if found:
        for order_id, attempts, outcome, excluded in fetch_all(_HISTORY, [list(found)]):
            demand = found[order_id]
            demand.attempt, demand.last_outcome, demand.excluded = attempts + 1, outcome, frozenset(excluded)
    return [found[order_id] for order_id in order_ids if order_id in found]


def order_inputs(demands: Sequence[Demand], nodes: Sequence[NodeInput]) -> dict[int, OrderInput]:
    """The engine's view of the orders. Lines without a SKU cannot be routed and are left out."""
    groups = read_groups()
    by_code = {node.code: node.node_id for node in nodes}
    moment = now()
    return {demand.order_id: _order_input(demand, groups, by_code, moment) for demand in demands}


def _order_input(
    demand: Demand, groups: dict[int, frozenset[str]], by_code: dict[str, int], moment: datetime
) -> OrderInput:
    row = demand.row
    place = place_of(row["ship_country"], row["ship_postcode"])
    promised = row["promised_by"]
    pickup = by_code.get(row["pickup_node_code"]) if row["service_level"] == "pickup" else None
    return OrderInput(
        key=demand.order_id,
        lines=tuple(
            LineInput(line["line_id"], line["sku_id"], line["unallocated"] + line["backordered"],
                      line["weight_grams"] or 0, line["sku_code"])
            for line in demand.lines if line["sku_id"] is not None
        ),
        postcode=row["ship_postcode"], lat=place.lat if place else None, lon=place.lon if place else None,
        region=row["ship_region"], cod=row["payment_method"] == "cod", value_minor=row["total_minor"],
        currency=row["currency"], service_level=row["service_level"],
        allowed_groups=groups.get(demand.channel_id, frozenset()), excluded_node_ids=demand.excluded,
        pickup_node_id=pickup,
        hours_to_promise=(promised - moment).total_seconds() / 3600 if promised else None,
    )  # fmt: skip


def _plan(
    demands: Sequence[Demand], inputs: dict[int, OrderInput], nodes: Sequence[NodeInput], policy: Policy
) -> list[_Decided]:
    orders = [inputs[demand.order_id] for demand in demands]
    stock = read_stock(line.sku_id for order in orders for line in order.lines)
    started = perf_counter_ns()
    plans = plan_orders(orders, nodes, stock, lane, rate_table(), policy)
    duration = (perf_counter_ns() - started) // 1000 // max(1, len(plans))
    return [_Decided(demand, plan, duration) for demand, plan in zip(demands, plans, strict=True)]


def _claims(decided: Iterable[_Decided]) -> Iterable[Claim]:
    for item in decided:
        uids: dict[int, UUID] = {line["line_id"]: line["line_uid"] for line in item.demand.lines}
        for part in item.plan.assignments:
            yield Claim(uuid7(), uids[part.line_key], item.demand.order_id, item.demand.number, part.sku_id,
                        part.node_id, part.quantity)  # fmt: skip


_WRITE = f"""
WITH announced AS ({INSERT_EVENTS}),
decided AS (
    INSERT INTO routing_routingdecision (order_id, attempt, trigger, actor, policy_version, outcome, sentence,
        cost_minor, lower_bound_minor, optimal, nodes_examined, duration_us, assignments, trace)
    SELECT * FROM json_to_recordset(%s::json) AS d(order_id bigint, attempt int, trigger text, actor text,
        policy_version int, outcome text, sentence text, cost_minor bigint, lower_bound_minor bigint, optimal bool,
        nodes_examined int, duration_us int, assignments jsonb, trace text)
)
INSERT INTO routing_nodeload (node_id, day, orders)
SELECT n.id, (now() AT TIME ZONE n.time_zone)::date, t.orders
FROM unnest(%s::bigint[], %s::int[]) AS t(node_id, orders) JOIN inventory_node n ON n.id = t.node_id
ORDER BY n.id
ON CONFLICT (node_id, day) DO UPDATE SET orders = routing_nodeload.orders + excluded.orders
"""  # noqa: S608 - only the kernel's own statement is put in


def _write(done: Sequence[_Decided], policy: Policy, trigger: str, actor: str) -> None:
    told = [item for item in done if not _says_nothing_new(item)]
    moves = [move for item in done for move in _moves(item)]
    entries = [_entry(item, actor) for item in told]
    if moves or entries:
        move_units(moves, entries)
    loads = Counter(node_id for item in done for node_id in item.plan.node_ids)
    rows = [_decision_row(item, policy, trigger, actor) for item in told]
    events = _events(done, told)
    if rows or loads or events:
        nodes = sorted(loads)
        execute(_WRITE, [*event_columns(events), json.dumps(rows), nodes, [loads[key] for key in nodes]])


def _says_nothing_new(item: _Decided) -> bool:
    """A waiting order that was tried again and still finds nothing: not worth another row."""
    return item.plan.outcome == "unroutable" and item.demand.last_outcome == "unroutable"


def _moves(item: _Decided) -> Iterable[UnitMove]:
    assigned: Counter[int] = Counter()
    for part in item.plan.assignments:
        assigned[part.line_key] += part.quantity
    for line in item.demand.lines:
        if line["sku_id"] is None:
            continue
        take = assigned[line["line_id"]]
        fresh = min(take, line["unallocated"])
        yield UnitMove(line["line_id"], "unallocated", "allocated", fresh)
        yield UnitMove(line["line_id"], "backordered", "allocated", take - fresh)
        yield UnitMove(line["line_id"], "unallocated", "backordered", line["unallocated"] - fresh)


def _entry(item: _Decided, actor: str) -> TimelineEntry:
    plan = item.plan
    kind = "unroutable" if plan.outcome == "unroutable" else "routed"
    return TimelineEntry(
        order_id=item.demand.order_id, kind=kind, message=plan.sentence, actor=actor,
        data={"attempt": item.demand.attempt, "outcome": plan.outcome},
    )  # fmt: skip


def _decision_row(item: _Decided, policy: Policy, trigger: str, actor: str) -> dict[str, Any]:
    plan = item.plan
    return {
        "order_id": item.demand.order_id, "attempt": item.demand.attempt, "trigger": trigger[:40],
        "actor": actor[:120], "policy_version": policy.version, "outcome": plan.outcome,
        "sentence": plan.sentence[:500], "cost_minor": plan.cost_minor, "lower_bound_minor": plan.lower_bound_minor,
        "optimal": plan.optimal, "nodes_examined": plan.nodes_examined, "duration_us": item.duration_us,
        "assignments": [list(part) for part in plan.assignments],
        "trace": json.dumps(plan.compact(), separators=(",", ":")),
    }  # fmt: skip


def _events(done: Sequence[_Decided], told: Sequence[_Decided]) -> list[Event]:
    events: list[Event] = []
    for item in done:
        plan, demand = item.plan, item.demand
        if plan.assignments:
            events.append(OrderRouted(order_id=demand.order_id, number=demand.number, node_ids=list(plan.node_ids),
                                      complete=plan.outcome == "routed"))  # fmt: skip
        elif item in told:
            events.append(OrderUnroutable(order_id=demand.order_id, number=demand.number, sentence=plan.sentence))
    skus = sorted({part.sku_id for item in done for part in item.plan.assignments})
    if skus:
        events.append(StockChanged(sku_ids=skus, reason="reserved"))
    return events
