"""Whose jobs a person sees: their own; admins see all. A job outside looks as if it did not exist."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from oms.accounts.access import Principal
from oms.core.errors import NotFound
from oms.core.models import Job


def jobs_of(principal: Principal) -> QuerySet[Job]:
    """Every job the principal may see, newest first."""
    jobs = Job.objects.order_by("-pk")
    if "*" in principal.verbs:
        return jobs
    return jobs.filter(created_by_id=principal.user.pk) if principal.user else jobs.none()


def job_for(principal: Principal, uid: UUID) -> Job:
    """One job by its public id. Raises NotFound."""
    job = jobs_of(principal).filter(uid=uid).first()
    if job is None:
        raise NotFound("There is no such job.")
    return job
