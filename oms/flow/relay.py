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
from oms.flow.table import STEPS, steps_of_events
from oms.flow.tasks import run_step

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.1
#: A step that is still due is woken again after this long, in case a wake-up was lost with the broker.
REWAKE_SECONDS = 2.0
MAX_WAKES = 4
#: Wake-ups that may wait for a worker. Each serves every step, so more of them would only keep others waiting.
MAX_WAITING = 4


def nobody_waits() -> int:
    """Where nothing is known of the broker."""
    return 0


class Relay:
    """One relay loop. `wake` sends a wake-up for a step; `waiting` says how many no worker has taken yet."""

    def __init__(self, wake: Callable[[str], None], waiting: Callable[[], int] = nobody_waits) -> None:
        self.wake = wake
        self.waiting = waiting
        self.woken_at: dict[str, float] = {}
        #: Steps with new work that were not woken for it yet.
        self.fresh: set[str] = set()

    def tick(self) -> int:
        """Fan out what waits and wake what is due; the number of events fanned out."""
        count, fresh = fan_out(steps_of_events())
        self.fresh.update(fresh)
        moment = time.monotonic()
        due = {name: number for name, number in due_steps().items() if name in STEPS}
        asleep = [name for name in due if name in self.fresh or self._slept(name, moment) >= REWAKE_SECONDS]
        room = MAX_WAITING - self.waiting() if asleep else 0
        # The one that was woken longest ago comes first: where there is little room, they take turns.
        for name in sorted(asleep, key=lambda name: self.woken_at.get(name, 0.0)):
            wakes = min(MAX_WAKES, -(-due[name] // STEPS[name].batch), room)
            if wakes <= 0:
                break
            self.woken_at[name] = moment
            self.fresh.discard(name)
            room -= wakes
            for _ in range(wakes):
                self.wake(name)
        return count

    def _slept(self, step_name: str, moment: float) -> float:
        return moment - self.woken_at.get(step_name, 0.0)

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


def waiting_wakes(line: str = "") -> int:
    """Messages in the broker that no worker has taken yet, in the usual line or in another."""
    with run_step.app.producer_or_acquire() as producer:
        return int(producer.channel.queue_declare(line or run_step.app.conf.task_default_queue).message_count)


def wake_worker(step_name: str) -> None:
    """Ask any worker to run a step. Fails at once when the broker is away; the next tick asks again."""
    run_step.apply_async(args=(step_name,), expires=30, retry=False)
