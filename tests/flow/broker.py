"""A Valkey of one test's own, which may be killed and comes back empty."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from oms.embedded.guard import descendants
from oms.embedded.processes import spawn, stop
from oms.embedded.programs import find_programs
from oms.embedded.throwaway import temporary_state
from oms.embedded.valkey import ValkeyServer
from tests.embedded.living import wait_until


@dataclass(slots=True)
class Broker:
    """The server and the process that guards it."""

    server: ValkeyServer
    guard: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What REDIS_URL has to be."""
        return self.server.url

    def start(self) -> None:
        """Start, with nothing in it."""
        self.guard = spawn(self.server.command(), account=self.server.state.account, grace_seconds=2)
        wait_until(self.server.answers, "an answer of Valkey")

    def kill(self) -> None:
        """SIGKILL: every wake-up that it held is gone."""
        assert self.guard is not None
        for process in list(descendants(self.guard.pid)):
            os.kill(process, signal.SIGKILL)
        self.guard.wait()
        assert not self.server.answers()


@contextmanager
def own_broker() -> Iterator[Broker]:
    """A running server in a directory of its own, which is gone afterwards."""
    state = temporary_state()
    state.create()
    broker = Broker(ValkeyServer(state, find_programs(state), throwaway=True))
    try:
        broker.server.ensure_data()
        broker.start()
        yield broker
    finally:
        if broker.guard is not None:
            stop(broker.guard)
        shutil.rmtree(state.root)
