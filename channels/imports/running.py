"""Carrying an import out: chunk by chunk, each with its counters and its mark in one transaction.

A process that dies leaves whole chunks only; the next one reads the same file, comes to the same objects in the same
order, and goes on after the mark.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from django.core.files.base import ContentFile

from channels.imports.issues import group_issues
from channels.imports.kinds.base import Context, Finish, Handler
from channels.imports.kinds.nodes import NodeHandler
from channels.imports.kinds.orders import OrderHandler
from channels.imports.kinds.purchase_orders import PurchaseOrderHandler
from channels.imports.kinds.remittances import RemittanceHandler
from channels.imports.kinds.skus import SkuHandler
from channels.imports.kinds.stock import StockHandler
from channels.imports.kinds.substitutes import SubstituteHandler
from channels.imports.rejects import rejected_csv
from channels.imports.storage import stored_path
from channels.imports.tables import Table, read_table
from channels.imports.types import Counts, Kind, Options, Progress, Reading, Result, RowIssue, Unit
from oms.core.db import execute, run_atomic
from oms.core.models import Job, JobState

HANDLERS: dict[Kind, Handler] = {
    "orders": OrderHandler(),
    "skus": SkuHandler(),
    "nodes": NodeHandler(),
    "stock": StockHandler(),
    "purchase_orders": PurchaseOrderHandler(),
    "substitutes": SubstituteHandler(),
    "remittances": RemittanceHandler(),
}
#: Key space of the advisory locks that keep two imports of one kind from writing chunks at the same time.
_LOCK_SPACE = 7_201
_MAX_REFUSED = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One import as it stands in a job's args."""

    kind: Kind
    token: str
    filename: str
    columns: Mapping[str, str]
    options: Options
    actor: str
    sha256: str

    @property
    def fingerprint(self) -> str:
        """The same file, meant in the same way."""
        said = [self.kind, self.sha256, sorted(self.columns.items()), self.options.as_json()]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """For the job's args."""
        return {
            "kind": self.kind, "file": self.token, "filename": self.filename, "columns": dict(self.columns),
            "options": self.options.as_json(), "actor": self.actor, "sha256": self.sha256,
            "fingerprint": self.fingerprint,
        }  # fmt: skip

    @classmethod
    def from_json(cls, args: Mapping[str, Any]) -> Task:
        """Read what `as_json` wrote."""
        return cls(
            kind=args["kind"], token=args["file"], filename=args["filename"], columns=args["columns"],
            options=Options.from_json(args["options"]), actor=args["actor"], sha256=args["sha256"],
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How far an import has come: the position of the next object, and the counts so far."""

    next: int = 0
    counts: Counts = field(default_factory=Counts)
    refused: tuple[RowIssue, ...] = ()
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """For the job's result while it runs."""
        refused = [asdict(issue) for issue in self.refused[:_MAX_REFUSED]]
        return {"next": self.next, "counts": asdict(self.counts), "refused": refused, "seconds": self.seconds}

    @classmethod
    def of(cls, job: Job) -> Mark:
        """Where the job stands."""
        data = job.result.get("mark")
        if not data:
            return cls()
        return cls(
            next=data["next"], counts=Counts(**data["counts"]), seconds=data["seconds"],
            refused=tuple(RowIssue(**issue) for issue in data["refused"]),
        )  # fmt: skip


def read_all(table: Table, task: Task) -> Reading:
    """Every row of the file."""
    return HANDLERS[task.kind].read(table, task.columns, task.options)


def was_imported(task: Task, *, but: int | None = None) -> bool:
    """A stock file is a count at one moment: importing it twice must not undo what was sold in between."""
    if task.kind != "stock" or task.options.again:
        return False
    done = Job.objects.filter(kind="import", state=JobState.DONE, args__fingerprint=task.fingerprint)
    if but is not None:
        done = done.exclude(pk=but)
    return done.exists()


def run_import(job: Job, progress: Progress, *, slice_seconds: float, wait: bool = True) -> Result | None:
    """Go on with a job for about `slice_seconds`; its Result once it is finished, None while there is more to do.

    An import that came to its end gives its Result again: its process may have died before it could end the job.
    """
    if "import" in job.result:
        return Result.from_json(job.result["import"])
    task = Task.from_json(job.args)
    started = time.monotonic()
    table = read_table(stored_path(task.token), task.filename)
    reading = read_all(table, task)
    if was_imported(task, but=job.pk):
        return _finish(job, task, table, reading, Mark(counts=Counts(skip=len(reading.units))), Finish(), True)
    handler = HANDLERS[task.kind]
    context = Context(
        options=task.options,
        actor=task.actor,
        fingerprint=_op_fingerprint(task, job),
        job_id=job.pk,
    )
    mark = Mark.of(job)
    before = mark.seconds
    if "mark" not in job.result:
        mark = _begin(job, reading, progress)
    while mark.next < len(reading.units):
        chunk = reading.units[mark.next : mark.next + handler.chunk_size]
        moved = replace(mark, seconds=before + time.monotonic() - started)
        mark = run_atomic(lambda: _write_chunk(job, task, handler, chunk, moved, context, progress))  # noqa: B023
        if time.monotonic() - started > slice_seconds:
            return None
    finish = handler.finish(context, until=started + slice_seconds if wait else None)
    if wait and finish.waiting and time.monotonic() - started > slice_seconds:
        return None
    mark = replace(mark, seconds=before + time.monotonic() - started)
    return _finish(job, task, table, reading, mark, finish, False)


def _begin(job: Job, reading: Reading, progress: Progress) -> Mark:
    """Count the rows that never became an object, once."""
    mark = Mark()
    inside = {row for unit in reading.units for row in unit.rows}
    outside = len(reading.bad_rows - inside)

    def work() -> None:
        Job.objects.filter(pk=job.pk).update(result={"mark": mark.as_json()})
        progress(total=len(reading.units) + outside, done=outside, failed=outside)

    run_atomic(work)
    return mark


def _write_chunk(
    job: Job, task: Task, handler: Handler, chunk: Sequence[Unit], mark: Mark, context: Context, progress: Progress
) -> Mark:
    execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK_SPACE, task.kind])
    issues = [issue for issue in handler.verify(chunk, task.options) if not issue.warning]
    at_fault = {issue.row for issue in issues}
    good = [unit for unit in chunk if at_fault.isdisjoint(unit.rows)]
    written = handler.write(good, context)
    counts = written.counts
    moved = Mark(
        next=mark.next + len(chunk),
        counts=mark.counts.plus(counts),
        refused=(*mark.refused, *issues, *written.refused),
        seconds=mark.seconds,
    )
    Job.objects.filter(pk=job.pk).update(result={"mark": moved.as_json()})
    progress(
        done=len(chunk),
        succeeded=counts.create + counts.update,
        failed=len(chunk) - counts.total,
        skipped=counts.skip,
    )
    return moved


def _finish(job: Job, task: Task, table: Table, reading: Reading, mark: Mark, finish: Finish, already: bool) -> Result:
    issues = [*reading.issues, *mark.refused]
    bad = bad_rows(reading, mark.refused)
    rejected = ""
    if bad:
        stem = task.filename.rsplit("/", 1)[-1].split(".")[0][:60] or "file"
        job.result_file.save(f"rejected-{stem}.csv", ContentFile(rejected_csv(table, issues, bad)), save=False)
        rejected = job.result_file.name or ""
    errors, warnings = group_issues(issues)
    result = Result(
        kind=task.kind, rows=reading.rows, objects=len(reading.units), created=mark.counts.create,
        updated=mark.counts.update, skipped=mark.counts.skip, failed=len(bad), seconds=round(mark.seconds, 2),
        captured=finish.captured, quarantined=finish.quarantined, waiting=finish.waiting, errors=errors,
        warnings=warnings, rejected_file=rejected, job_id=job.pk, already_imported=already,
    )  # fmt: skip
    job.result = {"import": asdict(result)}
    job.save(update_fields=["result", "result_file"])
    return result


def bad_rows(reading: Reading, refused: Sequence[RowIssue]) -> dict[int, int]:
    """Each refused row -> the row at fault: its own, or that of another row of the same object."""
    at_fault = {issue.row for issue in (*reading.issues, *refused) if not issue.warning}
    bad = {row: row for row in reading.bad_rows | {issue.row for issue in refused}}
    for unit in reading.units:
        guilty = next((row for row in unit.rows if row in at_fault), None)
        if guilty is not None:
            for row in unit.rows:
                if row in bad and row not in at_fault:
                    bad[row] = guilty
    return bad


def _op_fingerprint(task: Task, job: Job) -> str:
    """Names the postings of this import. A file taken again on purpose is another count, hence another name."""
    if not task.options.again:
        return task.fingerprint
    return hashlib.sha256(f"{task.fingerprint}/{job.uid}".encode()).hexdigest()
