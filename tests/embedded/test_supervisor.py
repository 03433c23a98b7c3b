"""The supervisor with a real PostgreSQL and stand-ins for the application (tests/embedded/fake_system.py)."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.embedded.living import living, wait_until

PROGRAM = Path(__file__).with_name("fake_system.py")
#: database, stubborn, polite, short and done have been started, and PostgreSQL has answered.
UP = re.compile(r"stubborn is up(.|\n)*stubborn is up")


@dataclass
class System:
    """One started system and what it has printed."""

    process: subprocess.Popen[bytes]
    log: Path
    mark: str

    @property
    def output(self) -> str:
        return self.log.read_text()

    def wait_for(self, pattern: str | re.Pattern[str]) -> None:
        wait_until(lambda: bool(re.search(pattern, self.output)), str(pattern))


@pytest.fixture
def root() -> Iterator[Path]:
    """A state directory that the service account can enter, which pytest's own tmp_path is not when root runs it."""
    with tempfile.TemporaryDirectory(prefix="oms-supervisor-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def system(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    mark = str(root)
    monkeypatch.setenv("OMS_TEST_MARK", mark)
    log = root / "log"
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, PROGRAM, root], stdout=output, stderr=output)
    running = System(process, log, mark)
    yield running
    process.kill()
    process.wait()
    wait_until(lambda: living(mark) == {}, "the end of all")


def refused_start(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, PROGRAM, root], capture_output=True, text=True, timeout=60, check=False)


def test_children_start_in_order_and_stop_in_reverse(system: System) -> None:
    system.wait_for(UP)
    system.wait_for("done +. finished")
    system.process.send_signal(signal.SIGINT)
    began = time.monotonic()
    assert system.process.wait(30) == 0
    assert time.monotonic() - began < 10  # the stubborn child is given 1 s
    order = [
        "database system is ready",
        "prepared",
        "polite is up",
        "stopping",
        "database system is shut down",
        "stopped",
    ]
    places = [system.output.index(text) for text in order]
    assert places == sorted(places)
    assert living(system.mark) == {}


def test_a_child_that_ends_is_started_again_with_growing_delays(system: System) -> None:
    system.wait_for(r"short +. ended with code 3; starting again in 2 s")
    delays = re.findall(r"short +. ended with code 3; starting again in (\S+) s", system.output)
    assert delays[:3] == ["0.5", "1", "2"]


def test_a_child_that_is_killed_is_started_again_and_the_others_are_left_alone(system: System) -> None:
    system.wait_for(UP)
    system.wait_for("polite is up")
    before = living(system.mark)
    polite = next(process for process, command in before.items() if "polite" in command and "guard.py" not in command)
    os.kill(polite, signal.SIGKILL)
    system.wait_for(r"polite +. ended with code 137; starting again in 0.5 s")
    wait_until(lambda: system.output.count("polite is up") == 2, "the second start")
    assert system.output.count("stubborn is up") == 2


def test_a_killed_postmaster_comes_back_with_its_data(system: System) -> None:
    system.wait_for(UP)
    postmaster = int((system.log.parent / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    os.kill(postmaster, signal.SIGKILL)
    system.wait_for("ended with code 137")
    wait_until(lambda: system.output.count("ready to accept connections") == 2, "the recovery", seconds=60)


def test_sigkill_of_the_supervisor_leaves_no_process_and_the_next_start_waits_for_the_last_of_them(
    system: System, root: Path
) -> None:
    system.wait_for(UP)
    titles = " ".join(living(system.mark).values())
    assert all(title in titles for title in ("fake_system.py", "guard.py", "bin/postgres", "checkpointer", "polite"))
    system.process.kill()
    system.process.wait()
    # The stubborn child is still in its grace; the next system waits for it and then finds everything free.
    with system.log.open("ab") as output:
        following = subprocess.Popen([sys.executable, PROGRAM, root], stdout=output, stderr=output)
    wait_until(lambda: system.output.count("stubborn is up") == 4, "the second start", seconds=60)
    following.kill()
    following.wait()
    wait_until(lambda: living(system.mark) == {}, "the end of all")


def test_a_second_supervisor_is_refused_with_the_place_of_the_first(system: System, root: Path) -> None:
    system.wait_for("polite is up")
    refused = refused_start(root)
    assert refused.returncode == 1
    assert refused.stderr == (
        "This OMS runs already, at http://127.0.0.1:1/: "
        f"stop it with Ctrl-C where it was started, or with `kill {system.process.pid}`.\n"
    )


def test_a_second_ctrl_c_ends_everything_at_once(system: System) -> None:
    system.wait_for(UP)
    system.process.send_signal(signal.SIGINT)
    system.wait_for("stopping")
    system.process.send_signal(signal.SIGINT)
    began = time.monotonic()
    assert system.process.wait(30) == 0
    assert time.monotonic() - began < 5
    assert living(system.mark) == {}
