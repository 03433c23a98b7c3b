"""Find the processes that a test has started, however far they have wandered."""

import time
from collections.abc import Callable
from pathlib import Path


def living(mark: str) -> dict[int, str]:
    """Living processes that inherited OMS_TEST_MARK=`mark`, except this one: id -> command line.

    PostgreSQL writes its process titles over its environment but works in its data directory, so a mark that is the
    path of the state directory finds it too.
    """
    variable = f"OMS_TEST_MARK={mark}".encode()
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or entry.resolve() == Path("/proc/self").resolve():
            continue
        try:
            # A zombie has neither; it is dead, only not yet buried.
            inherited = variable in (entry / "environ").read_bytes().split(b"\0")
            if inherited or (entry / "cwd").readlink().is_relative_to(mark):
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (OSError, ValueError):
            continue
    return found


def wait_until(condition: Callable[[], bool], what: str, *, seconds: float = 20.0) -> None:
    """Wait for a condition of other processes; fail with a sentence that names it."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come within {seconds} s"
        time.sleep(0.02)
