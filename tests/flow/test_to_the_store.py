"""The customer of an order to collect is told once, when all of it is at the store."""

from __future__ import annotations

import pytest

from fulfillment.models import FulfillmentOrder
from fulfillment.services import give_up_parcel, receive_for_pickup
from oms.flow.deliveries import fan_out, run_batch
from oms.flow.table import EVENT_STEPS, STEPS
from oms.notifications.models import Message
from tests.factories import World, make_line, make_world, stock
from tests.fulfillment.floor import make_carrier, packed
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


def test_the_customer_is_told_of_the_part_that_is_there_when_the_other_is_lost(world: World) -> None:
    stock(world.saree, world.store, 1)
    order_id = order_to_collect(world, "W1", make_line(world.kurta), make_line(world.saree))
    waiting = on_the_road(order_id)
    packed(FulfillmentOrder.objects.get(order=order_id, kind="pickup", state="open"))
    assert told() == []

    give_up_parcel(fulfillment_order_id=waiting.pk, how="missing", note="Lost", actor="Ravi")

    assert told() == ["ready_for_pickup"]
