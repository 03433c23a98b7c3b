"""Power cuts: whatever process is killed in the middle of an import, the end is that of an import where nothing died.

The processes are the real ones: the relay, a Celery worker with children, and a Valkey that comes back empty. What
"the same end" means, and why it does not depend on chance, is said in tests/flow/importing.py.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.management import call_command
from pytest_django.fixtures import Settings

from oms.core.models import Job, OutboxEvent
from tests.flow.broker import Broker, own_broker
from tests.flow.importing import (
    HELD,
    NONE,
    ORDERS,
    PLENTY,
    SCARCE,
    SCARCE_UNITS,
    TOLD,
    UNREADABLE,
    End,
    Progress,
    assert_sound,
    end_state,
    left,
    make_merchant,
    rest,
    start_import,
    taken_over,
    undone_of_the_dead,
    write_report,
)
from tests.flow.processes import Pipeline, pipeline, until

pytestmark = pytest.mark.django_db(transaction=True)

#: Longer than a batch takes on a busy machine, short enough to wait for.
LEASE_SECONDS = 3
#: One child imports and one reads the inbox beside it; the third routes meanwhile.
CHILDREN = 3
WORKER = ("--concurrency", str(CHILDREN))


@dataclass(frozen=True, slots=True)
class Running:
    """What this module's tests share, since each start of a process takes seconds."""

    processes: Pipeline
    broker: Broker
    folder: Path

    @property
    def media(self) -> Path:
        """Where uploads lie."""
        return self.folder / "media"

    @property
    def mail(self) -> Path:
        """Where letters go."""
        return self.folder / "mail"


@pytest.fixture(scope="module")
def system(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A relay, a worker and a broker of their own."""
    folder = tmp_path_factory.mktemp("killed")
    with own_broker() as broker:
        environment = {
            "REDIS_URL": broker.url, "OMS_LEASE_SECONDS": str(LEASE_SECONDS), "OMS_MEDIA_ROOT": str(folder / "media"),
            "OMS_EMAIL_FILE_PATH": str(folder / "mail"),
        }  # fmt: skip
        with pipeline(WORKER, environment) as processes:
            yield Running(processes, broker, folder)
            processes.send(signal.SIGCONT)


@pytest.fixture
def running(system: Running, settings: Settings) -> Iterator[Running]:
    """The shared system in an empty world. It holds its breath while the world is taken away after the test."""
    settings.MEDIA_ROOT = str(system.media)
    settings.EMAIL_FILE_PATH = str(system.mail)
    empty(system.mail)
    system.processes.send(signal.SIGCONT)
    yield system
    # What the database still does for a stopped process ends by itself, so no lock stays.
    system.processes.send(signal.SIGSTOP)


def empty(folder: Path) -> None:
    for path in folder.glob("*"):
        path.unlink()


#: What comes of the file where nothing dies, once it is known.
_undisturbed: list[End] = []


@pytest.fixture
def undisturbed(running: Running, tmp_path: Path) -> End:
    """The end of the same import by the same processes in the same world, where nothing dies."""
    if not _undisturbed:
        make_merchant()
        start_import(write_report(tmp_path))
        rest(seconds=120)
        assert_sound()
        _undisturbed.append(end_state())
        running.processes.send(signal.SIGSTOP)
        call_command("flush", verbosity=0, interactive=False, reset_sequences=False)
        empty(running.mail)
        running.processes.send(signal.SIGCONT)
    return _undisturbed[0]


def to_the_middle() -> Progress:
    """Wait until some but not all orders are captured, and some but not all of those routed."""

    def middle() -> Progress | None:
        progress = Progress.now()
        assert progress.routed < ORDERS, "The import was over before it could be disturbed."
        return progress if progress.in_the_middle else None

    return until(middle, seconds=120, what="the middle of the import")


def test_an_import_where_nothing_dies_ends_as_the_file_says(undisturbed: End) -> None:
    assert len(undisturbed.orders) == ORDERS - SCARCE
    stages = Counter(end[0][0] for end in undisturbed.orders.values())
    assert stages == {"released": PLENTY, "backordered": NONE, "routed": HELD}
    assert undisturbed.scarce.total() == SCARCE
    assert undisturbed.reserved["SHOE-42", "blr-01"] + undisturbed.reserved["SHOE-42", "del-01"] == SCARCE_UNITS
    states = Counter(state for state, *_ in undisturbed.inbox.values())
    assert states == {"captured": ORDERS, "quarantined": UNREADABLE}
    assert undisturbed.events["orders.OrderCaptured"] == ORDERS
    assert undisturbed.events["notifications.MessageQueued"] == TOLD


def test_the_worker_is_killed(undisturbed: End, running: Running, tmp_path: Path) -> None:
    make_merchant()
    job = start_import(write_report(tmp_path))
    to_the_middle()

    running.processes.kill("worker")

    at_death = Progress.now()
    assert at_death.in_the_middle
    claimed = undone_of_the_dead()
    assert "run_job" in dict(claimed)
    assert Job.objects.get(pk=job.pk).state == "running"

    running.processes.start("worker")
    seconds = rest(seconds=120)

    note(at_death, seconds)
    assert taken_over(pk for _, pk in claimed) == len(claimed)
    assert_sound(most_letters_twice=CHILDREN)
    assert undisturbed.differences(end_state()) == {}


def test_the_relay_is_killed(undisturbed: End, running: Running, tmp_path: Path) -> None:
    make_merchant()
    start_import(write_report(tmp_path))
    at_death = to_the_middle()

    running.processes.kill("relay")

    # The worker goes on with what it was told; what it publishes waits in the outbox. So does the next slice of the
    # import, where a slow machine needs more than one.
    until(lambda: not undone_of_the_dead(), seconds=60, what="the worker has finished what it was told")
    assert OutboxEvent.objects.filter(fanned_out_at__isnull=True).exists()
    assert Progress.now().routed < ORDERS

    running.processes.start("relay")
    seconds = rest(seconds=120)

    note(at_death, seconds)
    assert_sound()
    assert undisturbed.differences(end_state()) == {}


def test_valkey_is_killed(undisturbed: End, running: Running, tmp_path: Path) -> None:
    make_merchant()
    start_import(write_report(tmp_path))
    at_death = to_the_middle()

    running.broker.kill()

    # Nobody can be woken: what was begun is finished, which may be all routing, and the rest stands still.
    until(lambda: not undone_of_the_dead(), seconds=60, what="the worker has finished what it was told")
    assert left()

    running.broker.start()
    seconds = rest(seconds=120)

    note(at_death, seconds)
    assert running.processes.is_alive("relay")
    assert running.processes.is_alive("worker")
    assert_sound()
    assert undisturbed.differences(end_state()) == {}


def note(at_death: Progress, seconds: float) -> None:
    """The measured facts, shown by `pytest -s`."""
    print(f"At the kill {at_death.captured} of {ORDERS} orders were captured and {at_death.routed} routed.")
    print(f"Everything was done {seconds:.1f} s after the restart.")
