"""Telling a channel what it may sell: against a store that answers over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import pytest

from channels import registry
from channels.adapters.woocommerce.adapter import WooCommerceAdapter
from channels.base import AccountConfig, StockResult, StockUpdate
from channels.models import ChannelAccount, Listing
from channels.services import push_stock, push_waiting_stock, reconcile_listings, refresh_sellable
from channels.simulators.woocommerce.server import SimulatedStore
from oms.core.clock import now
from tests.channels.services.doors import connect
from tests.channels.woocommerce.store import control, running_store, seed
from tests.factories import World, stock


@pytest.fixture
def store(account: ChannelAccount) -> Iterator[SimulatedStore]:
    """A store that lists the kurta and the saree with 100 each."""
    with running_store() as found:
        seed(found, "KURTA-M", "SAREE-1")
        connect(account, found)
        yield found


def shown(store: SimulatedStore, sku: str) -> int:
    product = store.catalog.by_sku(sku)
    assert product is not None
    return int(product["stock_quantity"])


def make_dirty(account: ChannelAccount, world: World) -> None:
    """Listings of both products with a quantity that the store does not know."""
    for sku in (world.kurta, world.saree):
        Listing.objects.create(account=account, external_sku=sku.code, sku=sku)
    refresh_sellable([world.kurta.pk, world.saree.pk])


def test_the_store_is_told_what_is_wanted_and_is_not_told_again(
    world: World, account: ChannelAccount, store: SimulatedStore
) -> None:
    make_dirty(account, world)

    assert push_stock(account.pk).sent == 2
    assert (shown(store, "KURTA-M"), shown(store, "SAREE-1")) == (20, 20)
    assert push_stock(account.pk).sent == 0

    for listing in Listing.objects.all():
        assert (listing.sent_version, listing.sent_quantity, listing.reported_quantity) == (1, 20, 20)
        assert listing.acknowledged_at is not None
    account.refresh_from_db()
    assert account.stock_dirty_since is None
    assert account.last_ok_at is not None


def test_a_listing_that_the_store_does_not_have_is_refused_and_the_others_are_told(
    world: World, account: ChannelAccount, store: SimulatedStore
) -> None:
    make_dirty(account, world)
    Listing.objects.create(account=account, external_sku="GONE", sku=world.shoe)
    refresh_sellable([world.shoe.pk])

    result = push_stock(account.pk)

    assert (result.sent, result.refused) == (2, 1)
    listing = Listing.objects.get(external_sku="GONE")
    assert listing.error == "The store lists no product with this SKU."
    assert listing.acknowledged_at is None
    assert push_stock(account.pk).refused == 0


def test_a_store_that_does_not_answer_is_told_the_latest_when_it_does(
    world: World, account: ChannelAccount, store: SimulatedStore
) -> None:
    make_dirty(account, world)
    control(store, "POST", "/faults", {"kind": "500", "count": 5})

    result = push_stock(account.pk)
    assert result.sent == 0
    assert "500" in result.error
    account.refresh_from_db()
    assert "500" in account.last_error

    stock(world.kurta, world.blr, 3)
    refresh_sellable([world.kurta.pk])
    control(store, "DELETE", "/faults")
    assert push_stock(account.pk).sent == 2
    assert shown(store, "KURTA-M") == 13
    account.refresh_from_db()
    assert account.last_error == ""


def test_a_quiet_store_that_was_away_is_told_by_the_clock_ever_more_seldom(
    world: World, account: ChannelAccount, store: SimulatedStore
) -> None:
    # Given a store that does not take its stock, and no change of stock afterwards
    make_dirty(account, world)
    control(store, "POST", "/faults", {"kind": "500", "count": 100})
    push_stock(account.pk)
    account.refresh_from_db()
    assert account.stock_retry_at is not None
    assert account.last_error_at is not None
    assert timedelta(seconds=50) < account.stock_retry_at - account.last_error_at <= timedelta(seconds=61)
    assert push_waiting_stock() == []

    # When it is still away ten minutes after that, it is left alone for ten minutes, and an hour after for fifteen
    for behind, wait in ((10, 10), (60, 15)):
        moment = now()
        since = moment - timedelta(minutes=behind)
        ChannelAccount.objects.update(stock_retry_at=moment, stock_dirty_since=since)
        assert [push.sent for push in push_waiting_stock()] == [0]
        account.refresh_from_db()
        assert abs(account.stock_retry_at - moment - timedelta(minutes=wait)) < timedelta(seconds=30)
        assert "500" in account.last_error

    # Then it is told when it is back
    control(store, "DELETE", "/faults")
    ChannelAccount.objects.update(stock_retry_at=now())
    assert [push.sent for push in push_waiting_stock()] == [2]
    assert shown(store, "KURTA-M") == 20
    assert ChannelAccount.objects.values_list("stock_dirty_since", "stock_retry_at", "last_error").get() == (
        None, None, "",
    )  # fmt: skip
    assert push_waiting_stock() == []


def test_stock_in_the_hands_of_a_worker_that_died_is_sent_by_the_clock(
    world: World, account: ChannelAccount, store: SimulatedStore
) -> None:
    make_dirty(account, world)
    assert push_waiting_stock() == []
    long_ago = now() - timedelta(minutes=5)
    Listing.objects.update(sent_at=long_ago)
    ChannelAccount.objects.update(stock_dirty_since=long_ago)

    assert [push.sent for push in push_waiting_stock()] == [2]


def _nothing() -> None:
    """What usually happens meanwhile."""


class SlowStore(WooCommerceAdapter):
    """A store on whose way something happens while a quantity is being sent."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []
        self.meanwhile: Callable[[], None] = _nothing

    def push_stock(self, account: AccountConfig, updates: Sequence[StockUpdate]) -> list[StockResult]:
        """Take the quantities, after whatever happens meanwhile."""
        meanwhile, self.meanwhile = self.meanwhile, _nothing
        meanwhile()
        self.told += [(update.sku_code, update.quantity) for update in updates]
        return [StockResult(sku_code=u.sku_code, accepted=True, reported_quantity=u.quantity) for u in updates]


@pytest.fixture
def slow_store(monkeypatch: pytest.MonkeyPatch) -> SlowStore:
    """The connector of the account, replaced."""
    slow = SlowStore()
    monkeypatch.setitem(registry.ADAPTERS, "woocommerce", slow)
    return slow


def test_a_listing_on_its_way_is_left_alone_by_others_and_a_change_meanwhile_follows_it(
    world: World, account: ChannelAccount, slow_store: SlowStore
) -> None:
    make_dirty(account, world)

    def meanwhile() -> None:
        stock(world.kurta, world.blr, 0)
        refresh_sellable([world.kurta.pk])
        # Another worker comes by: both listings are in the hands of the first.
        assert push_stock(account.pk).sent == 0

    slow_store.meanwhile = meanwhile
    assert push_stock(account.pk).sent == 3
    assert slow_store.told == [("KURTA-M", 20), ("SAREE-1", 20), ("KURTA-M", 10)]
    listing = Listing.objects.get(external_sku="KURTA-M")
    assert (listing.sent_version, listing.sent_quantity) == (2, 10)


def test_an_answer_that_comes_after_a_newer_one_has_the_newer_quantity_sent_again(
    world: World, account: ChannelAccount, slow_store: SlowStore
) -> None:
    make_dirty(account, world)

    def meanwhile() -> None:
        # This worker stalls for longer than its hold on the listing; another one overtakes it.
        Listing.objects.update(sent_at=now() - timedelta(minutes=10))
        stock(world.kurta, world.blr, 0)
        refresh_sellable([world.kurta.pk])
        assert push_stock(account.pk).sent == 2

    slow_store.meanwhile = meanwhile
    push_stock(account.pk)

    # The old quantity may have reached the channel last, so the channel is told the truth once more.
    assert slow_store.told[-1] == ("KURTA-M", 10)
    assert [quantity for sku, quantity in slow_store.told if sku == "KURTA-M"] == [10, 20, 10]
    listing = Listing.objects.get(external_sku="KURTA-M")
    assert (listing.wanted_version, listing.sent_version, listing.sent_quantity) == (3, 3, 10)


def test_shrinking_quantities_go_first(world: World, account: ChannelAccount, slow_store: SlowStore) -> None:
    make_dirty(account, world)
    push_stock(account.pk)
    slow_store.told.clear()
    stock(world.kurta, world.blr, 50)
    stock(world.saree, world.blr, 1)
    refresh_sellable([world.kurta.pk])
    refresh_sellable([world.saree.pk])
    first = Listing.objects.get(external_sku="KURTA-M").pk < Listing.objects.get(external_sku="SAREE-1").pk

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("channels.services.publish.CHUNK", 1)
        push_stock(account.pk)

    assert first
    assert [sku for sku, _ in slow_store.told] == ["SAREE-1", "KURTA-M"]


def test_reading_back_learns_listings_and_maps_those_with_the_code_of_a_sku(
    world: World, account: ChannelAccount, store: SimulatedStore
) -> None:
    seed(store, "UNKNOWN-7")

    found = reconcile_listings(account.pk)

    assert (found.listings, found.unmapped, found.drifted) == (3, 1, 0)
    listing = Listing.objects.get(external_sku="KURTA-M")
    assert listing.sku_id == world.kurta.pk
    assert (listing.reported_quantity, listing.wanted_quantity) == (100, 20)
    assert listing.external_ids["product_id"]
    assert push_stock(account.pk).sent == 2
    assert shown(store, "KURTA-M") == 20


def test_a_quantity_that_somebody_raised_at_the_store_is_put_right(
    world: World, account: ChannelAccount, store: SimulatedStore
) -> None:
    make_dirty(account, world)
    push_stock(account.pk)
    product = store.catalog.by_sku("KURTA-M")
    assert product is not None
    store.catalog.update(product["id"], {"stock_quantity": 500})

    assert reconcile_listings(account.pk).drifted == 1
    assert push_stock(account.pk).sent == 1
    assert shown(store, "KURTA-M") == 20


def test_a_lower_quantity_is_a_sale_on_its_way_until_it_stays(
    world: World, account: ChannelAccount, store: SimulatedStore
) -> None:
    make_dirty(account, world)
    push_stock(account.pk)
    product = store.catalog.by_sku("KURTA-M")
    assert product is not None
    store.catalog.update(product["id"], {"stock_quantity": 19})

    assert reconcile_listings(account.pk).drifted == 0
    Listing.objects.update(acknowledged_at=now() - timedelta(minutes=20))
    assert reconcile_listings(account.pk).drifted == 1


def test_an_account_that_is_not_told_stock_is_not_called(world: World, account: ChannelAccount) -> None:
    make_dirty(account, world)
    ChannelAccount.objects.update(pushes_stock=False, base_url="http://127.0.0.1:9")
    assert push_stock(account.pk).error == ""
