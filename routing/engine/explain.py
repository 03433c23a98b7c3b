"""Tells a plan: as a small JSON object, as a table, as a sentence."""

from __future__ import annotations

from typing import Any

from routing.engine.sentences import tell
from routing.engine.table import expand_candidates
from routing.engine.trace import Trace
from routing.engine.types import CandidateResult, Plan, SlabRate


class Told(Trace):
    """A trace in words and rows."""

    __slots__ = ()

    def stored(self, plan: Plan, most_rows: int) -> dict[str, Any]:
        """The decision without its sentence. The columns are described in `table.py`."""
        ids, ways, load = self.terms.ids, self.destination.ways, self.load_minor
        problem = self.problem
        rows, hours = problem.rows, self.order.hours_to_promise
        chosen = set(plan.node_ids)
        detailed: list[list[Any]] = []
        rest: list[list[Any]] = []
        zones: dict[str, SlabRate] = {}
        rank = late = 0
        for minus_covers, total, index in self.offers():
            rank += 1
            node_id = ids[index]
            km, days, zone, distance, transit, priority, performance = ways[index]
            zones[zone] = problem.fares[index]
            if rank > most_rows and node_id not in chosen:
                rest.append([node_id, -minus_covers, total, zone, *[have.get(index, 0) for have in rows]])
                continue
            if hours is not None:
                late = self.destination.late_minor(index, hours)
            stock = 0 if problem.unit_minor is None else problem.units_minor(index, self.alone(index))
            shipping = total - distance - transit - late - load[index] - priority - performance - stock
            row: list[Any] = [node_id, rank, 1 if node_id in chosen else 0, -minus_covers, total]
            row += (shipping, distance, transit, late, load[index], priority, performance, stock, km, days, zone)
            row += [have.get(index, 0) for have in rows]
            detailed.append(row)
        return {
            "policy": self.policy.version,
            "rule": self.policy.rule,
            "currency": self.order.currency,
            "outcome": plan.outcome,
            "cost": plan.cost_minor,
            "bound": plan.lower_bound_minor,
            "optimal": plan.optimal,
            "examined": plan.nodes_examined,
            "skus": list(self.wants),
            "wanted": list(problem.quantities),
            "grams": list(problem.grams),
            "split": problem.split,
            "most": problem.max_shipments,
            "whole": self.order.must_ship_complete or not self.policy.allow_partial,
            "per_stock": 0 if problem.unit_minor is None else self.policy.weights.stock_minor,
            "fares": {zone: list(fare) for zone, fare in zones.items()},
            "shared": self._shares_stock(),
            "take": [list(assignment) for assignment in plan.assignments],
            "back": [list(pair) for pair in plan.backordered],
            "rows": detailed,
            "rest": rest,
            "off": [[refusal.rule, refusal.reason, list(refusal.node_ids)] for refusal in self.refusals()],
            "held": self._held(),
        }

    def _shares_stock(self) -> bool:
        """Whether several wants need the same SKU, as kits may: then the rows are not all of the problem."""
        needed = [sku for lines in self.wants.values() for sku in ([p for p, _ in lines[0].parts] or [lines[0].sku_id])]
        return len(needed) != len(set(needed))

    def _held(self) -> list[list[int]]:
        """What refused nodes had of the order: node id, then units of each SKU."""
        ids, rows, opening = self.terms.ids, self.problem.rows, self.problem.opening
        if len(rows) == 1 and len(rows[0]) == len(opening):
            return []
        refused = set().union(*rows).difference(opening)
        return [[ids[index], *(row.get(index, 0) for row in rows)] for index in sorted(refused)]

    def compact(self, plan: Plan) -> dict[str, Any]:
        """The decision as it is stored."""
        return self.stored(plan, self.policy.max_candidates)

    def candidates(self, plan: Plan) -> tuple[CandidateResult, ...]:
        """Every node with every factor."""
        codes = {node.node_id: node.code for node in self.terms.nodes}
        return expand_candidates(self.in_full(plan), codes)

    def in_full(self, plan: Plan) -> dict[str, Any]:
        """As it is stored, with the factors of every node."""
        return self.stored(plan, len(self.terms.nodes))

    def sentence(self, plan: Plan) -> str:
        """Why, in one sentence."""
        return tell(plan, self)
