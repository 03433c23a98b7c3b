"""A SKU becomes a kit while somebody buys, receives or counts it: it never is a kit with stock."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from django.db import IntegrityError, transaction

from inventory.errors import KitHasNoStock
from inventory.models import (
    Bucket,
    PurchaseOrder,
    PurchaseOrderLine,
    Sku,
    StockLevel,
    StockMovement,
    StockMovementReason,
    TransferLine,
)
from inventory.services import (
    ComponentTerms,
    Posting,
    PurchaseLine,
    PurchaseTerms,
    StockLine,
    draft_purchase_order,
    draft_transfer,
    post,
    set_components,
)
from oms.core.errors import DomainError
from tests.factories import World, make_sku, make_world, stock
from tests.inventory.purchases import make_supplier
from tests.threads import at_once, behind

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def item(world: World) -> Sku:
    """A SKU that no node ever had."""
    return make_sku("GIFT-SET")


def becomes_a_kit(world: World, item: Sku) -> str:
    terms = [ComponentTerms(world.kurta.pk, 2), ComponentTerms(world.shoe.pk, 1)]
    return said(lambda: set_components(kit_id=item.pk, components=terms, actor="Meera"))


def is_received(world: World, item: Sku) -> str:
    goods = Posting(op_key=f"test/{item.pk}", sku_id=item.pk, node_id=world.blr.pk, from_bucket=Bucket.SUPPLIER,
                    to_bucket=Bucket.ON_HAND, quantity=3, reason=StockMovementReason.RECEIPT)  # fmt: skip
    return said(lambda: post([goods]))


def is_ordered(world: World, item: Sku, supplier_id: int) -> str:
    terms = PurchaseTerms(supplier_id=supplier_id, node_id=world.blr.pk)
    line = PurchaseLine(sku_id=item.pk, quantity=5)
    return said(lambda: draft_purchase_order(terms=terms, lines=[line], actor="Meera"))


def is_moved(world: World, item: Sku) -> str:
    lines, nodes = [StockLine(item.pk, 1)], (world.blr.pk, world.delhi.pk)
    return said(lambda: draft_transfer(from_node_id=nodes[0], to_node_id=nodes[1], lines=lines, actor="Asha"))


def said(work: Callable[[], object]) -> str:
    """What the work was refused with; nothing where it was done."""
    try:
        work()
    except DomainError as error:
        return error.message
    return ""


NO_STOCK = "This SKU is a kit, which has no stock of its own: name its components."


@pytest.mark.parametrize("had_it_once", [True, False])
def test_goods_that_come_while_the_sku_becomes_a_kit_are_refused(world: World, item: Sku, had_it_once: bool) -> None:
    if had_it_once:
        stock(item, world.blr, 4)
        stock(item, world.blr, 0)
    before = StockMovement.objects.filter(sku=item).count()

    refused = behind(lambda: becomes_a_kit(world, item), lambda: is_received(world, item))

    assert refused == NO_STOCK
    assert StockMovement.objects.filter(sku=item).count() == before
    assert not StockLevel.objects.filter(sku=item, on_hand__gt=0).exists()


@pytest.mark.parametrize("had_it_once", [True, False])
def test_a_sku_of_which_goods_are_coming_in_this_moment_does_not_become_a_kit(
    world: World, item: Sku, had_it_once: bool
) -> None:
    if had_it_once:
        stock(item, world.blr, 4)
        stock(item, world.blr, 0)

    refused = behind(lambda: is_received(world, item), lambda: becomes_a_kit(world, item))

    assert refused.startswith("GIFT-SET has stock of its own at blr-01 (3 on hand, 0 reserved)")
    assert not Sku.objects.get(pk=item.pk).is_kit


def test_a_purchase_order_and_a_kit_in_the_same_moment_know_of_each_other(world: World, item: Sku) -> None:
    supplier = make_supplier().pk
    refused = behind(lambda: becomes_a_kit(world, item), lambda: is_ordered(world, item, supplier))
    assert refused == "GIFT-SET is a kit: buy its components."
    assert not PurchaseOrder.objects.exists()

    other = make_sku("OTHER-SET")
    refused = behind(lambda: is_ordered(world, other, supplier), lambda: becomes_a_kit(world, other))
    assert refused == "OTHER-SET is on its way to a node; a kit cannot be received."


def test_a_transfer_that_is_drafted_while_the_sku_becomes_a_kit_is_refused(world: World, item: Sku) -> None:
    refused = behind(lambda: becomes_a_kit(world, item), lambda: is_moved(world, item))
    assert refused == "GIFT-SET is a kit: move its components."
    assert not TransferLine.objects.exists()


def test_of_many_at_once_none_makes_a_kit_with_stock_or_with_goods_on_their_way(world: World) -> None:
    items, supplier = [make_sku(f"SET-{number}") for number in range(4)], make_supplier().pk
    at_once([
        partial(work, world, item, *more)
        for item in items
        for work, more in ((becomes_a_kit, ()), (is_received, ()), (is_ordered, (supplier,)))
    ])  # fmt: skip
    for item in Sku.objects.filter(code__startswith="SET-"):
        units = sum(level.on_hand for level in StockLevel.objects.filter(sku=item))
        ordered = PurchaseOrderLine.objects.filter(sku=item).exists()
        assert item.is_kit != bool(units or ordered), (item, units, ordered)


def test_the_database_itself_refuses_a_kit_with_stock(world: World, item: Sku) -> None:
    order = PurchaseOrder.objects.create(number="PO-1", supplier=make_supplier(), node=world.blr)
    with pytest.raises(IntegrityError, match="There is stock of KURTA-M"), transaction.atomic():
        Sku.objects.filter(pk=world.kurta.pk).update(is_kit=True)

    assert becomes_a_kit(world, item) == ""

    with pytest.raises(KitHasNoStock):
        post([Posting(op_key="x", sku_id=item.pk, node_id=world.blr.pk, from_bucket=Bucket.SUPPLIER,
                      to_bucket=Bucket.INBOUND, quantity=1, reason=StockMovementReason.EXPECTED)])  # fmt: skip
    draft = draft_transfer(
        from_node_id=world.blr.pk, to_node_id=world.delhi.pk, lines=[StockLine(world.kurta.pk, 1)], actor="Asha"
    )
    for row in (
        PurchaseOrderLine(order=order, sku=item, quantity=1, open_quantity=1),
        TransferLine(transfer=draft, sku=item, quantity=1),
    ):
        with pytest.raises(IntegrityError, match="GIFT-SET is a kit: it is neither bought nor moved"):
            row.save()
