"""Kinds of jobs that people start, and what runs a slice of each. Screens register nothing: they start a kind."""

from __future__ import annotations

from channels.imports.services import run_import_job
from inventory.services import BUFFERS, run_buffers
from inventory.services.replenishing import REPLENISH
from oms.core.jobs import JobRunner
from oms.flow.audit_jobs import AUDIT, run_audit
from oms.flow.bulk_jobs import BULK, run_bulk
from oms.flow.export_jobs import EXPORT, run_export
from oms.flow.hand_off_jobs import CHANGEOVER, run_changeover
from oms.flow.import_jobs import IMPORT, IMPORT_CHECK, run_check
from oms.flow.performance import MEASURE, run_measuring
from oms.flow.replay_jobs import REPLAY, run_replay
from oms.flow.replenishment_jobs import run_replenishment
from oms.flow.simulation_jobs import SIMULATE, run_simulation
from oms.flow.switch_jobs import SWITCH, run_switch

RUNNERS: dict[str, JobRunner] = {
    BUFFERS: run_buffers,
    AUDIT: run_audit,
    BULK: run_bulk,
    CHANGEOVER: run_changeover,
    EXPORT: run_export,
    IMPORT: run_import_job,
    IMPORT_CHECK: run_check,
    MEASURE: run_measuring,
    REPLAY: run_replay,
    REPLENISH: run_replenishment,
    SIMULATE: run_simulation,
    SWITCH: run_switch,
}
