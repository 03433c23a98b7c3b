"""The door of the import engine: what screens, commands and the worker call.

    stored = store_upload(request.FILES["file"].chunks(), name)  # bounded, named by its content
    inspection = inspect(stored.path, kind="skus", filename=stored.filename)
    check = plan(inspection, mapping, options)                   # every row read, nothing written
    job = start_import(inspection, mapping, options, user=user)  # the worker then calls run_import_job
    csv = template_csv("skus")                                   # an empty file with our own headers

`mapping` is field -> column; `inspection.mapping` is the suggestion to begin with, `FIELDS[kind]` the catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db.models import QuerySet

from channels.imports.catalogue import FIELDS
from channels.imports.errors import ImportRefused
from channels.imports.inspecting import inspect_table
from channels.imports.issues import group_issues
from channels.imports.kinds.orders import channel_of, choose_format
from channels.imports.kinds.stock import refuse_unknown_nodes
from channels.imports.rejects import write_csv
from channels.imports.running import HANDLERS, Task, read_all, run_import, was_imported
from channels.imports.saved import save_mapping
from channels.imports.storage import StoredFile, store_path, store_upload, stored_path
from channels.imports.tables import read_table
from channels.imports.types import Check, Counts, Inspection, Kind, Options, Progress, Result, RowIssue
from oms.core import jobs
from oms.core.clock import now
from oms.core.ids import uuid7
from oms.core.models import Job, JobState

__all__ = [
    "FIELDS",
    "StoredFile",
    "commit",
    "inspect",
    "plan",
    "run_import_job",
    "start_import",
    "store_path",
    "store_upload",
    "stored_path",
    "template_csv",
]

JOB_KIND = "import"
_LABELS: dict[Kind, str] = {
    "orders": "orders", "skus": "SKUs", "nodes": "nodes", "stock": "stock", "purchase_orders": "purchase orders",
    "substitutes": "substitutes", "remittances": "remittances",
}  # fmt: skip
#: A command that has not written a chunk for so long is taken for dead, and the next one goes on with its job.
_LEASE = timedelta(seconds=60)


def inspect(path: Path, *, kind: Kind, filename: str = "") -> Inspection:
    """Header, preview, suggestions. Raises ImportRefused for a file that cannot or must not be read."""
    return inspect_table(path, kind=kind, filename=filename)


def plan(inspection: Inspection, mapping: Mapping[str, str], options: Options) -> Check:
    """Read and validate every row and count what would be created, updated and skipped. Writes nothing.

    Raises ImportRefused where no row can be read: a required column is not named, a channel or node does not exist.
    """
    task = _task(inspection, mapping, options, actor="")
    reading = read_all(read_table(inspection.path, inspection.filename), task)
    handler = HANDLERS[inspection.kind]
    issues: list[RowIssue] = list(reading.issues)
    bad = set(reading.bad_rows)
    counts = Counts()
    already = was_imported(task)
    for start in range(0, len(reading.units), handler.chunk_size):
        chunk = reading.units[start : start + handler.chunk_size]
        found = handler.verify(chunk, options)
        issues += found
        at_fault = {issue.row for issue in found if not issue.warning}
        bad |= at_fault
        good = [unit for unit in chunk if at_fault.isdisjoint(unit.rows)]
        counts = counts.plus(Counts(skip=len(good)) if already else handler.count(good, options))
    errors, warnings = group_issues(issues)
    return Check(
        kind=inspection.kind, rows=reading.rows, good_rows=reading.rows - len(bad), bad_rows=len(bad),
        objects=counts.total, create=counts.create, update=counts.update, skip=counts.skip, errors=errors,
        warnings=warnings, already_imported=already,
    )  # fmt: skip


def start_import(
    inspection: Inspection, mapping: Mapping[str, str], options: Options, *, user: Any, mapping_name: str = ""
) -> Job:
    """A queued job for this file, which must lie in the store (see `store_upload`).

    The mapping is remembered for the next file of this shape, under `mapping_name` or the file's name.
    """
    task = _task(inspection, mapping, options, actor=str(user))
    stored_path(task.token)
    if inspection.format_code == "" or options.format == "columns":
        name = mapping_name or inspection.filename
        save_mapping(inspection.kind, name, inspection.header, mapping, options)
    return jobs.start_job(
        kind=JOB_KIND, title=_title(inspection), args=task.as_json(), user_id=getattr(user, "pk", None)
    )


def run_import_job(job: Job, progress: Progress | None = None) -> bool:
    """Run one slice of a job of kind "import"; True when it is finished (a JobRunner of `oms.core.jobs`).

    May be called again after a crash at any point. The outcome is in `job.result["import"]` (the fields of Result),
    the rejected rows in `job.result_file`. A file that is refused as a whole fails the job with the reason.
    """
    report = progress if progress is not None else _JobProgress(job)
    try:
        return run_import(job, report, slice_seconds=jobs.SLICE_SECONDS) is not None
    except ImportRefused as error:
        jobs.fail_job(job.pk, error.message)
        return True


def commit(
    inspection: Inspection,
    mapping: Mapping[str, str],
    options: Options,
    *,
    actor: str,
    progress: Progress | None = None,
    wait: bool = True,
) -> Result:
    """Import at once, in this process, as a job that others see. Raises ImportRefused, also where the job was stopped
    or another command took it over meanwhile.

    Killed half-way and called again with the same file it goes on with the same job. With `wait`, orders are captured
    here too; otherwise they are left in the inbox for the workers.
    """
    stored = store_path(inspection.path)
    task = replace(_task(inspection, mapping, options, actor=actor), token=stored.token)
    job = _take_up(task) or _begin(task, inspection)
    report = _CommandProgress(job, progress)
    try:
        result = None
        while result is None:
            # Not the lease: a command that was taken for dead must not go on under the name of the one that took over.
            job.refresh_from_db(fields=["result"])
            result = run_import(job, report, slice_seconds=jobs.SLICE_SECONDS, wait=wait)
    except ImportRefused as error:
        jobs.fail_job(job.pk, error.message)
        raise
    except jobs.JobCancelled as error:
        raise ImportRefused("The import was stopped, or another command went on with it.") from error
    _mine(job).update(state=JobState.DONE, finished_at=now(), lease_until=None)
    return result


def template_csv(kind: Kind) -> bytes:
    """A file with nothing but our headers, for people who begin from scratch."""
    return write_csv([field.label for field in FIELDS[kind]], [])


class _JobProgress:
    """Counters of the job, moved in the transaction of the chunk."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def __call__(
        self, *, total: int | None = None, done: int = 0, succeeded: int = 0, failed: int = 0, skipped: int = 0
    ) -> None:
        jobs.progress(self.job, total=total, done=done, succeeded=succeeded, failed=failed, skipped=skipped)


class _CommandProgress(_JobProgress):
    """The same, told on to the caller, with the lease renewed."""

    def __init__(self, job: Job, listener: Progress | None) -> None:
        super().__init__(job)
        self.listener = listener

    def __call__(
        self, *, total: int | None = None, done: int = 0, succeeded: int = 0, failed: int = 0, skipped: int = 0
    ) -> None:
        super().__call__(total=total, done=done, succeeded=succeeded, failed=failed, skipped=skipped)
        _mine(self.job).update(lease_until=now() + _LEASE)
        if self.listener is not None:
            self.listener(total=total, done=done, succeeded=succeeded, failed=failed, skipped=skipped)


def _take_up(task: Task) -> Job | None:
    """A job of the same file that a process left unfinished, taken by compare-and-swap."""
    left = Job.objects.filter(
        kind=JOB_KIND, state=JobState.RUNNING, args__fingerprint=task.fingerprint, lease_until__lt=now()
    )
    for job in left.order_by("pk")[:1]:
        token = uuid7()
        if left.filter(pk=job.pk).update(lease_until=now() + _LEASE, lease_token=token) == 1:
            job.lease_token = token
            return job
    return None


def _mine(job: Job) -> QuerySet[Job]:
    """The job, unless it ended or another command has taken it over."""
    return Job.objects.filter(pk=job.pk, state=JobState.RUNNING, lease_token=job.lease_token)


def _begin(task: Task, inspection: Inspection) -> Job:
    moment = now()
    return Job.objects.create(
        kind=JOB_KIND, title=_title(inspection), args=task.as_json(), state=JobState.RUNNING, started_at=moment,
        lease_until=moment + _LEASE, lease_token=uuid7(),
    )  # fmt: skip


def _title(inspection: Inspection) -> str:
    return f"Import {_LABELS[inspection.kind]} from {inspection.filename}"[:200]


def _task(inspection: Inspection, mapping: Mapping[str, str], options: Options, *, actor: str) -> Task:
    known = {field.name for field in FIELDS[inspection.kind]}
    columns = {name: column for name, column in mapping.items() if name in known and column in inspection.header}
    if inspection.kind == "orders":
        channel_of(options.channel)
        choose_format(inspection.header, columns, options)
    if inspection.kind in {"stock", "purchase_orders"}:
        refuse_unknown_nodes(options)
    missing = [field.label for field in FIELDS[inspection.kind] if field.required and field.name not in columns]
    if missing and inspection.kind != "orders":
        raise ImportRefused(f"No column is named for: {', '.join(missing)}.", field="mapping")
    return Task(
        kind=inspection.kind, token=inspection.path.name, filename=inspection.filename, columns=columns,
        options=options, actor=actor, sha256=inspection.sha256,
    )  # fmt: skip
