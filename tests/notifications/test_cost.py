"""What many messages at once cost: planning takes the same statements for any number, sending one more for each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from time_machine import travel

from fulfillment.models import Shipment
from oms.notifications.models import Message, MessageAccount, MessageChoice
from oms.notifications.sending import _send_claimed
from oms.notifications.services import queue_messages, send_messages
from oms.notifications.simulators.server import MessageServer
from tests.factories import World, capture, make_line, make_order, make_world, stock
from tests.fulfillment.floor import labelled, make_carrier, make_work, packed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> Iterator[World]:
    with travel(datetime(2026, 11, 23, 5, 30, tzinfo=UTC), tick=True), MessageServer() as simulator:
        made = make_world()
        make_carrier()
        stock(made.kurta, made.store, 9)
        MessageAccount.objects.create(
            code="wa", name="WhatsApp", provider="whatsapp_cloud", base_url=simulator.base_url,
            settings={"phone_number_id": "1"}, secrets={"access_token": "t"},
        )  # fmt: skip
        for event in ("confirmation", "shipped", "ready_for_pickup"):
            MessageChoice.objects.create(channel=made.channel, event=event, medium="whatsapp", is_on=True)
        yield made


def statements(work: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as captured:
        work()
    return len(captured)


def collected(world: World, name: str) -> Shipment:
    work = make_work(world, name, make_line(world.kurta), service_level="pickup", pickup_node_code="blr-s1")
    return packed(work)


def test_planning_takes_the_same_statements_for_any_number(world: World) -> None:
    lines = (make_line(world.kurta), make_line(world.saree, 2))
    orders = [capture(world, make_order(f"C-{n}", *lines)) for n in range(4)]
    road = [labelled(make_work(world, f"S-{n}", make_line(world.kurta))) for n in range(4)]
    counter = [collected(world, f"P-{n}") for n in range(4)]
    wanted = {
        "confirmation": [("confirmation", order_id, "") for order_id in orders],
        "shipped": [("shipped", parcel.order_id, str(parcel.pk)) for parcel in road],
        "ready_for_pickup": [("ready_for_pickup", parcel.order_id, str(parcel.pk)) for parcel in counter],
    }
    for event, asked in wanted.items():
        one = statements(partial(queue_messages, asked[:1]))
        assert statements(partial(queue_messages, asked[1:])) == one, event
    assert Message.objects.filter(state="pending").count() == 24


def test_sending_takes_one_statement_more_for_each_message_and_gives_back_what_there_is_no_time_for(
    world: World,
) -> None:
    orders = [capture(world, make_order(f"C-{n}", make_line(world.kurta))) for n in range(7)]
    queue_messages([("confirmation", order_id, "") for order_id in orders])
    ids = list(Message.objects.filter(medium="whatsapp").order_by("pk").values_list("pk", flat=True))

    one = statements(lambda: send_messages(ids[:1]))
    assert statements(lambda: send_messages(ids[1:5])) == one + 3

    assert _send_claimed(ids[5:], time.monotonic()) == 0
    left = Message.objects.filter(pk__in=ids[5:]).values_list("state", "attempts", "sends", "lease_until")
    assert set(left) == {("pending", 0, 0, None)}
    assert send_messages(ids[5:]) == 2
