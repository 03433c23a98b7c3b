"""Exports of orders too large to wait for: written in parts, so that a crash or a restart goes on where it was."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any

from django.conf import settings
from django.core.files import File
from django.db import transaction

from oms.accounts.access import Principal, principal_of_user
from oms.accounts.models import User
from oms.core.clock import now
from oms.core.jobs import SLICE_SECONDS, fail_job, progress, start_job
from oms.core.models import Job, JobState
from oms.reporting.order_export import cells, csv_text, headings, xlsx_from_rows
from oms.reporting.order_rows import Column, chosen_columns, iter_rows
from orders.selectors import OrderQuestion, orders_matching

EXPORT = "orders.export"
#: An export of at most so many rows is sent at once.
STREAMED_ROWS = 5_000
#: How long the file of an export may be fetched.
FILE_LIFE = timedelta(hours=24)
FORMATS = ("csv", "xlsx")


def export_title(count: int, file_format: str) -> str:
    """How an export is called among the jobs."""
    return f"Export {count:,} orders as {file_format.upper()}"


def _args(
    question: OrderQuestion, columns: Sequence[Column], file_format: str, *, masked: bool, order_ids: Sequence[int]
) -> dict[str, Any]:
    return {
        "question": question.as_args(), "columns": [column.key for column in columns], "format": file_format,
        "masked": masked, "order_ids": list(order_ids),
    }  # fmt: skip


def start_export(
    *, question: OrderQuestion, columns: Sequence[Column], file_format: str, count: int, principal: Principal
) -> Job:
    """Queue an export; whoever asked finds the file on the job's page for a day."""
    principal.require("orders.export")
    return start_job(
        kind=EXPORT, title=export_title(count, file_format), user_id=principal.user.pk if principal.user else None,
        args=_args(question, columns, file_format, masked=not principal.may("pii.view"), order_ids=()),
    )  # fmt: skip


def record_export(
    *, question: OrderQuestion, columns: Sequence[Column], file_format: str, count: int, principal: Principal,
    order_ids: Sequence[int] = (),
) -> Job:  # fmt: skip
    """Write down an export that was sent at once: who took what, with which columns, masked or not."""
    return Job.objects.create(
        kind=EXPORT, title=export_title(count, file_format), state=JobState.DONE, total=count, done=count,
        succeeded=count, started_at=now(), finished_at=now(),
        created_by_id=principal.user.pk if principal.user else None,
        args=_args(question, columns, file_format, masked=not principal.may("pii.view"), order_ids=order_ids),
    )  # fmt: skip


def part_path(job: Job) -> Path:
    """Where the rows gather until the export is complete."""
    return Path(settings.MEDIA_ROOT) / "jobs" / "parts" / f"{job.uid}.csv"


def run_export(job: Job) -> bool:
    """Write rows until they are all there (True) or the slice is over. Rights and scope are those of now."""
    user = User.objects.filter(pk=job.created_by_id or 0, is_active=True).first()
    if user is None:
        fail_job(job.pk, "The person who asked for this export is not here any more.")
        return True
    principal = principal_of_user(user)
    if not principal.may("orders.export"):
        fail_job(job.pk, f"{principal.name} may not export orders any more.")
        return True
    if job.result_file:
        return True
    columns = chosen_columns(job.args["columns"])
    if not _write_rows(job, principal, columns):
        return False
    _finish_file(job, columns)
    return True


def _write_rows(job: Job, principal: Principal, columns: Sequence[Column]) -> bool:
    """Append rows behind the last mark; True at the end. What a crash left behind the mark is cut off first."""
    question = OrderQuestion.read(job.args["question"], moment=job.created_at)
    orders = orders_matching(question, principal, moment=job.created_at)
    path = part_path(job)
    path.parent.mkdir(parents=True, exist_ok=True)
    state = dict(job.result)
    if state.get("complete"):
        return True
    if "bytes" not in state:
        path.write_text("\ufeff" + csv_text([headings(columns)]), encoding="utf-8", newline="")
        state = {"bytes": path.stat().st_size, "after": ""}
        progress(job, total=orders.count())
    until = monotonic() + SLICE_SECONDS
    with path.open("r+b") as file:
        file.truncate(state["bytes"])
        file.seek(state["bytes"])
        masked = not principal.may("pii.view")
        for after, rows in iter_rows(orders, order_by=question.order_by, masked=masked, after=state["after"]):
            file.write(csv_text(cells(row, columns) for row in rows).encode())
            file.flush()
            state = {"bytes": file.tell(), "after": after, "complete": not after}
            _note_part(job, state, len(rows))
            if after and monotonic() > until:
                return False
    return True


def _note_part(job: Job, state: dict[str, Any], count: int) -> None:
    """Rows written and where they end, together: a restart neither repeats nor counts a row twice."""
    with transaction.atomic():
        progress(job, done=count, succeeded=count)
        Job.objects.filter(pk=job.pk).update(result=state)


def _finish_file(job: Job, columns: Sequence[Column]) -> None:
    path = part_path(job)
    name = f"orders-{job.created_at:%Y%m%d-%H%M}-{str(job.uid)[-6:]}"
    if job.args["format"] == "xlsx":
        book = path.with_suffix(".xlsx")
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            next(rows, None)
            xlsx_from_rows(book, columns, rows)
        path.unlink()
        path = book
    with path.open("rb") as file:
        job.result_file.save(f"{name}{path.suffix}", File(file), save=False)
    Job.objects.filter(pk=job.pk).update(result_file=job.result_file.name)
    path.unlink()


def drop_old_files() -> int:
    """Delete the files of exports that may not be fetched any more, and parts that nobody will complete; how many."""
    before = now() - FILE_LIFE
    old = Job.objects.filter(kind=EXPORT, finished_at__lt=before).exclude(result_file="")
    dropped = 0
    for job in old.order_by("pk")[:1000]:
        job.result_file.delete(save=False)
        Job.objects.filter(pk=job.pk).update(result_file="")
        dropped += 1
    for job in Job.objects.filter(kind=EXPORT, state__in=(JobState.FAILED, JobState.CANCELLED), finished_at__lt=before):
        for path in (part_path(job), part_path(job).with_suffix(".xlsx")):
            dropped += path.is_file()
            path.unlink(missing_ok=True)
    return dropped
