"""What an order is found by, when it is captured and after its address changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from oms.accounts.access import Principal
from oms.core.values import Address
from orders.models import OrderSearch
from orders.selectors import OrderQuestion, orders_matching
from orders.services import edit_address
from tests.factories import ASHA, World, capture, make_line, make_order, make_world

EVERYTHING = Principal(
    name="Test",
    verbs=frozenset({"orders.view"}),
    all_nodes=True,
    node_codes=frozenset(),
    all_channels=True,
    channel_codes=frozenset(),
)
PUNE = Address(
    name="Ravi Kale", line1="1 FC Road", city="Pune", region="Maharashtra", postcode="411 004", country="IN",
    phone="+91 98220 54321", email="ravi@example.com",
)  # fmt: skip


@pytest.fixture
def world(db: None) -> World:
    return make_world()


def found(text: str) -> int:
    return orders_matching(OrderQuestion.read({"q": text}), EVERYTHING).count()


@pytest.mark.parametrize("text", [
    "411004", "pune", "pin:411004", "city:Pune", "9822054321", "+919822054321", "ravi", "ravi@example.com",
])  # fmt: skip
def test_an_order_is_found_by_its_new_address(world: World, text: str) -> None:
    order_id = capture(world, make_order("A-1", make_line(world.kurta)))
    assert found(text) == 0

    edit_address(order_id=order_id, address=PUNE, actor="Asha")

    assert found(text) == 1


@pytest.mark.parametrize(("text", "count"), [
    ("560001", 0), ("city:Bengaluru", 0), ("asha", 1), ("9845012345", 1), ("a-1", 1), ("kurta-m", 1),
])  # fmt: skip
def test_the_old_address_is_forgotten_and_the_customer_is_not(world: World, text: str, count: int) -> None:
    order_id = capture(world, make_order("A-1", make_line(world.kurta)))
    assert found(text) == 1

    edit_address(order_id=order_id, address=PUNE, actor="Asha")

    assert found(text) == count


def test_capture_and_edit_write_the_same_text(world: World) -> None:
    order_id = capture(world, make_order("A-1", make_line(world.kurta), ship_to=replace(ASHA, city="Mysuru")))

    edit_address(order_id=order_id, address=ASHA, actor="Asha")

    other_id = capture(world, make_order("A-2", make_line(world.kurta)))
    texts = {row.order_id: row.text.replace(row.order.number.lower(), "").replace("a-2", "a-1")
             for row in OrderSearch.objects.select_related("order")}  # fmt: skip
    assert texts[order_id] == texts[other_id]
