"""The door of the import engine: what screens, commands and the worker call.

    stored = store_upload(stream, filename)                     # bounded, named by its content
    inspection = inspect(stored.path, kind="skus", filename=stored.filename)
    check = plan(inspection, mapping, options)                  # every row read, nothing written
    job = start_import(inspection, mapping, options, user=user) # the worker then calls run_import_job
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from channels.imports.types import Check, Inspection, Kind, Options, Progress, Result
from oms.core.models import Job


def inspect(path: Path, *, kind: Kind, filename: str = "") -> Inspection:
    """Header, preview, suggestions. Raises ImportRefused for a file that cannot or must not be read."""
    raise NotImplementedError


def plan(inspection: Inspection, mapping: Mapping[str, str], options: Options) -> Check:
    """Read and validate every row and count what would be created, updated and skipped. Writes nothing."""
    raise NotImplementedError


def start_import(inspection: Inspection, mapping: Mapping[str, str], options: Options, *, user: Any) -> Job:
    """A queued Job of kind "import" for this file."""
    raise NotImplementedError


def run_import_job(job: Job, progress: Progress) -> Result:
    """Import the file of a job; called again after a crash it goes on after the last finished chunk."""
    raise NotImplementedError


def commit(
    inspection: Inspection,
    mapping: Mapping[str, str],
    options: Options,
    *,
    actor: str,
    progress: Progress | None = None,
) -> Result:
    """Import at once, in this process."""
    raise NotImplementedError
