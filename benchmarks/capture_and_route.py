"""Orders captured + routed + reserved + opened as work, per second, beside two floors measured in the same run.

    python -m oms.embedded.throwaway --durable python benchmarks/capture_and_route.py [--turns 5] [--skus 10000]

World: 25 nodes x 10,000 SKUs, every SKU at a third of the nodes, nine in ten orders with one line. What is timed is
`capture_orders`, `route_orders` and `open_fulfillment_orders`, each in its own transaction, in batches and one by one,
in one process and in several. The floors write the same rows of the same tables, with the same indexes, triggers and
constraints, by plain SQL: one statement per table for a batch, and one transaction an order. They decide nothing, check
nothing, derive nothing and change nothing afterwards, so the ratio says what the product's own work costs.

One by one there is a yardstick, too: the same rows saved as instances of their models, in one transaction an order, as
most Django projects would write them.

They take turns of a second, because the speed of a shared machine swings within seconds. Printed are the
median turn, the best one, and the ratio of the sums.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from database import analyze, conditions, prepare
from django.apps import apps
from django.db import connection, connections, transaction
from django.utils import timezone

from fulfillment.services import open_fulfillment_orders
from inventory.models import Node, NodeGroup, Sku
from oms.core.db import execute, fetch_all
from oms.core.heap import settle_heap
from oms.core.places import find_place
from oms.core.values import Address
from orders.canonical import CanonicalLine, CanonicalOrder, CanonicalPayment
from orders.models import SalesChannel
from orders.services import capture_orders
from routing.models import ChannelSourcing
from routing.services import route_orders

CITY_PINS = (110001, 400001, 560001, 600001, 411001, 700001, 500001, 302001, 226001, 380001)
#: Orders that are there before anything is measured.
HISTORY = 5_000
TABLES = (
    "orders_order", "orders_ordersearch", "orders_orderline", "orders_payment", "orders_orderevent",
    "routing_routingdecision", "inventory_reservation", "inventory_stockmovement", "fulfillment_fulfillmentorder",
    "fulfillment_fulfillmentline", "core_outboxevent",
)  # fmt: skip


@dataclass(frozen=True)
class Turn:
    """What one process did in one turn: orders, seconds, statements, and how long each batch took."""

    orders: int
    seconds: float
    statements: int
    times: tuple[float, ...]

    @property
    def rate(self) -> float:
        """Orders a second."""
        return self.orders / self.seconds


@dataclass(frozen=True)
class Way:
    """One line of the result: how many orders at a time, in how many processes, and who did it."""

    size: int
    processes: int
    who: str

    @property
    def name(self) -> str:
        """As it is printed."""
        batch = "one by one" if self.size == 1 else f"batches of {self.size}"
        return f"{self.who}, {batch}{f', {self.processes} processes' if self.processes > 1 else ''}"


def postcodes() -> list[str]:
    """Known PIN codes of ten cities."""
    return [str(pin) for base in CITY_PINS for pin in range(base, base + 80) if find_place("IN", str(pin))]


def build_world(nodes: int, skus: int) -> None:
    """Nodes around the country, SKUs, stock at a third of the nodes each, one channel, some orders of yesterday."""
    pins = postcodes()
    group = NodeGroup.objects.create(code="all", name="All")
    for number in range(nodes):
        node = Node.objects.create(
            code=f"node-{number}", name=f"Node {number}", kind="warehouse", postcode=pins[number * 29 % len(pins)],
            daily_capacity=100_000_000, working_days=[1, 2, 3, 4, 5, 6, 7], cutoff_at="23:59",
        )  # fmt: skip
        node.groups.add(group)
    Sku.objects.bulk_create(
        Sku(code=f"SKU-{number}", name=f"Article {number}", weight_grams=200 + number % 900, price_minor=79_900)
        for number in range(skus)
    )
    execute(
        """INSERT INTO inventory_stockmovement (op_key, leg, sku_id, node_id, from_bucket, to_bucket, quantity, reason)
           SELECT 'opening/' || s.id || '/' || n.id, 1, s.id, n.id, 'adjustment', 'on_hand', 1000, 'opening'
           FROM inventory_sku s JOIN inventory_node n ON (s.id + n.id) %% 3 = 0"""
    )
    channel = SalesChannel.objects.create(code="web", name="Web", kind="website")
    ChannelSourcing.objects.create(channel=channel).groups.add(group)
    # A shop that has been open for a while: empty tables would be read from end to end, by plans that stay.
    history = make_orders(HISTORY, "history")
    for start in range(0, HISTORY, 100):
        product(channel, history[start : start + 100])
    analyze()


def make_orders(count: int, prefix: str) -> list[CanonicalOrder]:
    """Orders as the web shop would hand them in; made before the clock starts."""
    chance, pins = random.Random(prefix), postcodes()
    skus = list(Sku.objects.order_by("pk").values_list("pk", "code"))
    made = []
    for number in range(count):
        lines = []
        for position in range(chance.choices((1, 2, 3), (90, 7, 3))[0]):
            sku_id, code = chance.choice(skus)
            lines.append(
                CanonicalLine(external_id=str(position), sku_code=code, sku_id=sku_id, quantity=1, name="Article",
                              unit_price_minor=79_900, tax_minor=3_805)
            )  # fmt: skip
        address = Address(name="Asha Rao", line1="12 MG Road", city="Town", region="State",
                          postcode=chance.choice(pins), phone="+919845012345", email="asha@example.com")  # fmt: skip
        total = 79_900 * len(lines)
        made.append(
            CanonicalOrder(
                external_id=f"{prefix}-{number}",
                placed_at=_NOW,
                lines=tuple(lines),
                ship_to=address,
                customer_name=address.name,
                customer_email=address.email,
                customer_phone=address.phone,
                payment=CanonicalPayment(amount_minor=total, captured_minor=total),
            )  # fmt: skip
        )
    return made


_NOW = timezone.now()


@contextmanager
def counted() -> Iterator[list[int]]:
    """Counts the statements of a block."""
    count = [0]

    def wrapper(run: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        count[0] += 1
        return run(sql, params, many, context)

    with connection.execute_wrapper(wrapper):
        yield count


def product(channel: SalesChannel, orders: Sequence[CanonicalOrder]) -> None:
    """What the flow does with a batch of orders, step by step."""
    ids = [item.order_id for item in capture_orders(channel=channel, orders=orders, actor="benchmark")]
    route_orders(ids, trigger="captured")
    open_fulfillment_orders(ids)


def timed(batches: Iterator[Any], work: Callable[[Any], None], size: int, seconds: float) -> Turn:
    """Run batches until the time is over."""
    times: list[float] = []
    with counted() as statements:
        started = time.perf_counter()
        for batch in batches:
            before = time.perf_counter()
            work(batch)
            times.append(time.perf_counter() - before)
            if time.perf_counter() - started > seconds:
                break
        spent = time.perf_counter() - started
    return Turn(len(times) * size, spent, statements[0], tuple(times))


def product_batches(size: int, seconds: float, prefix: str) -> Iterator[list[CanonicalOrder]]:
    """Batches of new orders, more than any machine does in that time; three have been done when it returns."""
    most = int(seconds * (5000 if size > 1 else 1000))
    orders = make_orders(most // size * size + 3 * size, prefix)
    batches = iter([orders[start : start + size] for start in range(0, len(orders), size)])
    channel = SalesChannel.objects.get(code="web")
    for _ in range(3):
        product(channel, next(batches))
    settle_heap()
    return batches


# -- floors -----------------------------------------------------------------------------------------------------------

_OWN = {
    "orders_order": "id", "orders_ordersearch": "order_id", "orders_orderline": "order_id",
    "orders_payment": "order_id", "orders_orderevent": "order_id", "routing_routingdecision": "order_id",
    "inventory_reservation": "order_id",
    "fulfillment_fulfillmentorder": "order_id",
}  # fmt: skip


def sample_rows(order_ids: Sequence[int]) -> dict[int, dict[str, list[dict[str, Any]]]]:
    """Every row that the product wrote for these orders, by order and table."""
    found: dict[int, dict[str, list[dict[str, Any]]]] = {pk: {table: [] for table in TABLES} for pk in order_ids}

    def take(table: str, sql: str) -> None:
        for order_id, row in fetch_all(sql, [list(order_ids)]):
            found[order_id][table].append(json.loads(row) if isinstance(row, str) else row)

    for table, column in _OWN.items():
        take(table, f"SELECT t.{column}, to_jsonb(t) FROM {table} t WHERE t.{column} = ANY(%s) ORDER BY 1")
    take("inventory_stockmovement", """SELECT r.order_id, to_jsonb(m) FROM inventory_stockmovement m
        JOIN inventory_reservation r ON m.sku_id = r.sku_id AND m.node_id = r.node_id
        AND m.op_key = 'reserve/' || r.uid WHERE r.order_id = ANY(%s)""")  # fmt: skip
    take("fulfillment_fulfillmentline", """SELECT f.order_id, to_jsonb(l) FROM fulfillment_fulfillmentline l
        JOIN fulfillment_fulfillmentorder f ON f.id = l.fulfillment_order_id WHERE f.order_id = ANY(%s)""")  # fmt: skip
    take("core_outboxevent", """SELECT (e.payload->>'order_id')::bigint, to_jsonb(e) FROM core_outboxevent e
        WHERE (e.payload->>'order_id')::bigint = ANY(%s)""")  # fmt: skip
    return found


_KEYS = {"id", "order_id", "fulfillment_order_id", "order_line_id"}


def shifted(rows: dict[str, list[dict[str, Any]]], by: int) -> dict[str, list[dict[str, Any]]]:
    """The rows of one order as another order: keys moved, unique texts changed, nothing else."""
    mark = f"~{by // 1_000_000:x}"
    out: dict[str, list[dict[str, Any]]] = {}
    for table, some in rows.items():
        out[table] = []
        for row in some:
            copy = {key: value + by if key in _KEYS and value is not None else value for key, value in row.items()}
            if "uid" in copy:
                head = f"{(int(copy['uid'][:8], 16) + by) % 16**8:08x}"
                copy["uid"] = head + copy["uid"][8:]
            for key in ("number", "external_id", "op_key"):
                if key in copy:
                    copy[key] = copy[key].partition("~")[0] + mark
            out[table].append(copy)
    return out


def write_rows(batch: dict[str, str]) -> None:
    """One transaction: one statement per table. The ledger's own trigger moves the balances, as for the product."""
    with transaction.atomic(), connection.cursor() as cursor:
        for table, rows in batch.items():
            cursor.execute(f"INSERT INTO {table} SELECT * FROM json_populate_recordset(NULL::{table}, %s)", [rows])


def floor_batches(size: int, count: int) -> list[dict[str, str]]:
    """`count` batches of `size` orders each, as the text that the statements take."""
    ids = [row[0] for row in fetch_all("""SELECT f.order_id FROM fulfillment_fulfillmentorder f
        WHERE f.id < %s ORDER BY f.id DESC LIMIT 400""", [_Shift.by_least])]  # fmt: skip
    sample = list(sample_rows(list(dict.fromkeys(ids))).values())
    made = []
    for _ in range(count):
        batch: dict[str, list[dict[str, Any]]] = {table: [] for table in TABLES}
        for _ in range(size):
            _Shift.by += 1_000_000
            for table, rows in shifted(sample[_Shift.by // 1_000_000 % len(sample)], _Shift.by).items():
                batch[table] += rows
        made.append({table: json.dumps(rows) for table, rows in batch.items()})
    return made


class _Shift:
    """How far the last copied order was moved. Rows below the least of it are the product's own."""

    by_least = 1_000_000_000
    by = by_least


def some_floor_batches(size: int, seconds: float) -> Iterator[dict[str, str]]:
    """Batches of rows, more than any machine writes in that time; two have been written when it returns."""
    batches = iter(floor_batches(size, int(seconds * 8_000) // size if size > 1 else int(seconds * 1_500)))
    for _ in range(2):
        write_rows(next(batches))
    settle_heap()
    return batches


MODELS = {model._meta.db_table: model for model in apps.get_models() if model._meta.db_table in TABLES}


def save_rows(order: dict[str, list[dict[str, Any]]]) -> None:
    """One transaction: every row of an order as an instance of its model."""
    with transaction.atomic():
        for table, rows in order.items():
            for row in rows:
                MODELS[table](**row).save(force_insert=True)


def orm_orders(count: int) -> Iterator[dict[str, list[dict[str, Any]]]]:
    """Rows of `count` orders, order by order."""
    return ({table: json.loads(rows) for table, rows in batch.items()} for batch in floor_batches(1, count))


def take_turns(size: int, turns: int, seconds: float, prefix: str, start: Callable[[], Any]) -> list[dict[str, Turn]]:
    """Everybody in turns, in this process. `start` returns when every process is ready for the next turn."""
    channel = SalesChannel.objects.get(code="web")
    work: dict[str, tuple[Iterator[Any], Callable[[Any], None]]] = {
        "product": (product_batches(size, seconds * turns, prefix), lambda batch: product(channel, batch)),
        "floor": (some_floor_batches(size, seconds * turns), write_rows),
    }
    if size == 1:
        work["ORM"] = (orm_orders(int(seconds * turns * 800)), save_rows)
    done = []
    for _ in range(turns):
        turn = {}
        for who, (batches, do) in work.items():
            start()
            turn[who] = timed(batches, do, size, seconds)
        done.append(turn)
    return done


def _child(name: str, size: int, turns: int, seconds: float, start: Any, results: Any) -> None:
    connections.close_all()
    _Shift.by = os.getpid() * 1_000_000_000_000
    results.put(take_turns(size, turns, seconds, name, start.wait))
    connections.close_all()


def measure(size: int, processes: int, turns: int, seconds: float) -> dict[Way, list[list[Turn]]]:
    """The turns of everybody, each a list of what every process did at the same time."""
    if processes == 1:
        parts = [take_turns(size, turns, seconds, f"one-{size}", lambda: None)]
    else:
        connections.close_all()
        context = multiprocessing.get_context("fork")
        start, results = context.Barrier(processes), context.Queue()
        children = [
            context.Process(
                target=_child, args=(f"{processes}-{size}-{number}", size, turns, seconds, start, results), daemon=True
            )
            for number in range(processes)
        ]
        for child in children:
            child.start()
        parts = [results.get(timeout=600) for _ in children]
        for child in children:
            child.join()
    together = list(zip(*parts, strict=True))
    return {Way(size, processes, who): [[turn[who] for turn in at_once] for at_once in together] for who in parts[0][0]}


# -- the run ----------------------------------------------------------------------------------------------------------


def main() -> None:
    """Build the world, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5, help="turns of each way")
    parser.add_argument("--seconds", type=float, default=1.0, help="time of each turn")
    parser.add_argument("--nodes", type=int, default=25)
    parser.add_argument("--skus", type=int, default=10_000)
    options = parser.parse_args()
    prepare()
    build_world(options.nodes, options.skus)
    results: dict[Way, list[list[Turn]]] = {}
    for size, processes in ((100, 1), (1000, 1), (1, 1), (100, 2), (1000, 2), (1, 2)):
        results |= measure(size, processes, options.turns, options.seconds)
    report(results, options)


def report(results: dict[Way, list[list[Turn]]], options: argparse.Namespace) -> None:
    """Print the table with the ratio of each way to its floor."""
    print(f"{options.nodes} nodes x {options.skus} SKUs, {conditions()}")
    print(f"{'way':<42}{'orders/s':>10}{'best turn':>11}{'stmts/order':>13}{'p50 ms':>9}{'p99 ms':>9}{'of floor':>10}")
    for way, turns in results.items():
        rates = [sum(turn.rate for turn in at_once) for at_once in turns]
        floors = [sum(turn.rate for turn in at_once) for at_once in results[Way(way.size, way.processes, "floor")]]
        everyone = [turn for at_once in turns for turn in at_once]
        times = sorted(spent for turn in everyone for spent in turn.times)
        statements = sum(turn.statements for turn in everyone) / sum(turn.orders for turn in everyone)
        print(
            f"{way.name:<42}{statistics.median(rates):>10,.0f}{max(rates):>11,.0f}{statements:>13.2f}"
            f"{statistics.median(times) * 1e3:>9.1f}{times[int(len(times) * 0.99)] * 1e3:>9.1f}"
            f"{sum(rates) / sum(floors):>10.0%}"
        )


if __name__ == "__main__":
    main()
