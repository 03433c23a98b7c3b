"""Orders that wait for stock: none is forgotten behind older ones that cannot go."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from inventory.models import Node
from inventory.services import switch_node
from oms.flow import schedule, waiting
from orders.models import Order
from routing.events import WaitingOrdersTried
from routing.models import RoutingExclusion
from routing.services import waiting_order_ids
from tests.factories import World, capture, make_line, make_order, make_world, stock
from tests.flow.driver import drain

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """No kurtas and no sarees anywhere, and pages of two orders."""
    monkeypatch.setattr(waiting, "PAGE", 2)
    made = make_world()
    for node in (made.blr, made.delhi):
        stock(made.kurta, node, 0)
        stock(made.saree, node, 0)
    drain()
    return made


def wait_for(world: World, *names: str) -> list[int]:
    """Orders of one saree each for names that start with S, else of one kurta."""
    skus = (world.saree if name.startswith("S") else world.kurta for name in names)
    ids = [capture(world, make_order(name, make_line(sku))) for name, sku in zip(names, skus, strict=True)]
    drain()
    assert set(Order.objects.filter(pk__in=ids).values_list("stage", flat=True)) == {"backordered"}
    return ids


def keep_from(ids: Sequence[int], *nodes: Node) -> None:
    for node in nodes:
        RoutingExclusion.objects.bulk_create(RoutingExclusion(order_id=pk, node=node, reason="test") for pk in ids)


def stages(ids: Sequence[int]) -> list[str]:
    found = dict(Order.objects.filter(pk__in=ids).values_list("pk", "stage"))
    return [found[pk] for pk in ids]


def without_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps that should try waiting orders do nothing: only the clock is left."""

    def nothing(*, trigger: str, sku_ids: Sequence[int] | None = None, after: int = 0) -> int:
        return 0

    monkeypatch.setattr("oms.flow.steps.decisions.try_waiting", nothing)


def test_only_orders_that_could_go_now_are_asked_for_and_in_pages(world: World) -> None:
    wait_for(world, "S-1", "S-2", "S-3")
    kurtas = wait_for(world, "K-1", "K-2", "K-3")
    assert waiting_order_ids(limit=10) == []

    Node.objects.filter(pk=world.delhi.pk).update(is_active=False)
    stock(world.saree, world.delhi, 5)
    stock(world.kurta, world.blr, 1)

    assert waiting_order_ids(limit=2) == kurtas[:2]
    assert waiting_order_ids(limit=2, after=kurtas[1]) == kurtas[2:]
    assert waiting_order_ids(limit=2, sku_ids=[world.saree.pk]) == []


def test_what_nobody_decided_for_yet_is_asked_for_whatever_the_stock(world: World) -> None:
    order_id = capture(world, make_order("K-1", make_line(world.kurta)))
    assert waiting_order_ids(limit=10) == [order_id]


def test_stock_that_arrives_reaches_orders_behind_pages_of_those_that_may_not_have_it(world: World) -> None:
    older, newer = wait_for(world, "K-1", "K-2", "K-3", "K-4", "K-5"), wait_for(world, "K-6")
    keep_from(older, world.blr)

    stock(world.kurta, world.blr, 20)
    drain()

    assert stages([*older, *newer]) == ["backordered"] * 5 + ["released"]


def test_a_node_that_comes_on_reaches_them_too(world: World) -> None:
    older, newer = wait_for(world, "K-1", "K-2", "K-3"), wait_for(world, "K-4")
    keep_from(older, world.blr)
    switch_node(node_id=world.blr.pk, active=False, reason="Power cut")
    stock(world.kurta, world.blr, 20)
    drain()
    assert stages(newer) == ["backordered"]

    switch_node(node_id=world.blr.pk, active=True, reason="")
    drain()

    assert stages([*older, *newer]) == ["backordered"] * 3 + ["released"]


def test_the_clock_reaches_them_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sarees = wait_for(world, "S-1", "S-2", "S-3")
    older, newer = wait_for(world, "K-1", "K-2", "K-3"), wait_for(world, "K-4")
    keep_from(older, world.blr)
    with monkeypatch.context() as moment:
        without_events(moment)
        stock(world.kurta, world.blr, 20)
        drain()
    assert stages(newer) == ["backordered"]

    schedule.retry_waiting()
    drain()

    assert stages([*sarees, *older, *newer]) == ["backordered"] * 6 + ["released"]


def test_the_event_of_a_page_names_where_it_ended(world: World) -> None:
    event = WaitingOrdersTried(until_order_id=7, trigger="swept", sku_ids=[1, 2])
    assert WaitingOrdersTried.from_payload(event.payload()) == event
    assert event.aggregate == "order:7"
