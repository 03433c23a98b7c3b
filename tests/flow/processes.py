"""The real relay and worker, as processes of their own, on the test's database and broker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.db import connection

from oms.flow.tasks import scheduled

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
RELAY = (sys.executable, "manage.py", "relay")
WORKER = (sys.executable, "-m", "celery", "-A", "oms", "worker", "-c", "1", "-P", "solo", "--without-heartbeat",
          "--without-gossip", "--without-mingle", "-l", "WARNING")  # fmt: skip


@dataclass(slots=True)
class Pipeline:
    """The processes of one test; `kill` takes one away as a power cut would, `start` brings it back."""

    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Start "relay" or "worker"."""
        parts = urlsplit(os.environ["DATABASE_URL"])
        database = urlunsplit(parts._replace(path="/" + connection.settings_dict["NAME"]))
        environment = os.environ | {
            "DATABASE_URL": database, "OMS_SECRET_KEY": settings.SECRET_KEY, "OMS_PROCESS": name,
            "OMS_PUBLIC_URL": settings.PUBLIC_URL, "OMS_EMAIL_FILE_PATH": str(settings.EMAIL_FILE_PATH),
        }  # fmt: skip
        command = RELAY if name == "relay" else WORKER
        self.running[name] = subprocess.Popen(command, cwd=ROOT, env=environment)

    def kill(self, name: str) -> None:
        """SIGKILL: nothing is finished, nothing is tidied up."""
        process = self.running.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def tick(self, entry: str) -> None:
        """What the clock would do: ask for one entry of the schedule."""
        scheduled.delay(entry)

    def stop(self) -> None:
        """End what still runs."""
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def pipeline() -> Iterator[Pipeline]:
    """A relay and a worker for the time of a test."""
    processes = Pipeline()
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
