"""Outlooks of the same orders written at once: rows are locked in key order, and the newest look stands."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.db import transaction

from fulfillment.selectors.standing import standings_of
from fulfillment.services import open_fulfillment_orders
from oms.core.clock import now
from oms.flow.promises import look_ahead
from orders.models import Order
from routing.locks import lock_outlooks
from routing.models import OrderOutlook, OutlookBand, OutlookChange, OutlookRemedy
from routing.services import Remedy, forget_policy, forget_promises, look_soon, route_orders, set_outlooks, set_remedies
from tests.factories import World, capture, make_line, make_order, make_world
from tests.flow.processes import until
from tests.threads import behind, beside, elsewhere, waits_for_a_lock

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)


@pytest.fixture
def world() -> World:
    forget_policy()
    forget_promises()
    return make_world()


def promised(world: World, *names: str) -> list[int]:
    """Routed orders, promised in nine days."""
    ids = [
        capture(world, make_order(name, make_line(world.kurta), promised_by=now() + 9 * DAY)) for name in names
    ]  # fmt: skip
    route_orders(ids, trigger="captured")
    open_fulfillment_orders(ids)
    return ids


def looked_at_in_reverse(ids: list[int]) -> None:
    """Outlooks that lie in the table against the order of their keys, as updates leave them sooner or later."""
    for order_id in reversed(ids):
        look_ahead({order_id: "Routed"})
    OrderOutlook.objects.update(band=OutlookBand.AT_RISK, next_at=now() + DAY)


def helped(ids: list[int]) -> Callable[[], object]:
    return lambda: set_remedies([Remedy(pk, OutlookRemedy.TELL) for pk in reversed(ids)], now())


@pytest.mark.parametrize("which", ["soon", "helped"])
def test_who_waits_for_the_first_outlook_holds_none_of_the_others(world: World, which: str) -> None:
    ids = promised(world, "A", "B", "C")
    looked_at_in_reverse(ids)
    write = helped(ids) if which == "helped" else lambda: look_soon(reversed(ids))

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            lock_outlooks(ids[:1])
            waiting = beside(pool, write)
            until(lambda: waiting.done() or waits_for_a_lock(), seconds=20, what="the other waits")
            assert len(OrderOutlook.objects.select_for_update(nowait=True).filter(pk__in=ids)) == 3
            assert not waiting.done()
        waiting.result(20)

    moved = OrderOutlook.objects.filter(next_at__lte=now())
    assert moved.count() == (3 if which == "soon" else 0)
    assert OrderOutlook.objects.filter(remedy=OutlookRemedy.TELL).count() == (3 if which == "helped" else 0)


def test_a_remedy_that_waited_for_a_look_is_left_where_the_order_is_out_of_risk_by_then(world: World) -> None:
    ids = promised(world, "A", "B")
    looked_at_in_reverse(ids)

    behind(lambda: OrderOutlook.objects.filter(pk=ids[0]).update(band=OutlookBand.ON_TRACK), helped(ids))

    assert list(OrderOutlook.objects.order_by("pk").values_list("remedy", flat=True)) == ["", OutlookRemedy.TELL]


def look(order_id: int, moment: datetime, promised_by: datetime) -> Callable[[], object]:
    """A first look: there was no row to lock, and the order stood as it did at that moment."""
    standings = [replace(each, promised_by=promised_by) for each in standings_of([order_id])]
    return lambda: set_outlooks(standings, {}, {order_id: f"Promised by {promised_by:%-d}"}, moment)


@pytest.mark.parametrize("newer_first", [True, False])
def test_of_two_first_looks_that_meet_the_newer_one_stands(world: World, newer_first: bool) -> None:
    (order_id,) = promised(world, "A")
    moment = now()
    older, newer = look(order_id, moment - DAY, moment + 5 * DAY), look(order_id, moment, moment + 7 * DAY)

    behind(newer, older) if newer_first else behind(older, newer)

    outlook = OrderOutlook.objects.get()
    assert (outlook.promised_by, outlook.seen_at) == (moment + 7 * DAY, moment)
    assert outlook.version == (1 if newer_first else 2)
    last = OutlookChange.objects.order_by("-version")[0]
    assert (last.version, last.promised_by) == (outlook.version, outlook.promised_by)


def test_a_look_whose_transaction_is_undone_leaves_the_field_to_the_one_that_waited(world: World) -> None:
    (order_id,) = promised(world, "A")
    moment = now()
    older, newer = look(order_id, moment - DAY, moment + 5 * DAY), look(order_id, moment, moment + 7 * DAY)

    behind(newer, older, commits=False)

    outlook = OrderOutlook.objects.get()
    assert (outlook.promised_by, outlook.version) == (moment + 5 * DAY, 1)
    assert OutlookChange.objects.count() == 1


def test_a_look_that_waited_for_another_reads_what_happened_in_between(world: World) -> None:
    (order_id,) = promised(world, "A")
    elsewhere(lambda: look_ahead({order_id: "Routed"}))
    later = now() + 20 * DAY

    def first() -> None:
        lock_outlooks([order_id])
        Order.objects.filter(pk=order_id).update(promised_by=later)

    behind(first, lambda: look_ahead({order_id: "Told anew"}))

    outlook = OrderOutlook.objects.get()
    assert (outlook.promised_by, outlook.version) == (later, 2)
