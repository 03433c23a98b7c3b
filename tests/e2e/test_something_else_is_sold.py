"""What waits for stock is sold as another SKU from the page of its order, and taken back again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from inventory.services import set_substitutes
from oms.accounts.models import Role, User
from orders.models import Order, OrderLine
from tests.e2e.conftest import Visitor
from tests.factories import World, capture, make_line, make_order, make_sku, stock
from tests.flow.driver import drain

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def order(world: World) -> Order:
    """Twelve kurtas of which two wait; a cheaper shirt or a saree may stand in."""
    shirt = make_sku("SHIRT", price_minor=49_950)
    stock(shirt, world.blr, 5)
    for node, units in ((world.blr, 10), (world.delhi, 0)):
        stock(world.kurta, node, units)
    set_substitutes(sku_id=world.kurta.pk, substitute_ids=[shirt.pk, world.saree.pk], actor="Asha")
    order_id = capture(world, make_order("1", make_line(world.kurta, 12), substitutions="allowed"))
    drain()
    return Order.objects.get(pk=order_id)


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (360, 740)])
def test_a_shirt_is_sold_for_a_kurta_and_taken_back(
    visitor: Visitor, person: Callable[..., User], order: Order, width: int, height: int
) -> None:
    person("meera@example.com", name="Meera Ops", role=Role.OPS_MANAGER, all_nodes=True, all_channels=True)
    visit = visitor(width=width, height=height)
    page = visit.sign_in("meera@example.com")

    visit.open(f"/orders/{order.number}/")
    page.get_by_role("link", name="Substitute").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("ATP 5")).to_be_visible()
    visit.look()
    dialog.get_by_role("button", name="Sell it instead").click()
    expect(page.get_by_text("2 substituted by SHIRT")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="2 substituted")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="2 cancelled")).to_be_hidden()
    visit.look()

    page.get_by_role("link", name="Take back").first.click()
    expect(dialog.get_by_text("2 units of KURTA-M wait for stock again.")).to_be_visible()
    visit.look()
    dialog.get_by_role("button", name="Take it back").click()
    expect(page.get_by_text("2 substituted by SHIRT")).to_be_hidden()

    ordered, added = OrderLine.objects.order_by("pk")
    assert (added.substitute_for_id, added.quantity, added.cancelled, ordered.backordered) == (ordered.pk, 2, 2, 2)
