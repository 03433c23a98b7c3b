"""Tasks: wake-ups that find their work in the database. Losing one loses nothing."""

from __future__ import annotations

import time

from celery import shared_task

from oms.flow.deliveries import run_batch
from oms.flow.schedule import SCHEDULE
from oms.flow.table import STEPS

#: A task gives the worker back after this long; the relay wakes it again while anything is due.
TASK_SECONDS = 20.0


@shared_task(name="flow.run_step")
def run_step(step_name: str) -> None:
    """Run batches of a step until nothing is due."""
    step = STEPS.get(step_name)
    if step is None:
        return
    deadline = time.monotonic() + TASK_SECONDS
    while time.monotonic() < deadline and run_batch(step):
        pass


@shared_task(name="flow.scheduled")
def scheduled(name: str) -> None:
    """Run one entry of the schedule."""
    SCHEDULE[name]()
