"""Plays a history against the doors, so many times faster than it happened, and ships a part of what was ordered."""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from benchmarks.replay.doors import Market, Shop
from benchmarks.replay.history import Delivery, History, Sale
from benchmarks.replay.world import MARKET, SHOP

_HANDS = 8
#: A caller that lost its answer hands an order in again: percent of the orders of the marketplace.
AGAIN_PERCENT = 5
_ERRORS_KEPT = 20


def share_of(text: str) -> int:
    """A number from 0 to 99 that belongs to the text."""
    return zlib.crc32(text.encode()) % 100


def door_of(sale: Sale, shop_percent: int) -> str:
    """Through which door an order comes. The shop cannot cancel a part, so such orders are the marketplace's."""
    part = sale.cancelled_at is not None and not sale.is_cancelled_whole
    return SHOP if not part and share_of(f"door {sale.order_id}") < shop_percent else MARKET


@dataclass(slots=True)
class Played:
    """What was done: when each order was handed in, what was late, and what went wrong."""

    began: datetime
    ended: datetime
    handed_in: dict[str, datetime] = field(default_factory=dict)
    #: Orders that were taken at their door.
    placed: int = 0
    doors: dict[str, str] = field(default_factory=dict)
    cancelled: int = 0
    received: int = 0
    again: int = 0
    #: Seconds by which we began later than the history says.
    late: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended - self.began).total_seconds()


@dataclass(slots=True)
class Player:
    """Plays at `speed` times the speed of the history."""

    history: History
    speed: float
    market: Market
    shop: Shop
    shop_percent: int
    played: Played = field(default_factory=lambda: Played(datetime.now(UTC), datetime.now(UTC)))
    _futures: dict[str, Future[None]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def play(self, while_running: Callable[[], None]) -> Played:
        """Do everything in its time. `while_running` is called every now and then, and may raise to end it."""
        self.played.began = datetime.now(UTC)
        start = time.monotonic()
        with ThreadPoolExecutor(_HANDS, thread_name_prefix="hands") as hands:
            asked = start
            for at, work, sale in self._script():
                due = start + (at - self.history.begins).total_seconds() / self.speed
                while (left := due - time.monotonic()) > 0:
                    time.sleep(min(left, 0.5))
                    if time.monotonic() - asked > 2:
                        while_running()
                        asked = time.monotonic()
                future = hands.submit(self._do, due, work)
                if sale is not None:
                    self._futures[sale.order_id] = future
        self.played.ended = datetime.now(UTC)
        return self.played

    def _script(self) -> list[tuple[datetime, Callable[[], None], Sale | None]]:
        """What happens, in order; an order where it is placed."""
        steps: list[tuple[datetime, Callable[[], None], Sale | None]] = []
        for sale in self.history.sales:
            door = self.played.doors[sale.order_id] = door_of(sale, self.shop_percent)
            steps.append((sale.placed_at, partial(self._place, sale, door), sale))
            if sale.cancelled_at is not None:
                steps.append((sale.cancelled_at, partial(self._cancel, sale, door), None))
        for delivery in self.history.deliveries:
            steps.append((delivery.at, partial(self._receive, delivery), None))
        return sorted(steps, key=lambda step: step[0])

    def _do(self, due: float, work: Callable[[], None]) -> None:
        self.played.late.append(time.monotonic() - due)
        try:
            work()
        except Exception as error:
            with self._lock:
                if len(self.played.errors) < _ERRORS_KEPT:
                    self.played.errors.append(f"{type(error).__name__}: {error}")

    def _place(self, sale: Sale, door: str) -> None:
        self.played.handed_in[sale.order_id] = datetime.now(UTC)
        again = door == MARKET and share_of(f"again {sale.order_id}") < AGAIN_PERCENT
        if door == SHOP:
            self.shop.place(sale)
        else:
            self.market.place(sale, again=again)
        with self._lock:
            self.played.placed += 1
            self.played.again += again

    def _cancel(self, sale: Sale, door: str) -> None:
        self._futures[sale.order_id].result(timeout=120)
        (self.shop if door == SHOP else self.market).cancel(sale)
        with self._lock:
            self.played.cancelled += 1

    def _receive(self, delivery: Delivery) -> None:
        self.market.receive(delivery)
        with self._lock:
            self.played.received += 1
