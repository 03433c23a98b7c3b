"""How fast SKUs go, from the ledger."""

from __future__ import annotations

from math import sqrt

import pytest

from inventory.models import DemandRate, Transfer
from inventory.services import Claim, Release, refresh_demand_rates, release_reservations, reserve
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
