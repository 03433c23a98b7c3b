"""A customer wants what the store does not have: looked up by scan, sold there, sent by another node."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from fulfillment.models import FulfillmentOrder
from oms.accounts.models import Role, User
from orders.models import Order, SalesChannel
from tests.e2e.conftest import Visitor
from tests.e2e.scanner import scan
from tests.factories import World
from tests.flow.driver import drain

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def test_an_associate_sells_what_lies_in_a_warehouse(
    visitor: Visitor, world: World, person: Callable[..., User]
) -> None:
    SalesChannel.objects.create(code="store-blr-s1", name="Koramangala", kind="store")
    person("asha@example.com", name="Asha Gowda", role=Role.STORE_ASSOCIATE, node_codes=["blr-s1"])
    visit = visitor(width=360, height=740)
    page = visit.sign_in("asha@example.com")
    visit.open("/s/look-up/")
    scan(page, world.kurta.barcodes.get().code)
    page.get_by_role("link", name="Sell from another node").click()
    expect(page.get_by_text("Other nodes can send 20 now")).to_be_visible()
    # A field that is half behind the bar with the button is taken for a small one.
    page.get_by_label("Number of the receipt").scroll_into_view_if_needed()
    visit.look()

    page.get_by_label("Customer").fill("Meera Nair")
    page.get_by_label("Phone").fill("9845012345")
    page.get_by_label("Street and house").fill("4 Church Street")
    page.get_by_label("City").fill("Bengaluru")
    page.get_by_label("PIN code").fill("560001")
    page.get_by_role("button", name="Sell").click()
    expect(page.get_by_text("write the number of the receipt")).to_be_visible()
    visit.problems.clear()
    page.get_by_label("Number of the receipt").fill("T-77")
    page.get_by_role("button", name="Sell").dblclick()
    expect(page.get_by_text("is sold. Another node sends it")).to_be_visible()
    visit.look()

    drain()
    assert Order.objects.get().channel.code == "store-blr-s1"
    assert FulfillmentOrder.objects.get().node == world.blr
