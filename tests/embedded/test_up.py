"""`manage.py up` as a person meets it: the whole system, a second start, SIGKILL, and Ctrl-C."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from oms.embedded.guard import descendants, parent_and_state
from oms.embedded.state import CHECKOUT
from tests.embedded.living import living, wait_until

pytestmark = pytest.mark.e2e


@pytest.fixture
def root() -> Iterator[Path]:
    """A state directory of its own, in a place that the service account can enter."""
    with tempfile.TemporaryDirectory(prefix="oms-up-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def environment(root: Path) -> dict[str, str]:
    """The variables of a person who has set nothing but the state directory."""
    ours = ("DATABASE_URL", "REDIS_URL", "OMS_SECRET_KEY", "PYTEST_CURRENT_TEST")
    inherited = {name: value for name, value in os.environ.items() if name not in ours}
    return inherited | {"OMS_STATE_DIR": str(root), "OMS_TEST_MARK": str(root)}


def command(port: int) -> list[str]:
    return [sys.executable, str(CHECKOUT / "manage.py"), "up", "--no-demo", "--port", str(port)]


def begin(root: Path, port: int) -> subprocess.Popen[bytes]:
    """Start the system and wait until it says that it is ready."""
    with (root / "log").open("wb") as log:
        process = subprocess.Popen(command(port), env=environment(root), stdout=log, stderr=log)
    wait_until(
        lambda: "The OMS is ready" in (root / "log").read_text() or process.poll() is not None, "readiness", seconds=240
    )
    assert process.poll() is None, (root / "log").read_text()
    return process


def status_of(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def answers(port: int) -> bool:
    """True once the pages are there and reach the database."""
    try:
        return status_of(port, "/readyz") == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False


#: A job of no known kind: it comes to its end only where relay, broker and worker work together.
RUN_A_JOB = """
import time
from oms.core.jobs import start_job
from oms.core.models import Job
job = start_job(kind="none", title="Nothing", args={})
until = time.monotonic() + 60
while Job.objects.get(pk=job.pk).state != "failed" and time.monotonic() < until:
    time.sleep(0.1)
print(Job.objects.get(pk=job.pk).error)
"""
#: How long a process may take to be there again on a busy machine: six of them import everything at once.
AGAIN_SECONDS = 90


def starts_of(root: Path, name: str) -> list[int]:
    """The guards under which a child was started, oldest first."""
    lines = re.findall(rf"^\S+ {name} +\| started, process (\d+)$", (root / "log").read_text(), re.MULTILINE)
    return [int(process) for process in lines]


def programs_of(guard: int) -> list[int]:
    """The process that a guard runs; none before it has started it."""
    return [process for process in descendants(guard) if parent_and_state(Path(f"/proc/{process}"))[0] == guard]


def kill_program(guard: int) -> None:
    """SIGKILL the program under a guard, as the kernel does when memory runs out."""
    wait_until(lambda: len(programs_of(guard)) == 1, "the program of a guard")
    os.kill(programs_of(guard)[0], signal.SIGKILL)


def assert_work_is_done(root: Path) -> None:
    """A job that is started now goes through relay, broker and worker."""
    shell = [sys.executable, str(CHECKOUT / "manage.py"), "shell", "--verbosity", "0", "--command", RUN_A_JOB]
    ended = subprocess.run(shell, env=environment(root), capture_output=True, text=True, check=False)
    said = f"{ended.stderr}\n{(root / 'log').read_text()}"
    assert ended.stdout.strip() == "Nothing here runs jobs of the kind none.", said


def test_one_command_runs_everything_mends_what_is_killed_and_leaves_nothing(root: Path, port: int) -> None:
    first = begin(root, port)
    assert status_of(port, "/healthz") == 200
    assert status_of(port, "/readyz") == 200
    running = " ".join(living(str(root)).values())
    assert all(part in running for part in ("gunicorn", "celery", "relay", "beat", "bin/postgres", "valkey-server"))

    second = subprocess.run(command(port), env=environment(root), capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert f"This OMS runs already, at http://127.0.0.1:{port}/" in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1

    first.kill()
    first.wait()
    wait_until(lambda: living(str(root)) == {}, "the end of everything after SIGKILL", seconds=60)

    again = begin(root, port)
    children = ("beat", "broker", "relay", "worker", "web", "database")
    assert {name: len(starts_of(root, name)) for name in children} == dict.fromkeys(children, 1)

    for name in children:
        kill_program(starts_of(root, name)[0])
        wait_until(lambda: len(starts_of(root, name)) == 2, f"the second start of {name}")  # noqa: B023 - at once
        if name in ("web", "database"):
            wait_until(lambda: answers(port), f"an answer after the end of {name}", seconds=AGAIN_SECONDS)
            assert_work_is_done(root)

    log = (root / "log").read_text()
    assert {name: len(starts_of(root, name)) for name in children} == dict.fromkeys(children, 2), log
    assert log.count("ended with code 137; starting again in 0.5 s") == len(children), log
    again.send_signal(signal.SIGINT)
    assert again.wait(60) == 0
    assert living(str(root)) == {}


def test_a_port_that_is_taken_is_named_before_anything_starts(root: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = int(server.getsockname()[1])
        refused = subprocess.run(command(taken), env=environment(root), capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{taken}" in refused.stderr
    assert f"make run PORT={taken + 1}" in refused.stderr
    assert living(str(root)) == {}
