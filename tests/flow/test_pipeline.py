"""Events lead to steps: the pipeline moves an order on without anybody calling a service."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

import pytest

from fulfillment.models import FulfillmentOrder
from inventory.models import StockLevel
from inventory.services import switch_node
from oms.core.clock import now
from oms.core.events import Event
from oms.core.models import Delivery
from oms.core.outbox import PublishedOutsideTransaction, publish
from oms.flow import deliveries, table
from oms.flow.deliveries import MAX_ATTEMPTS, fan_out, replay_deliveries, run_batch
from oms.flow.steps import decisions
from oms.notifications.models import Message
from orders.events import OrderCaptured
from orders.models import Order
from orders.services import place_hold, release_orders
from tests.factories import capture, make_line, make_order, make_world, stock
from tests.flow.driver import drain

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_captured_order_becomes_open_work_and_the_customer_is_told() -> None:
    world = make_world()
    capture(world, make_order("1", make_line(world.kurta, 2)))

    drain()

    work = FulfillmentOrder.objects.get()
    assert (work.node, work.state) == (world.blr, "accepted")
    assert Order.objects.get().stage == "released"
    assert Message.objects.get().template == "confirmation"
    assert Message.objects.get().state == "sent"


def test_a_held_order_is_reserved_but_its_work_waits_until_the_hold_is_cleared() -> None:
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


def test_a_hold_after_release_takes_the_work_back_to_waiting() -> None:
    world = make_world()
    order_id = capture(world, make_order("1", make_line(world.kurta, 2)))
    drain()

    place_hold(order_id=order_id, reason="fraud_risk", source="Asha", handle="fraud", actor="Asha")
    drain()

    assert FulfillmentOrder.objects.get().state == "scheduled"
    assert Order.objects.get().stage == "routed"


def test_switching_a_node_off_moves_its_open_work_and_reserves_nothing_twice() -> None:
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


def test_an_order_without_stock_waits_and_goes_on_when_stock_comes() -> None:
    world = make_world()
    capture(world, make_order("1", make_line(world.kurta, 30)))
    drain()
    assert Order.objects.get().stage == "backordered"

    stock(world.kurta, world.blr, 50)
    drain()

    assert Order.objects.get().stage == "released"


def test_a_step_that_fails_is_tried_again_then_given_up_and_takes_no_other_event_with_it() -> None:
    world = make_world()
    good, bad = (capture(world, make_order(name, make_line(world.kurta, 1))) for name in ("good", "bad"))

    def fails_for_bad(events: Sequence[Event]) -> None:
        if any(isinstance(event, OrderCaptured) and event.order_id == bad for event in events):
            raise ValueError("poison")
        decisions.route(events)

    step = replace(table.route, run=fails_for_bad)
    fan_out(table.EVENT_STEPS)
    for _ in range(MAX_ATTEMPTS):
        run_batch(step)
        Delivery.objects.filter(state="pending").update(next_try_at=now())

    assert Order.objects.get(pk=good).stage == "routed"
    dead = Delivery.objects.get(step="route", state="dead")
    assert dead.attempts == MAX_ATTEMPTS
    assert "poison" in dead.last_error
    assert replay_deliveries([dead.pk], table.STEPS) == 1
    assert run_batch(table.route) == 1
    assert Order.objects.get(pk=bad).stage == "routed"


def test_an_event_is_refused_outside_a_transaction() -> None:
    with pytest.raises(PublishedOutsideTransaction):
        publish([OrderCaptured(order_id=1, number="OM-1", channel_code="web")])


def test_a_worker_whose_lease_was_taken_over_commits_nothing() -> None:
    world = make_world()
    order_id = capture(world, make_order("1", make_line(world.kurta, 1)))
    fan_out(table.EVENT_STEPS)

    claimed = deliveries._claim(table.route, uuid4(), fresh=True, limit=10)
    Delivery.objects.update(lease_token=uuid4())
    deliveries._run(table.route, claimed, uuid4())

    assert Order.objects.get(pk=order_id).stage == "captured"
    assert StockLevel.objects.get(sku=world.kurta, node=world.blr).reserved == 0
