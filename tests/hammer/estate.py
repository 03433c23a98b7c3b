"""The processes that are hammered: web, worker and relay as in production, and the control beside them."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from oms.embedded.guard import descendants, parent_and_state
from oms.embedded.processes import spawn
from oms.embedded.state import CHECKOUT

WEB_PROCESSES, WEB_THREADS = 2, 4
START_SECONDS = 90.0
#: Short, so that what a killed worker had begun is taken over soon.
LEASE_SECONDS = 3
WEB, WORKER, RELAY, CONTROL = "web", "worker", "relay", "control"


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


@dataclass(slots=True)
class Estate:
    """The running processes. Whatever is killed comes back: by its own master, or by `revive`."""

    environment: Mapping[str, str]
    chance: random.Random
    ports: dict[str, int] = field(default_factory=dict)
    guards: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    kills: list[str] = field(default_factory=list)
    #: Where they write what they have to say; the noise of processes that are killed is no news.
    log: int = subprocess.DEVNULL

    def start(self, name: str) -> None:
        """Start one of the processes."""
        self.guards[name] = spawn(
            self._command(name), environment=self._environment(name), grace_seconds=10, output=self.log
        )

    def _environment(self, name: str) -> dict[str, str]:
        process = "web" if name == CONTROL else name
        return {
            **os.environ, **self.environment, "OMS_PROCESS": process, "OMS_WEB_THREADS": str(WEB_THREADS),
            "OMS_LEASE_SECONDS": str(LEASE_SECONDS), "PYTHONPATH": str(CHECKOUT),
        }  # fmt: skip

    def _command(self, name: str) -> list[str]:
        if name == RELAY:
            return [sys.executable, str(CHECKOUT / "manage.py"), "relay"]
        if name == WORKER:
            return [sys.executable, "-m", "celery", "-A", "oms", "worker", "--concurrency", "2", "-l", "ERROR",
                    "--without-heartbeat", "--without-gossip", "--without-mingle"]  # fmt: skip
        application = "tests.hammer.naive:application" if name == CONTROL else "tests.hammer.web:application"
        port = self.ports.setdefault(name, free_port())
        return [sys.executable, "-m", "gunicorn", application, "--bind", f"127.0.0.1:{port}", "--workers",
                str(WEB_PROCESSES), "--worker-class", "gthread", "--threads", str(WEB_THREADS), "--preload",
                "--no-control-socket", "--log-level", "critical", "--backlog", "512"]  # fmt: skip

    def wait_until_ready(self) -> None:
        """Return once the web processes answer and the worker has its children."""
        deadline = time.monotonic() + START_SECONDS
        while not (all(map(self._answers, self.ports)) and len(self.children(WORKER)) >= 2):
            if time.monotonic() > deadline or any(guard.poll() is not None for guard in self.guards.values()):
                raise RuntimeError(f"Of {sorted(self.guards)} one did not start.")
            time.sleep(0.1)

    def _answers(self, name: str) -> bool:
        connection = HTTPConnection("127.0.0.1", self.ports[name], timeout=5)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status < 500
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def children(self, name: str) -> list[int]:
        """Ids of the processes that do the work: those below the master, which is below the guard."""
        guard = self.guards[name].pid
        found = list(descendants(guard))
        masters = {process for process in found if _parent(process) == guard}
        return sorted(process for process in found if _parent(process) in masters)

    def kill_child(self, name: str) -> bool:
        """SIGKILL of one process that does the work; its master starts another. False where none is there now."""
        alive = self.children(name)
        if not alive:
            return False
        os.kill(self.chance.choice(alive), signal.SIGKILL)
        self.kills.append(name)
        return True

    def kill_whole(self, name: str) -> None:
        """SIGKILL of the master and of all below it, as a power cut would; `revive` brings it back."""
        for process in list(descendants(self.guards[name].pid)):
            os.kill(process, signal.SIGKILL)
        self.kills.append(f"{name} whole")

    def revive(self) -> None:
        """Start again what has ended. Call it from the main thread: guards die with the thread that made them."""
        for name, guard in list(self.guards.items()):
            if guard.poll() is not None:
                self.start(name)

    def stop(self) -> None:
        """End all of them."""
        for guard in self.guards.values():
            guard.terminate()
        for guard in self.guards.values():
            guard.wait()


def _parent(process: int) -> int:
    return parent_and_state(Path("/proc") / str(process))[0]


@contextmanager
def estate(environment: Mapping[str, str], chance: random.Random) -> Iterator[Estate]:
    """All processes for the length of a `with` block."""
    made = Estate(environment, chance)
    try:
        for name in (WEB, CONTROL, WORKER, RELAY):
            made.start(name)
        made.wait_until_ready()
        yield made
    finally:
        made.stop()
