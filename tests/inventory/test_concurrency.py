"""Many at once, in real threads with real connections: nothing is sold twice, nothing hangs, everything adds up."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial

import pytest
from django.db import transaction

from inventory.errors import NotEnoughStock
from inventory.models import Node, NodeKind, Reservation, Sku, StockLevel
from inventory.services import (
    Claim,
    Consume,
    Release,
    StockLine,
    adjust,
    audit_stock,
    consume_reservations,
    move,
    receive,
    release_reservations,
    reserve,
)
from oms.core.db import run_atomic
from oms.core.ids import uuid7
from tests.factories import make_node, make_sku, stock
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def node() -> Node:
    return make_node("blr-01", city="Bengaluru", postcode="560037")


def claim(order_id: int, sku: Sku, node: Node, quantity: int = 1) -> Claim:
    return Claim(uuid7(), uuid7(), order_id, f"OM-{order_id}", sku.pk, node.pk, quantity)


def take(claims: Sequence[Claim]) -> set[int]:
    return run_atomic(lambda: reserve(claims, actor="test"))


def level(sku: Sku, node: Node) -> StockLevel:
    return StockLevel.objects.get(sku=sku, node=node)


def test_of_two_buyers_of_the_last_unit_exactly_one_gets_it(node: Node) -> None:
    for number in range(10):
        sku = make_sku(f"LAST-{number}")
        stock(sku, node, 1)

        refused = at_once([partial(take, [claim(order, sku, node)]) for order in (1, 2)])

        assert sorted(map(len, refused)) == [0, 1]
        assert (level(sku, node).on_hand, level(sku, node).reserved) == (1, 1)
    assert audit_stock().differences == 0


def test_a_crowd_buys_exactly_what_is_there(node: Node) -> None:
    sku = make_sku("HOT")
    stock(sku, node, 7)

    refused = at_once([partial(take, [claim(order, sku, node)]) for order in range(1, 17)])

    assert sum(1 for orders in refused if not orders) == 7
    assert Reservation.objects.filter(open_quantity=1).count() == 7
    assert level(sku, node).reserved == 7
    assert audit_stock().differences == 0


def test_orders_of_many_skus_in_any_order_neither_deadlock_nor_oversell() -> None:
    nodes = [make_node(f"n-{number}", city="Pune", postcode="411001") for number in range(2)]
    skus = [make_sku(f"SKU-{number}") for number in range(6)]
    for sku in skus:
        for node in nodes:
            stock(sku, node, 12)
    draw = random.Random(7)

    def order(number: int) -> list[Claim]:
        lines = [claim(number, sku, node) for sku in skus for node in nodes]
        draw.shuffle(lines)
        return lines[:8]

    batches = [[line for number in range(first, first + 5) for line in order(number)] for first in range(0, 40, 5)]
    refused = at_once([partial(take, batch) for batch in batches])

    taken = 40 - sum(len(orders) for orders in refused)
    assert Reservation.objects.count() == taken * 8
    assert all(row.reserved <= row.on_hand for row in StockLevel.objects.all())
    assert audit_stock().differences == 0


def test_a_release_and_a_packing_of_the_same_units_share_them_out(node: Node) -> None:
    for number in range(8):
        sku = make_sku(f"RACE-{number}")
        stock(sku, node, 5)
        wanted = claim(1, sku, node, 5)
        take([wanted])

        def give_back(wanted: Claim = wanted) -> str:
            return f"released {release_reservations(requests=[Release(wanted.line_uid, node.pk, 5)], actor='test')}"

        def pack(wanted: Claim = wanted, number: int = number) -> str:
            try:
                request = Consume(wanted.line_uid, node.pk, 5, f"pack/{number}")
                consume_reservations(requests=[request], actor="test")
            except NotEnoughStock:
                return "too late"
            return "packed"

        tasks: list[Callable[[], str]] = [give_back, pack]
        assert set(at_once(tasks)) in ({"released 5", "too late"}, {"released 0", "packed"})
        found = level(sku, node)
        assert found.reserved == 0
        assert found.on_hand + found.packed == 5
    assert audit_stock().differences == 0


def test_the_same_receipt_sent_by_many_is_received_once(node: Node) -> None:
    sku = make_sku("GRN")

    def deliver() -> int:
        return receive(node_id=node.pk, lines=[StockLine(sku.pk, 9)], op_key="GRN-1", reference="PO-1", actor="test")

    assert sorted(at_once([deliver] * 8)) == [0] * 7 + [9]
    assert level(sku, node).on_hand == 9


def test_the_same_adjustment_sent_by_many_is_posted_once(node: Node) -> None:
    sku = make_sku("ADJ")
    stock(sku, node, 9)

    def write_off() -> bool:
        return adjust(node_id=node.pk, sku_id=sku.pk, reason="lost", quantity=2, op_key="adjust/1", actor="test")

    assert sorted(at_once([write_off] * 8)) == [False] * 7 + [True]
    assert level(sku, node).on_hand == 7


def test_buyers_and_a_write_off_of_the_same_stock_never_oversell_it(node: Node) -> None:
    sku = make_sku("MIX")
    stock(sku, node, 4)

    def write_off() -> bool:
        try:
            adjust(node_id=node.pk, sku_id=sku.pk, reason="lost", quantity=3, op_key="adjust/1", actor="test")
        except NotEnoughStock:
            return False
        return True

    def buy(order: int) -> bool:
        return not take([claim(order, sku, node)])

    tasks: list[Callable[[], bool]] = [write_off, *(partial(buy, order) for order in (1, 2, 3, 4))]
    results = at_once(tasks)

    bought = sum(results[1:])
    assert bought == (1 if results[0] else 4)
    found = level(sku, node)
    assert found.reserved == bought <= found.on_hand
    assert audit_stock().differences == 0


def test_moves_both_ways_at_once_keep_every_unit() -> None:
    here = make_node("here", city="Pune", postcode="411001")
    there = make_node("there", city="Pune", postcode="411002", kind=NodeKind.STORE)
    skus = [make_sku(f"MOVE-{number}") for number in range(3)]
    for sku in skus:
        stock(sku, here, 20)
        stock(sku, there, 20)
    lines = [StockLine(sku.pk, 2) for sku in skus]

    def carry(number: int) -> int:
        source, target = (here, there) if number % 2 else (there, here)
        shuffled = lines if number % 3 else lines[::-1]
        return move(from_node_id=source.pk, to_node_id=target.pk, lines=shuffled, op_key=f"m/{number}", actor="test")

    assert at_once([partial(carry, number) for number in range(8)]) == [6] * 8
    for sku in skus:
        assert level(sku, here).on_hand == level(sku, there).on_hand == 20
    assert audit_stock().differences == 0


def test_a_reservation_inside_a_transaction_that_fails_leaves_nothing(node: Node) -> None:
    sku = make_sku("BACK")
    stock(sku, node, 3)

    def fail() -> None:
        assert reserve([claim(1, sku, node, 2)], actor="test") == set()
        raise RuntimeError("the plan could not be written")

    with pytest.raises(RuntimeError), transaction.atomic():
        fail()

    assert not Reservation.objects.exists()
    assert level(sku, node).reserved == 0
