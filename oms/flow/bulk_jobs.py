"""Bulk actions on orders: row by row, each row once, one bad row never blocks the rest.

The rows of a job are worked off under the lock of the job's row and their results commit with them. So a job may be
started in the request that asked for it and finished by a worker, or both at once, and no row is done twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from uuid import uuid4

from django.db import DatabaseError, transaction

from fulfillment.services import cancel_order, go_faster, reroute_order, save_promise
from oms.accounts.access import Principal
from oms.core.db import run_atomic
from oms.core.errors import DomainError
from oms.core.jobs import SLICE_SECONDS, JobCancelled, start_job
from oms.core.models import Job, JobState
from oms.flow.locks import lock_job
from oms.flow.telling import tell_new_date
from orders.models import Hold, Order
from orders.services import change_tags, place_hold, release_hold, release_orders

logger = logging.getLogger(__name__)

BULK = "orders.bulk"
#: A bulk action of at most so many rows is done while the person waits.
INLINE_ROWS = 200
#: Rows of one bulk action.
MOST_ROWS = 10_000


class Skipped(Exception):
    """The row needs nothing: told apart from a refusal, because nothing went wrong."""


@dataclass(frozen=True, slots=True)
class RowTask:
    """What one row's action gets: the job it belongs to, the arguments a person chose, and who that is."""

    job: Job
    order_id: int
    args: Mapping[str, Any]
    actor: str


@dataclass(frozen=True, slots=True)
class BulkAction:
    """One thing that can be done to many orders. `done` completes "117 orders ...".

    `run` raises what it refuses, and nothing of the row stays. Where it gives back a reason, the row is refused, too,
    but what it noted stays.
    """

    label: str
    verb: str
    done: str
    run: Callable[[RowTask], str | None]
    #: Rows in one transaction: several where a row takes locks on its order only.
    together: int = 1


def bulk_hold_handle(job_id: int) -> str:
    """The handle of the holds that a bulk action placed, by which they can be taken back."""
    return f"bulk:{job_id}"


def _hold(task: RowTask) -> None:
    place_hold(
        order_id=task.order_id, reason=task.args["reason"], source=task.actor, handle=bulk_hold_handle(task.job.pk),
        note=task.args.get("note", ""), actor=task.actor,
    )  # fmt: skip


def _release(task: RowTask) -> None:
    result = release_orders(order_ids=[task.order_id], actor=task.actor, note=task.args.get("note", ""))
    if task.order_id in result.refused:
        raise Skipped(result.refused[task.order_id])


def _undo_hold(task: RowTask) -> None:
    handle = bulk_hold_handle(task.args["hold_job"])
    hold = Hold.objects.filter(order_id=task.order_id, handle=handle, released_at__isnull=True).first()
    if hold is None:
        raise Skipped("The hold was cleared already.")
    release_hold(hold_id=hold.pk, actor=task.actor, note="Hold taken back.")


def _reroute(task: RowTask) -> None:
    reroute_order(order_id=task.order_id, actor=task.actor)


def _cancel(task: RowTask) -> None:
    if Order.objects.filter(pk=task.order_id, stage="cancelled").exists():
        raise Skipped("It was cancelled already.")
    cancel_order(order_id=task.order_id, reason=task.args["reason"], actor=task.actor)


def _tag(task: RowTask) -> None:
    changed = change_tags(
        order_id=task.order_id, add=task.args.get("add", []), remove=task.args.get("remove", []), actor=task.actor
    )
    if not changed:
        raise Skipped("Its tags are so already.")


def _save(task: RowTask) -> str | None:
    """That it was tried is kept: the order stands in the queue among those that cannot be moved."""
    moved = save_promise(order_id=task.order_id, actor=task.actor)
    return None if moved else "No other node can take all of it now."


def _hasten(task: RowTask) -> None:
    go_faster(order_id=task.order_id, actor=task.actor)


def _tell(task: RowTask) -> None:
    tell_new_date(order_id=task.order_id, actor=task.actor)


ACTIONS: dict[str, BulkAction] = {
    "hold": BulkAction("Hold", "orders.hold", "put on hold", _hold, together=25),
    "release": BulkAction("Release", "orders.release", "released", _release, together=25),
    "undo_hold": BulkAction("Undo hold", "orders.release", "released again", _undo_hold, together=25),
    "reroute": BulkAction("Reroute", "orders.reroute", "rerouted", _reroute),
    "cancel": BulkAction("Cancel", "orders.cancel", "cancelled", _cancel),
    "tag": BulkAction("Tag", "orders.edit", "tagged", _tag, together=25),
    "save": BulkAction("Move", "orders.reroute", "moved to another node", _save),
    "hasten": BulkAction("Faster service for", "orders.reroute", "set to go by the fastest service", _hasten),
    "tell": BulkAction("Tell a new date for", "orders.note", "promised a new date", _tell),
}


def start_bulk(
    *, action: str, order_ids: Sequence[int], principal: Principal, args: Mapping[str, Any] | None = None
) -> Job:
    """Queue an action on these orders. Raises DomainError for none, or for more than MOST_ROWS of them."""
    ids = sorted(set(order_ids))
    what = ACTIONS[action]
    principal.require(what.verb)
    if not ids:
        raise DomainError("No order is selected.", field="ids")
    if len(ids) > MOST_ROWS:
        raise DomainError(f"One action takes at most {MOST_ROWS:,} orders. Filter further.", field="ids")
    noun = "order" if len(ids) == 1 else "orders"
    return start_job(
        kind=BULK, title=f"{what.label} {len(ids)} {noun}", user_id=principal.user.pk if principal.user else None,
        args={"action": action, "order_ids": ids, "actor": principal.name, **(args or {})},
    )  # fmt: skip


@dataclass(slots=True)
class _Outcome:
    done: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)


def run_bulk(job: Job) -> bool:
    """Work through the rows of a bulk action until they are done (True) or the slice is over."""
    action = ACTIONS[job.args["action"]]
    until = monotonic() + SLICE_SECONDS
    while monotonic() < until:
        if run_atomic(lambda: _next_rows(job.pk, action)):
            return True
    return False


def _next_rows(job_id: int, action: BulkAction) -> bool:
    """The next few rows and their results, in one transaction; True when none are left."""
    job = lock_job(job_id)
    if job.state != JobState.RUNNING:
        raise JobCancelled(f"{job} has ended.")
    ids: list[int] = job.args["order_ids"]
    part = ids[job.done : job.done + action.together]
    outcome = _Outcome()
    for order_id in part:
        _run_row(RowTask(job, order_id, job.args, job.args["actor"]), action, outcome)
    changes: dict[str, Any] = {
        "total": len(ids), "done": job.done + len(part), "succeeded": job.succeeded + outcome.done,
        "failed": job.failed + len(outcome.refused), "skipped": job.skipped + len(outcome.skipped),
    }  # fmt: skip
    if outcome.refused or outcome.skipped:
        result = dict(job.result)
        result["refused"] = result.get("refused", {}) | outcome.refused
        result["skipped"] = result.get("skipped", {}) | outcome.skipped
        changes["result"] = result
    Job.objects.filter(pk=job_id).update(**changes)
    return bool(changes["done"] >= len(ids))


def _run_row(task: RowTask, action: BulkAction, outcome: _Outcome) -> None:
    """One row in a savepoint of its own: what it refuses is kept as its result, and nothing of it stays."""
    key = str(task.order_id)
    try:
        with transaction.atomic():
            refusal = action.run(task)
    except Skipped as reason:
        outcome.skipped[key] = str(reason)
    except DomainError as error:
        outcome.refused[key] = error.message
    except DatabaseError:
        # A deadlock or a lost connection concerns the whole transaction: run_atomic does it again.
        raise
    except Exception:
        # An error nobody foresaw stays with its own row; the others are still to be done.
        reference = uuid4().hex[:8].upper()
        logger.exception("Bulk action %s failed on order %s, reference %s", action.label, task.order_id, reference)
        outcome.refused[key] = f"Something went wrong that nobody foresaw. Reference {reference}."
    else:
        if refusal is None:
            outcome.done += 1
        else:
            outcome.refused[key] = refusal


def done_order_ids(job: Job) -> list[int]:
    """The orders of a bulk job that were done."""
    apart = set(job.result.get("refused", {})) | set(job.result.get("skipped", {}))
    return [order_id for order_id in job.args["order_ids"][: job.done] if str(order_id) not in apart]


def refused_order_ids(job: Job) -> list[int]:
    """The orders of a bulk job that were refused."""
    return [int(key) for key in job.result.get("refused", {})]


def retry_refused(job: Job, principal: Principal) -> Job:
    """The same action again, on the refused rows only. Raises DomainError when there are none."""
    extra = {key: value for key, value in job.args.items() if key not in {"action", "order_ids", "actor"}}
    return start_bulk(action=job.args["action"], order_ids=refused_order_ids(job), principal=principal, args=extra)


def undo_hold(job: Job, principal: Principal) -> Job:
    """Take back the holds that a bulk action placed."""
    if job.args["action"] != "hold":
        raise DomainError("Only a hold can be undone here.")
    return start_bulk(action="undo_hold", order_ids=done_order_ids(job), principal=principal, args={"hold_job": job.pk})
