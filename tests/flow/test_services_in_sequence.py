"""The way of an order, service by service, without the relay."""

import pytest
from django.db import IntegrityError, InternalError, transaction

from fulfillment.models import FulfillmentOrder
from fulfillment.services import (
    cancel_order,
    open_fulfillment_orders,
    pack,
    pick,
    preview_reroute,
    report_short,
    reroute_order,
)
from inventory.models import Node, Reservation, Sku, StockLevel, StockMovement
from oms.flow.steps.decisions import reroute_moved
from orders.events import AddressChanged
from orders.models import Order, OrderEvent
from routing.models import RoutingDecision
from routing.services import route_orders
from tests.factories import capture, make_line, make_order, make_world, stock

pytestmark = pytest.mark.django_db


def levels(sku: Sku, node: Node) -> tuple[int, int, int]:
    level = StockLevel.objects.get(sku=sku, node=node)
    return level.on_hand, level.reserved, level.packed


def test_an_order_is_routed_to_the_near_node_and_its_stock_reserved_there() -> None:
    world = make_world()
    order_id = capture(world, make_order("1", make_line(world.kurta, 2)))

    routed = route_orders([order_id], trigger="captured")

    assert [item.outcome for item in routed] == ["routed"]
    assert levels(world.kurta, world.blr) == (10, 2, 0)
    order = Order.objects.get(pk=order_id)
    assert order.stage == "routed"
    assert Reservation.objects.get().node == world.blr
    decision = RoutingDecision.objects.get()
    assert decision.outcome == "routed"
    assert decision.sentence
    assert list(OrderEvent.objects.values_list("seq", "kind")) == [(1, "captured"), (2, "routed")]


def test_routing_twice_reserves_once() -> None:
    world = make_world()
    order_id = capture(world, make_order("1", make_line(world.kurta, 2)))
    route_orders([order_id], trigger="captured")

    assert route_orders([order_id], trigger="captured") == []

    assert levels(world.kurta, world.blr) == (10, 2, 0)
    assert RoutingDecision.objects.count() == 1


def test_a_picked_and_packed_order_moves_its_stock_to_packed() -> None:
    world = make_world()
    order_id = capture(world, make_order("1", make_line(world.kurta, 2)))
    route_orders([order_id], trigger="captured")
    [work_id] = open_fulfillment_orders([order_id])
    assert open_fulfillment_orders([order_id]) == []

    pick(fulfillment_order_id=work_id, code="KURTA-M", quantity=2, actor="Ravi")
    [shipment] = pack(fulfillment_order_id=work_id, actor="Ravi")

    assert levels(world.kurta, world.blr) == (8, 0, 2)
    assert shipment.weight_grams == 880
    assert FulfillmentOrder.objects.get().state == "packed"
    assert Order.objects.get().stage == "packed"


def test_a_short_pick_corrects_stock_and_leaves_the_rest_for_another_node() -> None:
    world = make_world()
    order_id = capture(world, make_order("1", make_line(world.kurta, 2)))
    route_orders([order_id], trigger="captured")
    [work_id] = open_fulfillment_orders([order_id])
    line = FulfillmentOrder.objects.get().lines.get()

    report_short(fulfillment_order_id=work_id, line_id=line.pk, quantity=2, reason="not_found", actor="Ravi")
    route_orders([order_id], trigger="short")
    [second] = open_fulfillment_orders([order_id])

    assert levels(world.kurta, world.blr) == (8, 0, 0)
    assert levels(world.kurta, world.delhi) == (10, 2, 0)
    assert FulfillmentOrder.objects.get(pk=second).node == world.delhi


def test_cancelling_a_packed_order_puts_everything_back() -> None:
    world = make_world()
    order_id = capture(world, make_order("1", make_line(world.kurta, 2)))
    route_orders([order_id], trigger="captured")
    [work_id] = open_fulfillment_orders([order_id])
    pick(fulfillment_order_id=work_id, code="KURTA-M", quantity=2, actor="Ravi")
    pack(fulfillment_order_id=work_id, actor="Ravi")

    preview = cancel_order(order_id=order_id, reason="customer asked", actor="Asha")

    assert preview.refund_minor == 199_800
    assert levels(world.kurta, world.blr) == (10, 0, 0)
    assert Order.objects.get().stage == "cancelled"
    assert FulfillmentOrder.objects.get().state == "cancelled"


def test_a_reroute_moves_the_reservation_and_nothing_is_reserved_twice() -> None:
    world = make_world()
    order_id = capture(world, make_order("1", make_line(world.kurta, 2)))
    route_orders([order_id], trigger="captured")
    open_fulfillment_orders([order_id])

    [work_id] = reroute_order(order_id=order_id, actor="Ops", to_node_id=world.delhi.pk)

    assert FulfillmentOrder.objects.get(pk=work_id).node == world.delhi
    assert levels(world.kurta, world.blr) == (10, 0, 0)
    assert levels(world.kurta, world.delhi) == (10, 2, 0)


def test_a_reroute_before_the_work_is_opened_moves_the_reservation_too() -> None:
    world = make_world()
    order_id = capture(world, make_order("1", make_line(world.kurta, 2)))
    route_orders([order_id], trigger="captured")
    assert preview_reroute(order_id=order_id).from_nodes == ["blr-01"]

    [work_id] = reroute_order(order_id=order_id, actor="Ops", to_node_id=world.delhi.pk)

    assert FulfillmentOrder.objects.get(pk=work_id).node == world.delhi
    assert levels(world.kurta, world.blr) == (10, 0, 0)
    assert levels(world.kurta, world.delhi) == (10, 2, 0)
    line = Order.objects.get().lines.get()
    assert (line.allocated, line.released, line.unallocated) == (0, 2, 0)
    assert open_fulfillment_orders([order_id]) == []


def test_a_moved_order_is_decided_again_before_its_work_is_opened() -> None:
    world = make_world()
    order_id = capture(world, make_order("1", make_line(world.kurta, 2)))
    route_orders([order_id], trigger="captured")
    Order.objects.filter(pk=order_id).update(ship_postcode="110001", ship_region="Delhi", ship_city="Delhi")

    reroute_moved([AddressChanged(order_id=order_id, postcode_changed=True)])

    assert FulfillmentOrder.objects.get().node == world.delhi
    assert levels(world.kurta, world.blr) == (10, 0, 0)


def test_what_no_node_has_waits_as_backordered_and_is_routed_when_stock_comes() -> None:
    world = make_world()
    order_id = capture(world, make_order("1", make_line(world.kurta, 25)))
    route_orders([order_id], trigger="captured")
    line = Order.objects.get().lines.get()
    assert (line.allocated, line.backordered) == (20, 5)
    assert Order.objects.get().stage == "backordered"

    stock(world.kurta, world.blr, 40)
    route_orders([order_id], trigger="stock")
    open_fulfillment_orders([order_id])

    line.refresh_from_db()
    assert (line.released, line.backordered) == (25, 0)
    assert levels(world.kurta, world.blr) == (40, 15, 0)


def test_the_ledger_alone_changes_balances() -> None:
    world = make_world()
    for statement in (
        lambda: StockLevel.objects.update(on_hand=99),
        lambda: StockMovement.objects.update(quantity=1),
        lambda: StockMovement.objects.all().delete(),
        lambda: StockLevel.objects.create(sku=world.kurta, node=world.store, on_hand=5),
    ):
        with pytest.raises((InternalError, IntegrityError)), transaction.atomic():
            statement()
    assert levels(world.kurta, world.blr) == (10, 0, 0)
