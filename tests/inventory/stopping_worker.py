"""Makes a worker stop itself (SIGSTOP) once, in the middle of routing: `celery worker --include` this module.

OMS_TEST_STOP_AT says where: "claimed" is after it has claimed its deliveries and before its transaction, "done" is
inside the transaction, with everything written and nothing committed.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from typing import Any

from oms.core.events import Recorded
from oms.flow import deliveries
from oms.flow.deliveries import Step

_left = [os.environ.get("OMS_TEST_STOP_AT", "")]
_run, _call = deliveries._run, Step.call


def _stop(at: str, step: Step) -> None:
    if step.name == "route" and at in _left:
        _left.remove(at)
        os.kill(os.getpid(), signal.SIGSTOP)


def _run_after_a_stop(step: Step, *rest: Any) -> None:
    _stop("claimed", step)
    _run(step, *rest)


def _call_before_a_stop(step: Step, found: Sequence[Recorded]) -> None:
    _call(step, found)
    _stop("done", step)


setattr(deliveries, "_run", _run_after_a_stop)  # noqa: B010 - a patch, which typed code cannot see otherwise
setattr(Step, "call", _call_before_a_stop)  # noqa: B010
