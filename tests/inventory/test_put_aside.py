"""What comes back of a lot is exactly what was put aside because it might not be sold, and lies there still."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from inventory.models import LedgerArchive, Lot, Sku
from inventory.selectors.audit import Compared, iter_differences
from inventory.services import (
    Posting,
    archive_month,
    ask_adjustment,
    block_lot,
    correct_lot,
    ensure_ledger_months,
    post,
    set_aside_unsold_lots,
    unblock_lot,
)
from oms.core.errors import Conflict
from oms.reporting.stock_audit import ORDER_CHECKS
from tests.factories import World, make_world
from tests.fulfillment.tracked import lots_at, make_lot_sku, postings, put_lot, today

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def cream(world: World) -> Sku:
    return make_lot_sku("CREAM", shelf_life_days=30)


@pytest.fixture
def media(settings: Settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def adjust(world: World, sku: Sku, reason: str, units: int, lot: str = "LOT") -> None:
    ask_adjustment(node_id=world.blr.pk, sku_id=sku.pk, reason=reason, quantity=units, op_key=f"test/{uuid4()}",
                   actor="Ravi", lot_code=lot)  # fmt: skip


def expire(lot: Lot, days: int) -> None:
    """Another day of expiry, as if time had gone by."""
    Lot.objects.filter(pk=lot.pk).update(expires_on=today() + timedelta(days=days))


def nothing_differs() -> bool:
    return list(iter_differences(Compared(), more=ORDER_CHECKS)) == []


def test_what_expired_before_it_was_blocked_comes_back_when_neither_holds(world: World, cream: Sku) -> None:
    lot = put_lot(cream, world.blr, "LOT", 4, days=-1)
    set_aside_unsold_lots()
    block_lot(lot_id=lot.pk, reason="To check", actor="Ravi")

    correct_lot(lot_id=lot.pk, expires_on=today() + timedelta(days=300), actor="Ravi")
    assert lots_at(cream, world.blr) == {"LOT": {"quarantine": 4}}
    unblock_lot(lot_id=lot.pk, actor="Ravi")

    assert lots_at(cream, world.blr) == {"LOT": {"on_hand": 4}}
    assert postings(cream, "expired", "block") == [
        ("on_hand", "quarantine", 4, "LOT"), ("quarantine", "on_hand", 4, "LOT"),
    ]  # fmt: skip
    assert nothing_differs()


def test_what_was_blocked_before_it_expired_comes_back_when_its_day_is_corrected(world: World, cream: Sku) -> None:
    lot = put_lot(cream, world.blr, "LOT", 4, days=300)
    block_lot(lot_id=lot.pk, reason="To check", actor="Ravi")
    expire(lot, -1)
    unblock_lot(lot_id=lot.pk, actor="Ravi")
    assert lots_at(cream, world.blr) == {"LOT": {"quarantine": 4}}

    correct_lot(lot_id=lot.pk, expires_on=today() + timedelta(days=300), actor="Ravi")

    assert lots_at(cream, world.blr) == {"LOT": {"on_hand": 4}}


def test_units_of_both_reasons_come_back_each_under_its_own(world: World, cream: Sku) -> None:
    lot = put_lot(cream, world.blr, "LOT", 4, days=-1)
    set_aside_unsold_lots()
    block_lot(lot_id=lot.pk, reason="To check", actor="Ravi")
    put_lot(cream, world.blr, "LOT", 3)
    set_aside_unsold_lots()
    expire(lot, 300)

    unblock_lot(lot_id=lot.pk, actor="Ravi")

    assert lots_at(cream, world.blr) == {"LOT": {"on_hand": 7}}
    assert postings(cream, "expired") == [("on_hand", "quarantine", 4, "LOT"), ("quarantine", "on_hand", 4, "LOT")]
    assert postings(cream, "block") == [("on_hand", "quarantine", 3, "LOT"), ("quarantine", "on_hand", 3, "LOT")]


def test_what_a_person_took_out_meanwhile_does_not_come_back(world: World, cream: Sku) -> None:
    lot = put_lot(cream, world.blr, "LOT", 4, days=300)
    block_lot(lot_id=lot.pk, reason="Glass", actor="Ravi")
    adjust(world, cream, "checked_written_off", 4)
    # Goods that came back later wait to be checked: they were never put aside.
    post([
        Posting(op_key="test/return", sku_id=cream.pk, node_id=world.blr.pk, from_bucket="customer",
                to_bucket="quarantine", quantity=3, lot_id=lot.pk, reason="return")
    ])  # fmt: skip

    unblock_lot(lot_id=lot.pk, actor="Ravi")

    assert lots_at(cream, world.blr) == {"LOT": {"quarantine": 3}}
    assert nothing_differs()


def test_what_is_checked_is_first_what_lay_there_to_be_checked(world: World, cream: Sku) -> None:
    lot = put_lot(cream, world.blr, "LOT", 6, days=300)
    adjust(world, cream, "to_check", 2)
    block_lot(lot_id=lot.pk, reason="Glass", actor="Ravi")
    adjust(world, cream, "check_failed", 3)

    unblock_lot(lot_id=lot.pk, actor="Ravi")

    assert lots_at(cream, world.blr) == {"LOT": {"on_hand": 3, "damaged": 3}}


def test_what_a_person_put_aside_by_hand_stays_until_a_person_brings_it_back(world: World, cream: Sku) -> None:
    lot = put_lot(cream, world.blr, "LOT", 6, days=300)
    adjust(world, cream, "expired_aside", 2)
    block_lot(lot_id=lot.pk, reason="Glass", actor="Ravi")

    unblock_lot(lot_id=lot.pk, actor="Ravi")

    assert lots_at(cream, world.blr) == {"LOT": {"on_hand": 4, "quarantine": 2}}


def record_in(month: str, lot: Lot, node_id: int, source: str, target: str, units: int, reason: str) -> None:
    """A posting that became known in the middle of a month that is over."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO inventory_stockmovement
            (op_key, leg, sku_id, node_id, from_bucket, to_bucket, quantity, reason, occurred_at, recorded_at, lot_id)
            VALUES (%s, 1, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
            [f"test/{uuid4()}", lot.sku_id, node_id, source, target, units, reason, f"{month}-10 06:00+00",
             f"{month}-15 06:00+00", lot.pk],
        )  # fmt: skip


@pytest.fixture
def long_blocked(world: World, cream: Sku, media: Path) -> Lot:
    """A lot that was put aside in months that are archived; some of it was checked there, some is to be checked."""
    lot = Lot.objects.create(sku=cream, code="LOT", expires_on=today() + timedelta(days=300), is_blocked=True)
    blr = world.blr.pk
    record_in("2026-01", lot, blr, "supplier", "on_hand", 20, "receipt")
    record_in("2026-02", lot, blr, "on_hand", "quarantine", 7, "block")
    record_in("2026-02", lot, blr, "on_hand", "quarantine", 2, "quality")
    record_in("2026-03", lot, blr, "quarantine", "adjustment", 3, "quality")
    record_in("2026-03", lot, blr, "on_hand", "quarantine", 4, "quality")
    ensure_ledger_months()
    for month in (1, 2, 3):
        archive_month(date(2026, month, 1), actor="test")
    return lot


def test_what_was_put_aside_in_an_archived_month_comes_back(world: World, cream: Sku, long_blocked: Lot) -> None:
    adjust(world, cream, "checked", 1)

    unblock_lot(lot_id=long_blocked.pk, actor="Ravi")

    assert lots_at(cream, world.blr) == {"LOT": {"on_hand": 14, "quarantine": 3}}
    assert postings(cream, "block") == [("quarantine", "on_hand", 6, "LOT")]
    assert nothing_differs()


def test_without_the_file_of_that_month_nothing_is_guessed(
    world: World, cream: Sku, long_blocked: Lot, media: Path
) -> None:
    before = lots_at(cream, world.blr)
    Path(media, LedgerArchive.objects.get(month=date(2026, 2, 1)).file.name).unlink()

    with (
        pytest.raises(Conflict, match="The postings of 2026-02 say which units of lot LOT were put aside"),
        transaction.atomic(),
    ):
        unblock_lot(lot_id=long_blocked.pk, actor="Ravi")

    assert lots_at(cream, world.blr) == before
    assert Lot.objects.get().is_blocked


def test_the_file_is_not_asked_for_where_nothing_of_the_lot_lies_any_more(
    world: World, cream: Sku, long_blocked: Lot, media: Path
) -> None:
    put_lot(cream, world.delhi, "LOT", 3)
    set_aside_unsold_lots()
    post([
        Posting(op_key="test/away", sku_id=cream.pk, node_id=world.blr.pk, from_bucket="quarantine",
                to_bucket="adjustment", quantity=17, lot_id=long_blocked.pk, reason="quality")
    ])  # fmt: skip
    for archive in LedgerArchive.objects.all():
        Path(media, archive.file.name).unlink()

    unblock_lot(lot_id=long_blocked.pk, actor="Ravi")

    assert lots_at(cream, world.delhi) == {"LOT": {"on_hand": 3}}
    assert lots_at(cream, world.blr) == {}


def test_the_file_is_not_asked_for_while_the_lot_may_not_be_sold(
    world: World, cream: Sku, long_blocked: Lot, media: Path
) -> None:
    for archive in LedgerArchive.objects.all():
        Path(media, archive.file.name).unlink()
    day = today() + timedelta(days=200)

    assert correct_lot(lot_id=long_blocked.pk, expires_on=day, actor="Ravi").expires_on == day

    assert lots_at(cream, world.blr) == {"LOT": {"quarantine": 17}}
    assert Lot.objects.get().is_blocked


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(["come", "block", "free", "old", "young", "check", "good", "gone"]), max_size=14))
def test_however_it_was_put_aside_nothing_of_it_is_left_behind(world: World, steps: list[str]) -> None:
    """Once neither reason holds, what lies in quarantine is what people put there and did not bring back."""
    sku = make_lot_sku(f"SKU-{uuid4()}", shelf_life_days=30)
    lot = put_lot(sku, world.blr, "LOT", 5, days=300)
    to_check = 0
    for step in [*steps, "young", "free"]:
        lot.refresh_from_db()
        there = lots_at(sku, world.blr).get("LOT", {})
        if step == "come":
            put_lot(sku, world.blr, "LOT", 3)
        elif step == "block" and not lot.is_blocked:
            block_lot(lot_id=lot.pk, reason="x", actor="Ravi")
        elif step == "free" and lot.is_blocked:
            unblock_lot(lot_id=lot.pk, actor="Ravi")
        elif step in ("old", "young"):
            day = today() + timedelta(days=300 if step == "young" else 1)
            correct_lot(lot_id=lot.pk, expires_on=day, actor="Ravi")
        elif step == "check" and there.get("on_hand"):
            adjust(world, sku, "to_check", 1)
            to_check += 1
        elif step in ("good", "gone") and there.get("quarantine"):
            adjust(world, sku, "checked" if step == "good" else "checked_written_off", 1)
            to_check = max(0, to_check - 1)
        set_aside_unsold_lots()
    assert lots_at(sku, world.blr).get("LOT", {}).get("quarantine", 0) == to_check
    assert nothing_differs()
