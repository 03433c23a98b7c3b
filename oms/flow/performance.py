"""Hands what became of work and parcels down to be scored, by the clock or when a person asks."""

from __future__ import annotations

from django.db import transaction

from fulfillment.selectors.performance import carried, work_done
from oms.core.db import run_atomic
from oms.core.jobs import progress, start_job
from oms.core.models import Job, JobState
from routing.locks import lock_editions
from routing.models import PerformanceEdition
from routing.services import is_measured_lately, write_edition

MEASURE = "routing.measure"


def measure_performance() -> object:
    """Measure how nodes and carriers do, once a day; running it twice measures once. It changes no decision."""
    if is_measured_lately():
        return "measured lately"
    return write_edition(work_done(), carried()) or "nothing to measure"


def measure_now(*, actor: str) -> PerformanceEdition | None:
    """Measure for a person who does not wait for the clock; None where there is nothing to measure."""
    return write_edition(work_done(), carried(), actor=actor)


def start_measuring(*, actor: str, user_id: int | None) -> Job:
    """Queue a measurement: it reads the work and the parcels of months. Where one is under way it is that one."""

    def work() -> Job:
        lock_editions()
        open_one = Job.objects.filter(kind=MEASURE, state__in=(JobState.QUEUED, JobState.RUNNING)).first()
        return open_one or start_job(kind=MEASURE, title="Measure performance", args={"actor": actor}, user_id=user_id)

    return run_atomic(work)


def run_measuring(job: Job) -> bool:
    """Measure in one go; the edition and that it was measured commit together, so that a crash measures once."""
    if job.done:
        return True
    with transaction.atomic():
        edition = measure_now(actor=job.args["actor"])
        progress(job, total=1, done=1, succeeded=int(edition is not None), skipped=int(edition is None))
        Job.objects.filter(pk=job.pk).update(result={"number": edition.number if edition else None})
    return True
