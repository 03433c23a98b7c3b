"""Steps take turns: one for which events keep coming does not keep the others waiting."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

import pytest

from oms.core.events import Event
from oms.core.jobs import JobQueued
from oms.core.models import Delivery, OutboxEvent
from oms.flow import relay as relaying
from oms.flow import tasks
from oms.flow.deliveries import Step
from oms.flow.relay import MAX_WAITING, REWAKE_SECONDS, Relay, waiting_wakes
from oms.flow.tasks import run_step
from oms.integrations.models import WebhookEndpoint
from oms.integrations.services import pause_endpoint
from orders.events import OrderCaptured
from tests.factories import capture, make_line, make_order, make_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of steps as their batches run: busy, quiet, idle, an urgent and a long one."""
    found: list[str] = []

    def step(name: str, *, leases: float = 1.0, urgent: bool = False) -> Step:
        def run(events: Sequence[Event]) -> None:
            found.append(name)

        return Step(name, run, batch=1, leases=leases, urgent=urgent)

    made = [step("busy"), step("quiet"), step("idle"), step("urgent", urgent=True), step("long", leases=2.5)]
    steps = {step.name: step for step in made}
    monkeypatch.setattr(tasks, "STEPS", steps)
    monkeypatch.setattr(relaying, "STEPS", steps)
    return found


def due(step: str, number: int) -> None:
    """So many deliveries of a step that could run now."""
    for _ in range(number):
        event = OutboxEvent.objects.create(kind=JobQueued.kind, aggregate="job:1", payload={"job_id": 1})
        Delivery.objects.create(event=event, step=step)


def test_a_wake_up_for_a_busy_step_serves_the_others_by_turns(ran: list[str]) -> None:
    due("busy", 4)
    due("quiet", 2)

    run_step("busy")

    assert ran == ["busy", "quiet", "busy", "quiet", "busy", "busy"]
    assert not Delivery.objects.exclude(state="done").exists()


def test_urgent_steps_go_first_in_each_turn(ran: list[str]) -> None:
    due("busy", 3)
    due("urgent", 2)
    due("quiet", 1)

    run_step("busy")

    assert ran == ["urgent", "busy", "quiet", "urgent", "busy", "busy"]


def test_an_urgent_step_waits_for_one_slow_batch_of_another_at_most(
    ran: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "OTHERS_SECONDS", 0.0)
    due("busy", 2)
    due("urgent", 3)
    due("quiet", 2)

    run_step("busy")

    assert ran == ["urgent", "busy", "urgent", "quiet", "urgent", "busy", "quiet"]


def test_a_wake_up_whose_own_step_has_nothing_left_serves_the_others(ran: list[str]) -> None:
    due("quiet", 1)
    run_step("busy")
    assert ran == ["quiet"]


def test_a_step_that_may_take_long_waits_for_a_wake_up_of_its_own(ran: list[str]) -> None:
    due("long", 1)
    run_step("busy")
    assert ran == []
    run_step("long")
    assert ran == ["long"]


def test_a_wake_up_for_a_step_that_this_version_does_not_know_is_harmless(ran: list[str]) -> None:
    due("unknown", 1)
    run_step("unknown")
    assert ran == []
    assert Delivery.objects.get().state == "pending"


def test_a_task_gives_the_worker_back_when_its_time_is_over(ran: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    due("busy", 3)
    monkeypatch.setattr(tasks, "TASK_SECONDS", 0.0)
    run_step("busy")
    assert ran == ["busy"]
    due("urgent", 1)
    run_step("busy")
    assert ran[1:] == ["urgent", "busy"]


def test_the_relay_sends_no_more_wake_ups_than_there_is_room_for_and_the_others_later(ran: list[str]) -> None:
    due("busy", 10)
    due("quiet", 1)
    woken: list[str] = []
    waiting = MAX_WAITING
    relay = Relay(woken.append, lambda: waiting)
    relay.tick()
    assert woken == []

    waiting = MAX_WAITING - 1
    relay.tick()
    assert len(woken) == 1
    relay.tick()

    # The one that was woken longest ago came first.
    assert sorted(woken) == ["busy", "quiet"]
    relay.tick()
    assert len(woken) == 2
    relay.woken_at = {step: moment - REWAKE_SECONDS for step, moment in relay.woken_at.items()}
    waiting = 0
    relay.tick()
    assert len(woken) == 2 + MAX_WAITING


def test_nothing_is_written_for_webhooks_before_somebody_listens() -> None:
    world = make_world()

    def told(external_id: str) -> set[str]:
        capture(world, make_order(external_id, make_line(world.kurta, 1)))
        Relay(lambda step: None).tick()
        return set(Delivery.objects.filter(event__kind=OrderCaptured.kind).values_list("step", flat=True))

    assert told("1") == {"route", "write_customer"}
    endpoint = WebhookEndpoint.objects.create(name="ERP", url="https://erp.example.com/", secret="s", topics=[])
    assert told("2") == {"route", "write_customer", "tell_systems"}
    Delivery.objects.all().delete()
    pause_endpoint(endpoint.pk)
    assert told("3") == {"route", "write_customer"}


def test_the_broker_says_how_many_wake_ups_no_worker_has_taken() -> None:
    line = f"line-{uuid4()}"
    assert waiting_wakes(line) == 0
    for _ in range(2):
        run_step.apply_async(args=("route",), queue=line)
    assert waiting_wakes(line) == 2
