"""Processes that reserve at the same time, and how fast they were."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from multiprocessing.connection import Connection
from typing import Any

from reservation_floors import floor_reserve

from inventory.services import Claim, reserve
from oms.core.db import run_statement
from oms.core.ids import uuid7

#: A SKU at a node, by their ids.
Level = tuple[int, int]
#: More reservations than all writers make in a second: so many claims are there before the clock starts.
MOST_ONE_BY_ONE, MOST_IN_BATCHES = 8_000, 25_000
#: For a turn that hangs.
PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Task:
    """What every writer does in one turn: reserve for `seconds`, or until nothing is granted any more."""

    who: str
    levels: Sequence[Level]
    size: int
    seconds: float = 0.0
    until_refused: bool = False


@dataclass(frozen=True)
class Turn:
    """What the writers did together: reservations a second, seconds of each batch, units granted in all."""

    rate: float
    times: tuple[float, ...]
    granted: int


def claims_for(levels: Sequence[Level]) -> Iterator[Claim]:
    """Claims of one unit each on levels drawn by lot, every one of a new order."""
    chance = random.Random()
    while True:
        sku_id, node_id = chance.choice(levels)
        order_id = chance.randrange(1 << 60)
        yield Claim(uuid7(), uuid7(), order_id, f"OM-{order_id % 10**9:09d}", sku_id, node_id, 1)


def product_reserve(claims: Sequence[Claim]) -> int:
    """Reserve by the product, in a transaction of its own as routing does; the units granted."""
    return len(claims) - len(run_statement(lambda: reserve(claims, actor="benchmark")))


RESERVE: dict[str, Callable[[Sequence[Claim]], int]] = {"product": product_reserve, "floor": floor_reserve}


class Writers:
    """Processes with a connection each. They wait, without doing anything, until they get a task."""

    def __init__(self, count: int) -> None:
        context = multiprocessing.get_context("fork")
        #: Writers that have been measured; the others are still in their turn.
        self.measured: Any = context.Value("i", 0)
        self.pipes: list[Connection] = []
        for _ in range(count):
            here, there = context.Pipe()
            context.Process(target=_write, args=(there, self.measured), daemon=True).start()
            self.pipes.append(here)

    def run(self, task: Task, writers: int) -> Turn:
        """Let the first so many writers do the task at the same time."""
        pipes = self.pipes[:writers]
        self.measured.value = 0
        for pipe in pipes:
            pipe.send((task, writers))
        for pipe in pipes:
            _answer(pipe)
        for pipe in pipes:
            pipe.send("go")
        turns: list[Turn] = [_answer(pipe) for pipe in pipes]
        return Turn(
            sum(turn.rate for turn in turns),
            tuple(spent for turn in turns for spent in turn.times),
            sum(turn.granted for turn in turns),
        )


def _answer(pipe: Connection) -> Any:
    if not pipe.poll(PATIENCE_SECONDS):
        raise TimeoutError("A writer does not answer.")
    answer = pipe.recv()
    if isinstance(answer, Exception):
        raise answer
    return answer


def _write(pipe: Connection, measured: Any) -> None:
    """The life of a writer."""
    try:
        while True:
            task, writers = pipe.recv()
            batches = _batches(task, writers)
            pipe.send("ready")
            pipe.recv()
            pipe.send(_until_refused(task, batches) if task.until_refused else _timed(task, batches, writers, measured))
    except EOFError:
        return
    except Exception as error:  # whatever it was, the run ends with it
        pipe.send(RuntimeError(f"{type(error).__name__}: {error}"))


def _batches(task: Task, writers: int) -> Iterator[list[Claim]]:
    """Batches without end; as many as the turn can need are made before this returns."""
    claims = claims_for(task.levels)
    most = MOST_ONE_BY_ONE if task.size == 1 else MOST_IN_BATCHES
    endless = iter(lambda: list(islice(claims, task.size)), [])
    return chain(list(islice(endless, int(most * task.seconds / writers / task.size) + 1)), endless)


def _timed(task: Task, batches: Iterator[list[Claim]], writers: int, measured: Any) -> Turn:
    """Reserve until every writer was measured over the time of a turn, from the end of its first batches."""
    take = RESERVE[task.who]
    # The first few are not counted: the connection prepares its statement.
    granted = sum(take(next(batches)) for _ in range(3))
    times: list[float] = []
    seconds = 0.0
    origin = now = time.perf_counter()
    while measured.value < writers:
        before = now
        granted += take(next(batches))
        now = time.perf_counter()
        if not seconds:
            times.append(now - before)
            if now - origin >= task.seconds:
                seconds = now - origin
                with measured.get_lock():
                    measured.value += 1
    return Turn(len(times) * task.size / seconds, tuple(times), granted)


def _until_refused(task: Task, batches: Iterator[list[Claim]]) -> Turn:
    """Reserve until a whole batch is refused."""
    granted = 0
    while got := RESERVE[task.who](next(batches)):
        granted += got
    return Turn(0.0, (), granted)
