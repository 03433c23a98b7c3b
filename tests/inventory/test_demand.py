"""How fast SKUs go, from the ledger."""

from __future__ import annotations

from math import sqrt

import pytest

from inventory.models import DemandRate, Transfer
from inventory.selectors.replenishment import demand_by_day
from inventory.services import Claim, Release, refresh_demand_rates, release_reservations, reserve
from oms.core.db import execute
from oms.core.ids import uuid7
from tests.factories import World, make_world, stock

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def sell(world: World, sku: object, node: object, quantity: int, reference: str = "OM-1") -> Claim:
    """Reserve units for an order."""
    claim = Claim(uuid7(), uuid7(), 1, reference, sku.pk, node.pk, quantity)  # type: ignore[attr-defined]
    assert reserve([claim], actor="test") == set()
    return claim


def rates() -> dict[tuple[str, str], tuple[int, str]]:
    rows = DemandRate.objects.values_list("sku__code", "node__code", "units", "velocity")
    return {(sku, node): (units, velocity) for sku, node, units, velocity in rows}


def test_units_reserved_less_those_released_make_the_mean_and_deviation_of_a_day(world: World) -> None:
    sell(world, world.kurta, world.blr, 4)
    gone = sell(world, world.kurta, world.blr, 3)
    release_reservations(requests=[Release(gone.line_uid, world.blr.pk, 1)], actor="test")

    assert refresh_demand_rates(days=4) == 1

    rate = DemandRate.objects.get()
    assert (rate.units, rate.days, rate.mean_per_day) == (6, 4, 1.5)
    # Six on one day and nothing on three: the deviation of the sample 6, 0, 0, 0.
    assert rate.deviation_per_day == pytest.approx(sqrt((4.5**2 + 3 * 1.5**2) / 3))


def test_the_first_half_of_a_nodes_units_is_fast_the_rest_up_to_nine_tenths_medium(world: World) -> None:
    for sku in (world.kurta, world.saree, world.shoe):
        stock(sku, world.blr, 100)
    sell(world, world.kurta, world.blr, 50)
    sell(world, world.saree, world.blr, 45)
    sell(world, world.shoe, world.blr, 5)
    sell(world, world.shoe, world.delhi, 1)
    refresh_demand_rates()
    assert rates() == {
        ("KURTA-M", "blr-01"): (50, "fast"), ("SAREE-1", "blr-01"): (45, "medium"), ("SHOE-42", "blr-01"): (5, "slow"),
        ("SHOE-42", "del-01"): (1, "fast"),
    }  # fmt: skip


def test_what_was_all_given_back_is_no_demand_and_transfers_are_none_either(world: World) -> None:
    gone = sell(world, world.kurta, world.blr, 3)
    release_reservations(requests=[Release(gone.line_uid, world.blr.pk, 3)], actor="test")
    Transfer.objects.create(number="TR-1", from_node=world.blr, to_node=world.delhi)
    sell(world, world.saree, world.blr, 2, reference="TR-1")
    refresh_demand_rates()
    assert rates() == {("KURTA-M", "blr-01"): (0, "none")}


def test_counting_again_gives_the_same_and_forgets_what_is_too_long_ago(world: World) -> None:
    sell(world, world.kurta, world.blr, 3)
    DemandRate.objects.create(sku=world.shoe, node=world.blr, units=9, days=28, mean_per_day=1, deviation_per_day=0,
                              velocity="fast")  # fmt: skip
    refresh_demand_rates()
    before = rates()
    refresh_demand_rates()
    assert rates() == before == {("KURTA-M", "blr-01"): (3, "fast")}


_POST = """
INSERT INTO inventory_stockmovement (op_key, leg, sku_id, node_id, from_bucket, to_bucket, quantity, reason, reference,
    note, actor, occurred_at, recorded_at)
SELECT %(key)s, 1, %(sku)s, %(node)s, %(source)s, %(target)s, %(units)s, %(reason)s, 'checkout', '', 'test', moment,
    moment
FROM (SELECT now() - make_interval(days => %(days)s, hours => 1) AS moment) AS clock
"""


def reserved(world: World, days: int, units: int) -> str:
    """So many kurtas were reserved so many days ago; the reservation."""
    uid = str(uuid7())
    execute(_POST, {"key": f"reserve/{uid}", "sku": world.kurta.pk, "node": world.blr.pk, "source": "demand",
                    "target": "reserved", "units": units, "reason": "reserve", "days": days})  # fmt: skip
    return uid


def given_back(world: World, uid: str, days: int, units: int, reason: str = "release") -> None:
    execute(_POST, {"key": f"release/{uid}/{units}", "sku": world.kurta.pk, "node": world.blr.pk, "source": "reserved",
                    "target": "demand", "units": units, "reason": reason, "days": days})  # fmt: skip


def test_what_is_given_back_is_taken_from_the_day_it_was_reserved(world: World) -> None:
    reserved(world, 3, 2)
    cancelled, left = reserved(world, 3, 4), reserved(world, 2, 3)
    given_back(world, cancelled, 1, 4)
    given_back(world, left, 0, 1, reason="expire")

    refresh_demand_rates(days=4)

    rate = DemandRate.objects.get()
    # By day 2, 2, 0, 0: nothing was asked for on the days on which units were given back.
    assert (rate.units, rate.mean_per_day) == (4, 1.0)
    assert rate.deviation_per_day == pytest.approx(sqrt(4 / 3))
    assert demand_by_day(world.kurta.pk, world.blr.pk, days=4) == [2, 2, 0, 0]


def test_what_was_reserved_before_the_first_day_and_is_given_back_now_counts_neither_way(world: World) -> None:
    long_ago = reserved(world, 9, 5)
    reserved(world, 1, 2)
    given_back(world, long_ago, 0, 5)

    refresh_demand_rates(days=4)

    assert rates() == {("KURTA-M", "blr-01"): (2, "fast")}
    assert demand_by_day(world.kurta.pk, world.blr.pk, days=4) == [0, 0, 2, 0]
