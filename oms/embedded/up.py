"""What `manage.py up` does, from the lock to the last child's end."""

import http.client
import os
import socket
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial

from oms.embedded.children import Application, broker, database, demo_world, preparation
from oms.embedded.console import Console
from oms.embedded.errors import EmbeddedError
from oms.embedded.postgres import PostgresServer
from oms.embedded.programs import find_programs
from oms.embedded.runlock import RunLock
from oms.embedded.state import CHECKOUT, StateDirectory, state_directory
from oms.embedded.supervisor import Child, Interrupted, Supervisor
from oms.embedded.valkey import ValkeyServer

#: A start right after a kill waits for the old children, and for PostgreSQL to recover.
START_SECONDS = 60.0
#: A loaded machine needs its time to import everything in six processes at once.
FIRST_PAGE_SECONDS = 180.0
LEFTOVER_SECONDS = 90.0
LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound


@dataclass(frozen=True)
class Plan:
    """What a person asked for."""

    host: str
    port: int
    demo: bool
    commands: Collection[str]
    environment: Mapping[str, str]

    @property
    def address(self) -> str:
        """Where the first page is."""
        host = "127.0.0.1" if self.host in EVERY_ADDRESS else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"


def up(plan: Plan, console: Console) -> None:
    """Run everything until asked to stop. Raises EmbeddedError when it cannot start."""
    state = state_directory(plan.environment)
    state.create()
    lock = RunLock(state.root)
    try:
        lock.take(plan.address)
        if not lock.wait_for_leftovers(0):
            console.note("waiting for the services of a run that was killed to end")
            if not lock.wait_for_leftovers(LEFTOVER_SECONDS):
                raise EmbeddedError("Services of an earlier run do not end; look for them with `ps`.")
        refuse_taken_port(plan)
        os.chdir(CHECKOUT)
        os.environ.setdefault("OMS_PUBLIC_URL", plan.address.rstrip("/"))
        if plan.host not in LOCAL_HOSTS:
            # Whoever listens to other machines means to be called by names that only they know.
            os.environ.setdefault("OMS_ALLOWED_HOSTS", "*" if plan.host in EVERY_ADDRESS else f"{plan.host},localhost")
        with Supervisor(console, inherited=lock.inherited) as supervisor:
            try:
                start(plan, state, supervisor, console)
                supervisor.watch()
            except Interrupted as request:
                console.note(f"stopping on {request}; once more ends everything at once")
        console.note("stopped")
    finally:
        lock.close()


def refuse_taken_port(plan: Plan) -> None:
    """Raise EmbeddedError when the address cannot be listened on; said before anything has been started."""
    family = socket.AF_INET6 if ":" in plan.host else socket.AF_INET
    with socket.socket(family) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((plan.host, plan.port))
        except OSError as error:
            raise EmbeddedError(
                f"Cannot listen on {plan.host}:{plan.port} ({error.strerror}). "
                f"Choose another port: make run PORT={plan.port + 1}"
            ) from error


def start(plan: Plan, state: StateDirectory, supervisor: Supervisor, console: Console) -> None:
    """Start all children in order and greet the person once everything is there."""
    start_services(plan, state, supervisor)
    signins = prepare(state, supervisor)
    # A demo world that was taken away stays away, so it is offered only once.
    offered = state.root / "demo_was_offered"
    fill = plan.demo and "load_demo" in plan.commands and not offered.exists()
    application = Application(plan.host, plan.port, plan.commands, demo=fill or bool(signins))
    # The pages come first: on a small machine the others would make a person wait for them.
    supervisor.start(application.web())
    problem = "The web process does not answer; see its lines above."
    supervisor.wait_until(partial(page_answers, plan), seconds=FIRST_PAGE_SECONDS, problem=problem)
    if fill:
        console.banner(
            f"  The pages are there:  {plan.address}\n  The demo world follows; that takes a minute or two.\n"
        )
        if supervisor.run(demo_world()) != 0:
            raise EmbeddedError("The demo world could not be loaded; see the lines above. `--no-demo` leaves it out.")
        offered.touch()
        signins = prepare(state, supervisor)
    for child in application.background():
        if child.enabled():
            supervisor.start(child)
    console.banner(greeting(plan, state, signins))


def start_services(plan: Plan, state: StateDirectory, supervisor: Supervisor) -> None:
    """Start PostgreSQL and Valkey, each unless the environment names another one."""
    programs = find_programs(state)
    postgres = PostgresServer(state, programs)
    valkey = ValkeyServer(state, programs)
    started: list[tuple[Child, Callable[[], bool]]] = []
    if plan.environment.get("DATABASE_URL") == postgres.url:
        postgres.ensure_data()
        started.append((database(postgres), postgres.answers))
    if plan.environment.get("REDIS_URL") == valkey.url:
        valkey.ensure_data()
        started.append((broker(valkey), valkey.answers))
    for child, _ in started:
        supervisor.start(child)
    for child, answers in started:
        problem = f"The {child.name} did not start within {START_SECONDS:.0f} s; see its lines above."
        supervisor.wait_until(answers, seconds=START_SECONDS, problem=problem)


def prepare(state: StateDirectory, supervisor: Supervisor) -> str:
    """Migrate, and return the demo sign-ins ("" without a demo world)."""
    signins = state.root / "signins.txt"
    if supervisor.run(preparation(signins)) != 0:
        raise EmbeddedError("The database could not be prepared; see the lines above.")
    return signins.read_text(encoding="utf-8").strip()


def page_answers(plan: Plan) -> bool:
    """True once /healthz is answered; by 400 where OMS_ALLOWED_HOSTS leaves out the address that is asked here."""
    host = "127.0.0.1" if plan.host in EVERY_ADDRESS else plan.host
    connection = http.client.HTTPConnection(host, plan.port, timeout=0.5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status < http.HTTPStatus.INTERNAL_SERVER_ERROR
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def greeting(plan: Plan, state: StateDirectory, signins: str) -> str:
    """What a person needs to know next."""
    lines = [f"  The OMS is ready:  {plan.address}", f"  Its data lies in:  {state.root}", "  Ctrl-C stops it.", ""]
    if signins:
        lines += [f"  {line}" for line in signins.splitlines()]
    else:
        lines.append("  Create the first user with: .venv/bin/python manage.py createsuperuser")
    return "\n".join(lines)
