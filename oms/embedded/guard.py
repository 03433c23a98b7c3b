"""Runs one program and promises that neither it nor anything it started outlives whoever asked for it.

A supervisor that is killed with SIGKILL cannot tidy up, and a program such as gunicorn or Celery has children of its
own that nobody else knows. So every program runs under a guard, which

* asks the kernel for SIGTERM when its own parent dies (PR_SET_PDEATHSIG), whatever the parent died of;
* adopts orphaned descendants (PR_SET_CHILD_SUBREAPER), so that they can be found and ended;
* forwards a stop to the program, waits, and then ends what is left;
* leaves with the program's own exit code, or 128 + signal.

This file is started as a script, apart from the rest of the package and from site-packages: it must start in
milliseconds and must not depend on what it guards.
"""

import argparse
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PR_SET_PDEATHSIG = 1  # linux/prctl.h
PR_SET_CHILD_SUBREAPER = 36
CANNOT_START = 127  # what a shell answers for a program that it cannot run
REMOVE_SECONDS = 10.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
WATCHED = {*STOP_SIGNALS, signal.SIGQUIT, signal.SIGCHLD}


@dataclass(frozen=True)
class Order:
    """What to run, as whom, and how to end it. Empty `user` keeps the present account."""

    command: list[str]
    parent: int
    stop_signal: int
    grace_seconds: float
    user: int | None
    group: int | None
    remove: Path | None


def prctl(option: int, value: int) -> None:
    """Call prctl(2). Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def descendants(root: int) -> Iterator[int]:
    """Ids of all living processes below `root`, read from /proc."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            parent, state = parent_and_state(entry)
            if state not in "ZX":
                children.setdefault(parent, []).append(int(entry.name))
    waiting = list(children.get(root, ()))
    while waiting:
        process = waiting.pop()
        yield process
        waiting.extend(children.get(process, ()))


def parent_and_state(entry: Path) -> tuple[int, str]:
    """Parent id and state letter of a /proc entry; (0, "X") when the process is gone."""
    try:
        # The second field is the program's name in brackets and may itself hold blanks and brackets.
        fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0, "X"
    return int(fields[1]), fields[0]


def send(process: int, number: int) -> None:
    """Signal a process that may be gone already."""
    try:
        os.kill(process, number)
    except ProcessLookupError:
        return


def reap() -> dict[int, int]:
    """Collect every child that has ended: id -> exit code as a shell tells it."""
    ended: dict[int, int] = {}
    while True:
        try:
            process, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if process == 0:
            return ended
        code = os.waitstatus_to_exitcode(status)
        ended[process] = code if code >= 0 else 128 - code


def end_descendants() -> None:
    """SIGKILL everything below this process, until nothing is left; one that forks meanwhile is caught next round."""
    while True:
        reap()
        remaining = list(descendants(os.getpid()))
        if not remaining:
            return
        for process in remaining:
            send(process, signal.SIGKILL)
        time.sleep(0.01)


def start(order: Order) -> subprocess.Popen[bytes]:
    """Start the program. Raises OSError when it cannot be run."""

    def enter() -> None:
        # After setuid, which would clear it: should the guard itself be killed, the program is asked to stop.
        prctl(PR_SET_PDEATHSIG, order.stop_signal)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)

    groups: list[int] | None = None if order.user is None else []
    return subprocess.Popen(
        order.command,
        user=order.user,
        group=order.group,
        extra_groups=groups,
        preexec_fn=enter,
        stdin=subprocess.DEVNULL,
    )


def watch(order: Order) -> int:
    """Run the program to its end and return its exit code."""
    # `spawn` has blocked them already, so that a stop that comes before this line waits instead of killing the guard.
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != order.parent:
        return 128 + signal.SIGTERM  # the parent died before the kernel was asked to tell
    try:
        program = start(order)  # kept: a Popen that is dropped would collect the exit code that reap() waits for
    except (OSError, subprocess.SubprocessError) as error:
        print(f"{order.command[0]}: {error}", file=sys.stderr)
        return CANNOT_START
    return wait(program.pid, order)


def wait(program: int, order: Order) -> int:
    """Forward stops until the program has ended, or its grace is over."""
    kill_at: float | None = None
    while True:
        left = 3600.0 if kill_at is None else max(0.0, kill_at - time.monotonic())
        event = signal.sigtimedwait(WATCHED, left)
        number = event.si_signo if event else None
        if number == signal.SIGQUIT or (kill_at is not None and time.monotonic() >= kill_at):
            end_descendants()
            return 128 + signal.SIGKILL
        if number in STOP_SIGNALS and kill_at is None:
            kill_at = time.monotonic() + order.grace_seconds
            send(program, order.stop_signal)
        ended = reap()
        if program in ended:
            end_descendants()
            return ended[program]


def remove(directory: Path) -> None:
    """Delete a directory in which programs of other guards may be ending at this moment."""
    deadline = time.monotonic() + REMOVE_SECONDS
    while directory.exists() and time.monotonic() < deadline:
        shutil.rmtree(directory, ignore_errors=True)
        time.sleep(0.01)


def read_order(arguments: list[str]) -> Order:
    """Parse the command line written by `oms.embedded.processes`."""
    parser = argparse.ArgumentParser(prog="guard")
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--stop-signal", type=int, default=int(signal.SIGTERM))
    parser.add_argument("--grace-seconds", type=float, default=10.0)
    parser.add_argument("--user", type=int)
    parser.add_argument("--group", type=int)
    parser.add_argument("--remove", type=Path, help="directory to delete once everything has ended")
    parser.add_argument("command", nargs="+")
    return Order(**vars(parser.parse_args(arguments)))


def main() -> int:
    """Entry point of the script."""
    order = read_order(sys.argv[1:])
    try:
        return watch(order)
    finally:
        if order.remove is not None:
            remove(order.remove)


if __name__ == "__main__":
    sys.exit(main())
