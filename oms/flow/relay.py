"""The relay: moves events from the outbox to the steps that follow them, and wakes workers. Several may run."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event as Flag

from django.db import InterfaceError, OperationalError, connection
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from oms.flow.deliveries import due_steps, fan_out
from oms.flow.table import EVENT_STEPS, STEPS
from oms.flow.tasks import run_step

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.1
#: A step that is still due is woken again after this long, in case a wake-up was lost with the broker.
REWAKE_SECONDS = 2.0
MAX_WAKES = 4


class Relay:
    """One relay loop. `wake` sends a wake-up for a step."""

    def __init__(self, wake: Callable[[str], None]) -> None:
        self.wake = wake
        self.woken_at: dict[str, float] = {}

    def tick(self) -> int:
        """Fan out what waits and wake what is due; the number of events fanned out."""
        count, fresh = fan_out(EVENT_STEPS)
        moment = time.monotonic()
        for step_name, due in due_steps().items():
            step = STEPS.get(step_name)
            if step is None:
                continue
            if step_name in fresh or moment - self.woken_at.get(step_name, 0.0) >= REWAKE_SECONDS:
                self.woken_at[step_name] = moment
                for _ in range(min(MAX_WAKES, -(-due // step.batch))):
                    self.wake(step_name)
        return count

    def run(self, stop: Flag) -> None:
        """Tick until told to stop. A lost database or broker is waited for: nothing is lost meanwhile."""
        while not stop.is_set():
            pause = POLL_SECONDS
            try:
                if self.tick():
                    pause = 0.01
            except (OperationalError, InterfaceError) as error:
                logger.warning("database away: %s", error)
                connection.close()
                pause = 1.0
            except (BrokerError, RedisError) as error:
                logger.warning("broker away: %s", error)
                self.woken_at.clear()
                pause = 1.0
            stop.wait(pause)


def wake_worker(step_name: str) -> None:
    """Ask any worker to run a step. Fails at once when the broker is away; the next tick asks again."""
    run_step.apply_async(args=(step_name,), expires=30, retry=False)
