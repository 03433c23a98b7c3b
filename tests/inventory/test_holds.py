"""Holds of a checkout: bound to few nodes, whole or not at all, confirmed, given back, extended, over by the clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from inventory.errors import BadQuantity, HoldExpired, HoldReleased, HoldUnknown, HoldUsed, NotEnoughStock
from inventory.models import Reservation, Sku, StockHold, StockLevel, StockMovement
from inventory.services import (
    Claim,
    ForOrder,
    HoldLine,
    WantedUnits,
    audit_stock,
    confirm_hold,
    expire_due_holds,
    extend_hold,
    hold_stock,
    holds,
    release_hold,
    reserve,
    set_safety_stock,
    switch_node,
)
from oms.core.db import fetch_all, run_atomic
from oms.core.errors import DomainError
from oms.core.ids import uuid7
from oms.core.models import OutboxEvent
from tests.factories import World, make_sku, make_world, stock
from tests.inventory.holding import database_now, end_now

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def hold(*lines: HoldLine, uid: UUID | None = None, seconds: int = 600, **more: Any) -> StockHold:
    return hold_stock(uid=uid or uuid7(), owner="token:1", lines=lines, seconds=seconds, actor="shop", **more)


def confirm(made: StockHold, *lines: WantedUnits, order_id: int = 7, owner: str = "token:1") -> list[tuple[Any, ...]]:
    order = ForOrder(order_id, f"OM-{order_id}", lines, "shop")
    return [tuple(part) for part in confirm_hold(uid=made.uid, owner=owner, order=order)]


def wanted(sku: Sku, quantity: int) -> WantedUnits:
    return WantedUnits(uuid7(), sku.pk, quantity)


def rows(made: StockHold) -> list[tuple[Any, ...]]:
    """What the hold's reservations say: SKU, node, state, units in all, open."""
    return list(
        Reservation.objects.filter(hold_id=made.pk)
        .order_by("pk")
        .values_list("sku__code", "node__code", "state", "quantity", "open_quantity")
    )


def level(sku: Sku, node: Any) -> tuple[int, int]:
    found = StockLevel.objects.get(sku=sku, node=node)
    return found.on_hand, found.reserved


def ledger(*reasons: str) -> list[tuple[Any, ...]]:
    moved = StockMovement.objects.filter(reason__in=reasons).order_by("id")
    return list(moved.values_list("sku__code", "node__code", "from_bucket", "to_bucket", "quantity", "reason"))


def require_sound() -> None:
    assert audit_stock().differences == 0
    lives = StockLevel.objects.values_list("on_hand", "reserved", "safety_stock")
    assert all(reserved <= on_hand for on_hand, reserved, _ in lives)


# -- make --------------------------------------------------------------------------------------------------------------


def test_a_hold_keeps_units_at_one_node_where_one_has_them_all(world: World) -> None:
    stock(world.kurta, world.delhi, 12)

    made = hold(HoldLine(world.kurta.pk, 2), HoldLine(world.saree.pk, 1), reference="CART-9", channel_code="web")

    assert rows(made) == [("KURTA-M", "del-01", "soft", 2, 2), ("SAREE-1", "del-01", "soft", 1, 1)]
    stored = StockHold.objects.get()
    assert (stored.uid, stored.state, stored.owner, stored.reference) == (made.uid, "held", "token:1", "CART-9")
    assert stored.channel_code == "web"
    assert (stored.pk, stored.expires_at, stored.created_at) == (made.pk, made.expires_at, made.created_at)
    assert made.expires_at - made.created_at == timedelta(seconds=600)
    assert set(Reservation.objects.values_list("purpose", "order_id", "expires_at", "reference")) == {
        ("checkout", None, made.expires_at, "CART-9")
    }
    assert ledger("reserve") == [
        ("KURTA-M", "del-01", "demand", "reserved", 2, "reserve"),
        ("SAREE-1", "del-01", "demand", "reserved", 1, "reserve"),
    ]
    assert level(world.kurta, world.delhi) == (12, 2)
    require_sound()


def test_a_hold_takes_from_two_nodes_where_one_has_too_few(world: World) -> None:
    stock(world.kurta, world.delhi, 12)

    made = hold(HoldLine(world.kurta.pk, 20))

    assert rows(made) == [("KURTA-M", "del-01", "soft", 12, 12), ("KURTA-M", "blr-01", "soft", 8, 8)]


def test_lines_of_one_sku_are_added_up_and_a_named_node_is_kept_to(world: World) -> None:
    made = hold(
        HoldLine(world.kurta.pk, 1, world.blr.pk), HoldLine(world.kurta.pk, 2), HoldLine(world.kurta.pk, 3),
    )  # fmt: skip

    assert rows(made) == [("KURTA-M", "blr-01", "soft", 1, 1), ("KURTA-M", "del-01", "soft", 5, 5)]


def test_a_hold_that_does_not_fit_keeps_nothing_and_says_what_would(world: World) -> None:
    set_safety_stock(node_id=world.blr.pk, sku_id=world.kurta.pk, quantity=4)
    events = OutboxEvent.objects.count()

    with pytest.raises(NotEnoughStock) as refusal:
        hold(HoldLine(world.kurta.pk, 17), HoldLine(world.saree.pk, 11, world.blr.pk), HoldLine(world.shoe.pk, 1))

    assert refusal.value.data["lines"] == [
        {"sku": "SAREE-1", "node": "blr-01", "wanted": 11, "possible": 10, "lines": [1]},
        {"sku": "KURTA-M", "node": "", "wanted": 17, "possible": 16, "lines": [0]},
    ]
    assert "10 of 11 SAREE-1 at blr-01 (line 2); 16 of 17 KURTA-M (line 1)" in refusal.value.message
    assert not StockHold.objects.exists()
    assert not Reservation.objects.exists()
    assert OutboxEvent.objects.count() == events


def test_nodes_that_are_off_or_not_allowed_keep_nothing(world: World) -> None:
    made = hold(HoldLine(world.kurta.pk, 3), node_ids=[world.delhi.pk])
    assert rows(made) == [("KURTA-M", "del-01", "soft", 3, 3)]

    # A line that names its node is kept to it.
    made = hold(HoldLine(world.kurta.pk, 1, world.blr.pk), HoldLine(world.kurta.pk, 1), node_ids=[world.delhi.pk])
    assert rows(made) == [("KURTA-M", "blr-01", "soft", 1, 1), ("KURTA-M", "del-01", "soft", 1, 1)]
    switch_node(node_id=world.delhi.pk, active=False)
    with pytest.raises(NotEnoughStock):
        hold(HoldLine(world.kurta.pk, 1), node_ids=[world.delhi.pk])


def test_the_same_uid_again_gives_the_hold_that_there_is(world: World) -> None:
    uid = uuid7()
    first = hold(HoldLine(world.kurta.pk, 20), uid=uid)

    second = hold(HoldLine(world.kurta.pk, 20), uid=uid)

    assert (second.pk, second.expires_at) == (first.pk, first.expires_at)
    assert Reservation.objects.count() == 2
    with pytest.raises(HoldUnknown):
        hold_stock(uid=uid, owner="token:2", lines=[HoldLine(world.kurta.pk, 1)], seconds=60, actor="other")


@pytest.mark.parametrize(
    ("lines", "seconds"),
    [([], 60), ([HoldLine(1, 1)] * 201, 60), ([HoldLine(1, 1)], 0), ([HoldLine(1, 1)], 3601)],
)
def test_impossible_holds_are_refused(world: World, lines: Sequence[HoldLine], seconds: int) -> None:
    with pytest.raises(DomainError):
        hold(*lines, seconds=seconds)
    with pytest.raises(BadQuantity):
        hold(HoldLine(world.kurta.pk, 0))
    assert not StockHold.objects.exists()


def test_a_hold_says_that_stock_changed(world: World) -> None:
    OutboxEvent.objects.all().delete()

    hold(HoldLine(world.saree.pk, 1), HoldLine(world.kurta.pk, 1))

    [event] = OutboxEvent.objects.values_list("kind", "payload")
    assert event == ("inventory.StockChanged", {"sku_ids": [world.kurta.pk, world.saree.pk], "reason": "held"})


def test_a_hold_of_many_lines_takes_as_many_statements_as_one_of_a_single_line(world: World) -> None:
    skus = [make_sku(f"MANY-{number}") for number in range(20)]
    for sku in skus:
        stock(sku, world.blr, 5)
    counts = []
    for some in (skus[:1], skus):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            hold(*(HoldLine(sku.pk, 1) for sku in some))
        counts.append(len(queries))

    assert counts == [2, 2]


# -- end ---------------------------------------------------------------------------------------------------------------


def test_a_released_hold_gives_its_units_back_once(world: World) -> None:
    made = hold(HoldLine(world.kurta.pk, 20))
    OutboxEvent.objects.all().delete()

    released = release_hold(uid=made.uid, owner="token:1", actor="shop")
    again = release_hold(uid=made.uid, owner="token:1", actor="shop")

    assert released.state == again.state == "released"
    assert released.closed_at == again.closed_at is not None
    assert {row[2:] for row in rows(made)} == {("released", 10, 0)}
    assert ledger("release") == [
        ("KURTA-M", "blr-01", "reserved", "demand", 10, "release"),
        ("KURTA-M", "del-01", "reserved", "demand", 10, "release"),
    ]
    assert level(world.kurta, world.blr) == (10, 0)
    told = sorted(OutboxEvent.objects.values_list("kind", flat=True))
    assert told == ["inventory.StockArrived", "inventory.StockArrived", "inventory.StockChanged"]
    with pytest.raises(HoldReleased):
        extend_hold(uid=made.uid, owner="token:1", seconds=60)
    require_sound()


def test_a_stranger_cannot_touch_a_hold(world: World) -> None:
    made = hold(HoldLine(world.kurta.pk, 1))

    for deed in (
        lambda: release_hold(uid=made.uid, owner="token:2", actor="x"),
        lambda: extend_hold(uid=made.uid, owner="token:2", seconds=60),
        lambda: confirm(made, wanted(world.kurta, 1), owner="token:2"),
    ):
        with pytest.raises(HoldUnknown):
            deed()
    assert StockHold.objects.get().state == "held"


def test_the_sweep_ends_what_is_over_and_nothing_else(world: World) -> None:
    over, lasting = hold(HoldLine(world.kurta.pk, 2)), hold(HoldLine(world.kurta.pk, 3, world.blr.pk))
    end_now(over)

    assert expire_due_holds() == 1
    assert expire_due_holds() == 0

    assert rows(over) == [("KURTA-M", "blr-01", "expired", 2, 0)]
    assert rows(lasting) == [("KURTA-M", "blr-01", "soft", 3, 3)]
    assert ledger("expire") == [("KURTA-M", "blr-01", "reserved", "demand", 2, "expire")]
    stored = StockHold.objects.get(pk=over.pk)
    assert (stored.state, stored.closed_at is not None) == ("expired", True)
    require_sound()


def test_the_sweep_goes_on_until_nothing_is_over_or_it_did_its_share(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holds, "SWEEP", 2)
    made = [hold(HoldLine(world.kurta.pk, 1)) for _ in range(8)]
    end_now(*made)

    assert expire_due_holds(limit=3) == 3
    assert expire_due_holds() == 5

    assert set(StockHold.objects.values_list("state", flat=True)) == {"expired"}
    require_sound()


def test_a_hold_that_was_sold_is_not_ended_by_the_clock(world: World) -> None:
    made = hold(HoldLine(world.kurta.pk, 2))
    confirm(made, wanted(world.kurta, 2))
    end_now(made)

    assert expire_due_holds() == 0

    assert StockHold.objects.get().state == "confirmed"
    assert [row[2:] for row in rows(made)] == [("hard", 2, 2)]
    require_sound()


def test_a_hold_that_is_over_cannot_be_confirmed_or_extended_though_nobody_swept(world: World) -> None:
    made = hold(HoldLine(world.kurta.pk, 2))
    end_now(made)

    with pytest.raises(HoldExpired):
        confirm(made, wanted(world.kurta, 2))
    with pytest.raises(HoldExpired):
        extend_hold(uid=made.uid, owner="token:1", seconds=60)
    assert StockHold.objects.get().state == "held"

    # Its owner gives back what is over already: the ledger says so.
    assert release_hold(uid=made.uid, owner="token:1", actor="shop").state == "expired"
    assert ledger("release", "expire") == [("KURTA-M", "blr-01", "reserved", "demand", 2, "expire")]


def test_a_confirmation_in_a_transaction_that_began_in_time_but_came_too_late_is_refused(world: World) -> None:
    made = hold(HoldLine(world.kurta.pk, 1), seconds=1)

    # The clock of the transaction stands still; that of the database does not.
    fetch_all("SELECT pg_sleep_until(%s)", [made.expires_at])

    with pytest.raises(HoldExpired):
        confirm(made, wanted(world.kurta, 1))


def test_units_of_a_hold_that_is_over_are_held_by_the_next_buyer_at_once(world: World) -> None:
    stock(world.kurta, world.delhi, 0)
    first = hold(HoldLine(world.kurta.pk, 10), HoldLine(world.saree.pk, 1))
    with pytest.raises(NotEnoughStock):
        hold(HoldLine(world.kurta.pk, 1))
    end_now(first)
    OutboxEvent.objects.all().delete()

    second = hold(HoldLine(world.kurta.pk, 7))

    assert rows(second) == [("KURTA-M", "blr-01", "soft", 7, 7)]
    assert {row[2:] for row in rows(first)} == {("expired", 10, 0), ("expired", 1, 0)}
    assert StockHold.objects.get(pk=first.pk).state == "expired"
    assert level(world.kurta, world.blr) == (10, 7)
    assert level(world.saree, world.blr) == (10, 0)
    # What goes stands in the ledger before what comes.
    assert ledger("reserve", "expire")[-3:] == [
        ("KURTA-M", "blr-01", "reserved", "demand", 10, "expire"),
        ("SAREE-1", "blr-01", "reserved", "demand", 1, "expire"),
        ("KURTA-M", "blr-01", "demand", "reserved", 7, "reserve"),
    ]
    told = {(kind, payload.get("reason", "")) for kind, payload in OutboxEvent.objects.values_list("kind", "payload")}
    assert told == {
        ("inventory.StockChanged", "hold expired"), ("inventory.StockArrived", ""), ("inventory.StockChanged", "held"),
    }  # fmt: skip
    require_sound()


# -- extend ------------------------------------------------------------------------------------------------------------


def test_a_hold_goes_on_and_never_ends_sooner_for_it(world: World) -> None:
    made = hold(HoldLine(world.kurta.pk, 1), seconds=60)

    longer = extend_hold(uid=made.uid, owner="token:1", seconds=600)
    same = extend_hold(uid=made.uid, owner="token:1", seconds=5)

    assert timedelta(seconds=599) < longer - database_now() <= timedelta(seconds=600)
    assert same == longer
    assert StockHold.objects.get().expires_at == Reservation.objects.get().expires_at == longer


def test_a_hold_does_not_go_on_for_ever(world: World, settings: Settings) -> None:
    settings.HOLD_MAX_SECONDS = 100
    made = hold(HoldLine(world.kurta.pk, 1), seconds=60)
    StockHold.objects.update(created_at=database_now() - timedelta(seconds=50))

    with pytest.raises(DomainError) as refusal:
        extend_hold(uid=made.uid, owner="token:1", seconds=60)

    assert refusal.value.field == "seconds"
    assert refusal.value.data["possible"] in (49, 50)
    assert StockHold.objects.get().expires_at == made.expires_at


# -- confirm -----------------------------------------------------------------------------------------------------------


def test_a_confirmed_hold_is_what_the_order_has_reserved(world: World) -> None:
    made = hold(HoldLine(world.kurta.pk, 12), HoldLine(world.saree.pk, 1))
    kurta, saree = wanted(world.kurta, 12), wanted(world.saree, 1)

    got = confirm(made, kurta, saree)

    assert got == [
        (kurta.line_uid, world.kurta.pk, world.blr.pk, 10), (kurta.line_uid, world.kurta.pk, world.delhi.pk, 2),
        (saree.line_uid, world.saree.pk, world.blr.pk, 1),
    ]  # fmt: skip
    assert {row[2] for row in rows(made)} == {"hard"}
    assert set(Reservation.objects.values_list("purpose", "order_id", "reference", "expires_at")) == {
        ("order", 7, "OM-7", None)
    }
    stored = StockHold.objects.get()
    assert (stored.state, stored.order_id) == ("confirmed", 7)
    # The units stay reserved: nothing is posted.
    assert ledger("release", "expire") == []
    with pytest.raises(HoldUsed):
        confirm(made, wanted(world.kurta, 1), order_id=8)
    with pytest.raises(HoldUsed):
        release_hold(uid=made.uid, owner="token:1", actor="shop")
    require_sound()


def test_what_the_order_does_not_want_goes_back(world: World) -> None:
    made = hold(HoldLine(world.kurta.pk, 5), HoldLine(world.saree.pk, 2))
    OutboxEvent.objects.all().delete()

    got = confirm(made, wanted(world.kurta, 3), wanted(world.shoe, 1))

    assert [part[1:] for part in got] == [(world.kurta.pk, world.blr.pk, 3)]
    assert rows(made) == [("KURTA-M", "blr-01", "hard", 5, 3), ("SAREE-1", "blr-01", "released", 2, 0)]
    assert ledger("release") == [
        ("KURTA-M", "blr-01", "reserved", "demand", 2, "release"),
        ("SAREE-1", "blr-01", "reserved", "demand", 2, "release"),
    ]
    assert level(world.kurta, world.blr) == (10, 3)
    [event] = OutboxEvent.objects.filter(kind="inventory.StockArrived").values_list("payload", flat=True)
    assert event == {"sku_ids": [world.kurta.pk, world.saree.pk], "node_id": world.blr.pk}
    require_sound()


def test_lines_of_one_sku_share_a_reservation_with_rows_of_their_own(world: World) -> None:
    made = hold(HoldLine(world.kurta.pk, 6))
    first, second = wanted(world.kurta, 2), wanted(world.kurta, 3)

    confirm(made, first, second)

    assert rows(made) == [("KURTA-M", "blr-01", "hard", 6, 2)]
    assert dict(Reservation.objects.values_list("line_uid", "open_quantity")) == {
        first.line_uid: 2, second.line_uid: 3
    }  # fmt: skip
    assert sorted(ledger("release", "reserve")[1:]) == [
        ("KURTA-M", "blr-01", "demand", "reserved", 3, "reserve"),
        ("KURTA-M", "blr-01", "reserved", "demand", 4, "release"),
    ]
    assert level(world.kurta, world.blr) == (10, 5)
    require_sound()


def test_a_hold_of_other_goods_is_not_used_up(world: World) -> None:
    made = hold(HoldLine(world.kurta.pk, 1))

    with pytest.raises(DomainError), transaction.atomic():
        confirm(made, wanted(world.saree, 1))

    assert StockHold.objects.get().state == "held"


def test_a_confirmation_that_dies_half_way_leaves_the_hold(world: World) -> None:
    made = hold(HoldLine(world.kurta.pk, 5))

    def half() -> None:
        confirm(made, wanted(world.kurta, 3))
        raise RuntimeError("the order could not be written")

    with pytest.raises(RuntimeError), transaction.atomic():
        half()

    assert StockHold.objects.get().state == "held"
    assert rows(made) == [("KURTA-M", "blr-01", "soft", 5, 5)]
    assert ledger("release") == []


# -- beside orders -----------------------------------------------------------------------------------------------------


def test_orders_cannot_reserve_what_a_checkout_holds(world: World) -> None:
    made = hold(HoldLine(world.kurta.pk, 8, world.blr.pk))

    def take(order_id: int, quantity: int) -> set[int]:
        claim = Claim(uuid7(), uuid7(), order_id, f"OM-{order_id}", world.kurta.pk, world.blr.pk, quantity)
        return run_atomic(lambda: reserve([claim], actor="test"))

    assert take(1, 3) == {1}
    assert take(2, 2) == set()
    assert rows(made) == [("KURTA-M", "blr-01", "soft", 8, 8)]


def test_the_moment_of_the_end_is_that_of_the_database(world: World) -> None:
    made = hold(HoldLine(world.kurta.pk, 1), seconds=60)

    assert isinstance(made.expires_at, datetime)
    assert timedelta(seconds=59) < made.expires_at - database_now() <= timedelta(seconds=60)
