"""Lots that expire or are blocked: out of ATP with a reason, back when they may be sold, never under an order."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from inventory.models import Lot, Sku, StockLevel, StockMovement
from inventory.selectors.audit import Compared, iter_differences
from inventory.selectors.lots import unsold_lots
from inventory.services import block_lot, correct_lot, release_reservations, set_aside_unsold_lots, unblock_lot
from inventory.services.reservations import Release
from oms.core.clock import now
from oms.core.errors import Conflict, DomainError, NotFound
from oms.core.models import OutboxEvent, Transition
from oms.reporting.stock_audit import ORDER_CHECKS
from orders.models import OrderLine
from routing.services import route_orders
from tests.factories import World, capture, make_line, make_order, make_world
from tests.fulfillment.tracked import lots_at, make_lot_sku, postings, put_lot, today
from tests.threads import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def cream(world: World) -> Sku:
    sku = make_lot_sku("CREAM", shelf_life_days=30)
    put_lot(sku, world.blr, "GOOD", 4, days=30)
    put_lot(sku, world.blr, "NEAR", 3, days=29)
    put_lot(sku, world.blr, "OLD", 2, days=-1)
    return sku


def atp(sku: Sku, world: World) -> int:
    return StockLevel.objects.get(sku=sku, node=world.blr).atp


def promise(world: World, sku: Sku, units: int) -> OrderLine:
    order_id = capture(world, make_order("1", make_line(sku, units)))
    route_orders([order_id], trigger="captured")
    return OrderLine.objects.get(order_id=order_id)


def nothing_differs() -> bool:
    return list(iter_differences(Compared(), more=ORDER_CHECKS)) == []


def test_what_may_not_be_sold_any_more_leaves_atp_with_a_reason(world: World, cream: Sku) -> None:
    assert atp(cream, world) == 9

    assert set_aside_unsold_lots() == 5
    assert set_aside_unsold_lots() == 0

    assert atp(cream, world) == 4
    assert lots_at(cream, world.blr) == {"GOOD": {"on_hand": 4}, "NEAR": {"quarantine": 3}, "OLD": {"quarantine": 2}}
    assert postings(cream, "expired") == [("on_hand", "quarantine", 2, "OLD"), ("on_hand", "quarantine", 3, "NEAR")]
    day = today() - timedelta(days=1)
    row = StockMovement.objects.get(lot__code="OLD", reason="expired")
    assert (row.note, row.reference) == (f"Expired on {day:%d %b %Y}", "lot OLD")
    assert OutboxEvent.objects.filter(kind="inventory.StockChanged", payload__reason="lots").count() == 1
    assert nothing_differs()


def test_units_that_orders_have_reserved_stay_until_they_are_given_back(world: World, cream: Sku) -> None:
    line = promise(world, cream, 6)

    assert set_aside_unsold_lots() == 3
    assert lots_at(cream, world.blr) == {"GOOD": {"on_hand": 4}, "NEAR": {"on_hand": 2, "quarantine": 1},
                                         "OLD": {"quarantine": 2}}  # fmt: skip
    assert atp(cream, world) == 0
    assert [(row.code, row.units) for row in unsold_lots(now())] == [("NEAR", 2)]
    release_reservations(requests=[Release(line.uid, world.blr.pk, 3)], actor="test")
    assert set_aside_unsold_lots() == 2

    assert atp(cream, world) == 1
    assert unsold_lots(now()) == []


def test_a_blocked_lot_is_out_of_atp_at_once_and_comes_back(world: World, cream: Sku) -> None:
    good = Lot.objects.get(code="GOOD")

    block_lot(lot_id=good.pk, reason="Glass found in one jar", actor="Ravi")
    assert lots_at(cream, world.blr)["GOOD"] == {"quarantine": 4}
    assert StockMovement.objects.get(reason="block").note == "Blocked: Glass found in one jar"
    with pytest.raises(Conflict, match="blocked already: Glass found"), transaction.atomic():
        block_lot(lot_id=good.pk, reason="again", actor="Ravi")
    unblock_lot(lot_id=good.pk, actor="Ravi", reason="Laboratory says fine")
    with pytest.raises(Conflict, match="is not blocked"), transaction.atomic():
        unblock_lot(lot_id=good.pk, actor="Ravi")

    assert lots_at(cream, world.blr)["GOOD"] == {"on_hand": 4}
    states = Transition.objects.filter(model="inventory.Lot", object_id=good.pk).order_by("pk")
    assert list(states.values_list("to_state", "actor", "reason")) == [
        ("blocked", "Ravi", "Glass found in one jar"), ("free", "Ravi", "Laboratory says fine"),
    ]  # fmt: skip
    assert nothing_differs()


def test_what_expired_while_it_was_blocked_stays_aside(world: World, cream: Sku) -> None:
    good = Lot.objects.get(code="GOOD")
    block_lot(lot_id=good.pk, reason="To check", actor="Ravi")
    Lot.objects.filter(pk=good.pk).update(expires_on=today())

    unblock_lot(lot_id=good.pk, actor="Ravi")

    assert lots_at(cream, world.blr)["GOOD"] == {"quarantine": 4}


def test_a_corrected_day_of_expiry_brings_units_back_or_puts_them_aside(world: World, cream: Sku) -> None:
    set_aside_unsold_lots()
    old, good = Lot.objects.get(code="OLD"), Lot.objects.get(code="GOOD")

    correct_lot(lot_id=old.pk, expires_on=today() + timedelta(days=300), actor="Ravi")
    correct_lot(lot_id=good.pk, expires_on=today(), actor="Ravi")
    with pytest.raises(DomainError, match="write the day of expiry"), transaction.atomic():
        correct_lot(lot_id=good.pk, expires_on=None, actor="Ravi")

    assert lots_at(cream, world.blr) == {"GOOD": {"quarantine": 4}, "NEAR": {"quarantine": 3}, "OLD": {"on_hand": 2}}
    assert nothing_differs()


@pytest.mark.parametrize("reason", ["", "   "])
def test_blocking_needs_a_reason_and_a_lot(world: World, cream: Sku, reason: str) -> None:
    with pytest.raises(DomainError, match="Say why"):
        block_lot(lot_id=Lot.objects.get(code="GOOD").pk, reason=reason, actor="Ravi")
    with pytest.raises(NotFound):
        block_lot(lot_id=99_999, reason="x", actor="Ravi")


def test_no_more_statements_for_more_lots(world: World) -> None:

    counts = []
    for batch in range(2):
        for number in range(3 * (batch + 1)):
            put_lot(make_lot_sku(f"S{batch}-{number}"), world.blr, "OLD", 2, days=-1)
        with CaptureQueriesContext(connection) as caught:
            set_aside_unsold_lots()
        counts.append(len(caught))

    assert counts[0] == counts[1]


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_move_each_unit_once() -> None:
    world = make_world()
    cream = make_lot_sku("CREAM")
    put_lot(cream, world.blr, "OLD", 5, days=-1)

    moved = at_once([set_aside_unsold_lots] * 3)

    assert sum(moved) == 5
    assert lots_at(cream, world.blr) == {"OLD": {"quarantine": 5}}
