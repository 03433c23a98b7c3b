"""Newer versions of an order reach it once, in any order of arrival, and never take it back."""

import itertools
from typing import Any

import pytest

from channels.base import RawMessage
from channels.models import ChannelAccount, InboundMessage, OutboundUpdate
from channels.selectors import preview_message
from channels.services import process_inbox, receive_messages
from fulfillment.services import open_fulfillment_orders, pack, pick
from inventory.models import StockLevel
from orders.models import Hold, Order, OrderEvent, OrderLine, Payment
from orders.services import edit_address
from routing.services import route_orders
from tests.channels.services.doors import published, states, take, woo
from tests.channels.woocommerce.orders import line_payload, order_payload
from tests.factories import ASHA, World


def moved(line1: str, postcode: str = "560001") -> dict[str, Any]:
    """A shipping address of the buyer."""
    return {**order_payload()["shipping"], "address_1": line1, "postcode": postcode}


def packed(world: World) -> Order:
    """The order, picked and packed."""
    order = Order.objects.get()
    route_orders([order.pk], trigger="captured")
    [work_id] = open_fulfillment_orders([order.pk])
    pick(fulfillment_order_id=work_id, code="KURTA-M", quantity=2, actor="Ravi")
    pack(fulfillment_order_id=work_id, actor="Ravi")
    order.refresh_from_db()
    return order


def notes() -> list[str]:
    return list(OrderEvent.objects.filter(kind="channel_note").order_by("seq").values_list("message", flat=True))


def test_a_cancellation_releases_the_stock_and_is_not_told_back(world: World, account: ChannelAccount) -> None:
    take(account, woo())
    order = Order.objects.get()
    route_orders([order.pk], trigger="captured")

    take(account, woo(minute=30, status="cancelled"))

    order.refresh_from_db()
    assert order.stage == "cancelled"
    level = StockLevel.objects.get(sku=world.kurta, node=world.blr)
    assert (level.on_hand, level.reserved) == (10, 0)
    assert states(account) == ["captured", "applied"]
    told = OutboundUpdate.objects.get()
    assert (told.state, told.payload) == ("skipped", {"lines": {"71": 2}})
    assert len(published("orders.OrderCancelled")) == 1


def test_the_same_cancellation_again_changes_nothing(account: ChannelAccount) -> None:
    take(account, woo())
    take(account, woo(minute=30, status="cancelled"))
    before = list(OrderEvent.objects.values_list("seq", "message"))

    take(account, woo(minute=31, status="cancelled"))

    assert list(OrderEvent.objects.values_list("seq", "message")) == before
    assert len(published("orders.OrderCancelled")) == 1


def test_an_order_that_has_left_cannot_be_cancelled_and_its_timeline_says_so(
    world: World, account: ChannelAccount
) -> None:
    take(account, woo())
    OrderLine.objects.update(unallocated=0, shipped=2)
    Order.objects.update(stage="shipped")

    take(account, woo(minute=30, status="cancelled"))

    assert states(account) == ["captured", "applied"]
    assert Order.objects.get().stage == "shipped"
    assert notes() == ["The channel cancelled the order, but 2 units have been shipped: expect them back."]


def test_a_packed_order_is_cancelled_and_its_goods_go_back(world: World, account: ChannelAccount) -> None:
    take(account, woo())
    packed(world)

    take(account, woo(minute=30, status="cancelled"))

    assert Order.objects.get().stage == "cancelled"
    level = StockLevel.objects.get(sku=world.kurta, node=world.blr)
    assert (level.on_hand, level.reserved, level.packed) == (10, 0, 0)


def test_refunded_units_are_cancelled(world: World, account: ChannelAccount) -> None:
    take(account, woo(quantity=3))
    refunded = line_payload(
        id=71, sku="KURTA-M", quantity=3, meta_data=[{"key": "_restock_refunded_items", "value": "1"}]
    )

    take(account, woo(minute=30, line_items=[refunded], refunds=[{"id": 9, "total": "-354.00"}]))

    line = OrderLine.objects.get()
    assert (line.quantity, line.cancelled, line.unallocated) == (3, 1, 2)
    payment = Payment.objects.get()
    assert (payment.state, payment.refunded_minor) == ("partially_refunded", 35_400)


def test_units_that_are_packed_with_others_stay_and_the_timeline_says_so(world: World, account: ChannelAccount) -> None:
    take(account, woo())
    packed(world)

    take(account, woo(minute=30, quantity=1))

    assert OrderLine.objects.get().packed == 2
    [note] = notes()
    assert note.startswith("The channel says: The channel took units off the order: cancel 1 units. This can no longer")


def test_a_new_address_reaches_an_order_that_is_not_packed(account: ChannelAccount) -> None:
    take(account, woo())
    take(account, woo(minute=30, shipping=moved("1 Residency Road", "560025")))

    order = Order.objects.get()
    assert (order.shipping_address.line1, order.ship_postcode) == ("1 Residency Road", "560025")
    assert len(published("orders.AddressChanged")) == 1


def test_a_new_address_for_a_packed_order_is_noted(world: World, account: ChannelAccount) -> None:
    take(account, woo())
    packed(world)

    take(account, woo(minute=30, shipping=moved("1 Residency Road", "560025")))

    assert Order.objects.get().ship_postcode == "560001"
    [note] = notes()
    assert "1 Residency Road" in note
    assert "its address can no longer change" in note
    assert states(account) == ["captured", "applied"]


def test_a_new_address_that_cannot_be_used_holds_the_order(account: ChannelAccount) -> None:
    take(account, woo())
    take(account, woo(minute=30, shipping=moved("1 Residency Road", "12")))

    assert Order.objects.get().ship_postcode == "560001"
    hold = Hold.objects.get()
    assert (hold.reason, hold.handle) == ("bad_address", "channel-address")


def test_a_better_address_releases_the_hold_that_asked_for_it(account: ChannelAccount) -> None:
    take(account, woo(shipping=moved("12 MG Road", "000000")))
    assert Order.objects.get().open_holds == 1

    take(account, woo(minute=30))

    order = Order.objects.get()
    assert (order.open_holds, order.ship_postcode) == (0, "560001")


def test_an_address_corrected_here_is_not_undone_by_the_next_message(account: ChannelAccount) -> None:
    take(account, woo())
    order = Order.objects.get()
    edit_address(order_id=order.pk, address=ASHA, actor="Meera")

    take(account, woo(minute=30, customer_note="Please ring"))

    order.refresh_from_db()
    assert order.shipping_address == ASHA


def test_a_payment_that_arrives_releases_the_order(account: ChannelAccount) -> None:
    take(account, woo(status="pending", date_paid_gmt=None))
    order = Order.objects.get()
    assert (order.open_holds, Payment.objects.get().state) == (1, "pending")

    take(account, woo(minute=30))

    order.refresh_from_db()
    payment = Payment.objects.get()
    assert (order.open_holds, payment.state, payment.captured_minor) == (0, "paid", 106_200)
    assert len(published("orders.OrderReleased")) == 1


def test_the_channel_holds_an_order_and_lets_it_go(account: ChannelAccount) -> None:
    take(account, woo())
    take(account, woo(minute=30, status="on-hold"))
    assert Hold.objects.get(released_at__isnull=True).reason == "channel"

    take(account, woo(minute=40))
    assert Order.objects.get().open_holds == 0


def test_a_stale_version_changes_nothing(account: ChannelAccount) -> None:
    take(account, woo(minute=30, shipping=moved("New Street")))
    take(account, woo(minute=10, status="cancelled", shipping=moved("Old Street")))

    order = Order.objects.get()
    assert (order.stage, order.shipping_address.line1) == ("captured", "New Street")
    assert states(account) == ["captured", "unchanged"]


def test_a_deleted_order_is_cancelled(account: ChannelAccount) -> None:
    take(account, woo())
    gone = RawMessage(event_id="501@deleted#1", kind="order.deleted", external_id="501", payload={"id": 501})
    take(account, gone)
    assert Order.objects.get().stage == "cancelled"
    assert states(account) == ["captured", "applied"]


def test_an_unexpected_error_leaves_the_order_as_it_was_and_quarantines_the_message(
    account: ChannelAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(account, woo())

    def broken(**_: object) -> None:
        raise RuntimeError("the disk is on fire")

    monkeypatch.setattr("channels.services.apply.record_payment", broken)
    take(account, woo(minute=30, shipping=moved("New Street"), status="failed"))

    assert Order.objects.get().shipping_address.line1 == "12 MG Road"
    message = InboundMessage.objects.get(state="quarantined")
    assert message.cause == "The change could not be applied: RuntimeError"


def test_a_preview_tells_the_changes_without_making_them(account: ChannelAccount) -> None:
    take(account, woo())
    receive_messages(account, [woo(minute=30, status="cancelled")], "webhook")
    message = InboundMessage.objects.get(state="pending")

    preview = preview_message(message.pk)

    number = Order.objects.get().number
    assert preview.outcome == "applied"
    assert preview.steps == [f"{number}: The channel cancelled the order: cancel 2 units"]
    assert Order.objects.get().stage == "captured"


STORY: tuple[dict[str, Any], ...] = (
    {"minute": 10, "status": "pending", "date_paid_gmt": None},
    {"minute": 20},
    {"minute": 30, "shipping": moved("1 Residency Road", "560025")},
    {"minute": 40, "quantity": 1, "shipping": moved("1 Residency Road", "560025")},
)


@pytest.mark.parametrize("arrival", list(itertools.permutations(range(4))))
@pytest.mark.parametrize("at_once", [True, False])
def test_every_order_of_arrival_ends_the_same(account: ChannelAccount, arrival: tuple[int, ...], at_once: bool) -> None:
    versions = [woo(**{"quantity": 2, **STORY[index]}) for index in arrival]
    versions += versions[::-1]  # everything comes twice
    if at_once:
        take(account, *versions)
    else:
        for version in versions:
            take(account, version)

    order = Order.objects.get()
    line = OrderLine.objects.get()
    payment = Payment.objects.get()
    assert line.quantity - line.cancelled == 1
    assert (order.shipping_address.line1, order.ship_postcode) == ("1 Residency Road", "560025")
    assert (payment.state, order.open_holds) == ("paid", 0)
    assert "pending" not in states(account)
    seqs = list(OrderEvent.objects.order_by("seq").values_list("seq", flat=True))
    assert seqs == list(range(1, len(seqs) + 1))


def test_processing_again_with_nothing_pending_does_nothing(account: ChannelAccount) -> None:
    take(account, woo())
    assert process_inbox().settled == 0
