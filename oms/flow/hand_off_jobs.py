"""Handing the open work of a node to its WMS, or taking back what the WMS has: one by one, each with its result."""

from __future__ import annotations

import logging
from time import monotonic
from uuid import uuid4

from django.db import DatabaseError, transaction
from django.db.models import QuerySet

from fulfillment.models import FulfillmentOrder, HandOff
from fulfillment.services.hand_off_changeover import back_to_the_floor, can_be_handed_over, hand_over_to_wms
from inventory.models import Node
from oms.accounts.access import Principal
from oms.core.db import run_atomic
from oms.core.errors import DomainError
from oms.core.jobs import SLICE_SECONDS, progress, start_job
from oms.core.models import Job
from oms.flow.locks import lock_job

logger = logging.getLogger(__name__)

CHANGEOVER = "fulfil.hand_off_changeover"
#: Pieces of work of one job.
MOST_WORK = 2_000
#: What is done, and how its job is called.
_TITLES = {"give": "Hand open work of {node} to its WMS: {n}", "take": "Take work of {node} back from its WMS: {n}"}


def work_to_change(node_id: int, action: str) -> QuerySet[FulfillmentOrder]:
    """Work of a node that could be handed to its WMS ("give"), or that its WMS has ("take"); the first due first."""
    rows = can_be_handed_over() if action == "give" else FulfillmentOrder.objects.filter(
        with_wms=True, state__in=FulfillmentOrder.LIVE, hand_off__state__in=HandOff.LIVE
    )  # fmt: skip
    return rows.filter(node=node_id).order_by("due_at", "pk")


def start_changeover(*, node: Node, action: str, principal: Principal) -> Job:
    """Queue it for up to MOST_WORK pieces of work. Raises DomainError where there is nothing, or another action."""
    principal.require("handoffs.manage")
    if action not in _TITLES:
        raise DomainError(f"{action!r} came, expected one of {', '.join(_TITLES)}.", field="action")
    ids = list(work_to_change(node.pk, action).values_list("pk", flat=True)[:MOST_WORK])
    if not ids:
        raise DomainError(f"Nothing at {node.code} is left to change over.", field="action")
    return start_job(
        kind=CHANGEOVER, title=_TITLES[action].format(n=len(ids), node=node.code),
        user_id=principal.user.pk if principal.user else None,
        args={"action": action, "work_ids": ids, "node": node.code, "actor": principal.name},
    )  # fmt: skip


def run_changeover(job: Job) -> bool:
    """Work by work until all are done (True) or the slice is over; what came of each commits with it."""
    ids: list[int] = job.args["work_ids"]
    until = monotonic() + SLICE_SECONDS
    for work_id in ids[job.done :]:
        if monotonic() > until:
            return False
        _one(job, work_id)
    return True


def _one(job: Job, work_id: int) -> None:
    def work() -> None:
        # The job first: of two workers on it, the later one waits, and finds that it is not its own any more.
        locked = lock_job(job.pk)
        refusal = _change(work_id, job)
        progress(job, total=len(job.args["work_ids"]), done=1, succeeded=int(not refusal), failed=int(bool(refusal)))
        if refusal:
            refused = locked.result.get("refused", {}) | {str(work_id): refusal}
            Job.objects.filter(pk=job.pk).update(result=locked.result | {"refused": refused})

    run_atomic(work)


def _change(work_id: int, job: Job) -> str:
    """What is in the way, or nothing."""
    try:
        with transaction.atomic():
            if job.args["action"] == "give":
                hand_over_to_wms(fulfillment_order_id=work_id, actor=job.args["actor"])
            else:
                back_to_the_floor(fulfillment_order_id=work_id, reason="All work of the node comes back to its floor",
                                  actor=job.args["actor"])  # fmt: skip
    except DomainError as error:
        return error.message
    except DatabaseError:
        # A deadlock or a lost connection concerns the whole transaction: run_atomic does it again.
        raise
    except Exception:
        # An error nobody foresaw stays with its own work; the others are still to be done.
        reference = uuid4().hex[:8].upper()
        logger.exception("Work %s could not be changed over, reference %s", work_id, reference)
        return f"Something went wrong that nobody foresaw. Reference {reference}."
    return ""


def results_of(job: Job) -> list[tuple[str, str]]:
    """Each piece of work by its number with what came of it, what was refused first."""
    refused, ids = job.result.get("refused", {}), job.args["work_ids"]
    numbers = dict(FulfillmentOrder.objects.filter(pk__in=ids).values_list("pk", "number"))
    done = "handed to the WMS" if job.args["action"] == "give" else "back on the floor"
    rows = [
        (numbers.get(pk, str(pk)), refused.get(str(pk)) or (done if place < job.done else "not yet"))
        for place, pk in enumerate(ids)
    ]
    return sorted(rows, key=lambda row: row[1] in (done, "not yet"))
