"""How long a simulation of routing rules takes: 1,000 past orders decided again by a baseline and three drafts.

    python -m oms.embedded.throwaway python benchmarks/simulate_rules.py [--orders 1000] [--nodes 25] [--skus 2000]

World: that of `capture_and_route.py`, whose 5,000 orders are spread evenly over the last seven days, with a receipt
at a node every few minutes between them. Timed is what the job does: reading the window (orders, ledger, loads of
nodes), deciding every order by every version at its own minute, and counting, with the probability of being in time.

The floor is the engine alone: the same orders decided by the same rules in one call each, from the stock of the
beginning, with nodes and costs that stand still, and nothing counted or compared.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import timedelta
from time import perf_counter

from capture_and_route import build_world
from database import analyze, conditions, prepare

from oms.core.clock import now
from oms.core.db import execute, fetch_all
from routing.engine import Eligibility, Weights, plan_by_rules
from routing.models import Simulation
from routing.policy.compiled import CompiledPolicy
from routing.policy.conditions import Group, Row
from routing.policy.document import STANDARD, Document, Rule
from routing.services import create_draft, publish
from routing.services.simulating import (
    Opened,
    SimulationTerms,
    keep_simulation,
    new_simulation,
    open_simulation,
    play_simulation,
)

DAYS = 7
RECEIPTS = 3_000
_BASE = STANDARD.rules[0]
DRAFTS = (
    Document((replace(_BASE, weights=Weights(split_minor=9_000, distance_minor_per_km=0.5)),)),
    Document((replace(_BASE, weights=Weights(stock_minor=20_000)),)),
    Document((
        Rule("Dear orders", when=Group("all", (Row("value", "at_least", 100_000),)), nodes=Eligibility(max_km=900.0)),
        Rule("Rest", weights=Weights(transit_minor_per_day=2_000)),
    )),
)  # fmt: skip


def spread_over_days() -> None:
    """Give the orders, their decisions and their postings the moments of a week, and goods that came in between."""
    execute("ALTER TABLE inventory_stockmovement DISABLE TRIGGER stock_movement_append_only")
    execute(f"""
        WITH moment AS MATERIALIZED (
            SELECT o.id, o.number, now() - interval '{DAYS} days' * (1 - percent_rank() OVER (ORDER BY o.id)) AS at
            FROM orders_order o
        ),
        decided AS (
            UPDATE routing_routingdecision d SET decided_at = m.at FROM moment m WHERE d.order_id = m.id
        ),
        reserved AS (
            UPDATE inventory_reservation r SET created_at = m.at FROM moment m WHERE r.order_id = m.id
        ),
        promised AS (
            UPDATE orders_order o SET captured_at = m.at, placed_at = m.at,
                promised_by = m.at + interval '4 days', first_promised_by = m.at + interval '4 days'
            FROM moment m WHERE o.id = m.id
        )
        UPDATE inventory_stockmovement s SET recorded_at = m.at, occurred_at = m.at FROM moment m
        WHERE s.reference = m.number
    """)
    execute(
        f"UPDATE inventory_stockmovement SET recorded_at = recorded_at - interval '{DAYS + 1} days',"
        " occurred_at = occurred_at - interval '8 days' WHERE reason = 'opening'"
    )
    execute("ALTER TABLE inventory_stockmovement ENABLE TRIGGER stock_movement_append_only")
    execute(
        f"""INSERT INTO inventory_stockmovement (op_key, leg, sku_id, node_id, from_bucket, to_bucket, quantity,
                reason, occurred_at, recorded_at)
            SELECT 'late/' || n, 1, s.sku_id, s.node_id, 'supplier', 'on_hand', 5, 'receipt', m.at, m.at
            FROM generate_series(1, {RECEIPTS}) n
            CROSS JOIN LATERAL (SELECT now() - interval '{DAYS} days' * n / {RECEIPTS + 1} AS at) m
            JOIN (SELECT sku_id, node_id, row_number() OVER (ORDER BY sku_id, node_id) AS nth
                  FROM inventory_stocklevel) s ON s.nth = n * 3"""
    )
    analyze()


def floor(opened: Opened, policies: list[CompiledPolicy]) -> float:
    """Seconds that the engine alone takes for all orders and versions."""
    replay = opened.replay
    stage = replay.nodes.stage_at(opened.simulation.since)
    asked = [[(each.order, policy.match(each.facts)) for each in replay.orders] for policy in policies]
    began = perf_counter()
    for each in asked:
        plan_by_rules(stage.terms_of, each, replay.past.start)
    return perf_counter() - began


def main() -> None:
    """Build, simulate three times, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=1_000)
    parser.add_argument("--nodes", type=int, default=25)
    parser.add_argument("--skus", type=int, default=2_000)
    given = parser.parse_args()
    prepare()
    build_world(given.nodes, given.skus)
    spread_over_days()
    postings = fetch_all("SELECT count(*) FROM inventory_stockmovement")[0][0]
    print(f"{conditions()}\n{given.nodes} nodes, {given.skus:,} SKUs, {postings:,} postings, window of {DAYS} days\n")
    live = create_draft(name="Standard", actor="benchmark")
    publish(policy_id=live.pk, edit_version=1, note="First", actor="benchmark")
    ids = [
        create_draft(name=f"Draft {n}", actor="benchmark", document=each).pk for n, each in enumerate(DRAFTS, start=1)
    ]
    policies = [CompiledPolicy(document, 0) for document in (STANDARD, *DRAFTS)]
    terms = SimulationTerms(
        policy_ids=ids, since=now() - timedelta(days=DAYS), until=now(), most_orders=given.orders
    )  # fmt: skip
    print("orders x versions | reading | deciding | counting | keeping | all, s | engine alone, s | ratio | changed")
    for _ in range(3):
        simulation: Simulation = new_simulation(terms, actor="benchmark")
        began = perf_counter()
        opened = open_simulation(simulation)
        outcome = play_simulation(opened, lambda _: None)
        kept = perf_counter()
        keep_simulation(simulation, outcome)
        took = perf_counter() - began
        least = floor(opened, policies)
        seconds = outcome.result["seconds"]
        print(
            f"{opened.orders:,} x {len(policies)} | {seconds['reading']:.2f} | {seconds['deciding']:.2f}"
            f" | {seconds['counting']:.2f} | {perf_counter() - kept - least:.2f} | {took:.2f} | {least:.2f}"
            f" | {took / least:.1f} | {len(outcome.orders):,}"
        )


if __name__ == "__main__":
    main()
