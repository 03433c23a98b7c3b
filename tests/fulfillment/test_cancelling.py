"""Cancellation, whole and in part, at every stage: stock, units, money and parcels exact."""

from __future__ import annotations

import pytest

from fulfillment.errors import CannotCancel
from fulfillment.models import FulfillmentOrder, Shipment
from fulfillment.selectors.picking import put_backs
from fulfillment.services import (
    ParcelPlan,
    book_shipment,
    cancel_order,
    hand_over,
    open_fulfillment_orders,
    pack,
    pick,
    preview_cancel,
)
from oms.core.errors import DomainError
from oms.core.models import OutboxEvent
from orders.models import Hold, Order, OrderEvent, OrderLine, Payment
from orders.services import place_hold
from routing.services import route_orders
from tests.factories import World, capture, make_line, make_order, make_world, stock
from tests.fulfillment.floor import labelled, make_carrier, make_work, packed, picked, stock_of, units_of

pytestmark = pytest.mark.django_db(transaction=True)
STAGES = ("captured", "routed", "scheduled", "released", "picking", "picked", "packed", "labelled")


@pytest.fixture
def world() -> World:
    made = make_world()
    make_carrier()
    return made


def order_at(world: World, stage: str) -> int:
    """An order of three units at this stage."""
    lines = (make_line(world.kurta, 2), make_line(world.saree))
    if stage in ("captured", "routed", "scheduled"):
        order_id = capture(world, make_order("1", *lines))
        if stage == "scheduled":
            place_hold(order_id=order_id, reason="other", source="test", handle="test", actor="test")
        if stage != "captured":
            route_orders([order_id], trigger="captured")
        if stage == "scheduled":
            open_fulfillment_orders([order_id])
        return order_id
    work = make_work(world, "1", *lines)
    if stage == "picking":
        pick(fulfillment_order_id=work.pk, code="KURTA-M", actor="Asha")
    if stage == "picked":
        picked(work)
    if stage == "packed":
        packed(work)
    if stage == "labelled":
        labelled(work)
    return int(work.order_id)


@pytest.mark.parametrize("stage", STAGES)
def test_a_whole_order_is_cancelled_and_everything_is_back(world: World, stage: str) -> None:
    order_id = order_at(world, stage)
    preview = preview_cancel(order_id=order_id)

    done = cancel_order(order_id=order_id, reason="Changed their mind", actor="care")

    assert done == preview
    assert (done.units, done.refund_minor) == (3, 449_800)
    assert units_of(order_id) == {"cancelled": 3}
    assert stock_of(world.kurta, world.blr) == stock_of(world.saree, world.blr) == {"on_hand": 10}
    assert Order.objects.get().stage == "cancelled"
    assert set(FulfillmentOrder.objects.values_list("state", flat=True)) <= {"cancelled"}
    assert set(Shipment.objects.values_list("state", flat=True)) <= {"cancelled"}
    assert Payment.objects.get().refund_due_minor == 449_800
    assert OutboxEvent.objects.filter(kind="orders.OrderCancelled").count() == 1
    assert OutboxEvent.objects.filter(kind="fulfillment.ShipmentVoided").count() == (stage in ("packed", "labelled"))


@pytest.mark.parametrize("stage", STAGES)
def test_cancelling_again_changes_nothing(world: World, stage: str) -> None:
    order_id = order_at(world, stage)
    cancel_order(order_id=order_id, reason="Changed their mind", actor="care")
    before = OutboxEvent.objects.count()

    again = cancel_order(order_id=order_id, reason="Once more", actor="care")

    assert again.units == 0
    assert OutboxEvent.objects.count() == before
    assert Payment.objects.get().refund_due_minor == 449_800


def test_what_is_on_the_road_cannot_be_cancelled(world: World) -> None:
    shipment = labelled(make_work(world, "1", make_line(world.kurta)))
    hand_over(shipment_ids=[shipment.pk], actor="dock")

    with pytest.raises(CannotCancel, match="come back first"):
        cancel_order(order_id=shipment.order_id, reason="Too late", actor="care")

    assert units_of(shipment.order_id) == {"shipped": 1}
    assert Payment.objects.get().refund_due_minor == 0


def two_parcels(world: World) -> tuple[Shipment, Shipment]:
    """Three units of one work in two labelled parcels: that of two kurtas has left, that of a saree has not."""
    work = picked(make_work(world, "1", make_line(world.kurta, 2), make_line(world.saree)))
    lines = {line.sku_id: line.pk for line in work.lines.all()}
    plans = [ParcelPlan(items={lines[world.kurta.pk]: 2}), ParcelPlan(items={lines[world.saree.pk]: 1})]
    first, second = pack(fulfillment_order_id=work.pk, actor="Asha", parcels=plans)
    for parcel in (first, second):
        book_shipment(parcel.pk)
    hand_over(shipment_ids=[first.pk], actor="dock")
    return first, second


def test_where_one_parcel_has_left_the_rest_is_cancelled_and_the_work_ends_complete(world: World) -> None:
    first, second = two_parcels(world)
    order_id = first.order_id

    done = cancel_order(order_id=order_id, reason="Changed their mind", actor="care")

    assert (done.units, done.shipped_units, done.refund_minor) == (1, 2, 250_000)
    assert units_of(order_id) == {"shipped": 2, "cancelled": 1}
    assert stock_of(world.saree, world.blr) == {"on_hand": 10}
    assert stock_of(world.kurta, world.blr) == {"on_hand": 8}
    states = dict(Shipment.objects.values_list("pk", "state"))
    assert states == {first.pk: "handed_over", second.pk: "cancelled"}
    work = FulfillmentOrder.objects.get()
    assert (work.state, work.completed_at is None, work.end_reason) == ("completed", False, "")
    assert Order.objects.get().stage == "shipped"
    assert Payment.objects.get().refund_due_minor == 250_000
    entry = OrderEvent.objects.get(kind="cancelled")
    assert entry.message == "1 unit cancelled (2 units left before and can only come back): Changed their mind"
    [event] = OutboxEvent.objects.filter(kind="orders.OrderCancelled")
    assert (event.payload["whole"], event.payload["units"]) == (False, 1)


def test_what_is_left_after_a_cancellation_is_refused_by_name(world: World) -> None:
    first, _ = two_parcels(world)
    cancel_order(order_id=first.order_id, reason="Changed their mind", actor="care")

    with pytest.raises(CannotCancel, match="come back first"):
        cancel_order(order_id=first.order_id, reason="The rest, too", actor="care")

    assert Payment.objects.get().refund_due_minor == 250_000


@pytest.mark.parametrize("stage", ["captured", "routed", "scheduled", "released"])
def test_one_unit_is_cancelled_and_the_rest_goes_on(world: World, stage: str) -> None:
    order_id = order_at(world, stage)
    line = OrderLine.objects.get(sku_code="KURTA-M")

    done = cancel_order(order_id=order_id, lines={line.pk: 1}, reason="One is enough", actor="care")

    line.refresh_from_db()
    assert (done.units, done.refund_minor) == (1, 99_900)
    assert (line.cancelled, line.quantity) == (1, 2)
    reserved = 0 if stage == "captured" else 1
    assert stock_of(world.kurta, world.blr) == {"on_hand": 10} | ({"reserved": 1} if reserved else {})
    assert Order.objects.get().stage != "cancelled"


def test_units_that_are_picked_already_stay_and_the_open_one_goes(world: World) -> None:
    order_id = order_at(world, "picking")
    line = OrderLine.objects.get(sku_code="KURTA-M")

    cancel_order(order_id=order_id, lines={line.pk: 1}, reason="One is enough", actor="care")

    line.refresh_from_db()
    assert (line.picked, line.released, line.cancelled) == (1, 0, 1)
    assert stock_of(world.kurta, world.blr) == {"on_hand": 10, "reserved": 1}
    with pytest.raises(CannotCancel, match="picked or packed"):
        cancel_order(order_id=order_id, lines={line.pk: 1}, reason="Both", actor="care")
    line.refresh_from_db()
    assert (line.picked, line.cancelled) == (1, 1)


def test_cancelling_the_last_open_line_ends_the_picking(world: World) -> None:
    work = make_work(world, "1", make_line(world.kurta, 2), make_line(world.saree))
    pick(fulfillment_order_id=work.pk, code="KURTA-M", quantity=2, actor="Asha")
    saree = OrderLine.objects.get(sku_code="SAREE-1")

    cancel_order(order_id=work.order_id, lines={saree.pk: 1}, reason="Not the saree", actor="care")

    work.refresh_from_db()
    assert work.state == "picked"
    assert stock_of(world.saree, world.blr) == {"on_hand": 10}


def test_units_without_work_are_released_where_they_are_and_not_where_others_are_picked(world: World) -> None:
    stock(world.kurta, world.delhi, 0)
    work = picked(make_work(world, "1", make_line(world.kurta, 12)))
    stock(world.kurta, world.delhi, 5)
    route_orders([work.order_id], trigger="stock arrived")
    assert stock_of(world.kurta, world.delhi) == {"on_hand": 5, "reserved": 2}
    line = OrderLine.objects.get()

    cancel_order(order_id=work.order_id, lines={line.pk: 2}, reason="Ten are enough", actor="care")

    assert stock_of(world.kurta, world.blr) == {"on_hand": 10, "reserved": 10}
    assert stock_of(world.kurta, world.delhi) == {"on_hand": 5}
    assert units_of(work.order_id) == {"picked": 10, "cancelled": 2}
    pack(fulfillment_order_id=work.pk, actor="Asha")


@pytest.mark.parametrize("quantity", [0, -1, 3])
def test_an_impossible_number_of_units_is_refused(world: World, quantity: int) -> None:
    order_id = order_at(world, "released")
    line = OrderLine.objects.get(sku_code="KURTA-M")

    with pytest.raises(DomainError):
        cancel_order(order_id=order_id, lines={line.pk: quantity}, reason="Why not", actor="care")

    assert units_of(order_id) == {"released": 3}


def test_the_holds_of_a_cancelled_order_end_and_release_nothing(world: World) -> None:
    order_id = order_at(world, "scheduled")

    cancel_order(order_id=order_id, lines={OrderLine.objects.get(order=order_id, sku_code="KURTA-M").pk: 1},
                 reason="Too many", actor="care")  # fmt: skip
    assert Order.objects.get(pk=order_id).open_holds == 1
    cancel_order(order_id=order_id, reason="Changed my mind", actor="care")

    hold = Hold.objects.get(order=order_id)
    assert (hold.released_by, hold.released_at is None) == ("care", False)
    assert Order.objects.get(pk=order_id).open_holds == 0
    assert not OutboxEvent.objects.filter(kind="orders.OrderReleased").exists()


def test_a_cancellation_needs_a_reason(world: World) -> None:
    order_id = order_at(world, "released")

    with pytest.raises(DomainError, match="Say why"):
        cancel_order(order_id=order_id, reason=" ", actor="care")


@pytest.mark.parametrize(("stage", "units"), [("released", 0), ("picking", 1), ("picked", 3), ("packed", 3)])
def test_what_is_off_the_shelf_is_listed_to_be_put_back(world: World, stage: str, units: int) -> None:
    cancel_order(order_id=order_at(world, stage), reason="Changed their mind", actor="care")

    assert sum(back.units for back in put_backs(world.blr.pk)) == units
    assert put_backs(world.delhi.pk) == []
