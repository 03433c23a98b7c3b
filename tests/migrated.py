"""A data directory in which every migration has run, kept between runs of the tests.

Running all migrations takes several seconds, in each worker, at each run. Once is enough: the result is kept in the
state directory under a name made from everything that it depends on.
"""

import hashlib
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from oms.embedded.processes import spawn, stop
from oms.embedded.state import CHECKOUT, state_directory
from oms.embedded.throwaway import copy_data, start_services

SOURCES = ("oms/settings.py", "oms/embedded/postgres.py", "requirements/base.txt", "requirements/embedded.txt")
MIGRATIONS = ("*/migrations/**/*.*", "oms/*/migrations/**/*.*")
#: Long enough for a run that is copying one at this moment.
KEPT_SECONDS = 24 * 3600


def migrated_data() -> Path | None:
    """The data directory for the migrations as they are now; None when they cannot run, which the tests will tell."""
    directory = state_directory(os.environ).root / "test-data"
    wanted = directory / fingerprint()
    if not wanted.is_dir():
        directory.mkdir(parents=True, exist_ok=True)
        forget_old(directory)
        if not build(wanted):
            return None
    return wanted


def fingerprint() -> str:
    """A name for the content of all migrations, of what they are run with, and of the kind of cluster."""
    digest = hashlib.sha256()
    migrations = [path for pattern in MIGRATIONS for path in sorted(CHECKOUT.glob(pattern))]
    for path in [*(CHECKOUT / name for name in SOURCES), *migrations]:
        if path.suffix != ".pyc":
            digest.update(f"{path}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:32]


def build(target: Path) -> bool:
    """Migrate an empty cluster and keep its data directory. False when a migration fails."""
    services = start_services(stop_signal=signal.SIGINT)
    try:
        environment = {"OMS_SECRET_KEY": "migrations only", **os.environ, **services.environment}
        command = [
            sys.executable,
            str(CHECKOUT / "manage.py"),
            "migrate",
            "--noinput",
            "--skip-checks",
            "--verbosity",
            "0",
        ]
        if spawn(command, environment=environment).wait() != 0:
            return False
        stop(services.guards.pop())
        unfinished = target.with_name(f"{target.name}.{os.getpid()}")
        copy_data(services.postgres.data, unfinished)
        try:
            unfinished.rename(target)
        except OSError:  # another run was faster
            shutil.rmtree(unfinished)
    finally:
        services.stop()
    return True


def forget_old(directory: Path) -> None:
    """Remove what no run has been made from for a day."""
    for path in directory.iterdir():
        if path.stat().st_mtime < time.time() - KEPT_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
