"""Capture: exactly once, whole or not at all, with the holds that the order deserves."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from django.db import connection

from oms.core.errors import Conflict, DomainError
from oms.core.models import OutboxEvent
from oms.core.values import Address
from orders.canonical import CanonicalOrder, CanonicalPayment
from orders.models import Hold, Order, OrderLine, Payment
from orders.services import (
    capture_orders,
    edit_address,
    place_hold,
    record_payment,
    release_hold,
    release_orders,
)
from tests.factories import ASHA, World, capture, make_line, make_order, make_world


@pytest.fixture
def world(db: None) -> World:
    return make_world()


def reasons(order: CanonicalOrder, world: World) -> list[str]:
    order_id = capture(world, order)
    return sorted(Hold.objects.filter(order_id=order_id).values_list("reason", flat=True))


def test_a_second_capture_of_the_same_order_changes_nothing(world: World) -> None:
    order = make_order("A-1", make_line(world.kurta, 2))
    [first] = capture_orders(channel=world.channel, orders=[order], actor="test")

    [second] = capture_orders(channel=world.channel, orders=[order], actor="test")

    assert (first.created, second.created) == (True, False)
    assert first.order_id == second.order_id
    assert Order.objects.count() == OrderLine.objects.count() == Payment.objects.count() == 1
    assert OutboxEvent.objects.filter(kind="orders.OrderCaptured").count() == 1


def test_the_same_order_twice_in_one_batch_is_one_order(world: World) -> None:
    order = make_order("A-1", make_line(world.kurta))
    results = capture_orders(channel=world.channel, orders=[order, order], actor="test")
    assert len(results) == 2
    assert Order.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_many_threads_capture_the_same_orders_once() -> None:
    world = make_world()
    orders = [make_order(f"A-{number}", make_line(world.kurta)) for number in range(20)]

    def run(reverse: bool) -> None:
        capture_orders(channel=world.channel, orders=orders[::-1] if reverse else orders, actor="test")
        connection.close()

    threads = [threading.Thread(target=run, args=(number % 2 == 0,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Order.objects.count() == 20
    assert OutboxEvent.objects.filter(kind="orders.OrderCaptured").count() == 20


def test_the_money_of_an_order_is_kept_to_the_paisa(world: World) -> None:
    line = replace(make_line(world.kurta, 3), discount_minor=5_001, tax_minor=14_033)
    order_id = capture(world, make_order("A-1", line, shipping_minor=4_900, cod_fee_minor=2_500))
    order = Order.objects.get(pk=order_id)
    assert (order.goods_minor, order.discount_minor, order.tax_minor) == (299_700, 5_001, 14_033)
    assert order.total_minor == 299_700 - 5_001 + 4_900 + 2_500


def test_an_unpaid_order_is_held_until_it_is_paid(world: World) -> None:
    assert reasons(make_order("A-1", make_line(world.kurta), payment=CanonicalPayment(state="pending")), world) == [
        "payment_pending"
    ]


def test_an_order_with_a_postcode_nobody_knows_is_held(world: World) -> None:
    order = make_order("A-1", make_line(world.kurta), ship_to=replace(ASHA, postcode="999999"))
    assert reasons(order, world) == ["unknown_postcode"]


def test_an_order_without_a_city_is_held(world: World) -> None:
    assert reasons(make_order("A-1", make_line(world.kurta), ship_to=replace(ASHA, city="")), world) == ["bad_address"]


@pytest.mark.parametrize(("country", "held"), [("AE", []), ("US", ["bad_address"]), ("IN", ["bad_address"])])
def test_a_postcode_is_wanted_where_there_are_any(world: World, country: str, held: list[str]) -> None:
    order = make_order("A-1", make_line(world.kurta), ship_to=replace(ASHA, postcode="", country=country))
    assert reasons(order, world) == held


def test_an_order_with_an_unmapped_sku_is_held(world: World) -> None:
    line = replace(make_line(world.kurta), sku_id=None, sku_code="NOBODY")
    assert reasons(make_order("A-1", line), world) == ["unmapped_sku"]


def test_an_order_that_was_cancelled_before_we_saw_it_is_kept_as_cancelled(world: World) -> None:
    order = Order.objects.get(pk=capture(world, make_order("A-1", make_line(world.kurta, 2), cancelled=True)))
    assert (order.stage, order.lines.get().cancelled, order.open_holds) == ("cancelled", 2, 0)


@pytest.mark.parametrize("quantity", [0, -1, 2_000_000_000])
def test_an_impossible_quantity_is_refused_and_nothing_is_written(world: World, quantity: int) -> None:
    with pytest.raises(DomainError):
        capture(world, make_order("A-1", replace(make_line(world.kurta), quantity=quantity)))
    assert Order.objects.count() == 0


def test_holding_twice_with_one_handle_is_one_hold_and_all_must_be_cleared(world: World) -> None:
    order_id = capture(world, make_order("A-1", make_line(world.kurta)))
    fraud, again = (
        place_hold(order_id=order_id, reason="fraud_risk", source="rule", handle="fraud", actor="rule")
        for _ in range(2)
    )
    assert fraud == again
    place_hold(order_id=order_id, reason="other", source="Asha", handle="asha", actor="Asha")
    assert Order.objects.get().open_holds == 2

    release_hold(hold_id=fraud.pk, actor="Asha")
    assert Order.objects.get().open_holds == 1
    assert not OutboxEvent.objects.filter(kind="orders.OrderReleased").exists()

    assert release_orders(order_ids=[order_id], actor="Asha").done == [order_id]
    assert OutboxEvent.objects.filter(kind="orders.OrderReleased").count() == 1


def test_an_address_changed_by_someone_else_meanwhile_is_a_conflict(world: World) -> None:
    order_id = capture(world, make_order("A-1", make_line(world.kurta)))
    seen = Order.objects.get().version
    edit_address(order_id=order_id, address=replace(ASHA, line1="14 MG Road"), version=seen, actor="Asha")

    with pytest.raises(Conflict):
        edit_address(order_id=order_id, address=Address(city="Pune", postcode="411001"), version=seen, actor="Ravi")

    assert Order.objects.get().shipping_address.line1 == "14 MG Road"


def test_another_country_is_another_place_also_without_postcodes(world: World) -> None:
    dubai = replace(ASHA, city="Dubai", postcode="", country="AE")
    order_id = capture(world, make_order("A-1", make_line(world.kurta), ship_to=dubai))
    edit_address(order_id=order_id, address=replace(dubai, line1="Villa 8"), actor="Asha")
    edit_address(order_id=order_id, address=replace(dubai, city="Doha", country="QA"), actor="Asha")
    told = OutboxEvent.objects.filter(kind="orders.AddressChanged").order_by("pk").values_list("payload", flat=True)
    assert [payload["postcode_changed"] for payload in told] == [False, True]


def test_more_cannot_be_refunded_than_was_captured(world: World) -> None:
    order_id = capture(world, make_order("A-1", make_line(world.kurta)))
    with pytest.raises(DomainError):
        record_payment(order_id=order_id, state="refunded", refunded_minor=99_901, actor="channel")
    assert Payment.objects.get().refunded_minor == 0
