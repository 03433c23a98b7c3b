"""The state machine of the stock room: some steps in every run of the tests, as many as wanted by hand.

    make stock-machine [OPERATIONS=30000] [SEED=7]

The seed decides every operation and every death, so that it plays the same run again.
"""

from __future__ import annotations

import os
import time

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.inventory.machine import StockMachine
from tests.inventory.mortal import TALLY, MortalMachine
from tests.inventory.tracked_machine import TrackedMachine

STEPS = 60
OPERATIONS = int(os.environ.get("OMS_MACHINE_OPERATIONS", "300"))
SEED = int(os.environ.get("OMS_MACHINE_SEED", "20261122"))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("kind", "share"), [(StockMachine, 0.7), (TrackedMachine, 0.3)])
def test_no_operation_and_no_death_in_the_middle_of_one_makes_a_number_wrong(
    kind: type[MortalMachine], share: float
) -> None:
    TALLY.clear()
    started, wanted = time.monotonic(), int(OPERATIONS * share)
    while TALLY["operations"] < wanted:
        # A run of hypothesis has examples of its own choice; each round goes on with the next seed.
        rounds = TALLY["rounds"]
        # The first example of a run is the simplest there is: one alone would show nothing.
        left = max(5, (wanted - TALLY["operations"]) // STEPS)
        machine = seed(SEED + rounds)(kind)
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=min(left, 100), stateful_step_count=STEPS, deadline=None, database=None,
                phases=[Phase.generate, Phase.shrink], suppress_health_check=list(HealthCheck), print_blob=True,
            ),
        )  # fmt: skip
        TALLY["rounds"] += 1

    told = ", ".join(
        f"{TALLY[name]:,} {name}" for name in ("operations", "died before commit", "answer lost", "refused")
    )
    print(f"\n{kind.__name__}: {told}; seed {SEED}; 0 violations in {time.monotonic() - started:.0f} s")
    assert min(TALLY["died before commit"], TALLY["answer lost"], TALLY["refused"]) > 0
