"""Every decision says in plain words what set it off, and the numbers of the work that follows never meet."""

from __future__ import annotations

import pytest

from fulfillment.models import FulfillmentOrder
from fulfillment.services import accept, open_fulfillment_orders, reject
from fulfillment.services.picking import report_short
from inventory.events import StockArrived
from inventory.models import Node
from inventory.services import switch_node
from oms.core.models import OutboxEvent
from orders.models import Order
from routing.models import RoutingDecision
from routing.services import route_orders
from tests.factories import World, capture, make_line, make_order, make_world, stock
from tests.flow.driver import drain
from tests.fulfillment.floor import make_work, stock_of, units_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    made = make_world()
    drain()
    return made


def triggers(order_id: int) -> list[str]:
    return list(RoutingDecision.objects.filter(order=order_id).order_by("attempt").values_list("trigger", flat=True))


def test_orders_of_a_node_that_went_off_say_so(world: World) -> None:
    work = make_work(world, "1", make_line(world.kurta))
    drain()

    switch_node(node_id=world.blr.pk, active=False, reason="Flooded")
    drain()

    assert triggers(work.order_id) == ["captured", "node off"]
    assert stock_of(world.kurta, world.delhi) == {"on_hand": 10, "reserved": 1}


def test_an_order_that_its_node_rejected_says_so_although_its_stock_came_free_there(world: World) -> None:
    work = make_work(world, "1", make_line(world.kurta))
    drain()
    accept(fulfillment_order_ids=[work.pk], actor="Asha")

    reject(fulfillment_order_id=work.pk, reason="Dirty", actor="Asha")
    drain()

    assert triggers(work.order_id) == ["captured", "rejected by the node"]


def test_a_short_pick_says_so(world: World) -> None:
    work = make_work(world, "1", make_line(world.kurta))
    drain()
    accept(fulfillment_order_ids=[work.pk], actor="Asha")

    report_short(
        fulfillment_order_id=work.pk, line_id=work.lines.get().pk, quantity=1, reason="not_found", actor="Asha"
    )
    drain()

    assert triggers(work.order_id) == ["captured", "short pick"]


def test_goods_that_come_free_at_a_node_that_is_off_send_nobody_to_try_waiting_orders(world: World) -> None:
    make_work(world, "1", make_line(world.kurta))
    drain()
    before = OutboxEvent.objects.filter(kind=StockArrived.kind).count()

    switch_node(node_id=world.blr.pk, active=False, reason="Flooded")
    drain()

    assert OutboxEvent.objects.filter(kind=StockArrived.kind).count() == before


def test_goods_that_arrive_are_not_the_reason_of_an_order_that_is_just_being_captured(world: World) -> None:
    order_id = capture(world, make_order("1", make_line(world.kurta)))

    stock(world.kurta, world.delhi, 12)
    drain()

    assert triggers(order_id) == ["captured"]


def test_work_at_two_nodes_of_which_the_first_closed_gets_numbers_of_its_own(world: World) -> None:
    # Six kurtas at each of two nodes, of which eight are wanted: both ship.
    for node in (world.blr, world.delhi):
        stock(world.kurta, node, 6)
    drain()
    order_id = capture(world, make_order("1", make_line(world.kurta, 8)))
    route_orders([order_id], trigger="captured")
    assert world.blr.pk < world.delhi.pk
    Node.objects.filter(pk=world.blr.pk).update(is_active=False)

    open_fulfillment_orders([order_id])

    number = Order.objects.get(pk=order_id).number
    found = FulfillmentOrder.objects.filter(order=order_id).order_by("number")
    assert [(work.number, work.node.code, work.state) for work in found] == [
        (f"{number}-1", "del-01", "accepted"), (f"{number}-2", "blr-01", "rejected"),
    ]  # fmt: skip
    drain()
    assert units_of(order_id) == {"backordered": 2, "released": 6}
