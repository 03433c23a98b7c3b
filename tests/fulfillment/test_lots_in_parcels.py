"""Lots from the shelf into the parcel: what is taken, what is refused and what is swapped."""

from __future__ import annotations

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fulfillment.models import PickedUnit
from fulfillment.services import (
    LineUnits,
    ParcelPlan,
    accept,
    hand_over,
    name_unit,
    pack,
    pack_many,
    pick,
    pick_all,
    pick_many,
    reject,
    swap_units,
)
from fulfillment.services.shipping import book_shipment
from inventory.errors import NotEnoughStock, TrackingNeeded
from inventory.models import Lot, Sku
from inventory.services import Wanted, block_lot, split_units
from oms.core.errors import DomainError, NotFound
from tests.factories import World, make_line, make_world
from tests.fulfillment.floor import make_carrier, make_work, units_of
from tests.fulfillment.tracked import (
    in_parcel,
    in_totes,
    line_of,
    lots_at,
    make_lot_sku,
    nothing_differs,
    postings,
    put_lot,
    today,
    work_for,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def test_the_lot_that_expires_first_is_picked_packed_and_shipped(world: World, serum: Sku) -> None:
    make_carrier()
    work = work_for(world, serum, 3)

    pick(fulfillment_order_id=work.pk, code="SERUM-30", quantity=3, actor="Asha")
    assert in_totes() == {"SOON": 2, "LATE": 1}
    [parcel] = pack(fulfillment_order_id=work.pk, actor="Asha")
    assert (in_totes(), in_parcel(parcel.pk)) == ({}, {"SOON": 2, "LATE": 1})
    assert lots_at(serum, world.blr) == {"LATE": {"on_hand": 4, "packed": 1}, "SOON": {"packed": 2}}
    book_shipment(parcel.pk)
    hand_over(shipment_ids=[parcel.pk], actor="Asha")

    assert lots_at(serum, world.blr) == {"LATE": {"on_hand": 4}}
    assert postings(serum, "pack", "ship") == [
        ("reserved", "demand", 3, ""), ("on_hand", "packed", 2, "SOON"), ("on_hand", "packed", 1, "LATE"),
        ("packed", "customer", 2, "SOON"), ("packed", "customer", 1, "LATE"),
    ]  # fmt: skip
    assert nothing_differs()


def test_a_scanned_lot_is_taken_instead(world: World, serum: Sku) -> None:
    work = work_for(world, serum, 2)

    pick(fulfillment_order_id=work.pk, code="late", actor="Asha")
    pick(fulfillment_order_id=work.pk, code="SERUM-30", actor="Asha")

    assert in_totes() == {"LATE": 1, "SOON": 1}


def test_a_lot_code_of_two_skus_of_the_work_is_nobodys(world: World, serum: Sku) -> None:
    cream = make_lot_sku("CREAM-50")
    put_lot(cream, world.blr, "SOON", 4, days=60)
    work = make_work(world, "1", make_line(serum, 1), make_line(cream, 1))
    accept(fulfillment_order_ids=[work.pk], actor="Asha")

    with pytest.raises(TrackingNeeded, match="soon stands on SERUM-30 and CREAM-50") as refusal:
        pick(fulfillment_order_id=work.pk, code="soon", actor="Asha")
    assert refusal.value.field == "code"
    assert in_totes() == {}

    pick(fulfillment_order_id=work.pk, code="CREAM-50", actor="Asha")
    assert lots_at(cream, world.blr) == {"SOON": {"on_hand": 4}}
    assert PickedUnit.objects.get().line.sku_id == cream.pk


def test_what_lies_in_another_tote_is_not_taken_again(world: World, serum: Sku) -> None:
    first, second = work_for(world, serum, 2), work_for(world, serum, 1, "2")
    pick_all(fulfillment_order_id=first.pk, actor="Asha")

    pick_all(fulfillment_order_id=second.pk, actor="Ben")

    assert in_totes() == {"SOON": 2, "LATE": 1}
    with (
        pytest.raises(NotEnoughStock, match="Lot SOON of SERUM-30: 1 units wanted, 0 are on hand"),
        transaction.atomic(),
    ):
        pack(fulfillment_order_id=second.pk, actor="Ben", parcels=[
            ParcelPlan(units={line_of(second).pk: LineUnits(lots=(("SOON", 1),))})
        ])  # fmt: skip


@pytest.mark.parametrize(("days", "blocked", "words"), [
    (-1, False, "expired on"), (60, True, "is blocked"), (20, False, "30 days must be left when it is sold"),
])  # fmt: skip
def test_a_lot_that_may_not_be_sold_is_neither_found_nor_taken_by_name(
    world: World, days: int, blocked: bool, words: str
) -> None:
    cream = make_lot_sku("CREAM", shelf_life_days=30)
    put_lot(cream, world.blr, "GOOD", 2, days=30)
    put_lot(cream, world.blr, "BAD", 5, days=days, blocked=blocked)
    work = work_for(world, cream, 3)

    with pytest.raises(NotEnoughStock, match=words), transaction.atomic():
        pick(fulfillment_order_id=work.pk, code="BAD", actor="Asha")
    with pytest.raises(NotEnoughStock, match="its lots that may be used have 1 too few"), transaction.atomic():
        pick(fulfillment_order_id=work.pk, line_id=line_of(work).pk, quantity=3, actor="Asha")

    pick(fulfillment_order_id=work.pk, line_id=line_of(work).pk, quantity=2, actor="Asha")
    assert in_totes() == {"GOOD": 2}
    assert units_of(work.order_id) == {"released": 1, "picked": 2}


def test_a_lot_that_is_blocked_after_the_pick_is_not_packed(world: World, serum: Sku) -> None:
    work = work_for(world, serum, 2)
    pick_all(fulfillment_order_id=work.pk, actor="Asha")
    Lot.objects.filter(code="SOON").update(is_blocked=True)

    with (
        pytest.raises(NotEnoughStock, match="Lot SOON of SERUM-30 is blocked. Take another one."),
        transaction.atomic(),
    ):
        pack(fulfillment_order_id=work.pk, actor="Asha")
    assert units_of(work.order_id) == {"picked": 2}

    other = ParcelPlan(units={line_of(work).pk: LineUnits(lots=(("LATE", 2),))})
    [parcel] = pack(fulfillment_order_id=work.pk, actor="Asha", parcels=[other])
    assert in_parcel(parcel.pk) == {"LATE": 2}
    assert nothing_differs()


def test_a_lot_that_is_blocked_in_the_tote_is_swapped(world: World, serum: Sku) -> None:
    work = work_for(world, serum, 3)
    pick_all(fulfillment_order_id=work.pk, actor="Asha")
    block_lot(lot_id=Lot.objects.get(code="SOON").pk, reason="Glass", actor="Ravi")
    assert in_totes() == {"SOON": 2, "LATE": 1}
    told = (
        "Lot SOON of SERUM-30 is blocked. Take another one. Swap it in the tote: 4 of lot LATE may be taken here. Scan "
        "one of them, or press Swap when packing."
    )
    with pytest.raises(NotEnoughStock, match=told), transaction.atomic():
        pack(fulfillment_order_id=work.pk, actor="Asha")
    with pytest.raises(NotEnoughStock, match=told), transaction.atomic():
        pack_many(fulfillment_order_ids=[work.pk], actor="Asha")

    unit = PickedUnit.objects.get(lot__code="SOON")
    done = swap_units(fulfillment_order_id=work.pk, unit_id=unit.pk)

    assert (done.out, done.units, done.into) == ("SOON", 2, {"LATE": 2})
    assert in_totes() == {"LATE": 3}
    with pytest.raises(NotFound, match="not in the tote"), transaction.atomic():
        swap_units(fulfillment_order_id=work.pk, unit_id=unit.pk)
    [parcel] = pack(fulfillment_order_id=work.pk, actor="Asha")
    assert in_parcel(parcel.pk) == {"LATE": 3}
    assert lots_at(serum, world.blr) == {"LATE": {"on_hand": 2, "packed": 3}, "SOON": {"quarantine": 2}}
    assert nothing_differs()


def test_a_scanned_lot_takes_the_place_of_the_blocked_one_first(world: World, serum: Sku) -> None:
    put_lot(serum, world.blr, "THIRD", 3, days=300)
    work = work_for(world, serum, 3)
    pick_all(fulfillment_order_id=work.pk, actor="Asha")
    Lot.objects.filter(code="SOON").update(is_blocked=True)

    name_unit(fulfillment_order_id=work.pk, code="THIRD")
    name_unit(fulfillment_order_id=work.pk, code="THIRD")

    assert in_totes() == {"LATE": 1, "THIRD": 2}
    unit = PickedUnit.objects.get(lot__code="LATE")
    with pytest.raises(DomainError, match="Lot LATE may be sold: name another one"), transaction.atomic():
        swap_units(fulfillment_order_id=work.pk, unit_id=unit.pk)
    swap_units(fulfillment_order_id=work.pk, unit_id=unit.pk, lot="third")
    assert in_totes() == {"THIRD": 3}


def test_what_cannot_be_swapped_is_given_back(world: World) -> None:
    cream = make_lot_sku("CREAM")
    lot = put_lot(cream, world.blr, "ONLY", 2)
    work = work_for(world, cream, 2)
    pick_all(fulfillment_order_id=work.pk, actor="Asha")
    block_lot(lot_id=lot.pk, reason="Glass", actor="Ravi")
    told = "Nothing else of CREAM may be taken here: give the work back, and another node gets the order."

    with pytest.raises(NotEnoughStock, match=told), transaction.atomic():
        pack(fulfillment_order_id=work.pk, actor="Asha")
    with pytest.raises(NotEnoughStock, match=told), transaction.atomic():
        swap_units(fulfillment_order_id=work.pk, unit_id=PickedUnit.objects.get().pk)

    assert in_totes() == {"ONLY": 2}
    reject(fulfillment_order_id=work.pk, reason="Blocked", actor="Asha")
    assert (in_totes(), nothing_differs()) == ({}, True)


def test_two_parcels_of_one_line_share_its_lots(world: World, serum: Sku) -> None:
    work = work_for(world, serum, 4)
    pick_all(fulfillment_order_id=work.pk, actor="Asha")
    line = line_of(work).pk

    first, second = pack(fulfillment_order_id=work.pk, actor="Asha", parcels=[
        ParcelPlan(items={line: 1}, units={line: LineUnits(lots=(("LATE", 1),))}), ParcelPlan(items={line: 3}),
    ])  # fmt: skip

    assert (in_parcel(first.pk), in_parcel(second.pk)) == ({"LATE": 1}, {"SOON": 2, "LATE": 1})


def test_many_at_once_take_each_unit_once(world: World, serum: Sku) -> None:
    work = [work_for(world, serum, 2, str(number)) for number in range(3)]
    ids = [item.pk for item in work]

    pick_many(fulfillment_order_ids=ids, actor="wave")
    parcels = pack_many(fulfillment_order_ids=ids, actor="wave")

    held: dict[str, int] = {}
    for parcel in parcels:
        for code, units in in_parcel(parcel.pk).items():
            held[code] = held.get(code, 0) + units
    assert held == {"SOON": 2, "LATE": 4}
    assert lots_at(serum, world.blr) == {"LATE": {"on_hand": 1, "packed": 4}, "SOON": {"packed": 2}}
    assert nothing_differs()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    stock=st.lists(st.tuples(st.integers(0, 6), st.one_of(st.none(), st.integers(-20, 90)), st.booleans()),
                   min_size=1, max_size=6),
    held=st.lists(st.integers(0, 6), min_size=6, max_size=6), wanted=st.integers(1, 12), shelf=st.sampled_from([0, 30]),
)  # fmt: skip
def test_no_later_lot_is_taken_while_an_earlier_one_that_may_be_sold_has_units(
    world: World, stock: list[tuple[int, int | None, bool]], held: list[int], wanted: int, shelf: int
) -> None:
    sku = make_lot_sku(f"SKU-{Sku.objects.count()}", shelf_life_days=shelf)
    lots = {}
    for place, (units, days, blocked) in enumerate(stock):
        if units:
            lot = put_lot(sku, world.blr, f"L{place}", units, days=days, blocked=blocked)
            usable = not blocked and (days is None or days >= shelf)
            lots[lot.pk] = (days if days is not None else 10_000, lot.pk, max(0, units - held[place]) if usable else 0)
    spoken = {pk: held[int(Lot.objects.get(pk=pk).code[1:])] for pk in lots}
    there = sum(units for *_, units in lots.values())

    item = Wanted(sku=sku, quantity=wanted, sold_on=today())
    if there < wanted:
        with pytest.raises(NotEnoughStock), transaction.atomic():
            split_units([item], node_id=world.blr.pk, bucket="on_hand", spoken_for=spoken)
        return
    [parts] = split_units([item], node_id=world.blr.pk, bucket="on_hand", spoken_for=spoken)

    expected, left = {}, wanted
    for _, pk, units in sorted(lots.values()):
        if min(left, units):
            expected[pk] = min(left, units)
            left -= expected[pk]
    assert {part.lot_id: part.quantity for part in parts} == expected
