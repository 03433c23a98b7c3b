"""Kinds of jobs that people start, and what runs a slice of each. Screens register nothing: they start a kind."""

from __future__ import annotations

from oms.core.jobs import JobRunner
from oms.flow.bulk_jobs import BULK, run_bulk
from oms.flow.export_jobs import EXPORT, run_export

RUNNERS: dict[str, JobRunner] = {
    BULK: run_bulk,
    EXPORT: run_export,
}
