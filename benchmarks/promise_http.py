"""What a promise costs over HTTP: 3 lines, 25 nodes, the product's own server on loopback, with and without its memory.

    python -m oms.embedded.throwaway python benchmarks/promise_http.py [--requests 1500] [--seconds 20]

Two runs of the web server (two processes, as `manage.py up` starts it), one after the other: as it is installed, where
calendars, services and corrections are believed for two seconds, and with OMS_PROMISE_REMEMBER_SECONDS=0, where every
question reads them afresh. Stock is live in both. Carts of 3 of 2,000 SKUs and 400 postcodes are asked for at random by
one caller after another, then by four at once. Nothing is answered from a store of answers.

The floors of the same run: the same server's health check (HTTP, Django, one trivial statement), and the bare statement
that reads the stock of the cart at all nodes, on an open connection.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent))

from database import analyze, conditions, prepare
from django.db import connection

from benchmarks.replay.processes import processes
from inventory.models import Node, Sku
from inventory.services import OpeningRow, set_opening_stock
from oms.accounts.services import create_token
from oms.core.db import fetch_all
from oms.core.places import find_place
from orders.models import SalesChannel, SalesChannelKind

NODES, SKUS, LINES, POSTCODES, CALLERS, WARM_UP = 25, 2_000, 3, 400, 4, 300
GOAL_MS = 15.0
#: Cities of the nodes, by postcode.
_CITIES = (
    "110001", "122001", "201301", "302001", "380001", "400001", "411001", "403001", "560001",
    "600001", "500001", "530001", "682001", "641001", "700001", "751001", "781001", "800001",
    "226001", "208001", "452001", "462001", "492001", "440001", "160017",
)  # fmt: skip

_STOCK = """
SELECT sku_id, node_id, on_hand - reserved - safety_stock FROM inventory_stocklevel
WHERE sku_id IN (SELECT id FROM inventory_sku WHERE code = ANY(%(codes)s::text[]))
    AND on_hand - reserved - safety_stock > 0
"""


def main() -> None:
    """Fill a database, start the server twice, and print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--requests", type=int, default=1_500)
    options.add_argument("--seconds", type=float, default=20.0, help="at most for one line of the table")
    given = options.parse_args()
    prepare()
    token = _fill()
    analyze()
    print(conditions())
    print(f"{NODES} nodes, {SKUS:,} SKUs at two thirds of them, {LINES} lines a cart, {POSTCODES} postcodes\n")
    print(f"{'':42}{'requests':>9}{'p50 ms':>9}{'p99 ms':>9}{'a second':>10}")
    floor = _row("floor: the stock statement alone", *_timed(_statement(), given.requests, given.seconds))
    for name, seconds in (("with memory (2 s)", "2"), ("without memory", "0")):
        with _server(seconds) as url:
            health = _row("floor: the health check", *_calls(url, _health, given))
            alone = _row(f"promise, {name}", *_calls(url, _promise(token), given))
            _row(f"promise, {name}, {CALLERS} callers", *_calls(url, _promise(token), given, CALLERS))
        print(f"  p99 {alone:.1f} ms ({'within' if alone <= GOAL_MS else 'above'} {GOAL_MS:.0f} ms), "
              f"{alone / health:.1f} times the health check, {alone / floor:.0f} times the statement")  # fmt: skip


def _fill() -> str:
    """Nodes, SKUs, stock, a channel; the token of a checkout."""
    dice = random.Random(7)
    nodes = []
    for number, postcode in enumerate(_CITIES[:NODES]):
        place = find_place("IN", postcode)
        nodes.append(Node.objects.create(
            code=f"n-{number:02d}", name=f"Node {number}", kind="warehouse", postcode=postcode,
            latitude=place.lat if place else None, longitude=place.lon if place else None,
            region=place.state if place else "", daily_capacity=100_000,
        ))  # fmt: skip
    Sku.objects.bulk_create(
        Sku(code=f"SKU-{number:05d}", name="A thing", weight_grams=dice.choice((200, 400, 900)), price_minor=49_900)
        for number in range(SKUS)
    )
    rows = [
        OpeningRow(sku, node.pk, dice.randint(1, 30))
        for sku in Sku.objects.values_list("pk", flat=True)
        for node in nodes
        if dice.random() < 2 / 3
    ]
    for start in range(0, len(rows), 2_000):
        set_opening_stock(rows=rows[start : start + 2_000], op_key=f"bench/{start}", actor="benchmark")
    SalesChannel.objects.create(code="web", name="Web shop", kind=SalesChannelKind.WEBSITE)
    return create_token(name="benchmark", verbs=["promise.view"])[1]


@contextmanager
def _server(remember_seconds: str) -> Iterator[str]:
    os.environ["OMS_PROMISE_REMEMBER_SECONDS"] = remember_seconds
    with tempfile.TemporaryDirectory() as folder, processes(Path(folder), None) as started:
        started.start_web()
        yield started.web_url


#: One request on an open connection.
Call = Callable[[http.client.HTTPConnection], None]


def _health(door: http.client.HTTPConnection) -> None:
    door.request("GET", "/healthz")
    door.getresponse().read()


def _promise(token: str) -> Call:
    dice = random.Random(11)
    postcodes = [f"{dice.choice(_CITIES)[:3]}{dice.randint(1, 60):03d}" for _ in range(POSTCODES)]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def call(door: http.client.HTTPConnection) -> None:
        cart = {
            "channel": "web", "postcode": dice.choice(postcodes),
            "lines": [{"sku": f"SKU-{number:05d}", "quantity": 1} for number in dice.sample(range(SKUS), LINES)],
        }  # fmt: skip
        door.request("POST", "/api/v1/promise", json.dumps(cart), headers)
        reply = door.getresponse()
        text = reply.read()
        if reply.status != 200:
            raise SystemExit(f"The server answered {reply.status}: {text[:500]!r}")

    return call


def _statement() -> Callable[[], None]:
    dice = random.Random(13)
    return lambda: _ignore(
        fetch_all(_STOCK, {"codes": [f"SKU-{number:05d}" for number in dice.sample(range(SKUS), LINES)]})
    )


def _ignore(rows: object) -> None:
    assert rows


def _calls(url: str, call: Call, given: argparse.Namespace, callers: int = 1) -> tuple[list[float], float]:
    """Milliseconds of every request, and requests a second, by so many callers with a connection each."""
    host = urlsplit(url).netloc
    took: list[float] = []

    def work(count: int, into: list[float]) -> None:
        door = http.client.HTTPConnection(host)
        found, _ = _timed(lambda: call(door), count, given.seconds)
        into += found
        door.close()

    work(WARM_UP, [])
    started = time.perf_counter()
    threads = [threading.Thread(target=work, args=(given.requests // callers, took)) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took, len(took) / (time.perf_counter() - started)


def _timed(work: Callable[[], None], count: int, seconds: float) -> tuple[list[float], float]:
    """Milliseconds of each of at most `count` runs within so many seconds, and runs a second."""
    took: list[float] = []
    began = time.perf_counter()
    while len(took) < count and time.perf_counter() - began < seconds:
        started = time.perf_counter()
        work()
        took.append((time.perf_counter() - started) * 1000)
    return took, len(took) / (time.perf_counter() - began)


def _row(name: str, took: Sequence[float], a_second: float) -> float:
    """Print a line of the table; its p99."""
    ordered = sorted(took)
    p99 = ordered[int(0.99 * (len(ordered) - 1))]
    print(f"{name:42}{len(took):9,}{ordered[len(ordered) // 2]:9.2f}{p99:9.2f}{a_second:10,.0f}", flush=True)
    return p99


if __name__ == "__main__":
    try:
        main()
    finally:
        connection.close()
