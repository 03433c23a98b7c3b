"""The real processes: web, worker, relay and beat as `manage.py up` runs them, and the simulated store."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import requests
from django.conf import settings

from benchmarks.replay.world import SECRETS, SHOP
from oms.embedded.children import Application, manage
from oms.embedded.guard import descendants
from oms.embedded.processes import spawn, stop
from oms.embedded.state import CHECKOUT

_HOST = "127.0.0.1"
#: In /proc/<pid>/stat after the name: time of the process and of its ended children, in user mode and in the kernel.
_TIMES = (11, 12, 13, 14)
_PROBLEM = re.compile(r"\b(ERROR|CRITICAL|WARNING|Traceback)\b")


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as door:
        door.bind((_HOST, 0))
        return int(door.getsockname()[1])


def processor_seconds_of_database(data_directory: str) -> float:
    """Processor time that the PostgreSQL of this directory has used so far."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and os.readlink(entry / "cwd") == data_directory:
                found.append(int(entry.name))
    return _seconds(found)


def processor_seconds_of_machine() -> float:
    """Processor time that anything on this machine has used so far."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    idle = (3, 4)  # idle, and waiting for a disk
    ticks = sum(int(field) for place, field in enumerate(fields[:8]) if place not in idle)
    return ticks / os.sysconf("SC_CLK_TCK")


def _seconds(processes: Iterable[int]) -> float:
    ticks = 0
    for process in processes:
        # A process may end while it is looked at; its parent then has its time.
        with suppress(OSError):
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(int(fields[place]) for place in _TIMES)
    return ticks / os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Processes:
    """Everything that runs beside this process. What they write as files goes to `folder`, their logs to `logs`."""

    folder: Path
    logs: Path
    web_url: str
    store_url: str
    guards: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start_web(self) -> None:
        """Start gunicorn and wait for it."""
        child = self._application().web()
        self._spawn("web", child.command, child.environment)
        self._wait("web", lambda: _answers(f"{self.web_url}/healthz"))

    def start_store(self) -> None:
        """Start the simulated store and wait for it."""
        port = self.store_url.rpartition(":")[2]
        command = manage(
            "simulate_store", "--port", port, "--prices-include-tax",
            "--webhook-url", f"{self.web_url}/hooks/channels/{SHOP}/",
            "--webhook-secret", SECRETS["webhook_secret"], "--consumer-key", SECRETS["consumer_key"],
            "--consumer-secret", SECRETS["consumer_secret"],
        )  # fmt: skip
        self._spawn("store", command, {"OMS_PROCESS": "manage"})
        self._wait("store", lambda: _answers(f"{self.store_url}/_sim/state"))

    def start_flow(self) -> None:
        """Start worker, relay and beat."""
        for child in self._application().background():
            if child.enabled():
                self._spawn(child.name, child.command, child.environment)

    def ended(self) -> list[str]:
        """Names of those that run no more."""
        return [name for name, guard in self.guards.items() if guard.poll() is not None]

    def stop(self) -> None:
        """End all of them, the last one first."""
        for guard in reversed(self.guards.values()):
            stop(guard)

    def processor_seconds(self) -> dict[str, float]:
        """Processor time that each has used so far, with that of everything it started."""
        return {name: _seconds([guard.pid, *descendants(guard.pid)]) for name, guard in self.guards.items()}

    def problems(self) -> dict[str, list[str]]:
        """Lines of the logs that tell of trouble, by process."""
        found: dict[str, list[str]] = {}
        for name in self.guards:
            lines = self._log(name).read_text(encoding="utf-8", errors="replace").splitlines()
            bad = [line for line in lines if _PROBLEM.search(line)]
            if bad:
                found[name] = bad
        return found

    def _application(self) -> Application:
        port = int(self.web_url.rpartition(":")[2])
        return Application(_HOST, port, {"relay"}, demo=False)

    def _spawn(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        whole = os.environ | environment | {
            "PYTHONPATH": str(CHECKOUT), "OMS_PUBLIC_URL": self.web_url, "OMS_LOG_LEVEL": "WARNING",
            "OMS_MEDIA_ROOT": str(self.folder / "media"), "OMS_EMAIL_FILE_PATH": str(self.folder / "mail"),
            "OMS_SECRET_KEY": settings.SECRET_KEY,
        }  # fmt: skip
        with self._log(name).open("wb") as log:
            self.guards[name] = spawn(command, environment=whole, output=log.fileno())

    def _log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def _wait(self, name: str, answers: Callable[[], bool], seconds: float = 120.0) -> None:
        deadline = time.monotonic() + seconds
        while not answers():
            if self.guards[name].poll() is not None or time.monotonic() > deadline:
                print(self._log(name).read_text(errors="replace")[-4000:], file=sys.stderr)
                raise RuntimeError(f"The {name} process does not answer.")
            time.sleep(0.2)


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).status_code < 500
    except requests.RequestException:
        return False


@contextmanager
def processes(folder: Path, logs: Path | None) -> Iterator[Processes]:
    """The processes for the length of a `with` block; none is started by itself. Logs lie in `folder`, or in `logs`."""
    logs = (logs or folder / "logs").resolve()
    logs.mkdir(parents=True, exist_ok=True)
    os.chdir(CHECKOUT)
    web_url, store_url = (f"http://{_HOST}:{free_port()}" for _ in range(2))
    found = Processes(folder, logs, web_url, store_url)
    try:
        yield found
    finally:
        found.stop()
