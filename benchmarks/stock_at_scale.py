"""Screens and the auditor on a stock room of 100,000 SKUs at 100 nodes with 20 million postings.

    python -m oms.embedded.throwaway --durable python benchmarks/stock_at_scale.py [--millions 20] [--skus 100000]

Fills the tables directly, with the ledger's triggers off, in 12 months of the ledger; then opens pages as a signed-in
person does, in this process: what a request costs from the middleware to the last byte, without the network. One level
is hot: it has a hundredth of all postings. Beside each page stands its goal, and the run fails where one is missed.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable
from io import StringIO

from database import analyze, conditions, prepare
from django.core.management import call_command
from django.db import connection
from django.test import Client

from inventory.models import Node, Sku
from inventory.services import Posting, ensure_ledger_months, post
from oms.accounts.models import Role, User
from oms.core.db import fetch_all

NODES, NODES_A_SKU, MONTHS = 100, 10, 12
GOAL_MS = {"grid": 200.0, "cell": 100.0}
GOAL_AUDIT = 100_000.0

_SKUS = """
INSERT INTO inventory_sku (code, name, category, brand, options, weight_grams, length_mm, width_mm, height_mm, hsn,
    tax_rate_bp, price_minor, cost_minor, image, is_active)
SELECT 'SKU-' || lpad(n::text, 7, '0'), 'Product number ' || n, 'Category ' || n %% 40, 'Brand ' || n %% 300, '{}', 400,
    0, 0, 0, '6204', 500, 99900, 40000, '', true
FROM generate_series(1, %s) AS n
"""
_NODES = """
INSERT INTO inventory_node (code, name, kind, line1, city, region, postcode, country, phone, gstin, time_zone,
    working_days, opens_at, closes_at, cutoff_at, processing_minutes, daily_capacity, priority, ships, offers_pickup,
    accepts_returns, is_active, offline_reason, auto_accept)
SELECT 'node-' || lpad(n::text, 3, '0'), 'Node ' || n, 'warehouse', '', 'Bengaluru', 'Region ' || n %% 8, '560001',
    'IN', '', '', 'Asia/Kolkata', '{1,2,3,4,5,6}', '9:00', '20:00', '16:00', 120, 500, 100, true, false, true, true,
    '', true
FROM generate_series(1, %s) AS n
"""
# Of twenty postings at a level the first brings 200 units, of the others every third reserves, releases or brings one.
_POSTINGS = """
INSERT INTO inventory_stockmovement
    (op_key, leg, sku_id, node_id, from_bucket, to_bucket, quantity, reason, reference, actor, occurred_at, recorded_at)
SELECT 'load/' || %(start)s + row_number() OVER (), 1, sku.id, node.id,
    CASE WHEN turn = 0 OR turn %% 3 = 0 THEN 'supplier' WHEN turn %% 3 = 1 THEN 'demand' ELSE 'reserved' END,
    CASE WHEN turn = 0 OR turn %% 3 = 0 THEN 'on_hand' WHEN turn %% 3 = 1 THEN 'reserved' ELSE 'demand' END,
    CASE WHEN turn = 0 THEN 200 ELSE 1 END,
    CASE WHEN turn = 0 OR turn %% 3 = 0 THEN 'receipt' WHEN turn %% 3 = 1 THEN 'reserve' ELSE 'release' END,
    'OM-' || turn, 'load', moment.at, moment.at
FROM inventory_sku sku
JOIN LATERAL (
    SELECT id FROM inventory_node WHERE (id + sku.id * 7) %% %(nodes)s < %(each)s
) node ON true
CROSS JOIN generate_series(%(first)s, %(last)s) AS turn
CROSS JOIN LATERAL (SELECT %(at)s::timestamptz + turn * interval '1 hour' AS at) AS moment
WHERE sku.id BETWEEN %(low)s AND %(high)s
"""
_HOT = """
INSERT INTO inventory_stockmovement
    (op_key, leg, sku_id, node_id, from_bucket, to_bucket, quantity, reason, reference, actor, occurred_at, recorded_at)
SELECT 'hot/' || n, 1, %(sku)s, %(node)s, CASE n %% 2 WHEN 1 THEN 'supplier' ELSE 'on_hand' END,
    CASE n %% 2 WHEN 1 THEN 'on_hand' ELSE 'customer' END, 1, CASE n %% 2 WHEN 1 THEN 'receipt' ELSE 'ship' END,
    'OM-' || n, 'load', now() - interval '1 day', now() - interval '1 day'
FROM generate_series(1, %(count)s) AS n
"""
_LEVELS = """
INSERT INTO inventory_stocklevel (sku_id, node_id, on_hand, reserved)
SELECT sku_id, node_id, sum(quantity * ((to_bucket = 'on_hand')::int - (from_bucket = 'on_hand')::int)),
    sum(quantity * ((to_bucket = 'reserved')::int - (from_bucket = 'reserved')::int))
FROM inventory_stockmovement GROUP BY sku_id, node_id
"""
# The open units of every level as one reservation, so that the auditor has all it compares.
_RESERVATIONS = """
INSERT INTO inventory_reservation (uid, purpose, line_uid, reference, sku_id, node_id, state, quantity, open_quantity)
SELECT gen_random_uuid(), 'transfer', gen_random_uuid(), 'load', sku_id, node_id, 'hard', reserved, reserved
FROM inventory_stocklevel WHERE reserved > 0
"""


def fill(skus: int, postings: int) -> tuple[int, int]:
    """Fill the stock room; the ids of the hot SKU and its node."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(_SKUS, [skus])
        cursor.execute(_NODES, [NODES])
        for back in range(MONTHS, -1, -1):
            cursor.execute(
                "SELECT inventory_make_ledger_month((date_trunc('month', now()) - make_interval(months => %s))::date)",
                [back],
            )
        for table in ("inventory_stockmovement", "inventory_stocklevel"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        turns = max(1, postings // (skus * NODES_A_SKU))
        cursor.execute("SELECT min(id), max(id) FROM inventory_sku")
        low, high = cursor.fetchone()
        start, step = 0, 20_000
        for first in range(low, high + 1, step):
            for turn in range(turns):
                month = f"date_trunc('month', now()) - make_interval(months => {MONTHS - turn * MONTHS // turns})"
                cursor.execute(f"SELECT {month}")
                cursor.execute(_POSTINGS, {
                    "start": start, "nodes": NODES, "each": NODES_A_SKU, "first": turn, "last": turn,
                    "at": cursor.fetchone()[0], "low": first, "high": min(first + step - 1, high),
                })  # fmt: skip
                start += cursor.rowcount
            print(f"\r{start:,} postings", end="", flush=True)
        hot = fetch_all("SELECT sku_id, node_id FROM inventory_stockmovement ORDER BY id LIMIT 1")[0]
        cursor.execute(_HOT, {"sku": hot[0], "node": hot[1], "count": postings // 100})
        cursor.execute("INSERT INTO inventory_postedoperation SELECT op_key, leg FROM inventory_stockmovement")
        cursor.execute(_LEVELS)
        cursor.execute(_RESERVATIONS)
        for table in ("inventory_stockmovement", "inventory_stocklevel"):
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        cursor.execute("SET statement_timeout = '15s'")
    analyze()
    return hot


def timed(work: Callable[[], object], times: int) -> list[float]:
    """Milliseconds of each call, after two that do not count."""
    taken: list[float] = []
    for number in range(times + 2):
        started = time.perf_counter()
        work()
        if number >= 2:
            taken.append(1000 * (time.perf_counter() - started))
    return taken


def report(what: str, taken: list[float], goal: float | None = None) -> bool:
    """Print one line; False where the 95th percentile misses the goal."""
    p95 = statistics.quantiles(taken, n=20)[-1]
    verdict = "" if goal is None else ("  ok" if p95 <= goal else "  MISSED")
    limit = f"{goal:8.0f}" if goal else " " * 8
    print(f"{what:<44}{statistics.median(taken):9.1f}{p95:9.1f}{limit}{verdict}")
    return goal is None or p95 <= goal


def open_pages(client: Client, hot: tuple[int, int], times: int) -> bool:
    """Every page that people look at all day, each at a random place."""
    draw = random.Random(7)
    cells = fetch_all(
        "SELECT l.sku_id, n.code, s.code FROM inventory_stocklevel l JOIN inventory_node n ON n.id = l.node_id "
        "JOIN inventory_sku s ON s.id = l.sku_id WHERE l.id % 997 = 0"
    )

    def get(path: str, **headers: str) -> None:
        response = client.get(path, headers=headers)
        assert response.status_code == 200, (path, response.status_code)

    def some() -> tuple[int, str, str]:
        return draw.choice(cells)

    def cell(sku_id: int, node: str, more: str = "") -> None:
        get(f"/inventory/{sku_id}/{node}/{more}", **({} if more else {"HX-Request": "true"}))

    hot_node = Node.objects.get(pk=hot[1]).code
    pages: list[tuple[str, float | None, Callable[[], None]]] = [
        ("grid, first page", GOAL_MS["grid"], lambda: get("/inventory/")),
        ("grid, any page", GOAL_MS["grid"], lambda: get(f"/inventory/?after={some()[2]}")),
        ("grid, search by name", GOAL_MS["grid"], lambda: get(f"/inventory/?q=number {some()[0]}")),
        ("grid, search by part of a code", GOAL_MS["grid"], lambda: get(f"/inventory/?q={some()[2][-4:]}")),
        ("grid, ATP below 50", GOAL_MS["grid"], lambda: get(f"/inventory/?below=50&after={some()[2]}")),
        ("grid, only problems", GOAL_MS["grid"], lambda: get("/inventory/?problems=1")),
        ("grid, one category", GOAL_MS["grid"], lambda: get("/inventory/?category=Category 7")),
        ("cell explained", GOAL_MS["cell"], lambda: cell(*some()[:2])),
        ("cell explained, the hot one", GOAL_MS["cell"], lambda: cell(hot[0], hot_node)),
        ("ledger of a cell", GOAL_MS["grid"], lambda: cell(*some()[:2], "ledger/")),
        ("ledger of the hot cell", GOAL_MS["grid"], lambda: cell(hot[0], hot_node, "ledger/")),
        ("SKU over all nodes", GOAL_MS["grid"], lambda: get(f"/inventory/{some()[0]}/")),
    ]
    print(f"\n{'page':<44}{'p50 ms':>9}{'p95 ms':>9}{'goal':>8}")
    good = [report(name, timed(work, times), goal) for name, goal, work in pages]
    return all(good)


def post_one_by_one(times: int) -> None:
    """A receipt of one unit, each a transaction by itself, on the full ledger."""
    levels = fetch_all("SELECT sku_id, node_id FROM inventory_stocklevel WHERE id % 991 = 0")
    numbers = iter(range(times * 2 + 10))

    def work() -> None:
        sku_id, node_id = random.choice(levels)
        post([Posting(op_key=f"bench/{next(numbers)}", sku_id=sku_id, node_id=node_id, from_bucket="supplier",
                      to_bucket="on_hand", quantity=1, reason="receipt")])  # fmt: skip

    report("posting, one by one", timed(work, times))


def audit() -> bool:
    """Everything compared; False below the rate that is the goal, or where anything differs."""
    out = StringIO()
    started = time.perf_counter()
    call_command("verify_ledger", stdout=out, stderr=StringIO())
    seconds = time.perf_counter() - started
    postings = fetch_all("SELECT count(*) FROM inventory_stockmovement")[0][0]
    started = time.perf_counter()
    fetch_all(
        "SELECT sum(total) FROM (SELECT sku_id, node_id, sum(quantity) AS total FROM inventory_stockmovement "
        "GROUP BY 1, 2) AS one"
    )
    floor = time.perf_counter() - started
    print(f"\nverify_ledger: {out.getvalue().strip()}")
    print(f"  {seconds:.1f} s, {postings / seconds:,.0f} postings/s (goal {GOAL_AUDIT:,.0f}); "
          f"one plain sum over the ledger {floor:.1f} s, ratio {floor / seconds:.2f}")  # fmt: skip
    return postings / seconds >= GOAL_AUDIT


def main() -> int:
    """Fill, measure, print; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--millions", type=float, default=20, help="Postings, in millions (default 20).")
    parser.add_argument("--skus", type=int, default=100_000, help="SKUs, each at 10 of 100 nodes (default 100,000).")
    parser.add_argument("--times", type=int, default=60, help="Times each page is opened (default 60).")
    options = parser.parse_args()
    prepare()
    started = time.monotonic()
    hot = fill(options.skus, int(options.millions * 1_000_000))
    ensure_ledger_months()
    size = fetch_all("SELECT pg_size_pretty(pg_database_size(current_database()))")[0][0]
    counts = fetch_all(
        "SELECT (SELECT count(*) FROM inventory_stocklevel), (SELECT count(*) FROM inventory_stockmovement)"
    )
    print(f"\r{Sku.objects.count():,} SKUs, {NODES} nodes, {counts[0][0]:,} levels, {counts[0][1]:,} postings, {size}, "
          f"filled in {time.monotonic() - started:.0f} s; {conditions()}")  # fmt: skip
    user = User.objects.create_user("scale@example.com", name="Scale", role=Role.ADMIN, all_nodes=True)
    client = Client(SERVER_NAME="localhost")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    good = open_pages(client, hot, options.times)
    post_one_by_one(200)
    good = audit() and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
