"""Events lead to steps: the pipeline moves an order on without anybody calling a service."""

import pytest

from fulfillment.models import FulfillmentOrder
from inventory.models import StockLevel
from inventory.services import switch_node
from oms.core.models import Delivery
from oms.notifications.models import Message
from orders.models import Order
from orders.services import place_hold, release_orders
from tests.factories import capture, make_line, make_order, make_world, stock
from tests.flow.driver import drain

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_captured_order_becomes_open_work_and_the_customer_is_told():
    world = make_world()
    capture(world, make_order("1", make_line(world.kurta, 2)))

    drain()

    work = FulfillmentOrder.objects.get()
    assert (work.node, work.state) == (world.blr, "accepted")
    assert Order.objects.get().stage == "released"
    assert Message.objects.get().template == "confirmation"
    assert Message.objects.get().state == "sent"


def test_a_held_order_is_reserved_but_its_work_waits_until_the_hold_is_cleared():
    world = make_world()
    order_id = capture(world, make_order("1", make_line(world.kurta, 2)))
    place_hold(order_id=order_id, reason="fraud_risk", source="Asha", handle="fraud", actor="Asha")
    drain()
    assert FulfillmentOrder.objects.get().state == "scheduled"
    assert StockLevel.objects.get(sku=world.kurta, node=world.blr).reserved == 2

    release_orders(order_ids=[order_id], actor="Asha")
    drain()

    assert FulfillmentOrder.objects.get().state == "accepted"
    assert Order.objects.get().stage == "released"


def test_a_hold_after_release_takes_the_work_back_to_waiting():
    world = make_world()
    order_id = capture(world, make_order("1", make_line(world.kurta, 2)))
    drain()

    place_hold(order_id=order_id, reason="fraud_risk", source="Asha", handle="fraud", actor="Asha")
    drain()

    assert FulfillmentOrder.objects.get().state == "scheduled"
    assert Order.objects.get().stage == "routed"


def test_switching_a_node_off_moves_its_open_work_and_reserves_nothing_twice():
    world = make_world()
    for number in range(5):
        capture(world, make_order(str(number), make_line(world.kurta, 1)))
    drain()

    switch_node(node_id=world.blr.pk, active=False, reason="Power cut")
    drain()

    assert StockLevel.objects.get(sku=world.kurta, node=world.blr).reserved == 0
    assert StockLevel.objects.get(sku=world.kurta, node=world.delhi).reserved == 5
    assert FulfillmentOrder.objects.filter(node=world.delhi, state="accepted").count() == 5
    assert FulfillmentOrder.objects.filter(node=world.blr, state="rejected").count() == 5


def test_an_order_without_stock_waits_and_goes_on_when_stock_comes():
    world = make_world()
    capture(world, make_order("1", make_line(world.kurta, 30)))
    drain()
    assert Order.objects.get().stage == "backordered"

    stock(world.kurta, world.blr, 50)
    drain()

    assert Order.objects.get().stage == "released"


def test_a_step_that_fails_is_tried_again_and_then_given_up_without_stopping_others():
    world = make_world()
    capture(world, make_order("1", make_line(world.kurta, 2)))
    drain()

    assert Delivery.objects.exclude(state="done").count() == 0
