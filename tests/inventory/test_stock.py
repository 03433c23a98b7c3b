"""Receiving, adjusting, counting, moving and keeping back."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from inventory.errors import BadQuantity, NotEnoughStock
from inventory.models import Bucket, Node, Sku, StockLevel, StockMovement
from inventory.services import (
    ADJUSTMENTS,
    Claim,
    OpeningRow,
    StockLine,
    adjust,
    audit_stock,
    count,
    move,
    receive,
    reserve,
    set_opening_stock,
    set_safety_stock,
)
from oms.core.errors import DomainError
from oms.core.ids import uuid7
from oms.core.models import OutboxEvent
from tests.factories import World, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    world = make_world()
    OutboxEvent.objects.all().delete()
    return world


def level(sku: Sku, node: Node) -> StockLevel:
    return StockLevel.objects.get(sku=sku, node=node)


def hold(world: World, quantity: int) -> None:
    with transaction.atomic():
        claim = Claim(uuid7(), uuid7(), 1, "OM-1", world.kurta.pk, world.blr.pk, quantity)
        assert reserve([claim], actor="test") == set()


def published() -> list[tuple[str, dict[str, Any]]]:
    return [(event.kind.split(".")[1], event.payload) for event in OutboxEvent.objects.order_by("pk")]


def test_goods_received_are_on_hand_and_waiting_orders_hear_of_them(world: World) -> None:
    units = receive(node_id=world.store.pk, lines=[StockLine(world.kurta.pk, 5), StockLine(world.shoe.pk, 2)],
                    op_key="GRN-1", reference="PO-7", actor="Ravi")  # fmt: skip

    assert units == 7
    assert level(world.kurta, world.store).on_hand == 5
    row = StockMovement.objects.get(op_key="GRN-1", leg=2)
    assert (row.from_bucket, row.to_bucket, row.reference, row.actor) == ("supplier", "on_hand", "PO-7", "Ravi")
    skus = sorted([world.kurta.pk, world.shoe.pk])
    assert published() == [
        ("StockChanged", {"sku_ids": skus, "reason": "receipt"}),
        ("StockArrived", {"sku_ids": skus, "node_id": world.store.pk}),
    ]


def test_the_same_receipt_twice_is_received_once_and_told_once(world: World) -> None:
    for expected in (5, 0):
        units = receive(node_id=world.blr.pk, lines=[StockLine(world.kurta.pk, 5)], op_key="GRN-1", reference="",
                        actor="Ravi")  # fmt: skip
        assert units == expected

    assert level(world.kurta, world.blr).on_hand == 15
    assert len(published()) == 2


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("lost", {"on_hand": 8, "damaged": 3, "quarantine": 3}),
        ("found", {"on_hand": 12, "damaged": 3, "quarantine": 3}),
        ("damaged", {"on_hand": 8, "damaged": 5, "quarantine": 3}),
        ("repaired", {"on_hand": 12, "damaged": 1, "quarantine": 3}),
        ("to_check", {"on_hand": 8, "damaged": 3, "quarantine": 5}),
        ("checked", {"on_hand": 12, "damaged": 3, "quarantine": 1}),
        ("check_failed", {"on_hand": 10, "damaged": 5, "quarantine": 1}),
        ("display", {"on_hand": 8, "damaged": 5, "quarantine": 3}),
        ("expired", {"on_hand": 8, "damaged": 3, "quarantine": 3}),
        ("expired_aside", {"on_hand": 8, "damaged": 3, "quarantine": 5}),
        ("theft", {"on_hand": 8, "damaged": 3, "quarantine": 3}),
        ("given_away", {"on_hand": 8, "damaged": 3, "quarantine": 3}),
        ("to_supplier", {"on_hand": 8, "damaged": 3, "quarantine": 3}),
        ("damaged_to_supplier", {"on_hand": 10, "damaged": 1, "quarantine": 3}),
        ("damaged_written_off", {"on_hand": 10, "damaged": 1, "quarantine": 3}),
        ("checked_written_off", {"on_hand": 10, "damaged": 3, "quarantine": 1}),
    ],
)
def test_each_reason_does_what_is_written_beside_it(world: World, reason: str, expected: dict[str, int]) -> None:
    adjust(node_id=world.blr.pk, sku_id=world.kurta.pk, reason="damaged", quantity=3, op_key="s1", actor="test")
    adjust(node_id=world.blr.pk, sku_id=world.kurta.pk, reason="to_check", quantity=3, op_key="s2", actor="test")
    adjust(node_id=world.blr.pk, sku_id=world.kurta.pk, reason="found", quantity=6, op_key="s3", actor="test")

    adjust(node_id=world.blr.pk, sku_id=world.kurta.pk, reason=reason, quantity=2, op_key="a", actor="test")

    found = level(world.kurta, world.blr)
    assert {name: getattr(found, name) for name in expected} == expected


def test_every_reason_has_a_case_above_and_moves_between_real_buckets() -> None:
    assert set(ADJUSTMENTS) == {
        "lost", "found", "damaged", "repaired", "to_check", "checked", "check_failed", "display", "expired", "theft",
        "given_away", "to_supplier", "damaged_to_supplier", "damaged_written_off", "checked_written_off",
        "expired_aside",
    }  # fmt: skip
    assert all(effect.from_bucket != effect.to_bucket for effect in ADJUSTMENTS.values())
    inside = {Bucket.ON_HAND, Bucket.DAMAGED, Bucket.QUARANTINE}
    assert all(inside & {effect.from_bucket, effect.to_bucket} for effect in ADJUSTMENTS.values())


def test_only_stock_that_grows_wakes_waiting_orders(world: World) -> None:
    adjust(node_id=world.blr.pk, sku_id=world.kurta.pk, reason="lost", quantity=1, op_key="a", actor="test")
    assert [kind for kind, _ in published()] == ["StockChanged"]

    adjust(node_id=world.blr.pk, sku_id=world.kurta.pk, reason="found", quantity=1, op_key="b", actor="test")
    assert [kind for kind, _ in published()] == ["StockChanged", "StockChanged", "StockArrived"]


def test_an_adjustment_with_the_same_key_changes_stock_once(world: World) -> None:
    done = [
        adjust(node_id=world.blr.pk, sku_id=world.kurta.pk, reason="lost", quantity=2, op_key="a", actor="test")
        for _ in range(3)
    ]

    assert done == [True, False, False]
    assert level(world.kurta, world.blr).on_hand == 8


def test_an_adjustment_below_what_is_reserved_is_refused(world: World) -> None:
    hold(world, 9)
    events = OutboxEvent.objects.count()

    with pytest.raises(NotEnoughStock), transaction.atomic():
        adjust(node_id=world.blr.pk, sku_id=world.kurta.pk, reason="lost", quantity=2, op_key="a", actor="test")

    assert level(world.kurta, world.blr).on_hand == 10
    assert OutboxEvent.objects.count() == events


def test_an_unknown_reason_is_refused(world: World) -> None:
    with pytest.raises(DomainError, match="not a reason"):
        adjust(node_id=world.blr.pk, sku_id=world.kurta.pk, reason="stolen", quantity=2, op_key="a", actor="test")


@pytest.mark.parametrize(("counted", "change"), [(7, -3), (10, 0), (14, 4), (0, -10)])
def test_a_count_posts_the_difference(world: World, counted: int, change: int) -> None:
    assert count(node_id=world.blr.pk, sku_id=world.kurta.pk, counted=counted, op_key="c", actor="test") == change
    assert level(world.kurta, world.blr).on_hand == counted
    assert StockMovement.objects.filter(op_key="c").count() == (1 if change else 0)


def test_a_count_below_what_is_reserved_is_refused(world: World) -> None:
    hold(world, 4)

    with pytest.raises(NotEnoughStock), transaction.atomic():
        count(node_id=world.blr.pk, sku_id=world.kurta.pk, counted=3, op_key="c", actor="test")

    assert level(world.kurta, world.blr).on_hand == 10


def test_a_count_of_what_was_never_there_makes_it_known(world: World) -> None:
    assert count(node_id=world.store.pk, sku_id=world.kurta.pk, counted=2, op_key="c", actor="test") == 2


def test_moving_takes_from_one_node_and_gives_to_the_other(world: World) -> None:
    lines = [StockLine(world.kurta.pk, 4), StockLine(world.saree.pk, 1)]

    for expected in (5, 0):
        units = move(from_node_id=world.blr.pk, to_node_id=world.delhi.pk, lines=lines, op_key="m", actor="test")
        assert units == expected

    assert (level(world.kurta, world.blr).on_hand, level(world.kurta, world.delhi).on_hand) == (6, 14)
    assert (level(world.saree, world.blr).on_hand, level(world.saree, world.delhi).on_hand) == (9, 11)


def test_reserved_units_stay_where_they_are_promised(world: World) -> None:
    hold(world, 8)

    with pytest.raises(NotEnoughStock), transaction.atomic():
        move(from_node_id=world.blr.pk, to_node_id=world.delhi.pk, lines=[StockLine(world.kurta.pk, 3)], op_key="m",
             actor="test")  # fmt: skip

    assert level(world.kurta, world.delhi).on_hand == 10


def test_a_move_to_the_same_node_is_refused(world: World) -> None:
    with pytest.raises(DomainError, match="two different nodes"):
        move(from_node_id=world.blr.pk, to_node_id=world.blr.pk, lines=[], op_key="m", actor="test")


def test_opening_stock_posts_only_what_differs(world: World) -> None:
    rows = [OpeningRow(world.kurta.pk, world.blr.pk, 10), OpeningRow(world.saree.pk, world.blr.pk, 4)]

    assert set_opening_stock(rows=rows, op_key="o", actor="test") == 1
    assert level(world.saree, world.blr).on_hand == 4


def test_opening_stock_below_a_reservation_is_refused_whole(world: World) -> None:
    hold(world, 5)
    rows = [OpeningRow(world.saree.pk, world.blr.pk, 99), OpeningRow(world.kurta.pk, world.blr.pk, 4)]

    with pytest.raises(NotEnoughStock), transaction.atomic():
        set_opening_stock(rows=rows, op_key="o", actor="test")

    assert level(world.saree, world.blr).on_hand == 10


def test_safety_stock_lowers_atp_and_may_exceed_what_is_there(world: World) -> None:
    set_safety_stock(node_id=world.blr.pk, sku_id=world.kurta.pk, quantity=12)

    assert level(world.kurta, world.blr).atp == -2
    with pytest.raises(BadQuantity):
        set_safety_stock(node_id=world.blr.pk, sku_id=world.kurta.pk, quantity=-1)


def test_everything_together_leaves_balances_that_add_up(world: World) -> None:
    hold(world, 3)
    move(from_node_id=world.blr.pk, to_node_id=world.store.pk, lines=[StockLine(world.kurta.pk, 5)], op_key="m",
         actor="test")  # fmt: skip
    count(node_id=world.blr.pk, sku_id=world.kurta.pk, counted=4, op_key="c", actor="test")
    adjust(node_id=world.store.pk, sku_id=world.kurta.pk, reason="damaged", quantity=2, op_key="d", actor="test")

    assert audit_stock().differences == 0
