"""Work is opened without locking first: also when several open it, or the order changes at the same moment."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.db import connection, transaction

from fulfillment.models import FulfillmentLine, FulfillmentOrder
from fulfillment.services import open_fulfillment_orders, release_fulfillment_orders
from inventory.models import Node, Reservation
from inventory.services import Release, audit_stock, release_reservations
from oms.core.models import OutboxEvent
from orders.locks import lock_order
from orders.models import Hold, Order, OrderEvent, OrderLine
from orders.services import UnitMove, add_note, move_units, place_hold, release_hold
from routing.services import route_orders
from tests.factories import World, capture, make_line, make_order, make_world, stock
from tests.fulfillment.floor import stock_of, units_of
from tests.threads import SECONDS, at_once, beside

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return make_world()


def routed(world: World, name: str, quantity: int = 2, *, held: bool = False) -> int:
    """An order of kurtas and a saree whose stock is reserved, and nobody works on it."""
    order_id = capture(world, make_order(name, make_line(world.kurta, quantity), make_line(world.saree)))
    if held:
        hold(order_id)
    route_orders([order_id], trigger="captured")
    return order_id


def hold(order_id: int) -> None:
    place_hold(order_id=order_id, reason="other", source="test", handle="test", actor="Meera")


def require_that_work_covers_what_is_reserved() -> None:
    """Each reserved unit is in the work of its node once, and of each line as many units lie where its work says."""
    assert audit_stock().differences == 0
    reserved: Counter[tuple[int, int]] = Counter()
    lines = {line.uid: line for line in OrderLine.objects.all()}
    for reservation in Reservation.objects.filter(open_quantity__gt=0):
        reserved[lines[reservation.line_uid].pk, reservation.node_id] += reservation.open_quantity
    covered: Counter[tuple[int, int]] = Counter()
    released: Counter[int] = Counter()
    for item in FulfillmentLine.objects.select_related("fulfillment_order"):
        if not item.fulfillment_order.is_live:
            continue
        covered[item.order_line_id, item.fulfillment_order.node_id] += item.quantity
        released[item.order_line_id] += 0 if item.fulfillment_order.state == "scheduled" else item.quantity
    assert covered == reserved
    for line in lines.values():
        assert (line.released, line.released + line.allocated) == (
            released[line.pk], sum(units for (line_id, _), units in reserved.items() if line_id == line.pk)
        ), line  # fmt: skip
    for order in Order.objects.all():
        numbers = OrderEvent.objects.filter(order=order).order_by("seq").values_list("seq", flat=True)
        assert list(numbers) == list(range(1, order.timeline_seq + 1))


def released_events() -> int:
    return OutboxEvent.objects.filter(kind="fulfillment.FulfillmentReleased").count()


def wait_for_someone_at_a_lock() -> None:
    """Until another connection to this database waits for a lock that this transaction holds."""
    for _ in range(SECONDS * 50):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))")
            if cursor.fetchone()[0]:
                return
        time.sleep(0.02)
    raise AssertionError("nobody came to wait")


def opening_while(change: Callable[[], object], *order_ids: int) -> list[int]:
    """Open the work of orders while a transaction that holds their locks makes a change; what was opened."""
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            for order_id in sorted(order_ids):
                lock_order(order_id)
            opened = beside(pool, partial(open_fulfillment_orders, list(order_ids)))
            wait_for_someone_at_a_lock()
            change()
        return opened.result(SECONDS)


# -- once --------------------------------------------------------------------------------------------------------------


def test_opening_twice_opens_nothing_the_second_time(world: World) -> None:
    free, held = routed(world, "free"), routed(world, "held", held=True)

    opened = open_fulfillment_orders([free, held])

    assert len(opened) == 2
    versions = list(Order.objects.order_by("pk").values_list("version", flat=True))
    assert open_fulfillment_orders([free, held]) == []
    assert open_fulfillment_orders([held, free, held]) == []
    assert list(FulfillmentOrder.objects.order_by("pk").values_list("pk", flat=True)) == opened
    assert list(Order.objects.order_by("pk").values_list("version", flat=True)) == versions
    assert released_events() == 1
    assert open_fulfillment_orders([]) == []
    require_that_work_covers_what_is_reserved()


def test_work_that_several_open_at_once_is_opened_once(world: World) -> None:
    for node in (world.blr, world.delhi):
        stock(world.kurta, node, 40)
        stock(world.saree, node, 40)
    ids = [routed(world, f"{n}", held=n % 3 == 0) for n in range(9)]
    draw = random.Random(5)

    results = at_once([partial(open_fulfillment_orders, draw.sample(ids, len(ids))) for _ in range(6)])

    opened = sorted(work_id for found in results for work_id in found)
    work = FulfillmentOrder.objects.order_by("pk")
    assert opened == list(work.values_list("pk", flat=True))
    assert sorted(work.values_list("order_id", flat=True)) == ids
    assert Counter(work.values_list("state", flat=True)) == {"scheduled": 3, "accepted": 6}
    assert released_events() == 6
    for n, order_id in enumerate(ids):
        assert units_of(order_id) == ({"allocated": 3} if n % 3 == 0 else {"released": 3})
    require_that_work_covers_what_is_reserved()


def test_an_order_of_two_nodes_has_one_piece_of_work_at_each_however_many_open_it(world: World) -> None:
    stock(world.kurta, world.delhi, 0)
    stock(world.saree, world.blr, 0)
    order_id = routed(world, "1")

    results = at_once([partial(open_fulfillment_orders, [order_id])] * 5)

    assert sorted(map(len, results)) == [0, 0, 0, 0, 2]
    number = Order.objects.get().number
    found = FulfillmentOrder.objects.order_by("node_id").values_list("node_id", "number")
    assert list(found) == [(world.blr.pk, f"{number}-1"), (world.delhi.pk, f"{number}-2")]
    require_that_work_covers_what_is_reserved()


def test_units_that_were_reserved_later_get_work_of_their_own(world: World) -> None:
    stock(world.kurta, world.blr, 1)
    stock(world.kurta, world.delhi, 0)
    order_id = routed(world, "1")
    [first] = open_fulfillment_orders([order_id])
    assert units_of(order_id) == {"released": 2, "backordered": 1}
    stock(world.kurta, world.blr, 5)
    route_orders([order_id], trigger="stock arrived")

    [second] = open_fulfillment_orders([order_id])

    work = FulfillmentOrder.objects.get(pk=second)
    assert (work.number, work.state) == (f"{Order.objects.get().number}-2", "accepted")
    assert list(work.lines.values_list("sku_id", "quantity")) == [(world.kurta.pk, 1)]
    assert units_of(order_id) == {"released": 3}
    assert first != second
    require_that_work_covers_what_is_reserved()


# -- changed at the same moment ----------------------------------------------------------------------------------------


def test_a_hold_that_comes_while_work_is_opened_leaves_it_scheduled(world: World) -> None:
    order_id = routed(world, "1")

    [work_id] = opening_while(partial(hold, order_id), order_id)

    assert FulfillmentOrder.objects.get(pk=work_id).state == "scheduled"
    assert units_of(order_id) == {"allocated": 3}
    assert released_events() == 0
    require_that_work_covers_what_is_reserved()


def test_a_hold_that_ends_while_work_is_opened_leaves_it_open(world: World) -> None:
    order_id = routed(world, "1", held=True)
    hold_id = Hold.objects.get().pk

    [work_id] = opening_while(partial(release_hold, hold_id=hold_id, actor="Meera"), order_id)

    assert FulfillmentOrder.objects.get(pk=work_id).state == "accepted"
    assert units_of(order_id) == {"released": 3}
    assert release_fulfillment_orders([order_id]) == []
    assert released_events() == 1
    require_that_work_covers_what_is_reserved()


def test_units_that_were_given_back_while_work_is_opened_are_not_in_it(world: World) -> None:
    order_id = routed(world, "1", 3)
    line = OrderLine.objects.get(sku_id=world.kurta.pk)

    def give_back() -> None:
        request = Release(line.uid, world.blr.pk, 2)
        assert release_reservations(requests=[request], actor="Meera") == 2
        move_units([UnitMove(line.pk, "allocated", "cancelled", 2)])

    [work_id] = opening_while(give_back, order_id)

    lines = FulfillmentLine.objects.filter(fulfillment_order=work_id).order_by("order_line_id")
    assert list(lines.values_list("sku_id", "quantity")) == [(world.kurta.pk, 1), (world.saree.pk, 1)]
    assert units_of(order_id) == {"released": 2, "cancelled": 2}
    require_that_work_covers_what_is_reserved()


def test_only_what_was_changed_is_opened_in_a_second_step_and_all_of_it_is_said(world: World) -> None:
    ids = [routed(world, name) for name in ("1", "2", "3")]

    opened = opening_while(partial(add_note, order_id=ids[1], text="Gift wrap", actor="Meera"), *ids)

    assert opened == list(FulfillmentOrder.objects.order_by("pk").values_list("pk", flat=True))
    assert sorted(FulfillmentOrder.objects.values_list("order_id", flat=True)) == ids
    assert released_events() == 3
    require_that_work_covers_what_is_reserved()


def test_work_that_another_worker_opened_first_is_not_opened_again(world: World) -> None:
    order_id = routed(world, "1")

    assert opening_while(partial(open_fulfillment_orders, [order_id]), order_id) == []

    assert FulfillmentOrder.objects.get().order_id == order_id
    assert released_events() == 1
    require_that_work_covers_what_is_reserved()


# -- nodes that were switched off --------------------------------------------------------------------------------------


@pytest.mark.parametrize("held", [False, True])
def test_a_node_switched_off_before_its_work_is_opened_gives_it_back(world: World, held: bool) -> None:
    order_id = routed(world, "1", held=held)
    other = routed(world, "2")
    Node.objects.filter(pk=world.blr.pk).update(is_active=False)

    opened = open_fulfillment_orders([order_id])

    work = FulfillmentOrder.objects.get()
    assert opened == []
    assert not OutboxEvent.objects.filter(kind="fulfillment.FulfillmentReleased").exists()
    assert (work.state, work.end_reason) == ("rejected", "The node was switched off")
    assert units_of(order_id) == {"unallocated": 3}
    assert set(Reservation.objects.filter(order_id=order_id).values_list("state", "open_quantity")) == {("released", 0)}
    assert stock_of(world.kurta, world.blr) == {"on_hand": 10, "reserved": 2}
    assert OutboxEvent.objects.filter(kind="fulfillment.WorkWithdrawn").count() == 1
    assert units_of(other) == {"allocated": 3}
    assert open_fulfillment_orders([order_id]) == []
    assert audit_stock().differences == 0


def test_of_an_order_of_two_nodes_only_the_one_that_is_off_gives_its_part_back(world: World) -> None:
    stock(world.kurta, world.delhi, 0)
    stock(world.saree, world.blr, 0)
    order_id = routed(world, "1")
    Node.objects.filter(pk=world.delhi.pk).update(is_active=False)

    opened = open_fulfillment_orders([order_id])

    assert opened == [FulfillmentOrder.objects.get(node=world.blr).pk]
    states = dict(FulfillmentOrder.objects.values_list("node_id", "state"))
    assert states == {world.blr.pk: "accepted", world.delhi.pk: "rejected"}
    assert units_of(order_id) == {"released": 2, "unallocated": 1}
    assert stock_of(world.saree, world.delhi) == {"on_hand": 10}
    assert open_fulfillment_orders([order_id]) == []
    assert audit_stock().differences == 0


def test_work_at_a_node_that_is_off_is_given_back_once_however_many_open_it(world: World) -> None:
    ids = [routed(world, name) for name in ("1", "2", "3")]
    Node.objects.filter(pk=world.blr.pk).update(is_active=False)

    results = at_once([partial(open_fulfillment_orders, ids)] * 4)

    assert results == [[]] * 4
    assert list(FulfillmentOrder.objects.values_list("state", flat=True)) == ["rejected"] * 3
    assert [units_of(order_id) for order_id in ids] == [{"unallocated": 3}] * 3
    assert OutboxEvent.objects.filter(kind="fulfillment.WorkWithdrawn").count() == 3
    assert stock_of(world.kurta, world.blr) == {"on_hand": 10}
    assert audit_stock().differences == 0
