"""What does not arrive waits its turn, holds up nothing else, and is given up in the end."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from inventory.events import NodeSwitched
from oms.core.clock import now
from oms.core.models import OutboxEvent
from oms.integrations import addresses, transport
from oms.integrations.models import WebhookDelivery, WebhookEndpoint
from oms.integrations.services import (
    pause_endpoint,
    prune_webhooks,
    queue_webhooks,
    resend,
    resend_dead,
    resume_endpoint,
    send_test,
    send_webhooks,
    settling,
    wake_webhooks,
)
from oms.integrations.services.claiming import claim_messages
from tests.factories import World
from tests.flow.driver import drain
from tests.integrations.conftest import MakeEndpoint, let_pass, record, send_all
from tests.integrations.receiver import Receiver, drip_head, hang_up, receiver, silence, status
from tests.integrations.sending import change, of, only, states, switch
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


# -- failing ----------------------------------------------------------------------------------------------------------


def test_waits_grow_as_the_specification_says_until_a_message_is_given_up(
    world: World, make_endpoint: MakeEndpoint, other: Receiver
) -> None:
    make_endpoint("node.switched")
    other.behave = status(500, b"no")
    switch(world)
    waits = []
    for _ in range(9):
        assert send_all() == 1
        row = only()
        assert (row.state, row.error, row.answer) == ("failed", "It answered 500.", "no")
        assert row.tried_at is not None
        waits.append((row.next_try_at - row.tried_at).total_seconds())
        assert send_all() == 0
        let_pass(now())
    for wait, expected in zip(waits, [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400], strict=True):
        assert expected * 0.95 <= wait <= expected * 1.05 + 1
    assert send_all() == 1
    assert (only().state, only().attempts) == ("dead", 10)
    let_pass(now())
    assert send_all() == 0
    assert len(other.heard) == 10
    assert len({heard.headers["webhook-id"] for heard in other.heard}) == 1


@pytest.mark.parametrize("code", [302, 400, 404, 500])
def test_what_is_not_2xx_has_failed_and_holds_up_no_other_message(
    world: World, make_endpoint: MakeEndpoint, other: Receiver, code: int
) -> None:
    endpoint = make_endpoint("node.switched")
    switch(world, 20)
    other.behave = status(code)
    assert send_all() == 20
    assert set(states()) == {"failed"}
    endpoint = of(endpoint)
    assert endpoint.failing_since is not None
    assert (endpoint.quiet_until, endpoint.silent_tries, endpoint.is_active) == (None, 0, True)


@pytest.mark.parametrize("code", [429, 502, 503, 504])
def test_who_asks_for_mercy_gets_nothing_for_a_while(
    world: World, make_endpoint: MakeEndpoint, other: Receiver, code: int
) -> None:
    endpoint = make_endpoint("node.switched")
    switch(world, 30)
    other.behave = status(code, Retry_After="90")
    assert send_all() == 8
    assert send_all() == 0
    quiet = of(endpoint).quiet_until
    assert quiet is not None
    assert timedelta(seconds=85) < quiet - now() <= timedelta(seconds=90)
    assert sorted(states()) == ["failed"] * 8 + ["pending"] * 22


def test_who_asks_for_a_year_gets_an_hour(world: World, make_endpoint: MakeEndpoint, other: Receiver) -> None:
    endpoint = make_endpoint("node.switched")
    switch(world)
    other.behave = status(503, Retry_After="31536000")
    send_all()
    quiet = of(endpoint).quiet_until
    assert quiet is not None
    assert quiet - now() <= timedelta(hours=1)


@pytest.mark.parametrize("behaviour", [silence, drip_head, hang_up])
def test_who_does_not_answer_is_left_after_one_wave_then_asked_with_one_message(
    world: World, make_endpoint: MakeEndpoint, other: Receiver, behaviour: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport.post, "__kwdefaults__", {"total_seconds": 0.3})
    endpoint = make_endpoint("node.switched")
    switch(world, 30)
    other.behave = behaviour
    waits = []
    for tries in (8, 1, 1, 1):
        began = time.monotonic()
        assert send_all() == tries
        assert time.monotonic() - began < 3
        assert send_all() == 0
        row = of(endpoint)
        assert row.quiet_until is not None
        waits.append(round((row.quiet_until - now()).total_seconds()))
        WebhookEndpoint.objects.update(quiet_until=None)
    assert waits == [5, 10, 20, 40]

    other.behave = status(200)
    send_all()
    assert of(endpoint).silent_tries == 0
    assert "pending" not in states()


def test_a_slow_endpoint_does_not_hold_up_another(
    world: World, make_endpoint: MakeEndpoint, other: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport.post, "__kwdefaults__", {"total_seconds": 3.0})
    with receiver() as slow:
        slow.behave = silence
        first = make_endpoint("node.switched", name="Slow", url=slow.url)
        second = make_endpoint("node.switched", name="Quick")
        switch(world, 30)
        done: list[tuple[int, int]] = []

        def send(pk: int) -> None:
            done.append((pk, send_webhooks(pk)))

        at_once([lambda: send(first.pk), lambda: send(first.pk), lambda: send(second.pk)])
        assert len(other.heard) == 30
        assert len(slow.heard) == 8
        assert done[-1] == (first.pk, 8)
        assert set(done[:2]) == {(first.pk, 0), (second.pk, 30)}


def test_after_an_outage_what_failed_goes_out_at_once(
    world: World, make_endpoint: MakeEndpoint, other: Receiver
) -> None:
    endpoint = make_endpoint("node.switched")
    other.behave = hang_up
    switch(world, 5)
    send_all()
    WebhookDelivery.objects.update(next_try_at=now() + timedelta(hours=5), attempts=5)
    WebhookEndpoint.objects.update(quiet_until=None, failing_since=now() - timedelta(hours=2))
    other.behave = status(200)
    switch(world)
    assert send_all() == 6
    assert set(states()) == {"sent"}
    assert of(endpoint).failing_since is None


def test_one_message_that_always_fails_is_not_hurried_by_the_others(
    world: World, make_endpoint: MakeEndpoint, other: Receiver
) -> None:
    endpoint = make_endpoint("node.switched")
    other.behave = status(500)
    switch(world)
    send_all()
    other.behave = status(200)
    due = only().next_try_at
    switch(world)
    send_all()
    assert states() == ["failed", "sent"]
    assert WebhookDelivery.objects.earliest("pk").next_try_at == due
    assert of(endpoint).failing_since is None


def test_410_gone_stops_the_endpoint_and_its_message(
    world: World, make_endpoint: MakeEndpoint, other: Receiver
) -> None:
    endpoint = make_endpoint("node.switched")
    other.behave = status(410)
    switch(world)
    send_all()
    endpoint = of(endpoint)
    assert (endpoint.is_active, endpoint.paused_reason) == (False, "gone")
    assert states() == ["dead"]
    switch(world)
    assert states() == ["dead"]


def test_five_days_without_a_success_pause_the_endpoint(
    world: World, make_endpoint: MakeEndpoint, other: Receiver
) -> None:
    endpoint = make_endpoint("node.switched")
    other.behave = status(500)
    switch(world, 2)
    WebhookEndpoint.objects.update(failing_since=now() - timedelta(days=5) + timedelta(minutes=1))
    send_all()
    assert of(endpoint).is_active
    WebhookEndpoint.objects.update(failing_since=now() - timedelta(days=5))
    let_pass(now())
    send_all()
    endpoint = of(endpoint)
    assert (endpoint.is_active, endpoint.paused_reason) == (False, "failing")
    let_pass(now())
    assert send_all() == 0

    other.behave = status(200)
    assert resume_endpoint(endpoint.pk)
    drain()
    assert states() == ["sent", "sent"]
    assert of(endpoint).paused_reason == ""


def test_a_name_that_comes_to_lead_inside_is_not_followed(
    world: World, make_endpoint: MakeEndpoint, other: Receiver, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = make_endpoint("node.switched", url=f"http://erp.example.com:{other.port}/")
    answers = iter([["127.0.0.1"], ["169.254.169.254"], ["127.0.0.1", "169.254.169.254"]])
    asked: list[str] = []

    def look_up(host: str, port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    monkeypatch.setattr(addresses, "look_up", look_up)
    switch(world, 3)
    assert send_all() == 3
    assert len(asked) == 1, "the name is looked up once, and the connection made to that very answer"
    assert len(other.take()) == 3
    for _ in range(2):
        switch(world)
        WebhookEndpoint.objects.update(quiet_until=None)
        send_all()
    assert other.heard == []
    failed = WebhookDelivery.objects.filter(state="failed")
    assert failed.count() == 2
    assert {row.error for row in failed} == {"erp.example.com leads to 169.254.169.254, which is not a public address."}
    assert of(endpoint).quiet_until is not None

    settings.WEBHOOKS_ALLOW_PRIVATE = False
    let_pass(now())
    send_all()
    assert "must begin with https" in WebhookDelivery.objects.filter(state="failed").latest("tried_at").error


def test_a_message_of_a_worker_that_died_is_sent_again_under_its_name(
    world: World, make_endpoint: MakeEndpoint, other: Receiver
) -> None:
    endpoint = make_endpoint("stock.level_changed")
    change(world)
    [lost] = claim_messages(endpoint.pk, [], limit=1)
    assert send_all() == 0
    WebhookDelivery.objects.update(lease_until=now() - timedelta(seconds=1))
    assert send_all() == 1
    [heard] = other.heard
    assert heard.headers["webhook-id"] == f"msg_{lost.uid.hex}"
    assert heard.body == lost.body
    # The dead worker comes back: what it says about its try is not believed.
    settling.settle(endpoint.pk, [settling.Outcome(lost, None, "late", 1)])
    assert (only().state, only().attempts) == ("sent", 2)


# -- on purpose -------------------------------------------------------------------------------------------------------


def test_the_clock_wakes_what_is_due_and_nothing_else(
    world: World, make_endpoint: MakeEndpoint, other: Receiver
) -> None:
    make_endpoint("node.switched")
    make_endpoint("node.switched", name="Second")
    assert wake_webhooks() == 0
    other.behave = status(500)
    switch(world)
    send_all()
    assert wake_webhooks() == 0
    other.behave = status(200)
    let_pass(now())
    assert wake_webhooks() == 2
    drain()
    assert set(states()) == {"sent"}
    assert wake_webhooks() == 0


def test_what_was_given_up_is_sent_again_on_purpose(world: World, make_endpoint: MakeEndpoint, other: Receiver) -> None:
    endpoint = make_endpoint("node.switched")
    switch(world, 3)
    WebhookDelivery.objects.update(state="dead", attempts=10)
    assert resend_dead(endpoint.pk) == 3
    assert resend_dead(endpoint.pk) == 0
    drain()
    assert states() == ["sent"] * 3
    first = WebhookDelivery.objects.earliest("pk")
    assert resend(endpoint.pk, [first.pk]) == 1
    drain()
    assert [heard.headers["webhook-id"] for heard in other.heard].count(first.message_id) == 2
    first.refresh_from_db()
    assert (first.state, first.attempts) == ("sent", 1)


def test_an_old_report_of_levels_is_not_sent_again_after_a_newer_one(
    world: World, make_endpoint: MakeEndpoint, other: Receiver
) -> None:
    endpoint = make_endpoint("stock.level_changed")
    change(world)
    send_all()
    change(world)
    send_all()
    old, newest = WebhookDelivery.objects.order_by("pk")
    assert resend(endpoint.pk, [old.pk]) == 0
    assert resend(endpoint.pk, [newest.pk]) == 1
    WebhookDelivery.objects.update(state="dead")
    assert resend_dead(endpoint.pk) == 1
    assert states() == ["overtaken", "failed"]


def test_a_test_reaches_also_an_endpoint_that_is_paused_and_is_tried_once(
    world: World, make_endpoint: MakeEndpoint, other: Receiver
) -> None:
    endpoint = make_endpoint("node.switched")
    switch(world)
    pause_endpoint(endpoint.pk)
    WebhookEndpoint.objects.update(quiet_until=now() + timedelta(hours=1))
    row = send_test(endpoint.pk, actor="Asha")
    drain()
    [heard] = other.take()
    assert (heard.type, heard.data["sent_by"]) == ("webhook.test", "Asha")
    row.refresh_from_db()
    assert row.state == "sent"
    assert not of(endpoint).is_active

    other.behave = status(500)
    failing = send_test(endpoint.pk, actor="Asha")
    drain()
    failing.refresh_from_db()
    assert (failing.state, failing.attempts) == ("dead", 1)


def test_what_happens_in_a_transaction_that_is_rolled_back_is_told_to_nobody(
    world: World, make_endpoint: MakeEndpoint
) -> None:
    make_endpoint("node.switched")
    found = record(NodeSwitched(node_id=world.blr.pk, active=True))
    with transaction.atomic():
        assert queue_webhooks(found) == 1
        transaction.set_rollback(True)
    assert WebhookDelivery.objects.count() == 0
    assert OutboxEvent.objects.filter(kind="integrations.WebhooksDue").count() == 0


def test_old_messages_are_forgotten_and_waiting_ones_never(world: World, make_endpoint: MakeEndpoint) -> None:
    make_endpoint("node.switched")
    switch(world, 6)
    ages = {"sent": (13, 15), "dead": (89, 91), "pending": (400, 400)}
    rows = iter(WebhookDelivery.objects.order_by("pk"))
    for state, days in ages.items():
        for age in days:
            moment = now() - timedelta(days=age)
            settled = None if state == "pending" else moment
            WebhookDelivery.objects.filter(pk=next(rows).pk).update(state=state, created_at=moment, settled_at=settled)
    assert prune_webhooks() == 2
    assert states() == ["sent", "dead", "pending", "pending"]
