"""A wave from a suggestion to a packed tote: the planner's click, the paper, the walk on the phone, the bench."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from fulfillment.models import FulfillmentOrder, Shipment, Wave
from inventory.models import StockLevel
from oms.accounts.models import Role, User
from oms.core.clock import now
from tests.carriers.labels.test_codes_are_read import codes, text_of
from tests.e2e.conftest import Visitor
from tests.e2e.scanner import scan
from tests.factories import World, make_line, stock
from tests.fulfillment.floor import make_work, units_of

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def works(world: World) -> list[FulfillmentOrder]:
    """Two orders that share an item, and three single ones, at Bengaluru."""
    for sku, shelf in ((world.kurta, "B-02-1"), (world.saree, "A-01-4"), (world.shoe, "C-07-2")):
        stock(sku, world.blr, 20)
        StockLevel.objects.filter(sku=sku, node=world.blr).update(bin_code=shelf)
    made = [
        make_work(world, "1", make_line(world.kurta, 2)),
        make_work(world, "2", make_line(world.kurta), make_line(world.saree)),
        *(make_work(world, f"s{nth}", make_line(world.shoe)) for nth in range(3)),
    ]
    FulfillmentOrder.objects.update(due_at=now().replace(second=0, microsecond=0))
    return made


def test_a_suggested_wave_is_made_printed_picked_with_a_short_and_packed(
    visitor: Visitor, person: Callable[..., User], world: World, works: list[FulfillmentOrder]
) -> None:
    person("meera@example.com", name="Meera Lead", role=Role.WAREHOUSE_LEAD, node_codes=[world.blr.code])
    person("asha@example.com", name="Asha Gowda", role=Role.STORE_ASSOCIATE, node_codes=[world.blr.code])
    office = visitor()
    page = office.sign_in("meera@example.com")
    office.open("/fulfil/waves/")
    expect(page.get_by_text("3 single-item orders of 1 SKU")).to_be_visible()
    office.look()

    page.get_by_role("button", name="Make a wave: 2 orders of 2 SKUs").click()
    wave = Wave.objects.get()
    expect(page.get_by_text(f"2 orders are in wave {wave.number}.")).to_be_visible()
    office.look()
    for name in ("pick-list", "totes"):
        pdf = page.request.get(f"{office.base_url}/fulfil/waves/{wave.pk}/{name}.pdf").body()
        if name == "pick-list":
            assert text_of(pdf).index("A-01-4") < text_of(pdf).index("B-02-1")
            assert wave.number in codes(pdf)
        else:
            assert {f"{wave.number}-1", f"{wave.number}-2"} <= codes(pdf)
    office.open("/fulfil/waves/")
    expect(page.get_by_role("heading", name="Live waves")).to_be_visible()
    office.look()

    phone = visitor(width=360, height=740)
    small = phone.sign_in("asha@example.com")
    small.get_by_role("link", name=f"Pick wave {wave.number}").click()
    expect(small.get_by_text("A-01-4")).to_be_visible()
    phone.look()
    scan(small, "SAREE-1")
    expect(small.get_by_text("In your hand: scan tote 2")).to_be_visible()
    phone.look()
    scan(small, f"{wave.number}-1")
    expect(small.get_by_text("needs no SAREE-1")).to_be_visible()
    scan(small, f"{wave.number}-2")
    expect(small.get_by_text("1 of 4 items")).to_be_visible()

    small.get_by_role("link", name="Short", exact=True).click()
    small.get_by_label("How many").fill("1")
    small.get_by_role("radio", name="Not found").check()
    phone.look()
    small.get_by_role("button", name="Report").click()
    expect(small.get_by_text("1 × KURTA-M reported")).to_be_visible()
    small.get_by_role("button", name="Put 2 into tote").click()
    expect(small.get_by_text("The wave is picked", exact=True)).to_be_visible()
    phone.look()
    assert units_of(works[1].order_id) == {"picked": 1, "unallocated": 1}

    office.open(f"/fulfil/waves/{wave.pk}/")
    expect(page.get_by_text("Picked").first).to_be_visible()
    office.look()
    office.open("/fulfil/pack/")
    scan(page, f"{wave.number}-1")
    expect(page.get_by_role("heading", name=works[0].order.number)).to_be_visible()
    scan(page, "KURTA-M", "KURTA-M")
    expect(page.get_by_text(f"{works[0].order.number} is packed: 2 items.")).to_be_visible()
    assert Shipment.objects.get().fulfillment_order == works[0]


def test_the_wave_screens_fit_a_phone_and_work_without_scripts(
    visitor: Visitor, person: Callable[..., User], world: World, works: list[FulfillmentOrder]
) -> None:
    person("meera@example.com", name="Meera Lead", role=Role.WAREHOUSE_LEAD, node_codes=[world.blr.code])
    small = visitor(width=360, height=740)
    small.sign_in("meera@example.com")
    small.open("/fulfil/waves/")
    small.look()

    plain = visitor(scripts=False)
    page = plain.sign_in("meera@example.com")
    plain.open("/fulfil/waves/?single=1")
    page.get_by_role("button", name="Make a wave: 3 single-item orders").click()
    wave = Wave.objects.get()
    expect(page.get_by_text(f"3 orders are in wave {wave.number}.")).to_be_visible()
    small.open(f"/fulfil/waves/{wave.pk}/")
    small.look()
    page.get_by_role("button", name="Cancel the wave").click()
    expect(page.get_by_text(f"Wave {wave.number} is cancelled.")).to_be_visible()
