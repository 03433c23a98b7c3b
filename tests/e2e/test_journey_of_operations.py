"""A morning of an operations manager at a desk: from the first exception to the export, in a real browser."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from oms.accounts.models import Role, User
from orders.models import Hold, Order
from orders.services import place_hold
from tests.e2e.conftest import Visitor
from tests.factories import World, capture, make_line, make_order
from tests.flow.driver import drain

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
EMAIL = "meera@example.com"


@pytest.fixture
def manager(person: Callable[..., User]) -> User:
    return person(EMAIL, name="Meera Ops", role=Role.OPS_MANAGER, all_nodes=True, all_channels=True)


@pytest.fixture
def held(world: World) -> Order:
    """Two units for Bengaluru, reserved and kept back for a fraud check."""
    order_id = capture(world, make_order("HELD-1", make_line(world.kurta, 2), make_line(world.saree)))
    place_hold(order_id=order_id, reason="fraud_risk", source="Asha", handle="fraud", actor="Asha")
    drain()
    return Order.objects.get(pk=order_id)


@pytest.fixture
def others(world: World) -> list[Order]:
    """Two orders at the node that nobody has begun."""
    ids = [capture(world, make_order(name, make_line(world.shoe))) for name in ("1", "2")]
    drain()
    return list(Order.objects.filter(pk__in=ids).order_by("pk"))


def open_holds() -> int:
    return Hold.objects.filter(released_at=None).count()


def test_from_the_first_exception_to_the_export(
    visitor: Visitor, manager: User, world: World, held: Order, others: list[Order], tmp_path: Path
) -> None:
    visit = visitor(width=1440, height=900)
    page = visit.sign_in(EMAIL)

    # The tower: what needs a person stands before what merely flows.
    queue, flow = page.locator("#tower-queue"), page.locator("#tower-flow")
    expect(queue.get_by_role("heading", name="Needs you")).to_be_visible()
    first, second = queue.bounding_box(), flow.bounding_box()
    assert first is not None
    assert second is not None
    assert (first["x"], first["y"]) < (second["x"], second["y"])
    visit.look()

    # The exception opens beside the queue, the order from there.
    row = page.locator("#queue li").filter(has_text="Fraud")
    row.locator("[data-open]").click()
    drawer = page.locator("#drawer")
    expect(drawer).to_contain_text(held.number)
    visit.look()
    drawer.get_by_role("link", name=held.number).click()
    expect(page).to_have_url(f"{visit.base_url}/orders/{held.number}/")
    expect(page.locator("main")).to_contain_text("Fraud check")
    visit.look()

    page.get_by_role("button", name="Release", exact=False).first.click()
    expect(page.locator(f"#order-header-{held.pk}")).not_to_contain_text("Fraud check")
    assert open_holds() == 0
    drain()
    page.reload()

    # The order explains itself: where each unit is, why there, and what happened.
    lines = page.locator("#order-lines")
    expect(lines.get_by_role("img", name="KURTA-M: 2 at the node")).to_be_visible()
    expect(lines.get_by_role("img", name="SAREE-1: 1 at the node")).to_be_visible()
    why = page.locator("#order-why")
    expect(why).to_contain_text("blr-01")
    expect(why.locator("table")).to_contain_text("del-01")
    timeline = page.locator("#order-timeline")
    expect(timeline).to_contain_text("Meera Ops")
    visit.look()

    # Two orders are held with one action and released with one.
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Orders").click()
    visit.look()
    for order in others:
        page.locator(f"tr[data-row='{order.pk}'] [data-select]").check()
    expect(page.locator("[data-selected-count]")).to_have_text("2")
    page.get_by_role("region", name="Selected rows").get_by_role("button", name="Hold").click()
    visit.look()
    page.get_by_role("button", name="Customer asked to wait").click()
    expect(page.locator("#bulk-rows")).to_contain_text(others[0].number)
    expect(page.locator("#bulk-rows")).to_contain_text(others[1].number)
    assert open_holds() == 2
    visit.look()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("The holds are taken back.")).to_be_visible()
    assert open_holds() == 0
    visit.look()

    # Why is it 8?
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Inventory").click()
    visit.look()
    page.locator(f"tr[data-row='{world.kurta.pk}'] a.cell").first.click()
    expect(page.locator("#drawer")).to_contain_text("8 = 10 on hand")
    expect(page.locator("#drawer")).to_contain_text(held.number)
    expect(page.locator("#drawer")).to_contain_text("Ledger sum = balance")
    visit.look()

    page.keyboard.press("Escape")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export").click()
    target = tmp_path / "stock.csv"
    download.value.save_as(target)
    rows = list(csv.reader(target.read_text(encoding="utf-8-sig").splitlines()))
    assert any("KURTA-M" in row and "blr-01" in row for row in rows[1:])


def test_without_scripts_a_held_order_is_found_and_released(
    visitor: Visitor, manager: User, held: Order, others: list[Order]
) -> None:
    visit = visitor(scripts=False)
    page = visit.sign_in(EMAIL)

    page.get_by_role("navigation", name="Main").get_by_role("link", name="Orders").click()
    page.locator("#order-filter").fill("status:held")
    page.get_by_role("button", name="Find").click()
    expect(page.locator("table[data-table] tbody tr")).to_have_count(1)
    page.get_by_role("link", name=held.number).click()
    page.get_by_role("button", name="Release", exact=False).first.click()

    expect(page.locator("main")).not_to_contain_text("Fraud check since")
    assert open_holds() == 0
