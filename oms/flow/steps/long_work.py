"""Long work that a person started."""

from __future__ import annotations

from collections.abc import Sequence

from oms.core.events import Event
from oms.core.jobs import JobQueued, give_up_slice, reopen_slice, run_slice
from oms.flow.jobs import RUNNERS


def run_jobs(events: Sequence[Event]) -> None:
    """Run the next slice of jobs that people started."""
    for event in events:
        if isinstance(event, JobQueued):
            run_slice(event.job_id, RUNNERS, number=event.slice)


def give_up_job(event: Event, reason: str) -> None:
    """The slice failed for good: nobody waits for its job any more."""
    if isinstance(event, JobQueued):
        give_up_slice(event.job_id, event.slice, reason)


def reopen_job(event: Event) -> None:
    """The slice is tried again."""
    if isinstance(event, JobQueued):
        reopen_slice(event.job_id, event.slice)
