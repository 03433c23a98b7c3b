"""Goods of orders between two nodes: out of one node's books, nobody's, and where they are in the end; never twice."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from inventory.models import Bucket, CarriedGoods, StockLevel, StockMovement
from inventory.services import Came, Fate, Leaving, Posting, Units, audit_stock, post, send_for_order, settle_carried
from oms.core.errors import Conflict
from tests.factories import World, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def sent(world: World, units: int = 4) -> None:
    """So many kurtas were packed in Bengaluru and left for the store."""
    post([
        Posting(op_key="test/pack", sku_id=world.kurta.pk, node_id=world.blr.pk, from_bucket=Bucket.ON_HAND,
                to_bucket=Bucket.PACKED, quantity=units, reason="pack")
    ])  # fmt: skip
    goods = Leaving(
        key="parcel-item/1", sku_id=world.kurta.pk, from_node_id=world.blr.pk, to_node_id=world.store.pk,
        reference="W1", units=(Units(units),),
    )  # fmt: skip
    for _ in range(2):
        send_for_order([goods], actor="Ravi")


def balances(world: World) -> list[tuple[int, int, int]]:
    """On hand, packed and damaged of the kurta, in Bengaluru and at the store."""
    levels = [StockLevel.objects.filter(sku=world.kurta, node=node).first() for node in (world.blr, world.store)]
    return [(level.on_hand, level.packed, level.damaged) if level else (0, 0, 0) for level in levels]


def test_leaving_twice_takes_the_units_once_and_they_are_nobodys_stock(world: World) -> None:
    sent(world)

    row = CarriedGoods.objects.get()
    assert (row.quantity, row.in_transit, row.closed_at) == (4, 4, None)
    assert balances(world) == [(6, 0, 0), (0, 0, 0)]
    assert audit_stock().differences == 0


def test_every_unit_ends_in_one_place_and_the_row_says_where(world: World) -> None:
    sent(world, 5)

    settle_carried([Came("parcel-item/1", Fate.FOR_ORDER, (Units(1),))], actor="Meera")
    settle_carried(
        [Came("parcel-item/1", fate, (Units(1),)) for fate in (Fate.FOR_STOCK, Fate.DAMAGED, Fate.MISSING)]
        + [Came("parcel-item/1", Fate.SENT_BACK, (Units(1),))],
        actor="Meera", note="Box was open",
    )  # fmt: skip

    row = CarriedGoods.objects.get()
    assert (row.for_order, row.for_stock, row.damaged, row.missing, row.sent_back) == (1, 1, 1, 1, 1)
    assert (row.in_transit, row.closed_at is not None) == (0, True)
    assert balances(world) == [(6, 0, 0), (1, 1, 1)]
    assert StockMovement.objects.get(reason="lost").note == "Box was open"
    assert audit_stock().differences == 0


def test_more_than_is_in_transit_is_refused_and_nothing_changes(world: World) -> None:
    sent(world)

    with pytest.raises(Conflict, match="5 came for W1, 4 are in transit"), transaction.atomic():
        settle_carried([Came("parcel-item/1", Fate.FOR_ORDER, (Units(5),))], actor="Meera")

    assert (CarriedGoods.objects.get().in_transit, balances(world)) == (4, [(6, 0, 0), (0, 0, 0)])


def test_the_database_refuses_a_row_whose_units_do_not_add_up(world: World) -> None:
    sent(world)

    with pytest.raises(IntegrityError, match="carried_goods_conserved"), transaction.atomic():
        CarriedGoods.objects.update(in_transit=3)


def test_the_auditor_finds_goods_in_transit_that_no_row_tells_of(world: World) -> None:
    sent(world)
    CarriedGoods.objects.all().delete()

    assert [(row.what, row.stored, row.computed) for row in audit_stock().found] == [("in transit", 4, 0)]
