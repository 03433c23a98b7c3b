"""Why not another node: by how much its shipment would have to be cheaper for the plan to use it."""

from __future__ import annotations

from dataclasses import dataclass

from routing.engine.by_nodes import Search
from routing.engine.explain import Trace
from routing.engine.types import Plan, Result
from routing.engine.wording import money


@dataclass(frozen=True, slots=True)
class WhyNot:
    """`gap_minor`: a plan with this node costs so much more than the one chosen, so the node's shipment must become
    cheaper by more than that. None when no price changes the answer, or when it was not worked out."""

    node_id: int
    code: str
    result: Result
    gap_minor: int | None
    sentence: str


def why_not(plan: Plan, node_id: int) -> WhyNot:
    """What keeps a node out of a plan. Raises LookupError when the node was not offered to it."""
    candidate = next((row for row in plan.candidates if row.node_id == node_id), None)
    if candidate is None:
        raise LookupError(f"Node {node_id} was not among the nodes of this plan.")
    code = candidate.code
    if candidate.result == "chosen":
        return WhyNot(node_id, code, "chosen", 0, f"{code} was chosen.")
    if candidate.result == "refused":
        return WhyNot(node_id, code, "refused", None, f"{code} was refused at any price: {candidate.reason}")
    gap = _gap(plan, node_id)
    if gap is None:
        sentence = f"{code} cannot be part of a plan that ships as much; price does not decide."
    elif gap == 0:
        sentence = f"{code} costs the same; fewer shipments, priority and then the node's number decided."
    else:
        amount = money(gap, plan.explanation.order.currency) if isinstance(plan.explanation, Trace) else str(gap)
        sentence = f"{code} would be used if its shipment were more than {amount} cheaper."
    return WhyNot(node_id, code, "eligible", gap, sentence)


def _gap(plan: Plan, node_id: int) -> int | None:
    """Cost of the best plan with this node and as many units, less the cost of the plan."""
    trace = plan.explanation
    if not isinstance(trace, Trace):
        return None
    sent = {line_key: 0 for lines in trace.wants.values() for line_key in (line.key for line in lines)}
    for assignment in plan.assignments:
        sent[assignment.line_key] += assignment.quantity
    shipped = [sum(sent[line.key] for line in lines) for lines in trace.wants.values()]
    index = next(i for i in trace.problem.opening if trace.terms.nodes[i].node_id == node_id)
    search = Search(trace.problem, shipped, must=index)
    found = search.run()
    return None if found is None else found.cost - plan.cost_minor
