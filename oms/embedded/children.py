"""The table of everything that `manage.py up` runs, in the order of its start."""

import signal
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from oms.embedded.postgres import PostgresServer
from oms.embedded.state import CHECKOUT
from oms.embedded.supervisor import Child
from oms.embedded.valkey import ValkeyServer

WEB_PROCESSES = 2
WEB_THREADS = 8
#: Root is usual on a machine for evaluation, and static files come straight from the source tree: neither needs a
#: warning at each start.
QUIET = "ignore:You're running the worker with superuser privileges,ignore:No directory at"
SERVICES, PREPARATION, APPLICATION, DEMO = range(4)


def manage(*arguments: str) -> list[str]:
    """A management command of this project as a command line."""
    return [sys.executable, str(CHECKOUT / "manage.py"), *arguments]


def celery(*arguments: str) -> list[str]:
    """A Celery program of this project as a command line."""
    return [sys.executable, "-m", "celery", "--app", "oms", "--quiet", *arguments]


def database(server: PostgresServer) -> Child:
    """PostgreSQL; SIGINT is its fast shutdown, which ends sessions and writes a checkpoint."""
    return Child(
        "database",
        server.command(),
        stage=SERVICES,
        account=server.state.account,
        stop_signal=signal.SIGINT,
        grace_seconds=60,
    )


def broker(server: ValkeyServer) -> Child:
    """Valkey."""
    return Child("broker", server.command(), stage=SERVICES, account=server.state.account)


def preparation(signins: Path) -> Child:
    """Migrations, and a note of the demo sign-ins; runs to its end before anything else starts."""
    return Child("prepare", manage("prepare", "--signins", str(signins)), stage=PREPARATION)


def demo_world() -> Child:
    """Fills an empty database with the demo world; runs to its end before the workers start."""
    return Child("demo", manage("load_demo", "--if-empty"), stage=APPLICATION)


@dataclass(frozen=True)
class Application:
    """What the rows of the application need to know."""

    host: str
    port: int
    commands: Collection[str]  # names of the management commands that this installation has
    demo: bool  # the demo world is there, or will be in a moment

    def web(self) -> Child:
        """The pages and the API."""
        return Child("web", self._gunicorn(), stage=APPLICATION, environment=self._environment("web"))

    def background(self) -> list[Child]:
        """Worker, relay, beat, and the people and vans of the demo world."""
        schedule = ("--scheduler", "django_celery_beat.schedulers:DatabaseScheduler")
        return [
            Child(
                "worker",
                celery("worker", "--concurrency", "2", "--loglevel", "WARNING", "--without-gossip", "--without-mingle"),
                stage=APPLICATION,
                environment=self._environment("worker"),
            ),
            self._command("relay"),
            Child(
                "beat",
                celery("beat", *schedule, "--loglevel", "WARNING"),
                stage=APPLICATION,
                environment=self._environment("beat"),
            ),
            self._demo("store", "demo_outside", "store"),
            self._demo("carrier", "demo_outside", "carrier"),
            self._demo("crew", "simulate_crew"),
        ]

    def _gunicorn(self) -> list[str]:
        command = [sys.executable, "-m", "gunicorn", "oms.wsgi:application", "--bind", f"{self.host}:{self.port}"]
        command += ["--workers", str(WEB_PROCESSES), "--worker-class", "gthread", "--threads", str(WEB_THREADS)]
        # Loaded once and forked: half the time to the first page, and less memory.
        command += ["--timeout", "30", "--graceful-timeout", "5", "--no-control-socket", "--preload"]
        return [*command, "--log-level", "warning", "--max-requests", "2000", "--max-requests-jitter", "200"]

    def _environment(self, process: str) -> dict[str, str]:
        return {
            "OMS_PROCESS": process,
            "OMS_WEB_THREADS": str(WEB_THREADS),
            "OMS_DEMO": str(self.demo),
            "PYTHONWARNINGS": QUIET,
        }

    def _command(self, name: str) -> Child:
        return Child(
            name,
            manage(name),
            stage=APPLICATION,
            environment=self._environment(name),
            enabled=lambda: name in self.commands,
        )

    def _demo(self, name: str, command: str, *arguments: str) -> Child:
        """Part of the demo world; it finishes by itself when the world is taken away."""
        return Child(
            name,
            manage(command, *arguments),
            stage=DEMO,
            environment=self._environment("manage"),
            enabled=lambda: self.demo and command in self.commands,
            may_finish=True,
        )
