"""The judge: the same problem in the words of OR-tools' CP-SAT solver, which shares no idea and no code with ours."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from ortools.sat.python import cp_model

from routing.engine.problem import Problem

#: How long the judge may think about one problem.
MOST_SECONDS = 20


class Undecided(Exception):
    """The judge has no proof in time."""


def best_by_cp_sat(problem: Problem, *, complete: bool, must: int | None = None) -> tuple[int, int, int] | None:
    """(units, cost, parcels) of the best solution, proven; None where there is none. Raises Undecided."""
    units = _most_units(problem, must)
    if units is None or (complete and units < sum(problem.quantities)):
        return None
    model, sent, used, cost = _model(problem, must)
    model.add(sum(sent) == units)
    parcels = sum(used)
    # Fewest parcels at the least cost: no plan has as many parcels as the scale.
    model.minimize(cost * 256 + parcels)
    solver = _solve(model)
    if solver is None:
        return None
    value = round(solver.objective_value)
    return units, value // 256, value % 256


def _most_units(problem: Problem, must: int | None) -> int | None:
    model, sent, _, _ = _model(problem, must)
    model.maximize(sum(sent))
    solver = _solve(model)
    units = 0 if solver is None else round(solver.objective_value)
    return units or None


def _solve(model: cp_model.CpModel) -> cp_model.CpSolver | None:
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_time_in_seconds = MOST_SECONDS
    status = solver.solve(model)
    if status == cp_model.INFEASIBLE:
        return None
    if status != cp_model.OPTIMAL:
        raise Undecided(solver.status_name(status))
    return solver


def _model(
    problem: Problem, must: int | None
) -> tuple[cp_model.CpModel, Sequence[cp_model.IntVar], Sequence[cp_model.IntVar], cp_model.LinearExpr]:
    model = cp_model.CpModel()
    used = {index: model.new_bool_var(f"ships {index}") for index in problem.opening}
    sent: dict[tuple[int, int], cp_model.IntVar] = {}
    for want, (quantity, row) in enumerate(zip(problem.quantities, problem.rows, strict=True)):
        for index, have in row.items():
            if index in used:
                sent[want, index] = model.new_int_var(0, min(have, quantity), f"{want} from {index}")
                model.add(sent[want, index] == 0).only_enforce_if(used[index].negated())
        model.add(sum(var for (w, _), var in sent.items() if w == want) <= quantity)
    for index, ships in used.items():
        model.add(sum(var for (_, i), var in sent.items() if i == index) >= 1).only_enforce_if(ships)
    model.add(sum(used.values()) <= problem.max_shipments)
    if must is not None:
        model.add(used[must] == 1)
    costs: list[cp_model.LinearExprT] = [problem.opening[index] * ships for index, ships in used.items()]
    for index in used:
        first, _, slab_grams, slab_minor = problem.fares[index]
        mine = [(want, var) for (want, i), var in sent.items() if i == index]
        heaviest = sum(
            problem.grams[want] * min(problem.rows[want][index], problem.quantities[want]) for want, _ in mine
        )
        if heaviest > first and slab_minor:
            slabs = model.new_int_var(0, ceil((heaviest - first) / slab_grams), f"slabs of {index}")
            model.add(sum(problem.grams[want] * var for want, var in mine) <= first + slab_grams * slabs)
            costs.append(slab_minor * slabs)
        if problem.unit_minor is not None:
            costs += [problem.unit_minor[want][index] * var for want, var in mine]
    costs.append(problem.split * (sum(used.values()) - 1))
    return model, list(sent.values()), list(used.values()), cp_model.LinearExpr.sum(costs)
