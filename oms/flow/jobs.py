"""Kinds of jobs that people start, and what runs a slice of each. Screens register nothing: they start a kind."""

from __future__ import annotations

from oms.core.jobs import JobRunner

RUNNERS: dict[str, JobRunner] = {}
