"""Reservations per second on one hot SKU and spread over many, beside floors of plain SQL in the same run.

    python -m oms.embedded.throwaway --durable python benchmarks/reserve_contention.py [--minutes 4] [--turns 5]

Measured is `inventory.services.reserve`, as routing uses its statement: a transaction by itself, one claim of one unit
an order. One cell is a number of writer processes and a size of batch; in it, product and floor reserve on one hot SKU
at one node and spread over 25,000 levels, all four in short turns, because the speed of a shared machine swings within
seconds; there are fewer turns where time is short. Rates are medians of the turns, ratios medians of the turns' ratios.
A writer's time begins after its first batches, and it goes on, uncounted, until the last writer has been measured, so
that all compete all the time.

After each cell no level is oversold, and counters, open reservations, ledger and what the writers were granted agree;
the run fails where they do not. A race for stock that runs out and the rate with many open reservations follow.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterable
from itertools import islice

from database import analyze, conditions, prepare
from django.db import connections
from reservation_floors import create_floors, floor_reserve, floor_reserved
from reservation_writers import Level, Task, Turn, Writers, claims_for, product_reserve

from inventory.models import Node, Sku
from inventory.services import OpeningRow, set_opening_stock
from oms.core.db import fetch_all

NODES, SKUS = 25, 1_000
STOCK = 10_000_000
#: Units of the SKU that runs out.
SCARCE = 3_000
GOAL_HOT, GOAL_BATCH = 0.60, 0.50
#: Turns of a cell however little time is left, and the share of the time that is kept for what comes after the cells.
FEWEST_TURNS, KEPT_BACK = 2, 0.15
WAYS = tuple((who, where) for where in ("hot", "spread") for who in ("product", "floor"))
SIZES = {1: "one by one", 10: "batches of 10", 100: "batches of 100"}

_CHECK = """
SELECT count(*) FILTER (WHERE l.reserved > l.on_hand), count(*) FILTER (WHERE l.reserved <> coalesce(r.quantity, 0)),
    count(*) FILTER (WHERE l.reserved <> coalesce(m.quantity, 0)), sum(l.reserved)
FROM inventory_stocklevel l
LEFT JOIN (
    SELECT sku_id, node_id, sum(open_quantity) AS quantity FROM inventory_reservation GROUP BY 1, 2
) r USING (sku_id, node_id)
LEFT JOIN (
    SELECT sku_id, node_id,
        sum(quantity * ((to_bucket = 'reserved')::int - (from_bucket = 'reserved')::int)) AS quantity
    FROM inventory_stockmovement GROUP BY 1, 2
) m USING (sku_id, node_id)
"""


class Stock:
    """The levels of the world, and what was granted on them in all."""

    def __init__(self) -> None:
        self.nodes: list[int] = []
        self.spread: list[Level] = []
        self.granted = {"product": 0, "floor": 0}

    def build(self) -> None:
        """Nodes, and SKUs with plenty of stock at all of them."""
        Node.objects.bulk_create(
            Node(code=f"node-{number}", name=f"Node {number}", kind="warehouse", postcode="560001")
            for number in range(NODES)
        )
        self.nodes = list(Node.objects.order_by("pk").values_list("pk", flat=True))
        Sku.objects.bulk_create(Sku(code=f"SKU-{number}", name=f"Article {number}") for number in range(SKUS))
        self.spread = [(sku, node) for sku in Sku.objects.values_list("pk", flat=True) for node in self.nodes]
        for start in range(0, len(self.spread), 5_000):
            _open(self.spread[start : start + 5_000], STOCK, f"opening-{start}")

    def make_hot(self, count: int, on_hand: int = STOCK) -> list[Level]:
        """So many new SKUs, each at one node."""
        skus = [Sku.objects.create(code=f"HOT-{on_hand}-{number}", name="Hot article").pk for number in range(count)]
        levels = [(sku, self.nodes[0]) for sku in skus]
        _open(levels, on_hand, f"hot-{on_hand}")
        return levels

    def keep_open(self, level: Level, count: int) -> None:
        """`count` open reservations, for the product and for the floor."""
        claims = claims_for([level])
        for _ in range(count // 1_000):
            self.granted["product"] += product_reserve(list(islice(claims, 1_000)))
            self.granted["floor"] += floor_reserve(list(islice(claims, 1_000)))

    def check(self) -> str:
        """What was compared, in words. Ends the run where a unit is missing or was sold twice."""
        [(oversold, unlike_open, unlike_ledger, reserved)] = fetch_all(_CHECK)
        granted = self.granted["product"]
        if oversold or unlike_open or unlike_ledger or reserved != granted:
            sys.exit(
                f"Wrong: {oversold} levels oversold, {unlike_open} unlike their open reservations, {unlike_ledger} "
                f"unlike the ledger, {reserved} units reserved and {granted} granted."
            )
        if set(floor_reserved()) != {self.granted["floor"]}:
            sys.exit(f"Wrong: the floor granted {self.granted['floor']} and holds {floor_reserved()}.")
        return f"0 of {reserved:,}"


def _open(levels: Iterable[Level], on_hand: int, key: str) -> None:
    rows = [OpeningRow(sku, node, on_hand) for sku, node in levels]
    set_opening_stock(rows=rows, op_key=key, actor="benchmark")


def median(values: Iterable[float]) -> float:
    """Of the turns."""
    return statistics.median(list(values))


class Benchmark:
    """One run: the world, the writers, and the ratios that have a goal."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.started = time.monotonic()
        self.limit: float = options.minutes * 60
        self.turns: int = options.turns
        self.seconds: float = options.seconds
        self.writers: list[int] = options.writers
        self.backlogs: list[int] = options.backlog
        self.stock = Stock()
        self.ratios: dict[str, dict[str, float]] = {"hot / spread": {}, "batch / floor": {}}

    def prepare(self) -> None:
        """The world, with the backlogs in it, so that no table is empty when the first statement is planned."""
        prepare()
        self.stock.build()
        cells = len(SIZES) * len(self.writers)
        levels = self.stock.make_hot(2 * self.turns + len(self.backlogs) + cells)
        # Those with nothing open come before those with a backlog: nobody shall reserve at the cheap end of an index.
        self.idle = iter(levels[: 2 * self.turns])
        self.hot = iter(levels[2 * self.turns :])
        self.waiting = {count: next(self.hot) for count in self.backlogs}
        self.scarce = self.stock.make_hot(len(SIZES), SCARCE)
        create_floors()
        for count, level in self.waiting.items():
            self.stock.keep_open(level, count)
        analyze()
        connections.close_all()  # the writers are forked
        self.pool = Writers(max(self.writers))

    def turn(self, who: str, levels: list[Level], size: int, writers: int) -> Turn:
        """Let so many writers reserve at once for the length of a turn."""
        turn = self.pool.run(Task(who, levels, size, self.seconds), writers)
        self.stock.granted[who] += turn.granted
        return turn

    def turns_until(self, moment: float) -> Iterable[int]:
        """The numbers of the turns, until there are enough or the moment (of the monotonic clock) has come."""
        for number in range(self.turns):
            if number < FEWEST_TURNS or time.monotonic() < moment:
                yield number

    def contention(self) -> None:
        """The table of cells."""
        end = self.started + self.limit * (1 - KEPT_BACK)
        print(f"\n{'':<16}{'':>15}{'reservations/s':^24}{'':>12}{'floor/s':^24}{'of floor':^16}{'ms, hot':^18}")
        print(f"{'way':<16}{'writers':>8}{'turns':>7}{'hot':>12}{'spread':>12}{'hot/spread':>12}{'hot':>12}{'spread':>12}"
              f"{'hot':>8}{'spread':>8}{'p50':>9}{'p99':>9}  {'oversold'}")  # fmt: skip
        cells = [(size, writers) for size in SIZES for writers in self.writers]
        for done, (size, writers) in enumerate(cells):
            now = time.monotonic()
            self._cell(size, writers, now + (end - now) / (len(cells) - done))

    def _cell(self, size: int, writers: int, until: float) -> None:
        levels = {"hot": [next(self.hot)], "spread": self.stock.spread}
        turns: list[dict[tuple[str, str], Turn]] = []
        for number in self.turns_until(until):
            # Forwards and backwards, so that nobody always comes after the same neighbour.
            order = WAYS if number % 2 == 0 else WAYS[::-1]
            turns.append({(who, where): self.turn(who, levels[where], size, writers) for who, where in order})
        rate = {way: median(turn[way].rate for turn in turns) for way in WAYS}
        hot = median(turn["product", "hot"].rate / turn["product", "spread"].rate for turn in turns)
        of_floor = {
            where: median(turn["product", where].rate / turn["floor", where].rate for turn in turns)
            for where in levels
        }  # fmt: skip
        cell = f"{SIZES[size]}, {writers} writers"
        self.ratios["hot / spread"][cell] = hot
        if size > 1:
            self.ratios["batch / floor"] |= {f"{cell}, {where}": ratio for where, ratio in of_floor.items()}
        times = sorted(spent for turn in turns for spent in turn["product", "hot"].times)
        print(
            f"{SIZES[size]:<16}{writers:>8}{len(turns):>7}"
            + "".join(f"{rate['product', where]:>12,.0f}" for where in levels)
            + f"{hot:>12.0%}"
            + "".join(f"{rate['floor', where]:>12,.0f}" for where in levels)
            + "".join(f"{ratio:>8.0%}" for ratio in of_floor.values())
            + f"{median(times) * 1e3:>9.1f}{times[int(len(times) * 0.99)] * 1e3:>9.1f}  {self.stock.check()}",
            flush=True,
        )

    def growth(self) -> None:
        """The rate on a hot SKU with nothing open and with many open reservations."""
        print("\nopen reservations on the hot SKU, two writers: reservations/s, and of the rate with none")
        end = self.started + self.limit
        for size, share in ((1, 0.4), (100, 0.6)):
            turns: list[dict[int, float]] = []
            for number in self.turns_until(time.monotonic() + (end - time.monotonic()) * share):
                levels = {0: next(self.idle)} | self.waiting
                order = list(levels) if number % 2 == 0 else list(levels)[::-1]
                turns.append({count: self.turn("product", [levels[count]], size, 2).rate for count in order})
            found = [
                f"{count:,}: {median(turn[count] for turn in turns):,.0f}/s"
                f" {median(turn[count] / turn[0] for turn in turns):.0%}"
                for count in sorted(turns[0])
            ]
            print(f"{SIZES[size]:<16}{'   '.join(found)}", flush=True)
        print(f"oversold: {self.stock.check()}")

    def sold_out(self) -> None:
        """A race of all writers for stock that runs out: exactly all of it is sold."""
        writers = max(self.writers)
        print(f"\n{writers} writers race for {SCARCE:,} units until every one is refused")
        for size, level in zip(SIZES, self.scarce, strict=True):
            turn = self.pool.run(Task("product", [level], size, until_refused=True), writers)
            self.stock.granted["product"] += turn.granted
            print(f"{SIZES[size]:<16}granted {turn.granted:,}, oversold: {self.stock.check()}", flush=True)
            if turn.granted != SCARCE:
                sys.exit(f"Wrong: {turn.granted} units of {SCARCE} were granted.")

    def summary(self) -> None:
        """The ratios beside their goals."""
        for name, goal in (("hot / spread", GOAL_HOT), ("batch / floor", GOAL_BATCH)):
            ratios = self.ratios[name]
            missed = [f"{cell} {ratio:.0%}" for cell, ratio in ratios.items() if ratio < goal]
            print(f"\n{name}: median {median(ratios.values()):.0%}, least {min(ratios.values()):.0%}, goal {goal:.0%}; "
                  f"missed by {'; '.join(missed) or 'none'}")  # fmt: skip


def main() -> None:
    """Build the world, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=4, help="time of the whole run: fewer turns where it is short")
    parser.add_argument("--turns", type=int, default=5, help="most turns of each way in each cell")
    parser.add_argument("--seconds", type=float, default=0.4, help="time of each turn")
    parser.add_argument("--writers", type=int, nargs="+", default=[1, 2, 4, 8, 16], help="processes that reserve")
    parser.add_argument("--backlog", type=int, nargs="+", default=[10_000, 100_000], help="open reservations")
    benchmark = Benchmark(parser.parse_args())
    benchmark.prepare()
    print(f"{NODES} nodes x {SKUS} SKUs, {conditions()}")
    benchmark.contention()
    benchmark.growth()
    benchmark.sold_out()
    benchmark.summary()


if __name__ == "__main__":
    main()
