"""Health of the channels and the switches: sync, push, test, pause; listings; refused updates."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from channels.models import ChannelAccount, Listing, OutboundUpdate
from channels.simulators.woocommerce.server import SimulatedStore
from oms.accounts.models import Role
from oms.core.clock import now
from orders.models import Order, SalesChannel
from tests.channels.services.doors import connect, published
from tests.channels.woocommerce.store import running_store
from tests.dashboard.channels.conftest import SignIn, other_account, quarantine
from tests.factories import World, capture, make_line, make_order

pytestmark = pytest.mark.django_db


def text(response: Any) -> str:
    """What the page's main part says."""
    main = re.search(r"<main.*</main>", response.content.decode(), re.S)
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", main[0] if main else "").split()))


@pytest.fixture
def store(account: ChannelAccount) -> Iterator[SimulatedStore]:
    """A store that the account can reach."""
    with running_store() as found:
        connect(account, found)
        yield found


def test_the_list_says_how_each_channel_does(account: ChannelAccount, world: World, sign_in: SignIn) -> None:
    quarantine(account, world, ["1"])
    ChannelAccount.objects.filter(pk=account.pk).update(next_poll_at=now() + timedelta(seconds=42))
    other_account()
    page = text(sign_in().get("/channels/"))
    assert "Bazaar Marketplace · Files Healthy" in page
    assert "Web shop Own website · WooCommerce Healthy" in page
    assert re.search(r"100\.0% 1 in \d+ s", page)
    ChannelAccount.objects.filter(pk=account.pk).update(last_error="401 Unauthorized", last_error_at=now())
    assert "Failing" in text(sign_in().get("/channels/"))
    assert "401 Unauthorized" in text(sign_in().get("/channels/web/"))


def test_nothing_is_sent_again_while_nothing_changes(account: ChannelAccount, sign_in: SignIn) -> None:
    ChannelAccount.objects.filter(pk=account.pk).update(next_poll_at=now() - timedelta(hours=1))
    browser = sign_in()
    page = browser.get("/channels/").content.decode()
    version = re.search(r'data-version="([0-9a-f]+)"', page)
    assert version is not None
    headers = {"HX-Request": "true", "X-Fragment-Version": version[1]}
    assert browser.get("/channels/", headers=headers).status_code == 204
    ChannelAccount.objects.filter(pk=account.pk).update(last_error="Gone")
    fragment = browser.get("/channels/", headers=headers)
    assert 'id="channel-rows"' in fragment.content.decode()
    assert "<html" not in fragment.content.decode()


def test_every_column_of_the_list_has_a_heading(account: ChannelAccount, sign_in: SignIn) -> None:
    page = sign_in().get("/channels/").content.decode()

    table = page[page.index('id="channel-rows"') :]
    assert 'data-live="10"' in table[:300]
    headings, row = table[: table.index("</thead>")], table[table.index("<tr data-row") :].split("</tr>", 1)[0]
    assert headings.count("<th") - headings.count("<thead") == row.count("<td") == 11


def test_sync_now_makes_the_account_due(account: ChannelAccount, sign_in: SignIn) -> None:
    later = now() + timedelta(hours=1)
    ChannelAccount.objects.filter(pk=account.pk).update(next_poll_at=later)
    browser = sign_in(Role.OPS_AGENT)
    assert "is being asked for orders now" in text(browser.post("/channels/web/sync/", follow=True))
    account.refresh_from_db()
    assert account.next_poll_at <= now()
    ChannelAccount.objects.filter(pk=account.pk).update(pulls_orders=False, next_poll_at=later)
    assert "are paused. Resume them first." in text(browser.post("/channels/web/sync/", follow=True))
    account.refresh_from_db()
    assert account.next_poll_at == later


def test_push_now_wakes_the_worker(account: ChannelAccount, sign_in: SignIn) -> None:
    answer = sign_in().post("/channels/web/push/", {"from": "list"})
    assert answer["Location"] == "/channels/"
    assert published("channels.ListingsDirty") == [{"account_id": account.pk}]


def test_a_channel_without_a_far_end_has_nothing_to_sync(world: World, sign_in: SignIn) -> None:
    other_account()
    answer = sign_in().post("/channels/bazaar/sync/", follow=True)
    assert "has no far end" in text(answer)
    assert "Sync now" not in text(sign_in().get("/channels/bazaar/"))


def test_each_direction_is_paused_on_its_own(account: ChannelAccount, sign_in: SignIn) -> None:
    browser = sign_in()
    for flow, field in (("orders", "pulls_orders"), ("stock", "pushes_stock"), ("updates", "pushes_updates")):
        browser.post("/channels/web/pause/", {"flow": flow, "on": "0"})
        account.refresh_from_db()
        assert getattr(account, field) is False
    assert "Paused" in text(browser.get("/channels/"))
    browser.post("/channels/web/pause/", {"flow": "stock", "on": "1"})
    account.refresh_from_db()
    assert (account.pulls_orders, account.pushes_stock) == (False, True)
    assert published("channels.ListingsDirty") == [{"account_id": account.pk}]
    assert browser.post("/channels/web/pause/", {"flow": "money", "on": "1"}).status_code == 422


def test_the_connection_is_tested(account: ChannelAccount, store: SimulatedStore, sign_in: SignIn) -> None:
    browser = sign_in()
    browser.post("/channels/web/test/")
    account.refresh_from_db()
    assert account.last_ok_at is not None
    ChannelAccount.objects.filter(pk=account.pk).update(base_url="http://127.0.0.1:9")
    assert "No connection:" in text(browser.post("/channels/web/test/", follow=True))
    account.refresh_from_db()
    assert account.last_error != ""


@pytest.mark.parametrize(
    ("role", "sync", "pause", "fix", "retry"),
    [
        (Role.OPS_MANAGER, 302, 302, 302, 302),
        (Role.OPS_AGENT, 302, 403, 302, 302),
        (Role.INTEGRATOR, 302, 302, 302, 302),
        (Role.READ_ONLY, 403, 403, 403, 403),
        (Role.FINANCE, 403, 403, 403, 403),
    ],
)
def test_who_may_do_what(
    account: ChannelAccount, sign_in: SignIn, role: str, sync: int, pause: int, fix: int, retry: int
) -> None:
    browser = sign_in(role)
    assert browser.get("/channels/").status_code == 200
    assert browser.post("/channels/web/sync/").status_code == sync
    assert browser.post("/channels/web/push/").status_code == sync
    assert browser.post("/channels/web/pause/", {"flow": "orders", "on": "1"}).status_code == pause
    assert browser.post("/channels/web/listings/map/").status_code == fix
    assert browser.post("/channels/web/updates/retry/").status_code == retry


def test_actions_outside_the_scope_find_nothing(account: ChannelAccount, sign_in: SignIn) -> None:
    browser = sign_in(all_channels=False, channel_codes=["bazaar"])
    assert "Web shop" not in text(browser.get("/channels/"))
    for action in ("sync", "push", "test", "pause", "listings/map", "updates/retry"):
        assert browser.post(f"/channels/web/{action}/", {"flow": "orders"}).status_code == 404, action
    account.refresh_from_db()
    assert account.pulls_orders is True


def test_unmapped_listings_stand_first_and_are_mapped_together(
    account: ChannelAccount, world: World, sign_in: SignIn
) -> None:
    quarantine(account, world, ["1", "2"], sku="KURTA_M")
    Listing.objects.create(account=account, external_sku="A-MAPPED", sku=world.shoe, wanted_quantity=3)
    kurta = Listing.objects.create(account=account, external_sku="KURTA_M")
    odd = Listing.objects.create(account=account, external_sku="ZZZ")
    browser = sign_in()
    page = browser.get("/channels/web/listings/")
    assert text(page).index("KURTA_M") < text(page).index("ZZZ") < text(page).index("A-MAPPED")
    assert 'value="KURTA-M"' in page.content.decode()
    assert "suggestion, 86 % alike" in text(page)
    form = {"ids": [kurta.pk, odd.pk], f"sku-{kurta.pk}": "KURTA-M", f"sku-{odd.pk}": "NOPE"}
    answer = browser.post("/channels/web/listings/map/", form, follow=True)
    assert "ZZZ is not mapped: there is no SKU NOPE." in text(answer)
    assert "Mapped: 1. Messages replayed: 2 captured." in text(answer)
    kurta.refresh_from_db()
    assert (kurta.sku, kurta.wanted_quantity) == (world.kurta, 18)
    assert "KURTA_M" not in text(browser.get("/channels/web/listings/?show=unmapped&q=KURTA"))
    browser.post(f"/channels/web/listings/{kurta.pk}/unmap/")
    kurta.refresh_from_db()
    assert kurta.sku is None
    assert "Tick the listings to map." in text(browser.post("/channels/web/listings/map/", follow=True))


def test_drift_is_shown(account: ChannelAccount, world: World, sign_in: SignIn) -> None:
    Listing.objects.create(account=account, external_sku="K", sku=world.kurta, sent_quantity=5, reported_quantity=7)
    page = text(sign_in().get("/channels/web/listings/?show=drift"))
    assert "+2" in page
    assert "No listing matches" in text(sign_in().get("/channels/web/listings/?show=refused"))


def test_refused_updates_are_sent_again_or_dropped(account: ChannelAccount, world: World, sign_in: SignIn) -> None:
    order = Order.objects.get(pk=capture(world, make_order("1", make_line(world.kurta))))
    rows = [
        OutboundUpdate.objects.create(
            account=account, order=order, update_key=f"k{n}", kind="shipped", state="failed", error="404 no such order"
        )
        for n in range(3)
    ]
    browser = sign_in()
    assert "404 no such order" in text(browser.get("/channels/web/updates/"))
    answer = browser.post("/channels/web/updates/retry/", {"ids": [rows[0].pk]}, follow=True)
    assert "1 update is sent again." in text(answer)
    browser.post(f"/channels/web/updates/{rows[1].pk}/skip/", {"reason": "Told by phone"})
    assert [OutboundUpdate.objects.get(pk=row.pk).state for row in rows] == ["pending", "skipped", "failed"]
    refused = browser.post(f"/channels/web/updates/{rows[1].pk}/skip/", follow=True)
    assert OutboundUpdate.objects.get(pk=rows[1].pk).state == "skipped"
    assert refused.status_code == 200
    assert "1 update is sent again." in text(browser.post("/channels/web/updates/retry/", {"all": "1"}, follow=True))
    assert "No refused update" in text(browser.post("/channels/web/updates/retry/", {"all": "1"}, follow=True))
    other_account()
    assert browser.post(f"/channels/bazaar/updates/{rows[0].pk}/skip/").status_code == 404


def test_messages_are_filtered_and_paged(
    account: ChannelAccount, world: World, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oms.dashboard.channels.account_views.MESSAGES", 2)
    quarantine(account, world, ["1", "2", "3"])
    browser = sign_in()
    page = browser.get("/channels/web/?state=quarantined").content.decode()
    link = re.search(r'href="(\?[^"]*before=[^"]+)"', page)
    assert link is not None
    second = browser.get("/channels/web/" + html.unescape(link[1])).content.decode()
    seen = [re.findall(r'data-open\s+class="code">(\d)<', part) for part in (page, second)]
    assert seen == [["3", "2"], ["1"]]
    assert "No message matches" in text(browser.get("/channels/web/?state=captured"))
    assert browser.get("/channels/web/?before=nonsense&job=x&state=x").status_code == 200
    assert browser.get("/channels/nowhere/").status_code == 404


def test_the_list_asks_the_same_number_of_questions_for_more_channels(
    account: ChannelAccount, sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    browser = sign_in()
    for n in range(2):
        channel = SalesChannel.objects.create(code=f"c{n}", name=f"C{n}", kind="marketplace")
        ChannelAccount.objects.create(channel=channel, connector="files")
        with django_assert_num_queries(5):
            browser.get("/channels/")
        with django_assert_num_queries(7):
            browser.get("/channels/web/")
