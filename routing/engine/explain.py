"""Keeps what a plan was made from, and tells it: as a small JSON object, as a table, as a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from routing.engine.cost import Destination, Terms
from routing.engine.filters import REASONS, Gate
from routing.engine.problem import Problem
from routing.engine.sentences import tell
from routing.engine.table import expand_candidates
from routing.engine.types import CandidateResult, LineInput, OrderInput, Plan, Policy, Rule


class Offer(NamedTuple):
    """What a node could do alone: the units it could supply (the more the better, so negative), at what cost."""

    minus_covers: int
    total_minor: int
    at: int
    grams: int


class Refusal(NamedTuple):
    """Nodes refused by one rule for one reason."""

    rule: Rule
    reason: str
    node_ids: Sequence[int]


class Trace:
    """The inputs of one plan as they were when it was made. Nothing in here changes afterwards."""

    __slots__ = ("destination", "full", "gate", "load_minor", "order", "policy", "problem", "terms", "wants")

    def __init__(
        self,
        policy: Policy,
        terms: Terms,
        order: OrderInput,
        wants: Mapping[int, list[LineInput]],
        problem: Problem,
        passed: Gate,
        destination: Destination,
        load_minor: Sequence[int],
        full: frozenset[int],
    ) -> None:
        self.policy = policy
        self.terms = terms
        self.order = order
        self.wants = wants
        self.problem = problem
        self.gate = passed
        self.destination = destination
        self.load_minor = load_minor
        self.full = full

    @property
    def nodes_examined(self) -> int:
        """How many nodes passed the fixed rules and had capacity, so that their stock was looked at."""
        if not self.full:
            return len(self.gate.passing)
        return sum(index not in self.full for index in self.gate.passing)

    def offers(self) -> list[Offer]:
        """What each usable node could supply, best first: most units, then cheapest, then priority and id."""
        problem = self.problem
        wants = list(zip(problem.quantities, problem.grams, problem.rows, strict=True))
        found = []
        for index, opening in problem.opening.items():
            covers = grams = 0
            for quantity, unit_grams, row in wants:
                have = row.get(index, 0)
                if have:
                    units = have if have < quantity else quantity
                    covers += units
                    grams += units * unit_grams
            found.append(Offer(-covers, opening + problem.further_minor(index, grams), index, grams))
        found.sort()
        return found

    def refusals(self) -> list[Refusal]:
        """Every node that is not usable, with the first rule that refused it."""
        nodes, full, opening = self.terms.nodes, self.full, self.problem.opening
        refused = [Refusal(rule, REASONS[rule], ids) for rule, ids in self.gate.refused]
        empty: list[int] = []
        over: list[int] = []
        closed: dict[str, list[int]] = {}
        stocked: set[int] = set().union(*self.problem.rows)
        for index in self.gate.passing:
            if index in opening:
                continue
            if index in full:
                over.append(nodes[index].node_id)
            elif index not in stocked:
                empty.append(nodes[index].node_id)
            else:
                reason = self.destination.reasons.get(index) or REASONS["not_serviceable"]
                closed.setdefault(reason, []).append(nodes[index].node_id)
        if over:
            refused.append(Refusal("over_capacity", REASONS["over_capacity"], over))
        if empty:
            refused.append(Refusal("no_stock", REASONS["no_stock"], empty))
        refused.extend(Refusal("not_serviceable", reason, ids) for reason, ids in closed.items())
        return refused

    def factors(self, offer: Offer) -> list[int]:
        """The parts of an offer's cost, in the order of `types.FACTORS`; they add up to its total."""
        index, destination = offer.at, self.destination
        distance, transit = destination.distance_minor(index), destination.transit_minor(index)
        priority = destination.priority_minor(index)
        late = destination.late_minor(index, self.order.hours_to_promise)
        load = self.load_minor[index]
        shipping = offer.total_minor - distance - transit - late - load - priority
        return [shipping, distance, transit, late, load, priority]

    def stored(self, plan: Plan, most_rows: int) -> dict[str, Any]:
        """The decision without its sentence. The columns are described in `table.py`."""
        nodes, rows = self.terms.nodes, self.problem.rows
        chosen = set(plan.node_ids)
        detailed, rest = [], []
        for rank, offer in enumerate(self.offers(), start=1):
            node_id = nodes[offer.at].node_id
            if rank > most_rows and node_id not in chosen:
                rest.append([node_id, -offer.minus_covers, offer.total_minor])
                continue
            lane = self.destination.lanes[offer.at]
            km, zone = (0.0, "") if lane is None else (round(lane.km, 1), lane.zone)
            head = [node_id, rank, int(node_id in chosen), -offer.minus_covers, offer.total_minor]
            way = [km, self.destination.days[offer.at], zone]
            detailed.append(head + self.factors(offer) + way + [row.get(offer.at, 0) for row in rows])
        return {
            "policy": self.policy.version,
            "currency": self.order.currency,
            "outcome": plan.outcome,
            "cost": plan.cost_minor,
            "bound": plan.lower_bound_minor,
            "optimal": plan.optimal,
            "examined": plan.nodes_examined,
            "skus": list(self.wants),
            "wanted": list(self.problem.quantities),
            "take": [list(assignment) for assignment in plan.assignments],
            "back": [list(pair) for pair in plan.backordered],
            "rows": detailed,
            "rest": rest,
            "off": [[refusal.rule, refusal.reason, list(refusal.node_ids)] for refusal in self.refusals()],
            "held": self._held(),
        }

    def _held(self) -> list[list[int]]:
        """What refused nodes had of the order: node id, then units of each SKU."""
        nodes, rows, opening = self.terms.nodes, self.problem.rows, self.problem.opening
        refused = set().union(*rows).difference(opening)
        return [[nodes[index].node_id, *(row.get(index, 0) for row in rows)] for index in sorted(refused)]

    def compact(self, plan: Plan) -> dict[str, Any]:
        """The decision as it is stored."""
        stored = self.stored(plan, self.policy.max_candidates)
        stored["say"] = plan.sentence
        return stored

    def candidates(self, plan: Plan) -> tuple[CandidateResult, ...]:
        """Every node with every factor."""
        codes = {node.node_id: node.code for node in self.terms.nodes}
        return expand_candidates(self.stored(plan, len(codes)), codes)

    def sentence(self, plan: Plan) -> str:
        """Why, in one sentence."""
        return tell(plan, self)
