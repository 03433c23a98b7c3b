"""Each moment at which a worker can die in a job, one by one: no row is done twice, counted twice, or left out.

`Killed` is no Exception, so nothing catches it: the transaction at hand is rolled back and the delivery stays claimed,
which is what SIGKILL leaves behind.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
from pytest_django.fixtures import Settings

from channels.imports import running
from channels.imports import services as imports
from channels.imports.kinds.skus import SkuHandler
from channels.imports.types import Options
from inventory.models import Sku
from oms.core import jobs
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.events import Event, order_ids
from oms.core.jobs import JobCancelled, JobQueued, progress, run_slice, start_job
from oms.core.models import Delivery, Job, OutboxEvent
from oms.flow import deliveries, table
from oms.flow.deliveries import MAX_ATTEMPTS, fan_out, replay_deliveries, run_batch
from oms.flow.relay import REWAKE_SECONDS, Relay
from oms.flow.steps import decisions, long_work
from oms.flow.table import EVENT_STEPS
from orders.models import Order
from tests.factories import capture, make_line, make_order, make_world
from tests.flow.driver import drain

pytestmark = pytest.mark.django_db(transaction=True)


#: Rows of the file that is imported.
GOOD, BAD = 45, 3


class Killed(BaseException):
    """Stands for SIGKILL."""


@pytest.fixture
def job(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Job:
    """The import of a file of SKUs in chunks of ten rows, as it is queued."""
    settings.MEDIA_ROOT = str(tmp_path / "media")
    monkeypatch.setattr(SkuHandler, "chunk_size", 10)
    file = tmp_path / "skus.csv"
    rows = [*(f"S-{number},Shirt {number}" for number in range(GOOD)), *([",nameless"] * BAD)]
    file.write_text("\r\n".join(("sku,name", *rows, "")))
    stored = imports.store_path(file)
    inspection = imports.inspect(stored.path, kind="skus", filename=file.name)
    job = imports.start_import(inspection, inspection.mapping, Options(), user=None)
    fan_out(EVENT_STEPS)
    return job


def dies_after(work: Callable[..., object], times: int = 1) -> Callable[..., object]:
    """The work, at the end of whose call of this number its process dies."""
    calls = 0

    def wrapped(*args: object, **kwargs: object) -> object:
        nonlocal calls
        calls += 1
        result = work(*args, **kwargs)
        if calls == times:
            raise Killed
        return result

    return wrapped


def let_leases_end() -> None:
    Delivery.objects.filter(state="running").update(lease_until=now() - timedelta(seconds=1))


def die() -> None:
    """Run the job until its worker dies."""
    with pytest.raises(Killed):
        run_batch(table.run_job)
    assert Delivery.objects.get(step="run_job", state="running").attempts == 1


def assert_whole(job: Job) -> None:
    """The import came to the end that it comes to where nothing dies."""
    job.refresh_from_db()
    assert (job.state, job.total, job.done) == ("done", GOOD + BAD, GOOD + BAD)
    assert (job.succeeded, job.failed, job.skipped) == (GOOD, BAD, 0)
    found = job.result["import"]
    assert (found["created"], found["updated"], found["skipped"], found["failed"]) == (GOOD, 0, 0, BAD)
    assert Sku.objects.count() == GOOD
    assert set(Delivery.objects.values_list("state", flat=True)) == {"done"}


def test_a_worker_dies_between_two_chunks(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as moment:
        moment.setattr(running, "run_atomic", dies_after(run_atomic, times=3))  # the start and two chunks
        die()
    job.refresh_from_db()
    assert (job.state, job.done) == ("running", BAD + 20)

    let_leases_end()
    drain()

    assert_whole(job)


def test_a_worker_dies_when_the_next_slice_is_queued_and_its_own_is_not_done_yet(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "SLICE_SECONDS", 0.0)
    with monkeypatch.context() as moment:
        moment.setattr(long_work, "run_slice", dies_after(run_slice))
        die()
    assert OutboxEvent.objects.filter(kind="core.JobQueued").count() == 2

    let_leases_end()
    drain()

    assert_whole(job)
    slices = OutboxEvent.objects.filter(kind="core.JobQueued").order_by("pk").values_list("payload__slice", flat=True)
    assert list(slices) == list(range(len(slices)))


def test_a_worker_dies_when_the_import_is_over_and_the_job_is_not(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as moment:
        moment.setattr(running, "_finish", dies_after(running._finish))
        die()
    job.refresh_from_db()
    assert (job.state, "import" in job.result) == ("running", True)

    let_leases_end()
    drain()

    assert_whole(job)


def test_a_worker_that_was_only_slow_writes_nothing_once_another_has_its_job() -> None:
    job = start_job(kind="count", title="Count", args={})

    def slow(mine: Job) -> bool:
        progress(mine, done=1)
        run_slice(mine.pk, {"count": other})
        progress(mine, done=1)
        raise AssertionError("The one that was given up went on.")

    def other(mine: Job) -> bool:
        progress(mine, done=10)
        return False

    run_slice(job.pk, {"count": slow})

    job.refresh_from_db()
    assert (job.state, job.done, job.attempts) == ("running", 11, 1)
    assert OutboxEvent.objects.filter(kind="core.JobQueued").count() == 2
    with pytest.raises(JobCancelled):
        progress(Job(pk=job.pk), done=1)


def test_a_slice_that_was_given_up_does_not_queue_the_next() -> None:
    job = start_job(kind="count", title="Count", args={})

    def slow(mine: Job) -> bool:
        run_slice(mine.pk, {"count": lambda _: False})
        return False

    run_slice(job.pk, {"count": slow}, number=0)

    assert OutboxEvent.objects.filter(kind="core.JobQueued").count() == 2
    run_slice(job.pk, {"count": slow}, number=0)  # delivered once more
    assert OutboxEvent.objects.filter(kind="core.JobQueued").count() == 2


def test_a_slice_is_shorter_than_the_lease_of_its_step() -> None:
    assert jobs.SLICE_SECONDS == 100.0
    assert table.run_job.leases * 120 == 300.0


def test_what_kills_its_worker_each_time_is_given_up_and_the_others_are_done() -> None:
    world = make_world()
    good, bad = (capture(world, make_order(name, make_line(world.kurta, 1))) for name in ("good", "bad"))

    def kills_for_bad(events: Sequence[Event]) -> None:
        if bad in order_ids(events):
            raise Killed
        decisions.route(events)

    step = replace(table.route, run=kills_for_bad)
    fan_out(EVENT_STEPS)
    deaths = 0
    for _ in range(10):
        try:
            run_batch(step)
        except Killed:
            deaths += 1
        let_leases_end()

    assert deaths == MAX_ATTEMPTS
    assert Order.objects.get(pk=good).stage == "routed"
    dead = Delivery.objects.get(step="route", state="dead")
    assert (dead.event.payload["order_id"], dead.attempts) == (bad, MAX_ATTEMPTS + 1)
    assert dead.last_error == "No worker lived to finish it, or in time, at 5 attempts."

    replay_deliveries([dead.pk], table.STEPS)
    drain()
    assert Order.objects.get(pk=bad).stage == "released"


def test_a_delivery_that_failed_before_is_not_given_up_because_its_worker_dies_once() -> None:
    world = make_world()
    capture(world, make_order("1", make_line(world.kurta, 1)))
    fan_out(EVENT_STEPS)
    Delivery.objects.filter(step="route").update(
        attempts=MAX_ATTEMPTS + 2, last_error="The carrier is away.", state="running",
        lease_until=now() - timedelta(seconds=1),
    )  # fmt: skip

    assert run_batch(table.route) == 1

    assert Order.objects.get().stage == "routed"


def test_a_relay_that_dies_between_fanning_out_and_waking_is_made_good_by_the_next() -> None:
    world = make_world()
    capture(world, make_order("1", make_line(world.kurta, 1)))

    def dies(step: str) -> None:
        raise Killed

    with pytest.raises(Killed):
        Relay(dies).tick()
    assert not OutboxEvent.objects.filter(fanned_out_at__isnull=True).exists()

    woken: list[str] = []
    relay = Relay(woken.append)
    # A few at a time, so that no long line of wake-ups forms.
    assert [relay.tick(), relay.tick(), relay.tick()] == [0, 0, 0]

    assert sorted(woken) == sorted(deliveries.due_steps())
    assert "route" in woken


def test_a_wake_up_that_was_lost_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world()
    capture(world, make_order("1", make_line(world.kurta, 1)))
    woken: list[str] = []
    relay = Relay(woken.append)
    relay.tick()
    relay.tick()
    assert woken.count("route") == 1

    relay.woken_at = {step: moment - REWAKE_SECONDS for step, moment in relay.woken_at.items()}
    relay.tick()

    assert woken.count("route") == 2


def test_the_event_of_a_slice_says_which_it_is() -> None:
    job = start_job(kind="count", title="Count", args={})
    event = OutboxEvent.objects.get(kind="core.JobQueued")
    assert event.payload == {"job_id": job.pk, "slice": 0}
    assert JobQueued(job_id=job.pk) == JobQueued.from_payload(event.payload)


def test_what_failed_before_is_tried_also_while_fresh_events_keep_coming(monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world()
    ran: list[int] = []

    def run(events: Sequence[Event]) -> None:
        ran.extend(event.payload()["order_id"] for event in events)

    step = replace(table.route, run=run, batch=1)
    orders = [capture(world, make_order(f"W-{number}", make_line(world.kurta))) for number in range(3)]
    fan_out(EVENT_STEPS)
    old = Delivery.objects.filter(step=step.name).order_by("-pk")[:1]
    Delivery.objects.filter(pk__in=[row.pk for row in old]).update(attempts=1)

    for turn in (1, 8, 1):
        monkeypatch.setattr(deliveries, "uuid4", partial(UUID, int=turn))
        run_batch(step)

    assert ran == [orders[0], orders[2], orders[1]]


def always_dies(job: Job) -> bool:
    raise Killed


def always_fails(job: Job) -> bool:
    raise ValueError("The disk is full")


@pytest.mark.parametrize(
    ("runner", "reason"),
    [(always_fails, "ValueError: The disk is full"), (always_dies, "No worker lived to finish it")],
)
def test_a_job_that_is_given_up_says_so_and_goes_on_when_its_delivery_is_replayed(
    monkeypatch: pytest.MonkeyPatch, runner: Callable[[Job], bool], reason: str
) -> None:
    job = start_job(kind="count", title="Count", args={})
    fan_out(EVENT_STEPS)
    monkeypatch.setattr(long_work, "RUNNERS", {"count": runner})
    for _ in range(MAX_ATTEMPTS + 1):
        with contextlib.suppress(Killed):
            run_batch(table.run_job)
        let_leases_end()
        Delivery.objects.filter(state="pending").update(next_try_at=now())

    dead = Delivery.objects.get(step="run_job", state="dead")
    job.refresh_from_db()
    assert job.state == "failed"
    assert job.error.startswith("Given up after several tries; what was done until then stays done. ")
    assert reason in job.error
    assert job.finished_at is not None

    monkeypatch.setattr(long_work, "RUNNERS", {"count": lambda _: True})
    assert replay_deliveries([dead.pk], table.STEPS) == 1
    assert Job.objects.values_list("state", "error", "finished_at").get() == ("queued", "", None)
    drain()
    job.refresh_from_db()
    assert job.state == "done"
