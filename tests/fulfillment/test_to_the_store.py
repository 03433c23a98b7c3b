"""Goods of other nodes for orders to collect: sent to the store, received there, handed out; lost, short, cancelled."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from io import StringIO
from random import Random

import pytest
from django.core.management import call_command
from django.db.models import Sum

from fulfillment.errors import MayNotLeave
from fulfillment.models import FulfillmentLine, FulfillmentOrder, FulfillmentOrderKind, Shipment
from fulfillment.selectors import closed_nodes_with_work
from fulfillment.selectors.arrivals import awaited_at, awaited_work, find_awaited
from fulfillment.selectors.held import held_parcels
from fulfillment.services import (
    Arrived,
    LineUnits,
    add_all,
    add_to_manifest,
    booking_request,
    cancel_order,
    cash_of_parcel,
    collect,
    give_up_parcel,
    hand_over,
    open_fulfillment_orders,
    open_manifest,
    receive_for_pickup,
    take_apart,
    withdraw_from_node,
)
from inventory.errors import TrackingNeeded
from inventory.models import CarriedGoods, StockLevel
from inventory.services import audit_stock, switch_node
from oms.core.errors import DomainError, NotFound
from oms.core.models import OutboxEvent
from oms.reporting.stock_audit import ORDER_CHECKS
from orders.canonical import CanonicalPayment
from orders.models import Order, OrderEvent
from routing.engine import why_not
from routing.models import RoutingDecision
from routing.services import route_orders
from tests.factories import World, make_line, make_world, stock
from tests.fulfillment.floor import labelled, make_carrier, packed, picked, stock_of, units_of
from tests.fulfillment.to_store import (
    allow_transfers,
    on_the_road,
    on_the_road_with,
    order_to_collect,
    ready_parcel,
    scanned,
    with_a_serial_elsewhere,
    work_of,
)
from tests.fulfillment.tracked import lots_at, make_lot_sku, make_serial_sku, places, postings, put_lot, put_serials

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    world = make_world()
    make_carrier()
    allow_transfers()
    return world


def state_of(work: FulfillmentOrder) -> str:
    work.refresh_from_db()
    return work.state


def differences() -> int:
    """What the auditor finds, orders against stock too."""
    return audit_stock(more=ORDER_CHECKS).differences


def events(kind: str) -> int:
    return OutboxEvent.objects.filter(kind=kind).count()


def test_what_the_store_lacks_is_sent_received_and_collected_and_never_lies_free_there(world: World) -> None:
    order_id = order_to_collect(world, "W1", make_line(world.kurta, 2))
    work = work_of(order_id)
    assert (work.node_id, stock_of(world.kurta, world.blr)) == (world.blr.pk, {"on_hand": 10, "reserved": 2})

    waiting = on_the_road(order_id)

    assert (waiting.node_id, waiting.kind, state_of(work)) == (world.store.pk, "pickup", "completed")
    assert (units_of(order_id), stock_of(world.kurta, world.blr)) == ({"packed": 2}, {"on_hand": 8})
    assert not StockLevel.objects.filter(sku=world.kurta, node=world.store, inbound__gt=0).exists()
    assert CarriedGoods.objects.get().in_transit == 2
    assert differences() == 0

    receive_for_pickup(fulfillment_order_id=waiting.pk, actor="Meera")

    assert state_of(waiting) == "ready"
    assert stock_of(world.kurta, world.store) == {"packed": 2}
    assert (units_of(order_id), differences()) == ({"packed": 2}, 0)
    assert Shipment.objects.get(fulfillment_order=work).state == "delivered"

    collect(shipment_id=ready_parcel(order_id).pk, actor="Meera")

    assert units_of(order_id) == {"shipped": 2, "delivered": 2}
    assert (stock_of(world.kurta, world.store), differences()) == ({}, 0)
    assert (events("fulfillment.SentToStore"), events("fulfillment.ShipmentHandedOver")) == (1, 1)
    assert Order.objects.get(pk=order_id).stage == "delivered"


def test_the_parcel_is_addressed_to_the_store_and_asks_for_no_cash(world: World) -> None:
    total = world.kurta.price_minor
    payment = CanonicalPayment(method="cod", state="pending", amount_minor=total, captured_minor=0)
    order_id = order_to_collect(world, "W1", make_line(world.kurta), payment=payment)
    parcel = labelled(work_of(order_id))

    request = booking_request(parcel)

    assert (request.ship_to, request.cod_minor, cash_of_parcel(parcel)) == (world.store.address, 0, 0)
    hand_over(shipment_ids=[parcel.pk], actor="Ravi")
    receive_for_pickup(fulfillment_order_id=work_of(order_id, "pickup").pk, actor="Meera")
    ready = ready_parcel(order_id)
    assert cash_of_parcel(ready) == total
    collect(shipment_id=ready.pk, actor="Meera")
    order = Order.objects.get(pk=order_id)
    assert (order.payment.state, order.payment.captured_minor) == ("paid", total)


def test_cash_is_booked_when_the_rest_of_the_order_is_cancelled_on_the_road(world: World) -> None:
    stock(world.kurta, world.store, 1)
    price = world.kurta.price_minor
    payment = CanonicalPayment(method="cod", state="pending", amount_minor=2 * price, captured_minor=0)
    order_id = order_to_collect(world, "W1", make_line(world.kurta, 2), payment=payment)
    packed(work_of(order_id, "pickup"))
    waiting = on_the_road(order_id)
    collect(shipment_id=ready_parcel(order_id).pk, actor="Meera")
    assert Order.objects.get(pk=order_id).payment.state == "pending"

    cancel_order(order_id=order_id, reason="The rest is not wanted", actor="Asha")

    order = Order.objects.get(pk=order_id)
    assert (order.stage, order.payment.state, order.payment.captured_minor) == ("delivered", "paid", price)
    receive_for_pickup(fulfillment_order_id=waiting.pk, actor="Meera")
    order = Order.objects.get(pk=order_id)
    assert (order.payment.state, order.payment.captured_minor, differences()) == ("paid", price, 0)


def test_the_stores_own_goods_and_those_that_are_sent_are_two_works(world: World) -> None:
    stock(world.saree, world.store, 1)

    order_id = order_to_collect(world, "W1", make_line(world.kurta), make_line(world.saree))

    assert work_of(order_id, "pickup").node_id == world.store.pk
    assert work_of(order_id, "transfer").node_id == world.blr.pk


def test_a_line_that_is_half_there_and_half_on_the_road_is_opened_once(world: World) -> None:
    stock(world.kurta, world.store, 1)
    order_id = order_to_collect(world, "W1", make_line(world.kurta, 2))
    parcel = labelled(work_of(order_id, "transfer"))
    hand_over(shipment_ids=[parcel.pk], actor="Ravi")

    assert open_fulfillment_orders([order_id]) == []
    assert FulfillmentOrder.objects.filter(order=order_id).count() == 3
    assert units_of(order_id) == {"released": 1, "packed": 1}


def test_without_a_rule_that_allows_it_the_order_waits_for_its_store(world: World) -> None:
    allow_transfers(transfer=None)

    order_id = order_to_collect(world, "W1", make_line(world.kurta))

    assert units_of(order_id) == {"backordered": 1}
    assert not FulfillmentOrder.objects.exists()


def test_receiving_twice_changes_nothing(world: World) -> None:
    order_id = order_to_collect(world, "W1", make_line(world.kurta, 2))
    waiting = on_the_road(order_id)
    receive_for_pickup(fulfillment_order_id=waiting.pk, actor="Meera")
    before = (stock_of(world.kurta, world.store), units_of(order_id), OutboxEvent.objects.count())

    receive_for_pickup(fulfillment_order_id=waiting.pk, actor="Meera")
    give_up_parcel(fulfillment_order_id=waiting.pk, how="missing", note="Again", actor="Meera")

    assert (stock_of(world.kurta, world.store), units_of(order_id), OutboxEvent.objects.count()) == before
    assert Shipment.objects.filter(fulfillment_order=waiting).count() == 1


def test_what_is_damaged_or_missing_is_accounted_and_routed_again(world: World) -> None:
    order_id = order_to_collect(world, "W1", make_line(world.kurta, 4))
    waiting = on_the_road(order_id)
    line = FulfillmentLine.objects.get(fulfillment_order=waiting)

    receive_for_pickup(
        fulfillment_order_id=waiting.pk, actor="Meera", lines=[Arrived(line_id=line.pk, good=2, damaged=1)]
    )

    row = CarriedGoods.objects.get()
    assert (row.for_order, row.damaged, row.missing, row.in_transit) == (2, 1, 1, 0)
    assert stock_of(world.kurta, world.store) == {"packed": 2, "damaged": 1}
    assert units_of(order_id) == {"unallocated": 2, "packed": 2}
    assert differences() == 0
    assert OutboxEvent.objects.get(kind="fulfillment.WorkWithdrawn").payload["cause"] == "short on arrival"
    route_orders([order_id], trigger="short on arrival")
    open_fulfillment_orders([order_id])
    assert units_of(order_id) == {"released": 2, "packed": 2}


def test_more_than_was_sent_and_lines_of_others_are_refused(world: World) -> None:
    order_id = order_to_collect(world, "W1", make_line(world.kurta, 2))
    waiting = on_the_road(order_id)
    line = FulfillmentLine.objects.get(fulfillment_order=waiting)

    with pytest.raises(DomainError, match="2 good and 1 damaged came, expected at most 2 together"):
        receive_for_pickup(
            fulfillment_order_id=waiting.pk, actor="Meera", lines=[Arrived(line_id=line.pk, good=2, damaged=1)]
        )
    with pytest.raises(NotFound):
        receive_for_pickup(fulfillment_order_id=waiting.pk, actor="Meera", lines=[Arrived(line_id=0, good=1)])
    with pytest.raises(NotFound):
        receive_for_pickup(fulfillment_order_id=line.pk + 1000, actor="Meera")

    assert (state_of(waiting), CarriedGoods.objects.get().in_transit) == ("waiting_transfer", 2)


@pytest.mark.parametrize(("how", "back", "state"), [("missing", 7, "lost"), ("sent_back", 10, "rto_received")])
def test_a_parcel_that_never_comes_frees_the_order_for_another_node(
    world: World, how: str, back: int, state: str
) -> None:
    order_id = order_to_collect(world, "W1", make_line(world.kurta, 3))
    waiting = on_the_road(order_id)

    give_up_parcel(fulfillment_order_id=waiting.pk, how=how, note="The courier lost it", actor="Ravi")

    assert (units_of(order_id), state_of(waiting)) == ({"unallocated": 3}, "rejected")
    assert stock_of(world.kurta, world.blr) == {"on_hand": back}
    assert (differences(), Shipment.objects.get().state) == (0, state)


def test_an_order_cancelled_on_the_way_leaves_its_goods_to_the_store_as_stock(world: World) -> None:
    order_id = order_to_collect(world, "W1", make_line(world.kurta, 2))
    waiting = on_the_road(order_id)

    cancel_order(order_id=order_id, reason="Changed mind", actor="Asha")

    assert (units_of(order_id), state_of(waiting)) == ({"cancelled": 2}, "cancelled")
    assert (CarriedGoods.objects.get().in_transit, differences()) == (2, 0)

    receive_for_pickup(fulfillment_order_id=waiting.pk, actor="Meera")

    assert stock_of(world.kurta, world.store) == {"on_hand": 2}
    assert (units_of(order_id), state_of(waiting)) == ({"cancelled": 2}, "cancelled")
    assert differences() == 0


def test_an_order_cancelled_before_it_leaves_gives_the_goods_back_where_they_lie(world: World) -> None:
    order_id = order_to_collect(world, "W1", make_line(world.kurta, 2))
    labelled(work_of(order_id))

    cancel_order(order_id=order_id, reason="Changed mind", actor="Asha")

    assert (units_of(order_id), stock_of(world.kurta, world.blr)) == ({"cancelled": 2}, {"on_hand": 10})


def test_an_order_cancelled_when_it_lies_ready_leaves_stock_at_the_store(world: World) -> None:
    order_id = order_to_collect(world, "W1", make_line(world.kurta, 2))
    receive_for_pickup(fulfillment_order_id=on_the_road(order_id).pk, actor="Meera")

    cancel_order(order_id=order_id, reason="Never came", actor="Asha")

    assert (units_of(order_id), stock_of(world.kurta, world.store)) == ({"cancelled": 2}, {"on_hand": 2})
    assert differences() == 0


def test_a_sending_node_that_goes_off_is_replaced_by_another(world: World) -> None:
    order_id = order_to_collect(world, "W1", make_line(world.kurta, 2))
    work = work_of(order_id)
    picked_before = work.node_id
    switch_node(node_id=world.blr.pk, active=False, reason="Flood")
    withdraw_from_node(node_id=world.blr.pk, reason="Flood")

    route_orders([order_id], trigger="node off")
    open_fulfillment_orders([order_id])

    assert picked_before == world.blr.pk
    assert work_of(order_id).node_id == world.delhi.pk


@pytest.mark.parametrize("begun", [False, True])
def test_what_is_to_go_to_a_store_that_goes_off_stays_where_it_is(world: World, begun: bool) -> None:
    order_id = order_to_collect(world, "W1", make_line(world.kurta, 2))
    if begun:
        picked(work_of(order_id))
    switch_node(node_id=world.store.pk, active=False, reason="Flood")
    assert closed_nodes_with_work() == [world.store.pk]

    assert withdraw_from_node(node_id=world.store.pk, reason="Flood") == 1

    route_orders([order_id], trigger="node off")
    assert (units_of(order_id), stock_of(world.kurta, world.blr)) == ({"backordered": 2}, {"on_hand": 10})
    assert (closed_nodes_with_work(), withdraw_from_node(node_id=world.store.pk, reason="Flood")) == ([], 0)
    assert events("fulfillment.WorkWithdrawn") == 1


def test_work_that_sends_to_a_store_is_taken_back_part_by_part(world: World) -> None:
    for number in range(3):
        order_to_collect(world, f"W{number}", make_line(world.kurta))
    switch_node(node_id=world.store.pk, active=False, reason="Flood")

    taken = [withdraw_from_node(node_id=world.store.pk, reason="Flood", limit=2) for _ in range(2)]

    assert (taken, events("fulfillment.NodeWorkLeft")) == ([2, 1], 1)


def test_a_packed_parcel_to_a_store_that_is_off_stays_until_it_is_taken_apart(world: World) -> None:
    order_id = order_to_collect(world, "W1", make_line(world.kurta, 2))
    parcel = labelled(work_of(order_id))
    manifest = open_manifest(
        node_id=parcel.node_id, carrier_account_id=parcel.carrier_account_id or 0, actor="Ravi"
    )  # fmt: skip
    switch_node(node_id=world.store.pk, active=False, reason="Flood")
    assert withdraw_from_node(node_id=world.store.pk, reason="Flood") == 0

    for refused in (
        lambda: hand_over(shipment_ids=[parcel.pk], actor="Ravi"),
        lambda: add_to_manifest(manifest_id=manifest.pk, awb=parcel.awb, actor="Ravi"),
        lambda: add_all(manifest_id=manifest.pk, actor="Ravi"),
    ):
        with pytest.raises(MayNotLeave, match="blr-s1, where its order is collected, is switched off"):
            refused()
    assert (units_of(order_id), list(held_parcels([parcel]))) == ({"packed": 2}, [parcel.pk])
    take_apart(shipment_id=parcel.pk, actor="Ravi")

    assert (units_of(order_id), stock_of(world.kurta, world.blr)) == ({"unallocated": 2}, {"on_hand": 10})
    assert (differences(), events("fulfillment.WorkWithdrawn")) == (0, 1)


def test_a_parcel_that_the_carrier_has_goes_to_its_store_even_if_that_is_off(world: World) -> None:
    order_id = order_to_collect(world, "W1", make_line(world.kurta, 2))
    parcel = labelled(work_of(order_id))
    switch_node(node_id=world.store.pk, active=False, reason="Flood")

    scanned(parcel, "picked_up")

    assert CarriedGoods.objects.get().in_transit == 2
    said = OrderEvent.objects.get(order=order_id, kind="handed_over").message
    assert "It was gone when this was known: blr-s1, where its order is collected, is switched off." in said


def test_the_carriers_scans_move_the_parcel_and_leave_the_order_alone(world: World) -> None:
    order_id = order_to_collect(world, "W1", make_line(world.kurta, 2))
    parcel = labelled(work_of(order_id))

    scanned(parcel, "picked_up", "in_transit", "delivered")

    parcel.refresh_from_db()
    assert (parcel.state, units_of(order_id)) == ("delivered", {"packed": 2})
    assert events("fulfillment.ShipmentDelivered") == 0
    receive_for_pickup(fulfillment_order_id=work_of(order_id, FulfillmentOrderKind.PICKUP).pk, actor="Meera")
    assert stock_of(world.kurta, world.store) == {"packed": 2}


def test_a_decision_that_sends_goods_to_the_store_says_so(world: World) -> None:
    order_id = order_to_collect(world, "W1", make_line(world.kurta, 2))

    decision = RoutingDecision.objects.get(order_id=order_id)
    checked = StringIO()
    call_command("verify_decisions", stdout=checked)
    assert "Decisions checked: 1. Not checked: 0. Not holding: 0." in checked.getvalue()
    told = why_not(decision.candidates, world.delhi.pk, {world.delhi.pk: "del-01"})
    assert told.result == "eligible"
    assert "cheaper" in told.sentence
    assert "sends them to blr-s1" in decision.sentence
    picked(work_of(order_id))
    assert units_of(order_id) == {"picked": 2}


def test_lots_and_serial_numbers_go_the_whole_way(world: World) -> None:
    phone, serum = make_serial_sku(), make_lot_sku()
    put_serials(phone, world.blr, "IMEI-1", "IMEI-2", "IMEI-3")
    put_lot(serum, world.blr, "L1", 5)
    order_id = order_to_collect(world, "W1", make_line(phone, 2), make_line(serum, 3))
    waiting = on_the_road_with(order_id, "IMEI-1", "IMEI-2")
    assert (differences(), places(phone)["IMEI-1"]) == (0, "transit")
    of_phone = FulfillmentLine.objects.get(fulfillment_order=waiting, sku=phone)
    of_serum = FulfillmentLine.objects.get(fulfillment_order=waiting, sku=serum)
    short = [Arrived(line_id=of_phone.pk, good=1), Arrived(line_id=of_serum.pk, good=2, damaged=1)]

    with pytest.raises(TrackingNeeded, match="kept by serial number: say which came good"):
        receive_for_pickup(fulfillment_order_id=waiting.pk, actor="Meera", lines=short)
    short[0] = Arrived(line_id=of_phone.pk, good=1, named_good=LineUnits(serials=("IMEI-2",)))
    receive_for_pickup(fulfillment_order_id=waiting.pk, actor="Meera", lines=short)

    assert {number: place for number, place in places(phone).items() if number != "IMEI-3"} == {
        "IMEI-1": "adjustment", "IMEI-2": "packed",
    }  # fmt: skip
    assert lots_at(serum, world.store) == {"L1": {"packed": 2, "damaged": 1}}
    collect(shipment_id=ready_parcel(order_id).pk, actor="Meera")
    assert (places(phone)["IMEI-2"], lots_at(serum, world.store), differences()) == (
        "customer", {"L1": {"damaged": 1}}, 0,
    )  # fmt: skip


def test_of_two_lots_the_one_that_is_named_came_good_and_nothing_is_guessed(world: World) -> None:
    serum = make_lot_sku()
    put_lot(serum, world.blr, "L1", 2)
    put_lot(serum, world.blr, "L2", 3)
    order_id = order_to_collect(world, "W1", make_line(serum, 5))
    waiting = on_the_road(order_id)
    line = waiting.lines.get()
    refused = [
        Arrived(line_id=line.pk, good=2),
        Arrived(line_id=line.pk, good=2, damaged=1, named_good=LineUnits(lots=(("L2", 2),))),
        Arrived(line_id=line.pk, good=3, named_good=LineUnits(lots=(("L1", 3),))),
        Arrived(line_id=line.pk, good=2, named_good=LineUnits(lots=(("L2", 3),))),
        Arrived(line_id=line.pk, good=1, named_good=LineUnits(lots=(("L9", 1),))),
        Arrived(line_id=line.pk, good=0, damaged=3, named_good=LineUnits(lots=(("L2", 1),))),
    ]

    for told in refused:
        with pytest.raises(TrackingNeeded):
            receive_for_pickup(fulfillment_order_id=waiting.pk, actor="Meera", lines=[told])
    assert (CarriedGoods.objects.get().in_transit, lots_at(serum, world.store)) == (5, {})
    receive_for_pickup(
        fulfillment_order_id=waiting.pk, actor="Meera",
        lines=[
            Arrived(
                line_id=line.pk, good=2, damaged=1, named_good=LineUnits(lots=(("l2", 2),)),
                named_damaged=LineUnits(lots=(("L1", 1),)),
            )
        ],
    )  # fmt: skip

    assert lots_at(serum, world.store) == {"L1": {"damaged": 1}, "L2": {"packed": 2}}
    lost = [row for row in postings(serum, "lost") if row[0] == "transit"]
    assert sorted((units, lot) for _, _, units, lot in lost) == [(1, "L1"), (1, "L2")]
    assert differences() == 0


def test_the_serial_number_that_came_damaged_is_the_one_that_is_named(world: World) -> None:
    phone = make_serial_sku()
    put_serials(phone, world.blr, "IMEI-1", "IMEI-2")
    order_id = order_to_collect(world, "W1", make_line(phone, 2))
    waiting = on_the_road_with(order_id, "IMEI-1", "IMEI-2")
    line = waiting.lines.get()

    with pytest.raises(TrackingNeeded):
        receive_for_pickup(
            fulfillment_order_id=waiting.pk, actor="Meera", lines=[Arrived(line_id=line.pk, damaged=1)]
        )  # fmt: skip
    told = Arrived(line_id=line.pk, damaged=1, named_damaged=LineUnits(serials=("IMEI-2",)))
    receive_for_pickup(fulfillment_order_id=waiting.pk, actor="Meera", lines=[told])

    assert places(phone) == {"IMEI-1": "adjustment", "IMEI-2": "damaged"}
    assert (units_of(order_id), differences()) == ({"unallocated": 2}, 0)


@pytest.mark.parametrize("settle", ["receive", "missing", "sent_back"])
def test_a_parcel_whose_serial_number_is_elsewhere_by_the_books_is_settled_all_the_same(
    world: World, settle: str
) -> None:
    order_id, waiting = with_a_serial_elsewhere(world)
    assert [item.work.pk for item in awaited_at(world.store.pk)] == [waiting.pk]

    if settle == "receive":
        receive_for_pickup(fulfillment_order_id=waiting.pk, actor="Meera")
    else:
        give_up_parcel(fulfillment_order_id=waiting.pk, how=settle, note="Not there", actor="Meera")

    assert (state_of(waiting), units_of(order_id)) == ("rejected", {"unallocated": 1})
    assert (events("fulfillment.WorkWithdrawn"), awaited_at(world.store.pk)) == (1, [])


def test_what_else_is_in_a_parcel_with_a_serial_number_that_is_elsewhere_is_received(world: World) -> None:
    order_id, waiting = with_a_serial_elsewhere(world, make_line(world.kurta))

    receive_for_pickup(fulfillment_order_id=waiting.pk, actor="Meera")

    assert (state_of(waiting), units_of(order_id)) == ("ready", {"unallocated": 1, "packed": 1})
    assert stock_of(world.kurta, world.store) == {"packed": 1}


def test_a_parcel_that_was_received_is_not_awaited_again_when_its_order_is_cancelled(world: World) -> None:
    stock(world.kurta, world.delhi, 10)
    order_id = order_to_collect(world, "W1", make_line(world.kurta, 12))
    for work in FulfillmentOrder.objects.filter(order=order_id, kind="transfer"):
        hand_over(shipment_ids=[labelled(work).pk], actor="Ravi")
    first, second = FulfillmentOrder.objects.filter(order=order_id, state="waiting_transfer").order_by("pk")
    receive_for_pickup(fulfillment_order_id=first.pk, actor="Meera")

    cancel_order(order_id=order_id, reason="Changed mind", actor="Asha")

    assert [(item.work.pk, item.is_for_stock) for item in awaited_at(world.store.pk)] == [(second.pk, True)]
    assert find_awaited(world.store.pk, first.order.number) == awaited_work(world.store.pk, second.pk)


@pytest.mark.parametrize("seed", range(12))
def test_whatever_happens_on_the_way_no_unit_appears_or_disappears(world: World, seed: int) -> None:
    luck = Random(seed)
    stock(world.saree, world.store, luck.randint(0, 2))
    order_ids = [
        order_to_collect(
            world, f"W{number}", make_line(world.kurta, luck.randint(1, 3)), make_line(world.saree, luck.randint(1, 2))
        )
        for number in range(3)
    ]  # fmt: skip
    there_was = sum(StockLevel.objects.values_list("on_hand", flat=True))

    for _ in range(30):
        with suppress(DomainError):
            luck.choice(_STEPS)(luck.choice(order_ids), luck)
        assert differences() == 0

    levels = StockLevel.objects.aggregate(units=Sum("on_hand") + Sum("packed") + Sum("damaged"))["units"]
    carried = CarriedGoods.objects.aggregate(units=Sum("in_transit"), lost=Sum("missing"))
    sold = sum(units_of(order_id).get("shipped", 0) for order_id in order_ids)
    assert there_was == levels + (carried["units"] or 0) + (carried["lost"] or 0) + sold
    for order_id in order_ids:
        wanted = sum(line.quantity for line in Order.objects.get(pk=order_id).lines.all())
        counted = {name: units for name, units in units_of(order_id).items() if name not in ("delivered", "returned")}
        assert sum(counted.values()) == wanted


def _send(order_id: int, luck: Random) -> None:
    for work in FulfillmentOrder.objects.filter(order=order_id, kind="transfer", state__in=("open", "accepted")):
        parcel = labelled(work)
        if luck.random() < 0.8:
            hand_over(shipment_ids=[parcel.pk], actor="Ravi")


def _receive(order_id: int, luck: Random) -> None:
    for work in FulfillmentOrder.objects.filter(order=order_id, arrives_in__isnull=False):
        lines = [
            Arrived(line_id=line.pk, good=luck.randint(0, line.quantity)) for line in work.lines.order_by("pk")
        ]  # fmt: skip
        receive_for_pickup(fulfillment_order_id=work.pk, actor="Meera", lines=luck.choice([None, lines]))


def _give_up(order_id: int, luck: Random) -> None:
    for work in FulfillmentOrder.objects.filter(order=order_id, state="waiting_transfer"):
        how = "missing" if luck.random() < 0.5 else "sent_back"
        give_up_parcel(fulfillment_order_id=work.pk, how=how, note="Lost", actor="Ravi")


def _collect(order_id: int, luck: Random) -> None:
    for parcel in Shipment.objects.filter(order=order_id, state="created", fulfillment_order__kind="pickup"):
        collect(shipment_id=parcel.pk, actor="Meera")


def _pack_own(order_id: int, luck: Random) -> None:
    for work in FulfillmentOrder.objects.filter(order=order_id, kind="pickup", state="open"):
        packed(work)


def _cancel(order_id: int, luck: Random) -> None:
    if luck.random() < 0.3:
        cancel_order(order_id=order_id, reason="Changed mind", actor="Asha")


def _route(order_id: int, luck: Random) -> None:
    route_orders([order_id], trigger="again")
    open_fulfillment_orders([order_id])


_STEPS: tuple[Callable[[int, Random], None], ...] = (
    _send, _send, _receive, _receive, _give_up, _collect, _pack_own, _cancel, _route
)  # fmt: skip
