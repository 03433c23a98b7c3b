"""Why not another node: by how much its shipment would have to be cheaper for the plan to use it."""

from __future__ import annotations

from dataclasses import dataclass

from routing.engine.by_units import MOST_WORK, scale_of, solve_by_units, work
from routing.engine.explain import Trace
from routing.engine.problem import Problem
from routing.engine.types import Plan, Result
from routing.engine.wording import money

#: Taken off a node's opening to make the solver use it; larger than any plan costs.
_BRIBE = 1 << 50


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
    problem, whole = _bribed(trace.problem, shipped, index)
    scale = scale_of(problem, whole)
    if work(problem, scale) > MOST_WORK:
        return _gap_alone(trace.problem, shipped, index, plan.cost_minor)
    found = solve_by_units(problem, scale, complete=True)
    if all(parcel.at != index for parcel in found.parcels):
        return None
    return found.cost + _BRIBE - plan.cost_minor


def _bribed(problem: Problem, shipped: list[int], index: int) -> tuple[Problem, list[bool]]:
    """The same problem for what was shipped, with one node so cheap that it is used if it can be."""
    wants = [want for want, quantity in enumerate(shipped) if quantity]
    rows = [problem.rows[want] for want in wants]
    opening = dict(problem.opening)
    opening[index] -= _BRIBE
    whole = []
    for want, row in zip(wants, rows, strict=True):
        have = [row.get(node, 0) for node in opening]
        whole.append(max(have) >= min(problem.quantities[want], sum(have)))
    smaller = Problem(
        [shipped[want] for want in wants],
        [problem.grams[want] for want in wants],
        rows,
        opening,
        problem.fares,
        problem.split,
        problem.max_shipments,
    )
    return smaller, whole


def _gap_alone(problem: Problem, shipped: list[int], index: int, cost: int) -> int | None:
    """For orders too large to solve again: the node alone, when it has everything."""
    if any(row.get(index, 0) < quantity for row, quantity in zip(problem.rows, shipped, strict=True)):
        return None
    grams = sum(quantity * unit for quantity, unit in zip(shipped, problem.grams, strict=True))
    return problem.opening[index] + problem.further_minor(index, grams) - cost
