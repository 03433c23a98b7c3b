"""Long work that a person started: queued together with its event, run in slices, visible all the while."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import F

from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.events import Event
from oms.core.models import Job, JobState
from oms.core.outbox import publish

#: Seconds of work in one slice; a job that is not finished then is queued again and goes on where it was.
SLICE_SECONDS = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQueued(Event):
    """A job, or the next slice of it, is to be run."""

    job_id: int
    slice: int = 0


#: Runs one slice of a job; True when the job is finished. Must be able to go on after a crash at any point.
JobRunner = Callable[[Job], bool]


class JobCancelled(Exception):
    """Raised by `progress` in the middle of a slice: a person cancelled the job."""


def start_job(*, kind: str, title: str, args: dict[str, Any], user_id: int | None = None) -> Job:
    """Queue a job; it starts within a second of the commit."""

    def work() -> Job:
        job = Job.objects.create(kind=kind, title=title, args=args, created_by_id=user_id)
        publish([JobQueued(job_id=job.pk)])
        return job

    return run_atomic(work)


def progress(
    job: Job, *, total: int | None = None, done: int = 0, succeeded: int = 0, failed: int = 0, skipped: int = 0
) -> None:
    """Add to the counters of a running job. Raises JobCancelled when a person cancelled it meanwhile."""
    changes: dict[str, Any] = {
        "done": F("done") + done, "succeeded": F("succeeded") + succeeded,
        "failed": F("failed") + failed, "skipped": F("skipped") + skipped,
    }  # fmt: skip
    if total is not None:
        changes["total"] = total
    if not Job.objects.filter(pk=job.pk, state=JobState.RUNNING).update(**changes):
        raise JobCancelled(f"{job} was cancelled.")


def run_slice(job_id: int, runners: dict[str, JobRunner]) -> None:
    """Run one slice of a job and queue the next, or finish it. A job that ended already is left alone."""
    job = Job.objects.filter(pk=job_id, state__in=[JobState.QUEUED, JobState.RUNNING]).first()
    if job is None:
        return
    if job.state == JobState.QUEUED:
        Job.objects.filter(pk=job_id, state=JobState.QUEUED).update(state=JobState.RUNNING, started_at=now())
        job.refresh_from_db()
    runner = runners.get(job.kind)
    if runner is None:
        _finish(job_id, JobState.FAILED, f"Nothing here runs jobs of the kind {job.kind}.")
        return
    try:
        finished = runner(job)
    except JobCancelled:
        return
    if finished:
        _finish(job_id, JobState.DONE, "")
        return

    def again() -> None:
        Job.objects.filter(pk=job_id).update(attempts=F("attempts") + 1)
        publish([JobQueued(job_id=job_id, slice=job.attempts + 1)])

    run_atomic(again)


def fail_job(job_id: int, message: str) -> None:
    """Give a job up, with the reason for the person who started it."""
    _finish(job_id, JobState.FAILED, message)


def cancel_job(job_id: int) -> bool:
    """Stop a job at its next step; False where it had ended."""
    return (
        Job.objects.filter(pk=job_id, state__in=[JobState.QUEUED, JobState.RUNNING]).update(
            state=JobState.CANCELLED, finished_at=now()
        )
        == 1
    )


def _finish(job_id: int, state: JobState, error: str) -> None:
    Job.objects.filter(pk=job_id, state__in=[JobState.QUEUED, JobState.RUNNING]).update(
        state=state, error=error[:4000], finished_at=now()
    )
