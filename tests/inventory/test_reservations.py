"""Reservations: whole orders or nothing, given back or used up, exactly once."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import pytest
from django.db import transaction

from inventory.errors import NotEnoughStock
from inventory.models import Node, Reservation, Sku, StockLevel, StockMovement
from inventory.services import (
    Claim,
    Consume,
    Release,
    audit_stock,
    consume_reservations,
    release_reservations,
    reserve,
    set_safety_stock,
)
from oms.core.ids import uuid7
from tests.factories import World, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def claim(order_id: int, sku: Sku, node: Node, quantity: int, line_uid: UUID | None = None) -> Claim:
    return Claim(uuid7(), line_uid or uuid7(), order_id, f"OM-{order_id}", sku.pk, node.pk, quantity)


def take(claims: Sequence[Claim]) -> set[int]:
    with transaction.atomic():
        return reserve(claims, actor="test")


def balances(sku: Sku, node: Node) -> tuple[int, int, int]:
    level = StockLevel.objects.get(sku=sku, node=node)
    return level.on_hand, level.reserved, level.packed


def test_a_claim_that_fits_is_reserved_and_posted(world: World) -> None:
    assert take([claim(1, world.kurta, world.blr, 4)]) == set()

    row = Reservation.objects.get()
    assert (row.state, row.quantity, row.open_quantity, row.reference) == ("hard", 4, 4, "OM-1")
    assert balances(world.kurta, world.blr) == (10, 4, 0)
    assert StockMovement.objects.filter(op_key=f"reserve/{row.uid}", quantity=4, reference="OM-1").count() == 1


def test_an_order_is_reserved_whole_or_not_at_all(world: World) -> None:
    refused = take([claim(1, world.kurta, world.blr, 4), claim(1, world.saree, world.blr, 11)])

    assert refused == {1}
    assert not Reservation.objects.exists()
    assert balances(world.kurta, world.blr) == (10, 0, 0)


def test_claims_compete_in_the_order_they_are_given(world: World) -> None:
    refused = take([claim(order, world.kurta, world.blr, 4) for order in (5, 2, 9)])

    assert refused == {9}
    assert set(Reservation.objects.values_list("order_id", flat=True)) == {5, 2}


def test_safety_stock_is_never_reserved(world: World) -> None:
    set_safety_stock(node_id=world.blr.pk, sku_id=world.kurta.pk, quantity=7)

    assert take([claim(1, world.kurta, world.blr, 4)]) == {1}
    assert take([claim(2, world.kurta, world.blr, 3)]) == set()


def test_a_node_that_never_had_the_sku_has_none(world: World) -> None:
    assert take([claim(1, world.kurta, world.store, 1)]) == {1}


def test_released_units_can_be_promised_again(world: World) -> None:
    wanted = claim(1, world.kurta, world.blr, 6)
    take([wanted])

    released = release_reservations(requests=[Release(wanted.line_uid, world.blr.pk, 4)], actor="test", reason="why")

    row = Reservation.objects.get()
    assert (released, row.state, row.open_quantity, row.released_quantity) == (4, "hard", 2, 4)
    assert balances(world.kurta, world.blr) == (10, 2, 0)


def test_releasing_more_than_is_open_releases_what_is_there_and_again_nothing(world: World) -> None:
    wanted = claim(1, world.kurta, world.blr, 6)
    take([wanted])
    request = Release(wanted.line_uid, world.blr.pk, 99)

    assert release_reservations(requests=[request], actor="test") == 6
    assert release_reservations(requests=[request], actor="test") == 0
    row = Reservation.objects.get()
    assert row.state == "released"
    assert row.closed_at is not None
    assert balances(world.kurta, world.blr) == (10, 0, 0)


def test_a_line_with_two_reservations_gives_back_the_older_one_first(world: World) -> None:
    line = uuid7()
    take([claim(1, world.kurta, world.blr, 2, line)])
    take([claim(1, world.kurta, world.blr, 3, line)])

    release_reservations(requests=[Release(line, world.blr.pk, 3)], actor="test")

    assert list(Reservation.objects.order_by("pk").values_list("open_quantity", flat=True)) == [0, 2]


def test_two_pieces_of_work_of_one_line_give_back_what_both_of_them_held(world: World) -> None:
    line = uuid7()
    take([claim(1, world.kurta, world.blr, 4, line)])
    take([claim(1, world.kurta, world.blr, 2, line)])
    requests = [Release(line, world.blr.pk, 4), Release(line, world.blr.pk, 2)]

    assert release_reservations(requests=requests, actor="test") == 6

    assert list(Reservation.objects.values_list("open_quantity", flat=True)) == [0, 0]
    assert balances(world.kurta, world.blr) == (10, 0, 0)


def test_packing_uses_the_reservation_up(world: World) -> None:
    wanted = claim(1, world.kurta, world.blr, 4)
    take([wanted])

    consume_reservations(requests=[Consume(wanted.line_uid, world.blr.pk, 4, "pack/1")], actor="test")

    assert Reservation.objects.get().state == "consumed"
    assert balances(world.kurta, world.blr) == (6, 0, 4)
    assert audit_stock().differences == 0


def test_packing_more_than_is_reserved_is_refused_and_changes_nothing(world: World) -> None:
    wanted = claim(1, world.kurta, world.blr, 4)
    take([wanted])

    with pytest.raises(NotEnoughStock):
        consume_reservations(requests=[Consume(wanted.line_uid, world.blr.pk, 5, "pack/1")], actor="test")

    assert Reservation.objects.get().open_quantity == 4
    assert balances(world.kurta, world.blr) == (10, 4, 0)


def test_nothing_asked_is_nothing_done() -> None:
    assert take([]) == set()
    assert release_reservations(requests=[], actor="test") == 0
