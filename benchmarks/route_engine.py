"""How long the routing engine takes to decide, and its ratio to a floor measured in the same run.

    python benchmarks/route_engine.py [--seed 7] [--rounds 300]

The floor is what any router must do at least: look up the stock of each line at each node in a dictionary and keep the
cheapest node, without weights of parcels, splits, capacity, proof or explanation.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from routing.engine import (
    INDIA_RATES,
    Lane,
    LineInput,
    NodeInput,
    OrderInput,
    Plan,
    Policy,
    plan_orders,
)

POLICY = Policy()


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


def one_by_one(nodes: int, lines: int, share: float, rounds: int, seed: int) -> None:
    """One order at a time, everything prepared anew for each, as `plan_order` does."""
    world = World(nodes, 50, seed)
    skus = range(lines * 20)
    stock = world.stock(skus, share)
    orders = [world.order(key, world.random.sample(skus, lines)) for key in range(rounds)]
    decided: list[float] = []
    told: list[float] = []
    least: list[float] = []
    exact = split = 0
    for order in orders:
        mine = {pair: have for pair, have in stock.items() if pair[0] in {line.sku_id for line in order.lines}}
        plans: list[Plan] = []
        decided.append(timed(partial(decide_all, world, [order], mine, plans)))
        told.append(timed(plans[0].compact))
        least.append(min(timed(partial(floor, order, world, mine)) for _ in range(3)))
        exact += plans[0].optimal
        split += len(plans[0].node_ids) > 1
    middle = quantile(decided, 0.5)
    print(
        f"{nodes:4d} nodes x {lines:2d} lines, {share:4.0%} stocked: "
        f"p50 {middle / 1000:6.3f} ms  p99 {quantile(decided, 0.99) / 1000:6.3f} ms  "
        f"to store {quantile(told, 0.5) / 1000:6.3f} ms  ratio to floor {middle / quantile(least, 0.5):5.1f}  "
        f"proven {exact / rounds:4.0%}  split {split / rounds:4.0%}"
    )


def decide_all(world: World, orders: list[OrderInput], stock: Mapping[tuple[int, int], int], plans: list[Plan]) -> None:
    plans.extend(plan_orders(orders, world.nodes, stock, world.lane, INDIA_RATES, POLICY))


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
        spent = {"decide": 0.0, "store": 0.0, "json": 0.0, "floor": 0.0}
        for _ in range(max(1, rounds // 10)):
            orders = [world.order(key, world.random.sample(skus, world.random.choice(lines))) for key in range(100)]
            plans: list[Plan] = []
            stored: list[object] = []
            texts: list[str] = []
            spent["decide"] += timed(partial(decide_all, world, orders, stock, plans))
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=300)
    given = parser.parse_args()
    for nodes, lines in ((25, 1), (25, 3), (25, 6), (25, 10), (500, 6)):
        for share in (0.4, 0.8):
            one_by_one(nodes, lines, share, given.rounds, given.seed)
    batches(given.rounds, given.seed)


if __name__ == "__main__":
    main()
