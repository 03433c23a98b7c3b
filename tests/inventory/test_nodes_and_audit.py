"""Switching nodes, the auditor and the command that checks the ledger."""

from __future__ import annotations

from datetime import UTC, date, datetime
from io import StringIO

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection

from inventory.models import Node, StockAudit, StockLevel
from inventory.selectors import Difference
from inventory.services import adjust, audit_stock, switch_node
from oms.core.errors import NotFound
from oms.core.models import OutboxEvent
from tests.factories import World, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def falsify(world: World) -> None:
    """What no program can do: a balance written past the ledger, with its triggers switched off."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE inventory_stocklevel DISABLE TRIGGER USER")
        cursor.execute("UPDATE inventory_stocklevel SET on_hand = 13, reserved = 2 WHERE sku_id = %s AND node_id = %s",
                       [world.kurta.pk, world.blr.pk])  # fmt: skip
        cursor.execute("ALTER TABLE inventory_stocklevel ENABLE TRIGGER USER")


def test_the_day_at_a_node_is_that_of_its_own_clock(world: World) -> None:
    late = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
    there = Node(code="nyc", time_zone="America/New_York")
    assert (world.blr.day_of(late), there.day_of(late)) == (date(2026, 11, 23), date(2026, 11, 22))
    with time_machine.travel(datetime(2026, 11, 23, 3, 0, tzinfo=UTC), tick=False):
        assert (world.blr.today(), there.today()) == (date(2026, 11, 23), date(2026, 11, 22))


def test_a_node_switched_off_says_why_and_tells_once(world: World) -> None:
    OutboxEvent.objects.all().delete()

    assert switch_node(node_id=world.blr.pk, active=False, reason="Power cut")
    assert not switch_node(node_id=world.blr.pk, active=False, reason="again")

    node = Node.objects.get(pk=world.blr.pk)
    assert (node.is_active, node.offline_reason) == (False, "Power cut")
    assert [(event.kind, event.payload) for event in OutboxEvent.objects.all()] == [
        ("inventory.NodeSwitched", {"node_id": world.blr.pk, "active": False})
    ]


def test_a_node_switched_on_forgets_why_it_was_off(world: World) -> None:
    switch_node(node_id=world.blr.pk, active=False, reason="Power cut")
    switch_node(node_id=world.blr.pk, active=True)

    node = Node.objects.get(pk=world.blr.pk)
    assert (node.is_active, node.offline_reason) == (True, "")


def test_there_is_no_node_to_switch() -> None:
    with pytest.raises(NotFound):
        switch_node(node_id=999, active=False)


def test_an_audit_of_sound_stock_finds_nothing_and_is_kept(world: World) -> None:
    assert audit_stock().differences == 0

    audit = StockAudit.objects.get()
    assert (audit.levels, audit.differences, audit.found) == (6, 0, [])


def test_the_auditor_names_each_number_that_is_wrong(world: World) -> None:
    falsify(world)

    found = audit_stock().found

    key = (world.kurta.pk, world.blr.pk)
    assert set(found) == {
        Difference(*key, "on_hand", "", 13, 10),
        Difference(*key, "reserved", "", 2, 0),
        Difference(*key, "open reservations", "", 2, 0),
    }
    audit = StockAudit.objects.get()
    assert audit.differences == 3
    assert {row["what"] for row in audit.found} == {"on_hand", "reserved", "open reservations"}


def test_the_command_counts_what_it_compared_and_ends_well(world: World) -> None:
    adjust(node_id=world.blr.pk, sku_id=world.kurta.pk, reason="lost", quantity=1, op_key="a", actor="test")
    out = StringIO()

    call_command("verify_ledger", stdout=out)

    assert out.getvalue() == "6 stock levels, 7 postings, 0 differences\n"


def test_the_command_prints_each_difference_and_ends_with_exit_code_1(world: World) -> None:
    falsify(world)
    out = StringIO()

    with pytest.raises(SystemExit) as ended:
        call_command("verify_ledger", most=2, stdout=out)

    lines = out.getvalue().splitlines()
    assert ended.value.code == 1
    assert "KURTA-M at blr-01, on_hand: stored 13, computed 10, off by +3" in lines
    assert lines[-2:] == ["... and 1 more", "6 stock levels, 6 postings, 3 differences"]
    assert StockLevel.objects.get(sku=world.kurta, node=world.blr).on_hand == 13
