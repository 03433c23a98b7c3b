"""Hands what became of work and parcels down to be scored, by the clock or when a person asks."""

from __future__ import annotations

from fulfillment.selectors.performance import carried, work_done
from routing.models import PerformanceEdition
from routing.services import is_measured_lately, write_edition


def measure_performance() -> object:
    """Measure how nodes and carriers do, once a day; running it twice measures once. It changes no decision."""
    if is_measured_lately():
        return "measured lately"
    return write_edition(work_done(), carried()) or "nothing to measure"


def measure_now(*, actor: str) -> PerformanceEdition | None:
    """Measure for a person who does not wait for the clock; None where there is nothing to measure."""
    return write_edition(work_done(), carried(), actor=actor)
