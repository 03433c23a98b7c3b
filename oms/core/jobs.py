"""Long work that a person started: queued together with its event, run in slices, visible all the while."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce

from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.events import Event
from oms.core.ids import uuid7
from oms.core.models import Job, JobState
from oms.core.outbox import publish

#: Seconds of work in one slice; a job that is not finished then is queued again and goes on where it was. Less than a
#: lease, so that a slice with its last chunk ends well within the lease of its step.
SLICE_SECONDS = min(100.0, settings.LEASE_SECONDS / 1.2)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobQueued(Event):
    """A job, or the next slice of it, is to be run."""

    job_id: int
    slice: int = 0


#: Runs one slice of a job; True when the job is finished. Must be able to go on after a crash at any point.
JobRunner = Callable[[Job], bool]


class JobCancelled(Exception):
    """Raised by `progress` in the middle of a slice: the job has ended, or another worker has taken it over."""


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
    """Add to the counters of a running job. Raises JobCancelled when it ended or was taken over meanwhile.

    Called in the transaction of the chunk that it counts, it takes the chunk back too: of two workers on one job, after
    one was given up for dead too early, only the later one can write.
    """
    changes: dict[str, Any] = {
        "done": F("done") + done, "succeeded": F("succeeded") + succeeded,
        "failed": F("failed") + failed, "skipped": F("skipped") + skipped,
    }  # fmt: skip
    if total is not None:
        changes["total"] = total
    if not _mine(job).update(**changes):
        raise JobCancelled(f"{job} has ended or was taken over.")


def run_slice(job_id: int, runners: dict[str, JobRunner], *, number: int | None = None) -> None:
    """Run one slice of a job and queue the next, or finish it. A job that ended already is left alone.

    `number` is the slice that an event asks for: one that came to its end before, although its worker died before it
    could say so, is not run again beside the next.
    """
    job = _take(job_id, number)
    if job is None:
        return
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
        if _mine(job).update(attempts=F("attempts") + 1):
            publish([JobQueued(job_id=job_id, slice=job.attempts + 1)])

    run_atomic(again)


def _take(job_id: int, number: int | None) -> Job | None:
    """The open job, from now on in the hands of this slice alone; None where there is nothing to run."""
    jobs = Job.objects.filter(pk=job_id, state__in=[JobState.QUEUED, JobState.RUNNING])
    if number is not None:
        jobs = jobs.filter(attempts=number)
    token = uuid7()
    if not jobs.update(state=JobState.RUNNING, lease_token=token, started_at=Coalesce("started_at", now())):
        return None
    job = Job.objects.get(pk=job_id)
    job.lease_token = token  # another slice may have taken it over again already
    return job


def _mine(job: Job) -> QuerySet[Job]:
    """The running job, unless another slice has taken it over since `job` was read."""
    return Job.objects.filter(pk=job.pk, state=JobState.RUNNING, lease_token=job.lease_token)


def fail_job(job_id: int, message: str) -> None:
    """Give a job up, with the reason for the person who started it."""
    _finish(job_id, JobState.FAILED, message)


def give_up_slice(job_id: int, number: int, reason: str) -> None:
    """Nobody will run this slice of the job any more: it ends, with the reason for the person who started it."""
    text = f"Given up after several tries; what was done until then stays done. {reason}".strip()
    Job.objects.filter(pk=job_id, attempts=number, state__in=[JobState.QUEUED, JobState.RUNNING]).update(
        state=JobState.FAILED, error=text[:4000], finished_at=now()
    )


def reopen_slice(job_id: int, number: int) -> None:
    """A slice that was given up is tried again: the job waits for it and goes on where it was."""
    Job.objects.filter(pk=job_id, attempts=number, state=JobState.FAILED).update(
        state=JobState.QUEUED, error="", finished_at=None
    )


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
