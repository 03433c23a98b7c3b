"""Two planners and one pool, a cancellation beside a pick: every order is in one wave, every unit is picked once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from fulfillment.models import FulfillmentOrder, Wave, WaveOrder
from fulfillment.services import cancel_order
from fulfillment.services.wave_leaving import leave_waves
from fulfillment.services.wave_picking import pick_in_wave
from fulfillment.services.waves import add_to_wave, cancel_wave, finish_wave, make_wave
from inventory.selectors.audit import Compared, iter_differences
from oms.core.errors import Conflict, DomainError
from oms.reporting.stock_audit import ORDER_CHECKS
from orders.services import place_hold
from tests.factories import World, make_line, make_world, stock
from tests.fulfillment.floor import make_work, units_of
from tests.threads import at_once, behind

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return make_world()


def works(world: World, count: int) -> list[FulfillmentOrder]:
    stock(world.kurta, world.blr, 100)
    return [make_work(world, str(nth), make_line(world.kurta, 2)) for nth in range(count)]


def refused_or(act: Callable[[], object]) -> object:
    try:
        return act()
    except DomainError as error:
        return error


def test_planners_who_take_the_same_orders_share_them_out(world: World) -> None:
    ids = [work.pk for work in works(world, 6)]
    tasks = [
        partial(refused_or, partial(make_wave, node_id=world.blr.pk, work_ids=some, kind="cluster", actor=name))
        for name, some in (("Asha", ids), ("Ravi", ids[::-1]), ("Meera", ids[2:]))
    ]
    at_once(tasks)

    live = WaveOrder.objects.filter(left_at__isnull=True)
    assert sorted(live.values_list("fulfillment_order_id", flat=True)) == ids
    assert all(wave.orders.exists() for wave in Wave.objects.all())


def test_who_comes_second_to_an_order_is_told_whose_wave_it_is_in(world: World) -> None:
    [work] = works(world, 1)
    make = partial(make_wave, node_id=world.blr.pk, work_ids=[work.pk], kind="cluster", actor="Asha")
    told = behind(make, partial(refused_or, make))
    assert isinstance(told, Conflict)
    assert Wave.objects.get().number in told.message


def test_a_hold_that_is_placed_first_keeps_the_order_out(world: World) -> None:
    [work] = works(world, 1)
    told = behind(
        partial(place_hold, order_id=work.order_id, reason="fraud_risk", source="A", handle="h", actor="A"),
        partial(refused_or, partial(make_wave, node_id=world.blr.pk, work_ids=[work.pk], kind="orders", actor="R")),
    )  # fmt: skip
    assert "on hold" in str(told)
    assert not Wave.objects.exists()


@pytest.mark.parametrize("end", [cancel_wave, finish_wave])
def test_a_wave_that_ends_during_a_pick_loses_and_doubles_nothing(world: World, end: Callable[..., Wave]) -> None:
    one, two = works(world, 2)
    wave = make_wave(node_id=world.blr.pk, work_ids=[one.pk, two.pk], kind="cluster", actor="Asha").wave
    put = partial(pick_in_wave, wave_id=wave.pk, code="KURTA-M", tote=f"{wave.number}-1", actor="Ravi")

    acts: list[Callable[[], object]] = [
        put, put, partial(end, wave_id=wave.pk, actor="Asha"),
        partial(cancel_order, order_id=two.order_id, reason="Changed their mind", actor="care"),
    ]  # fmt: skip
    at_once([partial(refused_or, act) for act in acts])

    wave.refresh_from_db()
    assert not wave.is_live
    assert sum(units_of(one.order_id).values()) == 2
    assert units_of(two.order_id) == {"cancelled": 2}
    stays = WaveOrder.objects.filter(left_at__isnull=True).values_list("fulfillment_order__state", flat=True)
    assert set(stays) <= {"picked"}
    assert list(iter_differences(Compared(), more=ORDER_CHECKS)) == []


def test_a_pick_that_comes_after_the_cancellation_is_refused(world: World) -> None:
    [work] = works(world, 1)
    wave = make_wave(node_id=world.blr.pk, work_ids=[work.pk], kind="cluster", actor="Asha").wave
    put = partial(pick_in_wave, wave_id=wave.pk, code="KURTA-M", tote=f"{wave.number}-1", actor="Ravi")
    told = behind(partial(cancel_wave, wave_id=wave.pk, actor="Asha"), partial(refused_or, put))
    assert "is cancelled" in str(told)
    assert units_of(work.order_id) == {"released": 2}


def test_an_order_is_added_to_one_of_two_waves(world: World) -> None:
    one, two, wanted = works(world, 3)
    waves = [make_wave(node_id=world.blr.pk, work_ids=[w.pk], kind="cluster", actor="Asha").wave for w in (one, two)]
    at_once(
        [partial(refused_or, partial(add_to_wave, wave_id=wave.pk, work_ids=[wanted.pk], actor="A")) for wave in waves]
    )
    assert WaveOrder.objects.filter(fulfillment_order=wanted, left_at__isnull=True).count() == 1


def test_orders_that_leave_by_themselves_during_picks_lose_and_double_nothing(world: World) -> None:
    first, held, last = works(world, 3)
    wave = make_wave(node_id=world.blr.pk, work_ids=[first.pk, held.pk, last.pk], kind="cluster", actor="Asha").wave
    place_hold(order_id=held.order_id, reason="fraud_risk", source="Asha", handle="fraud", actor="Asha")

    put = partial(pick_in_wave, wave_id=wave.pk, code="KURTA-M", actor="Ravi")
    leave = partial(leave_waves, [held.order_id, last.order_id], actor="flow")
    acts: list[Callable[[], object]] = [
        partial(put, tote=f"{wave.number}-1"), partial(put, tote=f"{wave.number}-2"), leave, leave,
        partial(cancel_order, order_id=last.order_id, reason="Changed their mind", actor="care"),
    ]  # fmt: skip
    at_once([partial(refused_or, act) for act in acts])
    leave()

    assert units_of(held.order_id).get("picked", 0) == 0
    assert units_of(first.order_id) == {"released": 1, "picked": 1}
    stays = WaveOrder.objects.filter(wave=wave, left_at__isnull=True)
    assert [entry.fulfillment_order_id for entry in stays] == [first.pk]
    wave.refresh_from_db()
    assert wave.is_live
    assert list(iter_differences(Compared(), more=ORDER_CHECKS)) == []
