"""Work opens, waits, is taken, given back and withdrawn; units and reservations follow exactly."""

from __future__ import annotations

import pytest

from fulfillment.models import FulfillmentOrder
from fulfillment.services import (
    accept,
    hold_back,
    open_fulfillment_orders,
    pack,
    pick,
    reject,
    release_fulfillment_orders,
    report_short,
    withdraw_from_node,
)
from inventory.services import audit_stock
from oms.core.errors import Conflict, DomainError
from oms.core.models import OutboxEvent, Transition
from oms.reporting.stock_audit import ORDER_CHECKS
from orders.models import Hold, Order
from orders.services import place_hold, release_hold
from routing.models import RoutingExclusion
from routing.services import route_orders
from tests.factories import World, capture, make_line, make_order, make_world, stock
from tests.fulfillment.floor import make_work, packed, picked, stock_of, units_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def hold(order_id: int) -> None:
    place_hold(order_id=order_id, reason="other", source="test", handle="test", actor="test")


def test_work_is_opened_once_and_accepted_where_the_node_wants_it_so(world: World) -> None:
    work = make_work(world, "1", make_line(world.kurta, 2))

    assert open_fulfillment_orders([work.order_id]) == []
    assert (work.state, work.node, work.number) == ("accepted", world.blr, f"{work.order.number}-1")
    assert units_of(work.order_id) == {"released": 2}


def test_work_of_a_held_order_waits_and_opens_with_the_last_hold(world: World) -> None:
    order_id = capture(world, make_order("1", make_line(world.kurta, 2)))
    hold(order_id)
    route_orders([order_id], trigger="captured")
    [work_id] = open_fulfillment_orders([order_id])
    assert FulfillmentOrder.objects.get().state == "scheduled"
    assert units_of(order_id) == {"allocated": 2}
    assert release_fulfillment_orders([order_id]) == []

    release_hold(hold_id=Hold.objects.get().pk, actor="test")

    assert release_fulfillment_orders([order_id]) == [work_id]
    assert release_fulfillment_orders([order_id]) == []
    assert FulfillmentOrder.objects.get().state == "accepted"
    assert units_of(order_id) == {"released": 2}


def test_a_hold_takes_back_work_that_nobody_started_and_leaves_the_rest_alone(world: World) -> None:
    idle = make_work(world, "1", make_line(world.kurta))
    begun = make_work(world, "2", make_line(world.kurta, 2))
    pick(fulfillment_order_id=begun.pk, code="KURTA-M", actor="Asha")
    hold(idle.order_id)
    hold(begun.order_id)

    assert hold_back([idle.order_id, begun.order_id]) == [idle.pk]

    assert units_of(idle.order_id) == {"allocated": 1}
    assert units_of(begun.order_id) == {"released": 1, "picked": 1}
    assert stock_of(world.kurta, world.blr) == {"on_hand": 10, "reserved": 3}


def test_accepting_twice_changes_nothing_the_second_time(world: World) -> None:
    work = make_work(world, "1", make_line(world.kurta))
    FulfillmentOrder.objects.filter(pk=work.pk).update(state="open")

    assert accept(fulfillment_order_ids=[work.pk], actor="Asha") == [work.pk]
    assert accept(fulfillment_order_ids=[work.pk], actor="Ravi") == []

    assert FulfillmentOrder.objects.get().assigned_to == "Asha"


@pytest.mark.parametrize("stage", ["accepted", "picking", "picked"])
def test_rejected_work_frees_its_stock_and_the_node_is_not_asked_again(world: World, stage: str) -> None:
    work = make_work(world, "1", make_line(world.kurta, 2))
    if stage == "picking":
        pick(fulfillment_order_id=work.pk, code="KURTA-M", actor="Asha")
    if stage == "picked":
        picked(work)

    reject(fulfillment_order_id=work.pk, reason="Shelf is empty", actor="Asha")

    work.refresh_from_db()
    assert (work.state, work.end_reason) == ("rejected", "Shelf is empty")
    assert units_of(work.order_id) == {"unallocated": 2}
    assert stock_of(world.kurta, world.blr) == {"on_hand": 10}
    assert list(RoutingExclusion.objects.values_list("node", flat=True)) == [world.blr.pk]
    assert OutboxEvent.objects.filter(kind="fulfillment.WorkWithdrawn").count() == 1


def test_rejected_work_leaves_what_other_work_of_the_same_line_holds(world: World) -> None:
    stock(world.kurta, world.blr, 2)
    stock(world.kurta, world.delhi, 0)
    first = make_work(world, "1", make_line(world.kurta, 3))
    stock(world.kurta, world.blr, 7)
    route_orders([first.order_id], trigger="stock arrived")
    [second] = open_fulfillment_orders([first.order_id])
    line_id = first.lines.get().pk
    report_short(fulfillment_order_id=first.pk, line_id=line_id, quantity=1, reason="not_found", actor="Asha")
    assert stock_of(world.kurta, world.blr) == {"on_hand": 6, "reserved": 2}

    reject(fulfillment_order_id=first.pk, reason="Shelf is empty", actor="Asha")

    assert stock_of(world.kurta, world.blr) == {"on_hand": 6, "reserved": 1}
    assert FulfillmentOrder.objects.get(pk=second).lines.get().quantity == 1
    assert units_of(first.order_id) == {"unallocated": 2, "released": 1}
    assert audit_stock(more=ORDER_CHECKS).differences == 0


def test_packed_work_cannot_be_rejected(world: World) -> None:
    work = make_work(world, "1", make_line(world.kurta))
    packed(work)

    with pytest.raises(Conflict, match="can no longer be rejected"):
        reject(fulfillment_order_id=work.pk, reason="Too late", actor="Asha")

    assert stock_of(world.kurta, world.blr) == {"on_hand": 9, "packed": 1}
    assert units_of(work.order_id) == {"packed": 1}


def test_a_rejection_needs_a_reason(world: World) -> None:
    work = make_work(world, "1", make_line(world.kurta))

    with pytest.raises(DomainError, match="Say why"):
        reject(fulfillment_order_id=work.pk, reason="  ", actor="Asha")

    assert units_of(work.order_id) == {"released": 1}


def test_a_node_that_goes_off_gives_back_what_is_not_packed(world: World) -> None:
    idle = make_work(world, "1", make_line(world.kurta))
    begun = make_work(world, "2", make_line(world.kurta, 2))
    pick(fulfillment_order_id=begun.pk, code="KURTA-M", actor="Asha")
    done = make_work(world, "3", make_line(world.kurta))
    packed(done)

    assert withdraw_from_node(node_id=world.blr.pk, reason="Flooded") == 2
    assert withdraw_from_node(node_id=world.blr.pk, reason="Flooded") == 0

    states = dict(FulfillmentOrder.objects.values_list("pk", "state"))
    assert states == {idle.pk: "rejected", begun.pk: "rejected", done.pk: "packed"}
    assert stock_of(world.kurta, world.blr) == {"on_hand": 9, "packed": 1}


def test_every_change_of_state_leaves_a_row_with_who_and_why(world: World) -> None:
    work = make_work(world, "1", make_line(world.kurta))
    picked(work)
    pack(fulfillment_order_id=work.pk, actor="Babu")

    rows = Transition.objects.filter(model="fulfillment.FulfillmentOrder", object_id=work.pk).order_by("pk")
    assert list(rows.values_list("from_state", "to_state", "actor")) == [
        ("accepted", "picking", "Asha"), ("picking", "picked", "Asha"), ("picked", "packed", "Babu"),
    ]  # fmt: skip
    assert Order.objects.get().stage == "packed"
