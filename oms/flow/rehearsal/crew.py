"""The processes of a rehearsal: one that captures orders, and workers that run the steps as Celery's workers do."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing.context import ForkProcess
from multiprocessing.queues import Queue
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from typing import Any

from django.db import connections

from channels.simulators.woocommerce import world
from oms.core.db import fetch_all
from oms.core.heap import settle_heap
from oms.flow.deliveries import due_steps, run_batch
from oms.flow.intervals import EVERY_SECONDS
from oms.flow.schedule import SCHEDULE
from oms.flow.table import STEPS
from orders.canonical import CanonicalOrder
from orders.models import SalesChannel
from orders.services import capture_orders
from routing.engine import OrderInput
from routing.services import lane, nodes_now

#: Orders that are captured in one transaction, as the inbox does.
CAPTURED_AT_ONCE = 100
#: How long a worker that finds nothing to do waits.
IDLE_SECONDS = 0.02
#: What the clock does meanwhile; the rest of the schedule talks to channels and carriers, which are not there.
CLOCK = ("count sellable", "retry waiting orders", "clear closed nodes")


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch of a step: events, seconds of this process, and when it was begun and committed by the server."""

    step: str
    events: int
    seconds: float
    began: datetime
    ended: datetime


@dataclass(slots=True)
class Crew:
    """The running processes and what they tell."""

    captured: Synchronized[int]
    stop: Event
    told: Queue[Any]
    processes: list[ForkProcess] = field(default_factory=list)

    def check(self) -> None:
        """Raise RuntimeError where a process has died."""
        dead = [process for process in self.processes if process.exitcode not in (None, 0)]
        if dead:
            raise RuntimeError(f"{dead[0].name} ended with code {dead[0].exitcode}; its message is above.")

    def finish(self) -> list[Batch]:
        """Let all of them end; every batch that they ran."""
        self.stop.set()
        batches = [batch for _ in self.processes for batch in self.told.get(timeout=60)]
        for process in self.processes:
            process.join()
        return batches

    def kill(self) -> None:
        """End what still runs."""
        for process in self.processes:
            if process.is_alive():
                process.kill()


def start_crew(
    channel: SalesChannel, orders: Sequence[CanonicalOrder], *, workers: int, per_second: float
) -> Crew:  # fmt: skip
    """Start a process that captures the orders and so many workers. They end when this process ends."""
    context = multiprocessing.get_context("fork")
    crew = Crew(context.Value("l", 0), context.Event(), context.Queue())
    connections.close_all()
    settle_heap()
    arguments = (os.getpid(), crew.stop, crew.told)
    crew.processes = [
        context.Process(
            target=_capture, name="capture", daemon=True, args=(*arguments, crew.captured, channel, orders, per_second)
        ),
        *(
            context.Process(target=_work, name=f"worker {number}", daemon=True, args=(*arguments, number == 0))
            for number in range(workers)
        ),
    ]
    for process in crew.processes:
        process.start()
    return crew


def _capture(
    parent: int, stop: Event, told: Queue[Any], captured: Synchronized[int], channel: SalesChannel,
    orders: Sequence[CanonicalOrder], per_second: float,
) -> None:  # fmt: skip
    """Capture batch by batch, as fast as it goes or at a pace."""
    batches = []
    size = min(CAPTURED_AT_ONCE, max(1, round(per_second / 10))) if per_second else CAPTURED_AT_ONCE
    started = time.monotonic()
    for start in range(0, len(orders), size):
        if per_second:
            time.sleep(max(0.0, started + start / per_second - time.monotonic()))
        if stop.is_set() or os.getppid() != parent:
            break
        some = orders[start : start + size]
        began, before = _server_time(), time.perf_counter()
        capture_orders(channel=channel, orders=some, actor="rehearsal")
        spent = time.perf_counter() - before
        batches.append(Batch("capture", len(some), spent, began, _server_time()))
        captured.value += len(some)
    told.put(batches)
    connections.close_all()


def _work(parent: int, stop: Event, told: Queue[Any], keeps_the_clock: bool) -> None:
    """Run what is due, by turns and the urgent first, until told to stop."""
    batches: list[Batch] = []
    # Workers that a peak meets have been at work before: the ways that they looked up once, they know.
    for node in nodes_now():
        for postcode, _, _ in world.PLACES:
            lane(OrderInput(key=0, lines=(), postcode=postcode), node)
    due_at = {name: time.monotonic() + EVERY_SECONDS[name] for name in CLOCK} if keeps_the_clock else {}
    while not stop.is_set() and os.getppid() == parent:
        done = _turn(batches)
        for name in [name for name, at in due_at.items() if at <= time.monotonic()]:
            SCHEDULE[name]()
            due_at[name] = time.monotonic() + EVERY_SECONDS[name]
        if not done:
            time.sleep(IDLE_SECONDS)
    told.put(batches)
    connections.close_all()


def _turn(batches: list[Batch]) -> int:
    """A batch of every step that is due; the events that were dealt with."""
    due = [STEPS[name] for name in due_steps() if name in STEPS]
    total = 0
    for step in sorted(due, key=lambda step: not step.urgent):
        began, before = _server_time(), time.perf_counter()
        events = run_batch(step)
        spent = time.perf_counter() - before
        if events:
            batches.append(Batch(step.name, events, spent, began, _server_time()))
        total += events
    return total


def _server_time() -> datetime:
    """The time of the database, which also stamps orders and decisions."""
    moment: datetime = fetch_all("SELECT clock_timestamp()")[0][0]
    return moment
