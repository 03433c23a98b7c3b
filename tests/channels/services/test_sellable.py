"""How many of a SKU a channel may sell."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction
from pytest_django import DjangoAssertNumQueries

from channels.models import ChannelAccount, Listing
from channels.services import refresh_account, refresh_node, refresh_sellable
from inventory.models import Node, NodeGroup, Sku, StockLevel
from inventory.services import StockLine, receive, set_safety_stock
from orders.models import OrderLine, SalesChannel
from routing.models import ChannelSourcing
from routing.services import route_orders
from tests.channels.services.doors import published
from tests.factories import World, capture, make_line, make_order, stock


def listed(account: ChannelAccount, sku: Sku) -> Listing:
    """A listing of the SKU under its own code."""
    return Listing.objects.create(account=account, external_sku=sku.code, sku=sku)


def sellable(account: ChannelAccount, sku: Sku) -> int | None:
    refresh_sellable([sku.pk])
    return Listing.objects.get(account=account, sku=sku).wanted_quantity


def test_the_atp_of_every_node_adds_up(world: World, account: ChannelAccount) -> None:
    listed(account, world.kurta)
    assert sellable(account, world.kurta) == 20


def test_safety_stock_is_not_sold_and_a_deficit_of_one_node_does_not_hide(
    world: World, account: ChannelAccount
) -> None:
    listed(account, world.kurta)
    set_safety_stock(node_id=world.blr.pk, sku_id=world.kurta.pk, quantity=25)
    # Bengaluru is 15 short of its safety stock; Delhi's ten are still sold.
    assert sellable(account, world.kurta) == 10


def test_the_threshold_of_the_channel_is_kept_back(world: World, account: ChannelAccount) -> None:
    listed(account, world.kurta)
    ChannelSourcing.objects.update(threshold=4)
    assert sellable(account, world.kurta) == 16
    ChannelSourcing.objects.update(threshold=400)
    assert sellable(account, world.kurta) == 0


def test_only_the_nodes_of_the_channel_count(world: World, account: ChannelAccount) -> None:
    listed(account, world.kurta)
    north = NodeGroup.objects.create(code="north", name="North")
    world.delhi.groups.add(north)
    ChannelSourcing.objects.get().groups.set([north])
    assert sellable(account, world.kurta) == 10

    # A node in two groups of the channel counts once.
    ChannelSourcing.objects.get().groups.add(NodeGroup.objects.get(code="all"))
    assert sellable(account, world.kurta) == 20


def test_a_channel_without_sourcing_sells_from_every_node(world: World) -> None:
    channel = SalesChannel.objects.create(code="second", name="Second shop", kind="website")
    account = ChannelAccount.objects.create(channel=channel, connector="woocommerce")
    listed(account, world.kurta)
    assert sellable(account, world.kurta) == 20


@pytest.mark.parametrize("off", [{"is_active": False}, {"ships": False}])
def test_a_node_that_is_off_or_does_not_ship_does_not_count(
    world: World, account: ChannelAccount, off: dict[str, bool]
) -> None:
    listed(account, world.kurta)
    Node.objects.filter(pk=world.blr.pk).update(**off)
    refresh_node(world.blr.pk)
    assert Listing.objects.get().wanted_quantity == 10


def test_a_unit_sold_anywhere_is_not_sold_again_before_and_after_it_is_reserved(
    world: World, account: ChannelAccount
) -> None:
    listed(account, world.kurta)
    order_id = capture(world, make_order("1", make_line(world.kurta, 3)))
    assert sellable(account, world.kurta) == 17

    route_orders([order_id], trigger="captured")

    assert OrderLine.objects.get().allocated == 3
    assert sellable(account, world.kurta) == 17


def test_backordered_units_are_sold_already(world: World, account: ChannelAccount) -> None:
    listed(account, world.kurta)
    order_id = capture(world, make_order("1", make_line(world.kurta, 25)))
    route_orders([order_id], trigger="captured")
    assert sellable(account, world.kurta) == 0


def test_a_version_grows_only_when_the_quantity_changes(world: World, account: ChannelAccount) -> None:
    listed(account, world.kurta)
    versions = []
    for on_hand in (10, 10, 12, 12, 9):
        stock(world.kurta, world.blr, on_hand)
        refresh_sellable([world.kurta.pk])
        listing = Listing.objects.get()
        versions.append((listing.wanted_quantity, listing.wanted_version))
    assert versions == [(20, 1), (20, 1), (22, 2), (22, 2), (19, 3)]
    assert published("channels.ListingsDirty") == [{"account_id": account.pk}] * 3
    account.refresh_from_db()
    assert account.stock_dirty_since is not None


def test_many_listings_make_one_event_for_each_account_that_is_told(world: World, account: ChannelAccount) -> None:
    quiet = ChannelAccount.objects.create(
        channel=SalesChannel.objects.create(code="quiet", name="Quiet", kind="b2b"), connector="api"
    )
    for sku in (world.kurta, world.saree, world.shoe):
        listed(account, sku)
        listed(quiet, sku)

    assert refresh_sellable([world.kurta.pk, world.saree.pk, world.shoe.pk]) == 6

    assert published("channels.ListingsDirty") == [{"account_id": account.pk}]
    assert set(Listing.objects.values_list("wanted_quantity", flat=True)) == {20}


def test_a_change_of_the_threshold_is_worked_out_for_the_whole_account(world: World, account: ChannelAccount) -> None:
    listed(account, world.kurta)
    listed(account, world.saree)
    Listing.objects.create(account=account, external_sku="unmapped")
    refresh_account(account.pk)
    ChannelSourcing.objects.update(threshold=1)

    assert refresh_account(account.pk) == 2

    rows = Listing.objects.order_by("external_sku").values_list("external_sku", "wanted_quantity")
    assert list(rows) == [("KURTA-M", 19), ("SAREE-1", 19), ("unmapped", None)]


def test_refreshing_many_listings_takes_as_many_statements_as_few(
    world: World, account: ChannelAccount, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    skus = Sku.objects.bulk_create(Sku(code=f"S-{n}", name=f"S-{n}") for n in range(500))
    Listing.objects.bulk_create(Listing(account=account, external_sku=sku.code, sku=sku) for sku in skus)
    with django_assert_max_num_queries(5):
        assert refresh_sellable([sku.pk for sku in skus]) == 500


@pytest.mark.django_db(transaction=True)
def test_of_two_that_refresh_at_the_same_time_the_later_sees_the_stock_of_both(
    world: World, account: ChannelAccount
) -> None:
    """Both take stock in and refresh in one transaction; whoever is second must count the other's units too."""
    listed(account, world.kurta)
    barrier = threading.Barrier(2)
    failures: list[BaseException] = []

    def arrive(node: Node, name: str) -> None:
        try:
            with transaction.atomic():
                receive(
                    node_id=node.pk, lines=[StockLine(world.kurta.pk, 5)], op_key=name, reference="PO-1", actor="test"
                )
                barrier.wait(10)
                refresh_sellable([world.kurta.pk])
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=arrive, args=(node, f"receipt/{node.code}")) for node in (world.blr, world.delhi)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert failures == []
    assert sum(StockLevel.objects.filter(sku=world.kurta).values_list("on_hand", flat=True)) == 30
    listing = Listing.objects.get()
    assert (listing.wanted_quantity, listing.wanted_version) == (30, 2)
