"""Orders are decided without locks: whatever happens at the same time, each is decided once and nothing is oversold."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from inventory.models import Node, Reservation, Sku, StockLevel, StockMovement
from inventory.services import Claim, adjust, audit_stock, reserve, switch_node
from oms.core.db import run_atomic
from oms.core.ids import uuid7
from oms.core.models import OutboxEvent
from orders.locks import lock_order
from orders.models import Order, OrderEvent, OrderLine
from orders.services import UnitMove, add_note, edit_address, move_units, place_hold
from routing.models import NodeLoad, RoutingDecision
from routing.services import Routed, forget_policy, route_orders, waiting_order_ids
from routing.services.planning import Planned, plan_demands
from routing.services.route import MAX_ROUNDS
from tests.factories import ASHA, World, capture, make_line, make_order, make_sku, make_world, stock
from tests.fulfillment.floor import stock_of, units_of
from tests.threads import at_once, elsewhere

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    forget_policy()
    return make_world()


def route(*order_ids: int) -> list[Routed]:
    return route_orders(order_ids, trigger="captured")


def captured(world: World, count: int, sku: Sku, quantity: int = 1) -> list[int]:
    return [capture(world, make_order(f"{sku.code}/{n}", make_line(sku, quantity))) for n in range(count)]


def loads() -> dict[int, int]:
    """Orders that each node was given, by id."""
    return dict(NodeLoad.objects.values_list("node_id", "orders"))


def given_by_decisions() -> dict[int, int]:
    """The same, counted from what the decisions say."""
    decisions = RoutingDecision.objects.values_list("assignments", flat=True)
    return dict(Counter(node for parts in decisions for node in {node_id for _, node_id, *_ in _parts(parts)}))


def _parts(parts: list[list[int]]) -> list[tuple[int, int, int]]:
    return [(line, node, quantity) for line, _, node, quantity in parts]


def require_that_all_adds_up() -> None:
    """Units, reservations, ledger, loads and timelines say the same, order by order and line by line."""
    assert audit_stock().differences == 0
    held: Counter[Any] = Counter()
    for reservation in Reservation.objects.filter(open_quantity__gt=0):
        held[reservation.line_uid] += reservation.open_quantity
    for line in OrderLine.objects.all():
        assert line.allocated == held.pop(line.uid, 0), line
    assert not held
    assert loads() == given_by_decisions()
    for order in Order.objects.all():
        numbers = list(OrderEvent.objects.filter(order=order).order_by("seq").values_list("seq", flat=True))
        assert numbers == list(range(1, order.timeline_seq + 1))


class Meanwhile:
    """Does something over another connection while orders are decided: after they are read, before they are written."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.deeds: list[Callable[[], object]] = []
        #: The orders of each round of deciding.
        self.rounds: list[list[int]] = []
        patch.setattr("routing.services.route.plan_demands", self._plan)

    def _plan(self, around: Any, only_node_id: int | None) -> list[Planned]:
        planned = plan_demands(around, only_node_id)
        self.rounds.append([each.demand.order_id for each in planned])
        if self.deeds:
            elsewhere(self.deeds.pop(0))
        return planned


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    return Meanwhile(monkeypatch)


# -- many at once ------------------------------------------------------------------------------------------------------


def test_orders_that_several_route_at_once_are_each_decided_once(world: World) -> None:
    ids = [
        capture(world, make_order(f"{n}", make_line(world.kurta, 1), make_line(world.saree, 1))) for n in range(10)
    ]  # fmt: skip
    draw = random.Random(3)

    results = at_once([partial(route, *draw.sample(ids, len(ids))) for _ in range(6)])

    assert sorted(routed.order_id for found in results for routed in found) == ids
    assert {routed.outcome for found in results for routed in found} == {"routed"}
    assert sorted(RoutingDecision.objects.values_list("order_id", "attempt")) == [(order_id, 1) for order_id in ids]
    assert Reservation.objects.count() == StockMovement.objects.filter(reason="reserve").count() == 20
    assert sorted(Reservation.objects.values_list("line_uid", flat=True)) == sorted(
        OrderLine.objects.values_list("uid", flat=True)
    )
    assert set(OrderLine.objects.values_list("unallocated", "backordered", "allocated")) == {(0, 0, 1)}
    assert set(Order.objects.values_list("stage", "version")) == {("routed", 2)}
    assert OutboxEvent.objects.filter(kind="routing.OrderRouted").count() == 10
    assert sum(loads().values()) == 10
    require_that_all_adds_up()


@pytest.mark.parametrize("quantity", [1, 3])
def test_orders_that_compete_for_too_little_reserve_all_of_it_and_no_unit_more(world: World, quantity: int) -> None:
    stock(world.kurta, world.blr, 7)
    stock(world.kurta, world.delhi, 4)
    ids = captured(world, 24, world.kurta, quantity)

    results = at_once([partial(route, *ids[first::6]) for first in range(6)])

    assert sorted(routed.order_id for found in results for routed in found) == ids
    assert stock_of(world.kurta, world.blr) == {"on_hand": 7, "reserved": 7}
    assert stock_of(world.kurta, world.delhi) == {"on_hand": 4, "reserved": 4}
    lines = OrderLine.objects.all()
    assert sum(line.allocated for line in lines) == 11
    assert sum(line.backordered for line in lines) == 24 * quantity - 11
    assert {line.unallocated for line in lines} == {0}
    assert RoutingDecision.objects.count() == 24
    require_that_all_adds_up()


def test_those_who_buy_write_off_and_note_at_the_same_time_leave_numbers_that_add_up(world: World) -> None:
    stock(world.kurta, world.delhi, 0)
    ids = captured(world, 12, world.kurta)

    def write_off() -> None:
        adjust(node_id=world.blr.pk, sku_id=world.kurta.pk, reason="lost", quantity=1, op_key="lost/1", actor="test")

    def take_notes() -> None:
        for order_id in ids:
            add_note(order_id=order_id, text="Called the customer", actor="Meera")

    tasks: list[Callable[[], object]] = [write_off, take_notes, *(partial(route, *ids[n::3]) for n in range(3))]
    at_once(tasks)
    route(*waiting_order_ids(limit=100))

    assert stock_of(world.kurta, world.blr) == {"on_hand": 9, "reserved": 9}
    assert sum(OrderLine.objects.values_list("allocated", flat=True)) == 9
    assert sum(OrderLine.objects.values_list("backordered", flat=True)) == 3
    assert OrderEvent.objects.filter(kind="note").count() == 12
    require_that_all_adds_up()


# -- changed while it was decided --------------------------------------------------------------------------------------


def test_an_order_that_was_changed_meanwhile_is_decided_again_and_the_others_are_not(
    world: World, meanwhile: Meanwhile
) -> None:
    first, noted, last = captured(world, 3, world.kurta, 2)
    meanwhile.deeds = [partial(add_note, order_id=noted, text="Gift wrap", actor="Meera")]

    results = route(first, noted, last)

    assert [routed.order_id for routed in results] == [first, last, noted]
    assert meanwhile.rounds == [[first, noted, last], [noted]]
    assert list(RoutingDecision.objects.order_by("order_id").values_list("order_id", "attempt")) == [
        (first, 1), (noted, 1), (last, 1),
    ]  # fmt: skip
    kinds = OrderEvent.objects.filter(order_id=noted).order_by("seq").values_list("kind", flat=True)
    assert list(kinds) == ["captured", "note", "routed"]
    assert stock_of(world.kurta, world.blr) == {"on_hand": 10, "reserved": 6}
    assert loads() == {world.blr.pk: 3}
    require_that_all_adds_up()


def test_units_cancelled_meanwhile_are_not_reserved(world: World, meanwhile: Meanwhile) -> None:
    [order_id] = captured(world, 1, world.kurta, 3)
    line = OrderLine.objects.get()
    meanwhile.deeds = [partial(move_units, [UnitMove(line.pk, "unallocated", "cancelled", 2)])]

    assert route(order_id) == [Routed(order_id, "routed")]

    assert units_of(order_id) == {"allocated": 1, "cancelled": 2}
    assert list(Reservation.objects.values_list("quantity", "open_quantity")) == [(1, 1)]
    assert RoutingDecision.objects.get().assignments == [[line.pk, world.kurta.pk, world.blr.pk, 1]]
    require_that_all_adds_up()


def test_an_order_cancelled_whole_meanwhile_is_left_alone(world: World, meanwhile: Meanwhile) -> None:
    [order_id] = captured(world, 1, world.kurta, 3)
    line = OrderLine.objects.get()
    meanwhile.deeds = [partial(move_units, [UnitMove(line.pk, "unallocated", "cancelled", 3)])]

    assert route(order_id) == []

    assert units_of(order_id) == {"cancelled": 3}
    assert not RoutingDecision.objects.exists()
    assert not Reservation.objects.exists()
    assert loads() == {}
    require_that_all_adds_up()


def test_a_hold_placed_meanwhile_stands_and_the_stock_is_reserved_all_the_same(
    world: World, meanwhile: Meanwhile
) -> None:
    [order_id] = captured(world, 1, world.kurta)
    meanwhile.deeds = [
        partial(place_hold, order_id=order_id, reason="other", source="test", handle="test", actor="test")
    ]

    assert route(order_id) == [Routed(order_id, "routed")]

    order = Order.objects.get()
    assert (order.open_holds, order.stage, order.version) == (1, "routed", 3)
    assert units_of(order_id) == {"allocated": 1}
    require_that_all_adds_up()


def test_an_address_changed_meanwhile_decides_for_the_node_near_it(world: World, meanwhile: Meanwhile) -> None:
    [order_id] = captured(world, 1, world.kurta)
    delhi = replace(ASHA, city="New Delhi", region="Delhi", postcode="110001")
    meanwhile.deeds = [partial(edit_address, order_id=order_id, address=delhi, actor="Meera")]

    route(order_id)

    assert Reservation.objects.get().node_id == world.delhi.pk
    assert loads() == {world.delhi.pk: 1}
    require_that_all_adds_up()


def test_stock_that_others_took_meanwhile_is_found_elsewhere(world: World, meanwhile: Meanwhile) -> None:
    [order_id] = captured(world, 1, world.kurta, 2)
    taken = Claim(uuid7(), uuid7(), 0, "OM-0", world.kurta.pk, world.blr.pk, 9)
    meanwhile.deeds = [partial(run_atomic, partial(reserve, [taken], actor="test"))]

    assert route(order_id) == [Routed(order_id, "routed")]

    assert meanwhile.rounds == [[order_id], [order_id]]
    assert list(Reservation.objects.filter(order_id=order_id).values_list("node_id", "quantity")) == [
        (world.delhi.pk, 2)
    ]
    assert list(RoutingDecision.objects.values_list("attempt", "outcome")) == [(1, "routed")]
    assert loads() == {world.delhi.pk: 1}
    assert audit_stock().differences == 0


def test_an_order_that_another_worker_routed_meanwhile_is_not_routed_again(world: World, meanwhile: Meanwhile) -> None:
    ids = captured(world, 2, world.kurta)
    meanwhile.deeds = [partial(route, *ids)]

    assert route(*ids) == []

    assert RoutingDecision.objects.count() == Reservation.objects.count() == 2
    assert OutboxEvent.objects.filter(kind="routing.OrderRouted").count() == 2
    assert loads() == {world.blr.pk: 2}
    require_that_all_adds_up()


def test_an_order_that_loses_every_round_stays_as_it_was_until_it_is_tried_again(
    world: World, meanwhile: Meanwhile
) -> None:
    busy, quiet = captured(world, 2, world.kurta)
    meanwhile.deeds = [partial(add_note, order_id=busy, text=f"Note {n}", actor="Meera") for n in range(MAX_ROUNDS)]

    assert route(busy, quiet) == [Routed(quiet, "routed")]

    assert meanwhile.rounds == [[busy, quiet], *([[busy]] * (MAX_ROUNDS - 1))]
    assert units_of(busy) == {"unallocated": 1}
    assert Order.objects.get(pk=busy).stage == "captured"
    assert not RoutingDecision.objects.filter(order_id=busy).exists()
    assert not Reservation.objects.filter(order_id=busy).exists()
    assert not OutboxEvent.objects.filter(aggregate=f"order:{busy}", kind__startswith="routing.").exists()
    assert loads() == {world.blr.pk: 1}
    assert waiting_order_ids(limit=10) == [busy]

    assert route(busy) == [Routed(busy, "routed")]
    assert RoutingDecision.objects.get(order_id=busy).attempt == 1
    require_that_all_adds_up()


def test_while_an_order_is_decided_nobody_waits_for_it(world: World, meanwhile: Meanwhile) -> None:
    [order_id] = captured(world, 1, world.kurta)
    meanwhile.deeds = [partial(run_atomic, partial(lock_order, order_id))]

    assert route(order_id) == [Routed(order_id, "routed")]

    assert len(meanwhile.rounds) == 1
    require_that_all_adds_up()


# -- capacity ----------------------------------------------------------------------------------------------------------


def limit(node: Node, orders: int) -> None:
    Node.objects.filter(pk=node.pk).update(daily_capacity=orders)


def test_orders_of_one_call_share_out_what_a_node_takes_a_day(world: World) -> None:
    limit(world.blr, 3)
    ids = captured(world, 5, world.kurta)

    route(*ids)

    nodes = dict(Reservation.objects.values_list("order_id", "node_id"))
    assert [nodes[order_id] for order_id in ids] == [world.blr.pk] * 3 + [world.delhi.pk] * 2
    assert loads() == {world.blr.pk: 3, world.delhi.pk: 2}
    require_that_all_adds_up()


def test_what_earlier_calls_gave_a_node_counts_and_an_order_of_many_lines_counts_once(world: World) -> None:
    limit(world.blr, 2)
    first, second, third = (
        capture(world, make_order(name, make_line(world.kurta), make_line(world.saree))) for name in ("1", "2", "3")
    )

    for order_id in (first, second, third):
        route(order_id)

    assert set(Reservation.objects.filter(order_id=third).values_list("node_id", flat=True)) == {world.delhi.pk}
    assert loads() == {world.blr.pk: 2, world.delhi.pk: 1}
    require_that_all_adds_up()


def test_an_order_of_two_nodes_counts_at_both(world: World) -> None:
    bag = make_sku("BAG")
    stock(bag, world.delhi, 1)
    stock(world.shoe, world.delhi, 0)
    order_id = capture(world, make_order("1", make_line(bag), make_line(world.shoe)))

    assert route(order_id) == [Routed(order_id, "routed")]

    assert loads() == {world.blr.pk: 1, world.delhi.pk: 1}
    require_that_all_adds_up()


def test_several_who_route_at_once_give_a_node_no_more_than_it_takes(world: World) -> None:
    limit(world.blr, 4)
    stock(world.kurta, world.blr, 50)
    stock(world.kurta, world.delhi, 50)
    ids = captured(world, 18, world.kurta)

    results = at_once([partial(route, *ids[first::6]) for first in range(6)])

    assert sorted(routed.order_id for found in results for routed in found) == ids
    assert loads() == {world.blr.pk: 4, world.delhi.pk: 14}
    require_that_all_adds_up()


def test_a_node_switched_off_meanwhile_gets_nothing_from_the_next_round(world: World, meanwhile: Meanwhile) -> None:
    [order_id] = captured(world, 1, world.kurta)

    def close_and_note() -> None:
        switch_node(node_id=world.blr.pk, active=False)
        add_note(order_id=order_id, text="The warehouse is flooded", actor="Meera")

    meanwhile.deeds = [close_and_note]

    route(order_id)

    assert Reservation.objects.get().node_id == world.delhi.pk
    assert not StockLevel.objects.filter(node=world.blr, reserved__gt=0).exists()
    require_that_all_adds_up()
