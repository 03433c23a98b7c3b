"""Substitutes as a machine meets them: named, sold for what waits, taken back."""

from __future__ import annotations

import pytest
from django.test import Client

from inventory.models import Substitute
from orders.models import OrderLine
from routing.services import forget_policy, route_orders
from tests.api.test_api import bearer, call
from tests.factories import World, capture, make_line, make_order, make_world, stock

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/skus/substitutes?sku=KURTA-M"


@pytest.fixture
def world() -> World:
    forget_policy()
    return make_world()


def test_substitutes_are_replaced_read_and_refused(client: Client, world: World) -> None:
    key = bearer("inventory.view", "inventory.rules")

    status, made = call(client, "PUT", PATH, {"substitutes": ["SAREE-1", "SHOE-42"], "seen": []}, **key)
    assert (status, made["substitutes"]) == (200, ["SAREE-1", "SHOE-42"])
    assert call(client, "GET", "/skus/substitutes?sku=SHOE-42", **key)[1]["stands_in_for"] == ["KURTA-M"]
    assert call(client, "PUT", PATH, {"substitutes": [], "seen": []}, **key)[0] == 409
    status, refused = call(client, "PUT", PATH, {"substitutes": ["KURTA-M"]}, **key)
    assert (status, refused["field"]) == (422, "substitute")
    assert Substitute.objects.count() == 2


def test_what_waits_is_sold_as_another_sku_and_taken_back(client: Client, world: World) -> None:
    for node in (world.blr, world.delhi):
        stock(world.kurta, node, 0)
    key = bearer("inventory.rules", "orders.edit", "orders.view")
    call(client, "PUT", PATH, {"substitutes": ["SAREE-1"]}, **key)
    order_id = capture(world, make_order("A", make_line(world.kurta, 2)))
    route_orders([order_id], trigger="captured")
    line = OrderLine.objects.get()
    path = f"/orders/{line.order.number}"
    wanted = {"line": line.pk, "sku": "SAREE-1", "units": 2}

    assert call(client, "POST", f"{path}/substitute", wanted, **key)[1]["code"] == "cannot_edit"
    assert call(client, "POST", f"{path}/substitutions", {"allowed": True}, **key)[1]["substitutions"] == "allowed"
    status, sold = call(client, "POST", f"{path}/substitute", wanted, **key)
    assert (status, sold["substitute_for"], sold["quantity"], sold["total_minor"]) == (200, line.pk, 2, 199_800)
    shown = call(client, "GET", path, **key)[1]
    assert [(each["sku"], each["substitute_for"]) for each in shown["lines"]] == [
        ("KURTA-M", None), ("SAREE-1", line.pk),
    ]  # fmt: skip
    back = [call(client, "POST", f"{path}/substitute/take-back", {"line": sold["line"]}, **key)[1] for _ in range(2)]
    assert [each["units"] for each in back] == [2, 0]
    assert OrderLine.objects.get(pk=line.pk).backordered == 2
