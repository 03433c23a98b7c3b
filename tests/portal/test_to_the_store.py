"""A customer who collects sees nothing of the parcels between nodes, and no code before all of it is there."""

from __future__ import annotations

import pytest

from fulfillment.selectors.standing import standings_of
from fulfillment.services import give_up_parcel, receive_for_pickup
from oms.core.clock import now
from oms.portal.story import Story, tell
from orders.models import Order
from tests.factories import World, make_line, make_world, stock
from tests.fulfillment.floor import make_carrier, packed
from tests.fulfillment.to_store import allow_transfers, on_the_road, order_to_collect, work_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    world = make_world()
    make_carrier()
    allow_transfers()
    return world


def story(order_id: int) -> Story:
    return tell(Order.objects.get(pk=order_id))


def test_a_parcel_that_is_packed_for_the_store_is_not_ready_to_collect(world: World) -> None:
    order_id = order_to_collect(world, "W1", make_line(world.kurta, 2))
    packed(work_of(order_id))

    seen = story(order_id)

    assert (seen.headline.title, seen.collectable, seen.parcels) == ("We are getting it ready", False, [])
    assert [(goods.name, goods.quantity) for goods in seen.waiting] == [(world.kurta.name, 2)]


def test_the_code_is_shown_once_both_parts_are_there(world: World) -> None:
    stock(world.saree, world.store, 1)
    order_id = order_to_collect(world, "W1", make_line(world.kurta), make_line(world.saree))
    packed(work_of(order_id, "pickup"))
    waiting = on_the_road(order_id)
    before = story(order_id)

    receive_for_pickup(fulfillment_order_id=waiting.pk, actor="Meera")
    after = story(order_id)

    assert (before.collectable, len(before.parcels), len(before.waiting)) == (False, 1, 1)
    assert (after.headline.title, after.collectable, len(after.parcels)) == ("Ready to collect", True, 2)
    assert after.waiting == []


def test_an_outlook_sees_the_road_to_the_store_and_forgets_a_parcel_that_was_given_up(world: World) -> None:
    order_id = order_to_collect(world, "W1", make_line(world.kurta, 2), promised_by=now())
    waiting = on_the_road(order_id)
    [on_road] = standings_of([order_id])

    give_up_parcel(fulfillment_order_id=waiting.pk, how="missing", note="Lost", actor="Ravi")
    [lost] = standings_of([order_id])

    assert [(piece.kind, piece.node_id) for piece in on_road.pieces] == [("road", world.blr.pk)]
    assert [piece.kind for piece in lost.pieces] == ["waiting"]
