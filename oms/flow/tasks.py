"""Tasks: wake-ups that find their work in the database. Losing one loses nothing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence

from celery import shared_task

from oms.flow.deliveries import due_steps, run_batch
from oms.flow.schedule import SCHEDULE
from oms.flow.table import STEPS

#: A task gives the worker back after this long, so that what the clock asks for has its turn as well. The relay wakes
#: it again while anything is due.
TASK_SECONDS = 2.0
#: After this long with other steps the urgent ones come again.
OTHERS_SECONDS = 0.5


@shared_task(name="flow.run_step")
def run_step(step_name: str) -> None:
    """Run batches of this step and of the others that are due, by turns, until nothing is due.

    By turns, because a step for which events keep coming would keep the others waiting for as long as they come, and
    because wake-ups wait in one line: of many for the busiest steps, each serves them all. In each turn the urgent ones
    come first, then the others for a while. Steps that may take longer than a lease are left to their own wake-ups.
    """
    deadline = time.monotonic() + TASK_SECONDS
    turns = Counter[str]()
    while due := _due(step_name, turns):
        urgent = [name for name in due if STEPS[name].urgent]
        _run(urgent, turns, deadline)
        _run([name for name in due if name not in urgent], turns, min(deadline, time.monotonic() + OTHERS_SECONDS))
        if time.monotonic() >= deadline:
            return


def _due(step_name: str, turns: Mapping[str, int]) -> list[str]:
    """The steps that are due and that a wake-up for this one serves: those that had the fewest turns, and it, first."""
    due = [name for name in due_steps() if name in STEPS and (name == step_name or STEPS[name].leases <= 1)]
    return sorted(due, key=lambda name: (turns.get(name, 0), name != step_name))


def _run(names: Sequence[str], turns: Counter[str], until: float) -> None:
    """A batch of each, until the time is over; of the first in any case."""
    for name in names:
        turns[name] += 1
        run_batch(STEPS[name])
        if time.monotonic() >= until:
            return


@shared_task(name="flow.scheduled")
def scheduled(name: str) -> None:
    """Run one entry of the schedule."""
    SCHEDULE[name]()
