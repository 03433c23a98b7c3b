"""Runs the pipeline in the test's own process: the relay's fan-out and the workers' batches, without the broker."""

from __future__ import annotations

from oms.core.models import Delivery
from oms.flow.deliveries import fan_out, run_batch
from oms.flow.table import EVENT_STEPS, STEPS


def drain(rounds: int = 200) -> None:
    """Fan out and run every step until nothing is due; fails where a step failed."""
    for _ in range(rounds):
        count, _ = fan_out(EVENT_STEPS)
        ran = sum(run_batch(step) for step in STEPS.values())
        failed = list(Delivery.objects.exclude(last_error="").values_list("step", "last_error"))
        assert not failed, failed[0][1]
        if not count and not ran:
            return
    raise AssertionError("The pipeline does not come to rest.")
