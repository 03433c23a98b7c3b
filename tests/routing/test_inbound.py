"""Goods on their way are promised to waiting orders: first come, first served; and that is how they are given out."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory.models import InboundShipment, NodeGroup, PurchaseOrder, StockLevel
from inventory.selectors import Arrival, arrivals_of
from inventory.services import (
    AnnouncedLine,
    PurchaseLine,
    PurchaseTerms,
    ReceiptItem,
    Source,
    announce_shipment,
    draft_purchase_order,
    place_purchase_order,
    receive_goods,
    set_safety_stock,
)
from oms.flow.waiting import try_waiting
from orders.models import OrderLine
from routing.models import ChannelSourcing
from routing.selectors import Waiting, expected_of, promise_arrivals, promises_of
from routing.services import route_orders
from tests.factories import World, capture, make_line, make_order, make_world, stock
from tests.inventory.purchases import make_supplier

pytestmark = pytest.mark.django_db
DAY = date(2026, 12, 3)


@pytest.fixture
def world() -> World:
    """Nobody has a kurta."""
    world = make_world()
    for node in (world.blr, world.delhi):
        stock(world.kurta, node, 0)
    return world


def buy(world: World, units: int, day: date | None, code: str = "weaver", node: str = "blr") -> PurchaseOrder:
    terms = PurchaseTerms(supplier_id=make_supplier(code).pk, node_id=getattr(world, node).pk, expected_on=day)
    order = draft_purchase_order(
        terms=terms, lines=[PurchaseLine(sku_id=world.kurta.pk, quantity=units)], actor="Meera"
    )  # fmt: skip
    return place_purchase_order(order_id=order.pk, actor="Meera")


def wait(world: World, name: str, units: int) -> int:
    """An order that nobody can serve; its id."""
    order_id = capture(world, make_order(name, make_line(world.kurta, units)))
    route_orders([order_id], trigger="captured")
    return order_id


def promised(world: World) -> list[tuple[int, int, date | None]]:
    return [(row.order_id, row.units, row.day) for row in promises_of([world.kurta.pk])]


def test_the_oldest_order_is_promised_the_earliest_goods(world: World) -> None:
    first, second, third = wait(world, "A", 4), wait(world, "B", 5), wait(world, "C", 9)
    buy(world, 6, DAY, "early")
    buy(world, 8, DAY + timedelta(days=4), "later", "delhi")

    assert promised(world) == [
        (first, 4, DAY), (second, 2, DAY), (second, 3, DAY + timedelta(days=4)), (third, 5, DAY + timedelta(days=4)),
    ]  # fmt: skip
    assert [(row.arrival.quantity, row.promised, row.free) for row in expected_of([world.kurta.pk])] == [
        (6, 6, 0), (8, 8, 0),
    ]  # fmt: skip


def test_when_goods_arrive_they_go_to_those_they_were_promised_to(world: World) -> None:
    orders = [wait(world, name, 4) for name in "ABC"]
    purchase = buy(world, 9, DAY)
    assert [(order, units) for order, units, _ in promised(world)] == list(zip(orders, (4, 4, 1), strict=True))

    receive_goods(
        node_id=world.blr.pk, items=[ReceiptItem(sku_id=world.kurta.pk, good=9)], op_key="GRN", actor="Ravi",
        source=Source(order_id=purchase.pk),
    )  # fmt: skip
    try_waiting(trigger="stock arrived", sku_ids=[world.kurta.pk])

    lines = OrderLine.objects.order_by("order_id").values_list("order_id", "allocated", "backordered")
    assert list(lines) == [(orders[0], 4, 0), (orders[1], 4, 0), (orders[2], 1, 3)]
    assert promised(world) == []


def test_an_asn_has_a_date_of_its_own_and_the_rest_the_orders(world: World) -> None:
    purchase = buy(world, 10, DAY)
    shipment = announce_shipment(
        order_id=purchase.pk, number="ASN-7", lines=[AnnouncedLine(sku_id=world.kurta.pk, quantity=4)], actor="Meera",
        expected_at=datetime(2026, 11, 30, 10, tzinfo=UTC),
    )  # fmt: skip

    found = arrivals_of([world.kurta.pk])

    assert [(row.kind, row.number, row.quantity, row.day) for row in found] == [
        ("asn", "ASN-7", 4, date(2026, 11, 30)), ("purchase_order", purchase.number, 6, DAY),
    ]  # fmt: skip
    assert all(row.document_id == purchase.pk for row in found)
    receive_goods(
        node_id=world.blr.pk, items=[ReceiptItem(sku_id=world.kurta.pk, good=8)], op_key="GRN", actor="Ravi",
        source=Source(order_id=purchase.pk),
    )  # fmt: skip
    # The goods came without naming the ASN: no more is promised of it than is open.
    assert [(row.kind, row.quantity) for row in arrivals_of([world.kurta.pk])] == [("asn", 2)]
    InboundShipment.objects.filter(pk=shipment.pk).update(state="cancelled")
    found = arrivals_of([world.kurta.pk])
    assert sum(row.quantity for row in found) == StockLevel.objects.get(sku=world.kurta, node=world.blr).inbound == 2


def test_goods_go_only_where_the_channel_sells_from(world: World) -> None:
    north = NodeGroup.objects.create(code="north", name="North")
    world.delhi.groups.add(north)
    order_id = wait(world, "A", 4)
    buy(world, 6, DAY)
    assert promised(world) == [(order_id, 4, DAY)]

    ChannelSourcing.objects.get(channel=world.channel).groups.set([north])

    assert promised(world) == []


def test_safety_stock_is_filled_up_before_anything_is_promised(world: World) -> None:
    order_id = wait(world, "A", 4)
    set_safety_stock(node_id=world.blr.pk, sku_id=world.kurta.pk, quantity=3)
    buy(world, 5, DAY)

    assert promised(world) == [(order_id, 2, DAY)]


def test_a_node_that_is_off_promises_nothing(world: World) -> None:
    wait(world, "A", 4)
    buy(world, 5, DAY)
    world.blr.is_active = False
    world.blr.save()

    assert promised(world) == []


def test_undated_goods_come_last_and_sharing_out_is_pure() -> None:
    def arrival(day: date | None, units: int) -> Arrival:
        return Arrival(sku_id=1, node_id=1, node_code="n", day=day, quantity=units, kind="purchase_order",
                       document_id=1, number="PO")  # fmt: skip

    waiting = [
        Waiting(line_id=pk, order_id=pk, order_number="", sku_id=1, units=2, node_ids=nodes)
        for pk, nodes in ((3, None), (2, frozenset({9})), (1, None))
    ]
    rows = promise_arrivals([arrival(DAY, 3), arrival(None, 9)], waiting, {(1, 1): 2})

    assert [(row.order_id, row.units, row.day) for row in rows] == [(1, 1, DAY), (1, 1, None), (3, 2, None)]


def test_many_orders_cost_no_more_statements(world: World) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            promises_of([world.kurta.pk])
        return len(queries)

    buy(world, 50, DAY)
    wait(world, "A", 4)
    few = statements()
    for number in range(4):
        wait(world, f"B{number}", 1)
        buy(world, 5, DAY, f"s{number}")

    assert statements() == few == 4
