"""Simulations of routing rules as jobs: queued with what they are about, played in one slice, cancelled at any step."""

from __future__ import annotations

from django.db import transaction

from oms.core.db import run_atomic
from oms.core.errors import DomainError
from oms.core.jobs import fail_job, progress, start_job
from oms.core.models import Job
from routing.models import Simulation
from routing.services.simulating import (
    SimulationTerms,
    keep_simulation,
    new_simulation,
    open_simulation,
    play_simulation,
)

SIMULATE = "routing.simulate"


def start_simulation(terms: SimulationTerms, *, actor: str, user_id: int | None) -> Simulation:
    """Queue a simulation; it begins within a second of the commit. Raises what `new_simulation` raises."""

    def work() -> Simulation:
        simulation = new_simulation(terms, actor=actor)
        title = f"Simulate {', '.join(simulation.names[1:])} against {simulation.names[0]}"
        simulation.job = start_job(
            kind=SIMULATE, title=title[:200], args={"simulation_id": simulation.pk}, user_id=user_id
        )
        simulation.save(update_fields=["job"])
        return simulation

    return run_atomic(work)


def run_simulation(job: Job) -> bool:
    """Play it from the beginning, always in one slice: after a crash nothing is left behind but its counter."""
    simulation = Simulation.objects.filter(pk=job.args["simulation_id"]).first()
    if simulation is None:
        fail_job(job.pk, "This simulation is not there any more.")
        return True
    try:
        opened = open_simulation(simulation)
    except DomainError as error:
        fail_job(job.pk, error.message)
        return True
    progress(job, total=opened.orders, done=-job.done)
    outcome = play_simulation(opened, lambda orders: progress(job, done=orders))
    with transaction.atomic():
        progress(job, succeeded=opened.orders)
        keep_simulation(simulation, outcome)
    return True
