"""One run: stock, buyers, kills, the wait until all is done, and the verdict. Then the same on the control."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from channels.models import ChannelAccount
from inventory.models import Node, Sku
from inventory.services import OpeningRow, set_opening_stock
from oms.accounts.services import create_token
from oms.core.db import execute, fetch_all
from orders.models import SalesChannel, SalesChannelKind
from tests.factories import make_node
from tests.hammer import naive
from tests.hammer.checks import Verdict, judge, naive_sold
from tests.hammer.crowd import Bought, Browser, Noise, Purchase, rush
from tests.hammer.estate import CONTROL, WEB, WORKER, Estate

CHANNEL = "hammer"
#: Work that a killed worker left is taken over when its lease is over; nothing takes longer than this.
REST_SECONDS = 120.0
#: How many of the buyers are done when a process is killed, as parts of all of them, and what it is.
KILLS = ((0.15, WEB), (0.40, WORKER), (0.70, WEB))
#: Each so many runs the worker dies as a whole, with its master.
WHOLE_WORKER_EVERY = 10


@dataclass(frozen=True, slots=True)
class Size:
    """How many buyers want how many units, how many of them at the same time."""

    buyers: int = 200
    units: int = 50
    parallel: int = 32


@dataclass(frozen=True, slots=True)
class World:
    """What all runs share: two nodes, a channel, and a token that may hold and hand in."""

    nodes: tuple[Node, Node]
    headers: dict[str, str]


@dataclass(slots=True)
class Run:
    """What one run came to."""

    number: int
    way: str
    verdict: Verdict
    noise: Noise
    kills: int
    naive: int
    seconds: float
    rest_seconds: float = 0.0
    faults: list[str] = field(default_factory=list)


def make_world() -> World:
    """Nodes, channel and token; the tables of the control."""
    nodes = (
        make_node("hammer-1", city="Bengaluru", postcode="560037", latitude=12.95, longitude=77.70),
        make_node("hammer-2", city="Delhi", postcode="110037", latitude=28.55, longitude=77.11),
    )
    # What a node takes a day is not what is tested here.
    Node.objects.update(daily_capacity=1_000_000)
    channel = SalesChannel.objects.create(
        code=CHANNEL, name="Flash sale", kind=SalesChannelKind.WEBSITE, notifies_customer=False
    )
    ChannelAccount.objects.create(channel=channel, connector="api")
    token = create_token(name="hammer", verbs=["stock.hold", "orders.ingest", "orders.view"])[1]
    for statement in filter(None, map(str.strip, naive.TABLES.split(";"))):
        execute(statement)
    return World(nodes, {"Authorization": f"Bearer {token}"})


def run_once(number: int, world: World, estate: Estate, size: Size, seed: int) -> Run:
    """One sale with everything that goes wrong in it, and the same sale at the control.

    In every other run the buyers hold first and order with the hold; in the others they order at once, and routing
    decides who gets the units.
    """
    holding = number % 2 == 1
    sku = Sku.objects.create(code=f"HAMMER-{number}", name=f"The bargain {number}", price_minor=49_900)
    share = size.units * 7 // 10
    set_opening_stock(
        rows=[
            OpeningRow(sku.pk, world.nodes[0].pk, share), OpeningRow(sku.pk, world.nodes[1].pk, size.units - share),
        ],
        op_key=f"hammer/{number}", actor="hammer",
    )  # fmt: skip
    buyers = [f"H{number}-{position}" for position in range(size.buyers)]
    chance = random.Random(f"{seed}/{number}")
    noise, started, kills = Noise(), time.monotonic(), len(estate.kills)
    way = _hold_then_order(sku.code) if holding else _order(sku.code)
    told = _sale(way, estate, WEB, buyers, size, world.headers, noise, chance, _Killer(estate, size.buyers, number))
    sold_out = time.monotonic()
    at_rest = _rest(estate, sku.pk)
    verdict = judge(sku.pk, size.units, told, holding=holding)
    verdict.require(at_rest, f"the pipeline did not come to rest within {REST_SECONDS:.0f} s")
    ended = time.monotonic()
    run = Run(number, "hold" if holding else "order", verdict, noise, len(estate.kills) - kills, 0, sold_out - started,
              ended - sold_out, verdict.faults)  # fmt: skip
    if run.kills < 3:
        run.faults.append(f"only {run.kills} processes were killed")
    run.naive = _control(number, estate, buyers, size, chance)
    if run.naive <= size.units:
        run.faults.append("the control did not oversell: the hammer is too soft")
    return run


def _sale(
    way: Purchase, estate: Estate, name: str, buyers: Sequence[str], size: Size, headers: dict[str, str], noise: Noise,
    chance: random.Random, killer: _Killer,
) -> list[Bought]:  # fmt: skip
    """The rush in a thread of its own, while this one, which may start processes, kills and revives them."""
    shuffled = chance.sample(list(buyers), len(buyers))
    seeds = {buyer: chance.random() for buyer in buyers}

    def browser(buyer: str) -> Browser:
        return Browser(estate.ports[name], headers, random.Random(seeds[buyer]), noise)

    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(
            rush, way, buyers=shuffled, parallel=size.parallel, browser=browser, on_progress=killer.heard
        )
        while not told.done():
            killer.strike()
            estate.revive()
            time.sleep(0.01)
        return told.result()


class _Killer:
    """Kills when so many buyers are done. The threads of the buyers only count."""

    def __init__(self, estate: Estate, buyers: int, number: int) -> None:
        self.estate, self.done = estate, 0
        self.plan = [(int(part * buyers), name) for part, name in KILLS]
        self.whole = number % WHOLE_WORKER_EVERY == 0

    def heard(self, done: int) -> None:
        """So many buyers are done."""
        self.done = max(self.done, done)

    def strike(self) -> None:
        """Kill what is due."""
        while self.plan and self.done >= self.plan[0][0]:
            name = self.plan[0][1]
            if name == WORKER and self.whole:
                self.estate.kill_whole(name)
            elif not self.estate.kill_child(name):
                return  # it is just coming back: the next moment will do
            self.plan.pop(0)


class _Peace(_Killer):
    """Kills nobody."""

    def strike(self) -> None:
        """Nothing."""


def _hold_then_order(sku: str) -> Purchase:
    def purchase(browser: Browser, buyer: str) -> bool:
        body = {"channel": CHANNEL, "seconds": 600, "reference": buyer, "lines": [{"sku": sku, "quantity": 1}]}
        status, hold = browser.post("/api/v1/holds", body, f"hold-{buyer}")
        if status == 409 and hold.get("code") == "not_enough_stock":
            return False
        _expect(status == 201, buyer, status, hold)
        return _hand_in(browser, buyer, {"orders": [_order_of(buyer, sku)], "hold": hold["uid"]})

    return purchase


def _order(sku: str) -> Purchase:
    return lambda browser, buyer: _hand_in(browser, buyer, {"orders": [_order_of(buyer, sku)]})


def _hand_in(browser: Browser, buyer: str, body: dict[str, Any]) -> bool:
    status, reply = browser.post(f"/api/v1/orders?channel={CHANNEL}", body, f"order-{buyer}")
    _expect(status == 201 and reply["orders"][0]["state"] == "captured", buyer, status, reply)
    return True


def _expect(right: bool, buyer: str, status: int, reply: dict[str, Any]) -> None:
    if not right:
        raise RuntimeError(f"{buyer} was answered {status}: {reply}")


def _order_of(buyer: str, sku: str) -> dict[str, Any]:
    return {
        "external_id": buyer, "placed_at": "2026-11-20T12:00:00+05:30", "customer_name": "Asha Rao",
        "ship_to": {"name": "Asha Rao", "line1": "12 MG Road", "city": "Bengaluru", "region": "Karnataka",
                    "postcode": "560001", "country": "IN", "phone": "+919845012345"},
        "payment": {"method": "prepaid", "state": "paid"},
        "lines": [{"sku_code": sku, "quantity": 1, "unit_price_minor": 49900}],
    }  # fmt: skip


_UNDONE = """
SELECT EXISTS (SELECT FROM core_outboxevent WHERE fanned_out_at IS NULL)
    OR EXISTS (SELECT FROM core_delivery WHERE state IN ('pending', 'running'))
    OR EXISTS (SELECT FROM orders_orderline WHERE sku_id = %s AND (unallocated > 0 OR allocated > 0))
"""


def _rest(estate: Estate, sku_id: int) -> bool:
    """Wait until everything that follows is done; False where it takes too long."""
    deadline = time.monotonic() + REST_SECONDS
    while fetch_all(_UNDONE, [sku_id])[0][0]:
        estate.revive()
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _control(number: int, estate: Estate, buyers: Sequence[str], size: Size, chance: random.Random) -> int:
    """The same sale at the naive shop; the units that it sold."""
    sku = f"HAMMER-{number}"
    execute("INSERT INTO hammer_naive_stock (sku, units) VALUES (%s, %s)", [sku, size.units])

    def purchase(browser: Browser, buyer: str) -> bool:
        return browser.post("/", {"sku": sku, "buyer": buyer}, f"naive-{buyer}")[0] == 201

    _sale(purchase, estate, CONTROL, buyers, size, {}, Noise(), chance, _Peace(estate, size.buyers, number))
    return naive_sold(sku)


Report = Callable[[Run], None]


def run_all(estate: Estate, world: World, size: Size, *, runs: int, seed: int, report: Report) -> list[Run]:
    """All runs, one after the other."""
    done: list[Run] = []
    for number in range(1, runs + 1):
        done.append(run_once(number, world, estate, size, seed))
        report(done[-1])
    return done
