"""Two connections in a fixed order: whoever comes second waits for the first, then goes by what the first left.

Nothing here depends on luck: the first has written and not committed when the second begins.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import pytest
from django.db import transaction

from inventory.errors import HoldUsed, NotEnoughStock
from inventory.models import Bucket, Node, Sku, StockLevel, StockMovement, StockMovementReason, Supplier
from inventory.selectors import ledger_page
from inventory.services import (
    Claim,
    ForOrder,
    HoldLine,
    OpeningRow,
    Posting,
    PurchaseLine,
    PurchaseTerms,
    ReceiptItem,
    Received,
    Source,
    StockLine,
    WantedUnits,
    adjust,
    audit_stock,
    confirm_hold,
    confirm_transfer,
    count,
    draft_purchase_order,
    draft_transfer,
    hold_stock,
    move,
    place_purchase_order,
    post,
    receive,
    receive_goods,
    receive_transfer,
    release_hold,
    reserve,
    set_opening_stock,
    ship_transfer,
)
from oms.core.db import run_atomic
from oms.core.ids import uuid7
from routing.services import forget_policy, route_orders
from tests.factories import World, capture, make_line, make_order, make_world, stock
from tests.flow.processes import until
from tests.threads import SECONDS, behind, beside, waits_for_a_lock

pytestmark = pytest.mark.django_db(transaction=True)
T = TypeVar("T")


@pytest.fixture
def world() -> World:
    """Two kurtas in Bengaluru, and none elsewhere."""
    forget_policy()
    made = make_world()
    stock(made.kurta, made.blr, 2)
    stock(made.kurta, made.delhi, 0)
    return made


def level(sku: Sku, node: Node) -> StockLevel:
    return StockLevel.objects.get(sku=sku, node=node)


# -- the last units ----------------------------------------------------------------------------------------------------


def order_reserves(world: World, quantity: int = 2) -> bool:
    claim = Claim(uuid7(), uuid7(), 1, "OM-1", world.kurta.pk, world.blr.pk, quantity)
    return run_atomic(lambda: not reserve([claim], actor="test"))


def order_is_routed(world: World) -> bool:
    order_id = capture(world, make_order("second", make_line(world.kurta, 2)))
    return [routed.outcome for routed in route_orders([order_id], trigger="captured")] == ["routed"]


def checkout_holds(world: World) -> bool:
    hold_stock(uid=uuid7(), owner="t", lines=[HoldLine(world.kurta.pk, 2)], seconds=60, actor="shop")
    return True


def transfer_is_confirmed(world: World) -> bool:
    draft = draft_transfer(
        from_node_id=world.blr.pk, to_node_id=world.delhi.pk, lines=[StockLine(world.kurta.pk, 2)], actor="Asha"
    )
    confirm_transfer(transfer_id=draft.pk, actor="Asha")
    return True


def units_are_moved(world: World) -> bool:
    lines = [StockLine(world.kurta.pk, 2)]
    return bool(move(from_node_id=world.blr.pk, to_node_id=world.delhi.pk, lines=lines, op_key="m", actor="Asha"))


def units_are_written_off(world: World) -> bool:
    return adjust(node_id=world.blr.pk, sku_id=world.kurta.pk, reason="lost", quantity=2, op_key="a", actor="Asha")


def got(door: Callable[[World], bool], world: World) -> bool:
    """Whether it got the units; that there are none left is a refusal like any other."""
    try:
        return door(world)
    except NotEnoughStock:
        return False


#: Every door through which units are promised or leave.
DOORS = (order_reserves, order_is_routed, checkout_holds, transfer_is_confirmed, units_are_moved, units_are_written_off)


@pytest.mark.parametrize("commits", [True, False])
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_the_last_units_go_to_the_second_only_where_the_first_lets_go(
    world: World, door: Callable[[World], bool], commits: bool
) -> None:
    second = behind(partial(order_reserves, world), partial(got, door, world), commits=commits)

    assert second is not commits
    found = level(world.kurta, world.blr)
    taken = 0 if not commits and found.on_hand == 0 else 2
    assert (found.reserved, found.on_hand) == (taken, taken)
    assert audit_stock().differences == 0


def test_a_transfer_that_comes_second_says_what_is_missing(world: World) -> None:
    with pytest.raises(NotEnoughStock, match="KURTA-M: 2 wanted, ATP 0"):
        behind(partial(order_reserves, world), partial(transfer_is_confirmed, world))

    assert level(world.kurta, world.blr).reserved == 2


# -- numbers that others change ----------------------------------------------------------------------------------------


def arrive(world: World, quantity: int, key: str) -> int:
    lines = [StockLine(world.kurta.pk, quantity)]
    return receive(node_id=world.blr.pk, lines=lines, op_key=key, reference="", actor="Asha")


def test_goods_that_come_in_at_two_doors_are_all_counted(world: World) -> None:
    assert behind(partial(arrive, world, 5, "first"), partial(arrive, world, 3, "second")) == 3

    assert level(world.kurta, world.blr).on_hand == 10
    assert audit_stock().differences == 0


def test_a_count_takes_in_what_was_being_received(world: World) -> None:
    counted = partial(count, node_id=world.blr.pk, sku_id=world.kurta.pk, counted=4, op_key="count", actor="Babu")

    change = behind(partial(arrive, world, 5, "first"), counted)

    assert (change, level(world.kurta, world.blr).on_hand) == (-3, 4)


def test_opening_stock_takes_in_what_was_being_received(world: World) -> None:
    row = OpeningRow(world.kurta.pk, world.blr.pk, 4)

    behind(partial(arrive, world, 5, "first"), partial(set_opening_stock, rows=[row], op_key="open", actor="Babu"))

    assert level(world.kurta, world.blr).on_hand == 4


def test_two_receipts_of_one_order_are_both_counted_in_it(world: World) -> None:
    supplier = Supplier.objects.create(code="weaver", name="The weaver")
    order = draft_purchase_order(
        terms=PurchaseTerms(supplier_id=supplier.pk, node_id=world.blr.pk),
        lines=[PurchaseLine(sku_id=world.kurta.pk, quantity=10)], actor="Asha",
    )  # fmt: skip
    place_purchase_order(order_id=order.pk, actor="Asha")

    def come(quantity: int, key: str) -> object:
        items = [ReceiptItem(sku_id=world.kurta.pk, good=quantity)]
        source = Source(order_id=order.pk)
        return receive_goods(node_id=world.blr.pk, items=items, source=source, op_key=key, actor="Asha")

    behind(partial(come, 4, "first"), partial(come, 3, "second"))

    line = order.lines.get()
    assert (line.open_quantity, line.received_quantity) == (3, 7)
    found = level(world.kurta, world.blr)
    assert (found.on_hand, found.inbound) == (9, 3)
    assert audit_stock().differences == 0


def test_two_goes_of_a_transfer_are_both_counted_in_it(world: World) -> None:
    lines = [StockLine(world.saree.pk, 6)]
    road = draft_transfer(from_node_id=world.blr.pk, to_node_id=world.delhi.pk, lines=lines, actor="Asha")
    confirm_transfer(transfer_id=road.pk, actor="Asha")
    ship_transfer(transfer_id=road.pk, actor="Asha")
    line = road.lines.get()

    def come(quantity: int, key: str) -> object:
        came = [Received(line_id=line.pk, good=quantity)]
        return receive_transfer(transfer_id=road.pk, lines=came, op_key=key, actor="Babu")

    behind(partial(come, 3, "first"), partial(come, 2, "second"))

    line.refresh_from_db()
    assert (line.in_transit_quantity, line.received_quantity) == (1, 5)
    found = level(world.saree, world.delhi)
    assert (found.on_hand, found.inbound) == (15, 1)
    assert audit_stock().differences == 0


def test_a_hold_that_is_being_sold_is_not_given_back(world: World) -> None:
    held = hold_stock(uid=uuid7(), owner="t", lines=[HoldLine(world.kurta.pk, 2)], seconds=60, actor="shop")
    order = ForOrder(7, "OM-7", [WantedUnits(uuid7(), world.kurta.pk, 2)], "shop")

    with pytest.raises(HoldUsed):
        behind(
            partial(confirm_hold, uid=held.uid, owner="t", order=order),
            partial(release_hold, uid=held.uid, owner="t", actor="shop"),
        )

    held.refresh_from_db()
    assert (held.state, level(world.kurta, world.blr).reserved) == ("confirmed", 2)
    assert audit_stock().differences == 0


def test_postings_stand_in_the_ledger_in_the_order_in_which_they_counted(world: World) -> None:
    def found(*skus: Sku) -> list[Posting]:
        return [
            Posting(op_key=f"found/{len(skus)}/{sku.pk}", sku_id=sku.pk, node_id=world.blr.pk, quantity=1,
                    from_bucket=Bucket.ADJUSTMENT, to_bucket=Bucket.ON_HAND, reason=StockMovementReason.FOUND)
            for sku in skus
        ]  # fmt: skip

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            arrive(world, 1, "first")
            waiting = beside(pool, partial(post, found(world.kurta, world.saree)))
            until(waits_for_a_lock, seconds=20, what="the one of two levels waits for the first")
            with ThreadPoolExecutor(1) as another:
                beside(another, partial(post, found(world.saree))).result(SECONDS)
        assert len(waiting.result(SECONDS)) == 2

    rows = StockMovement.objects.filter(sku=world.saree, node=world.blr, reason="found").order_by("pk")
    assert [row.op_key.split("/")[1] for row in rows] == ["1", "2"]
    assert [row.on_hand for row in ledger_page(world.saree.pk, world.blr.pk).rows[:2]] == [12, 11]
