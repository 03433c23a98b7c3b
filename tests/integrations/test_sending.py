"""What is queued arrives, signed, once where all goes well; and waits its turn where it does not."""

from __future__ import annotations

import hmac
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from inventory.events import NodeSwitched, StockChanged
from inventory.models import StockLevel
from inventory.services import adjust, set_safety_stock
from oms.core.clock import now
from oms.core.models import OutboxEvent
from oms.integrations import addresses, transport
from oms.integrations.models import StockVersion, WebhookDelivery, WebhookEndpoint
from oms.integrations.services import (
    pause_endpoint,
    prune_webhooks,
    queue_webhooks,
    resend,
    resend_dead,
    resume_endpoint,
    rotate_secret,
    send_test,
    send_webhooks,
    settling,
    wake_webhooks,
)
from oms.integrations.services.claiming import claim_messages
from oms.integrations.signing import sign
from tests.factories import World, stock
from tests.flow.driver import drain
from tests.integrations.conftest import MakeEndpoint, let_pass, record, send_all
from tests.integrations.receiver import Heard, Receiver, drip_head, hang_up, receiver, silence, status
from tests.threads import at_once, elsewhere

pytestmark = pytest.mark.django_db(transaction=True)


def switch(world: World, times: int = 1) -> None:
    """Queue the news that a node was switched."""
    queue_webhooks(record(*[NodeSwitched(node_id=world.blr.pk, active=True)] * times))


def change(world: World) -> None:
    """Queue the news that the kurta's stock changed."""
    queue_webhooks(record(StockChanged(sku_ids=[world.kurta.pk], reason="count")))


def only() -> WebhookDelivery:
    return WebhookDelivery.objects.get()


def states() -> list[str]:
    return list(WebhookDelivery.objects.order_by("pk").values_list("state", flat=True))


def of(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    return WebhookEndpoint.objects.get(pk=endpoint.pk)


def verified(heard: Heard, secret: str) -> bool:
    """As a receiver checks it: by what arrived alone."""
    stamp = int(heard.headers["webhook-timestamp"])
    expected = sign(secret, heard.headers["webhook-id"], stamp, heard.body)
    fresh = abs(time.time() - stamp) < 300
    return fresh and any(
        hmac.compare_digest(expected, found) for found in heard.headers["webhook-signature"].split(" ")
    )


# -- all goes well ----------------------------------------------------------------------------------------------------


def test_a_message_arrives_signed_and_is_remembered(world: World, make_endpoint: MakeEndpoint, other: Receiver) -> None:
    endpoint = make_endpoint("node.switched")
    switch(world)
    assert send_all() == 1
    assert send_all() == 0

    [heard] = other.heard
    row = only()
    assert heard.payload == row.payload
    assert heard.type == "node.switched"
    assert heard.headers["webhook-id"] == row.message_id == f"msg_{row.uid.hex}"
    assert verified(heard, endpoint.secret)
    assert not verified(heard, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert (row.state, row.attempts, row.response_status, row.answer, row.error) == ("sent", 1, 200, "thank you", "")
    assert row.settled_at is not None
    assert row.lease_until is None
    endpoint = of(endpoint)
    assert endpoint.last_success_at is not None
    assert (endpoint.failing_since, endpoint.lease_until) == (None, None)


@pytest.mark.parametrize("place", ["body", "id", "timestamp"])
def test_a_bit_that_flips_on_the_way_is_noticed(
    world: World, make_endpoint: MakeEndpoint, other: Receiver, place: str
) -> None:
    endpoint = make_endpoint("node.switched")
    switch(world)
    send_all()
    [heard] = other.heard
    headers, body = dict(heard.headers), heard.body
    if place == "body":
        body = bytes([body[0] ^ 1]) + body[1:]
    else:
        headers[f"webhook-{place}"] = headers[f"webhook-{place}"][:-1] + "x1"[headers[f"webhook-{place}"][-1] != "1"]
        headers["webhook-timestamp"] = headers["webhook-timestamp"].replace("x", "0")
    assert not verified(Heard(heard.path, headers, body), endpoint.secret)


def test_while_a_secret_is_changed_both_sign_and_then_the_new_one_alone(
    world: World, make_endpoint: MakeEndpoint, other: Receiver
) -> None:
    endpoint = make_endpoint("node.switched")
    first = endpoint.secret
    second = rotate_secret(endpoint.pk, old_hours=1)
    switch(world)
    send_all()
    [heard] = other.take()
    assert verified(heard, first)
    assert verified(heard, second)

    third = rotate_secret(endpoint.pk, old_hours=0)
    switch(world)
    send_all()
    [heard] = other.take()
    assert [verified(heard, secret) for secret in (first, second, third)] == [False, False, True]

    WebhookEndpoint.objects.update(old_secret=first, old_secret_until=now() - timedelta(seconds=1))
    switch(world)
    send_all()
    assert not verified(other.take()[0], first)


def test_secrets_are_kept_encrypted(make_endpoint: MakeEndpoint, world: World) -> None:
    endpoint = make_endpoint()
    rotate_secret(endpoint.pk)
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret, old_secret FROM integrations_webhookendpoint")
        stored = cursor.fetchone()
    assert not any(text.startswith("whsec_") or endpoint.secret in text for text in stored)


def test_forty_messages_arrive_once_each_though_four_workers_send(
    world: World, make_endpoint: MakeEndpoint, other: Receiver
) -> None:
    endpoint = make_endpoint("node.switched")
    switch(world, 40)
    tried = at_once([lambda: send_webhooks(endpoint.pk)] * 4)
    assert sum(tried) == len(other.heard) == 40
    assert sorted(tried)[-1] == 40
    assert len({heard.headers["webhook-id"] for heard in other.heard}) == 40
    assert set(states()) == {"sent"}


def test_a_change_of_stock_goes_through_the_flow_to_the_other_side(
    world: World, make_endpoint: MakeEndpoint, other: Receiver
) -> None:
    make_endpoint("stock.level_changed", "stock.arrived")
    drain()
    other.take()
    stock(world.kurta, world.blr, 25)
    drain()
    assert other.topics() == ["stock.arrived", "stock.level_changed"]
    assert set(states()) == {"sent"}


# -- the newest truth -------------------------------------------------------------------------------------------------


def test_levels_are_read_when_they_are_sent_and_folded_before(
    world: World, make_endpoint: MakeEndpoint, other: Receiver
) -> None:
    make_endpoint("stock.level_changed")
    for on_hand in (11, 12, 13):
        stock(world.kurta, world.blr, on_hand)
        change(world)
    set_safety_stock(node_id=world.blr.pk, sku_id=world.kurta.pk, quantity=4)
    assert send_all() == 1

    [heard] = other.heard
    assert heard.data == {
        "sku": "KURTA-M", "version": StockVersion.objects.get().version, "nodes": [
            {"node": "blr-01", "on_hand": 13, "reserved": 0, "safety_stock": 4, "atp": 9},
            {"node": "del-01", "on_hand": 10, "reserved": 0, "safety_stock": 0, "atp": 10},
        ],
    }  # fmt: skip
    assert only().payload == heard.payload
    assert only().state == "sent"


def test_an_endpoint_of_one_node_is_told_its_levels_alone(
    world: World, make_endpoint: MakeEndpoint, other: Receiver
) -> None:
    make_endpoint("stock.level_changed", node_codes=["del-01"])
    change(world)
    send_all()
    assert [level["node"] for level in other.heard[0].data["nodes"]] == ["del-01"]


def test_each_report_of_a_sku_has_a_greater_number_than_those_that_knew_less(
    world: World, make_endpoint: MakeEndpoint, other: Receiver
) -> None:
    endpoints = [make_endpoint("stock.level_changed", name=f"E{n}").pk for n in range(3)]

    def sell(n: int) -> None:
        adjust(node_id=world.blr.pk, sku_id=world.kurta.pk, reason="found", quantity=1, op_key=f"f{n}", actor="x")
        change(world)
        for pk in endpoints:
            send_webhooks(pk)

    at_once([lambda n=n: sell(n) for n in range(6)])  # type: ignore[misc]
    send_all()
    reports = sorted((heard.data["version"], heard.data["nodes"][0]["on_hand"]) for heard in other.heard)
    assert len({version for version, _ in reports}) == len(reports)
    assert [on_hand for _, on_hand in reports] == sorted(on_hand for _, on_hand in reports)
    assert reports[-1][1] == StockLevel.objects.get(sku=world.kurta, node=world.blr).on_hand == 16
    assert StockVersion.objects.get().version == reports[-1][0]


def test_the_number_grows_though_the_clock_was_set_back(
    world: World, make_endpoint: MakeEndpoint, other: Receiver
) -> None:
    make_endpoint("stock.level_changed")
    StockVersion.objects.create(sku=world.kurta, version=9_000_000_000_000_000)
    change(world)
    send_all()
    assert other.heard[0].data["version"] == 9_000_000_000_000_001


def test_what_was_tried_keeps_its_words_and_its_name_and_newer_news_has_its_own(
    world: World, make_endpoint: MakeEndpoint, other: Receiver
) -> None:
    make_endpoint("stock.level_changed")
    other.behave = status(500)
    change(world)
    send_all()
    stock(world.kurta, world.blr, 77)
    let_pass(now())
    send_all()
    first, again = other.take()
    assert first.headers["webhook-id"] == again.headers["webhook-id"]
    assert first.body == again.body

    other.behave = status(200)
    change(world)
    send_all()
    [newer] = other.take()
    assert newer.headers["webhook-id"] != first.headers["webhook-id"]
    assert newer.data["version"] > first.data["version"]
    assert newer.data["nodes"][0]["on_hand"] == 77
    assert states() == ["overtaken", "sent"]
    let_pass(now())
    assert send_all() == 0


def test_news_that_come_while_the_levels_are_on_their_way_are_not_lost(
    world: World, make_endpoint: MakeEndpoint, other: Receiver
) -> None:
    drain()
    make_endpoint("stock.level_changed")

    def sold_meanwhile(handler: Any) -> None:
        if len(other.heard) == 1:
            elsewhere(lambda: stock(world.kurta, world.blr, 3))
            elsewhere(lambda: change(world))
        handler.answer(200)

    other.behave = sold_meanwhile
    change(world)
    send_all()
    drain()
    assert other.heard[-1].data["nodes"][0]["on_hand"] == 3
    assert len(other.heard) == 2


def test_a_sku_that_is_gone_needs_no_message(world: World, make_endpoint: MakeEndpoint, other: Receiver) -> None:
    make_endpoint("stock.level_changed")
    change(world)
    WebhookDelivery.objects.update(fold_key="sku/987654321")
    assert send_all() == 0
    assert (states(), other.heard) == (["overtaken"], [])


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
