"""The customer of an order to collect is told once, when all of it is at the store."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from django.db.models import F

from fulfillment.models import FulfillmentOrder, Pickup
from fulfillment.selectors.arrivals import ready_parcels
from fulfillment.selectors.pickups import pickup_code
from fulfillment.services import (
    Arrived,
    accept,
    cancel_order,
    give_up_parcel,
    open_fulfillment_orders,
    receive_for_pickup,
    reject,
    report_short,
    withdraw_from_node,
)
from fulfillment.services.keeping import take_back_not_collected
from fulfillment.services.pickups import Proof, hand_out
from inventory.models import Node, StockLevel
from inventory.services import switch_node
from oms.flow.deliveries import fan_out, run_batch
from oms.flow.table import EVENT_STEPS, STEPS
from oms.notifications.models import Message
from oms.portal.story import tell
from orders.models import Order
from routing.services import route_orders
from tests.factories import World, capture, make_line, make_order, make_world, stock
from tests.fulfillment.floor import make_carrier, packed, units_of
from tests.fulfillment.to_store import allow_transfers, on_the_road, order_to_collect, work_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    world = make_world()
    world.channel.notifies_customer = True
    world.channel.save(update_fields=["notifies_customer"])
    make_carrier()
    allow_transfers()
    return world


def told() -> list[str]:
    """What the customer was written since the order came."""
    fan_out(EVENT_STEPS)
    while run_batch(STEPS["write_customer"]):
        pass
    return list(Message.objects.exclude(template="confirmation").order_by("pk").values_list("template", flat=True))


def test_the_customer_is_told_once_when_both_parts_are_at_the_store(world: World) -> None:
    stock(world.saree, world.store, 1)
    order_id = order_to_collect(world, "W1", make_line(world.kurta), make_line(world.saree))
    own = work_of(order_id, "pickup")
    waiting = on_the_road(order_id)
    packed(own)
    assert told() == []

    receive_for_pickup(fulfillment_order_id=waiting.pk, actor="Meera")

    assert told() == ["ready_for_pickup"]


@pytest.mark.parametrize("collects", [True, False])
def test_who_did_not_collect_is_told_what_went_back(world: World, collects: bool) -> None:
    stock(world.saree, world.store, 1)
    order_id = order_to_collect(world, "W1", make_line(world.kurta), make_line(world.saree))
    own = packed(work_of(order_id, "pickup"))
    receive_for_pickup(fulfillment_order_id=on_the_road(order_id).pk, actor="Meera")
    Node.objects.filter(pk=world.store.pk).update(pickup_days=3)
    assert told() == ["ready_for_pickup"]
    if collects:
        hand_out(shipment_id=own.pk, actor="Meera", proof=Proof(code=pickup_code(own.order)))
    Pickup.objects.update(ready_at=F("ready_at") - timedelta(days=4))

    assert len(take_back_not_collected()) == 1

    assert told() == ["ready_for_pickup", "not_collected"]
    letter = Message.objects.get(template="not_collected").text
    assert ("A part of your order" in letter) == collects
    assert (world.saree.name in letter) == (not collects)
    assert world.kurta.name in letter
    assert "What you paid for it goes back" in letter


def test_nobody_is_told_before_what_the_store_picks_itself_is_packed(world: World) -> None:
    stock(world.saree, world.store, 1)
    order_id = order_to_collect(world, "W1", make_line(world.kurta), make_line(world.saree))
    own = work_of(order_id, "pickup")
    receive_for_pickup(fulfillment_order_id=on_the_road(order_id).pk, actor="Meera")
    assert told() == []

    packed(own)

    assert told() == ["ready_for_pickup"]
    letter = Message.objects.get(template="ready_for_pickup").text
    assert world.kurta.name in letter
    assert world.saree.name in letter


def test_after_a_short_arrival_the_customer_is_told_once_when_the_rest_came_too(world: World) -> None:
    order_id = order_to_collect(world, "W1", make_line(world.kurta, 4))
    receive_short(on_the_road(order_id), good=2)
    assert told() == []
    route_again(order_id)
    assert told() == []
    waiting = on_the_road(order_id)
    assert told() == []

    receive_for_pickup(fulfillment_order_id=waiting.pk, actor="Meera")

    assert told() == ["ready_for_pickup"]


def test_what_no_node_has_holds_nothing_back_and_is_told_of_when_it_came_after_all(world: World) -> None:
    order_id = order_to_collect(world, "W1", make_line(world.kurta, 4))
    waiting = on_the_road(order_id)
    StockLevel.objects.filter(sku=world.kurta).update(safety_stock=F("on_hand"))
    receive_short(waiting, good=2)
    assert told() == []

    route_again(order_id)

    assert (units_of(order_id), told()) == ({"backordered": 2, "packed": 2}, ["ready_for_pickup"])
    StockLevel.objects.filter(sku=world.kurta).update(safety_stock=0)
    route_again(order_id)
    waiting = on_the_road(order_id)
    assert told() == ["ready_for_pickup"]
    assert tell(Order.objects.get(pk=order_id)).collectable
    receive_for_pickup(fulfillment_order_id=waiting.pk, actor="Meera")
    assert told() == ["ready_for_pickup", "ready_for_pickup"]


def test_the_customer_is_told_of_the_part_that_is_there_when_nobody_sends_the_lost_one_again(world: World) -> None:
    order_id, transfer = half_there(world)
    waiting = on_the_road(order_id)
    give_up_parcel(fulfillment_order_id=waiting.pk, how="missing", note="Lost", actor="Ravi")
    assert (transfer.node_id, told()) == (world.blr.pk, [])
    route_again(order_id)
    assert told() == []
    again = on_the_road(order_id)
    nobody_sends()
    give_up_parcel(fulfillment_order_id=again.pk, how="missing", note="Lost", actor="Ravi")

    route_again(order_id)

    assert (units_of(order_id), told()) == ({"backordered": 1, "packed": 1}, ["ready_for_pickup"])


def test_the_customer_is_told_when_the_line_that_was_to_come_is_cancelled(world: World) -> None:
    order_id, _ = half_there(world)
    line = Order.objects.get(pk=order_id).lines.get(sku_code=world.kurta.code)
    assert told() == []

    cancel_order(order_id=order_id, reason="Not wanted", actor="Asha", lines={line.pk: 1})

    assert told() == ["ready_for_pickup"]


@pytest.mark.parametrize("how", ["rejected", "not found", "node off"])
def test_the_customer_is_told_when_what_was_to_come_leaves_no_node(world: World, how: str) -> None:
    order_id, transfer = half_there(world)
    nobody_sends()
    assert told() == []
    if how == "rejected":
        reject(fulfillment_order_id=transfer.pk, reason="Broken", actor="Ravi")
    elif how == "not found":
        accept(fulfillment_order_ids=[transfer.pk], actor="Ravi")
        report_short(
            fulfillment_order_id=transfer.pk, line_id=transfer.lines.get().pk, quantity=1, reason="not_found",
            actor="Ravi",
        )  # fmt: skip
    else:
        switch_node(node_id=world.blr.pk, active=False, reason="Flood")
        withdraw_from_node(node_id=world.blr.pk, reason="Flood")
    assert told() == []

    route_again(order_id)

    assert (units_of(order_id), told()) == ({"backordered": 1, "packed": 1}, ["ready_for_pickup"])


def test_orders_that_are_not_collected_cost_one_statement(
    world: World, django_assert_num_queries: Callable[[int], AbstractContextManager[object]]
) -> None:
    order_id = capture(world, make_order("W1", make_line(world.kurta, 40)))

    with django_assert_num_queries(1):
        assert ready_parcels([order_id]) == {}


def half_there(world: World) -> tuple[int, FulfillmentOrder]:
    """An order of which one line lies ready and the other is to come; the work that sends it."""
    stock(world.saree, world.store, 1)
    order_id = order_to_collect(world, "W1", make_line(world.kurta), make_line(world.saree))
    packed(work_of(order_id, "pickup"))
    return order_id, work_of(order_id)


def receive_short(waiting: FulfillmentOrder, *, good: int) -> None:
    """So many units came good, the rest not at all."""
    line = waiting.lines.get()
    receive_for_pickup(
        fulfillment_order_id=waiting.pk, actor="Meera", lines=[Arrived(line_id=line.pk, good=good)]
    )  # fmt: skip


def nobody_sends() -> None:
    """From now on no rule lets a node send to a store."""
    allow_transfers(transfer=None)


def route_again(order_id: int) -> None:
    route_orders([order_id], trigger="again")
    open_fulfillment_orders([order_id])
