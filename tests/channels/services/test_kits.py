"""Kits from the channel's word to the channel's word: exploded at capture, told in whole kits."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from channels.models import ChannelAccount, InboundMessage, Listing, OutboundUpdate
from channels.selectors import preview_message
from channels.services import (
    OrderNews,
    define_kit,
    poll_account,
    process_inbox,
    push_order_updates,
    queue_order_update,
    queue_order_updates,
    receive_messages,
)
from fulfillment.services import cancel_order, lines_with_kits
from inventory.models import Sku
from inventory.services import ComponentTerms
from oms.core.errors import DomainError
from orders.models import Order, OrderKit, OrderLine
from orders.services import UnitMove, move_units
from tests.channels.services.doors import connect, states, take, woo
from tests.channels.woocommerce.orders import line_payload
from tests.channels.woocommerce.store import place, running_store, seed
from tests.factories import World
from tests.kits import make_kit


@pytest.fixture
def kit(world: World, account: ChannelAccount) -> Sku:
    """A gift set of two kurtas and a pair of shoes."""
    return make_kit("GIFT-SET", (world.kurta, 2), (world.shoe, 1))


def lines() -> list[tuple[object, ...]]:
    rows = OrderLine.objects.order_by("order_id", "position")
    return [(row.external_id, row.sku_code, row.quantity, row.units_per_kit) for row in rows]


def ship(order: Order, code: str, quantity: int) -> dict[int, int]:
    """Units leave, as far as the order's lines know; units by line id as a parcel names them."""
    line = order.lines.get(sku_code=code)
    move_units([UnitMove(line.pk, "unallocated", "shipped", quantity)])
    return {line.pk: quantity}


def cancelled(order: Order) -> dict[str, int]:
    return dict(order.lines.values_list("sku_code", "cancelled"))


def told(order: Order) -> list[dict[str, int]]:
    return [row.payload["lines"] for row in OutboundUpdate.objects.filter(order=order).order_by("pk")]


def test_a_line_of_a_kit_becomes_its_components(world: World, account: ChannelAccount, kit: Sku) -> None:
    take(account, woo(sku="GIFT-SET", quantity=3))

    assert lines() == [("71#1", "KURTA-M", 6, 2), ("71#2", "SHOE-42", 3, 1)]
    sold = OrderKit.objects.get()
    assert (sold.external_id, sold.sku_code, sold.sku_id, sold.quantity) == ("71", "GIFT-SET", kit.pk, 3)
    assert sum(line.total_minor for line in OrderLine.objects.all()) == sold.total_minor
    order = Order.objects.get()
    assert order.goods_minor == sold.unit_price_minor * 3
    assert "gift-set" in order.search.text
    assert "kurta-m" in order.search.text


def test_a_listing_that_is_mapped_to_a_kit_is_exploded_too(world: World, account: ChannelAccount, kit: Sku) -> None:
    Listing.objects.create(account=account, external_sku="WEB-77", sku=kit)
    take(account, woo(sku="WEB-77", quantity=1))
    assert [row[1] for row in lines()] == ["KURTA-M", "SHOE-42"]


def test_orders_without_kits_ask_for_no_recipe_and_kits_are_read_once(
    world: World, account: ChannelAccount, kit: Sku
) -> None:
    def statements(*messages: object) -> list[str]:
        receive_messages(account, list(messages), "poll")  # type: ignore[arg-type]
        with CaptureQueriesContext(connection) as found:
            process_inbox()
        return [query["sql"] for query in found if "kit.code, kit.ships_together" in (query["sql"] or "")]

    assert statements(woo(501), woo(502)) == []
    many = [woo(number, sku="GIFT-SET") for number in range(510, 530)]
    assert len(statements(*many)) == 1


def test_a_kit_without_components_waits_in_quarantine_until_they_are_named(
    world: World, account: ChannelAccount
) -> None:
    empty = make_kit("EMPTY-SET")
    take(account, woo(sku="EMPTY-SET"))

    message = InboundMessage.objects.get()
    assert (message.state, message.cause) == ("quarantined", "Kit EMPTY-SET has no components")
    assert message.issues == [
        {"field": "lines[0].sku", "got": "EMPTY-SET", "expected": "a kit whose components are named"}
    ]
    assert not Order.objects.exists()

    define_kit(kit_id=empty.pk, components=[ComponentTerms(world.saree.pk, 1)], actor="Meera")
    process_inbox(account.pk)
    assert states(account) == ["captured"]
    assert lines() == [("71#1", "SAREE-1", 2, 1)]


def test_an_order_keeps_the_recipe_it_was_captured_with(world: World, account: ChannelAccount, kit: Sku) -> None:
    take(account, woo(501, sku="GIFT-SET", quantity=1))
    define_kit(kit_id=kit.pk, components=[ComponentTerms(world.saree.pk, 1)], actor="Meera")
    take(account, woo(502, sku="GIFT-SET", quantity=1))
    assert [row[1:] for row in lines()] == [("KURTA-M", 2, 2), ("SHOE-42", 1, 1), ("SAREE-1", 1, 1)]


def test_a_kit_and_its_component_in_one_order_are_lines_of_their_own(account: ChannelAccount, kit: Sku) -> None:
    both = [line_payload(id=71, sku="GIFT-SET", quantity=1), line_payload(id=72, sku="KURTA-M", quantity=1)]
    take(account, woo(line_items=both))
    assert lines() == [("71#1", "KURTA-M", 2, 2), ("71#2", "SHOE-42", 1, 1), ("72", "KURTA-M", 1, None)]


def test_a_preview_shows_the_components(account: ChannelAccount, kit: Sku) -> None:
    receive_messages(account, [woo(sku="GIFT-SET", quantity=1)], "poll")
    assert preview_message(InboundMessage.objects.get().pk).steps == ["Capture order 501: 3 units on 2 lines."]


# -- what the channel takes back --------------------------------------------------------------------------------------


def test_the_channel_takes_kits_off_and_the_components_go(account: ChannelAccount, kit: Sku) -> None:
    take(account, woo(sku="GIFT-SET", quantity=3))
    fewer = line_payload(id=71, sku="GIFT-SET", quantity=2)
    take(account, woo(minute=5, line_items=[fewer]))

    assert list(OrderLine.objects.order_by("position").values_list("cancelled", flat=True)) == [2, 1]
    update = OutboundUpdate.objects.get()
    assert (update.state, update.payload) == ("skipped", {"lines": {"71": 1}})


def test_a_cancelled_order_cancels_whole_kits_and_is_not_told_back(account: ChannelAccount, kit: Sku) -> None:
    take(account, woo(sku="GIFT-SET", quantity=2))
    take(account, woo(sku="GIFT-SET", quantity=2, minute=30, status="cancelled"))

    order = Order.objects.get()
    assert order.stage == "cancelled"
    assert told(order) == [{"71": 2}]
    assert queue_order_update(order_id=order.pk, kind="cancelled", update_key="x") is None


def test_a_kit_taken_off_that_left_in_part_takes_the_rest_of_it_along(account: ChannelAccount, kit: Sku) -> None:
    both = [line_payload(id=71, sku="GIFT-SET", quantity=1), line_payload(id=72, sku="SAREE-1", quantity=1)]
    take(account, woo(line_items=both))
    order = Order.objects.get()
    ship(order, "SHOE-42", 1)

    take(account, woo(minute=5, line_items=both[1:]))

    assert cancelled(order) == {"KURTA-M": 2, "SHOE-42": 0, "SAREE-1": 0}
    assert "at least in part: expect back what has left." in " ".join(order.timeline.values_list("message", flat=True))
    assert queue_order_update(order_id=order.pk, kind="cancelled", update_key="x") is None


def test_of_two_kits_that_left_in_part_only_the_one_taken_off_loses_its_rest(account: ChannelAccount, kit: Sku) -> None:
    take(account, woo(sku="GIFT-SET", quantity=2))
    order = Order.objects.get()
    ship(order, "SHOE-42", 2)
    take(account, woo(minute=5, line_items=[line_payload(id=71, sku="GIFT-SET", quantity=1)]))
    assert cancelled(order) == {"KURTA-M": 2, "SHOE-42": 0}


def test_kits_taken_off_go_with_the_rest_of_one_that_left_in_part(account: ChannelAccount, kit: Sku) -> None:
    both = [line_payload(id=71, sku="GIFT-SET", quantity=2), line_payload(id=72, sku="SAREE-1", quantity=1)]
    take(account, woo(line_items=both))
    order = Order.objects.get()
    ship(order, "SHOE-42", 1)
    take(account, woo(minute=5, line_items=both[1:]))
    assert cancelled(order) == {"KURTA-M": 4, "SHOE-42": 1, "SAREE-1": 0}


def test_the_same_order_again_says_nothing_new(account: ChannelAccount, kit: Sku) -> None:
    take(account, woo(sku="GIFT-SET", quantity=2))
    take(account, woo(sku="GIFT-SET", quantity=2, minute=30))
    assert Order.objects.get().open_holds == 0
    assert set(OrderLine.objects.values_list("cancelled", flat=True)) == {0}


# -- what people cancel -----------------------------------------------------------------------------------------------


def test_people_cancel_whole_kits_and_the_channel_hears_of_kits(account: ChannelAccount, kit: Sku) -> None:
    take(account, woo(sku="GIFT-SET", quantity=3))
    order = Order.objects.get()
    kurtas = order.lines.get(sku_code="KURTA-M")
    for wrong in ({kurtas.pk: 2}, {line.pk: 1 for line in order.lines.all()}):
        with pytest.raises(DomainError, match="2 x KURTA-M, 1 x SHOE-42 were sold as one kit: cancel whole kits"):
            cancel_order(order_id=order.pk, reason="Changed mind", actor="Meera", lines=wrong)
    with pytest.raises(DomainError, match="3 have not left yet"):
        lines_with_kits(order_id=order.pk, kits={OrderKit.objects.get().pk: 4})
    assert not order.lines.filter(cancelled__gt=0).exists()

    wanted = lines_with_kits(order_id=order.pk, kits={OrderKit.objects.get().pk: 2})
    done = cancel_order(order_id=order.pk, reason="Changed mind", actor="Meera", lines=wanted)

    assert (done.units, done.refund_minor) == (6, 2 * OrderKit.objects.get().total_minor // 3)
    queue_order_update(order_id=order.pk, kind="cancelled", update_key="cancelled/1")
    assert told(order) == [{"71": 2}]


def test_what_is_left_of_a_torn_kit_may_be_cancelled_and_counts_as_a_cancelled_kit(
    account: ChannelAccount, kit: Sku
) -> None:
    take(account, woo(sku="GIFT-SET", quantity=1))
    order = Order.objects.get()
    ship(order, "SHOE-42", 1)

    cancel_order(order_id=order.pk, reason="No kurtas left", actor="Meera",
                 lines={order.lines.get(sku_code="KURTA-M").pk: 2})  # fmt: skip

    queue_order_update(order_id=order.pk, kind="cancelled", update_key="cancelled/1")
    assert told(order) == [{"71": 1}]


# -- what leaves ------------------------------------------------------------------------------------------------------


def test_a_kit_is_told_as_shipped_once_all_of_it_has_left(account: ChannelAccount, kit: Sku) -> None:
    take(account, woo(sku="GIFT-SET", quantity=2))
    order = Order.objects.get()

    def news(number: int, units: dict[int, int]) -> None:
        queue_order_updates([OrderNews(order_id=order.pk, kind="shipped", update_key=f"shipped/{number}", awb="A",
                                       lines=units)])  # fmt: skip

    news(1, ship(order, "KURTA-M", 3))
    assert told(order) == [{"71": 0}]
    first = ship(order, "SHOE-42", 1)
    news(2, first)
    news(2, first)
    assert told(order) == [{"71": 0}, {"71": 1}]
    news(3, ship(order, "KURTA-M", 1) | ship(order, "SHOE-42", 1))
    assert told(order) == [{"71": 0}, {"71": 1}, {"71": 1}]


def test_a_store_completes_an_order_whose_kit_left_in_part_and_never_cancels_it(
    account: ChannelAccount, kit: Sku
) -> None:
    with running_store() as store:
        seed(store, "GIFT-SET")
        connect(account, store)
        (number,) = place(store, lines=[{"sku": "GIFT-SET", "quantity": 1}])
        poll_account(account.pk)
        process_inbox()
        order = Order.objects.get()
        assert [line.quantity for line in order.kits.all()] == [1]
        units = ship(order, "SHOE-42", 1)
        queue_order_update(order_id=order.pk, kind="shipped", update_key="shipped/1", awb="A", lines=units)
        push_order_updates(account.pk)
        assert store.orders.get(number)["status"] == "processing"

        cancel_order(order_id=order.pk, reason="No kurtas left", actor="Meera",
                     lines={order.lines.get(sku_code="KURTA-M").pk: 2})  # fmt: skip
        queue_order_update(order_id=order.pk, kind="cancelled", update_key="cancelled/1")
        assert push_order_updates(account.pk).sent == 1

        assert [set(lines.values()) for lines in told(order)] == [{0}, {1}]
        assert store.orders.get(number)["status"] == "completed"


def test_two_parcels_of_one_batch_tell_a_kit_once(account: ChannelAccount, kit: Sku) -> None:
    take(account, woo(sku="GIFT-SET", quantity=1))
    order = Order.objects.get()
    parcels = [ship(order, "KURTA-M", 2), ship(order, "SHOE-42", 1)]
    queue_order_updates([
        OrderNews(order_id=order.pk, kind="shipped", update_key=f"shipped/{number}", lines=units)
        for number, units in enumerate(parcels)
    ])  # fmt: skip
    assert told(order) == [{"71": 1}, {"71": 0}]
