"""The same orders through every door at the same time: each becomes one order."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from channels.models import ChannelAccount, InboundMessage
from channels.services import process_inbox, receive_messages
from orders.models import Order, OrderEvent, OrderLine
from tests.channels.services.doors import file_row, published, woo
from tests.channels.woocommerce.orders import line_payload
from tests.factories import World, make_line, make_order

pytestmark = pytest.mark.django_db(transaction=True)

ORDERS = 40


def together(*works: Callable[[], Any]) -> None:
    """Run all at once, each on its own connection; raises what any of them raised."""
    failures: list[BaseException] = []
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> None:
        try:
            barrier.wait(10)
            work()
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert failures == []


@pytest.mark.parametrize("seed", range(3))
def test_webhook_poll_and_file_of_the_same_orders_capture_each_once(
    world: World, account: ChannelAccount, seed: int
) -> None:
    numbers = list(range(1, ORDERS + 1))

    def shuffled(salt: int) -> list[int]:
        order = list(numbers)
        random.Random(seed * 10 + salt).shuffle(order)
        return order

    def webhooks() -> None:
        for number in shuffled(1):
            receive_messages(account, [woo(number)], "webhook")
            receive_messages(account, [woo(number)], "webhook")

    def poll() -> None:
        for page in range(0, ORDERS, 10):
            receive_messages(account, [woo(number) for number in shuffled(2)[page : page + 10]], "poll")

    def file() -> None:
        rows = [file_row(make_order(str(number), make_line(world.kurta, 2, "71"))) for number in shuffled(3)]
        receive_messages(account, rows, "file")

    def work() -> None:
        for _ in range(12):
            process_inbox(account.pk, limit=50)

    together(webhooks, poll, file, work, work)
    process_inbox(account.pk, limit=1000)

    assert Order.objects.count() == ORDERS
    assert OrderLine.objects.count() == ORDERS
    assert len(published("orders.OrderCaptured")) == ORDERS
    assert InboundMessage.objects.count() == 2 * ORDERS
    assert InboundMessage.objects.filter(state="captured").count() == ORDERS
    # Where the file came first, the store's own version completes the order; where it came last, it says nothing new.
    assert set(InboundMessage.objects.values_list("state", flat=True)) <= {"captured", "unchanged", "applied"}
    assert OrderEvent.objects.filter(kind="captured").count() == ORDERS


def test_versions_that_arrive_shuffled_and_twice_while_others_process_end_at_the_newest(
    account: ChannelAccount,
) -> None:
    versions = [
        woo(number, minute, quantity=3 - index, customer_note=str(minute))
        for number in range(1, 11)
        for index, minute in enumerate((10, 20, 30))
    ]
    parts = []
    for salt in range(3):
        part = list(versions)
        random.Random(salt).shuffle(part)
        parts.append(part)

    def deliver(part: list[Any]) -> Callable[[], None]:
        def work() -> None:
            for message in part:
                receive_messages(account, [message], "webhook")

        return work

    def process() -> None:
        for _ in range(15):
            process_inbox(limit=7)

    together(*(deliver(part) for part in parts), process, process, process)
    process_inbox(limit=1000)

    assert Order.objects.count() == 10
    assert InboundMessage.objects.count() == 30
    assert not InboundMessage.objects.filter(state__in=["pending", "quarantined"]).exists()
    assert {line.quantity - line.cancelled for line in OrderLine.objects.all()} == {1}
    for order in Order.objects.all():
        assert order.external_updated_at is not None
        assert order.external_updated_at.minute == 30
        seqs = list(OrderEvent.objects.filter(order=order).order_by("seq").values_list("seq", flat=True))
        assert seqs == list(range(1, len(seqs) + 1))


def test_workers_share_the_inbox_and_take_each_message_once(account: ChannelAccount) -> None:
    bad = line_payload(sku="KURTA-M", quantity=1.5)
    messages = [woo(n) if n % 5 else woo(n, line_items=[bad]) for n in range(1, 101)]
    receive_messages(account, messages, "poll")

    def work() -> None:
        while process_inbox(limit=20).settled:
            pass

    together(work, work, work)

    assert Order.objects.count() == 80
    assert InboundMessage.objects.filter(state="quarantined").count() == 20
    assert set(InboundMessage.objects.values_list("attempts", flat=True)) == {1}
