"""Routes orders one after the other against one picture of stock and capacity, which each plan uses up in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from routing.engine.cost import Destination, Terms
from routing.engine.explain import Trace
from routing.engine.filters import Gate
from routing.engine.kits import Needs, assembled, needs_of, solve_shared
from routing.engine.problem import Problem, Solution
from routing.engine.solve import solve
from routing.engine.types import (
    Assignment,
    LaneOf,
    LineInput,
    NodeInput,
    OrderInput,
    Outcome,
    Plan,
    Policy,
    RateTable,
    Stock,
)

#: A node without a limit: more orders than anybody has.
_NO_LIMIT = 1 << 60
_NONE: Mapping[int, int] = {}


def plan_order(
    order: OrderInput, nodes: Iterable[NodeInput], stock: Stock, lane: LaneOf, rates: RateTable, policy: Policy
) -> Plan:
    """The cheapest way to fulfill one order. See `plan_orders`."""
    return plan_orders((order,), nodes, stock, lane, rates, policy)[0]


def plan_orders(
    orders: Sequence[OrderInput],
    nodes: Iterable[NodeInput],
    stock: Stock,
    lane: LaneOf,
    rates: RateTable,
    policy: Policy,
    used: Mapping[int, int] = _NONE,
) -> list[Plan]:
    """Plans in the sequence of the orders; each sees the stock, capacity and load that those before it left.

    `used` is how many orders each node (by id) was given that its `capacity_left` and `load` do not count yet. Nothing
    given is changed. The order of `nodes` does not matter. Together the plans never take more than `stock`
    holds nor more orders than a node has capacity for.
    """
    return plan_with(Terms(nodes, lane, rates, policy.weights), orders, stock, policy, used)


def plan_with(
    terms: Terms, orders: Sequence[OrderInput], stock: Stock, policy: Policy, used: Mapping[int, int] = _NONE
) -> list[Plan]:
    """As `plan_orders`, with terms that were made before, from nodes, rates and the weights of the same policy."""
    desk = _Desk(terms, orders, stock, policy, used)
    return [desk.plan(order) for order in orders]


def _room(node: NodeInput, used: int) -> int:
    return _NO_LIMIT if node.capacity_left is None else max(0, node.capacity_left - used)


def _load(node: NodeInput, used: int) -> float:
    """The share of the day's capacity that is taken: each order takes its part of what was left."""
    if not used or not node.capacity_left:
        return node.load
    return min(1.0, node.load + (1.0 - node.load) * used / node.capacity_left)


class _Desk:
    """The state of one call. Rows, loads and the set of full nodes are replaced when they change, never written to:
    a plan keeps those it was made from and explains itself later."""

    def __init__(
        self, terms: Terms, orders: Sequence[OrderInput], stock: Stock, policy: Policy, used: Mapping[int, int]
    ) -> None:
        self.policy = policy
        self.terms = terms
        self.nodes = terms.nodes
        self.ids = terms.ids
        self.rows = _rows(orders, self.ids, stock)
        self.room = [_room(node, used.get(node.node_id, 0)) for node in self.nodes]
        self.full = frozenset(index for index, left in enumerate(self.room) if left <= 0)
        self.load = [_load(node, used.get(node.node_id, 0)) for node in self.nodes]
        self.load_minor = [self.terms.load_minor(load) for load in self.load]

    def plan(self, order: OrderInput) -> Plan:
        """Route one order and use up what it takes."""
        passed, destination = self.terms.gate(order), self.terms.destination(order)
        wants = _wants(order.lines)
        needs = [needs_of(lines[0]) for lines in wants.values()] if any(line.parts for line in order.lines) else None
        rows = self._rows_of(wants, needs)
        opening = self._openings(order, rows, passed, destination)
        complete = order.must_ship_complete or not self.policy.allow_partial
        problem = Problem(
            [sum(line.quantity for line in lines) for lines in wants.values()],
            [max(line.weight_grams for line in lines) for lines in wants.values()],
            rows,
            opening,
            destination.fares,
            self.policy.weights.split_minor,
            self.policy.max_shipments,
        )
        solution = solve(problem, complete) if needs is None else solve_shared(problem, needs, self.rows, complete)
        trace = Trace(self.policy, self.terms, order, wants, problem, passed, destination, self.load_minor, self.full)
        plan = self._written(order, wants, solution, passed, trace)
        self._use_up([{sku: 1} for sku in wants] if needs is None else needs, solution)
        return plan

    def _rows_of(self, wants: Mapping[int, list[LineInput]], needs: Sequence[Needs] | None) -> list[Mapping[int, int]]:
        """What each node index has of each want: of a kit as many as it can assemble."""
        if needs is None:
            return [self.rows.get(sku, _NONE) for sku in wants]
        return [
            assembled(need, self.rows) if lines[0].parts else self.rows.get(sku, _NONE)
            for (sku, lines), need in zip(wants.items(), needs, strict=True)
        ]

    def _openings(
        self, order: OrderInput, rows: Sequence[Mapping[int, int]], passed: Gate, destination: Destination
    ) -> dict[int, int]:
        """What a parcel costs at least from each node that may take the order and has anything of it."""
        passes, full, base, fares = passed.passes, self.full, destination.base, destination.fares
        load, hours = self.load_minor, order.hours_to_promise
        opening: dict[int, int] = {}
        for index in rows[0] if len(rows) == 1 else sorted(set().union(*rows)):
            if passes[index] and index not in full:
                cost = base[index]
                if cost < 0:
                    cost = destination.open(index)
                    if cost < 0:
                        continue
                cost += fares[index].first_minor + load[index]
                if hours is not None:
                    cost += destination.late_minor(index, hours)
                opening[index] = cost
        return opening

    def _written(
        self, order: OrderInput, wants: Mapping[int, list[LineInput]], solution: Solution, passed: Gate, trace: Trace
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

    def _use_up(self, needs: Sequence[Needs], solution: Solution) -> None:
        """Take the parcels out of the stock, and an order out of the capacity of each node that ships."""
        for index, units in solution.parcels:
            for need, count in zip(needs, units, strict=True):
                for sku, each in need.items() if count else ():
                    row = dict(self.rows[sku])
                    row[index] -= count * each
                    if not row[index]:
                        del row[index]
                    self.rows[sku] = row
            if self.room[index] < _NO_LIMIT:
                self._occupy(index)

    def _occupy(self, index: int) -> None:
        """One order more at a node with a limit: its load grows by one part of what is left of it."""
        left = self.room[index]
        self.room[index] = left - 1
        if left == 1:
            self.full |= {index}
        self.load[index] = min(1.0, self.load[index] + (1.0 - self.load[index]) / left)
        self.load_minor = list(self.load_minor)
        self.load_minor[index] = self.terms.load_minor(self.load[index])


def _wants(lines: Iterable[LineInput]) -> dict[int, list[LineInput]]:
    """The lines that want anything, by SKU in the order of the lines."""
    wants: dict[int, list[LineInput]] = {}
    for line in lines:
        if line.quantity:
            wants.setdefault(line.sku_id, []).append(line)
    return wants


def _rows(orders: Iterable[OrderInput], ids: Sequence[int], stock: Stock) -> dict[int, Mapping[int, int]]:
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
