"""Lets one supervisor run in a state directory, and tells the next one who it is."""

import fcntl
import os
import time
from pathlib import Path

from oms.embedded.errors import EmbeddedError


class RunLock:
    """Two file locks, both of which the kernel releases by itself when their holders die.

    `up.lock` is held by the supervisor alone. `children.lock` is also held open by the guards of its children, so that
    the next supervisor can wait for the last of them after a SIGKILL.
    """

    def __init__(self, root: Path) -> None:
        self._supervisor = os.open(root / "up.lock", os.O_RDWR | os.O_CREAT, 0o644)
        self._children = os.open(root / "children.lock", os.O_RDWR | os.O_CREAT, 0o644)

    @property
    def inherited(self) -> tuple[int, ...]:
        """The descriptor that guards keep open."""
        return (self._children,)

    def take(self, address: str) -> None:
        """Become the one supervisor. Raises EmbeddedError, naming the other one, when there is one."""
        try:
            fcntl.flock(self._supervisor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            process, _, place = os.pread(self._supervisor, 1024, 0).decode().strip().partition(" ")
            raise EmbeddedError(
                f"This OMS runs already, at {place or 'an unknown address'}: "
                f"stop it with Ctrl-C where it was started, or with `kill {process}`."
            ) from error
        os.ftruncate(self._supervisor, 0)
        os.pwrite(self._supervisor, f"{os.getpid()} {address}\n".encode(), 0)

    def wait_for_leftovers(self, seconds: float) -> bool:
        """Wait until the children of a killed supervisor are gone; False when they are still there."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(self._children, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    return False
                time.sleep(0.1)
            else:
                return True

    def close(self) -> None:
        """Let go of both."""
        os.close(self._supervisor)
        os.close(self._children)
