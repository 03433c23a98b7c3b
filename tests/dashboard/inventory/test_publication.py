"""Publication on screen: problems first, the sum behind each number, and what people do about it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from channels.models import ChannelAccount, ExposureDay, Listing
from channels.services import refresh_sellable
from oms.accounts.models import User
from oms.core.clock import now
from orders.models import SalesChannel
from tests.factories import World, make_world

pytestmark = pytest.mark.django_db
HOME = "/inventory/publication/"


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def listing(world: World) -> Listing:
    account = ChannelAccount.objects.create(channel=world.channel, connector="woocommerce")
    found = Listing.objects.create(account=account, external_sku="KURTA-M", sku=world.kurta)
    refresh_sellable([world.kurta.pk])
    found.refresh_from_db()
    return found


def signed_in(role: str = "ops_manager", **fields: Any) -> Client:
    user = User.objects.create(email=f"{uuid4()}@example.com", role=role,
                               **({"all_nodes": True, "all_channels": True} | fields))  # fmt: skip
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def act(client: Client, action: str, **fields: Any) -> Any:
    return client.post(f"{HOME}act/", {"action": action, "idempotency_key": str(uuid4()), **fields}, follow=True)


def test_every_number_of_a_listing_stands_in_its_row(listing: Listing) -> None:
    moment = now() - timedelta(minutes=3)
    Listing.objects.update(sent_quantity=26, sent_version=1, told_quantity=25, reported_quantity=28, sent_at=moment,
                           acknowledged_at=moment, exposed_units=5, exposed_since=moment, cap=40)  # fmt: skip
    page = signed_in().get(HOME).content.decode()
    for number in ("<strong>20</strong>", "26<span", "25<span", ">28<", "+3", "5 units", ">40<"):
        assert number in page
    assert "It shows more than it was told" in page


def test_filters_and_counts_show_what_is_wrong(listing: Listing, world: World) -> None:
    Listing.objects.create(account=listing.account, external_sku="SAREE-1", sku=world.saree, error="No such product")
    client = signed_in()
    assert "No such product" in client.get(f"{HOME}?show=refused").content.decode()
    assert "KURTA-M" not in client.get(f"{HOME}?show=refused").content.decode()
    assert "All caught up" in client.get(f"{HOME}?show=exposed").content.decode()
    assert "No listing matches" in client.get(f"{HOME}?q=NOTHING").content.decode()
    assert "KURTA-M" in client.get(f"{HOME}?channel=web&q=kurta").content.decode()


def test_listings_are_paused_stopped_resumed_and_pushed_from_the_list(listing: Listing) -> None:
    client = signed_in()
    assert "Say why" in act(client, "pause", ids=[listing.pk]).content.decode()
    act(client, "pause", ids=[listing.pk], reason="Photos")
    listing.refresh_from_db()
    assert (listing.publication, listing.paused_reason) == ("paused", "Photos")
    assert "Resume it first" in act(client, "push", ids=[listing.pk]).content.decode()
    act(client, "stop", ids=[listing.pk], reason="Recall")
    listing.refresh_from_db()
    assert (listing.publication, listing.wanted_quantity) == ("stopped", 0)
    act(client, "resume", ids=[listing.pk])
    version = Listing.objects.get().wanted_version
    assert "1 listing is being told now" in act(client, "push", ids=[listing.pk]).content.decode()
    listing.refresh_from_db()
    assert (listing.publication, listing.wanted_quantity, listing.wanted_version) == ("on", 20, version + 1)


def test_every_listing_of_a_sku_at_once_and_the_way_back(listing: Listing, world: World) -> None:
    client = signed_in()
    answer = act(client, "pause", sku=world.kurta.pk, reason="Photos", back=f"/inventory/{world.kurta.pk}/publish/")
    assert answer.redirect_chain[-1][0] == f"/inventory/{world.kurta.pk}/publish/"
    listing.refresh_from_db()
    assert listing.publication == "paused"
    assert act(client, "resume", sku=world.kurta.pk, back="//evil.example").redirect_chain[-1][0] == HOME


def test_a_whole_channel_is_paused_stopped_and_resumed(listing: Listing) -> None:
    client, url = signed_in(), f"{HOME}channels/web/"
    for action, state, pushes in (("pause", "paused", False), ("stop", "stopped", True), ("resume", "on", True)):
        client.post(url, {"action": action, "reason": "Audit", "idempotency_key": str(uuid4())})
        account = ChannelAccount.objects.get()
        assert (account.publication, account.pushes_stock) == (state, pushes)
    assert client.get(f"{HOME}?channel=web").status_code == 200
    assert client.post(f"{HOME}channels/elsewhere/", {"action": "resume"}).status_code == 404


def test_the_page_of_a_listing_explains_its_number_and_keeps_its_limits(listing: Listing) -> None:
    client, url = signed_in(), f"{HOME}{listing.pk}/"
    assert "20 = 10 blr-01 + 10 del-01 − 0 waiting − 0 threshold" in client.get(url).content.decode()
    client.post(url, {"threshold": "3", "cap": "9", "sells_inbound": "on", "idempotency_key": str(uuid4())})
    listing.refresh_from_db()
    assert (listing.threshold, listing.cap, listing.sells_inbound, listing.wanted_quantity) == (3, 9, True, 9)
    assert client.post(url, {"threshold": "-1"}).status_code == 422
    of_one_node = signed_in(all_nodes=False, node_codes=["blr-01"])
    assert "10 blr-01 + 10 other nodes" in of_one_node.get(url).content.decode()


def test_the_publish_tab_of_a_sku_explains_every_channel(listing: Listing, world: World) -> None:
    other = SalesChannel.objects.create(code="app", name="The app", kind="website")
    account = ChannelAccount.objects.create(channel=other, connector="woocommerce")
    Listing.objects.create(account=account, external_sku="K", sku=world.kurta, cap=4)
    refresh_sellable([world.kurta.pk])
    page = signed_in().get(f"/inventory/{world.kurta.pk}/publish/").content.decode()
    assert "4 = 10 blr-01 + 10 del-01 − 0 waiting − 0 threshold, cap 4" in page
    assert "20 = 10 blr-01" in page
    assert "No channel lists it" in signed_in().get(f"/inventory/{world.shoe.pk}/publish/").content.decode()


def test_people_of_other_channels_see_and_change_nothing(listing: Listing, world: World) -> None:
    client = signed_in(all_channels=False, channel_codes=["elsewhere"])
    assert "KURTA-M" not in client.get(HOME).content.decode()
    assert client.get(f"{HOME}{listing.pk}/").status_code == 404
    act(client, "pause", ids=[listing.pk], reason="Mine")
    listing.refresh_from_db()
    assert listing.publication == "on"
    assert "KURTA-M</a>" not in client.get(f"/inventory/{world.kurta.pk}/publish/").content.decode()


def test_who_may_only_look_steers_nothing(listing: Listing) -> None:
    client = signed_in("customer_service")
    assert client.get(HOME).status_code in (200, 403)
    assert client.post(f"{HOME}act/", {"action": "pause", "ids": [listing.pk], "reason": "x"}).status_code == 403
    listing.refresh_from_db()
    assert listing.publication == "on"


def test_exposure_of_the_last_days_is_on_the_page_and_in_the_export(listing: Listing) -> None:
    ExposureDay.objects.create(account=listing.account, day=now().date(), unit_seconds=412.4, pushed=7)
    client = signed_in()
    assert '<td class="num">412</td>' in client.get(HOME).content.decode()
    text = b"".join(client.get(f"{HOME}export.csv").streaming_content).decode()  # type: ignore[attr-defined]
    assert "web,KURTA-M,KURTA-M,To send,20,0,0,,20,,,,,0,0," in text


def test_the_list_asks_as_many_statements_for_many_listings_as_for_few(listing: Listing, world: World) -> None:
    client = signed_in()

    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get(HOME)
        return len(captured)

    statements()
    few = statements()
    for name in "ABCDEF":
        Listing.objects.create(account=listing.account, external_sku=name, sku=world.saree)
    assert statements() == few
