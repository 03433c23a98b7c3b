"""What rules would do with one order: which take it and the plan, with the stock as it is now. Writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inventory.models import Reservation
from oms.core.clock import now
from orders.models import OrderLine
from routing.engine import Plan
from routing.policy.compiled import CompiledPolicy
from routing.policy.document import Document
from routing.services.facts import facts_of
from routing.services.planning import plan_demands
from routing.services.reading import Freed, read_surroundings
from routing.services.rules import rules_in_force


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of the order: names of the rules that take it in their sequence, the plan, and the live one's."""

    rules: Sequence[str]
    plan: Plan
    decided_by: str
    live_plan: Plan
    live_rule: str

    @property
    def same(self) -> bool:
        """The live rules send it from the same nodes."""
        return sorted(self.plan.assignments) == sorted(self.live_plan.assignments)


def try_order(order_id: int, document: Document) -> Tried | None:
    """What the rules of a document would decide for an order now, as if what nodes hold for it were given back first.

    None where nothing of the order needs a node.
    """
    around = read_surroundings([order_id], _held(order_id))
    if order_id not in around.demands:
        return None
    rules = CompiledPolicy(document, version=0)
    demand = around.demands[order_id]
    [planned] = plan_demands(around, rules=rules)
    [live] = plan_demands(around, rules=rules_in_force().of_order(order_id, demand.order["channel_code"]))
    names = [attempt.policy.rule for attempt in rules.match(facts_of(demand.lines, now()))]
    return Tried(names, planned.plan, planned.plan.rule, live.plan, live.plan.rule)


def _held(order_id: int) -> list[Freed]:
    """Units that nodes hold for the order."""
    lines = dict(OrderLine.objects.filter(order=order_id).values_list("uid", "pk"))
    rows = Reservation.objects.filter(order_id=order_id, open_quantity__gt=0).order_by("pk")
    return [
        Freed(lines[row.line_uid], row.node_id, row.sku_id, row.open_quantity)
        for row in rows
        if row.line_uid in lines and row.node_id is not None
    ]
