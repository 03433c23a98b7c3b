"""The command itself, once there is a database: its arguments, its table, its verdict."""

from __future__ import annotations

import argparse
import os
import random
import secrets
import sys
import time

from tests.hammer.checks import audit
from tests.hammer.estate import estate
from tests.hammer.runs import Run, Size, make_world, run_all

HEAD = ("run", "buyers", "sold", "over", "under", "lost", "broken", "busy", "kills", "control", "sale s", "rest s")
WIDTHS = (4, 7, 5, 5, 6, 5, 7, 5, 6, 8, 7, 7)


def main(arguments: list[str]) -> int:
    """Run the sales and print what came of them; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.hammer", description="Flash sales that cannot oversell.")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=None, help="decides which replies get lost and which process dies")
    parser.add_argument("--buyers", type=int, default=200)
    parser.add_argument("--units", type=int, default=50)
    parser.add_argument("--parallel", type=int, default=32)
    chosen = parser.parse_args(arguments)
    seed = chosen.seed if chosen.seed is not None else secrets.randbelow(1_000_000)
    size = Size(chosen.buyers, chosen.units, chosen.parallel)
    started = time.monotonic()
    print(f"seed {seed}: {size.buyers} buyers, {size.parallel} at a time, want {size.units} units; {chosen.runs} runs")
    world = make_world()
    environment = {"DATABASE_URL": os.environ["DATABASE_URL"], "REDIS_URL": os.environ["REDIS_URL"]}
    with estate(environment, random.Random(seed)) as processes:
        print(f"processes started in {time.monotonic() - started:.1f} s")
        print(" ".join(f"{name:>{width}}" for name, width in zip(HEAD, WIDTHS, strict=True)) + " buyers")
        done = run_all(processes, world, size, runs=chosen.runs, seed=seed, report=lambda run: _row(run, size))
    faults = [f"run {run.number}: {fault}" for run in done for fault in run.faults] + audit()
    for fault in faults:
        print(f"FAULT {fault}")
    exact = sum(1 for run in done if run.verdict.sold == size.units and not run.faults)
    caught = sum(1 for run in done if run.naive > size.units)
    print(
        f"{exact} of {len(done)} runs sold exactly {size.units} and lost count of nothing; the control was caught "
        f"overselling in {caught}; {sum(run.kills for run in done)} processes killed, "
        f"{sum(run.noise.lost for run in done)} replies lost; {time.monotonic() - started:.0f} s in all"
    )
    return 1 if faults else 0


def _row(run: Run, size: Size) -> None:
    sold = run.verdict.sold
    cells = (
        run.number, size.buyers, sold, max(0, sold - size.units), max(0, min(size.units, size.buyers) - sold),
        run.noise.lost, run.noise.broken, run.noise.busy, run.kills, run.naive, f"{run.seconds:.1f}",
        f"{run.rest_seconds:.1f}",
    )  # fmt: skip
    row = " ".join(f"{cell:>{width}}" for cell, width in zip(cells, WIDTHS, strict=True))
    print(f"{row} {'hold, then order' if run.way == 'hold' else 'order at once'}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
