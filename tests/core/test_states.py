"""State machines of rows: legal steps only, once, with a row that says who and why."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from oms.core.errors import Conflict, IllegalTransition
from oms.core.models import Job, Transition
from oms.core.states import advance, advance_many, machine
from tests.threads import at_once

STARTED = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)
#: Jobs have no machine of their own; any table with such a field will do.
MACHINE = machine(
    "core.Job",
    {"queued": ["running", "cancelled"], "running": ["done", "failed", "cancelled"], "failed": ["queued"], "done": []},
)


def make_job(state: str = "queued") -> Job:
    return Job.objects.create(kind="test", title="Export", state=state)


def transitions() -> list[tuple[Any, ...]]:
    columns = ("model", "object_id", "from_state", "to_state", "actor", "reason")
    return list(Transition.objects.order_by("pk").values_list(*columns))


def state_of(job: Job) -> str:
    return Job.objects.get(pk=job.pk).state


def test_a_machine_knows_its_steps_and_where_they_come_from() -> None:
    assert MACHINE.allows("queued", "running")
    assert not MACHINE.allows("running", "queued")
    assert not MACHINE.allows("nonsense", "running")
    assert MACHINE.sources("cancelled") == ["queued", "running"]
    assert MACHINE.sources("nonsense") == []


@pytest.mark.django_db
def test_a_legal_step_is_written_with_who_why_and_the_fields_that_go_with_it() -> None:
    job, other = make_job(), make_job()

    advance(job, "running", using=MACHINE, actor="Asha", reason="her turn", started_at=STARTED, attempts=1)

    assert (job.state, job.started_at, job.attempts) == ("running", STARTED, 1)
    stored = Job.objects.get(pk=job.pk)
    assert (stored.state, stored.started_at, stored.attempts) == ("running", STARTED, 1)
    assert state_of(other) == "queued"
    assert transitions() == [("core.Job", job.pk, "queued", "running", "Asha", "her turn")]


@pytest.mark.django_db
@pytest.mark.parametrize(("state", "wanted"), [("queued", "done"), ("done", "running"), ("running", "running")])
def test_a_step_that_the_machine_does_not_have_changes_nothing(state: str, wanted: str) -> None:
    job = make_job(state)

    with pytest.raises(IllegalTransition, match=f"is {state} and cannot become {wanted}") as caught:
        advance(job, wanted, using=MACHINE, actor="Asha", attempts=9)

    assert caught.value.data == {"from_state": state, "to_state": wanted}
    assert (job.state, job.attempts) == (state, 0)
    assert (state_of(job), Job.objects.get().attempts) == (state, 0)
    assert transitions() == []


@pytest.mark.django_db
def test_an_object_that_somebody_moved_first_is_refused_and_left_as_they_made_it() -> None:
    job = make_job()
    Job.objects.filter(pk=job.pk).update(state="cancelled")

    with pytest.raises(Conflict, match="changed by someone else") as caught:
        advance(job, "running", using=MACHINE, actor="Asha", attempts=9)

    assert not isinstance(caught.value, IllegalTransition)
    assert (job.state, job.attempts) == ("queued", 0)
    assert (state_of(job), Job.objects.get().attempts) == ("cancelled", 0)
    assert transitions() == []


@pytest.mark.django_db
def test_the_same_step_twice_is_refused_the_second_time() -> None:
    job = make_job()
    stale = Job.objects.get(pk=job.pk)
    advance(job, "running", using=MACHINE)

    with pytest.raises(IllegalTransition):
        advance(job, "running", using=MACHINE)
    with pytest.raises(Conflict):
        advance(stale, "running", using=MACHINE)

    assert transitions() == [("core.Job", job.pk, "queued", "running", "", "")]


@pytest.mark.django_db
def test_an_object_that_is_gone_is_refused() -> None:
    job = make_job()
    Job.objects.all().delete()

    with pytest.raises(Conflict):
        advance(job, "running", using=MACHINE)

    assert transitions() == []


@pytest.mark.django_db(transaction=True)
def test_of_several_who_take_the_same_step_at_once_exactly_one_does() -> None:
    job = make_job()

    def step(actor: str) -> str:
        try:
            advance(Job.objects.get(pk=job.pk), "running", using=MACHINE, actor=actor)
        except Conflict:
            return ""
        return actor

    winners = [actor for actor in at_once([partial(step, name) for name in ("Asha", "Ravi", "Meera", "Babu")]) if actor]

    assert len(winners) == 1
    assert transitions() == [("core.Job", job.pk, "queued", "running", winners[0], "")]


@pytest.mark.django_db
def test_of_many_those_move_that_may_each_with_a_row_of_its_own() -> None:
    queued, running, done = make_job(), make_job("running"), make_job("done")
    untouched = make_job()
    ids = [done.pk, running.pk, 0, queued.pk, queued.pk]

    moved = advance_many(Job, ids, "cancelled", using=MACHINE, actor="Asha", reason="not needed", finished_at=STARTED)

    assert moved == [queued.pk, running.pk]
    assert [state_of(job) for job in (queued, running, done, untouched)] == ["cancelled", "cancelled", "done", "queued"]
    assert set(Job.objects.filter(finished_at=STARTED).values_list("pk", flat=True)) == set(moved)
    assert transitions() == [
        ("core.Job", queued.pk, "queued", "cancelled", "Asha", "not needed"),
        ("core.Job", running.pk, "running", "cancelled", "Asha", "not needed"),
    ]


@pytest.mark.django_db
def test_many_moved_twice_move_once() -> None:
    jobs = [make_job(), make_job()]
    ids = [job.pk for job in jobs]

    assert advance_many(Job, iter(ids), "running", using=MACHINE) == ids
    assert advance_many(Job, iter(ids), "running", using=MACHINE) == []

    assert len(transitions()) == 2


@pytest.mark.django_db
@pytest.mark.parametrize("wanted", ["running", "nonsense"])
def test_many_that_are_unknown_or_cannot_get_there_move_nothing(wanted: str) -> None:
    job = make_job("done")

    assert advance_many(Job, [job.pk, job.pk + 1000], wanted, using=MACHINE) == []
    assert advance_many(Job, [], wanted, using=MACHINE) == []

    assert state_of(job) == "done"
    assert transitions() == []


@pytest.mark.django_db(transaction=True)
def test_many_that_several_move_at_once_move_once_each() -> None:
    ids = [make_job().pk for _ in range(12)]
    batches = [ids[:8], ids[4:][::-1], ids[::2], ids]

    moved = at_once([partial(advance_many, Job, batch, "running", using=MACHINE) for batch in batches])

    assert sorted(pk for found in moved for pk in found) == ids
    assert sorted(row[1] for row in transitions()) == ids


@pytest.mark.django_db
def test_a_machine_over_another_field_moves_that_field() -> None:
    job = make_job()
    kinds = machine("core.Job.kind", {"test": ["real"]}, field="kind")

    advance(job, "real", using=kinds)

    assert (Job.objects.get().kind, state_of(job)) == ("real", "queued")
    assert transitions() == [("core.Job.kind", job.pk, "test", "real", "", "")]
