"""Several at one hold at the same moment, in real threads: exactly one wins, and every unit is accounted for."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from inventory.errors import HoldExpired, HoldReleased, HoldUsed, NotEnoughStock
from inventory.models import Node, Reservation, Sku, StockHold, StockLevel, StockMovement
from inventory.services import (
    ForOrder,
    HoldLine,
    WantedUnits,
    audit_stock,
    confirm_hold,
    expire_due_holds,
    extend_hold,
    hold_stock,
    release_hold,
)
from oms.core.db import fetch_all
from oms.core.ids import uuid7
from routing.models import RoutingDecision
from routing.services import CheckoutHold, adopt_hold, forget_policy, route_orders
from tests.factories import World, capture, make_line, make_node, make_order, make_sku, make_world, stock
from tests.inventory.holding import database_now, end_now
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
OWNER = "token:1"
ROUNDS = 50
#: When the hold of a race ends, in seconds from its start: before it, about when the deeds reach the row, after them.
ENDS_AFTER = (-1.0, 0.0, 0.004, 0.015, 0.05, 0.5)


@pytest.fixture
def node() -> Node:
    return make_node("blr-01", city="Bengaluru", postcode="560037")


def hold(sku: Sku, quantity: int) -> StockHold:
    return hold_stock(uid=uuid7(), owner=OWNER, lines=[HoldLine(sku.pk, quantity)], seconds=600, actor="shop")


def release(uid: UUID) -> bool:
    return release_hold(uid=uid, owner=OWNER, actor="shop").state == "released"


def confirm(uid: UUID, sku: Sku, quantity: int, order_id: int = 7) -> bool:
    order = ForOrder(order_id, f"OM-{order_id}", [WantedUnits(uuid7(), sku.pk, quantity)], "shop")
    with transaction.atomic():
        return bool(confirm_hold(uid=uid, owner=OWNER, order=order))


def race(made: StockHold, number: int, deeds: Sequence[Callable[[], Any]]) -> list[bool]:
    """Do all at once, over connections that are open already, around the moment at which the hold ends.

    Whether each deed went through.
    """
    gate = Barrier(len(deeds), action=lambda: end_now(made, after_seconds=ENDS_AFTER[number % len(ENDS_AFTER)]))

    def run(deed: Callable[[], Any]) -> bool:
        fetch_all("SELECT 1")
        gate.wait(30)
        return tried(deed)

    return at_once([partial(run, deed) for deed in deeds])


def tried(deed: Callable[[], Any]) -> bool:
    """Whether it went through; a refusal is one of the hold's own."""
    try:
        return bool(deed())
    except (HoldExpired, HoldReleased, HoldUsed):
        return False


def require_one_end(sku: Sku, node: Node, quantity: int, made: StockHold) -> str:
    """The state of the hold, which its reservation, the ledger and the level all tell alike."""
    state = StockHold.objects.get(pk=made.pk).state
    row = Reservation.objects.get(hold_id=made.pk)
    left = {"confirmed": ("hard", quantity), "released": ("released", 0), "expired": ("expired", 0)}[state]
    assert (row.state, row.open_quantity) == left
    moved = Counter(StockMovement.objects.filter(sku=sku, reference="checkout").values_list("reason", flat=True))
    gone = {"confirmed": {}, "released": {"release": 1}, "expired": {"expire": 1}}[state]
    assert moved == Counter({"reserve": 1} | gone)
    level = StockLevel.objects.get(sku=sku, node=node)
    assert (level.on_hand, level.reserved) == (quantity, left[1])
    return state


def test_of_confirming_releasing_and_expiring_exactly_one_happens(node: Node) -> None:
    ends: Counter[str] = Counter()
    for number in range(ROUNDS):
        sku = make_sku(f"RACE-{number}")
        stock(sku, node, 3)
        made = hold(sku, 3)

        results = race(made, number, [
            partial(confirm, made.uid, sku, 3), partial(release, made.uid), expire_due_holds
        ])  # fmt: skip
        end_now(made)
        expire_due_holds()

        state = require_one_end(sku, node, 3, made)
        ends[state] += 1
        assert (results[0], results[1]) == (state == "confirmed", state == "released")
    assert sum(ends.values()) == ROUNDS
    assert len(ends) > 1, ends
    assert audit_stock().differences == 0


def test_of_two_confirmations_exactly_one_wins(node: Node) -> None:
    for number in range(ROUNDS):
        sku = make_sku(f"TWICE-{number}")
        stock(sku, node, 2)
        made = hold(sku, 2)

        results = at_once([partial(tried, partial(confirm, made.uid, sku, 2, order)) for order in (1, 2)])

        assert sorted(results) == [False, True]
        winner = 1 if results[0] else 2
        assert StockHold.objects.get(pk=made.pk).order_id == winner
        assert list(Reservation.objects.filter(sku=sku).values_list("order_id", "open_quantity")) == [(winner, 2)]
    assert audit_stock().differences == 0


def test_a_hold_is_either_extended_in_time_or_over(node: Node) -> None:
    ends: Counter[bool] = Counter()
    for number in range(ROUNDS):
        sku = make_sku(f"LONGER-{number}")
        stock(sku, node, 1)
        made = hold(sku, 1)

        extended, _ = race(made, number, [
            partial(extend_hold, uid=made.uid, owner=OWNER, seconds=60), expire_due_holds
        ])  # fmt: skip
        expire_due_holds()

        ends[extended] += 1
        kept = StockHold.objects.get(pk=made.pk)
        assert kept.state == ("held" if extended else "expired")
        assert StockLevel.objects.get(sku=sku).reserved == int(extended)
        assert (Reservation.objects.get(hold_id=made.pk).expires_at or made.expires_at) == kept.expires_at
    assert set(ends) == {True, False}, ends
    assert audit_stock().differences == 0


def test_with_all_workers_down_the_next_buyer_gets_the_units_at_the_moment_of_the_end(node: Node) -> None:
    sku = make_sku("LAST")
    stock(sku, node, 1)
    first = hold_stock(uid=uuid7(), owner=OWNER, lines=[HoldLine(sku.pk, 1)], seconds=1, actor="first")
    refused_until = None
    while True:
        before = database_now()
        try:
            second = hold_stock(uid=uuid7(), owner="token:2", lines=[HoldLine(sku.pk, 1)], seconds=60, actor="second")
        except NotEnoughStock:
            refused_until = before
            time.sleep(0.002)
            continue
        break

    # Refused to the last moment, taken at once after it; nobody swept.
    assert refused_until is not None
    assert refused_until < first.expires_at <= second.created_at
    assert (second.created_at - first.expires_at).total_seconds() < 0.5
    assert not tried(partial(confirm, first.uid, sku, 1))
    assert dict(StockHold.objects.values_list("owner", "state")) == {OWNER: "expired", "token:2": "held"}
    assert StockLevel.objects.get(sku=sku).reserved == 1
    assert audit_stock().differences == 0


def test_a_crowd_takes_over_what_many_holds_left_and_no_unit_more(node: Node) -> None:
    sku = make_sku("CROWD")
    stock(sku, node, 20)
    old = [hold(sku, 2) for _ in range(10)]
    end_now(*old)

    def buy(number: int) -> bool:
        lines = [HoldLine(sku.pk, 3)]
        try:
            hold_stock(uid=uuid7(), owner=f"crowd:{number}", lines=lines, seconds=60, actor="crowd")
        except NotEnoughStock:
            return False
        return True

    bought = at_once([partial(buy, number) for number in range(12)])

    assert sum(bought) == 6
    level = StockLevel.objects.get(sku=sku)
    assert (level.on_hand, level.reserved) == (20, 18)
    assert set(StockHold.objects.filter(owner=OWNER).values_list("state", flat=True)) == {"expired"}
    assert audit_stock().differences == 0


# -- beside routing ----------------------------------------------------------------------------------------------------


@pytest.fixture
def world() -> World:
    forget_policy()
    return make_world()


def test_routing_takes_what_a_hold_that_is_over_keeps(world: World) -> None:
    held = hold(world.kurta, 20)
    order_id = capture(world, make_order("A", make_line(world.kurta, 4)))
    assert [routed.outcome for routed in route_orders([order_id], trigger="captured")] == ["unroutable"]
    end_now(held)

    assert [routed.outcome for routed in route_orders([order_id], trigger="swept")] == ["routed"]

    assert StockHold.objects.get().state == "expired"
    assert list(Reservation.objects.filter(open_quantity__gt=0).values_list("order_id", "open_quantity")) == [
        (order_id, 4)
    ]
    assert sum(StockLevel.objects.filter(sku=world.kurta).values_list("reserved", flat=True)) == 4
    assert audit_stock().differences == 0


def test_routing_and_a_late_checkout_never_get_the_same_units(world: World) -> None:
    for number in range(20):
        sku = make_sku(f"LATE-{number}")
        stock(sku, world.blr, 2)
        made = hold(sku, 2)
        mine = capture(world, make_order(f"mine-{number}", make_line(sku, 2)))
        other = capture(world, make_order(f"other-{number}", make_line(sku, 2)))

        def adopt(order_id: int = mine, made: StockHold = made) -> bool:
            adopt_hold(order_id=order_id, hold=CheckoutHold(made.uid, OWNER, ""), actor="shop")
            return True

        def route(order_id: int = other) -> bool:
            return [routed.outcome for routed in route_orders([order_id], trigger="captured")] == ["routed"]

        results = race(made, number, [adopt, route])

        open_rows = Reservation.objects.filter(sku=sku, open_quantity__gt=0)
        holders = set(open_rows.values_list("order_id", flat=True))
        assert sum(results) <= 1
        if results[0]:
            assert holders == {mine}
        elif results[1]:
            assert holders == {other}
        assert StockLevel.objects.get(sku=sku).reserved <= 2
    assert audit_stock().differences == 0


def test_two_orders_cannot_both_adopt_one_hold(world: World) -> None:
    made = hold(world.kurta, 2)
    ids = [capture(world, make_order(name, make_line(world.kurta, 2))) for name in ("a", "b")]

    def adopt(order_id: int) -> bool:
        try:
            adopt_hold(order_id=order_id, hold=CheckoutHold(made.uid, OWNER, ""), actor="shop")
        except HoldUsed:
            return False
        return True

    assert sorted(at_once([partial(adopt, order_id) for order_id in ids])) == [False, True]
    assert RoutingDecision.objects.count() == 1
    assert audit_stock().differences == 0
