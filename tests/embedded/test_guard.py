"""No guarded program outlives whoever asked for it; real processes throughout."""

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from oms.embedded.processes import spawn, stop
from tests.embedded.living import living, wait_until

#: A master with two workers, all deaf to SIGTERM; the second worker left the session and lost its parent.
DEAF_FAMILY = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    if os.fork() == 0:
        os.setsid()
        time.sleep(600)
    os._exit(0)
os.fork()
time.sleep(600)
"""
LAUNCHER = """
import sys, time
from oms.embedded.processes import spawn
spawn([sys.executable, "-c", sys.argv[1]], grace_seconds=0.5)
time.sleep(600)
"""


@pytest.fixture
def mark(monkeypatch: pytest.MonkeyPatch) -> str:
    """A variable that every process started by this test inherits, by which the survivors are found."""
    value = uuid.uuid4().hex
    monkeypatch.setenv("OMS_TEST_MARK", value)
    return value


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_the_exit_code_of_the_program_is_passed_on() -> None:
    assert spawn(python("raise SystemExit(7)")).wait(20) == 7


def test_the_end_of_a_program_that_is_over_at_once_is_noticed() -> None:
    guards = [spawn(["true"]) for _ in range(10)]
    assert [guard.wait(20) for guard in guards] == [0] * 10


def test_a_program_ended_by_a_signal_leaves_with_128_and_the_signal() -> None:
    assert spawn(python("import os; os.kill(os.getpid(), 9)")).wait(20) == 128 + 9


def test_a_program_that_does_not_exist_leaves_with_127() -> None:
    guard = spawn(["/nonexistent/program"], output=subprocess.PIPE)
    assert b"/nonexistent/program" in guard.communicate(timeout=20)[0]
    assert guard.returncode == 127


def test_a_program_can_tidy_up_when_it_is_asked_to_stop(tmp_path: Path) -> None:
    done = tmp_path / "done"
    code = f"import signal, pathlib\nsignal.sigwait([2])\npathlib.Path({str(done)!r}).touch()"
    block = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [2]); print('up', flush=True)\n"
    guard = spawn(python(block + code), stop_signal=signal.SIGINT, output=subprocess.PIPE)
    assert guard.stdout is not None
    assert guard.stdout.readline() == b"up\n"
    assert stop(guard) == 0
    assert done.exists()
    guard.stdout.close()


def test_a_stop_ends_deaf_and_orphaned_grandchildren_after_the_grace(mark: str) -> None:
    guard = spawn(python(DEAF_FAMILY), grace_seconds=0.5)
    wait_until(lambda: len(living(mark)) == 4, "guard, master and two workers")
    began = time.monotonic()
    assert stop(guard) == 128 + signal.SIGKILL
    assert time.monotonic() - began >= 0.5
    assert living(mark) == {}


def test_what_a_program_leaves_behind_when_it_is_killed_is_ended(mark: str) -> None:
    guard = spawn(python(DEAF_FAMILY))
    wait_until(lambda: len(living(mark)) == 4, "guard, master and two workers")
    master = min(process for process in living(mark) if process != guard.pid)
    os.kill(master, signal.SIGKILL)
    assert guard.wait(20) == 128 + signal.SIGKILL
    assert living(mark) == {}


@pytest.mark.parametrize("victim", ["launcher", "launcher and guard"])
def test_nothing_is_left_after_sigkill(mark: str, victim: str) -> None:
    family = "import time; time.sleep(600)" if victim == "launcher and guard" else DEAF_FAMILY
    launcher = subprocess.Popen([sys.executable, "-c", LAUNCHER, family], start_new_session=True)
    expected = 3 if victim == "launcher and guard" else 5
    wait_until(lambda: len(living(mark)) == expected, "the whole family")
    guards = [process for process, command in living(mark).items() if "guard.py" in command]
    for process in [launcher.pid, *(guards if victim == "launcher and guard" else [])]:
        os.kill(process, signal.SIGKILL)
    launcher.wait()
    wait_until(lambda: living(mark) == {}, "the end of all")


def test_the_directory_of_a_guard_is_removed_with_its_program(tmp_path: Path) -> None:
    place = tmp_path / "place"
    (place / "inner").mkdir(parents=True)
    guard = spawn(python("import time; time.sleep(600)"), remove=place)
    stop(guard)
    assert not place.exists()


def test_a_program_gets_the_default_signals_and_no_stray_descriptors() -> None:
    read, write = os.pipe()
    os.set_inheritable(write, True)
    code = "import os, signal; print(signal.pthread_sigmask(signal.SIG_BLOCK, []), sorted(os.listdir('/proc/self/fd')))"
    guard = spawn(python(code), output=subprocess.PIPE, inherited=[write])
    os.close(write)
    # Three standard streams, and the one that lists the directory.
    assert guard.communicate(timeout=20)[0] == b"set() ['0', '1', '2', '3']\n"
    assert os.read(read, 1) == b""
    os.close(read)
