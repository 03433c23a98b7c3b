"""Transfers and sales at the same moment, in real threads: nothing is sold twice, nothing comes twice."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from inventory.errors import NotEnoughStock
from inventory.models import Node, Sku, StockLevel, Transfer, TransferLine
from inventory.services import (
    Claim,
    Received,
    StockLine,
    cancel_transfer,
    confirm_transfer,
    draft_transfer,
    receive_transfer,
    reserve,
    ship_transfer,
)
from oms.core.db import fetch_all, run_atomic
from oms.core.errors import Conflict
from oms.core.ids import uuid7
from tests.factories import make_node, make_sku, stock
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def nodes() -> tuple[Node, Node]:
    return (make_node("blr-01", city="Bengaluru", postcode="560037"),
            make_node("del-01", city="Delhi", postcode="110037"))  # fmt: skip


def draft(nodes: tuple[Node, Node], sku: Sku, quantity: int) -> Transfer:
    return draft_transfer(
        from_node_id=nodes[0].pk, to_node_id=nodes[1].pk, lines=[StockLine(sku.pk, quantity)], actor="Asha"
    )


def outcome(task: Callable[[], object]) -> str:
    try:
        task()
    except (NotEnoughStock, Conflict) as error:
        return error.code
    return "done"


def test_a_transfer_and_sales_of_the_same_units_never_oversell(nodes: tuple[Node, Node]) -> None:
    sku = make_sku("KURTA-M")
    stock(sku, nodes[0], 10)
    transfers = [draft(nodes, sku, 3) for _ in range(4)]

    def sell(order_id: int) -> str:
        claims = [Claim(uuid7(), uuid7(), order_id, f"OM-{order_id}", sku.pk, nodes[0].pk, 1)]
        return "refused" if run_atomic(lambda: reserve(claims, actor="shop")) else "sold"

    tasks = [partial(outcome, partial(confirm_transfer, transfer_id=row.pk, actor="Asha")) for row in transfers]
    results = at_once([*tasks, *(partial(sell, number) for number in range(1, 9))])

    confirmed, sold = results.count("done"), results.count("sold")
    level = StockLevel.objects.get(sku=sku, node=nodes[0])
    assert level.reserved == 3 * confirmed + sold
    assert level.reserved <= level.on_hand == 10
    assert Transfer.objects.filter(state="reserved").count() == confirmed
    assert 10 - level.reserved < 3 or confirmed == 4


def test_two_receivers_of_the_same_carton_count_it_once(nodes: tuple[Node, Node]) -> None:
    sku = make_sku("KURTA-M")
    stock(sku, nodes[0], 10)
    transfer = draft(nodes, sku, 10)
    confirm_transfer(transfer_id=transfer.pk, actor="Asha")
    shipped = ship_transfer(transfer_id=transfer.pk, actor="Asha")
    line = TransferLine.objects.get()

    def receive(name: str) -> str:
        return outcome(partial(
            receive_transfer, transfer_id=transfer.pk, lines=[Received(line_id=line.pk, good=8)], op_key=name,
            actor=name, version=shipped.version,
        ))  # fmt: skip

    results = at_once([partial(receive, name) for name in ("Babu", "Lata", "Salma")])

    line.refresh_from_db()
    assert sorted(results) == ["conflict", "conflict", "done"]
    assert (line.received_quantity, line.in_transit_quantity) == (8, 2)
    assert StockLevel.objects.get(sku=sku, node=nodes[1]).on_hand == 8


def test_the_same_receipt_sent_by_many_counts_once(nodes: tuple[Node, Node]) -> None:
    sku = make_sku("KURTA-M")
    stock(sku, nodes[0], 10)
    transfer = draft(nodes, sku, 10)
    confirm_transfer(transfer_id=transfer.pk, actor="Asha")
    ship_transfer(transfer_id=transfer.pk, actor="Asha")
    line = TransferLine.objects.get()

    at_once([
        partial(receive_transfer, transfer_id=transfer.pk, lines=[Received(line_id=line.pk, good=4)], op_key="carton-1",
                actor="Babu")
        for _ in range(5)
    ])  # fmt: skip

    assert StockLevel.objects.get(sku=sku, node=nodes[1]).on_hand == 4


def test_shipped_or_cancelled_but_never_both(nodes: tuple[Node, Node]) -> None:
    sku = make_sku("KURTA-M")
    stock(sku, nodes[0], 10)
    transfer = draft(nodes, sku, 10)
    confirm_transfer(transfer_id=transfer.pk, actor="Asha")

    at_once([
        partial(outcome, partial(ship_transfer, transfer_id=transfer.pk, actor="Asha")),
        partial(outcome, partial(cancel_transfer, transfer_id=transfer.pk, actor="Ravi")),
    ])  # fmt: skip

    transfer.refresh_from_db()
    here, there = (StockLevel.objects.filter(sku=sku, node=node).first() for node in nodes)
    assert here is not None
    if transfer.state == "shipped":
        assert there is not None
        assert (here.on_hand, here.reserved, there.inbound) == (0, 0, 10)
    else:
        assert (transfer.state, here.on_hand, here.reserved) == ("cancelled", 10, 0)


def test_transfers_that_cross_on_the_road_do_not_deadlock(nodes: tuple[Node, Node]) -> None:
    skus = [make_sku(f"N-{number}") for number in range(4)]
    for sku in skus:
        for node in nodes:
            stock(sku, node, 20)
    transfers = []
    for number in range(6):
        here, there = nodes if number % 2 else nodes[::-1]
        order = skus if number % 3 else skus[::-1]
        row = draft_transfer(from_node_id=here.pk, to_node_id=there.pk, actor="Asha",
                             lines=[StockLine(sku.pk, 2) for sku in order])  # fmt: skip
        confirm_transfer(transfer_id=row.pk, actor="Asha")
        transfers.append(row)

    at_once([partial(ship_transfer, transfer_id=row.pk, actor="Asha") for row in transfers])

    [(total,)] = fetch_all("""SELECT sum(quantity * ((to_bucket = 'transit')::int
        - (from_bucket = 'transit')::int))::int FROM inventory_stockmovement""")
    assert total == 0
    assert Transfer.objects.filter(state="shipped").count() == 6
