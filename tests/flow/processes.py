"""The real relay and worker, as processes of their own, on the test's database and broker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.db import connection

from oms.embedded.guard import descendants
from oms.embedded.processes import spawn
from oms.embedded.state import CHECKOUT
from oms.flow.tasks import scheduled

T = TypeVar("T")
RELAY = (sys.executable, str(CHECKOUT / "manage.py"), "relay")
WORKER = (sys.executable, "-m", "celery", "-A", "oms", "worker", "--without-heartbeat", "--without-gossip",
          "--without-mingle", "-l", "WARNING")  # fmt: skip
#: One process that runs one step at a time.
ALONE = ("-c", "1", "-P", "solo")


@dataclass(slots=True)
class Pipeline:
    """The processes of one test; `kill` takes one away as a power cut would, `start` brings it back."""

    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    #: How the worker divides its work, in words of Celery.
    worker_options: tuple[str, ...] = ALONE
    #: What the environment says beside what the settings of the test say.
    environment: Mapping[str, str] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Start "relay" or "worker"."""
        parts = urlsplit(os.environ["DATABASE_URL"])
        database = urlunsplit(parts._replace(path="/" + connection.settings_dict["NAME"]))
        environment = os.environ | {
            "DATABASE_URL": database, "OMS_SECRET_KEY": settings.SECRET_KEY, "OMS_PROCESS": name,
            "OMS_PUBLIC_URL": settings.PUBLIC_URL, "OMS_EMAIL_FILE_PATH": str(settings.EMAIL_FILE_PATH),
            "PYTHONPATH": str(CHECKOUT), **self.environment,
        }  # fmt: skip
        command = RELAY if name == "relay" else (*WORKER, *self.worker_options)
        self.running[name] = spawn(command, environment=environment, grace_seconds=10)

    def kill(self, name: str) -> None:
        """SIGKILL of the process and of its children: nothing is finished, nothing is tidied up."""
        guard = self.running.pop(name)
        for process in list(descendants(guard.pid)):
            os.kill(process, signal.SIGKILL)
        guard.wait()

    def send(self, number: signal.Signals) -> None:
        """Signal everything: SIGSTOP lets no process begin anything until SIGCONT."""
        for guard in self.running.values():
            for process in list(descendants(guard.pid)):
                os.kill(process, number)

    def is_alive(self, name: str) -> bool:
        """True while the process that was started last still runs."""
        return self.running[name].poll() is None

    def tick(self, entry: str) -> None:
        """What the clock would do: ask for one entry of the schedule."""
        scheduled.delay(entry)

    def stop(self) -> None:
        """End what still runs."""
        for guard in self.running.values():
            guard.terminate()
        for guard in self.running.values():
            guard.wait()


@contextmanager
def pipeline(
    worker_options: tuple[str, ...] = ALONE, environment: Mapping[str, str] | None = None
) -> Iterator[Pipeline]:
    """A relay and a worker for the time of a test, under guards as `manage.py up` runs them."""
    processes = Pipeline(worker_options=worker_options, environment=environment or {})
    processes.start("relay")
    processes.start("worker")
    try:
        yield processes
    finally:
        processes.stop()


def until(question: Callable[[], T | None], *, seconds: float = 60.0, what: str = "") -> T:
    """Ask until the answer is true, at most so long; the answer."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = question()
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"Waited {seconds} s in vain: {what or question}")
