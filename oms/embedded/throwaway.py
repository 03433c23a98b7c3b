"""A PostgreSQL and a Valkey that live as long as one program: the tests, or one command.

    python -m oms.embedded.throwaway python manage.py makemigrations --check

runs a command against empty services and takes them away again. With `--durable` before the command, commits wait for
the disk as in production, which is what a benchmark of writes needs.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from oms.embedded.accounts import service_account
from oms.embedded.errors import EmbeddedError
from oms.embedded.postgres import PostgresServer
from oms.embedded.processes import spawn, stop
from oms.embedded.programs import find_programs
from oms.embedded.state import StateDirectory
from oms.embedded.valkey import ValkeyServer

START_SECONDS = 60.0


@dataclass
class ThrowawayServices:
    """Both services in a directory of their own. Nothing of them outlives this process, even when it is killed."""

    postgres: PostgresServer
    valkey: ValkeyServer
    guards: list[subprocess.Popen[bytes]]

    @property
    def environment(self) -> dict[str, str]:
        """The variables that point the settings at these services."""
        return {"DATABASE_URL": self.postgres.url, "REDIS_URL": self.valkey.url}

    def wait_until_ready(self) -> None:
        """Return once both answer. Raises EmbeddedError when one has ended, or a minute is over."""
        deadline = time.monotonic() + START_SECONDS
        while not (self.postgres.answers() and self.valkey.answers()):
            if time.monotonic() > deadline or any(guard.poll() is not None for guard in self.guards):
                raise EmbeddedError("The throw-away PostgreSQL and Valkey did not start; their messages are above.")
            time.sleep(0.02)

    def stop(self) -> None:
        """End both, PostgreSQL first; the guard of Valkey then deletes the directory."""
        for guard in reversed(self.guards):
            stop(guard)


def temporary_state() -> StateDirectory:
    """A new directory that the service account can enter and whose path leaves room for a socket."""
    account = service_account()
    for parent in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108 - mkdtemp makes the name
        if account.can_enter(parent) and len(os.fsencode(parent)) < 60:
            root = Path(tempfile.mkdtemp(prefix="oms-throwaway-", dir=parent))
            root.chmod(0o755)
            return StateDirectory(root, account)
    raise EmbeddedError(f"The account {account.name} can enter neither {tempfile.gettempdir()} nor /tmp.")


def start_services(
    *, snapshot: Path | None = None, stop_signal: signal.Signals = signal.SIGQUIT, durable: bool = False
) -> ThrowawayServices:
    """Start both and wait until they answer. Raises EmbeddedError when they do not within a minute.

    `snapshot` is a data directory to start from instead of an empty one. PostgreSQL stops on SIGQUIT without writing
    anything, since nothing of it is kept; SIGINT leaves a data directory that can become a snapshot. `durable` makes
    commits wait for the disk.
    """
    state = temporary_state()
    state.create()
    programs = find_programs(state)
    postgres = PostgresServer(state, programs, throwaway=True, durable=durable)
    valkey = ValkeyServer(state, programs, throwaway=True)
    valkey.ensure_data()
    # Valkey starts first, since its guard also removes the directory: even a kill during initdb leaves nothing.
    services = ThrowawayServices(postgres, valkey, [])
    services.guards.append(spawn(valkey.command(), account=state.account, grace_seconds=2, remove=state.root))
    try:
        if snapshot is not None:
            copy_data(snapshot, postgres.data)
        postgres.ensure_data()
        services.guards.append(spawn(postgres.command(), account=state.account, stop_signal=stop_signal))
        services.wait_until_ready()
    except BaseException:
        services.stop()
        raise
    return services


def copy_data(source: Path, target: Path) -> None:
    """Copy a data directory with its owner, which may be another account than this one."""
    try:
        subprocess.run(["cp", "--archive", source, target], check=True)
    except subprocess.CalledProcessError as error:
        raise EmbeddedError(f"{source} could not be copied to {target}; remove it and try again.") from error


@contextlib.contextmanager
def throwaway_services(*, durable: bool = False) -> Iterator[ThrowawayServices]:
    """Services for the length of a `with` block."""
    services = start_services(durable=durable)
    try:
        yield services
    finally:
        services.stop()


def main(command: list[str]) -> int:
    """Run a command against services of its own; DATABASE_URL wins when it is set."""
    durable = command[:1] == ["--durable"]
    command = command[durable:]
    if os.environ.get("DATABASE_URL"):
        return subprocess.run(command, check=False).returncode
    with throwaway_services(durable=durable) as services:
        guard = spawn(command, environment={"OMS_SECRET_KEY": "throwaway", **os.environ, **services.environment})
        return guard.wait()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except EmbeddedError as error:
        sys.exit(str(error))
