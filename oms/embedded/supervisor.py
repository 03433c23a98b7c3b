"""Starts children in order, restarts those that end, and stops all of them in reverse order.

One thread, one loop. Children run under guards (`oms.embedded.guard`), so none of them outlives this process.
"""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType

from oms.embedded.accounts import Account
from oms.embedded.console import Console, LineBuffer
from oms.embedded.errors import EmbeddedError
from oms.embedded.processes import spawn

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 30.0
#: A child that ran this long was healthy: its next end counts as the first.
HEALTHY_SECONDS = 30.0
TICK_SECONDS = 0.1


class Interrupted(Exception):
    """A person or the system asked for the end, by the signal that is the argument."""


def always() -> bool:
    """The predicate of a child that every installation runs."""
    return True


@dataclass(frozen=True)
class Child:
    """One row of the table of children."""

    name: str
    command: Sequence[str]
    stage: int = 0  # children of a later stage start later and stop earlier
    environment: Mapping[str, str] = field(default_factory=dict)
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    grace_seconds: float = 10.0
    enabled: Callable[[], bool] = always
    may_finish: bool = False  # exit code 0 means done, not a failure


@dataclass
class Running:
    """A child with the process that runs it now, or the time when it shall be started again."""

    child: Child
    guard: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    failures: int = 0
    restart_at: float | None = None
    once: bool = False  # run() waits for its end
    lines: LineBuffer = field(default_factory=LineBuffer)


class Supervisor:
    """Use as a context manager: leaving the block stops every child, whatever happened inside."""

    def __init__(self, console: Console, *, inherited: Sequence[int] = ()) -> None:
        self._console = console
        self._inherited = tuple(inherited)
        self._selector = selectors.DefaultSelector()
        self._children: list[Running] = []
        self._stop_requests = 0
        self._stop_reason = ""
        self._stopping = False
        self._undo = contextlib.ExitStack()

    # -- life of the supervisor ---------------------------------------------------------------------------------------

    def __enter__(self) -> "Supervisor":
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._undo.callback(signal.signal, number, signal.signal(number, self._request_stop))
        ended = signal.signal(signal.SIGCHLD, lambda *_: None)  # only wakes the loop
        self._undo.callback(signal.signal, signal.SIGCHLD, ended)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._undo.close()
        signal.set_wakeup_fd(-1)
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _request_stop(self, number: int, frame: FrameType | None) -> None:
        """The first request ends the children politely, another one at once."""
        self._stop_requests += 1
        self._stop_reason = signal.Signals(number).name
        if self._stop_requests > 1:
            for running in self._children:
                if running.guard is not None and running.guard.poll() is None:
                    running.guard.send_signal(signal.SIGQUIT)

    # -- what callers do ----------------------------------------------------------------------------------------------

    def start(self, child: Child) -> None:
        """Start a child and keep it running from now on."""
        running = Running(child)
        self._children.append(running)
        self._launch(running)

    def run(self, child: Child) -> int:
        """Run a child to its end and return its exit code. Raises Interrupted."""
        running = Running(child, once=True)
        self._children.append(running)
        self._launch(running, announce=False)
        try:
            while running.guard is not None and running.guard.poll() is None:
                self._pump(TICK_SECONDS)
                self._care()
            assert running.guard is not None
            return running.guard.returncode
        finally:
            if running.guard is not None and running.guard.poll() is not None:
                self._drain(running)
                self._children.remove(running)

    def wait_until(self, condition: Callable[[], bool], *, seconds: float, problem: str) -> None:
        """Serve the children until `condition` holds. Raises EmbeddedError(problem) when it takes too long."""
        asked_at = time.monotonic()
        deadline = asked_at + seconds
        while not condition():
            # Children that talk wake the loop; that is no reason to ask more often.
            while time.monotonic() - asked_at < TICK_SECONDS:
                self._pump(TICK_SECONDS)
            self._care()
            asked_at = time.monotonic()
            if asked_at > deadline:
                raise EmbeddedError(problem)

    def watch(self) -> None:
        """Keep the children running. Returns never; raises Interrupted when asked to stop."""
        while True:
            self._pump(self._seconds_to_next_restart())
            self._care()

    def stop(self) -> None:
        """Stop all children, the last stage first; those of one stage at the same time."""
        self._stopping = True
        for stage in sorted({running.child.stage for running in self._children}, reverse=True):
            leaving = [running for running in self._children if running.child.stage == stage]
            for running in leaving:
                if running.guard is not None and running.guard.poll() is None:
                    running.guard.terminate()
            for running in leaving:
                while running.guard is not None and running.guard.poll() is None:
                    self._pump(TICK_SECONDS)
                self._drain(running)
        self._children.clear()

    # -- the loop -----------------------------------------------------------------------------------------------------

    def _launch(self, running: Running, *, announce: bool = True) -> None:
        child = running.child
        running.restart_at = None
        running.started_at = time.monotonic()
        guard = spawn(
            child.command,
            environment={**os.environ, "PYTHONUNBUFFERED": "1", **child.environment},
            account=child.account,
            stop_signal=child.stop_signal,
            grace_seconds=child.grace_seconds,
            output=subprocess.PIPE,
            inherited=self._inherited,
        )
        running.guard = guard
        assert guard.stdout is not None
        os.set_blocking(guard.stdout.fileno(), False)
        self._selector.register(guard.stdout, selectors.EVENT_READ, running)
        if announce:
            self._console.line(child.name, f"started, process {guard.pid}")

    def _pump(self, seconds: float) -> None:
        """Pass on what the children say, for up to `seconds`."""
        for key, _ in self._selector.select(seconds):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake_read, 4096)
            else:
                self._read(key.data)
        if self._stop_requests and not self._stopping:
            raise Interrupted(self._stop_reason)

    def _read(self, running: Running) -> bool:
        """Print what has come from one child; False at the end of its output."""
        assert running.guard is not None
        assert running.guard.stdout is not None
        try:
            data = os.read(running.guard.stdout.fileno(), 65536)
        except BlockingIOError:
            return False
        if data:
            self._print(running, running.lines.feed(data))
            return True
        self._selector.unregister(running.guard.stdout)
        running.guard.stdout.close()
        return False

    def _drain(self, running: Running) -> None:
        """Print the last words of a child that has ended."""
        if running.guard is None:
            return
        while running.guard.stdout is not None and not running.guard.stdout.closed and self._read(running):
            continue
        if running.guard.stdout is not None and not running.guard.stdout.closed:
            self._selector.unregister(running.guard.stdout)
            running.guard.stdout.close()
        self._print(running, running.lines.close())

    def _print(self, running: Running, lines: list[str]) -> None:
        for line in lines:
            self._console.line(running.child.name, line)

    def _care(self) -> None:
        """Notice children that have ended, and start those whose time has come."""
        now = time.monotonic()
        for running in self._children:
            if running.once:
                continue
            if running.guard is not None and running.guard.poll() is not None:
                self._drain(running)
                self._after_end(running, running.guard.returncode, now)
            elif running.restart_at is not None and running.restart_at <= now:
                self._launch(running)

    def _after_end(self, running: Running, code: int, now: float) -> None:
        """Decide when a child that ended by itself starts again."""
        running.guard = None
        if code == 0 and running.child.may_finish:
            self._console.line(running.child.name, "finished")
            return
        running.failures = 0 if now - running.started_at >= HEALTHY_SECONDS else running.failures
        delay = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2**running.failures)
        running.failures += 1
        running.restart_at = now + delay
        self._console.line(running.child.name, f"ended with code {code}; starting again in {delay:g} s")

    def _seconds_to_next_restart(self) -> float:
        times = [running.restart_at for running in self._children if running.restart_at is not None]
        return max(0.0, min(times) - time.monotonic()) if times else 3600.0
