"""The stock audit as a job, for ledgers too long to wait for."""

from __future__ import annotations

from django.utils.translation import gettext as _

from inventory.services import audit_stock
from oms.accounts.access import Principal
from oms.core.jobs import progress, start_job
from oms.core.models import Job
from oms.reporting.stock_audit import ORDER_CHECKS

AUDIT = "stock.audit"


def start_audit(principal: Principal) -> Job:
    """Queue an audit of everything."""
    return start_job(
        kind=AUDIT, title=_("Check the stock"), args={}, user_id=principal.user.pk if principal.user else None
    )


def run_audit(job: Job) -> bool:
    """Run the audit in one go: it reads only, and running it twice keeps the same differences."""
    run = audit_stock(more=ORDER_CHECKS)
    progress(job, total=run.levels, done=run.levels, succeeded=run.levels - min(run.differences, run.levels),
             failed=min(run.differences, run.levels))  # fmt: skip
    Job.objects.filter(pk=job.pk).update(result={"differences": run.differences, "postings": run.postings})
    return True
