"""Several at once, in real threads, each with a database connection of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from django.db import connection, transaction

from oms.core.db import fetch_all
from tests.flow.processes import until

T = TypeVar("T")
#: Longer than anything here may take, so that what hangs fails.
SECONDS = 60


def at_once(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """Run the tasks in as many threads, started together; their results in order. Fails where one hangs."""
    gate = Barrier(len(tasks))

    def run(task: Callable[[], T]) -> T:
        gate.wait(SECONDS)
        return _closing(task)

    with ThreadPoolExecutor(len(tasks)) as pool:
        return [future.result(SECONDS) for future in [pool.submit(run, task) for task in tasks]]


def elsewhere(task: Callable[[], T]) -> T:
    """Run the task over another connection and wait until it is done and committed."""
    with ThreadPoolExecutor(1) as pool:
        return beside(pool, task).result(SECONDS)


def beside(pool: ThreadPoolExecutor, task: Callable[[], T]) -> Future[T]:
    """Start the task over another connection and go on."""
    return pool.submit(_closing, task)


def behind(first: Callable[[], object], second: Callable[[], T], *, commits: bool = True) -> T:
    """What the second comes to that begins when the first has written, and ends when the first is committed or not."""
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            first()
            waiting = beside(pool, second)
            until(lambda: waiting.done() or waits_for_a_lock(), seconds=20, what="the second waits")
            transaction.set_rollback(not commits)
        return waiting.result(SECONDS)


def waits_for_a_lock() -> int:
    """How many connections to this database wait for a lock that another one holds."""
    fetch_all("SELECT pg_stat_clear_snapshot()")  # a transaction sees activity as at its first look
    [(count,)] = fetch_all(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    return int(count)


def _closing(task: Callable[[], T]) -> T:
    try:
        return task()
    finally:
        connection.close()
