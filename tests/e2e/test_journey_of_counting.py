"""Counting: two phones in two areas, one of them held, an unknown code, a connection that is lost, a large variance."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from inventory.models import ApprovalLimit, CountScan, CountSession, StockCount
from oms.accounts.models import Role, User
from oms.core.models import OutboxEvent
from oms.core.values import MAX_MINOR
from tests.e2e.browsing import Visit
from tests.e2e.conftest import Visitor
from tests.e2e.scanner import scan
from tests.factories import World, make_line
from tests.fulfillment.floor import make_work, packed, stock_of
from tests.inventory.counting import count_postings, items_of

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    """Three browsers share the machine here: what is expected may take longer to appear."""
    expect.set_options(timeout=20_000)
    yield
    expect.set_options(timeout=12_000)


@pytest.fixture
def people(world: World, person: Callable[..., User]) -> None:
    """Two who count, one who plans, and one who approves; above two units somebody has to."""
    ApprovalLimit.objects.create(node_kind="", units=2, value_minor=MAX_MINOR)
    for name in ("asha", "ravi"):
        person(f"{name}@example.com", name=name.title(), role=Role.STORE_ASSOCIATE, node_codes=["blr-01"])
    person("manju@example.com", name="Manju", role=Role.STORE_MANAGER, node_codes=["blr-01"])
    person("meera@example.com", name="Meera", role=Role.OPS_MANAGER, all_nodes=True)


def start(page: Page, area: str) -> None:
    page.get_by_label(re.compile("Which area|Another area")).fill(area)
    page.get_by_role("button", name="Start counting").click()


def plan(visit: Visit) -> StockCount:
    """At the desk: every SKU of the node, shown before it is begun."""
    page = visit.sign_in("meera@example.com")
    visit.open("/inventory/counts/")
    expect(page.get_by_text("No count yet")).to_be_visible()
    visit.look()
    page.get_by_role("link", name="New count").first.click()
    page.locator("#id_node").select_option("blr-01")
    page.locator("#id_name").fill("Morning")
    visit.look()
    page.get_by_role("button", name="Show what it takes").click()
    expect(page.get_by_role("heading", name="3 SKUs at blr-01")).to_be_visible()
    visit.look()
    page.get_by_role("button", name="Begin the count").click()
    expect(page.get_by_text("can be counted now")).to_be_visible()
    visit.look()
    return StockCount.objects.get()


def test_blind_on_two_phones_until_the_ledger_knows(visitor: Visitor, world: World, people: None) -> None:
    desk, first, second = visitor(), visitor(width=360, height=740), visitor(width=360, height=740)
    for visit in (desk, first, second):
        visit.page.set_default_timeout(60_000)
    count = plan(desk)
    asha, ravi = first.sign_in("asha@example.com"), second.sign_in("ravi@example.com")

    asha.get_by_role("link", name="Count Morning").click()
    first.look()
    start(asha, "Aisle 1")
    expect(asha.get_by_text("0 of 3 SKUs")).to_be_visible()
    expect(asha.get_by_text("expected")).to_have_count(0)
    first.look()

    # The area of one phone is not for the other.
    ravi.get_by_role("link", name="Count Morning").click()
    start(ravi, "aisle 1")
    expect(ravi.get_by_text("Asha counts Aisle 1 since")).to_be_visible()
    second.look()
    start(ravi, "Aisle 2")
    expect(ravi.get_by_text("0 of 3 SKUs")).to_be_visible()

    for _ in range(3):
        scan(asha, "KURTA-M")
    expect(asha.locator("#scan-band")).to_contain_text("The KURTA-M: 3")
    scan(asha, "4006381333931")
    expect(asha.locator("#scan-band")).to_contain_text("not in the catalogue")
    expect(asha.get_by_text("Unknown, kept apart:")).to_be_visible()
    first.look()
    scan(asha, "SHOE-42")
    expect(asha.locator("#scan-band")).to_contain_text("The SHOE-42: 1")
    asha.get_by_role("button", name="Undo").click()
    expect(asha.locator("#scan-band")).to_contain_text("taken back")
    asha.get_by_text("Type a code").click()
    asha.get_by_label("Barcode or SKU").fill("SHOE-42")
    asha.get_by_label("Quantity").fill("10")
    asha.get_by_label("That is all there is here").check()
    asha.get_by_role("button", name="Count this").click()
    expect(asha.locator("#scan-band")).to_contain_text("The SHOE-42: 10")

    # Without a connection scans are kept, shown, and sent once it is back.
    def lost(route: Route) -> None:
        route.abort()

    ravi.route("**/scans/", lost)
    for _ in range(2):
        scan(ravi, "KURTA-M")
    expect(ravi.get_by_text("2 not sent")).to_be_visible()
    second.look()
    assert CountScan.objects.filter(session__area="Aisle 2").count() == 0
    second.problems.clear()
    ravi.unroute("**/scans/", lost)
    ravi.reload()
    expect(ravi.get_by_text("1 of 3 SKUs")).to_be_visible()
    expect(ravi.get_by_text("not sent")).to_be_hidden()
    scan(ravi, "SAREE-1")
    expect(ravi.locator("#scan-band")).to_contain_text("The SAREE-1: 1")
    for phone in (asha, ravi):
        phone.get_by_role("button", name="Submit").click()
        expect(phone.get_by_role("heading", name="Done")).to_be_visible()
    second.look()
    assert set(CountSession.objects.values_list("person", "state")) == {("Asha", "submitted"), ("Ravi", "submitted")}

    # Sold and packed meanwhile: no variance.
    packed(make_work(world, "1", make_line(world.kurta, 2)))

    page = desk.page
    page.reload()
    desk.look()
    page.get_by_label("SKU of 4006381333931").fill("KURTA-M")
    page.get_by_role("button", name="Match").click()
    expect(page.get_by_text("4006381333931 is KURTA-M: 1 scan counts.")).to_be_visible()
    page.get_by_role("button", name="Close counting").click()
    expect(page.get_by_text("Counting is closed.")).to_be_visible()
    expect(page.locator("#count-items")).not_to_contain_text("SHOE-42")
    desk.look()
    assert items_of(count) == {
        "KURTA-M": ("counted", 6, 10, 0), "SAREE-1": ("counted", 1, 10, 0), "SHOE-42": ("auto", 10, 10, 0)
    }  # fmt: skip

    # A store manager may not accept so much; who approves may.
    manager = visitor()
    manager.sign_in("manju@example.com")
    office = manager.open(f"/inventory/counts/{count.number}/")
    office.get_by_role("button", name="Accept all").click()
    expect(
        office.get_by_text("KURTA-M: -4 is above the limit here. Somebody who approves has to accept it.")
    ).to_be_visible()
    manager.look()
    manager.problems.clear()
    assert count_postings(count.uid) == []
    page.reload()
    page.get_by_role("checkbox", name="Select KURTA-M").check()
    page.get_by_role("button", name="Accept", exact=True).click()
    expect(page.get_by_text("1 line accepted, -4 units.")).to_be_visible()
    page.get_by_role("button", name="Count all again").click()
    expect(page.get_by_text("counts them again")).to_be_visible()
    page.get_by_role("link", name=count.number).click()
    page.get_by_role("button", name="Close the count").click()
    expect(page.get_by_text(f"{count.number} is closed.")).to_be_visible()
    desk.look()

    assert count_postings(count.uid) == [("KURTA-M", "on_hand", "adjustment", 4, count.number)]
    assert stock_of(world.kurta, world.blr) == {"on_hand": 4, "packed": 2}
    told = OutboxEvent.objects.filter(kind="inventory.StockChanged", payload__reason="count")
    assert [event.payload["sku_ids"] for event in told] == [[world.kurta.pk]]


def test_without_scripts_an_area_is_counted(visitor: Visitor, world: World, people: None) -> None:
    visit = visitor(width=360, height=740, scripts=False)
    page = visit.sign_in("asha@example.com")

    visit.open("/s/counts/")
    page.get_by_role("button", name="Count something else").click()
    start(page, "Window")
    page.get_by_text("Type a code").click()
    page.get_by_label("Barcode or SKU").fill("KURTA-M")
    page.get_by_label("Quantity").fill("9")
    page.get_by_role("button", name="Count this").click()
    expect(page.get_by_text("The KURTA-M: 9")).to_be_visible()
    page.get_by_role("button", name="Submit").click()

    expect(page.get_by_text("Window is counted.")).to_be_visible()
    assert CountSession.objects.get().state == "submitted"
