"""Orders captured + routed + reserved + opened as work, per second, beside two floors measured in the same run.

    python -m oms.embedded.throwaway python benchmarks/capture_and_route.py [--seconds 6] [--nodes 25] [--skus 10000]

World: 25 nodes x 10,000 SKUs, every SKU at a third of the nodes, nine in ten orders with one line. What is timed is
`capture_orders`, `route_orders` and `open_fulfillment_orders`, each in its own transaction, in batches and one by one,
in one and in two processes. The floors write the same rows of the same tables, with the same indexes, triggers and
constraints, by plain SQL: one statement per table for 100 orders, and one transaction an order. They decide nothing,
check nothing, derive nothing and change nothing afterwards, so the ratio says what the product's own work costs.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oms.settings")
os.environ.setdefault("OMS_SECRET_KEY", "benchmark-only-key-that-protects-nothing")

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, connections, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from fulfillment.services import open_fulfillment_orders  # noqa: E402
from inventory.models import Node, NodeGroup, Sku  # noqa: E402
from oms.core.db import execute, fetch_all  # noqa: E402
from oms.core.places import find_place  # noqa: E402
from oms.core.values import Address  # noqa: E402
from orders.canonical import CanonicalLine, CanonicalOrder, CanonicalPayment  # noqa: E402
from orders.models import SalesChannel  # noqa: E402
from orders.services import capture_orders  # noqa: E402
from routing.models import ChannelSourcing  # noqa: E402
from routing.services import route_orders  # noqa: E402

CITY_PINS = (110001, 400001, 560001, 600001, 411001, 700001, 500001, 302001, 226001, 380001)
#: Orders that are there before anything is measured.
HISTORY = 5_000
TABLES = (
    "orders_order", "orders_ordersearch", "orders_orderline", "orders_payment", "orders_orderevent",
    "routing_routingdecision", "inventory_reservation", "inventory_stockmovement", "fulfillment_fulfillmentorder",
    "fulfillment_fulfillmentline", "core_outboxevent",
)  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """One line of the result."""

    name: str
    orders: int
    seconds: float
    statements: int
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        """Orders a second."""
        return self.orders / self.seconds


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
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


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


def timed(name: str, batches: Sequence[Any], work: Callable[[Any], None], size: int, seconds: float) -> Measured:
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
    ordered = sorted(times)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return Measured(name, len(times) * size, spent, statements[0], statistics.median(times) * 1e3, p99 * 1e3)


def run_product(name: str, size: int, seconds: float, prefix: str) -> Measured:
    """The product in batches of `size`."""
    channel = SalesChannel.objects.get(code="web")
    warm = make_orders(size * 3, f"{prefix}-warm")
    for start in range(0, len(warm), size):
        product(channel, warm[start : start + size])
    most = int(seconds * 3500) if size > 1 else int(seconds * 800)
    orders = make_orders(most // size * size, prefix)
    batches = [orders[start : start + size] for start in range(0, len(orders), size)]
    return timed(name, batches, lambda batch: product(channel, batch), size, seconds)


def _child(number: int, floor: bool, size: int, seconds: float, prefix: str) -> Measured:
    connections.close_all()
    if floor:
        _Shift.by = os.getpid() * 1_000_000_000_000
    measured = (run_floor if floor else run_product)("", size, seconds, f"{prefix}-{number}")
    connections.close_all()
    return measured


def run_two(name: str, size: int, seconds: float, prefix: str, *, floor: bool = False) -> Measured:
    """The product, or its floor, in two processes at once; rates add up."""
    connections.close_all()
    with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
        children = [pool.submit(_child, number, floor, size, seconds, prefix) for number in range(2)]
        parts = [child.result() for child in children]
    spent = max(part.seconds for part in parts)
    rate = sum(part.rate for part in parts)
    return Measured(name, int(rate * spent), spent, sum(part.statements for part in parts),
                    statistics.mean(part.p50_ms for part in parts), max(part.p99_ms for part in parts))  # fmt: skip


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
        JOIN inventory_reservation r ON m.op_key = 'reserve/' || r.uid WHERE r.order_id = ANY(%s)""")  # fmt: skip
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


def run_floor(name: str, size: int, seconds: float, _prefix: str = "") -> Measured:
    """The same rows by plain SQL."""
    batches = floor_batches(size, int(seconds * 6_000) // size if size > 1 else int(seconds * 1_200))
    for batch in batches[:2]:
        write_rows(batch)
    return timed(name, batches[2:], write_rows, size, seconds)


# -- the run ----------------------------------------------------------------------------------------------------------


def main() -> None:
    """Build the world, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=6.0, help="time of each measurement")
    parser.add_argument("--nodes", type=int, default=25)
    parser.add_argument("--skus", type=int, default=10_000)
    options = parser.parse_args()
    with connection.cursor() as cursor:
        cursor.execute("ALTER SYSTEM SET synchronous_commit = on")
        cursor.execute("ALTER SYSTEM SET fsync = on")
        cursor.execute("SELECT pg_reload_conf()")
    call_command("migrate", verbosity=0)
    build_world(options.nodes, options.skus)
    seconds = options.seconds
    results = [
        run_product("product, batches of 100", 100, seconds, "b100"),
        run_floor("floor, batches of 100", 100, seconds),
        run_product("product, batches of 1000", 1000, seconds, "b1000"),
        run_product("product, one by one", 1, seconds, "b1"),
        run_floor("floor, one by one", 1, seconds),
        run_two("product, batches of 100, two processes", 100, seconds, "t100"),
        run_two("product, batches of 1000, two processes", 1000, seconds, "t1000"),
        run_two("floor, batches of 100, two processes", 100, seconds, "", floor=True),
        run_two("product, one by one, two processes", 1, seconds, "t1"),
        run_two("floor, one by one, two processes", 1, seconds, "", floor=True),
    ]
    report(results, options)


def kind(name: str) -> tuple[bool, bool]:
    """What a way is compared within: one by one or in batches, in one process or in two."""
    return "one by one" in name, "two processes" in name


def report(results: Sequence[Measured], options: argparse.Namespace) -> None:
    """Print the table with the ratio of each way to its floor."""
    floors = {kind(result.name): result.rate for result in results if result.name.startswith("floor")}
    load = os.getloadavg()[0]
    print(f"{options.nodes} nodes x {options.skus} SKUs, {os.cpu_count()} cores, load average {load:.1f} at the end")
    print(f"{'way':<42}{'orders/s':>10}{'statements/order':>18}{'p50 ms':>9}{'p99 ms':>9}{'of its floor':>14}")
    for result in results:
        print(
            f"{result.name:<42}{result.rate:>10,.0f}{result.statements / max(1, result.orders):>18.2f}"
            f"{result.p50_ms:>9.1f}{result.p99_ms:>9.1f}{result.rate / floors[kind(result.name)]:>13.0%}"
        )


if __name__ == "__main__":
    main()
