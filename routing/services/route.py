"""Route = decide and reserve, for many orders at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any
from uuid import UUID

from inventory.events import StockChanged
from inventory.services import Claim, claims_json
from oms.core.db import fetch_all, run_statement
from oms.core.events import Event
from oms.core.ids import uuid7
from oms.core.json_text import to_json
from routing.engine import Assignment, Plan
from routing.events import OrderRouted, OrderUnroutable
from routing.services.kits import in_components
from routing.services.planning import plan_demands
from routing.services.reading import Demand, Surroundings, read_surroundings
from routing.services.route_sql import WRITE, WRITE_FREEING

#: Rounds of reading and planning for orders that were changed meanwhile or lost a race for stock.
MAX_ROUNDS = 6


@dataclass(frozen=True, slots=True)
class Routed:
    """What was decided for one order: "routed", "partial" or "unroutable"."""

    order_id: int
    outcome: str


def route_orders(
    order_ids: Sequence[int], *, trigger: str, actor: str = "routing", only_node_id: int | None = None,
    because: str = "",
) -> list[Routed]:  # fmt: skip
    """Decide for every order that has unrouted units, reserve the stock, and say so; the others are left alone.

    Decision, reservations with their ledger postings, line counters, timeline and events commit together, in one
    statement for all orders of a round. Nothing is locked while it is decided: an order that was changed meanwhile, or
    lost a race for stock, is read and decided again. Orders compete for stock and capacity by the sequence of their
    rules, and else in the order they are given. What no node can supply now stays with the order as backordered units.
    Routing an order twice finds nothing left to do. `only_node_id` is a person's choice: no other node is considered,
    and what kept the order from it before is forgotten. `because` begins the sentence that explains the decisions.
    """
    done: list[Routed] = []
    waiting = list(dict.fromkeys(order_ids))
    for _ in range(MAX_ROUNDS):
        around = read_surroundings(waiting) if waiting else Surroundings()
        if not around.demands:
            break
        decided = _decide(around, only_node_id)
        lost = _write(decided, trigger, actor, around.due, because)
        done += [
            Routed(each.demand.order_id, each.plan.outcome) for each in decided if each.demand.order_id not in lost
        ]
        waiting = [order_id for order_id in waiting if order_id in lost]
    return done


@dataclass(slots=True)
class _Decided:
    demand: Demand
    plan: Plan
    #: The plan's assignments by line of the order: kits as units of their components.
    assignments: list[Assignment]
    duration_us: int
    #: The edition of measured performance that it was made by, 0 for none.
    edition: int


def _decide(around: Surroundings, only_node_id: int | None) -> list[_Decided]:
    started = perf_counter_ns()
    planned = plan_demands(around, only_node_id)
    duration = (perf_counter_ns() - started) // 1000 // max(1, len(planned))
    return [
        _Decided(each.demand, each.plan, in_components(each.plan.assignments, each.demand.lines), duration,
                 around.measured.edition)
        for each in planned
    ]  # fmt: skip


def _claims(decided: Iterable[_Decided]) -> Iterable[Claim]:
    for item in decided:
        uids = {line["line_id"]: UUID(line["line_uid"]) for line in item.demand.lines}
        for part in item.assignments:
            yield Claim(uuid7(), uids[part.line_key], item.demand.order_id, item.demand.order["number"], part.sku_id,
                        part.node_id, part.quantity)  # fmt: skip


def _write(
    decided: Sequence[_Decided], trigger: str, actor: str, due: Collection[tuple[int, int]], because: str
) -> set[int]:
    """Reserve and record what was decided, in one statement; the ids of the orders that have to be decided again.

    Nothing is written for those. Holds that are over end where units are claimed at a key of `due`.
    """
    claims = list(_claims(decided))
    rows = [_row(item, trigger, actor, because) for item in decided if not _says_nothing_new(item)]
    deltas = [delta for item in decided for delta in _deltas(item)]
    touched = {row["order_id"] for row in rows} | {delta["order_id"] for delta in deltas}
    if not touched:
        return set()
    changed = StockChanged(sku_ids=sorted({claim.sku_id for claim in claims}), reason="reserved")
    params = {
        "orders": to_json([
            {"order_id": item.demand.order_id, "version": item.demand.order["version"]}
            for item in decided if item.demand.order_id in touched
        ]),
        "claims": claims_json(claims), "deltas": to_json(deltas), "decisions": to_json(rows), "actor": actor,
        "stock_kind": changed.kind, "stock_aggregate": changed.aggregate, "stock_event": to_json(changed.payload()),
    }  # fmt: skip
    freeing = bool(due) and any((claim.sku_id, claim.node_id) in due for claim in claims)
    return {row[0] for row in run_statement(lambda: fetch_all(WRITE_FREEING if freeing else WRITE, params))}


def _says_nothing_new(item: _Decided) -> bool:
    """A waiting order that was tried again and still finds nothing: not worth another row."""
    return item.plan.outcome == "unroutable" and item.demand.last_outcome == "unroutable"


def _deltas(item: _Decided) -> Iterable[dict[str, int]]:
    """What changes at each line: its fresh units are gone, some are allocated, the rest waits for stock."""
    assigned: Counter[int] = Counter()
    for part in item.assignments:
        assigned[part.line_key] += part.quantity
    for line in item.demand.lines:
        take, fresh = assigned[line["line_id"]], line["unallocated"]
        if line["sku_id"] is not None and (take or fresh):
            yield {
                "order_id": item.demand.order_id, "line_id": line["line_id"], "unallocated": -fresh,
                "backordered": fresh - take, "allocated": take,
            }  # fmt: skip


def _trace(item: _Decided) -> dict[str, Any]:
    """What the engine keeps of the plan, and by which edition of measured performance it was made."""
    stored = item.plan.compact()
    return stored | {"edition": item.edition} if item.edition else stored


def _row(item: _Decided, trigger: str, actor: str, because: str) -> dict[str, Any]:
    """The decision, its entry in the timeline and its event, as the statement reads them."""
    plan, demand = item.plan, item.demand
    event: Event
    if plan.assignments:
        event = OrderRouted(order_id=demand.order_id, number=demand.order["number"], node_ids=list(plan.node_ids),
                            complete=plan.outcome == "routed")  # fmt: skip
    else:
        event = OrderUnroutable(order_id=demand.order_id, number=demand.order["number"], sentence=plan.sentence)
    return {
        "order_id": demand.order_id, "attempt": demand.attempt, "trigger": trigger[:40], "actor": actor[:120],
        "policy_version": item.plan.version, "rule": item.plan.rule[:80], "outcome": plan.outcome,
        "sentence": f"{because} {plan.sentence}".strip()[:500],
        "cost_minor": plan.cost_minor, "lower_bound_minor": plan.lower_bound_minor, "optimal": plan.optimal,
        "nodes_examined": plan.nodes_examined, "duration_us": item.duration_us,
        "assignments": [list(part) for part in item.assignments], "trace": to_json(_trace(item)),
        "entry_kind": "unroutable" if plan.outcome == "unroutable" else "routed",
        "entry_data": {"attempt": demand.attempt, "outcome": plan.outcome},
        "event_kind": event.kind, "event": event.payload(),
    }  # fmt: skip
