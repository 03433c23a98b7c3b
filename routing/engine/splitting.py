"""Whether a policy lets an order be split as the cheapest plan would: a split is taken as it is, or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from routing.engine.problem import Problem, Solution
from routing.engine.types import LineInput, Policy
from routing.engine.wording import money


def refused_split(
    problem: Problem, solution: Solution, wants: Mapping[int, Sequence[LineInput]], policy: Policy, currency: str
) -> str:
    """Why a plan of several parcels may not be made, as the second half of a sentence; "" where it may."""
    if policy.max_extra_minor is not None:
        by_themselves = sum(problem.units_minor(parcel.at, parcel.units) for parcel in solution.parcels)
        extra = solution.cost - by_themselves - _as_one(problem, solution)
        if extra > policy.max_extra_minor:
            limit = money(policy.max_extra_minor, currency)
            return f"splitting would cost {money(extra, currency)} more, and at most {limit} is allowed"
    if policy.min_parcel_minor:
        values = [_unit_value(lines) for lines in wants.values()]
        least = min(sum(u * v for u, v in zip(parcel.units, values, strict=True)) for parcel in solution.parcels)
        if least < policy.min_parcel_minor:
            limit = money(policy.min_parcel_minor, currency)
            return f"a shipment of the split would be worth {money(least, currency)}, and at least {limit} is asked"
    return ""


def _as_one(problem: Problem, solution: Solution) -> int:
    """What one parcel of the same goods would cost from the cheapest usable node, had it all of them."""
    grams = sum(
        units * unit for parcel in solution.parcels for units, unit in zip(parcel.units, problem.grams, strict=True)
    )
    return min(opening + problem.further_minor(index, grams) for index, opening in problem.opening.items())


def _unit_value(lines: Sequence[LineInput]) -> int:
    """The mean value of a unit over the lines of a SKU, rounded down."""
    return sum(line.value_minor * line.quantity for line in lines) // sum(line.quantity for line in lines)
