"""A program for the tests: a real PostgreSQL and stand-ins for the application, under the real supervisor.

python fake_system.py STATE_DIRECTORY
"""

import sys
from pathlib import Path

from oms.embedded.accounts import service_account
from oms.embedded.children import database
from oms.embedded.console import Console
from oms.embedded.errors import EmbeddedError
from oms.embedded.postgres import PostgresServer
from oms.embedded.programs import find_programs
from oms.embedded.runlock import RunLock
from oms.embedded.state import StateDirectory
from oms.embedded.supervisor import Child, Interrupted, Supervisor

#: Like gunicorn and Celery: a master with workers, one of which ignores every polite request and one of which left
#: the session and lost its parent.
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    if os.fork() == 0:
        os.setsid()
        time.sleep(600)
    os._exit(0)
os.fork()
print("stubborn is up", flush=True)
time.sleep(600)
"""
POLITE = "import time; print('polite is up', flush=True); time.sleep(600)"
SHORT = "import time; time.sleep(0.2); raise SystemExit(3)"


def python(code: str) -> list[str]:
    """A stand-in as a command line."""
    return [sys.executable, "-c", code]


def main(root: Path) -> None:
    """Run until stopped, as `manage.py up` does."""
    console = Console()
    state = StateDirectory(root, service_account())
    state.create()
    lock = RunLock(state.root)
    lock.take("http://127.0.0.1:1/")
    assert lock.wait_for_leftovers(60)
    server = PostgresServer(state, find_programs(state))
    server.ensure_data()
    with Supervisor(console, inherited=lock.inherited) as supervisor:
        try:
            supervisor.start(database(server))
            supervisor.wait_until(server.answers, seconds=60, problem="no database")
            assert supervisor.run(Child("prepare", python("print('prepared')"), stage=1)) == 0
            supervisor.start(Child("stubborn", python(STUBBORN), stage=2, grace_seconds=1))
            supervisor.start(Child("polite", python(POLITE), stage=2))
            supervisor.start(Child("short", python(SHORT), stage=2))
            supervisor.start(Child("done", python("print('nothing to do')"), stage=3, may_finish=True))
            supervisor.watch()
        except Interrupted:
            console.note("stopping")
    console.note("stopped")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except EmbeddedError as error:
        sys.exit(str(error))
