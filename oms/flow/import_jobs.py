"""Imports as jobs: the import itself belongs to its engine; here is the check of a file too large to wait for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from channels.imports.errors import ImportRefused
from channels.imports.services import JOB_KIND, inspect, plan, stored_path
from channels.imports.types import Check, Inspection, IssueGroup, Options
from oms.core.jobs import fail_job, progress, start_job
from oms.core.models import Job

#: Kind of the jobs that write; `channels.imports.services.run_import_job` runs them.
IMPORT = JOB_KIND
IMPORT_CHECK = "import.check"
#: A file of at most so many rows is checked while the person waits.
INLINE_ROWS = 20_000


def start_check(*, inspection: Inspection, mapping: Mapping[str, str], options: Options, user_id: int | None) -> Job:
    """Queue the check of a stored file; the answer is found with `check_of`."""
    return start_job(
        kind=IMPORT_CHECK, title=f"Check {inspection.filename}"[:200], user_id=user_id,
        args={
            "kind": inspection.kind, "file": inspection.path.name, "filename": inspection.filename,
            "columns": dict(mapping), "options": options.as_json(), "rows": inspection.rows,
        },
    )  # fmt: skip


def run_check(job: Job) -> bool:
    """Read and check every row. Writes only the answer, so that it may be run again after a crash at any point."""
    args = job.args
    try:
        inspection = inspect(stored_path(args["file"]), kind=args["kind"], filename=args["filename"])
        check = plan(inspection, args["columns"], Options.from_json(args["options"]))
    except ImportRefused as error:
        fail_job(job.pk, error.message)
        return True
    Job.objects.filter(pk=job.pk).update(result={"check": asdict(check)}, done=0, succeeded=0, failed=0)
    progress(job, total=check.rows, done=check.rows, succeeded=check.good_rows, failed=check.bad_rows)
    return True


def check_of(job: Job) -> Check | None:
    """What a finished check found; None while it runs."""
    data: dict[str, Any] | None = job.result.get("check")
    if data is None:
        return None
    return Check(**(data | {"errors": groups_of(data["errors"]), "warnings": groups_of(data["warnings"])}))


def groups_of(stored: list[dict[str, Any]]) -> tuple[IssueGroup, ...]:
    """Groups of issues as a job keeps them."""
    return tuple(
        IssueGroup(**(group | {"examples": tuple(group["examples"]), "rows": tuple(group["rows"])})) for group in stored
    )
