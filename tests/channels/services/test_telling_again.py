"""A shop that moves its own stock is told its quantities again: against a store that answers over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from channels.adapters.woocommerce.versions import order_message
from channels.models import ChannelAccount, Listing
from channels.services import process_inbox, push_stock, receive_messages, refresh_sellable
from channels.services.telling_again import tell_again
from channels.simulators.woocommerce.server import SimulatedStore
from fulfillment.models import FulfillmentOrder
from fulfillment.services import hand_over, open_fulfillment_orders
from orders.models import Order, OrderLine
from routing.services import route_orders
from tests.channels.services.doors import ZONE, connect, published
from tests.channels.services.test_publish import shown
from tests.channels.woocommerce.store import control, place, running_store, seed
from tests.factories import World, capture, make_line, make_order, stock
from tests.fulfillment.floor import labelled, make_carrier

KURTA = "KURTA-M"


@pytest.fixture
def store(account: ChannelAccount, world: World) -> Iterator[SimulatedStore]:
    """A store that lists the kurta and was told that it may sell the one in Bengaluru."""
    stock(world.kurta, world.delhi, 0)
    stock(world.kurta, world.blr, 1)
    with running_store() as found:
        seed(found, KURTA)
        connect(account, found)
        Listing.objects.create(account=account, external_sku=KURTA, sku=world.kurta)
        refresh_sellable([world.kurta.pk])
        push_stock(account.pk)
        assert shown(found, KURTA) == 1
        yield found


def hear(account: ChannelAccount, store: SimulatedStore, number: int) -> Order:
    """What the store says of an order now, taken in."""
    receive_messages(account, [order_message(store.orders.get(number), ZONE)], "webhook")
    process_inbox(account.pk)
    return Order.objects.get(external_id=str(number))


def sell(account: ChannelAccount, store: SimulatedStore) -> tuple[int, Order]:
    """A buyer takes the last kurta: the store's number of the order, and ours, with its stock reserved."""
    (number,) = place(store, sku=KURTA, quantity=1, status="processing")
    order = hear(account, store, number)
    route_orders([order.pk], trigger="captured")
    push_stock(account.pk)
    assert shown(store, KURTA) == 0
    return number, order


def test_a_unit_that_a_waiting_order_takes_is_taken_back_from_the_shop_that_put_it_on_its_shelf(
    world: World, account: ChannelAccount, store: SimulatedStore
) -> None:
    number, _ = sell(account, store)
    waiting = capture(world, make_order("elsewhere", make_line(world.kurta)))
    route_orders([waiting], trigger="captured")
    refresh_sellable([world.kurta.pk])

    control(store, "POST", f"/orders/{number}/cancel")
    assert shown(store, KURTA) == 1
    order = hear(account, store, number)
    assert order.stage == "cancelled"

    # It was never ours to sell: the order that waits gets it.
    assert Listing.objects.get().wanted_quantity == 0
    assert push_stock(account.pk).sent == 1
    assert shown(store, KURTA) == 0
    route_orders([waiting], trigger="stock arrived")
    assert OrderLine.objects.get(order_id=waiting).allocated == 1
    assert push_stock(account.pk).sent == 0


def test_a_unit_that_comes_in_while_the_shop_sells_one_is_offered_there(
    world: World, account: ChannelAccount, store: SimulatedStore
) -> None:
    (number,) = place(store, sku=KURTA, quantity=1, status="processing")
    assert shown(store, KURTA) == 0
    stock(world.kurta, world.blr, 2)

    hear(account, store, number)

    assert Listing.objects.get().wanted_quantity == 1
    push_stock(account.pk)
    assert shown(store, KURTA) == 1


def test_a_cancellation_that_comes_too_late_puts_nothing_back_onto_the_shelf_of_the_shop(
    world: World, account: ChannelAccount, store: SimulatedStore
) -> None:
    make_carrier()
    number, order = sell(account, store)
    open_fulfillment_orders([order.pk])
    hand_over(shipment_ids=[labelled(FulfillmentOrder.objects.get()).pk], actor="dock")

    control(store, "POST", f"/orders/{number}/cancel")
    assert shown(store, KURTA) == 1
    assert hear(account, store, number).stage == "shipped"

    push_stock(account.pk)
    assert shown(store, KURTA) == 0


def test_a_message_that_was_heard_before_sends_nothing(
    world: World, account: ChannelAccount, store: SimulatedStore
) -> None:
    number, _ = sell(account, store)
    version, said = Listing.objects.get().wanted_version, len(published("channels.ListingsDirty"))

    hear(account, store, number)

    assert Listing.objects.get().wanted_version == version
    assert len(published("channels.ListingsDirty")) == said


def test_only_listings_with_a_quantity_of_an_account_that_is_told_stock_are_told_again(
    world: World, account: ChannelAccount, store: SimulatedStore
) -> None:
    Listing.objects.create(account=account, external_sku="SAREE-1", sku=world.saree)
    assert tell_again(account, [world.kurta.pk, world.saree.pk, world.shoe.pk]) == 1
    assert tell_again(account, []) == 0
    account.pushes_stock = False
    assert tell_again(account, [world.kurta.pk]) == 0
    account.pushes_stock, account.connector = True, "api"
    assert tell_again(account, [world.kurta.pk]) == 0
    assert dict(Listing.objects.values_list("external_sku", "wanted_version")) == {KURTA: 2, "SAREE-1": 0}
