"""Start guarded programs: each in a session of its own, and none that outlives this process."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from oms.embedded.accounts import Account

GUARD = Path(__file__).with_name("guard.py")
HANDLED_BY_GUARD = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT}


def spawn(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    account: Account | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
    grace_seconds: float = 10.0,
    remove: Path | None = None,
    output: int | None = None,
    inherited: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start `command` under a guard and return the guard's process.

    SIGTERM to the guard sends `stop_signal` to the program and, after `grace_seconds`, ends it and all it started. The
    same happens when the calling thread's process dies, so call this from the main thread only. `account` runs the
    program as another user; `remove` names a directory that the guard deletes at the end; `output` is what stdout
    and stderr become, as for Popen (stdin is always empty); `inherited` are descriptors that the guard, and not the
    program, keeps open until all is gone.
    """
    guard = [sys.executable, "-I", "-S", str(GUARD), "--parent", str(os.getpid())]
    guard += ["--stop-signal", str(int(stop_signal)), "--grace-seconds", str(grace_seconds)]
    if account is not None and account.user_id != os.geteuid():
        guard += ["--user", str(account.user_id), "--group", str(account.group_id)]
    if remove is not None:
        guard += ["--remove", str(remove)]
    # The guard inherits the mask: a stop that comes while it starts has to wait until it can be handled.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED_BY_GUARD)
    try:
        return subprocess.Popen(
            [*guard, "--", *command],
            env=dict(os.environ if environment is None else environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=None if output is None else subprocess.STDOUT,
            start_new_session=True,
            pass_fds=inherited,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def stop(guard: subprocess.Popen[bytes]) -> int:
    """Ask a guarded program to stop, wait until all of it is gone, and return its exit code."""
    if guard.poll() is None:
        guard.terminate()
    return guard.wait()
