"""Customers and other systems are told of substitutes as they are: nothing is cancelled that is not."""

from __future__ import annotations

import pytest

from fulfillment.events import ShipmentHandedOver
from fulfillment.models import FulfillmentOrder
from fulfillment.services import cancel_order, hand_over
from fulfillment.services.substituting import take_back_substitute
from inventory.services import set_substitutes
from oms.core.clock import now
from oms.core.events import Recorded
from oms.integrations.payloads import handed_over, line_substituted, order_cancelled
from oms.notifications.models import Message
from oms.portal.story import tell
from orders.events import LineSubstituted, OrderCancelled
from orders.models import Order, OrderLine
from orders.selectors.cancelled import really_cancelled
from routing.services import forget_policy, substitute_line
from tests.factories import World, capture, make_line, make_order, make_sku, make_world, stock
from tests.flow.driver import drain
from tests.fulfillment.floor import make_carrier, packed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def order(world: World) -> Order:
    """Two kurtas and a shoe; nobody has a kurta, and a saree may stand in for it."""
    order_id = capture(
        world, make_order("A", make_line(world.kurta, 2), make_line(world.shoe), substitutions="allowed")
    )
    drain()
    return Order.objects.get(pk=order_id)


@pytest.fixture
def world() -> World:
    forget_policy()
    made = make_world()
    make_carrier()
    for node in (made.blr, made.delhi):
        stock(made.kurta, node, 0)
    set_substitutes(sku_id=made.kurta.pk, substitute_ids=[made.saree.pk], actor="Asha")
    return made


def kurtas(order: Order) -> OrderLine:
    return order.lines.get(sku_code="KURTA-M")


def substitute(world: World, order: Order, units: int = 2) -> OrderLine:
    return substitute_line(
        order_id=order.pk, line_id=kurtas(order).pk, sku_id=world.saree.pk, units=units, actor="Asha"
    )


def news_of_cancelling(order: Order, units: int) -> dict[str, object]:
    event = OrderCancelled(order_id=order.pk, number=order.number, seq=1, units=units, whole=False)
    [news] = order_cancelled([Recorded(id=1, event=event, at=now())])
    assert news.data is not None
    return news.data


def test_units_that_are_sold_as_something_else_are_not_told_as_cancelled(world: World, order: Order) -> None:
    added = substitute(world, order)
    drain()
    story = tell(order)
    assert [(goods.name, goods.quantity) for goods in story.waiting] == [("The SHOE-42", 1), ("The SAREE-1", 2)]
    assert "instead of The KURTA-M" in story.waiting[1].options
    assert story.cancelled == []
    assert really_cancelled(order.lines.all()) == {}

    cancel_order(order_id=order.pk, reason="changed_mind", actor="Meera", lines={added.pk: 1})
    assert really_cancelled(order.lines.all()) == {kurtas(order).pk: 1}
    assert news_of_cancelling(order, 1)["lines"] == [
        {"external_id": kurtas(order).external_id, "sku": "KURTA-M", "cancelled": 1}
    ]
    assert [(goods.name, goods.quantity) for goods in tell(order).cancelled] == [("The KURTA-M", 1)]


def test_what_is_taken_back_is_neither_cancelled_nor_written_about_twice(world: World, order: Order) -> None:
    added = substitute(world, order)
    take_back_substitute(order_id=order.pk, line_id=added.pk, actor="Asha")
    drain()

    assert really_cancelled(order.lines.all()) == {}
    assert tell(order).cancelled == []
    assert not Message.objects.filter(template__startswith="substitut").exists()


def test_a_letter_lists_everything_once_and_is_taken_back_by_another(world: World, order: Order) -> None:
    added = substitute(world, order)
    drain()
    assert Message.objects.filter(template="substituted").count() == 1

    take_back_substitute(order_id=order.pk, line_id=added.pk, actor="Asha")
    drain()
    assert Message.objects.filter(template="substitute_taken_back").count() == 1


def test_two_lines_at_once_are_one_letter(world: World) -> None:
    other, instead = make_sku("OTHER"), make_sku("INSTEAD", price_minor=99_900)
    stock(instead, world.blr, 5)
    set_substitutes(sku_id=other.pk, substitute_ids=[instead.pk], actor="Asha")
    order_id = capture(
        world, make_order("B", make_line(world.kurta), make_line(other), substitutions="allowed")
    )  # fmt: skip
    drain()
    for line in OrderLine.objects.filter(order=order_id, backordered=1):
        sku = world.saree if line.sku_code == "KURTA-M" else instead
        substitute_line(order_id=order_id, line_id=line.pk, sku_id=sku.pk, units=1, actor="Asha")
    drain()

    letter = Message.objects.get(template="substituted")
    assert "SAREE-1" in letter.text
    assert "INSTEAD" in letter.text


def test_other_systems_can_match_a_substitute_with_the_line_that_was_ordered(world: World, order: Order) -> None:
    added = substitute(world, order)
    event = LineSubstituted(order_id=order.pk, line_id=kurtas(order).pk, substitute_line_id=added.pk, units=2)
    [news] = line_substituted([Recorded(id=7, event=event, at=now())])
    assert news.data is not None
    assert news.data["substitute"]["external_id"] == added.external_id

    drain()
    parcel = packed(FulfillmentOrder.objects.get(lines__order_line=added))
    drain()
    hand_over(shipment_ids=[parcel.pk], actor="Ravi")
    left = ShipmentHandedOver(shipment_id=parcel.pk, order_id=order.pk)
    [told] = handed_over([Recorded(id=8, event=left, at=now())])
    assert told.data is not None
    [row] = told.data["lines"]
    assert (row["sku"], row["substitute_for"]) == (
        "SAREE-1", {"external_id": kurtas(order).external_id, "sku": "KURTA-M"}
    )  # fmt: skip
