"""Kits as a machine meets them: recipes read and replaced, what can be assembled, orders in whole kits."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from channels.models import ChannelAccount
from inventory.models import Sku
from orders.models import Order
from orders.services import UnitMove, move_units
from tests.api.test_api import bearer, call, order_body
from tests.factories import World, make_sku, make_world, stock
from tests.flow.driver import drain
from tests.kits import make_kit

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/skus/components?sku=GIFT-SET"


@pytest.fixture
def world() -> World:
    made = make_world()
    ChannelAccount.objects.create(channel=made.channel, connector="api")
    return made


def recipe(*parts: tuple[str, int], **more: Any) -> dict[str, Any]:
    return {"components": [{"sku": sku, "quantity": units} for sku, units in parts], **more}


def test_a_recipe_is_written_read_and_taken_away(client: Client, world: World) -> None:
    make_sku("GIFT-SET")
    key = bearer("inventory.view", "inventory.rules")
    status, made = call(client, "PUT", PATH, recipe(("KURTA-M", 2), ("SHOE-42", 1), ships_together=False), **key)

    assert status == 200
    assert (made["is_kit"], made["ships_together"], made["atp"]) == (True, False, 10)
    assert made["components"] == [
        {"sku": "KURTA-M", "name": "The KURTA-M", "quantity": 2},
        {"sku": "SHOE-42", "name": "The SHOE-42", "quantity": 1},
    ]
    assert made["nodes"][0] == {
        "node": "blr-01", "atp": 5, "sentence": "5 = min(10 / 2 of KURTA-M, 10 / 1 of SHOE-42)",
    }  # fmt: skip
    assert call(client, "GET", PATH, **key)[1] == made
    part = call(client, "GET", "/skus/components?sku=SHOE-42", **key)[1]
    assert (part["is_kit"], part["component_of"]) == (False, [{"sku": "GIFT-SET", "quantity": 1}])
    kits = [row["code"] for row in call(client, "GET", "/skus", **key)[1]["skus"] if row["is_kit"]]
    assert kits == ["GIFT-SET"]

    status, gone = call(client, "PUT", PATH, recipe(version=made["version"]), **key)
    assert (status, gone["is_kit"], gone["components"], gone["atp"]) == (200, False, [], 0)


def test_refusals_name_the_component_and_the_version_that_was_seen(client: Client, world: World) -> None:
    make_kit("GIFT-SET", (world.kurta, 2))
    key = bearer("inventory.rules")
    for body, status, field in (
        (recipe(("KURTA-M", 1), ("NOPE", 1)), 422, "components.1.sku"),
        (recipe(("GIFT-SET", 1)), 422, "components.0.sku"),
        (recipe(("KURTA-M", 0)), 422, "components.0.quantity"),
        (recipe(("SHOE-42", 1), version="0000"), 409, ""),
    ):
        got, reply = call(client, "PUT", PATH, body, **key)
        assert (got, reply["field"]) == (status, field)
    assert call(client, "PUT", "/skus/components?sku=NOPE", recipe(), **key)[0] == 404
    assert call(client, "PUT", PATH, recipe(), **bearer("inventory.view"))[0] == 403
    assert [part.quantity for part in Sku.objects.get(code="GIFT-SET").components.all()] == [2]


def test_levels_of_a_kit_are_what_nodes_can_assemble(client: Client, world: World) -> None:
    make_kit("GIFT-SET", (world.kurta, 2), (world.shoe, 1))
    stock(world.shoe, world.delhi, 3)
    key = bearer("inventory.view", node_codes=["del-01"])
    levels = call(client, "GET", "/inventory/levels?sku=GIFT-SET", **key)[1]["levels"]
    assert [(row["node"], row["on_hand"], row["atp"]) for row in levels] == [("del-01", 0, 3)]


def test_an_order_shows_its_kits_and_is_cancelled_in_whole_ones(client: Client, world: World) -> None:
    make_kit("GIFT-SET", (world.kurta, 2), (world.shoe, 1))
    key = bearer("orders.ingest", "orders.view", "orders.cancel")
    body = order_body("A-1", "GIFT-SET", 3)
    assert call(client, "POST", "/orders?channel=web", {"orders": [body]}, **key)[0] == 201
    drain()
    number = Order.objects.get().number

    order = call(client, "GET", f"/orders/{number}", **key)[1]
    [kit] = order["kits"]
    assert (kit["sku"], kit["external_id"], kit["quantity"], kit["cancellable"]) == ("GIFT-SET", "1", 3, 3)
    assert [(line["sku"], line["quantity"], line["kit"], line["units_per_kit"]) for line in order["lines"]] == [
        ("KURTA-M", 6, kit["id"], 2), ("SHOE-42", 3, kit["id"], 1),
    ]  # fmt: skip

    url = f"/orders/{number}/cancel"
    torn = {"reason": "No", "lines": {str(order["lines"][0]["id"]): 1}}
    assert call(client, "POST", url, torn, **key)[1]["message"] == (
        "2 x KURTA-M, 1 x SHOE-42 were sold as one kit: cancel whole kits."
    )
    status, done = call(client, "POST", url, {"reason": "No", "kits": {kit["id"]: 2}}, **key)
    assert (status, done["units"], done["refund_minor"]) == (200, 6, 2 * 99_900)
    assert (done["order"]["kits"][0]["cancelled"], done["order"]["kits"][0]["cancellable"]) == (2, 1)


def test_the_rest_of_a_kit_that_left_in_part_is_cancelled_by_the_name_of_the_kit(client: Client, world: World) -> None:
    make_kit("GIFT-SET", (world.kurta, 2), (world.shoe, 1))
    key = bearer("orders.ingest", "orders.view", "orders.cancel")
    assert call(client, "POST", "/orders?channel=web", {"orders": [order_body("A-1", "GIFT-SET", 3)]}, **key)[0] == 201
    order = Order.objects.get()
    for code, units in (("KURTA-M", 3), ("SHOE-42", 1)):
        move_units([UnitMove(order.lines.get(sku_code=code).pk, "unallocated", "shipped", units)])
    url = f"/orders/{order.number}"
    [kit] = call(client, "GET", url, **key)[1]["kits"]
    assert (kit["shipped"], kit["cancellable"], kit["torn"]) == (1, 1, 1)

    status, refused = call(client, "POST", f"{url}/cancel", {"reason": "No", "kits": {kit["id"]: 3}}, **key)
    assert (status, refused["message"]) == (422, "3 of this kit cannot be cancelled: 2 have not left in full yet.")

    # The whole one goes first; the rest of the one that left in part stays.
    status, done = call(client, "POST", f"{url}/cancel", {"reason": "No", "kits": {kit["id"]: 1}}, **key)
    assert (status, done["units"]) == (200, 3)
    assert (done["order"]["kits"][0]["cancellable"], done["order"]["kits"][0]["torn"]) == (0, 1)
    assert dict(order.lines.values_list("sku_code", "cancelled")) == {"KURTA-M": 2, "SHOE-42": 1}
