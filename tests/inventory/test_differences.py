"""What the auditor finds stays until a person decides; what the person says is done once and written down."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from inventory.errors import NotEnoughStock
from inventory.models import LevelCorrection, StockAudit, StockDifference, StockDifferenceState, StockMovement
from inventory.selectors import LedgerProof, explain_level
from inventory.services import accept_difference, audit_stock, dismiss_difference, receive, ways_to_mend
from inventory.services.stock import StockLine
from oms.core.errors import Conflict, DomainError
from oms.reporting.stock_audit import ORDER_CHECKS
from routing.services import route_orders
from tests.factories import World, capture, make_line, make_order, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def write_past_the_ledger(table: str, changes: str, where: str) -> None:
    """What no program can do: numbers written with the triggers switched off."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(f"UPDATE {table} SET {changes} WHERE {where}")
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def falsify(world: World, changes: str) -> None:
    write_past_the_ledger("inventory_stocklevel", changes, f"sku_id = {world.kurta.pk} AND node_id = {world.blr.pk}")


def found(what: str) -> StockDifference:
    audit_stock(more=ORDER_CHECKS)
    return StockDifference.objects.get(what=what, state=StockDifferenceState.OPEN)


def on_hand(world: World) -> int:
    return explain_level(world.kurta.pk, world.blr.pk).level.on_hand


def test_the_auditor_repairs_nothing(world: World) -> None:
    falsify(world, "on_hand = 13")

    audit_stock()
    audit_stock()

    assert on_hand(world) == 13
    assert StockDifference.objects.count() == 1


def test_a_level_of_too_many_postings_is_proved_by_the_last_audit(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def proof() -> LedgerProof:
        return explain_level(world.kurta.pk, world.blr.pk).proof

    assert proof() == LedgerProof(agrees=True)
    monkeypatch.setattr("inventory.selectors.ledger.ADDED_UP_AT_ONCE", 0)
    assert proof() == LedgerProof(agrees=None)

    audit_stock()
    assert proof() == LedgerProof(agrees=True, audited_at=StockAudit.objects.latest("pk").at)

    falsify(world, "on_hand = 13")
    row = found("on_hand")
    assert proof() == LedgerProof(agrees=False, audited_at=StockAudit.objects.latest("pk").at)
    dismiss_difference(difference_id=row.pk, actor="Asha", note="known")
    assert proof().agrees is False
    falsify(world, "on_hand = 10")
    assert proof().agrees is True


def test_a_balance_is_set_to_what_its_ledger_adds_up_to(world: World) -> None:
    falsify(world, "on_hand = 13")
    row = found("on_hand")
    assert ways_to_mend(row) == ["ledger", "balance"]

    accept_difference(difference_id=row.pk, choice="ledger", actor="Asha", note="typed by hand")

    assert on_hand(world) == 10
    correction = LevelCorrection.objects.get()
    assert (correction.bucket, correction.before, correction.after, correction.actor) == ("on_hand", 13, 10, "Asha")
    row.refresh_from_db()
    assert (row.state, row.decided_by, row.note) == ("accepted", "Asha", "typed by hand")
    assert audit_stock(more=ORDER_CHECKS).differences == 0


def test_or_the_ledger_gets_what_it_misses(world: World) -> None:
    falsify(world, "on_hand = 13")
    row = found("on_hand")

    accept_difference(difference_id=row.pk, choice="balance", actor="Asha")

    assert on_hand(world) == 13
    posting = StockMovement.objects.get(op_key=f"difference/{row.pk}")
    assert (posting.from_bucket, posting.to_bucket, posting.quantity, posting.reason) == (
        "adjustment", "on_hand", 3, "correction",
    )  # fmt: skip
    assert audit_stock(more=ORDER_CHECKS).differences == 0


def test_a_difference_is_decided_once(world: World) -> None:
    falsify(world, "on_hand = 13")
    row = found("on_hand")
    accept_difference(difference_id=row.pk, choice="ledger", actor="Asha")

    with pytest.raises(Conflict, match="decided"):
        accept_difference(difference_id=row.pk, choice="balance", actor="Ravi")

    assert on_hand(world) == 10


def test_numbers_that_changed_since_the_check_are_not_overwritten(world: World) -> None:
    falsify(world, "on_hand = 13")
    row = found("on_hand")
    receive(node_id=world.blr.pk, lines=[StockLine(world.kurta.pk, 1)], op_key="grn", reference="", actor="test")

    with pytest.raises(Conflict, match="changed since"):
        accept_difference(difference_id=row.pk, choice="ledger", actor="Asha")

    assert on_hand(world) == 14
    assert LevelCorrection.objects.count() == 0


def test_a_correction_below_what_is_reserved_is_refused(world: World) -> None:
    falsify(world, "on_hand = 13")
    order = capture(world, make_order("W-1", make_line(world.kurta, 12)))
    route_orders([order], trigger="captured")
    assert explain_level(world.kurta.pk, world.blr.pk).level.reserved == 12
    row = found("on_hand")

    with pytest.raises(NotEnoughStock, match="more than that is reserved"):
        accept_difference(difference_id=row.pk, choice="ledger", actor="Asha")

    assert on_hand(world) == 13


def test_reserved_units_without_reservations_are_given_back_by_a_posting(world: World) -> None:
    order = capture(world, make_order("W-1", make_line(world.kurta, 2)))
    route_orders([order], trigger="captured")
    write_past_the_ledger("inventory_reservation", "open_quantity = 1, released_quantity = 1", f"order_id = {order}")
    row = found("open reservations")
    assert (row.stored, row.computed) == (2, 1)

    accept_difference(difference_id=row.pk, choice="reserved", actor="Asha")

    assert explain_level(world.kurta.pk, world.blr.pk).level.reserved == 1
    line = found("reserved for order line")
    assert (line.stored, line.computed, line.subject.endswith(" line 1")) == (2, 1, True)
    assert ways_to_mend(line) == []


def test_what_is_left_as_it_is_comes_back_when_its_numbers_change(world: World) -> None:
    falsify(world, "on_hand = 13")
    row = found("on_hand")
    with pytest.raises(DomainError, match="Say why"):
        dismiss_difference(difference_id=row.pk, actor="Asha", note=" ")
    dismiss_difference(difference_id=row.pk, actor="Asha", note="count is running")

    audit_stock()
    assert not StockDifference.objects.filter(state="open").exists()
    falsify(world, "on_hand = 14")

    assert found("on_hand").stored == 14


def test_a_difference_that_went_away_says_so(world: World) -> None:
    falsify(world, "on_hand = 13")
    row = found("on_hand")
    falsify(world, "on_hand = 10")

    audit_stock()

    row.refresh_from_db()
    assert row.state == StockDifferenceState.GONE


def test_the_database_refuses_a_correction_to_anything_but_the_ledgers_sum(world: World) -> None:
    falsify(world, "on_hand = 13")
    row = found("on_hand")

    with pytest.raises(DatabaseError, match="level_correction_outdated"), transaction.atomic():
        LevelCorrection.objects.create(
            difference=row, sku=world.kurta, node=world.blr, bucket="on_hand", before=13, after=99, actor="x"
        )

    assert on_hand(world) == 13
