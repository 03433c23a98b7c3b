"""What is queued arrives, signed and once, and says what is so when it is sent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from inventory.models import StockLevel
from inventory.services import adjust, set_safety_stock
from oms.core.clock import now
from oms.integrations.models import StockVersion, WebhookDelivery, WebhookEndpoint
from oms.integrations.services import (
    rotate_secret,
    send_webhooks,
)
from tests.factories import World, stock
from tests.flow.driver import drain
from tests.integrations.conftest import MakeEndpoint, let_pass, send_all
from tests.integrations.receiver import Heard, Receiver, status
from tests.integrations.sending import change, of, only, states, switch, verified
from tests.threads import at_once, elsewhere

pytestmark = pytest.mark.django_db(transaction=True)


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
