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
from inventory.services import Claim, claims_json
from oms.core.clock import now
from oms.core.db import fetch_all, run_atomic
from oms.core.events import Event
from oms.core.ids import uuid7
from orders.services import UnitMove, deltas_of, require_moved
from routing.engine import LineInput, NodeInput, OrderInput, Plan, Policy, plan_orders
from routing.events import OrderRouted, OrderUnroutable
from routing.locks import lock_unrouted_lines
from routing.services.context import (
    Surroundings,
    active_policy,
    lane,
    place_of,
    rate_table,
    read_groups,
    read_surroundings,
)
from routing.services.route_sql import WRITE

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
    demands = lock_demands(order_ids)
    if not demands:
        return []
    around = _look_around(demands)
    nodes, policy = around.nodes, active_policy()
    inputs = order_inputs(demands, nodes)
    if only_node_id is not None:
        nodes = [node for node in nodes if node.node_id == only_node_id]
        inputs = {key: replace(order, **_UNBOUND) for key, order in inputs.items()}
    done: list[_Decided] = []
    waiting = demands
    for _ in range(MAX_ROUNDS):
        decided = _plan(waiting, inputs, nodes, around, policy)
        refused = _write(decided, policy, trigger, actor)
        done += [item for item in decided if item.demand.order_id not in refused]
        waiting = [item.demand for item in decided if item.demand.order_id in refused]
        if not waiting:
            break
        around = _look_around(waiting)
    return [Routed(item.demand.order_id, item.plan.outcome) for item in done]


@dataclass(slots=True)
class _Decided:
    demand: Demand
    plan: Plan
    duration_us: int


def lock_demands(order_ids: Sequence[int]) -> list[Demand]:
    """The orders with unrouted lines, locked, in the sequence asked for."""
    found: dict[int, Demand] = {}
    for row in lock_unrouted_lines(order_ids):
        demand = found.get(row["order_id"])
        if demand is None:
            demand = found[row["order_id"]] = Demand(row["order_id"], row["number"], row["channel_id"], row)
        demand.lines.append(row)
    return [found[order_id] for order_id in order_ids if order_id in found]


def _look_around(demands: Sequence[Demand]) -> Surroundings:
    """What is decided from; read after the orders were locked. Completes the demands with what was decided before."""
    around = read_surroundings(
        [demand.order_id for demand in demands],
        [line["sku_id"] for demand in demands for line in demand.lines if line["sku_id"] is not None],
    )
    for demand in demands:
        attempts, demand.last_outcome = around.decided.get(demand.order_id, (0, ""))
        demand.attempt = attempts + 1
        demand.excluded = frozenset(around.excluded.get(demand.order_id, ()))
    return around


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
    demands: Sequence[Demand],
    inputs: dict[int, OrderInput],
    nodes: Sequence[NodeInput],
    around: Surroundings,
    policy: Policy,
) -> list[_Decided]:
    orders = [inputs[demand.order_id] for demand in demands]
    started = perf_counter_ns()
    plans = plan_orders(orders, nodes, around.stock, lane, rate_table(), policy, around.used)
    duration = (perf_counter_ns() - started) // 1000 // max(1, len(plans))
    return [_Decided(demand, plan, duration) for demand, plan in zip(demands, plans, strict=True)]


def _claims(decided: Iterable[_Decided]) -> Iterable[Claim]:
    for item in decided:
        uids: dict[int, UUID] = {line["line_id"]: line["line_uid"] for line in item.demand.lines}
        for part in item.plan.assignments:
            yield Claim(uuid7(), uids[part.line_key], item.demand.order_id, item.demand.number, part.sku_id,
                        part.node_id, part.quantity)  # fmt: skip


def _write(decided: Sequence[_Decided], policy: Policy, trigger: str, actor: str) -> set[int]:
    """Reserve and record what was decided, in one statement; the ids of the orders that lost a race for stock.

    Nothing is written for those.
    """
    claims = list(_claims(decided))
    rows = [_row(item, policy, trigger, actor) for item in decided if not _says_nothing_new(item)]
    deltas = [
        {"order_id": item.demand.order_id, "line_id": line_id, **delta}
        for item in decided
        for line_id, delta in deltas_of(_moves(item)).items()
    ]
    if not rows and not deltas:
        return set()
    changed = StockChanged(sku_ids=sorted({claim.sku_id for claim in claims}), reason="reserved")
    *refused, (_, moved, wanted) = fetch_all(WRITE, {
        "claims": claims_json(claims), "deltas": json.dumps(deltas), "decisions": json.dumps(rows), "actor": actor,
        "stock_kind": changed.kind, "stock_aggregate": changed.aggregate, "stock_event": json.dumps(changed.payload()),
    })  # fmt: skip
    require_moved(moved, wanted)
    return {row[0] for row in refused}


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


def _row(item: _Decided, policy: Policy, trigger: str, actor: str) -> dict[str, Any]:
    """The decision, its entry in the timeline and its event, as the statement reads them."""
    plan, demand = item.plan, item.demand
    event: Event
    if plan.assignments:
        event = OrderRouted(order_id=demand.order_id, number=demand.number, node_ids=list(plan.node_ids),
                            complete=plan.outcome == "routed")  # fmt: skip
    else:
        event = OrderUnroutable(order_id=demand.order_id, number=demand.number, sentence=plan.sentence)
    return {
        "order_id": demand.order_id, "attempt": demand.attempt, "trigger": trigger[:40], "actor": actor[:120],
        "policy_version": policy.version, "outcome": plan.outcome, "sentence": plan.sentence[:500],
        "cost_minor": plan.cost_minor, "lower_bound_minor": plan.lower_bound_minor, "optimal": plan.optimal,
        "nodes_examined": plan.nodes_examined, "duration_us": item.duration_us, "assignments": plan.assignments,
        "trace": json.dumps(plan.compact(), separators=(",", ":")),
        "entry_kind": "unroutable" if plan.outcome == "unroutable" else "routed",
        "entry_data": {"attempt": demand.attempt, "outcome": plan.outcome},
        "event_kind": event.kind, "event": event.payload(),
    }  # fmt: skip
