"""The ledger: posted once, never changed, and always what the balances say."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import DatabaseError, transaction

from inventory.errors import BadQuantity, NotEnoughStock
from inventory.models import Bucket, StockLevel, StockMovement, StockMovementReason
from inventory.services import Posting, audit_stock, post
from tests.factories import World, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def posting(world: World, op_key: str, quantity: int, source: str, target: str, leg: int = 1) -> Posting:
    return Posting(
        op_key=op_key, leg=leg, sku_id=world.kurta.pk, node_id=world.blr.pk, from_bucket=source, to_bucket=target,
        quantity=quantity, reason=StockMovementReason.CORRECTION, actor="test",
    )  # fmt: skip


def level(world: World) -> StockLevel:
    return StockLevel.objects.get(sku=world.kurta, node=world.blr)


def test_a_posting_moves_units_from_one_balance_to_the_other(world: World) -> None:
    new = post([posting(world, "a", 3, Bucket.ON_HAND, Bucket.DAMAGED)])

    assert new == {("a", 1)}
    assert (level(world).on_hand, level(world).damaged) == (7, 3)


def test_posting_the_same_operation_again_changes_nothing(world: World) -> None:
    post([posting(world, "a", 3, Bucket.ON_HAND, Bucket.DAMAGED)])
    new = post([posting(world, "a", 3, Bucket.ON_HAND, Bucket.DAMAGED)])

    assert new == set()
    assert (level(world).on_hand, level(world).damaged) == (7, 3)


def test_legs_of_one_operation_are_posted_once_each(world: World) -> None:
    legs = [posting(world, "a", 2, Bucket.ON_HAND, Bucket.DAMAGED, leg=leg) for leg in (1, 2)]
    post(legs[:1])

    assert post(legs) == {("a", 2)}
    assert level(world).damaged == 4


@pytest.mark.parametrize("quantity", [0, -1, 2_000_000_000])
def test_an_impossible_quantity_is_refused_before_anything_is_written(world: World, quantity: int) -> None:
    rows = StockMovement.objects.count()

    with pytest.raises(BadQuantity):
        post([posting(world, "a", 1, Bucket.ON_HAND, Bucket.DAMAGED),
              posting(world, "b", quantity, Bucket.ON_HAND, Bucket.DAMAGED)])  # fmt: skip

    assert StockMovement.objects.count() == rows


def test_an_unknown_bucket_is_refused(world: World) -> None:
    with pytest.raises(BadQuantity):
        post([posting(world, "a", 1, Bucket.ON_HAND, "shelf")])


def test_a_posting_that_would_take_more_than_there_is_takes_nothing_at_all(world: World) -> None:
    with pytest.raises(NotEnoughStock), transaction.atomic():
        post([posting(world, "a", 4, Bucket.ON_HAND, Bucket.DAMAGED),
              posting(world, "b", 7, Bucket.ON_HAND, Bucket.DAMAGED)])  # fmt: skip

    assert (level(world).on_hand, level(world).damaged) == (10, 0)
    assert not StockMovement.objects.filter(op_key__in=["a", "b"]).exists()


def test_reserved_units_cannot_be_taken_away(world: World) -> None:
    post([posting(world, "r", 8, Bucket.DEMAND, Bucket.RESERVED)])

    with pytest.raises(NotEnoughStock), transaction.atomic():
        post([posting(world, "a", 3, Bucket.ON_HAND, Bucket.ADJUSTMENT)])

    assert (level(world).on_hand, level(world).reserved) == (10, 8)


def test_the_first_posting_makes_the_level(world: World) -> None:
    post([
        Posting(op_key="a", sku_id=world.kurta.pk, node_id=world.store.pk, from_bucket=Bucket.SUPPLIER,
                to_bucket=Bucket.ON_HAND, quantity=5, reason=StockMovementReason.RECEIPT)
    ])  # fmt: skip

    assert StockLevel.objects.get(sku=world.kurta, node=world.store).on_hand == 5


WRITES: dict[str, Callable[[], object]] = {
    "balance": lambda: StockLevel.objects.filter(damaged=1).update(on_hand=99),
    "change": lambda: StockMovement.objects.filter(op_key="a").update(quantity=2),
    "delete": lambda: StockMovement.objects.filter(op_key="a").delete(),
}


@pytest.mark.parametrize("write", WRITES)
def test_the_database_refuses_any_other_way_to_change_stock(world: World, write: str) -> None:
    post([posting(world, "a", 1, Bucket.ON_HAND, Bucket.DAMAGED)])

    with pytest.raises(DatabaseError), transaction.atomic():
        WRITES[write]()

    assert (level(world).on_hand, level(world).damaged) == (9, 1)


def test_after_any_postings_every_balance_is_the_sum_of_its_ledger(world: World) -> None:
    post([
        posting(world, "a", 4, Bucket.ON_HAND, Bucket.DAMAGED),
        posting(world, "b", 1, Bucket.DAMAGED, Bucket.ON_HAND),
        posting(world, "c", 2, Bucket.ON_HAND, Bucket.QUARANTINE),
    ])  # fmt: skip

    assert audit_stock().differences == 0
