"""Cash on delivery: each parcel collects its own goods, the charges once; what was paid at the door is booked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from carriers.models import Booking
from fulfillment.models import FulfillmentOrder, Shipment
from fulfillment.services import (
    apply_tracking,
    book_shipment,
    booking_request,
    cancel_order,
    cash_of_parcel,
    cash_of_work,
    collect,
    hand_over,
    open_fulfillment_orders,
    pack,
    preview_cancel,
)
from orders.canonical import CanonicalPayment
from orders.models import Order, OrderEvent, OrderLine, Payment
from routing.services import route_orders
from tests.factories import World, capture, make_line, make_order, make_world, stock
from tests.fulfillment.floor import labelled, make_carrier, make_work, packed, picked
from tests.fulfillment.test_tracking import scan

pytestmark = pytest.mark.django_db(transaction=True)

#: Twelve kurtas at 999.00 less 0.01, shipping 50.00, COD fee 25.00, discount 10.00.
TOTAL = 1_205_299
CHARGES = 6_500
#: Ten and two twelfths of the line, rounded down; the last parcel of a whole order takes what rounding left.
TEN, TWO = 998_999, 199_799


@pytest.fixture
def world() -> World:
    made = make_world()
    make_carrier()
    return made


def two_works(world: World) -> tuple[FulfillmentOrder, FulfillmentOrder]:
    """A COD order of twelve: ten go out from Bengaluru, two from Delhi."""
    line = replace(make_line(world.kurta, 12), discount_minor=1)
    order_id = capture(world, make_order(
        "1", line, payment=CanonicalPayment(method="cod", state="pending", amount_minor=TOTAL), shipping_minor=5_000,
        cod_fee_minor=2_500, order_discount_minor=1_000,
    ))  # fmt: skip
    assert Order.objects.get(pk=order_id).total_minor == TOTAL
    route_orders([order_id], trigger="captured")
    open_fulfillment_orders([order_id])
    works = {work.node_id: work for work in FulfillmentOrder.objects.filter(order=order_id)}
    return works[world.blr.pk], works[world.delhi.pk]


def report(shipment: Shipment, milestone: str, hour: int = 1) -> None:
    """The carrier's scan of a parcel that it has."""
    scan(shipment, milestone, hour)
    apply_tracking([shipment.booking_id or 0])


def paid(order_id: int) -> tuple[str, int]:
    payment = Payment.objects.get(order=order_id)
    return payment.state, payment.captured_minor


def test_the_parcels_of_a_whole_order_collect_its_total_exactly(world: World) -> None:
    ten, two = two_works(world)

    first, second = labelled(ten), labelled(two)

    assert (first.cod_minor, second.cod_minor) == (CHARGES + TEN, TWO + 1)
    assert (first.cod_minor or 0) + (second.cod_minor or 0) == TOTAL
    asked = [booking.request["cod_minor"] for booking in Booking.objects.order_by("pk")]
    assert asked == [first.cod_minor, second.cod_minor]


def test_every_parcel_that_arrives_is_booked_and_the_last_one_pays_the_order(world: World) -> None:
    ten, two = two_works(world)
    first, second = labelled(ten), labelled(two)

    hand_over(shipment_ids=[first.pk, second.pk], actor="dock")
    report(second, "delivered")
    assert paid(ten.order_id) == ("pending", TWO + 1)
    report(first, "delivered")

    assert paid(ten.order_id) == ("paid", TOTAL)


def test_units_cancelled_before_packing_are_not_collected(world: World) -> None:
    ten, two = two_works(world)
    line = OrderLine.objects.get()
    picked(ten)
    cancel_order(order_id=two.order_id, lines={line.pk: 2}, reason="Ten are enough", actor="care")
    assert cash_of_work(ten) == CHARGES + TEN

    [shipment] = pack(fulfillment_order_id=ten.pk, actor="Asha")
    book_shipment(shipment.pk)
    hand_over(shipment_ids=[shipment.pk], actor="dock")
    shipment.refresh_from_db()
    report(shipment, "delivered")

    assert shipment.cod_minor == CHARGES + TEN
    assert paid(ten.order_id) == ("paid", CHARGES + TEN)


def test_backordered_units_are_collected_with_the_parcel_they_travel_in(world: World) -> None:
    stock(world.kurta, world.delhi, 0)
    payment = CanonicalPayment(method="cod", state="pending", amount_minor=12 * 99_900)
    work = make_work(world, "1", make_line(world.kurta, 12), payment=payment)

    assert labelled(work).cod_minor == 10 * 99_900


def test_the_charges_of_a_parcel_that_went_back_fall_to_the_next(world: World) -> None:
    ten, two = two_works(world)
    first = labelled(ten)
    hand_over(shipment_ids=[first.pk], actor="dock")
    report(first, "rto_initiated")

    second = labelled(two)
    hand_over(shipment_ids=[second.pk], actor="dock")
    report(second, "delivered")

    assert second.cod_minor == CHARGES + TWO
    assert paid(ten.order_id) == ("paid", CHARGES + TWO)


def test_a_parcel_that_goes_back_last_leaves_what_was_paid(world: World) -> None:
    ten, two = two_works(world)
    first, second = labelled(ten), labelled(two)
    hand_over(shipment_ids=[first.pk, second.pk], actor="dock")
    report(second, "delivered")
    report(first, "attempt_failed")

    report(first, "rto_initiated", hour=2)

    assert paid(ten.order_id) == ("paid", TWO + 1)


def missing(order_id: int) -> list[tuple[int, str]]:
    """What the timeline says is not collected."""
    entries = OrderEvent.objects.filter(order=order_id, kind="cash_missing").order_by("seq")
    return [(entry.data["missing_minor"], entry.message.partition(" of ")[0]) for entry in entries]


def test_charges_that_no_parcel_is_left_to_ask_for_are_told_once(world: World) -> None:
    ten, two = two_works(world)
    first, second = labelled(ten), labelled(two)
    hand_over(shipment_ids=[first.pk, second.pk], actor="dock")
    report(first, "rto_initiated")
    report(first, "rto_in_transit", hour=2)

    # Rounding gave the last parcel one paisa more than its goods.
    assert missing(ten.order_id) == [(CHARGES - 1, "₹64.99")]
    second.refresh_from_db()
    assert second.cod_minor == TWO + 1


def test_charges_that_a_later_parcel_asks_for_are_not_missing(world: World) -> None:
    ten, two = two_works(world)
    first = labelled(ten)
    hand_over(shipment_ids=[first.pk], actor="dock")
    report(first, "rto_initiated")
    assert missing(ten.order_id) == []

    assert labelled(two).cod_minor == CHARGES + TWO
    assert missing(ten.order_id) == []


def test_charges_of_a_cancelled_parcel_are_told_where_the_other_one_is_on_its_way(world: World) -> None:
    ten, two = two_works(world)
    labelled(ten)
    second = labelled(two)
    hand_over(shipment_ids=[second.pk], actor="dock")

    cancel_order(order_id=ten.order_id, reason="Two are enough", actor="care")

    assert missing(ten.order_id) == [(CHARGES - 1, "₹64.99")]
    report(second, "delivered")
    assert paid(ten.order_id) == ("paid", TWO + 1)


def test_nothing_is_missing_where_every_parcel_comes_back(world: World) -> None:
    shipment = labelled(two_works(world)[0])
    hand_over(shipment_ids=[shipment.pk], actor="dock")
    cancel_order(order_id=shipment.order_id, reason="Ten are enough", actor="care")
    report(shipment, "rto_initiated")

    assert missing(shipment.order_id) == []


def test_what_arrived_pays_the_order_once_the_rest_is_cancelled(world: World) -> None:
    ten, two = two_works(world)
    first = labelled(ten)
    hand_over(shipment_ids=[first.pk], actor="dock")
    report(first, "delivered")
    assert paid(ten.order_id) == ("pending", CHARGES + TEN)

    cancel_order(order_id=ten.order_id, reason="Ten are enough", actor="care")

    assert paid(ten.order_id) == ("paid", CHARGES + TEN)


def test_the_cash_of_a_parcel_that_arrived_is_not_owed_for_units_cancelled_later(world: World) -> None:
    ten, two = two_works(world)
    first, second = labelled(ten), labelled(two)
    hand_over(shipment_ids=[first.pk], actor="dock")
    report(first, "delivered")
    assert paid(ten.order_id) == ("pending", CHARGES + TEN)

    assert preview_cancel(order_id=ten.order_id).refund_minor == 0
    cancel_order(order_id=ten.order_id, reason="Changed their mind", actor="care")

    second.refresh_from_db()
    assert second.state == "cancelled"
    assert Payment.objects.get().refund_due_minor == 0


def test_a_discount_larger_than_the_first_parcel_is_carried_to_the_second(world: World) -> None:
    total = 99_900 * 12 - 300_000
    payment = CanonicalPayment(method="cod", state="pending", amount_minor=total)
    order_id = capture(world, make_order("1", make_line(world.kurta, 12), payment=payment,
                                         order_discount_minor=300_000))  # fmt: skip
    route_orders([order_id], trigger="captured")
    open_fulfillment_orders([order_id])
    works = {work.node_id: work for work in FulfillmentOrder.objects.all()}

    small, large = labelled(works[world.delhi.pk]), labelled(works[world.blr.pk])

    assert (small.cod_minor, large.cod_minor) == (0, total)


def test_a_prepaid_parcel_collects_nothing(world: World) -> None:
    shipment = labelled(make_work(world, "1", make_line(world.kurta)))

    assert (shipment.cod_minor, cash_of_parcel(shipment), booking_request(shipment).cod_minor) == (0, 0, 0)


def test_a_pickup_asks_for_the_goods_that_are_there(world: World) -> None:
    stock(world.kurta, world.store, 2)
    payment = CanonicalPayment(method="cod", state="pending", amount_minor=3 * 99_900)
    work = make_work(world, "1", make_line(world.kurta, 3), payment=payment, service_level="pickup",
                     pickup_node_code="blr-s1")  # fmt: skip
    shipment = packed(work)
    assert cash_of_parcel(shipment) == 2 * 99_900

    collect(shipment_id=shipment.pk, actor="Asha")

    shipment.refresh_from_db()
    assert shipment.cod_minor == 2 * 99_900
    assert paid(shipment.order_id)[1] == 2 * 99_900
