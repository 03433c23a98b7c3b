"""Where orders are decided: the stock, capacity and load that are left, and what one rule makes of one order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from typing import NamedTuple

from routing.engine.capacity import NO_LIMIT, capacity_of, load_of
from routing.engine.cost import Destination, Terms
from routing.engine.explain import Told
from routing.engine.filters import Gate
from routing.engine.kits import Needs, assembled, needs_of, solve_shared
from routing.engine.problem import Problem, Solution
from routing.engine.solve import solve
from routing.engine.splitting import refused_split
from routing.engine.types import (
    Assignment,
    Attempt,
    Eligibility,
    LineInput,
    OrderInput,
    Outcome,
    Plan,
    Policy,
    Stock,
    Weights,
)

_NONE: Mapping[int, int] = {}

#: Gives the terms of a policy. They must be of the same nodes for every policy of one call.
TermsOf = Callable[[Policy], Terms]
#: An order, and the rules that it is tried by.
Asked = tuple[OrderInput, Sequence[Attempt]]


class Decided(NamedTuple):
    """What one rule made of an order."""

    plan: Plan
    needs: Sequence[Needs]
    solution: Solution

    def taken(self) -> Iterator[tuple[int, int, int]]:
        """SKU, node index and units of all that it takes."""
        for index, units in self.solution.parcels:
            for need, count in zip(self.needs, units, strict=True):
                if count:
                    for sku, each in need.items():
                        yield sku, index, count * each


class Desk:
    """The state of one call. Rows, loads and the set of full nodes are replaced when they change, never written to:
    a plan keeps those it was made from and explains itself later."""

    def __init__(
        self,
        terms_of: TermsOf,
        asked: Sequence[Asked],
        stock: Stock,
        used: Mapping[int, int],
    ) -> None:
        self.terms_of = terms_of
        self.terms: dict[Weights, Terms] = {}
        self.rows: dict[int, Mapping[int, int]] = {}
        if not asked:
            return
        terms = self._terms(_some(*asked[0])[0].policy)
        self.nodes = terms.nodes
        self.ids = terms.ids
        self.first_rows = _rows([order for order, _ in asked], self.ids, stock)
        self.first = capacity_of(self.nodes, used) if used else terms.idle
        self._begin()

    def _begin(self) -> None:
        """All stock and capacity is there."""
        self.rows = dict(self.first_rows)
        first = self.first
        self.used, self.room, self.load, self.full = list(first.used), list(first.room), list(first.load), first.full
        self.load_minor: dict[Terms, list[int]] = {}

    def as_at_first(self) -> Desk:
        """A desk of the same nodes at which nothing was decided yet."""
        other = copy(self)
        other._begin()
        return other

    def decide(self, order: OrderInput, attempts: Sequence[Attempt]) -> Decided:
        """The plan for one order with what is left. Raises ValueError for an order without an attempt."""
        wants = _wants(order.lines)
        first, *others = _some(order, attempts)
        decided, then = self._try(order, wants, first.policy), first.then
        for attempt in others:
            if decided.plan.outcome == "routed" or then == "wait":
                break
            tried, then = self._try(order, wants, attempt.policy), attempt.then
            if tried.plan.outcome == "routed" or not decided.plan.assignments:
                decided = tried
        return decided

    def _try(self, order: OrderInput, wants: dict[int, list[LineInput]], policy: Policy) -> Decided:
        terms = self._terms(policy)
        transfer = None if order.pickup_node_id is None else policy.transfer
        passed = terms.gate(order, policy.eligibility, transfer is not None)
        destination = terms.destination(order, transfer)
        needs = [needs_of(lines[0]) for lines in wants.values()] if any(line.parts for line in order.lines) else None
        rows = self._rows_of(wants, needs, policy.eligibility.keep_units)
        loads_minor: Sequence[int] = self._loads_minor(terms)
        if transfer is not None:
            loads_minor = [0 if node_id == order.pickup_node_id else minor
                           for node_id, minor in zip(self.ids, loads_minor, strict=True)]  # fmt: skip
        opening = self._openings(order, rows, passed, destination, loads_minor, policy.eligibility)
        weights = terms.weights
        problem = Problem(
            [sum(line.quantity for line in lines) for lines in wants.values()],
            [max(line.weight_grams for line in lines) for lines in wants.values()],
            rows,
            opening,
            destination.fares,
            weights.split_minor if transfer is None else 0,
            1 if order.is_gift and policy.keep_gifts_whole else policy.max_shipments,
            [_stock_minor(row, weights.stock_minor) for row in rows]
            if weights.stock_minor and transfer is None
            else None,
        )
        problem, solution, refused = self._solve(order, wants, problem, policy, needs)
        trace = Told(
            policy, terms, order, wants, problem, passed, destination, loads_minor, self.full, self._too_full(policy),
            refused,
        )  # fmt: skip
        return Decided(
            self._written(order, wants, solution, trace), [{sku: 1} for sku in wants] if needs is None else needs,
            solution,
        )  # fmt: skip

    def _solve(
        self,
        order: OrderInput,
        wants: Mapping[int, list[LineInput]],
        problem: Problem,
        policy: Policy,
        needs: Sequence[Needs] | None,
    ) -> tuple[Problem, Solution, str]:
        """The best solution that the policy's limits of splitting let pass, the problem it solves, and why it is not
        split where the cheapest one is."""
        complete = order.must_ship_complete or not policy.allow_partial
        solution = self._solved(problem, needs, complete, policy.eligibility.keep_units)
        refused = ""
        if len(solution.parcels) > 1 and (order.pickup_node_id is None or policy.transfer is None):
            refused = refused_split(problem, solution, wants, policy, order.currency)
        if refused:
            problem = problem.in_one_parcel()
            solution = self._solved(problem, needs, complete, policy.eligibility.keep_units)
        return problem, solution, refused

    def _solved(self, problem: Problem, needs: Sequence[Needs] | None, complete: bool, keep: int) -> Solution:
        if needs is None:
            return solve(problem, complete)
        rows = self.rows
        if keep:
            rows = {sku: _kept_back(rows[sku], keep) for need in needs for sku in need if sku in rows}
        return solve_shared(problem, needs, rows, complete)

    def _rows_of(
        self, wants: Mapping[int, list[LineInput]], needs: Sequence[Needs] | None, keep: int
    ) -> list[Mapping[int, int]]:
        """What each node index has of each want: of a kit as many as it can assemble."""
        rows: Mapping[int, Mapping[int, int]] = self.rows
        if keep:
            rows = {sku: _kept_back(row, keep) for sku, row in rows.items() if sku in _skus_of(wants, needs)}
        if needs is None:
            return [rows.get(sku, _NONE) for sku in wants]
        return [
            assembled(need, rows) if lines[0].parts else rows.get(sku, _NONE)
            for (sku, lines), need in zip(wants.items(), needs, strict=True)
        ]

    def _openings(
        self,
        order: OrderInput,
        rows: Sequence[Mapping[int, int]],
        passed: Gate,
        destination: Destination,
        load: Sequence[int],
        asked: Eligibility,
    ) -> dict[int, int]:
        """What a parcel costs at least from each node that may take the order and has anything of it."""
        passes, full, base, fares = passed.passes, self.full, destination.base, destination.fares
        hours, ways = order.hours_to_promise, destination.ways
        max_km, store = asked.max_km, order.pickup_node_id
        opening: dict[int, int] = {}
        for index in rows[0] if len(rows) == 1 else sorted(set().union(*rows)):
            if passes[index] and index not in full:
                cost = base[index]
                if cost < 0:
                    cost = destination.open(index)
                    if cost < 0:
                        continue
                if self.ids[index] != store and (
                    (max_km is not None and ways[index][0] > max_km) or self.room[index] < asked.min_capacity_left
                ):
                    continue
                cost += fares[index].first_minor + load[index]
                if hours is not None:
                    cost += destination.late_minor(index, hours)
                opening[index] = cost
        return opening

    def _too_full(self, policy: Policy) -> frozenset[int]:
        """Nodes that have room, but less than the policy asks for."""
        least = policy.eligibility.min_capacity_left
        if least <= 1:
            return frozenset()
        return frozenset(index for index, left in enumerate(self.room) if 0 < left < least)

    def _terms(self, policy: Policy) -> Terms:
        found = self.terms.get(policy.weights)
        if found is None:
            found = self.terms[policy.weights] = self.terms_of(policy)
        return found

    def _loads_minor(self, terms: Terms) -> list[int]:
        found = self.load_minor.get(terms)
        if found is None:
            found = terms.idle_minor if self.load == terms.idle.load else terms.loads_minor(self.load)
            self.load_minor[terms] = found
        return found

    def _written(
        self, order: OrderInput, wants: Mapping[int, list[LineInput]], solution: Solution, trace: Told
    ) -> Plan:
        assignments, backordered = self._dealt_out(wants, solution)
        outcome: Outcome = "partial" if assignments else "unroutable"
        return Plan(
            order_key=order.key,
            outcome=outcome if backordered else "routed",
            assignments=assignments,
            backordered=backordered,
            cost_minor=solution.cost,
            lower_bound_minor=solution.lower_bound,
            optimal=solution.optimal,
            nodes_examined=trace.nodes_examined,
            explanation=trace,
            rule=trace.policy.rule,
            version=trace.policy.version,
        )

    def _dealt_out(
        self, wants: Mapping[int, list[LineInput]], solution: Solution
    ) -> tuple[tuple[Assignment, ...], tuple[tuple[int, int], ...]]:
        """Give the units of the parcels to the lines that want them, and what is left to the backorders."""
        assignments: list[Assignment] = []
        backordered: list[tuple[int, int]] = []
        for want, (sku, lines) in enumerate(wants.items()):
            supply = [[self.ids[parcel.at], parcel.units[want]] for parcel in solution.parcels]
            for line in lines:
                left = line.quantity
                for source in supply:
                    taken = min(left, source[1])
                    if taken:
                        assignments.append(Assignment(line.key, sku, source[0], taken))
                        source[1] -= taken
                        left -= taken
                if left:
                    backordered.append((line.key, left))
        return tuple(assignments), tuple(backordered)

    def use_up(self, decided: Decided) -> None:
        """Take the parcels of a plan out of the stock, and an order out of the capacity of each node that ships."""
        self._move(decided, -1)

    def give_back(self, decided: Decided) -> None:
        """Undo `use_up`."""
        self._move(decided, 1)

    def _move(self, decided: Decided, way: int) -> None:
        for sku, index, units in decided.taken():
            row = dict(self.rows[sku])
            left = row.get(index, 0) + way * units
            if not left:
                del row[index]
            elif index in row:
                row[index] = left
            else:
                row = dict(sorted([*row.items(), (index, left)]))
            self.rows[sku] = row
        for index, _ in decided.solution.parcels:
            if self.room[index] < NO_LIMIT:
                self._occupy(index, -way)

    def _occupy(self, index: int, orders: int) -> None:
        """One order more or less at a node with a limit: its load changes by one part of what was left at first."""
        self.room[index] -= orders
        self.used[index] += orders
        self.full = self.full - {index} if self.room[index] else self.full | {index}
        self.load[index] = load_of(self.nodes[index], self.used[index])
        for terms, known in self.load_minor.items():
            loads_minor = list(known)
            loads_minor[index] = terms.load_minor(self.load[index])
            self.load_minor[terms] = loads_minor


def _some(order: OrderInput, attempts: Sequence[Attempt]) -> Sequence[Attempt]:
    if not attempts:
        raise ValueError(f"Order {order.key} comes without a rule to route it by.")
    return attempts


def _skus_of(wants: Iterable[int], needs: Sequence[Needs] | None) -> set[int]:
    return set(wants) if needs is None else {sku for need in needs for sku in need}


def _kept_back(row: Mapping[int, int], keep: int) -> dict[int, int]:
    """What each node may give of a SKU when so many units stay."""
    return {index: have - keep for index, have in row.items() if have > keep}


def _stock_minor(row: Mapping[int, int], minor: int) -> dict[int, int]:
    """What a unit from each node costs for the share that it is of what the node has."""
    return {index: round(minor / have) for index, have in row.items()}


def _wants(lines: Iterable[LineInput]) -> dict[int, list[LineInput]]:
    """The lines that want anything, by SKU in the order of the lines."""
    wants: dict[int, list[LineInput]] = {}
    for line in lines:
        if line.quantity:
            wants.setdefault(line.sku_id, []).append(line)
    return wants


def _rows(orders: Sequence[OrderInput], ids: Sequence[int], stock: Stock) -> dict[int, Mapping[int, int]]:
    """For every SKU asked for, what each node index has of it, in ascending index; only positive numbers.

    Reads the whole stock when it is small, and only the pairs that can matter when it is not.
    """
    skus = {line.sku_id for order in orders for line in order.lines if not line.parts}
    skus |= {sku for order in orders for line in order.lines for sku, _ in line.parts}
    rows: dict[int, dict[int, int]] = {sku: {} for sku in skus}
    if len(stock) <= len(skus) * len(ids):
        place = {node_id: index for index, node_id in enumerate(ids)}
        for (sku, node_id), have in stock.items():
            if have > 0 and sku in rows and node_id in place:
                rows[sku][place[node_id]] = have
        return {sku: dict(sorted(row.items())) for sku, row in rows.items()}
    for sku, row in rows.items():
        for index, node_id in enumerate(ids):
            have = stock.get((sku, node_id), 0)
            if have > 0:
                row[index] = have
    return dict(rows)
