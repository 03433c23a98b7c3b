"""Two walks over the same orders, the one from the first and the other from the last: nobody waits for the other."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest
from django.db import OperationalError, transaction

from fulfillment.models import FulfillmentOrder, PickedUnit
from fulfillment.selectors.picking import PickRow
from fulfillment.services import accept
from inventory.models import Sku
from inventory.selectors.audit import Compared, iter_differences
from oms.core.errors import Conflict
from oms.reporting.stock_audit import ORDER_CHECKS
from oms.store import walk as walks
from oms.store.walk import read_walk, report, take
from tests.factories import World, make_line, make_world
from tests.fulfillment.floor import make_work
from tests.fulfillment.tracked import make_lot_sku, put_lot
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def meet_after_the_first(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Each walk waits after its first order, a while, for the other one to have done as much."""
    gate = Barrier(2)
    real: Callable[..., object] = getattr(walks, name)

    def slow(**asked: Any) -> object:
        done = real(**asked)
        # Broken where the other one waits for our locks, as it should.
        with suppress(BrokenBarrierError):
            gate.wait(2)
        return done

    monkeypatch.setattr(walks, name, slow)


def two_orders(world: World, sku: Sku) -> list[FulfillmentOrder]:
    work = [make_work(world, name, make_line(sku, 4)) for name in "ab"]
    accept(fulfillment_order_ids=[item.pk for item in work], actor="Asha")
    return work


def crosswise(world: World, act: Callable[..., object], work: list[FulfillmentOrder]) -> list[str]:
    """What comes of two walks that each want five of the eight units, from either end."""
    ids = [item.pk for item in work]
    found = [read_walk(world.blr, order) for order in (ids, ids[::-1])]

    def run(number: int) -> str:
        walk = found[number]
        try:
            # Without the retries of `run_atomic`: a deadlock is one.
            with transaction.atomic():
                act(walk, walk.rows[0], 5)
        except OperationalError as error:
            return str(error).splitlines()[0]
        except Conflict as error:
            return error.message
        return "done"

    return sorted(at_once([partial(run, 0), partial(run, 1)]))


def nothing_differs() -> bool:
    return list(iter_differences(Compared(), more=ORDER_CHECKS)) == []


@pytest.mark.parametrize("tracked", [False, True])
def test_two_walks_that_take_from_two_orders_crosswise_do_not_deadlock(
    monkeypatch: pytest.MonkeyPatch, tracked: bool
) -> None:
    world = make_world()
    serum = make_lot_sku()
    put_lot(serum, world.blr, "SOON", 20)
    work = two_orders(world, serum if tracked else world.kurta)
    name = "SERUM-30" if tracked else "KURTA-M"
    meet_after_the_first(monkeypatch, "pick")

    outcomes = crosswise(world, _take, work)

    assert outcomes == [f"Only 3 of The {name} are left to pick.", "done"]
    assert sum(line.picked for item in work for line in item.lines.all()) == 5
    assert sum(row.quantity for row in PickedUnit.objects.all()) == (5 if tracked else 0)
    assert nothing_differs()


def test_two_walks_that_report_units_of_two_orders_crosswise_do_not_deadlock(monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world()
    work = two_orders(world, world.kurta)
    meet_after_the_first(monkeypatch, "report_short")

    outcomes = crosswise(world, _report, work)

    assert outcomes == ["Only 3 of The KURTA-M are left to pick.", "done"]
    assert sum(line.short for item in work for line in item.lines.all()) == 5
    assert nothing_differs()


def _take(walk: walks.Walk, row: PickRow, quantity: int) -> None:
    take(walk, row, quantity, "Asha")


def _report(walk: walks.Walk, row: PickRow, quantity: int) -> None:
    report(walk, row, quantity, "not_found", "Asha")
