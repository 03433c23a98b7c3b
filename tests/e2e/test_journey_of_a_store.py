"""A store associate with a phone takes an order from the task list to the label, in a real browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from fulfillment.models import FulfillmentOrder, Shipment
from inventory.models import Node
from oms.accounts.models import Role, User
from tests.e2e.conftest import Visitor
from tests.e2e.scanner import scan
from tests.factories import World, capture, make_line, make_order
from tests.flow.driver import drain
from tests.fulfillment.floor import stock_of, units_of

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
EMAIL = "asha@example.com"


@pytest.fixture
def associate(world: World, person: Callable[..., User]) -> User:
    Node.objects.filter(pk=world.blr.pk).update(auto_accept=False, name="Dhaagavari Koramangala flagship store")
    return person(EMAIL, name="Asha Gowda", role=Role.STORE_ASSOCIATE, node_codes=["blr-01"])


@pytest.fixture
def work(world: World, associate: User) -> FulfillmentOrder:
    """Two kurtas and a saree, offered to the store."""
    capture(world, make_order("1", make_line(world.kurta, 2), make_line(world.saree)))
    drain()
    return FulfillmentOrder.objects.get()


def type_a_code(page: Page, code: str) -> None:
    page.get_by_text("Type a code").click()
    page.get_by_label("Barcode or SKU").fill(code)
    page.get_by_role("button", name="Pick this").click()


def test_from_the_task_to_the_label_with_one_line_short(visitor: Visitor, world: World, work: FulfillmentOrder) -> None:
    visit = visitor(width=360, height=740)
    page = visit.sign_in(EMAIL)

    expect(page.get_by_role("heading", name="To do now")).to_be_visible()
    visit.look()
    page.get_by_role("link", name="Accept 1 order").click()
    expect(page.get_by_text(work.order.number).first).to_be_visible()
    visit.look()
    page.get_by_role("button", name="Accept and pick").click()
    expect(page.get_by_text("0 of 3 items")).to_be_visible()
    visit.look()

    # One unit by the scanner, which needs no field; one by a code typed into the field.
    scan(page, "KURTA-M")
    expect(page.locator("#scan-band")).to_contain_text("The KURTA-M: 1 of 2")
    visit.look()
    type_a_code(page, "KURTA-M")
    expect(page.get_by_text("2 of 3 items")).to_be_visible()

    # The saree is not there: a reason corrects the stock, and another node gets the unit.
    page.get_by_role("link", name="Short").click()
    expect(page.get_by_role("heading", name="What is wrong?")).to_be_visible()
    visit.look()
    page.get_by_role("radio", name="Not found").check()
    page.get_by_role("button", name="Report").click()
    expect(page.get_by_role("link", name="Pack 1 order")).to_be_visible()
    visit.look()
    drain()
    rest = FulfillmentOrder.objects.exclude(pk=work.pk).get()
    assert (rest.node, [(line.sku.code, line.quantity) for line in rest.lines.all()]) == (world.delhi, [("SAREE-1", 1)])
    assert stock_of(world.saree, world.delhi) == {"on_hand": 10, "reserved": 1}

    page.get_by_role("link", name="Pack 1 order").click()
    expect(page.get_by_label("Weight in grams")).to_have_value("890")
    visit.look()
    page.get_by_role("button", name="Packed").click()
    expect(page.get_by_text("The label is being bought")).to_be_visible()
    visit.look()
    drain()
    shipment = Shipment.objects.get()
    expect(page.get_by_text(shipment.awb, exact=True).first).to_be_visible()
    expect(page.get_by_role("button", name="Print")).to_be_visible()
    visit.look()

    page.get_by_role("link", name="To the tasks").click()
    expect(page.get_by_role("heading", name="To do now")).to_be_visible()
    expect(page.get_by_text("Hand over", exact=False).first).to_be_visible()
    visit.look()
    assert units_of(work.order_id) == {"released": 1, "packed": 2}


def test_without_scripts_work_is_accepted_and_picked(visitor: Visitor, world: World, work: FulfillmentOrder) -> None:
    visit = visitor(width=360, height=740, scripts=False)
    page = visit.sign_in(EMAIL)

    page.get_by_role("link", name="Accept 1 order").click()
    page.get_by_role("button", name="Accept and pick").click()
    type_a_code(page, "KURTA-M")
    expect(page.get_by_text("1 of 3 items")).to_be_visible()
    page.get_by_role("button", name="Picked").click()

    expect(page.get_by_text("2 of 3 items")).to_be_visible()
    assert units_of(work.order_id) == {"released": 1, "picked": 2}
