"""Row locks of the flow."""

from __future__ import annotations

from oms.core.models import Job


def lock_job(job_id: int) -> Job:
    """One job, locked until the transaction ends, so that two runners never do the same part of it."""
    return Job.objects.select_for_update(no_key=True).get(pk=job_id)
