"""Several people receive at once, in real threads: every unit is counted once."""

from __future__ import annotations

from functools import partial
from unittest.mock import patch

import pytest
from django.db.models import Sum

from inventory.errors import SerialElsewhere
from inventory.models import Receipt, SerialNumber, StockMovement, Tracking
from inventory.services import (
    ReceiptItem,
    Source,
    close_purchase_order,
    place_purchase_order,
    receive_goods,
    reverse_receipt,
)
from oms.core.errors import Conflict, DomainError
from tests.factories import make_node, make_sku
from tests.inventory.purchases import buckets, line_of, make_draft, make_placed, make_supplier, state_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_receipts_of_one_order_at_once_are_both_counted() -> None:
    node, sku = make_node("blr-01", city="Bengaluru", postcode="560037"), make_sku("KURTA")
    order = make_placed(make_supplier(), node, (sku, 100))

    def load(number: int) -> bool:
        item = ReceiptItem(sku_id=sku.pk, good=20, damaged=1)
        source = Source(order_id=order.pk)
        return receive_goods(
            node_id=node.pk, items=[item], op_key=f"GRN-{number}", actor="x", source=source
        ).is_new  # fmt: skip

    assert all(at_once([partial(load, number) for number in range(5)]))

    # 105 units of 100: the last 5 are the 5 % that may come on top, whichever receipt was last.
    assert line_of(order, sku) == (0, 96, 4, 0, 5)
    assert buckets(sku, node) == (100, 5, 0)
    assert state_of(order) == "received"


def test_a_placing_that_dies_between_its_statements_leaves_a_draft() -> None:
    node, sku = make_node("blr-01", city="Bengaluru", postcode="560037"), make_sku("KURTA")
    order = make_draft(make_supplier(), node, (sku, 100))

    with patch("inventory.services.purchasing.post", side_effect=RuntimeError), pytest.raises(RuntimeError):
        place_purchase_order(order_id=order.pk, version=1, actor="x")

    assert state_of(order) == "draft"
    place_purchase_order(order_id=order.pk, version=1, actor="x")
    assert buckets(sku, node) == (0, 0, 100)


def test_the_same_receipt_from_two_devices_is_one() -> None:
    node, phone = make_node("blr-01", city="Bengaluru", postcode="560037"), make_sku("PHONE", tracking=Tracking.SERIAL)
    numbers = tuple(f"IMEI-{number}" for number in range(10))
    item = ReceiptItem(sku_id=phone.pk, good=10, serials=numbers)

    def load() -> bool:
        return receive_goods(node_id=node.pk, items=[item], op_key="GRN-1", actor="x").is_new

    assert sorted(at_once([load] * 4)) == [False, False, False, True]
    assert (Receipt.objects.count(), SerialNumber.objects.count(), buckets(phone, node)[0]) == (1, 10, 10)


def test_a_serial_number_at_two_doors_at_once_comes_in_at_one() -> None:
    nodes = [make_node(f"n-{i}", city="Bengaluru", postcode="560037") for i in range(2)]
    phone = make_sku("PHONE", tracking=Tracking.SERIAL)
    item = ReceiptItem(sku_id=phone.pk, good=1, serials=("IMEI-1",))

    def load(number: int) -> str:
        try:
            receive_goods(node_id=nodes[number].pk, items=[item], op_key=f"GRN-{number}", actor="x")
        except SerialElsewhere:
            return "refused"
        return "came"

    assert sorted(at_once([partial(load, number) for number in range(2)])) == ["came", "refused"]
    assert StockMovement.objects.aggregate(n=Sum("quantity"))["n"] == 1


def test_receiving_while_the_order_is_closed_and_placing_it_twice_adds_up() -> None:
    node, sku = make_node("blr-01", city="Bengaluru", postcode="560037"), make_sku("KURTA")
    supplier = make_supplier()
    for number in range(4):
        order = make_draft(supplier, node, (sku, 10))

        def place(order_id: int = order.pk) -> bool:
            try:
                place_purchase_order(order_id=order_id, actor="x")
            except Conflict:
                return False
            return True

        def load(order_id: int = order.pk, key: str = f"GRN-{number}") -> bool:
            item = ReceiptItem(sku_id=sku.pk, good=6)
            try:
                receive_goods(node_id=node.pk, items=[item], op_key=key, actor="x", source=Source(order_id=order_id))
            except DomainError:
                return False
            return True

        def close(order_id: int = order.pk) -> bool:
            close_purchase_order(order_id=order_id, reason="", actor="x")
            return True

        assert sorted(at_once([place, place])) == [False, True]
        came, _ = at_once([partial(load, order.pk), partial(close, order.pk)])
        assert line_of(order, sku) == ((0, 6, 0, 4, 0) if came else (0, 0, 0, 10, 0))
    assert buckets(sku, node)[2] == 0


def test_a_receipt_taken_back_by_two_people_goes_back_once() -> None:
    node, sku = make_node("blr-01", city="Bengaluru", postcode="560037"), make_sku("KURTA")
    order = make_placed(make_supplier(), node, (sku, 10))
    item = ReceiptItem(sku_id=sku.pk, good=10)
    receipt = receive_goods(
        node_id=node.pk, items=[item], op_key="GRN", actor="x", source=Source(order_id=order.pk)
    ).receipt

    def undo() -> bool:
        return reverse_receipt(receipt_id=receipt.pk, reason="", actor="x").is_new

    assert sorted(at_once([undo] * 3)) == [False, False, True]
    assert (line_of(order, sku), buckets(sku, node)) == ((10, 0, 0, 0, 0), (0, 0, 10))
