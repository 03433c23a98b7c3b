"""What a channel is told about its orders: once, in order, and in the end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from pytest_django import DjangoAssertNumQueries

from channels import registry
from channels.adapters.woocommerce.adapter import WooCommerceAdapter
from channels.base import AccountConfig, OrderUpdate
from channels.models import ChannelAccount, OutboundUpdate
from channels.services import (
    OrderNews,
    poll_account,
    process_inbox,
    push_order_updates,
    queue_order_update,
    queue_order_updates,
    retry_order_updates,
)
from channels.services.outbound import wait_after
from channels.simulators.woocommerce.server import SimulatedStore
from fulfillment.services import cancel_order
from oms.core.clock import now
from oms.core.errors import PermanentError, TransientError
from orders.models import Order, OrderLine, SalesChannel
from orders.services import capture_orders
from tests.channels.services.doors import connect, published, take, woo
from tests.channels.woocommerce.store import control, place, running_store, seed
from tests.factories import World, capture, make_line, make_order


@pytest.fixture
def store(account: ChannelAccount) -> Iterator[SimulatedStore]:
    """A store that the account can reach."""
    with running_store() as found:
        seed(found, "KURTA-M")
        connect(account, found)
        yield found


@pytest.fixture
def order(account: ChannelAccount) -> Order:
    """An order of two kurtas."""
    take(account, woo())
    return Order.objects.get()


class Listener(WooCommerceAdapter):
    """A channel that hears, or raises what it was told to raise."""

    def __init__(self) -> None:
        self.heard: list[OrderUpdate] = []
        self.errors: list[Exception] = []

    def push_order_update(self, account: AccountConfig, update: OrderUpdate) -> None:
        """Keep the update."""
        if self.errors:
            raise self.errors.pop(0)
        self.heard.append(update)


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Listener:
    """The connector of the account, replaced."""
    found = Listener()
    monkeypatch.setitem(registry.ADAPTERS, "woocommerce", found)
    return found


def shipped(order: Order, key: str = "shipped:1", **fields: Any) -> int | None:
    return queue_order_update(order_id=order.pk, kind="shipped", update_key=key, awb="AWB1", **fields)


def test_a_store_learns_that_its_order_was_shipped(account: ChannelAccount, store: SimulatedStore) -> None:
    (number,) = place(store)
    poll_account(account.pk)
    process_inbox()
    order = Order.objects.get()
    lines = {line.pk: line.quantity for line in OrderLine.objects.all()}

    update_id = queue_order_update(
        order_id=order.pk, kind="shipped", update_key="shipment:1", awb="SR1", carrier_name="Shiprocket", lines=lines
    )
    result = push_order_updates(account.pk)

    assert (result.sent, result.failed, result.put_off) == (1, 0, 0)
    assert store.orders.get(number)["status"] == "completed"
    update = OutboundUpdate.objects.get()
    assert (update.pk, update.state, update.attempts, update.error) == (update_id, "sent", 1, "")
    # What the store then says of it is our own news: it holds nothing up and is not told back.
    OrderLine.objects.update(unallocated=0, shipped=F("quantity"))
    poll_account(account.pk)
    process_inbox()
    assert Order.objects.get().open_holds == order.open_holds
    assert OutboundUpdate.objects.count() == 1


def test_the_same_news_is_queued_once(order: Order, account: ChannelAccount) -> None:
    first = shipped(order)
    assert shipped(order) == first
    assert published("channels.OrderUpdateQueued") == [{"update_id": first, "account_id": account.pk}]


def test_lines_are_named_as_the_channel_names_them(order: Order, listener: Listener) -> None:
    line = OrderLine.objects.get()
    shipped(order, lines={line.pk: 2})
    push_order_updates()
    [update] = listener.heard
    assert (update.external_id, update.update_id, update.awb, update.lines) == ("501", "shipped:1", "AWB1", {"71": 2})


@pytest.mark.parametrize("change", [{"pushes_updates": False}, {"connector": "api"}])
def test_a_channel_that_is_not_told_has_nothing_queued(
    order: Order, account: ChannelAccount, change: dict[str, Any]
) -> None:
    ChannelAccount.objects.update(**change)
    assert shipped(order) is None
    assert not OutboundUpdate.objects.exists()


def test_a_cancellation_of_ours_is_told_and_one_of_the_channel_is_not(
    account: ChannelAccount, order: Order, listener: Listener
) -> None:
    line = OrderLine.objects.get()
    cancel_order(order_id=order.pk, lines={line.pk: 1}, reason="Damaged", actor="Meera")
    assert queue_order_update(order_id=order.pk, kind="cancelled", update_key="cancelled:1") is not None
    assert queue_order_update(order_id=order.pk, kind="cancelled", update_key="cancelled:2") is None

    take(account, woo(minute=30, status="cancelled"))
    assert Order.objects.get().stage == "cancelled"
    assert queue_order_update(order_id=order.pk, kind="cancelled", update_key="cancelled:3") is None

    push_order_updates()
    assert [(update.kind, update.lines) for update in listener.heard] == [("cancelled", {"71": 1})]


def test_updates_of_one_order_go_in_order_and_a_later_one_waits_for_the_first(order: Order, listener: Listener) -> None:
    queue_order_update(order_id=order.pk, kind="processing", update_key="a")
    shipped(order, "b")
    listener.errors = [TransientError("Busy")]

    result = push_order_updates()
    assert (result.sent, result.put_off) == (0, 1)
    assert push_order_updates().put_off == 0

    OutboundUpdate.objects.filter(update_key="a").update(sent_at=now() - timedelta(minutes=10))
    assert push_order_updates().sent == 2
    assert [update.update_id for update in listener.heard] == ["a", "b"]
    first = OutboundUpdate.objects.get(update_key="a")
    assert (first.attempts, first.error) == (2, "")


def test_a_channel_that_asks_to_wait_is_not_asked_before(order: Order, listener: Listener) -> None:
    shipped(order)
    listener.errors = [TransientError("Slow down", retry_after_seconds=3600)]
    push_order_updates()

    OutboundUpdate.objects.update(sent_at=F("sent_at") - timedelta(minutes=50))
    assert push_order_updates().sent == 0
    OutboundUpdate.objects.update(sent_at=F("sent_at") - timedelta(minutes=11))
    assert push_order_updates().sent == 1


def test_an_account_that_does_not_answer_does_not_keep_the_others_waiting(
    account: ChannelAccount, order: Order, listener: Listener
) -> None:
    take(account, woo(502), woo(503))
    for number in ("501", "502", "503"):
        shipped(Order.objects.get(external_id=number), f"s:{number}")
    listener.errors = [TransientError("Busy")]

    assert push_order_updates().put_off == 1
    assert listener.heard == []
    account.refresh_from_db()
    assert account.last_error == "Busy"
    assert push_order_updates().sent == 2


def test_an_update_in_the_hands_of_one_worker_is_left_alone(order: Order, listener: Listener) -> None:
    shipped(order)
    OutboundUpdate.objects.update(sent_at=now(), attempts=1)
    assert push_order_updates().sent == 0
    OutboundUpdate.objects.update(sent_at=now() - timedelta(minutes=6))
    assert push_order_updates().sent == 1


def test_what_a_channel_refuses_stays_visible_and_can_be_tried_again(order: Order, listener: Listener) -> None:
    update_id = shipped(order)
    assert update_id is not None
    listener.errors = [PermanentError("No such order.")]

    assert push_order_updates().failed == 1
    update = OutboundUpdate.objects.get()
    assert (update.state, update.error) == ("failed", "No such order.")
    assert push_order_updates().sent == 0

    assert retry_order_updates([update_id], "Meera") == [update_id]
    assert push_order_updates().sent == 1


def test_an_update_is_given_up_in_the_end(order: Order, listener: Listener) -> None:
    shipped(order)
    OutboundUpdate.objects.update(attempts=49)
    listener.errors = [TransientError("Busy")]
    push_order_updates()
    update = OutboundUpdate.objects.get()
    assert (update.state, update.error) == ("failed", "Given up after 50 attempts: Busy")


def test_the_waits_double_up_to_an_hour() -> None:
    waits = [wait_after(n).total_seconds() for n in (1, 2, 3, 9, 50)]
    assert waits == [15, 30, 60, 3600, 3600]


def test_only_the_named_updates_are_pushed(account: ChannelAccount, order: Order, listener: Listener) -> None:
    take(account, woo(502))
    first = shipped(order)
    shipped(Order.objects.get(external_id="502"), "other")
    assert first is not None
    assert push_order_updates(ids=[first]).sent == 1
    assert OutboundUpdate.objects.get(update_key="other").state == "pending"


def test_a_store_that_loses_its_reply_is_told_once(account: ChannelAccount, store: SimulatedStore) -> None:
    (number,) = place(store)
    poll_account(account.pk)
    process_inbox()
    queue_order_update(order_id=Order.objects.get().pk, kind="shipped", update_key="s", awb="SR1")
    control(store, "POST", "/faults", {"kind": "drop_reply", "method": "PUT", "count": 1})

    assert push_order_updates().put_off == 1
    OutboundUpdate.objects.update(sent_at=now() - timedelta(minutes=10))
    assert push_order_updates().sent == 1

    told = store.orders.get(number)
    [applied] = [item["value"] for item in told["meta_data"] if item["key"] == "_oms_updates"]
    assert [entry["id"] for entry in applied] == ["s"]


def test_many_news_are_queued_at_once_each_once_and_only_for_channels_that_are_told(
    world: World, account: ChannelAccount, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    other = SalesChannel.objects.create(code="market", name="Marketplace", kind="marketplace")
    ChannelAccount.objects.create(channel=other, connector="api")
    orders = [capture(world, make_order(f"W{number}", make_line(world.kurta, 2))) for number in range(20)]
    foreign = capture_orders(channel=other, orders=[make_order("M1", make_line(world.kurta))], actor="test")[0].order_id
    line = OrderLine.objects.get(order_id=orders[0])
    news = [OrderNews(order_id=pk, kind="processing", update_key=f"processing/{pk}") for pk in (*orders, foreign)]
    parcel = OrderNews(order_id=orders[0], kind="shipped", update_key="shipped/1", awb="A1", carrier_name="Riders",
                       tracking_url="https://example.com/t", lines={line.pk: 1, 0: 5})  # fmt: skip

    with django_assert_max_num_queries(6):
        ids = queue_order_updates([*news, news[0], parcel])

    assert len(ids) == 21
    assert list(OutboundUpdate.objects.order_by("pk").values_list("order_id", flat=True)) == [*orders, orders[0]]
    assert queue_order_updates([*news, parcel]) == []
    assert queue_order_updates([]) == queue_order_updates(news[-1:]) == []
    queued = published("channels.OrderUpdateQueued")
    assert sorted(row["update_id"] for row in queued) == sorted(ids)
    assert {row["account_id"] for row in queued} == {account.pk}
    update = OutboundUpdate.objects.get(update_key="shipped/1")
    assert (update.kind, update.state, update.attempts, update.sent_at) == ("shipped", "pending", 0, None)
    # The same as one by one.
    words = {"awb": "A1", "carrier_name": "Riders", "tracking_url": "https://example.com/t"}
    queue_order_update(order_id=orders[0], kind="shipped", update_key="shipped/2", lines={line.pk: 1}, **words)
    assert OutboundUpdate.objects.get(update_key="shipped/2").payload == update.payload
