"""What would have had to be different for another node to be chosen: cheaper by how much, with which stock, with which
weight of which factor, or with which node full. Each answer is found by solving the stored problem again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from routing.engine.by_nodes import Search
from routing.engine.problem import Problem, Solution
from routing.engine.solve import solve
from routing.engine.stored import Restored, further_alone, problem_of, with_rows
from routing.engine.table import expand_candidates
from routing.engine.types import FACTORS, CandidateResult, Result
from routing.engine.wording import listed, money

Kind = Literal["cost", "stock", "weight", "capacity"]
#: Multiples of a weight that are tried, from the smallest change on.
_MULTIPLES = ((1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0), (0.9, 0.75, 0.5, 0.25, 0.1, 0.0))
_NAMES = {"late": "lateness", "load": "how full nodes are", "stock": "the balance of stock"}
#: Sets of nodes looked at for one answer, of which some 200 may be asked for: a second or two in all.
_MOST_SETS = 2_000
#: Halvings of the step between two multiples.
_HALVINGS = 6


@dataclass(frozen=True, slots=True)
class Change:
    """One change that would have had the node in the plan. `size` is minor units for cost, units for stock, a multiple
    for weight, and the number of nodes that would have to be full for capacity."""

    kind: Kind
    size: float
    sentence: str


@dataclass(frozen=True, slots=True)
class WhyNot:
    """`gap_minor`: a plan with this node costs so much more than the one chosen, so the node's shipment must become
    cheaper by more than that. None when no price changes the answer, or when it was not worked out."""

    node_id: int
    code: str
    result: Result
    gap_minor: int | None
    sentence: str
    changes: tuple[Change, ...] = ()


def why_not(
    stored: Mapping[str, Any], node_id: int, codes: Mapping[int, str], labels: Mapping[int, str] | None = None
) -> WhyNot:
    """What keeps a node out of a stored decision, and the smallest changes that would have it in.

    `codes` names nodes, `labels` SKUs. Raises LookupError when the node was not offered, and ValueError for a decision
    that does not hold all that it was made from. Weights are judged among the nodes that were stored with factors.
    """
    candidates = expand_candidates(stored, codes)
    candidate = next((row for row in candidates if row.node_id == node_id), None)
    if candidate is None:
        raise LookupError(f"Node {node_id} was not among the nodes of this plan.")
    code = candidate.code
    if candidate.result == "chosen":
        return WhyNot(node_id, code, "chosen", 0, f"{code} was chosen.")
    if candidate.result == "refused":
        return WhyNot(node_id, code, "refused", None, _refused(candidate))
    restored = problem_of(stored)
    index = restored.ids.index(node_id)
    changes = [
        *_stock(stored, restored, index, labels or {}),
        *_weights(stored, restored, index),
        *_capacity(stored, restored, index, codes),
    ]
    gap, known = _gap(stored, restored, index)
    if not known:
        sentence = f"By how much {code} would have to be cheaper was not worked out."
    elif gap is None:
        sentence = f"{code} cannot be part of a plan that ships as much; price does not decide."
    elif gap == 0:
        sentence = f"{code} costs the same; fewer shipments, priority and then the node's number decided."
    else:
        sentence = f"{code} would be used if its shipment were more than {money(gap, stored['currency'])} cheaper."
        changes.insert(0, Change("cost", gap, f"Its shipment more than {money(gap, stored['currency'])} cheaper."))
    return WhyNot(node_id, code, "eligible", gap, sentence, tuple(changes))


def _refused(candidate: CandidateResult) -> str:
    told = f"{candidate.code} was refused at any price: {candidate.reason}"
    if candidate.rule in ("over_capacity", "too_full"):
        told += " With more capacity it would have been weighed with the others."
    return told


def _gap(stored: Mapping[str, Any], restored: Restored, index: int) -> tuple[int | None, bool]:
    """Cost of the best plan with this node and all units, less the cost of the plan; None where there is no such plan.
    And whether that is known: not of a part of an order, which may be made up otherwise, nor of a search cut short."""
    if stored["back"] or not stored["optimal"]:
        return None, False
    search = Search(restored.problem, restored.shipped, must=index, most_sets=_MOST_SETS)
    found = search.run()
    if not search.exact:
        return None, False
    return (None if found is None else found.cost - int(stored["cost"])), True


def _uses(problem: Problem, stored: Mapping[str, Any], index: int) -> bool:
    """Whether every best plan of a problem sends something from this node; no, where that was not found soon.

    Of plans that are equal the node's priority decides, which is not stored.
    """
    whole = bool(stored.get("whole"))
    solution = solve(problem, whole, _MOST_SETS)
    if not solution.optimal or all(parcel.at != index for parcel in solution.parcels):
        return False
    others = {each: cost for each, cost in problem.opening.items() if each != index}
    without = solve(problem.varied(opening=others), whole, _MOST_SETS)
    return without.optimal and _worth(solution) < _worth(without)


def _worth(solution: Solution) -> tuple[int, int, int]:
    """Less is better: units that are not shipped, cost, parcels."""
    units = sum(count for parcel in solution.parcels for count in parcel.units)
    return -units, solution.cost, len(solution.parcels)


def _stock(
    stored: Mapping[str, Any], restored: Restored, index: int, labels: Mapping[int, str]
) -> Iterator[Change]:  # fmt: skip
    """The fewest units more at the node that would have it in the plan: of one SKU, else of all that it lacks."""
    problem = restored.problem
    lacks = {
        want: count - row.get(index, 0)
        for want, (count, row) in enumerate(zip(problem.quantities, problem.rows, strict=True))
        if row.get(index, 0) < count
    }
    if not lacks or not _uses(_stocked(stored, restored, index, lacks), stored, index):
        return
    single = []
    for want, lack in lacks.items():
        if _uses(_stocked(stored, restored, index, {want: lack}), stored, index):
            enough = (
                more
                for more in range(1, min(lack, 20) + 1)
                if _uses(_stocked(stored, restored, index, {want: more}), stored, index)
            )
            single.append((next(enough, lack), want))
    more = {min(single)[1]: min(single)[0]} if single else lacks
    names = [
        f"{units} more of {labels.get(stored['skus'][want], stored['skus'][want])}" for want, units in more.items()
    ]
    yield Change("stock", sum(more.values()), f"{listed(names)} in stock.")


def _stocked(stored: Mapping[str, Any], restored: Restored, index: int, more: Mapping[int, int]) -> Problem:
    """The problem with more of some wants at a node."""
    old = restored.problem
    rows = [
        {**row, index: row.get(index, 0) + more[want]} if want in more else row for want, row in enumerate(old.rows)
    ]
    problem = with_rows(stored, rows, old.fares)
    problem.opening = old.opening
    return problem


def _weights(stored: Mapping[str, Any], restored: Restored, index: int) -> Iterator[Change]:
    """The smallest multiple, up or down, of one factor's weight that would have the node in the plan."""
    if index not in restored.factors:
        return
    for factor in FACTORS:
        values = {each.get(factor, 0) for each in restored.factors.values()}
        # A weight of the balance of stock is in units, not in openings.
        if factor == "stock" or len(values) < 2:
            continue
        yield from _weight(stored, restored, index, factor)
    if restored.problem.split and restored.problem.max_shipments > 1:
        yield from _weight(stored, restored, index, "splitting")


def _weight(stored: Mapping[str, Any], restored: Restored, index: int, factor: str) -> Iterator[Change]:
    for multiples in _MULTIPLES:
        found = _multiple(multiples, partial(_uses_weighted, stored, restored, index, factor))
        if found is not None:
            word = _NAMES.get(factor, factor)
            times = "nothing" if found == 0 else f"{found:.2g} times as much"
            yield Change("weight", found, f"{word[0].upper()}{word[1:]} counting {times}.")


def _uses_weighted(stored: Mapping[str, Any], restored: Restored, index: int, factor: str, times: float) -> bool:
    return _uses(_weighted(restored, factor, times), stored, index)


def _multiple(multiples: tuple[float, ...], holds: Callable[[float], bool]) -> float | None:
    """The multiple nearest to 1 for which something holds, in about two figures; None where none was found."""
    before = 1.0
    for times in multiples:
        if holds(times):
            for _ in range(_HALVINGS):
                middle = (before + times) / 2
                if holds(middle):
                    times = middle
                else:
                    before = middle
            return times
        before = times
    return None


def _weighted(restored: Restored, factor: str, times: float) -> Problem:
    """The problem among the nodes with known factors, with one of these counting so many times as much."""
    old = restored.problem
    if factor == "splitting":
        return old.varied(split=round(old.split * times))
    opening = {}
    for index, factors in restored.factors.items():
        minor = factors[factor] - (further_alone(old, index) if factor == "shipping" else 0)
        opening[index] = old.opening[index] + round((times - 1) * minor)
    if factor != "shipping":
        return old.varied(opening=opening)
    fares = [fare._replace(additional_minor=round(fare.additional_minor * times)) for fare in old.fares]
    return Problem(
        old.quantities, old.grams, old.rows, opening, fares, old.split, old.max_shipments, old.unit_minor
    )  # fmt: skip


def _capacity(
    stored: Mapping[str, Any], restored: Restored, index: int, codes: Mapping[int, str]
) -> Iterator[Change]:  # fmt: skip
    """The nodes of the plan that would have to be full: each alone, else all of them."""
    chosen = sorted(restored.chosen)
    for full in [[each] for each in chosen] + ([chosen] if len(chosen) > 1 else []):
        opening = {each: cost for each, cost in restored.problem.opening.items() if each not in full}
        if _uses(restored.problem.varied(opening=opening), stored, index):
            names = [codes.get(restored.ids[each]) or f"node {restored.ids[each]}" for each in full]
            yield Change("capacity", len(full), f"No capacity left at {listed(names)}.")
            return
