"""How long the routing engine takes to decide, beside three others in the same run.

    python benchmarks/routing_engine.py [--seed 7] [--rounds 300]

Terms (lanes, rates, weights) are kept from order to order, as the product keeps them; stock is read anew for each.

- The floor is what any router must do at least: look up the stock of each line at each node in a dictionary and keep
  the cheapest node, without weights of parcels, splits, capacity, proof or explanation.
- numpy: a dynamic programme over subsets of whole lines, the cheapest node for each, from arrays that are ready. It
  never divides a line, so its plan may cost more; it must never cost less.
- CP-SAT: OR-tools' solver on the same problem, on some of the orders. Its cost must be the same.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from routing.engine import (
    INDIA_RATES,
    Attempt,
    Lane,
    LineInput,
    NodeInput,
    OrderInput,
    Plan,
    Policy,
    Terms,
    plan_by_rules,
    plan_with,
)
from routing.engine.desk import Asked
from routing.engine.problem import Problem
from routing.engine.trace import Trace
from tests.routing.engine.cp_sat import Undecided, best_by_cp_sat

POLICY = Policy()
#: Orders that CP-SAT is asked about, for each kind of at most so many pairs of line and node: more take it minutes.
JUDGED = 10
MOST_JUDGED_PAIRS = 150


class World:
    """Nodes spread over a square of 2,000 km, and lanes that were looked up before (as a caller keeps them)."""

    def __init__(self, count: int, destinations: int, seed: int) -> None:
        self.random = random.Random(seed)
        spots = [(self.random.uniform(0, 2000), self.random.uniform(0, 2000)) for _ in range(count)]
        self.nodes = [NodeInput(number, f"N-{number:03d}", capacity_left=None) for number in range(1, count + 1)]
        self.postcodes = [f"{self.random.randint(110001, 855117)}" for _ in range(destinations)]
        self.lanes: dict[tuple[str, int], Lane] = {}
        for postcode in self.postcodes:
            x, y = self.random.uniform(0, 2000), self.random.uniform(0, 2000)
            for node, (node_x, node_y) in zip(self.nodes, spots, strict=True):
                km = ((x - node_x) ** 2 + (y - node_y) ** 2) ** 0.5
                zone = "a" if km < 50 else "b" if km < 500 else "c" if km < 1000 else "d"
                self.lanes[postcode, node.node_id] = Lane(True, zone, km, 1 + int(km // 500))

    def lane(self, order: OrderInput, node: NodeInput) -> Lane:
        return self.lanes[order.postcode, node.node_id]

    def order(self, key: int, skus: list[int]) -> OrderInput:
        lines = tuple(
            LineInput(number, sku, self.random.choice((1, 1, 1, 2)), self.random.choice((180, 350, 700)))
            for number, sku in enumerate(skus)
        )
        return OrderInput(key, lines, postcode=self.random.choice(self.postcodes))

    def stock(self, skus: range, share: float) -> dict[tuple[int, int], int]:
        return {
            (sku, node.node_id): self.random.randint(1, 40)
            for sku in skus
            for node in self.nodes
            if self.random.random() < share
        }


def floor(order: OrderInput, world: World, stock: Mapping[tuple[int, int], int]) -> int:
    """The nearest node that has everything, or the nearest."""
    best, winner = float("inf"), 0
    for node in world.nodes:
        have = all(stock.get((line.sku_id, node.node_id), 0) >= line.quantity for line in order.lines)
        km = world.lanes[order.postcode, node.node_id].km
        if have and km < best:
            best, winner = km, node.node_id
    return winner


def timed(work: Callable[[], object]) -> float:
    """Microseconds of processor time of one call: the engine never waits, and other processes do not count."""
    start = time.process_time_ns()
    work()
    return (time.process_time_ns() - start) / 1000


def quantile(numbers: list[float], share: float) -> float:
    return sorted(numbers)[min(len(numbers) - 1, int(len(numbers) * share))]


class Subsets:
    """The problem of an order as arrays: cost and ability of each node for each subset of whole lines."""

    def __init__(self, problem: Problem) -> None:
        nodes, wants = list(problem.opening), len(problem.quantities)
        self.most, self.split = problem.max_shipments, problem.split
        self.opening = np.array([problem.opening[index] for index in nodes])
        self.whole = np.array([
            [row.get(index, 0) >= count for row, count in zip(problem.rows, problem.quantities, strict=True)]
            for index in nodes
        ])  # fmt: skip
        slabs = np.array([problem.fares[index] for index in nodes])
        self.first, self.size, self.slab = slabs[:, :1], slabs[:, 2:3], slabs[:, 3:]
        members = np.arange(1 << wants)[:, None] >> np.arange(wants) & 1
        self.members = members.astype(bool)
        self.grams = members @ (np.array(problem.quantities) * np.array(problem.grams))

    def cost(self) -> float:
        """The least cost of whole lines in at most so many parcels; infinite where they cannot be had."""
        able = ~(~self.whole @ self.members.T)
        further = np.maximum(0, -((self.first - self.grams) // self.size)) * self.slab
        best = np.where(able, self.opening[:, None] + further, np.inf).min(axis=0)
        best[0] = np.inf
        full = len(best) - 1
        whole = float(best[full])
        reached = best
        for _ in range(self.most - 1):
            # Two subsets make a third; only those that share no line are told apart by their complement.
            whole = min(
                whole, float((reached + best[full - np.arange(full + 1)])[1:full].min(initial=np.inf)) + self.split
            )
            if _ < self.most - 2:
                reached = self._joined(reached, best)
        return whole

    def _joined(self, reached: np.ndarray, best: np.ndarray) -> np.ndarray:
        """One parcel more for every subset."""
        joined = reached.copy()
        subsets = np.arange(len(best))
        for part in range(1, len(best)):
            rest = subsets[(subsets & part) == 0]
            np.minimum.at(joined, rest | part, reached[rest] + best[part] + self.split)
        return joined


def problem_in(plan: Plan) -> Problem:
    """The problem that a plan answers."""
    assert isinstance(plan.explanation, Trace)
    return plan.explanation.problem


def judged(plans: list[Plan]) -> str:
    """What CP-SAT takes for some of the orders, in the median, and whether it agrees."""
    took, other = [], 0
    for plan in plans:
        try:
            start = time.process_time_ns()
            best = best_by_cp_sat(problem_in(plan), complete=False)
        except Undecided:
            continue
        took.append((time.process_time_ns() - start) / 1e6)
        other += best is not None and best[1] != plan.cost_minor
    return (
        f"CP-SAT {quantile(took, 0.5):6.1f} ms ({len(took)} orders, {other} other costs)"
        if took
        else "CP-SAT undecided"
    )


def by_subsets(plans: list[Plan]) -> str:
    """What the dynamic programme takes in the median, and how often whole lines cost more."""
    took, dearer = [], 0
    for plan in plans:
        if plan.outcome != "routed":
            continue
        arrays = Subsets(problem_in(plan))
        took.append(min(timed(arrays.cost) for _ in range(3)))
        cost = arrays.cost()
        assert cost >= plan.cost_minor, (cost, plan.cost_minor)
        dearer += cost > plan.cost_minor
    return f"numpy {quantile(took, 0.5) / 1000:6.3f} ms ({dearer} of {len(took)} dearer)" if took else "numpy -"


def one_by_one(nodes: int, sizes: Sequence[int], share: float, rounds: int, seed: int) -> None:
    """One order at a time, of so many lines, each number of them as often as another."""
    world = World(nodes, 50, seed)
    least_lines, lines = sizes[0], sizes[-1]
    skus = range(lines * 20)
    stock = world.stock(skus, share)
    orders = [world.order(key, world.random.sample(skus, world.random.choice(sizes))) for key in range(rounds)]
    terms = terms_of(world)
    plans: list[Plan] = []
    # The ways to each destination are worked out when they are first asked for.
    decide_all(terms, orders, stock, [])
    decided: list[float] = []
    told: list[float] = []
    least: list[float] = []
    for order in orders:
        mine = {pair: have for pair, have in stock.items() if pair[0] in {line.sku_id for line in order.lines}}
        decided.append(timed(partial(decide_all, terms, [order], mine, plans)))
        told.append(timed(plans[-1].compact))
        least.append(min(timed(partial(floor, order, world, mine)) for _ in range(3)))
    middle = quantile(decided, 0.5)
    split = sum(len(plan.node_ids) > 1 for plan in plans)
    print(
        f"{nodes:4d} nodes x {f'1-{lines}' if least_lines < lines else lines:>3} lines, {share:4.0%} stocked: "
        f"p50 {middle / 1000:6.3f} ms  p99 {quantile(decided, 0.99) / 1000:6.3f} ms  "
        f"to store {quantile(told, 0.5) / 1000:6.3f} ms  ratio to floor {middle / quantile(least, 0.5):5.1f}  "
        f"proven {sum(plan.optimal for plan in plans) / rounds:4.0%}  split {split / rounds:4.0%}  "
        f"{by_subsets(plans)}  {judged(plans[:JUDGED]) if nodes * lines <= MOST_JUDGED_PAIRS else 'CP-SAT not asked'}",
        flush=True,
    )


def terms_of(world: World) -> Terms:
    return Terms(world.nodes, world.lane, INDIA_RATES, POLICY.weights)


def decide_all(terms: Terms, orders: list[OrderInput], stock: Mapping[tuple[int, int], int], plans: list[Plan]) -> None:
    plans.extend(plan_with(terms, orders, stock, POLICY))


def floor_all(world: World, orders: list[OrderInput], stock: Mapping[tuple[int, int], int]) -> None:
    for order in orders:
        floor(order, world, stock)


def batches(rounds: int, seed: int) -> None:
    """Batches of 100 orders of one to three lines over 25 nodes and 10,000 SKUs, with what is stored of each."""
    world = World(25, 2000, seed)
    skus = range(10_000)
    stock = world.stock(skus, 0.4)
    shape = (1,) * 93 + (2,) * 5 + (3,) * 2
    for name, lines in (("1-3 lines as sold", shape), ("1-3 lines evenly", (1, 2, 3))):
        made = routed = size = 0
        terms = terms_of(world)
        spent = {"decide": 0.0, "store": 0.0, "json": 0.0, "floor": 0.0}
        for _ in range(max(1, rounds // 10)):
            orders = [world.order(key, world.random.sample(skus, world.random.choice(lines))) for key in range(100)]
            plans: list[Plan] = []
            stored: list[object] = []
            texts: list[str] = []
            spent["decide"] += timed(partial(decide_all, terms, orders, stock, plans))
            spent["store"] += timed(partial(stored.extend, (plan.compact() for plan in plans)))
            spent["json"] += timed(partial(texts.extend, map(json.dumps, stored)))
            spent["floor"] += timed(partial(floor_all, world, orders, stock))
            made += len(orders)
            routed += sum(plan.outcome == "routed" for plan in plans)
            size += sum(map(len, texts))
        whole = spent["decide"] + spent["store"]
        print(
            f"batches of 100, 25 nodes, 10,000 SKUs, {name}: {made / whole * 1e6:,.0f} orders/s decided and told "
            f"(decide {spent['decide'] / made / 1000:.3f} ms, table {spent['store'] / made / 1000:.3f} ms, "
            f"its JSON {spent['json'] / made / 1000:.3f} ms and {size / made:,.0f} bytes an order)  "
            f"ratio to floor {spent['decide'] / spent['floor']:.1f}  routed {routed / made:.0%}"
        )


def waves(rounds: int, seed: int) -> None:
    """Waves of 100 orders for 60 SKUs of which most nodes have few: one by one, and decided together."""
    world = World(25, 2000, seed)
    terms = terms_of(world)
    spent = {False: 0.0, True: 0.0}
    cost = {False: 0, True: 0}
    units = {False: 0, True: 0}
    waves = max(1, rounds // 10)
    for _ in range(waves):
        stock = {pair: world.random.choice((1, 1, 2)) for pair in world.stock(range(60), 0.2)}
        asked = [
            (world.order(key, world.random.sample(range(60), world.random.choice((1, 1, 2, 3)))), [Attempt(POLICY)])
            for key in range(100)
        ]
        for together in (False, True):
            plans: list[Plan] = []
            spent[together] += timed(partial(decide_wave, terms, asked, stock, plans, together=together))
            cost[together] += sum(plan.cost_minor for plan in plans)
            units[together] += sum(each.quantity for plan in plans for each in plan.assignments)
    print(
        f"waves of 100 for scarce goods, 25 nodes: "
        f"together {units[True]:,} units for {cost[True] / units[True]:,.0f} a unit, "
        f"one by one {units[False]:,} for {cost[False] / units[False]:,.0f}  "
        f"{spent[True] / waves / 1000:,.0f} ms a wave, one by one {spent[False] / waves / 1000:,.0f}"
    )


def decide_wave(
    terms: Terms, asked: Sequence[Asked], stock: Mapping[tuple[int, int], int], plans: list[Plan], *, together: bool
) -> None:
    plans.extend(plan_by_rules(lambda _: terms, asked, stock, together=together))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=300)
    given = parser.parse_args()
    up_to_six = range(1, 7)
    for nodes, sizes in ((25, (1,)), (25, (3,)), (25, (6,)), (25, up_to_six), (25, (10,)), (100, (10,)), (500, (6,))):
        for share in (0.4, 0.8):
            one_by_one(nodes, sizes, share, given.rounds, given.seed)
    batches(given.rounds, given.seed)
    waves(given.rounds, given.seed)


if __name__ == "__main__":
    main()
