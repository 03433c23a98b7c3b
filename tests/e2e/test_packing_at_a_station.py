"""A packer with a scanner and no mouse: one item in one scan, nothing wrong gets in, nothing is lost, nobody waits."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from carriers.models import Booking, CarrierAccount
from fulfillment.models import FulfillmentOrder, PackCheck, PackScan, Shipment
from oms.accounts.models import Role, User
from tests.e2e.browsing import Visit
from tests.e2e.conftest import Visitor
from tests.e2e.scanner import scan
from tests.factories import World, make_line, make_sku, register_for_tax, stock
from tests.flow.driver import drain
from tests.fulfillment.floor import make_work, picked

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def visit(visitor: Visitor, person: Callable[..., User], world: World) -> Visit:
    """A packer of Bengaluru stands at the bench; what is printed is counted instead."""
    person("ravi@example.com", name="Ravi", role=Role.PACKER, node_codes=[world.blr.code])
    made = visitor()
    made.context.add_init_script(
        """document.addEventListener("oms:print-label", event => {
          const root = document.documentElement;
          root.dataset.printed = `${root.dataset.printed ?? ""}${event.detail.url} `;
          event.preventDefault();
        });"""
    )
    made.sign_in("ravi@example.com")
    made.open("/fulfil/pack/")
    return made


def in_tote(world: World, name: str, **units: int) -> FulfillmentOrder:
    skus = {"kurta": world.kurta, "saree": world.saree}
    return picked(make_work(world, name, *(make_line(skus[key], count) for key, count in units.items())))


def count(page: Page) -> str:
    return page.locator(".bench-count").inner_text()


def test_one_item_is_packed_by_one_scan_and_its_label_prints_once(visit: Visit, world: World) -> None:
    work, page = in_tote(world, "1", saree=1), visit.page
    visit.look()

    scan(page, "SAREE-1")
    expect(page.get_by_text(f"{work.order.number} is packed: 1 item.")).to_be_visible()
    expect(page.get_by_text("The label is being bought")).to_be_visible()
    drain()
    parcel = Shipment.objects.get()
    expect(page.get_by_text(parcel.awb)).to_be_visible()
    expect(page.locator("html")).to_have_attribute("data-printed", f"/fulfil/parcels/{parcel.pk}/label.pdf ")
    visit.look()

    page.reload()
    expect(page.get_by_text(parcel.awb)).to_be_visible()
    assert page.locator("html").get_attribute("data-printed") is None
    page.keyboard.press("F2")
    expect(page.locator("html")).to_have_attribute("data-printed", f"/fulfil/parcels/{parcel.pk}/label.pdf ")
    assert Booking.objects.count() == 1


def test_nothing_wrong_and_nothing_too_much_gets_into_the_box_and_a_reload_loses_nothing(
    visit: Visit, world: World
) -> None:
    sku = make_sku("BULK-10")
    stock(sku, world.blr, 20)
    work = picked(make_work(world, "1", make_line(sku, 10), make_line(world.kurta)))
    page = visit.page

    scan(page, work.order.number)
    expect(page.get_by_role("heading", name=work.order.number)).to_be_visible()
    scan(page, *["BULK-10"] * 10, gap_ms=5, pause_ms=60)
    expect(page.locator(".bench-count")).to_have_text("10/11")
    visit.look()
    scan(page, "BULK-10")
    expect(page.get_by_text("All 10 of BULK-10 are in the box already: put this one back.")).to_be_visible()
    scan(page, "SHOE-42")
    band = page.locator("[data-scan-band]")
    expect(band).to_contain_text("This box needs 1 x KURTA-M.")
    visit.look()
    assert PackScan.objects.count() == 10

    page.reload()
    assert count(page) == "10/11"
    page.keyboard.press("F9")
    expect(page.locator(".bench-count")).to_have_text("9/11")
    scan(page, "BULK-10", "KURTA-M")
    expect(page.get_by_text(f"{work.order.number} is packed: 11 items.")).to_be_visible()
    assert Shipment.objects.count() == 1


def test_packing_goes_on_while_no_carrier_answers_and_one_label_is_bought_after_it(visit: Visit, world: World) -> None:
    CarrierAccount.objects.update(is_active=False)
    first, second = in_tote(world, "1", saree=1), in_tote(world, "2", kurta=1)
    page = visit.page

    scan(page, "SAREE-1")
    expect(page.get_by_text(f"{first.order.number} is packed: 1 item.")).to_be_visible()
    drain()
    expect(page.get_by_text("No label yet: put it aside and go on")).to_be_visible()
    visit.look()
    scan(page, "KURTA-M")
    expect(page.get_by_text(f"{second.order.number} is packed: 1 item.")).to_be_visible()

    CarrierAccount.objects.update(is_active=True)
    drain()
    page.get_by_role("link", name="1", exact=True).first.click()
    page.get_by_role("button", name="Try all again").click()
    expect(page.get_by_text("Every packed parcel has its label")).to_be_visible()
    assert Booking.objects.filter(state="booked").count() == 2


def test_the_bench_also_stands_on_a_phone(visitor: Visitor, person: Callable[..., User], world: World) -> None:
    person("asha@example.com", name="Asha", role=Role.OPS_MANAGER, all_nodes=True, all_channels=True)
    work = in_tote(world, "1", kurta=2, saree=1)
    visit = visitor(width=360, height=740)
    page = visit.sign_in("asha@example.com")
    visit.open("/fulfil/pack/")
    visit.look()
    page.get_by_label("Node", exact=True).select_option(world.blr.code)
    expect(page.get_by_text("Scan an item, an order or a label")).to_be_visible()
    page.get_by_placeholder("Scan, or type a code").fill(work.order.number)
    page.get_by_role("button", name="Enter").click()
    expect(page.get_by_role("heading", name=work.order.number)).to_be_visible()
    visit.look()


def test_checks_weight_a_second_box_and_what_is_missing_need_no_mouse(visit: Visit, world: World) -> None:
    register_for_tax(world.blr)
    PackCheck.objects.create(name="Seal", kind="confirm", words="Is the seal whole")
    PackCheck.objects.create(name="Scale", kind="weigh", words="Weigh it", worth_minor=300_000)
    work, page = in_tote(world, "1", kurta=2, saree=1), visit.page

    scan(page, work.order.number)
    scan(page, "KURTA-M")
    expect(page.locator(".bench-count")).to_have_text("1/3")
    page.keyboard.press("F3")
    expect(page.get_by_text("First: Weigh it.")).to_be_visible()
    page.get_by_label("Weight").fill("0.455")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Weighed: 455 g.")).to_be_visible()
    page.keyboard.press("F3")
    expect(page.get_by_text("Box 2: go on with it.")).to_be_visible()
    scan(page, "SAREE-1")
    expect(page.locator(".bench-count")).to_have_text("2/3")
    page.keyboard.press("F4")
    reason = page.get_by_role("button", name="Not found")
    expect(reason).to_be_focused()
    visit.look()
    page.keyboard.press("Enter")
    expect(page.get_by_text("First: Is the seal whole.")).to_be_visible()
    visit.look()
    page.keyboard.press("F6")
    expect(page.get_by_text("First: Weigh it.")).to_be_visible()
    page.get_by_label("Weight").fill("2.5")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The weight is odd")).to_be_visible()
    visit.look()


def test_an_order_is_held_by_keys_and_the_next_goes_on(visit: Visit, world: World) -> None:
    work, other, page = in_tote(world, "1", kurta=1), in_tote(world, "2", kurta=2), visit.page

    scan(page, work.order.number)
    expect(page.get_by_role("heading", name=work.order.number)).to_be_visible()
    page.keyboard.press("F8")
    expect(page.get_by_role("button", name="Damaged")).to_be_focused()
    visit.look()
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"{work.order.number} is on hold.")).to_be_visible()
    assert work.order.holds.get().note == "Damaged"
    scan(page, other.order.number)
    expect(page.get_by_role("heading", name=other.order.number)).to_be_visible()


def test_slip_and_invoice_print_by_a_key_and_a_label_is_proven_by_its_scan(visit: Visit, world: World) -> None:
    register_for_tax(world.blr)
    work, page = in_tote(world, "1", saree=1), visit.page
    button = page.get_by_role("button", name="Scan each label")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")

    scan(page, "SAREE-1")
    expect(page.get_by_text(f"{work.order.number} is packed: 1 item.")).to_be_visible()
    drain()
    parcel = Shipment.objects.get()
    expect(page.get_by_text(parcel.awb)).to_be_visible()
    page.keyboard.press("F7")
    expect(page.locator("html")).to_have_attribute(
        "data-printed", f"/fulfil/parcels/{parcel.pk}/label.pdf /fulfil/parcels/{parcel.pk}/papers.pdf "
    )
    visit.look()
    scan(page, parcel.awb)
    expect(page.get_by_text(f"The label of {work.order.number} is on its box.")).to_be_visible()
