"""Replays a history of orders and stock at 600 times its speed through the whole system, and judges what comes of it.

    python -m oms.embedded.throwaway --durable python -u benchmarks/replay_history.py [--hours 30] [--speed 600]

Everything is real: PostgreSQL and Valkey of its own, the web, worker, relay and beat processes as `manage.py up` runs
them, and a simulated WooCommerce store started by its own command. Half of the orders are placed in that store and come
by webhook, some twice and a few not at all, so that polling must find them; the others are a marketplace's and come by
the REST API, some twice. Stock is told to the store. A part of the work is packed and handed over.

Exit code 1 when an invariant does not hold or the shop is told too late.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from database import analyze, conditions, prepare
from django.db.models import F, Min

from benchmarks.replay.checking import Check, still_open, verdict, why_open
from benchmarks.replay.doors import Market, Shop, hand_behind
from benchmarks.replay.floor import Floor
from benchmarks.replay.history import History, cut
from benchmarks.replay.playing import Played, Player, share_of
from benchmarks.replay.processes import (
    Processes,
    processes,
    processor_seconds_of_database,
    processor_seconds_of_machine,
)
from benchmarks.replay.report import (
    Effort,
    changes,
    lag_check,
    print_checks,
    print_effort,
    print_history,
    print_lags,
    print_late,
    print_pace,
    print_steps,
    sampler_checks,
)
from benchmarks.replay.sources import read_book
from benchmarks.replay.watching import Sampler, Watch
from benchmarks.replay.world import MARKET, SHOP, World, build, fill_store
from channels.models import ChannelAccount
from channels.services import account_config
from oms.core.db import fetch_all
from oms.core.models import Delivery
from oms.embedded.state import CHECKOUT
from orders.models import Order
from routing.models import RoutingDecision

#: Faults of the store's webhooks: what it says twice, and what it never says.
FAULTS = ({"kind": "duplicate_webhooks", "share": 0.05}, {"kind": "lost_webhooks", "share": 0.02})
#: Hours of the history after which a parcel is packed.
PACKED_AFTER_HOURS = 5.0
#: What does not change for so long will not come to rest any more: longer than the waits before a second try.
STUCK_SECONDS = 90.0


class Stuck(Exception):
    """The replay cannot go on: a process has ended, or what was begun does not come to rest."""


def options() -> argparse.Namespace:
    """What a person asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = Path(os.environ.get("OMS_SHARED_DIR", CHECKOUT.parent / "shared"))
    parser.add_argument("--folder", type=Path, default=shared / "data" / "orders", help="where the files are")
    parser.add_argument("--kind", choices=("auto", "report", "lines", "plain", "generated"), default="auto")
    parser.add_argument("--hours", type=float, default=30.0, help="hours of history, the busiest there are (30)")
    parser.add_argument("--speed", type=float, default=600.0, help="times the speed of the history (600)")
    parser.add_argument("--scarce", action="store_true", help="less stock than was sold, whatever the real stock was")
    parser.add_argument("--shop-percent", type=int, default=50, help="orders placed in the shop, not by REST API (50)")
    parser.add_argument("--ship-percent", type=int, default=20, help="orders that are packed and handed over (20)")
    parser.add_argument(
        "--goal", type=float, default=10.0, help="seconds by which 99 of 100 changes reach the shop (10)"
    )
    parser.add_argument("--logs", type=Path, help="folder in which the logs of the processes are kept")
    return parser.parse_args()


def main() -> int:
    """Build the world, play, wait, judge; the exit code."""
    given = options()
    history = cut(read_book(given.kind, given.folder), given.hours, scarce=given.scarce)
    print_history(history, given.speed)
    prepare()
    if Order.objects.exists():
        print("This database holds orders. Run the replay in a database of its own.", file=sys.stderr)
        return 2
    print(f"  {conditions()}")
    with tempfile.TemporaryDirectory(prefix="oms-replay-") as folder, processes(Path(folder), given.logs) as running:
        try:
            return replay(given, history, running)
        except Stuck as reason:
            print(f"\nFAIL {reason}")
            return 1
        finally:
            for name, lines in running.problems().items():
                print(f"\nLog of {name}: {len(lines)} lines tell of trouble; the first:\n  " + "\n  ".join(lines[:5]))


def replay(given: argparse.Namespace, history: History, running: Processes) -> int:
    """The replay on an empty, migrated database."""
    began = time.monotonic()
    world = build(history, running.store_url)
    running.start_web()
    running.start_store()
    fill_store(world, history)
    analyze()
    store = hand_behind(running.store_url)
    running.start_flow()
    settle(world, running, expected_orders=0)
    print(f"  built and every listing told once in {time.monotonic() - began:.0f} s")
    for fault in FAULTS:
        store("POST", "/faults", fault)
    player = make_player(given, history, world, running)
    ships = ship_ids(history, given.ship_percent)
    names = player.shop.by_number
    floor = Floor(player.market, lambda name: names.get(name, name) in ships, PACKED_AFTER_HOURS * 3600 / given.speed)
    watch, sampler = Watch(world.shop_account_id), Sampler()
    effort = Meter(running)
    sampler.start()
    floor.start()
    rest = Check("everything came to rest", True)
    try:
        played = player.play(lambda: insist(running))
        floor.stop()
        settle(world, running, expected_orders=played.placed)
    except Stuck as reason:
        # What was seen until then is worth telling.
        rest = Check(rest.what, False, str(reason))
    finally:
        floor.stop()
        sampler.stop()
    faults = {row["kind"]: row["struck"] for row in store("GET", "/faults")["faults"]}
    print_pace(player.played, floor.handed_over, faults)
    print_effort(effort.read(), len(history.sales))
    return judge(given, history, world, player, floor, [rest, *sampler_checks(sampler)], watch)


class Meter:
    """Processor time from the moment in which it is made."""

    def __init__(self, running: Processes) -> None:
        self._running = running
        self._data: str = fetch_all("SHOW data_directory")[0][0]
        self._began = time.monotonic()
        self._machine, self._spent = processor_seconds_of_machine(), self._now()

    def read(self) -> Effort:
        """What was used so far."""
        spent = {name: seconds - self._spent.get(name, 0.0) for name, seconds in self._now().items()}
        there = (time.monotonic() - self._began) * (os.cpu_count() or 1)
        others = processor_seconds_of_machine() - self._machine - sum(spent.values())
        return Effort(spent, max(0.0, others) / there)

    def _now(self) -> dict[str, float]:
        own = os.times()
        database = processor_seconds_of_database(self._data)
        return self._running.processor_seconds() | {"postgres": database, "replay": own.user + own.system}


def make_player(given: argparse.Namespace, history: History, world: World, running: Processes) -> Player:
    """Somebody at each door."""
    account = ChannelAccount.objects.select_related("channel").get(pk=world.shop_account_id)
    market = Market(running.web_url, world.token, history.country)
    shop = Shop(account_config(account), history.country)
    return Player(history, given.speed, market, shop, given.shop_percent)


def ship_ids(history: History, percent: int) -> frozenset[str]:
    """Orders to ship: of those that nobody cancels, so that what is cancelled never depends on who was first."""
    kept = (sale for sale in history.sales if sale.cancelled_at is None)
    return frozenset(sale.order_id for sale in kept if share_of(f"ship {sale.order_id}") < percent)


def insist(running: Processes) -> None:
    """Every process still runs."""
    ended = running.ended()
    if ended:
        raise Stuck(f"ended: {', '.join(ended)}")


def settle(world: World, running: Processes, *, expected_orders: int) -> None:
    """Wait until nothing is left to do. Raises Stuck where nothing of what is left changes any more."""
    store = hand_behind(running.store_url)
    calm, before, changed_at = 0, dict[str, int](), time.monotonic()
    while calm < 3:
        insist(running)
        left = still_open(world, expected_orders, store)
        calm = 0 if left else calm + 1
        if left != before:
            before, changed_at = left, time.monotonic()
        if left and time.monotonic() - changed_at > STUCK_SECONDS:
            raise Stuck(f"nothing has changed for {STUCK_SECONDS:.0f} s: {left}\n  {why_open(world)}")
        time.sleep(0.5)


def judge(
    given: argparse.Namespace, history: History, world: World, player: Player, floor: Floor, seen: Sequence[Check],
    watch: Watch,
) -> int:  # fmt: skip
    """Print everything; 0 where all is well."""
    played = player.played
    notes = watch.notes()
    found = changes(notes)
    print_lags(found, order_times(played, player.shop.numbers))
    print_steps(step_times(played))
    codes = {pk: code for code, pk in world.sku_ids.items()}
    print_late(found, notes, codes, given.goal)
    checks = [
        Check("every step of the history was played", not played.errors, "; ".join(played.errors[:5])),
        Check("the floor worked without a refusal", not floor.errors, "; ".join(floor.errors[:5])),
        *seen,
        *verdict(history, world, played, player.shop.numbers),
        lag_check(found, given.goal),
    ]
    return 0 if print_checks(checks) else 1


def order_times(played: Played, shop_numbers: Mapping[str, str]) -> list[tuple[str, list[float]]]:
    """Seconds from the door to the captured order and to the decision that routed it, by door."""
    captured = dict(Order.objects.values_list("external_id", "captured_at"))
    first = RoutingDecision.objects.values("order__external_id").annotate(at=Min("decided_at"))
    routed = dict(first.values_list("order__external_id", "at"))
    found: list[tuple[str, list[float]]] = []
    for door, said in ((MARKET, "REST API"), (SHOP, "webhook or poll")):
        handed_in = {
            shop_numbers.get(order_id, order_id): moment
            for order_id, moment in played.handed_in.items() if played.doors[order_id] == door
        }  # fmt: skip
        for what, moments in (("captured", captured), ("routed", routed)):
            values = [(moments[name] - at).total_seconds() for name, at in handed_in.items() if name in moments]
            found.append((f"order by {said} to {what}", values))
    return found


def step_times(played: Played) -> list[tuple[str, list[float]]]:
    """Seconds from each event of the replay to the end of each step that follows it, by step."""
    found: dict[str, list[float]] = defaultdict(list)
    done = Delivery.objects.filter(event__recorded_at__gte=played.began, done_at__isnull=False)
    for step, spent in done.annotate(spent=F("done_at") - F("event__recorded_at")).values_list("step", "spent"):
        found[step].append(spent.total_seconds())
    return list(found.items())


if __name__ == "__main__":
    sys.exit(main())
