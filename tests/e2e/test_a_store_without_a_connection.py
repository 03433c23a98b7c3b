"""A phone loses its connection between the shelves: the picking goes on, and everything arrives once."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Response, expect

from fulfillment.models import FulfillmentOrder
from fulfillment.services import cancel_order
from inventory.models import Node
from oms.accounts.models import Role, User
from oms.store.models import StoreEvent
from orders.models import OrderEvent
from tests.e2e.browsing import PASSWORD, Visit, is_kept, until_kept
from tests.e2e.conftest import Visitor
from tests.e2e.scanner import scan
from tests.factories import World, capture, make_line, make_order
from tests.flow.driver import drain
from tests.fulfillment.floor import stock_of, units_of

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
EMAIL = "asha@example.com"
FIRST_LOAD_BYTES = 60 * 1024


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    expect.set_options(timeout=20_000)
    yield
    expect.set_options(timeout=12_000)


@pytest.fixture
def associate(world: World, person: Callable[..., User]) -> User:
    Node.objects.filter(pk=world.blr.pk).update(auto_accept=True, name="Koramangala")
    return person(EMAIL, name="Asha Gowda", role=Role.STORE_ASSOCIATE, node_codes=["blr-01"])


@pytest.fixture
def work(world: World, associate: User) -> list[FulfillmentOrder]:
    """Two orders of one walk: two kurtas and two sarees; two pairs of shoes."""
    capture(world, make_order("1", make_line(world.kurta, 2), make_line(world.saree, 2)))
    capture(world, make_order("2", make_line(world.shoe, 1)))
    drain()
    return list(FulfillmentOrder.objects.order_by("pk"))


def lose_the_connection(visit: Visit) -> None:
    visit.context.set_offline(True)


def find_it_again(visit: Visit) -> None:
    visit.context.set_offline(False)
    # What the browser says of the time without a connection may come a moment later.
    visit.page.wait_for_timeout(200)
    visit.problems[:] = [each for each in visit.problems if "ERR_INTERNET_DISCONNECTED" not in each]


def test_four_picked_and_one_short_without_a_connection_arrive_once(
    visitor: Visitor, world: World, work: list[FulfillmentOrder]
) -> None:
    visit = visitor(width=360, height=740)
    page = visit.sign_in(EMAIL)
    expect(page.get_by_role("link", name="Pick 2 orders")).to_be_visible()
    until_kept(page, "/outbox/")
    until_kept(page, "/pick/?work=")

    # Looked at again, what is kept is not fetched again.
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    expect(page.get_by_role("link", name="Pick 2 orders")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert not [url for url in asked if "/pick/" in url or "/outbox/" in url]

    # The walk was never opened: the list of tasks has it kept for this moment.
    lose_the_connection(visit)
    page.get_by_role("link", name="Pick 2 orders").click()
    expect(page.get_by_text("0 of 5 items")).to_be_visible()
    expect(page.locator("[data-outbox-text]")).to_have_text("Offline")
    scan(page, "KURTA-M")
    expect(page.locator("#scan-band")).to_contain_text("The KURTA-M: 1 / 2")
    expect(page.get_by_text("1 of 5 items")).to_be_visible()
    visit.look()
    page.get_by_role("button", name="Picked").click()
    expect(page.get_by_text("2 of 5 items")).to_be_visible()
    scan(page, "KURTA-M")
    expect(page.locator("#scan-band")).to_contain_text("You have all 2 of The KURTA-M already")

    page.reload()
    expect(page.get_by_text("2 of 5 items")).to_be_visible()
    expect(page.locator("[data-outbox-text]")).to_have_text("Offline, 2")
    scan(page, "SAREE-1", "SHOE-42")
    expect(page.get_by_text("4 of 5 items")).to_be_visible()
    page.get_by_role("link", name="Short").click()
    expect(page.get_by_role("heading", name="What is wrong?")).to_be_visible()
    visit.look()
    page.get_by_role("radio", name="Not found").check()
    page.get_by_role("button", name="Report").click()
    expect(page.get_by_text("4 of 4 items")).to_be_visible()
    visit.look()
    assert StoreEvent.objects.count() == 0

    page.locator("[data-outbox]").click()
    expect(page.locator("[data-unsent-list] > .card-x")).to_have_count(5)
    visit.look()
    visit.open("/s/handover/")
    expect(page.get_by_role("heading", name="No connection")).to_be_visible()
    visit.look()
    page.get_by_role("link", name="To the tasks").click()
    expect(page.get_by_role("link", name="Pick 2 orders")).to_be_visible()

    # Meanwhile the second order is cancelled.
    cancel_order(order_id=work[1].order_id, reason="Changed their mind", actor="care")
    find_it_again(visit)
    expect(page.get_by_role("heading", name="Put back 1 item")).to_be_visible()
    visit.look()
    expect(page.locator("[data-outbox-text]")).to_have_text("Online")
    assert sorted(StoreEvent.objects.values_list("kind", "outcome")) == [
        ("pick", "conflict"), ("pick", "ok"), ("pick", "ok"), ("pick", "ok"), ("short", "ok")
    ]  # fmt: skip
    assert set(StoreEvent.objects.values_list("is_late", "person__name")) == {(True, "Asha Gowda")}
    assert units_of(work[0].order_id) == {"unallocated": 1, "picked": 3}
    assert stock_of(world.saree, world.blr) == {"on_hand": 9, "reserved": 1}
    assert stock_of(world.shoe, world.blr) == {"on_hand": 10}

    page.get_by_role("button", name="Put back").click()
    expect(page.get_by_role("heading", name="Put back 1 item")).to_have_count(0)
    page.locator("[data-outbox]").click()
    expect(page.get_by_text("Everything is sent.")).to_be_visible()
    visit.look()
    assert StoreEvent.objects.count() == 5
    assert OrderEvent.objects.filter(kind="short_pick").count() == 1


def test_a_parcel_is_packed_without_a_connection_and_a_pick_discarded(
    visitor: Visitor, world: World, work: list[FulfillmentOrder]
) -> None:
    visit = visitor(width=360, height=740)
    visit.sign_in(EMAIL)
    page = visit.open(f"/s/pick/?work={work[1].pk}")
    until_kept(page, f"work={work[1].pk}")
    visit.open("/s/outbox/")
    until_kept(page, "/outbox/")
    visit.open(f"/s/pick/?work={work[1].pk}")

    lose_the_connection(visit)
    scan(page, "SHOE-42")
    page.get_by_role("button", name=f"Pack {work[1].order.number}").click()
    expect(page.get_by_label("Weight in grams")).to_have_value("420")
    visit.look()
    page.get_by_role("button", name="Packed").click()
    expect(page.locator("#scan-band")).to_contain_text("Its label follows")
    visit.open("/s/outbox/")
    expect(page.get_by_text("Pack 1 × SHOE-42")).to_be_visible()
    visit.look()
    find_it_again(visit)
    expect(page.get_by_text("Everything is sent.")).to_be_visible()
    assert units_of(work[1].order_id) == {"packed": 1}

    page = visit.open(f"/s/pick/?work={work[0].pk}")
    lose_the_connection(visit)
    scan(page, "KURTA-M")
    expect(page.get_by_text("1 of 4 items")).to_be_visible()
    visit.open("/s/outbox/")
    page.locator("summary", has_text="Discard").click()
    page.get_by_label("Why?").fill("It was torn")
    page.get_by_role("button", name="Discard").click()
    expect(page.locator("summary", has_text="Discard")).to_have_count(0)
    find_it_again(visit)
    expect(page.get_by_text("Everything is sent.")).to_be_visible()
    assert units_of(work[0].order_id) == {"released": 4}
    assert "It was torn" in StoreEvent.objects.latest("pk").text


def test_who_signs_out_leaves_no_page_and_what_they_did_is_sent_by_the_next(
    visitor: Visitor, world: World, work: list[FulfillmentOrder], person: Callable[..., User]
) -> None:
    person("ravi@example.com", name="Ravi", role=Role.STORE_ASSOCIATE, node_codes=["blr-01"])
    visit = visitor(width=360, height=740)
    page = visit.sign_in(EMAIL)
    until_kept(page, "/pick/?work=")
    visit.open(f"/s/pick/?work={work[0].pk}")
    lose_the_connection(visit)
    scan(page, "KURTA-M")
    expect(page.get_by_text("1 of 4 items")).to_be_visible()
    page.route("**/s/events/", lambda route: route.abort())
    find_it_again(visit)
    visit.open("/s/more/")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("E-mail")).to_be_visible()
    assert not is_kept(page, "/s/")
    visit.problems[:] = [each for each in visit.problems if "ERR_FAILED" not in each]
    page.unroute("**/s/events/")
    assert not StoreEvent.objects.exists()

    visit.sign_in("ravi@example.com")
    expect(page.get_by_role("link", name="Pick 2 orders")).to_be_visible()
    for _ in range(100):
        if StoreEvent.objects.exists():
            break
        page.wait_for_timeout(100)
    event = StoreEvent.objects.get()
    assert (event.outcome, event.person.name) == ("ok", "Asha Gowda")
    visit.problems[:] = [each for each in visit.problems if "ERR_FAILED" not in each]


def test_a_failing_server_and_an_ended_session_are_said_on_the_walk(
    visitor: Visitor, world: World, work: list[FulfillmentOrder]
) -> None:
    visit = visitor(width=360, height=740)
    visit.sign_in(EMAIL)
    page = visit.open(f"/s/pick/?work={work[0].pk}")
    page.route("**/s/events/", lambda route: route.fulfill(status=503))
    scan(page, "KURTA-M")
    expect(page.get_by_text("Kept on this phone. The server fails")).to_be_visible()
    expect(page.locator("#scan-band")).to_contain_text("The KURTA-M: 1 / 2")
    visit.look()

    page.unroute("**/s/events/")
    visit.context.clear_cookies(name="oms_session")
    scan(page, "KURTA-M")
    expect(page.get_by_text("2 of 4 items")).to_be_visible()
    page.get_by_role("link", name="Print the pick list").scroll_into_view_if_needed()
    visit.look()
    page.get_by_role("link", name="Sign in again").click()
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_text("2 of 4 items")).to_be_visible()
    expect(page.locator("#walk[data-ahead]")).to_have_count(0)
    assert units_of(work[0].order_id) == {"released": 2, "picked": 2}
    visit.problems[:] = [each for each in visit.problems if "503" not in each and "401" not in each]


def test_the_first_load_of_a_store_page_is_light(visitor: Visitor, world: World, work: list[FulfillmentOrder]) -> None:
    visit = visitor(width=360, height=740)
    visit.sign_in(EMAIL)
    sizes: dict[str, int] = {}

    def weigh(response: Response) -> None:
        if response.ok and "/accounts/" not in response.url and "worker.js" not in response.url:
            sizes[response.url] = len(gzip.compress(response.body(), 9))

    visit.context.on("response", weigh)
    page = visit.open(f"/s/pick/?work={work[0].pk}")
    expect(page.get_by_text("0 of 4 items")).to_be_visible()
    page.wait_for_load_state("networkidle")

    assert len(sizes) > 8
    assert sum(sizes.values()) <= FIRST_LOAD_BYTES, sizes
