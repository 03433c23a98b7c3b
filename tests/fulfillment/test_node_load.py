"""What a node's day counts: orders it was given, less those it lost before anything of them was packed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from fulfillment.models import FulfillmentOrder
from fulfillment.services import (
    cancel_order,
    open_fulfillment_orders,
    reject,
    report_short,
    reroute_order,
    withdraw,
    withdraw_from_node,
)
from inventory.models import Node, Reservation
from orders.models import OrderLine
from routing.models import NodeLoad
from routing.services import route_orders
from tests.factories import World, capture, make_line, make_order, make_world, stock
from tests.fulfillment.floor import make_work, packed

pytestmark = pytest.mark.django_db(transaction=True)
Taking = Callable[[FulfillmentOrder], object]


@pytest.fixture
def world() -> World:
    return make_world()


def loads(node: Node) -> list[int]:
    """Orders on each of the node's days, oldest first."""
    return list(NodeLoad.objects.filter(node=node).order_by("day").values_list("orders", flat=True))


def given_yesterday(node: Node) -> date:
    """Everything that the node was given so far was given to it a day earlier; that day."""
    for reservation in Reservation.objects.filter(node=node):
        reservation.created_at -= timedelta(days=1)
        reservation.save(update_fields=["created_at"])
    load = NodeLoad.objects.get(node=node)
    load.day -= timedelta(days=1)
    load.save(update_fields=["day"])
    return load.day


TAKINGS: dict[str, Taking] = {
    "withdrawn": lambda work: withdraw(fulfillment_order_ids=[work.pk], reason="Flooded", actor="care"),
    "rejected": lambda work: reject(fulfillment_order_id=work.pk, reason="Shelf is empty", actor="Asha"),
    "node off": lambda work: withdraw_from_node(node_id=work.node_id, reason="Flooded"),
    "cancelled": lambda work: cancel_order(order_id=work.order_id, reason="Changed their mind", actor="care"),
    "cancelled by units": lambda work: cancel_order(
        order_id=work.order_id, reason="None", actor="care", lines={OrderLine.objects.get(order=work.order_id).pk: 2}
    ),
    "not found": lambda work: report_short(
        fulfillment_order_id=work.pk, line_id=work.lines.get().pk, quantity=2, reason="not_found", actor="Asha"
    ),
}


@pytest.mark.parametrize("taking", TAKINGS)
def test_an_order_that_leaves_its_node_no_longer_counts_there(world: World, taking: str) -> None:
    make_work(world, "other", make_line(world.saree))
    work = make_work(world, "1", make_line(world.kurta, 2))
    assert loads(world.blr) == [2]
    if taking == "node off":
        FulfillmentOrder.objects.exclude(pk=work.pk).update(state="packed")

    TAKINGS[taking](work)

    assert loads(world.blr) == [1]


def test_the_day_on_which_the_order_was_given_is_the_one_that_shrinks(world: World) -> None:
    work = make_work(world, "1", make_line(world.kurta))
    yesterday = given_yesterday(world.blr)
    make_work(world, "2", make_line(world.kurta))

    withdraw(fulfillment_order_ids=[work.pk], reason="Flooded", actor="care")

    assert loads(world.blr) == [0, 1]
    assert NodeLoad.objects.get(node=world.blr, orders=0).day == yesterday


def test_nothing_is_given_back_twice_or_below_zero(world: World) -> None:
    work = make_work(world, "1", make_line(world.kurta))
    make_work(world, "2", make_line(world.kurta))
    withdraw(fulfillment_order_ids=[work.pk], reason="Flooded", actor="care")

    withdraw(fulfillment_order_ids=[work.pk], reason="Flooded", actor="care")
    cancel_order(order_id=work.order_id, reason="Changed their mind", actor="care")
    assert loads(world.blr) == [1]

    NodeLoad.objects.update(orders=0)
    withdraw_from_node(node_id=world.blr.pk, reason="Flooded")
    assert loads(world.blr) == [0]


def test_an_order_that_moves_counts_only_where_it_is(world: World) -> None:
    work = make_work(world, "1", make_line(world.kurta))

    reroute_order(order_id=work.order_id, actor="care", to_node_id=world.delhi.pk)
    assert (loads(world.blr), loads(world.delhi)) == ([0], [1])
    reroute_order(order_id=work.order_id, actor="care", to_node_id=world.blr.pk)

    assert (loads(world.blr), loads(world.delhi)) == ([1], [0])


def test_a_node_chosen_but_not_at_work_yet_gets_its_place_back_too(world: World) -> None:
    order_id = capture(world, make_order("1", make_line(world.kurta)))
    route_orders([order_id], trigger="captured")
    assert loads(world.blr) == [1]

    reroute_order(order_id=order_id, actor="care", to_node_id=world.delhi.pk)

    assert (loads(world.blr), loads(world.delhi)) == ([0], [1])


def test_an_order_still_counts_where_some_of_it_stays_or_is_packed(world: World) -> None:
    kept = make_work(world, "1", make_line(world.kurta, 2))
    boxed = make_work(world, "2", make_line(world.kurta))
    packed(boxed)

    cancel_order(order_id=kept.order_id, reason="One", actor="care", lines={kept.lines.get().order_line_id: 1})
    cancel_order(order_id=boxed.order_id, reason="Too late", actor="care")

    assert loads(world.blr) == [2]


def test_an_order_given_to_its_node_on_two_days_is_given_back_to_both(world: World) -> None:
    stock(world.kurta, world.delhi, 0)
    work = make_work(world, "1", make_line(world.kurta, 12))
    given_yesterday(world.blr)
    stock(world.kurta, world.blr, 15)
    route_orders([work.order_id], trigger="stock arrived")
    open_fulfillment_orders([work.order_id])
    assert loads(world.blr) == [1, 1]

    cancel_order(order_id=work.order_id, reason="Changed their mind", actor="care")

    assert loads(world.blr) == [0, 0]


def test_the_place_given_back_is_free_for_the_next_order(world: World) -> None:
    Node.objects.filter(pk=world.blr.pk).update(daily_capacity=1)
    first = make_work(world, "1", make_line(world.kurta))
    assert make_work(world, "2", make_line(world.kurta)).node == world.delhi

    cancel_order(order_id=first.order_id, reason="Changed their mind", actor="care")

    assert make_work(world, "3", make_line(world.kurta)).node == world.blr
