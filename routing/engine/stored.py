"""Reads a stored decision back into the problem that it answered, so that it can be asked again years later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from routing.engine.problem import Problem
from routing.engine.types import FACTORS, SlabRate

#: Columns of the stored rows: see `table.py`.
_TOTAL, _FIRST_FACTOR = 4, 5
_ZONE = _FIRST_FACTOR + len(FACTORS) + 2
_FIRST_ATP = _ZONE + 1


class Restored(NamedTuple):
    """The problem of a stored decision. `ids` are its nodes by index; `factors` what a shipment of all that a node has
    of the order costs, by index and factor, for the nodes that were stored with their factors; `shipped` the units of
    each want that the decision ships, `chosen` the indices of the nodes that ship."""

    problem: Problem
    ids: tuple[int, ...]
    factors: Mapping[int, Mapping[str, int]]
    shipped: tuple[int, ...]
    chosen: frozenset[int]


def problem_of(stored: Mapping[str, Any]) -> Restored:
    """The problem that a stored decision answered.

    Raises ValueError for one that does not hold all of it: stored by an earlier version, or with kits that share stock.
    """
    if "fares" not in stored or stored["shared"]:
        raise ValueError("The decision was stored without all that it was made from.")
    fares = {zone: SlabRate(*fare) for zone, fare in stored["fares"].items()}
    detailed = [(row[0], row[_TOTAL], row[_ZONE], row[_FIRST_ATP:]) for row in stored["rows"]]
    nodes = sorted(detailed + [(row[0], row[2], row[3], row[4:]) for row in stored["rest"]])
    ids = tuple(node_id for node_id, *_ in nodes)
    index_of = {node_id: index for index, node_id in enumerate(ids)}
    rows = [
        {index: atp[want] for index, (*_, atp) in enumerate(nodes) if atp[want]}
        for want in range(len(stored["wanted"]))
    ]
    problem = with_rows(stored, rows, [fares[zone] for _, _, zone, _ in nodes])
    problem.opening = {index: _opening(problem, index, total) for index, (_, total, _, _) in enumerate(nodes)}
    strangers = {node_id for _, _, node_id, _ in stored["take"]} - index_of.keys()
    if strangers:
        raise ValueError(f"Nodes {sorted(strangers)} send goods and are not among the candidates.")
    want_of = {sku: want for want, sku in enumerate(stored["skus"])}
    shipped = [0] * len(want_of)
    for _, sku, _, quantity in stored["take"]:
        shipped[want_of[sku]] += quantity
    return Restored(
        problem, ids,
        {index_of[row[0]]: dict(zip(FACTORS, row[_FIRST_FACTOR:], strict=False)) for row in stored["rows"]},
        tuple(shipped), frozenset(index_of[node_id] for _, _, node_id, _ in stored["take"]),
    )  # fmt: skip


def with_rows(stored: Mapping[str, Any], rows: Sequence[Mapping[int, int]], fares: Sequence[SlabRate]) -> Problem:
    """The problem of a stored decision with these units at its nodes, and no openings yet."""
    per_stock = stored["per_stock"]
    unit_minor = [{index: round(per_stock / have) for index, have in row.items()} for row in rows]
    return Problem(
        stored["wanted"], stored["grams"], rows, {}, fares, stored["split"], stored["most"],
        unit_minor if per_stock else None,
    )  # fmt: skip


def alone(problem: Problem, index: int) -> list[int]:
    """Units of each want that a node could supply by itself."""
    return [min(count, row.get(index, 0)) for count, row in zip(problem.quantities, problem.rows, strict=True)]


def further_alone(problem: Problem, index: int) -> int:
    """The slabs after the first of a shipment of all that a node has of the order."""
    units = alone(problem, index)
    return problem.further_minor(index, sum(count * unit for count, unit in zip(units, problem.grams, strict=True)))


def _opening(problem: Problem, index: int, total: int) -> int:
    """What is left of the cost of all that a node has, without what its weight and units add."""
    return total - further_alone(problem, index) - problem.units_minor(index, alone(problem, index))
