"""Orders that no node can fill are held, and what waited too long is cancelled, where their rule says so."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from oms.flow.giving_up import give_up
from orders.models import Hold, Order, OrderEvent, OrderLine
from orders.services import release_hold
from routing.policy.document import Document, Fallback, Rule
from routing.services import create_draft, forget_policy, publish, route_orders
from tests.factories import World, capture, make_line, make_order, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    forget_policy()
    return make_world()


def waiting(world: World, fallback: Fallback, quantity: int, days_ago: int) -> Order:
    draft = create_draft(name="Rules", actor="Asha", document=Document((Rule("Patient", fallback=fallback),)))
    publish(policy_id=draft.pk, edit_version=1, note="So", actor="Asha")
    forget_policy()
    order_id = capture(world, make_order("A", make_line(world.kurta, quantity)))
    route_orders([order_id], trigger="captured")
    Order.objects.filter(pk=order_id).update(captured_at=timezone.now() - timedelta(days=days_ago))
    return Order.objects.get(pk=order_id)


def test_what_still_waits_after_so_many_days_is_cancelled_once(world: World) -> None:
    order = waiting(world, Fallback(partial=True, cancel_after_days=3), quantity=25, days_ago=4)

    said = [give_up(), give_up()]

    line = OrderLine.objects.get()
    assert said == ["0 held, 1 cancelled", "0 held, 0 cancelled"]
    assert (line.allocated, line.backordered, line.cancelled) == (20, 0, 5)
    told = OrderEvent.objects.filter(order=order).values_list("message", flat=True)
    assert any("No stock came within 3 days (rule “Patient”)" in message for message in told)


def test_an_order_of_which_all_waits_is_cancelled_whole(world: World) -> None:
    waiting(world, Fallback(partial=False, cancel_after_days=3), quantity=25, days_ago=4)

    assert give_up() == "0 held, 1 cancelled"
    assert Order.objects.get().stage == "cancelled"


def test_before_the_days_have_passed_nothing_is_cancelled(world: World) -> None:
    waiting(world, Fallback(partial=True, cancel_after_days=3), quantity=25, days_ago=2)

    assert give_up() == "0 held, 0 cancelled"
    assert OrderLine.objects.get().backordered == 5


def test_an_order_that_waits_is_held_once_and_not_again_when_it_was_released(world: World) -> None:
    waiting(world, Fallback(partial=False, hold=True), quantity=25, days_ago=0)

    said = [give_up(), give_up()]
    hold = Hold.objects.get()
    release_hold(hold_id=hold.pk, actor="Asha")

    assert said == ["1 held, 0 cancelled", "0 held, 0 cancelled"]
    assert hold.note == "The rule “Patient” found no nodes for all of it."
    assert give_up() == "0 held, 0 cancelled"


def test_rules_that_say_nothing_of_it_leave_orders_waiting(world: World) -> None:
    waiting(world, Fallback(), quantity=25, days_ago=90)

    assert give_up() == "0 held, 0 cancelled"
    assert (Order.objects.get().stage, Hold.objects.count()) == ("backordered", 0)
