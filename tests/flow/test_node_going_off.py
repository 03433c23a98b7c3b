"""A node that goes off gives its work back part by part; a crash between two parts loses and repeats nothing."""

from __future__ import annotations

import pytest

from fulfillment.models import FulfillmentOrder
from fulfillment.services import work as work_of_nodes
from inventory.models import Node
from inventory.services import switch_node
from oms.core.models import Delivery, OutboxEvent
from oms.flow import schedule
from oms.flow.deliveries import fan_out, run_batch
from oms.flow.steps import nodes
from oms.flow.table import EVENT_STEPS, STEPS
from tests.factories import World, make_line, make_world
from tests.flow.driver import drain
from tests.fulfillment.floor import make_work, stock_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Five orders at work in Bengaluru, of which two are taken back at once."""

    def two_at_once(*, node_id: int, reason: str) -> int:
        return work_of_nodes.withdraw_from_node(node_id=node_id, reason=reason, limit=2)

    monkeypatch.setattr(nodes, "withdraw_from_node", two_at_once)
    made = make_world()
    for number in range(5):
        make_work(made, str(number), make_line(made.kurta))
    drain()
    return made


def at(world: World) -> tuple[int, int]:
    """Live work in Bengaluru and in Delhi."""
    live = FulfillmentOrder.objects.filter(state__in=FulfillmentOrder.LIVE)
    return live.filter(node=world.blr).count(), live.filter(node=world.delhi).count()


def run(name: str) -> int:
    fan_out(EVENT_STEPS)
    return run_batch(STEPS[name])


def test_all_work_goes_elsewhere_in_parts_of_their_own(world: World) -> None:
    switch_node(node_id=world.blr.pk, active=False, reason="Flooded")

    assert run("node_switched") == 1
    assert at(world) == (3, 0)
    assert run("withdraw_rest") == 1
    assert at(world) == (1, 0)
    drain()

    assert at(world) == (0, 5)
    assert stock_of(world.kurta, world.blr) == {"on_hand": 10}
    assert stock_of(world.kurta, world.delhi) == {"on_hand": 10, "reserved": 5}
    assert OutboxEvent.objects.filter(kind="fulfillment.WorkWithdrawn").count() == 5
    assert OutboxEvent.objects.filter(kind="fulfillment.NodeWorkLeft").count() == 2


def test_a_crash_half_way_leaves_the_rest_to_the_same_delivery(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    switch_node(node_id=world.blr.pk, active=False, reason="Flooded")
    run("node_switched")

    def die(*_: object, **__: object) -> list[int]:
        raise OSError("The power is gone")

    with monkeypatch.context() as broken:
        broken.setattr(work_of_nodes, "advance_many", die)
        run("withdraw_rest")
    assert at(world) == (3, 0)
    failed = Delivery.objects.get(step="withdraw_rest")
    assert (failed.state, failed.attempts) == ("pending", 1)

    Delivery.objects.filter(pk=failed.pk).update(next_try_at=failed.event.recorded_at, last_error="")
    drain()

    assert at(world) == (0, 5)
    assert OutboxEvent.objects.filter(kind="fulfillment.WorkWithdrawn").count() == 5


def test_a_node_that_comes_on_again_keeps_what_it_still_has(world: World) -> None:
    switch_node(node_id=world.blr.pk, active=False, reason="Flooded")
    run("node_switched")

    switch_node(node_id=world.blr.pk, active=True)
    drain()

    assert OutboxEvent.objects.filter(kind="fulfillment.WorkWithdrawn").count() == 2
    assert at(world) == (5, 0)


def test_work_that_reached_a_node_as_it_closed_is_taken_back_by_the_clock(world: World) -> None:
    Node.objects.filter(pk=world.blr.pk).update(is_active=False)  # so that nothing follows from it

    schedule.clear_closed_nodes()
    drain()

    assert at(world) == (0, 5)
    assert schedule.clear_closed_nodes() == []
