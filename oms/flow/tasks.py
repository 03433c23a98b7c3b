"""Tasks: wake-ups that find their work in the database. Losing one loses nothing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping

from celery import shared_task

from oms.flow.deliveries import due_steps, run_batch
from oms.flow.schedule import SCHEDULE
from oms.flow.table import STEPS

#: A task gives the worker back after this long, so that what the clock asks for has its turn as well. The relay wakes
#: it again while anything is due.
TASK_SECONDS = 2.0


@shared_task(name="flow.run_step")
def run_step(step_name: str) -> None:
    """Run batches of this step and of the others that are due, by turns, until nothing is due.

    By turns, because a step for which events keep coming would keep the others waiting for as long as they come, and
    because wake-ups wait in one line: of many for the busiest steps, each serves them all. In each turn the urgent ones
    come first, then one of the others. Steps that may take longer than a lease are left to their own wake-ups.
    """
    deadline = time.monotonic() + TASK_SECONDS
    turns = Counter[str]()
    while turn := _turn(step_name, turns):
        for name in turn:
            turns[name] += 1
            run_batch(STEPS[name])
            if time.monotonic() >= deadline:
                return


def _turn(step_name: str, turns: Mapping[str, int]) -> list[str]:
    """The urgent steps that are due, and of the others the one that had the fewest turns, this step before others."""
    due = [name for name in due_steps() if name in STEPS and (name == step_name or STEPS[name].leases <= 1)]
    due.sort(key=lambda name: (turns.get(name, 0), name != step_name))
    urgent = [name for name in due if STEPS[name].urgent]
    return urgent + [name for name in due if name not in urgent][:1]


@shared_task(name="flow.scheduled")
def scheduled(name: str) -> None:
    """Run one entry of the schedule."""
    SCHEDULE[name]()
