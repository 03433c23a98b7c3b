"""Contention for the same stock: two connections at one reservation, carts in any order, a worker that slept."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
from django.db import OperationalError, connection, transaction

from inventory.errors import NotEnoughStock
from inventory.models import Node, Reservation, Sku, StockHold, StockLevel, StockMovement
from inventory.services import (
    Claim,
    Consume,
    HoldLine,
    Release,
    audit_stock,
    consume_reservations,
    expire_due_holds,
    hold_stock,
    release_hold,
    release_reservations,
    reserve,
)
from oms.core.db import fetch_all, run_atomic
from oms.core.ids import uuid7
from oms.core.models import Delivery, OutboxEvent
from oms.embedded.guard import descendants, parent_and_state
from orders.models import Order, OrderLine
from routing.models import RoutingDecision
from routing.services import forget_policy
from tests.factories import World, capture, make_line, make_node, make_order, make_sku, make_world, stock
from tests.flow.broker import own_broker
from tests.flow.processes import ALONE, Pipeline, pipeline, until
from tests.inventory.holding import end_now
from tests.threads import at_once, beside, waits_for_a_lock

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def node() -> Node:
    return make_node("blr-01", city="Bengaluru", postcode="560037")


def reserved(sku: Sku, node: Node, quantity: int) -> UUID:
    """A line with so many units reserved; its id."""
    line_uid = uuid7()
    claim = Claim(uuid7(), line_uid, 1, "OM-1", sku.pk, node.pk, quantity)
    assert run_atomic(lambda: reserve([claim], actor="test")) == set()
    return line_uid


def ship(line_uid: UUID, node: Node, quantity: int) -> bool:
    """Put the units into a parcel; False where they are not reserved any more."""
    wanted = Consume(line_uid, node.pk, quantity, f"pack/{line_uid}")
    try:
        consume_reservations(requests=[wanted], actor="packer")
    except NotEnoughStock:
        return False
    return True


def give_back(line_uid: UUID, node: Node, quantity: int) -> int:
    return release_reservations(requests=[Release(line_uid, node.pk, quantity)], actor="agent")


def level(sku: Sku) -> tuple[int, int, int]:
    found = StockLevel.objects.get(sku=sku)
    return found.on_hand, found.reserved, found.packed


# -- two connections, one reservation ----------------------------------------------------------------------------------


@pytest.mark.parametrize("commits", [True, False])
@pytest.mark.parametrize("shipping_first", [True, False])
def test_who_comes_second_waits_and_gets_what_the_first_left(node: Node, shipping_first: bool, commits: bool) -> None:
    sku = make_sku("ONE")
    stock(sku, node, 5)
    line_uid = reserved(sku, node, 2)
    deeds: list[Callable[[], object]] = [partial(ship, line_uid, node, 2), partial(give_back, line_uid, node, 2)]
    first, second = deeds if shipping_first else deeds[::-1]

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            assert first()
            waiting = beside(pool, second)
            until(lambda: bool(waits_for_a_lock()), seconds=20, what="the second one waits")
            assert not waiting.done()
            transaction.set_rollback(not commits)
        got = waiting.result(30)

    shipped = shipping_first if commits else not shipping_first
    assert bool(got) is not commits
    row = Reservation.objects.get()
    assert (row.open_quantity, row.consumed_quantity, row.released_quantity) == (0, 2 * shipped, 2 * (not shipped))
    assert level(sku) == ((3, 0, 2) if shipped else (5, 0, 0))
    assert audit_stock().differences == 0


def test_shipping_releasing_and_expiring_one_reservation_takes_each_unit_once(node: Node) -> None:
    for number in range(20):
        sku = make_sku(f"UNIT-{number}")
        stock(sku, node, 6)
        line_uid = reserved(sku, node, 4)
        held = hold_stock(uid=uuid7(), owner="t", lines=[HoldLine(sku.pk, 2)], seconds=60, actor="shop")
        end_now(held)

        deeds: list[Callable[[], object]] = [
            partial(ship, line_uid, node, 3), partial(give_back, line_uid, node, 3), expire_due_holds,
            partial(release_hold, uid=held.uid, owner="t", actor="shop"),
        ]  # fmt: skip
        shipped, released, *_ = at_once(deeds)
        assert isinstance(shipped, bool)

        row = Reservation.objects.get(line_uid=line_uid)
        assert row.consumed_quantity == 3 * shipped
        assert row.released_quantity == released == (1 if shipped else 3)
        assert StockHold.objects.get(pk=held.pk).state == "expired"
        assert (
            StockMovement.objects.filter(sku=sku, reason__in=["expire", "release"], reference="checkout").count() == 1
        )
        assert level(sku) == (6 - 3 * shipped, row.open_quantity, 3 * shipped)
    assert audit_stock().differences == 0


# -- carts in any order ------------------------------------------------------------------------------------------------


def deadlocks() -> int:
    """Deadlocks that the server has counted in this database; connections report theirs when they are closed."""
    fetch_all("SELECT pg_stat_clear_snapshot()")
    [(count,)] = fetch_all("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    return int(count)


def test_carts_of_many_skus_in_random_order_never_deadlock() -> None:
    nodes = [make_node(f"n-{number}", city="Pune", postcode="411001") for number in range(3)]
    skus = [make_sku(f"SKU-{number}") for number in range(20)]
    for sku in skus:
        for node in nodes:
            stock(sku, node, 40)
    before = deadlocks()

    def shop(number: int) -> int:
        """Carts of five SKUs: held, some of them given back, some left to end; orders beside them."""
        draw = random.Random(number)
        taken = 0
        for turn in range(12):
            some = draw.sample(skus, 5)
            if turn % 3 == 0:
                order_id = 1000 * number + turn
                claims = [
                    Claim(uuid7(), uuid7(), order_id, f"OM-{order_id}", sku.pk, node.pk, 1)
                    for sku in some for node in draw.sample(nodes, 2)
                ]  # fmt: skip
                taken += 10 * (not run_atomic(partial(reserve, claims, actor="test")))
                continue
            lines = [HoldLine(sku.pk, draw.randint(1, 2), draw.choice([None, *(n.pk for n in nodes)])) for sku in some]
            try:
                made = hold_stock(uid=uuid7(), owner=f"t{number}", lines=lines, seconds=60, actor="shop")
            except NotEnoughStock:
                continue
            if turn % 3 == 1:
                release_hold(uid=made.uid, owner=f"t{number}", actor="shop")
            else:
                end_now(made)
                expire_due_holds()
        return taken

    taken = at_once([partial(shop, number) for number in range(1, 9)])
    expire_due_holds()

    assert deadlocks() == before
    assert sum(StockLevel.objects.values_list("reserved", flat=True)) == sum(taken) > 0
    assert not StockHold.objects.filter(state="held").exists()
    assert audit_stock().differences == 0


def test_a_deadlock_would_be_counted(node: Node) -> None:
    ids = [make_sku(code).pk for code in ("A", "B")]
    before = deadlocks()

    def lock(first: int, second: int) -> bool:
        """Lock two rows in a sequence of one's own: True where the other one was made to give way."""
        mine = connection.cursor()
        mine.execute("BEGIN")
        mine.execute("UPDATE inventory_sku SET name = name WHERE id = %s", [first])
        gate.append(first)
        until(lambda: len(gate) == 2, seconds=20, what="both have their first row")
        try:
            mine.execute("UPDATE inventory_sku SET name = name WHERE id = %s", [second])
        except OperationalError:
            return False
        finally:
            connection.close()
        return True

    gate: list[int] = []
    assert sorted(at_once([partial(lock, *ids), partial(lock, *ids[::-1])])) == [False, True]
    assert deadlocks() == before + 1


# -- a worker that slept -----------------------------------------------------------------------------------------------

LEASE_SECONDS = 2


@pytest.fixture
def world(transactional_db: None) -> World:
    """The known world. That its stock arrived is no news any more, or it would lead to orders being routed as well."""
    forget_policy()
    made = make_world()
    OutboxEvent.objects.all().delete()
    return made


@pytest.fixture
def sleeper(request: pytest.FixtureRequest, world: World) -> Iterator[tuple[Pipeline, Pipeline]]:
    """A relay with a worker that will stop itself, and the place of a second worker."""
    with own_broker() as broker:
        environment = {"REDIS_URL": broker.url, "OMS_LEASE_SECONDS": str(LEASE_SECONDS)}
        stopping = (*ALONE, "--include", "tests.inventory.stopping_worker")
        healthy = Pipeline(environment=environment)
        with pipeline(stopping, environment | {"OMS_TEST_STOP_AT": request.param}) as first:
            try:
                yield first, healthy
            finally:
                healthy.stop()
                first.send(signal.SIGCONT)


def stopped_process(processes: Pipeline) -> int | None:
    """The worker's process, once it is stopped."""
    for process in descendants(processes.running["worker"].pid):
        if parent_and_state(Path("/proc") / str(process))[1] == "T":
            return process
    return None


@pytest.mark.parametrize("sleeper", ["claimed", "done"], indirect=True)
def test_a_worker_that_was_stopped_past_its_lease_commits_nothing(
    sleeper: tuple[Pipeline, Pipeline], world: World
) -> None:
    first, healthy = sleeper
    order_id = capture(world, make_order("A", make_line(world.kurta, 3)))

    # Given a worker that stopped while it routed, and whose lease is over
    process = until(lambda: stopped_process(first), seconds=120, what="the worker stops itself")
    [delivery] = Delivery.objects.filter(step="route")
    assert (delivery.state, delivery.attempts) == ("running", 1)
    assert not RoutingDecision.objects.exists()
    # Inside a transaction its locks would keep others away until the server ends the idle session, as it does here.
    fetch_all(
        """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND state = 'idle in transaction' AND pid <> pg_backend_pid()"""
    )

    # When another one takes the order over, and the first one wakes up and goes on
    healthy.start("worker")
    until(lambda: Order.objects.get().stage == "released", seconds=120, what="the other worker routes the order")
    taken_over = Delivery.objects.get(pk=delivery.pk)
    assert (taken_over.state, taken_over.attempts) == ("done", 2)
    os.kill(process, signal.SIGCONT)
    healthy.kill("worker")
    later = capture(world, make_order("B", make_line(world.saree, 1)))

    # Then it does new work, and nothing of the old was written twice
    until(lambda: Order.objects.get(pk=later).stage == "released", seconds=60, what="the first worker works again")
    assert list(RoutingDecision.objects.order_by("order").values_list("order", "attempt")) == [
        (order_id, 1),
        (later, 1),
    ]
    assert Reservation.objects.get(order_id=order_id).open_quantity == 3
    assert StockMovement.objects.filter(reason="reserve", sku=world.kurta).count() == 1
    assert OrderLine.objects.get(order=order_id).released == 3
    assert sum(StockLevel.objects.filter(sku=world.kurta).values_list("reserved", flat=True)) == 3
    assert Delivery.objects.get(pk=delivery.pk).done_at == taken_over.done_at
    assert audit_stock().differences == 0
