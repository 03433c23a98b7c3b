"""python -m tests.planted [B6 ...] [--jobs 2] [--times 1]

Runs the named tests without any bug first: they must pass. Then plants each bug, and once more without the constraints
that stand behind the code where it names some. Ends with 1 where a bug survived, does not fit, or the control failed.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import TypeVar

from oms.embedded.throwaway import ThrowawayServices, start_services
from tests.migrated import migrated_data
from tests.planted.bugs import PatchError, Plant, read_plants
from tests.planted.runs import Verdict, Worker, make_directory, remove_directory
from tests.planted.tables import markdown, row

T = TypeVar("T")
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class How:
    """How each bug is tried: so many times, caught by any or by every test, with the words of the failures or not."""

    times: int
    any_of: bool
    verbose: bool


def main(arguments: Sequence[str]) -> int:
    """Plant the bugs that are asked for; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.planted", description="Bugs that the tests must catch.")
    parser.add_argument("bugs", nargs="*", help="families (B6) or beginnings of names of patches; all without any")
    parser.add_argument("--jobs", type=int, default=2, help="runs at the same time")
    parser.add_argument("--times", type=int, default=1, help="runs of each bug, all of which must catch it")
    parser.add_argument("--verbose", action="store_true", help="print with which words each test failed")
    parser.add_argument("--tests", nargs="+", default=[], help="try these instead, and print which of them notice")
    parser.add_argument("--table", action="store_true", help="print the table of the documentation, and run nothing")
    chosen = parser.parse_args(arguments)
    plants = [plant for plant in read_plants() if not chosen.bugs or _is_wanted(plant, chosen.bugs)]
    if not plants:
        parser.error(f"There is no patch for {' '.join(chosen.bugs)}.")
    if chosen.table:
        print(markdown(plants), end="")
        return 0
    how = How(chosen.times, any_of=bool(chosen.tests), verbose=chosen.verbose or bool(chosen.tests))
    if chosen.tests:
        plants = [replace(plant, caught_by=tuple(chosen.tests)) for plant in plants]
    return _run(plants, chosen.jobs, how)


def _is_wanted(plant: Plant, names: Iterable[str]) -> bool:
    return any(plant.name.startswith(name) or plant.family == name for name in names)


def _run(plants: Sequence[Plant], jobs: int, how: How) -> int:
    started = time.monotonic()
    services: list[ThrowawayServices] = []
    directories = [make_directory(number) for number in range(max(1, jobs))]
    try:
        # Services are started here, in the main thread: their guards end them when it dies.
        snapshot = migrated_data()
        services += [start_services(snapshot=snapshot) for _ in directories]
        os.environ.setdefault("OMS_SECRET_KEY", "planted")
        workers = [Worker(own, directory) for own, directory in zip(services, directories, strict=True)]
        failed = _control(workers, plants)
        if failed:
            return failed
        print(f"the named tests pass without a bug, {time.monotonic() - started:.0f} s", flush=True)
        verdicts = _plant_all(workers, plants, how)
    finally:
        for own in services:
            own.stop()
        for directory in directories:
            remove_directory(directory)
    survived = [verdict for verdict in verdicts if not verdict.caught]
    families = len({plant.family for plant in plants})
    print(
        f"{len(verdicts) - len(survived)} of {len(verdicts)} caught: {len(plants)} bugs of {families} families, "
        f"{len(verdicts) - len(plants)} of them without their walls too; {time.monotonic() - started:.0f} s in all"
    )
    return 1 if survived else 0


def _control(workers: Sequence[Worker], plants: Sequence[Plant]) -> int:
    tests = sorted({test for plant in plants for test in plant.caught_by})
    parts = [tests[number :: len(workers)] for number in range(len(workers))]
    faults = [
        fault for found in _shared(workers, lambda worker, part: worker.control(part), [p for p in parts if p])
        for fault in found
    ]  # fmt: skip
    for fault in faults:
        print(f"CONTROL {fault}")
    return 1 if faults else 0


def _plant_all(workers: Sequence[Worker], plants: Sequence[Plant], how: How) -> list[Verdict]:
    def attempt(worker: Worker, wanted: tuple[Plant, bool]) -> Verdict:
        plant, walls = wanted
        verdict = worker.try_bug(plant, walls=walls, times=how.times, any_of=how.any_of)
        lines = [row(verdict), *(f"       {fault}" for fault in verdict.faults)]
        lines += [f"       {test.rpartition('::')[2]}: {words}" for test, words in verdict.told.items() if how.verbose]
        print("\n".join(lines), flush=True)
        return verdict

    # Those that make a database of their own take longest.
    slow_first = sorted(plants, key=lambda plant: not plant.changes_migrations)
    wanted = [(plant, walls) for plant in slow_first for walls in (True, False) if walls or plant.walls]
    return _shared(workers, attempt, wanted)


def _shared(workers: Sequence[Worker], task: Callable[[Worker, S], T], parts: Sequence[S]) -> list[T]:
    """Do the task for each part, each by the next worker that is free; the results in order."""
    free: SimpleQueue[Worker] = SimpleQueue()
    for worker in workers:
        free.put(worker)

    def one(part: S) -> T:
        worker = free.get()
        try:
            return task(worker, part)
        finally:
            free.put(worker)

    with ThreadPoolExecutor(len(workers)) as pool:
        try:
            return list(pool.map(one, parts))
        except BaseException:
            # Interrupted: what runs ends by itself, and nothing more is begun.
            pool.shutdown(wait=False, cancel_futures=True)
            raise


if __name__ == "__main__":
    # An interrupted make ends this with SIGTERM, which would otherwise skip all tidying up.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main(sys.argv[1:]))
    except PatchError as error:
        sys.exit(str(error))
