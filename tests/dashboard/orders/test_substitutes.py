"""The order's page: something else for what waits, with what there is and what it costs, and back again."""

from __future__ import annotations

import pytest
from django.test import Client

from inventory.services import set_substitutes
from oms.accounts.models import Role
from orders.models import Order, OrderEvent, OrderLine
from routing.services import forget_policy
from tests.dashboard.orders.conftest import SignIn, routed
from tests.factories import World, make_sku, stock

pytestmark = pytest.mark.django_db
FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def waiting(world: World) -> OrderLine:
    """A line of 25 kurtas, five of which wait; a cheaper shirt and a saree may stand in."""
    forget_policy()
    shirt = make_sku("SHIRT", price_minor=49_950)
    stock(shirt, world.blr, 5)
    set_substitutes(sku_id=world.kurta.pk, substitute_ids=[shirt.pk, world.saree.pk], actor="Asha")
    order = routed(world, "S1", quantity=25, substitutions="allowed")
    return order.lines.get()


def address(line: OrderLine) -> str:
    return f"/orders/{line.order.number}/substitutes/{line.pk}/"


def test_what_may_be_sold_is_shown_with_atp_and_price_then_sold_and_taken_back(ops: Client, waiting: OrderLine) -> None:
    page = ops.get(f"/orders/{waiting.order.number}/").content.decode()
    assert address(waiting) in page

    form = ops.get(address(waiting), headers=FRAGMENT).content.decode()
    assert "ATP 5" in form
    assert "costs ₹2,497.50 instead of ₹4,995.00" in form
    [shirt] = [pk for code, pk in _choices(form) if code == "SHIRT"]

    sold = ops.post(address(waiting), {"sku": shirt, "units": 5})
    assert sold.status_code == 302
    added = OrderLine.objects.get(substitute_for=waiting)
    assert (added.sku_code, added.quantity, added.allocated) == ("SHIRT", 5, 5)
    page = ops.get(f"/orders/{waiting.order.number}/").content.decode()
    assert "instead of KURTA-M" in page
    assert "5 substituted by SHIRT" in page
    assert f"{address(added)}back/" in page

    asked = ops.get(f"{address(added)}back/").content.decode()
    assert "5 units of KURTA-M wait for stock again." in asked
    assert "₹4,995.00" in asked
    back = ops.post(f"{address(added)}back/")
    assert back.status_code == 302
    waiting.refresh_from_db()
    assert (waiting.backordered, OrderLine.objects.get(pk=added.pk).cancelled) == (5, 5)


def _choices(form: str) -> list[tuple[str, str]]:
    parts = form.split('name="sku"')[1:]
    return [(part.split('class="code">')[1].split("<")[0], part.split('value="')[1].split('"')[0]) for part in parts]


def test_a_customer_who_takes_none_is_asked_first(ops: Client, waiting: OrderLine) -> None:
    Order.objects.update(substitutions="never")

    assert "takes no substitutes" in ops.get(address(waiting)).content.decode()
    assert ops.post(address(waiting), {"agree": "1"}).status_code == 302
    assert Order.objects.get().substitutions == "allowed"
    assert OrderEvent.objects.get(kind="substitutions").actor == "Meera Ops"


def test_what_no_node_can_ship_is_refused_in_the_dialog_and_nothing_changes(
    ops: Client, world: World, waiting: OrderLine
) -> None:
    for node in (world.blr, world.delhi):
        stock(world.saree, node, 1)
    refused = ops.post(address(waiting), {"sku": world.saree.pk, "units": 5}, headers=FRAGMENT)

    assert refused.status_code == 422
    assert "No node can ship 5 x SAREE-1" in refused.content.decode()
    assert OrderLine.objects.count() == 1


def test_who_may_not_edit_orders_is_offered_nothing(sign_in: SignIn, waiting: OrderLine) -> None:
    finance = sign_in(Role.FINANCE)

    assert address(waiting) not in finance.get(f"/orders/{waiting.order.number}/").content.decode()
    assert finance.get(address(waiting)).status_code == 403
    assert finance.post(address(waiting), {"agree": "1"}).status_code == 403


def test_an_order_out_of_scope_looks_as_if_there_were_none(sign_in: SignIn, waiting: OrderLine) -> None:
    other = sign_in(Role.OPS_MANAGER, node_codes=["blr-s1"])

    assert other.get(address(waiting)).status_code == 404


def test_work_that_is_picked_stays(ops: Client, world: World, waiting: OrderLine) -> None:
    ops.post(address(waiting), {"sku": world.saree.pk, "units": 5})
    added = OrderLine.objects.get(substitute_for=waiting)
    OrderLine.objects.filter(pk=added.pk).update(allocated=0, picked=5)

    assert "it stays as it is" in ops.get(f"{address(added)}back/").content.decode()
    assert ops.post(f"{address(added)}back/", headers=FRAGMENT).status_code == 422
