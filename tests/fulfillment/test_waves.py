"""Waves: what may be picked now, what is picked together, and that what is blocked never gets in and never stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from fulfillment.errors import NothingLeft, WrongItem
from fulfillment.models import FulfillmentOrder, PickedUnit, Wave, WaveOrder
from fulfillment.selectors.waves import ReadyOrder, progress_of_waves, ready_pool, walk_of
from fulfillment.services import cancel_order, pick, pick_all
from fulfillment.services.wave_leaving import leave_waves
from fulfillment.services.wave_picking import pick_in_wave, short_in_wave
from fulfillment.services.wave_plan import LOOKED_AT, suggest, workload
from fulfillment.services.waves import add_to_wave, assign_wave, cancel_wave, finish_wave, make_wave, take_out
from inventory.models import Node, Sku, StockLevel
from oms.core.errors import Conflict, DomainError, IllegalTransition, NotFound
from orders.services import place_hold, release_orders
from tests.factories import World, make_line, make_world, stock
from tests.flow.driver import drain
from tests.fulfillment.floor import make_work, stock_of, units_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return make_world()


FIVE = datetime(2026, 11, 23, 11, 30, tzinfo=UTC)


def hold(work: FulfillmentOrder) -> None:
    place_hold(order_id=work.order_id, reason="fraud_risk", source="Asha", handle="fraud", actor="Asha")


def ready(world: World) -> list[int]:
    return [order.work_id for order in ready_pool(world.blr.pk)]


def wave_of(world: World, *works: FulfillmentOrder, kind: str = "cluster") -> Wave:
    return make_wave(node_id=world.blr.pk, work_ids=[work.pk for work in works], kind=kind, actor="Asha").wave


def totes(wave: Wave) -> list[str]:
    return [entry.tote for entry in wave.orders.order_by("place")]


# -- the pool ----------------------------------------------------------------------------------------------------------


def test_the_pool_says_of_each_order_when_it_is_due_and_where_its_goods_lie(world: World) -> None:
    StockLevel.objects.filter(sku=world.kurta).update(bin_code="A-01-2")
    StockLevel.objects.filter(sku=world.saree).update(bin_code="C-07-1")
    late, soon = (
        make_work(world, "1", make_line(world.kurta)),
        make_work(world, "2", make_line(world.kurta, 2), make_line(world.saree)),
    )
    FulfillmentOrder.objects.filter(pk=late.pk).update(due_at=FIVE + timedelta(hours=2))
    FulfillmentOrder.objects.filter(pk=soon.pk).update(due_at=FIVE)

    first, second = ready_pool(world.blr.pk)

    assert (first.work_id, first.units, first.is_single, first.zones) == (soon.pk, 3, False, frozenset("AC"))
    assert (second.work_id, second.units, second.is_single, second.sku_ids) == (
        late.pk,
        1,
        True,
        frozenset([world.kurta.pk]),
    )
    assert [order.work_id for order in ready_pool(world.blr.pk, most=1)] == [soon.pk]


def test_what_is_blocked_ended_begun_or_in_a_wave_is_not_in_the_pool(world: World) -> None:
    stock(world.kurta, world.blr, 50)
    held, cancelled, begun, picked, taken, free = (
        make_work(world, str(nth), make_line(world.kurta, 2)) for nth in range(6)
    )
    hold(held)
    cancel_order(order_id=cancelled.order_id, reason="Changed their mind", actor="care")
    pick(fulfillment_order_id=begun.pk, code="KURTA-M", actor="Ravi")
    pick_all(fulfillment_order_id=picked.pk, actor="Ravi")
    wave_of(world, taken)

    assert ready(world) == [free.pk]
    Node.objects.filter(pk=world.blr.pk).update(is_active=False)
    assert ready(world) == []


def test_the_pool_is_one_statement_for_any_number_of_orders(world: World) -> None:
    for nth in range(4):
        make_work(world, str(nth), make_line(world.kurta), make_line(world.saree))
    with CaptureQueriesContext(connection) as seen:
        assert len(ready_pool(world.blr.pk)) == 4
    assert len(seen) == 1


# -- suggestions -------------------------------------------------------------------------------------------------------


def order(work_id: int, *skus: int, due: datetime | None = FIVE, zones: str = "A", units: int = 0) -> ReadyOrder:
    return ReadyOrder(work_id=work_id, number=f"OM-{work_id}", due_at=due, service="standard", kind="ship",
                      units=units or len(skus), sku_ids=frozenset(skus), zones=frozenset(zones),
                      is_single=len(skus) == 1 and units < 2)  # fmt: skip


def shape(pool: list[ReadyOrder], **limits: int) -> list[tuple[str, list[int]]]:
    return [(str(item.kind), [row.work_id for row in item.orders]) for item in suggest(pool, **limits)]


def test_single_items_go_together_by_cut_off_the_most_wanted_first() -> None:
    later = FIVE + timedelta(hours=1)
    pool = [
        order(1, 7),
        order(2, 8),
        order(3, 8),
        order(4, 8),
        order(5, 7),
        order(6, 9, due=later),
        order(7, 9, due=later),
    ]

    assert shape(pool, singles=3) == [("singles", [2, 3, 4]), ("singles", [1, 5]), ("singles", [6, 7])]
    [first, *_] = suggest(pool, singles=50)
    assert (first.units, first.skus, first.due_at, first.ids) == (5, 2, FIVE, "2,3,4,1,5")


def test_the_rest_is_clustered_by_what_the_orders_share() -> None:
    pool = [order(1, 1, 2), order(2, 5, 6, zones="F"), order(3, 8, 9), order(4, 2, 3), order(5, 5, 7, zones="F")]

    assert shape(pool, totes=2) == [("cluster", [1, 4]), ("cluster", [2, 5]), ("cluster", [3])]
    # What shares no SKU but lies in the zone comes before what is elsewhere.
    assert shape([order(1, 1, 2), order(2, 3, 4, zones="Z"), order(3, 5, 6)], totes=2)[0] == ("cluster", [1, 3])


def test_no_order_is_suggested_twice_and_a_lone_single_item_joins_a_cluster() -> None:
    pool = [order(1, 1), order(2, 1, 2), *(order(nth, nth, nth + 1) for nth in range(3, 40))]
    found = suggest(pool, most=100)
    ids = [row.work_id for item in found for row in item.orders]
    assert sorted(ids) == list(range(1, 40))
    assert [row.work_id for row in found[0].orders][:2] == [1, 2]


def test_a_pool_of_thousands_is_looked_at_as_far_as_suggestions_go() -> None:
    pool = [order(nth, nth % 97, nth % 89 + 100) for nth in range(5_000)]
    found = suggest(pool, most=10)
    assert len(found) == 10
    assert max(row.work_id for item in found for row in item.orders) < LOOKED_AT


def test_workload_adds_up_what_is_due_before() -> None:
    loads = workload(
        [(FIVE, 90), (FIVE + timedelta(hours=1), 180), (None, 5), (FIVE + timedelta(days=3), 9)],
        moment=FIVE - timedelta(minutes=30), pickers=2, an_hour=60,
    )  # fmt: skip
    assert [(load.units, load.minutes_needed, load.minutes_there, load.late) for load in loads] == [
        (90, 45, 30, 15), (270, 135, 90, 45),
    ]  # fmt: skip


# -- making a wave -----------------------------------------------------------------------------------------------------


def test_a_wave_has_a_tote_for_each_order_the_first_due_first(world: World) -> None:
    later, sooner = make_work(world, "1", make_line(world.kurta, 2)), make_work(world, "2", make_line(world.saree))
    FulfillmentOrder.objects.filter(pk=later.pk).update(due_at=FIVE + timedelta(hours=2))
    FulfillmentOrder.objects.filter(pk=sooner.pk).update(due_at=FIVE)

    wave = wave_of(world, later, sooner)

    assert totes(wave) == [f"{wave.number}-1", f"{wave.number}-2"]
    assert wave.orders.get(place=1).fulfillment_order == sooner
    assert (wave.cutoff_at, wave.state, wave.picker) == (FIVE, "open", "")
    assert ready(world) == []


def test_what_may_not_get_in_is_left_out_and_told(world: World) -> None:
    stock(world.kurta, world.blr, 50)
    free, held, several, taken = (
        make_work(world, str(nth), make_line(world.kurta, 2 if nth == 2 else 1)) for nth in range(4)
    )
    hold(held)
    other = wave_of(world, taken)

    made = make_wave(node_id=world.blr.pk, work_ids=[free.pk, held.pk, several.pk, taken.pk], kind="singles", actor="A")

    assert totes(made.wave) == [made.wave.number]
    assert made.refused == [
        (held.order.number, "on hold"), (several.order.number, "is more than one item"),
        (taken.order.number, f"is in wave {other.number}"),
    ]  # fmt: skip
    with pytest.raises(Conflict, match=f"No wave was made: {held.order.number} on hold"):
        wave_of(world, held)
    with pytest.raises(Conflict, match="is at blr-01"):
        make_wave(node_id=world.delhi.pk, work_ids=[several.pk], kind="orders", actor="A")
    with pytest.raises(DomainError, match="is no kind of wave"):
        wave_of(world, several, kind="tidal")


def test_the_database_lets_an_order_into_one_live_wave_only(world: World) -> None:
    work = make_work(world, "1", make_line(world.kurta))
    wave = wave_of(world, work)
    with pytest.raises(IntegrityError, match="wave_order_in_one_wave"):
        WaveOrder.objects.create(wave=wave, fulfillment_order=work, place=9, tote="T")


def test_orders_come_into_a_wave_and_leave_it(world: World) -> None:
    stock(world.kurta, world.blr, 50)
    one, two, three = (make_work(world, str(nth), make_line(world.kurta, 2)) for nth in range(3))
    wave = wave_of(world, one, two)

    assert add_to_wave(wave_id=wave.pk, work_ids=[three.pk, one.pk], actor="Asha").refused == [
        (one.order.number, f"is in wave {wave.number}")
    ]
    take_out(wave_id=wave.pk, work_id=two.pk, actor="Asha")
    assert ready(world) == [two.pk]
    with pytest.raises(NotFound):
        take_out(wave_id=wave.pk, work_id=two.pk, actor="Asha")
    take_out(wave_id=wave.pk, work_id=one.pk, actor="Asha")
    take_out(wave_id=wave.pk, work_id=three.pk, actor="Asha")
    wave.refresh_from_db()
    assert wave.state == "cancelled"


def test_a_wave_is_given_to_somebody_and_taken_away(world: World) -> None:
    work = make_work(world, "1", make_line(world.kurta, 2))
    wave = wave_of(world, work)
    assign_wave(wave_id=wave.pk, picker="Ravi", actor="Asha")
    with pytest.raises(Conflict, match=f"Ravi picks wave {wave.number}"):
        pick_in_wave(wave_id=wave.pk, code="KURTA-M", tote=f"{wave.number}-1", actor="Meera")
    assert FulfillmentOrder.objects.get(pk=work.pk).assigned_to == "Ravi"

    assign_wave(wave_id=wave.pk, picker="", actor="Asha")
    assert FulfillmentOrder.objects.get(pk=work.pk).assigned_to == ""
    pick_in_wave(wave_id=wave.pk, code="KURTA-M", tote=f"{wave.number}-1", actor="Meera")
    wave.refresh_from_db()
    assert (wave.picker, wave.state) == ("Meera", "picking")


# -- picking -----------------------------------------------------------------------------------------------------------


def test_an_item_goes_into_the_tote_that_needs_it_and_into_no_other(world: World) -> None:
    one, two = make_work(world, "1", make_line(world.kurta, 2)), make_work(world, "2", make_line(world.saree))
    wave = wave_of(world, one, two)
    first, second = totes(wave)

    with pytest.raises(DomainError, match="Scan the tote"):
        pick_in_wave(wave_id=wave.pk, code="KURTA-M", actor="Ravi")
    with pytest.raises(WrongItem, match=f"Tote {second} needs no KURTA-M. It goes into {first}"):
        pick_in_wave(wave_id=wave.pk, code="KURTA-M", tote=second, actor="Ravi")
    with pytest.raises(WrongItem, match="no tote of wave"):
        pick_in_wave(wave_id=wave.pk, code="KURTA-M", tote="T-99", actor="Ravi")
    with pytest.raises(WrongItem, match="no item of wave"):
        pick_in_wave(wave_id=wave.pk, code="SHOE-42", tote=first, actor="Ravi")
    with pytest.raises(NothingLeft):
        pick_in_wave(wave_id=wave.pk, code="KURTA-M", tote=first, quantity=3, actor="Ravi")

    done = pick_in_wave(wave_id=wave.pk, code="kurta-m", tote=first.lower(), quantity=2, actor="Ravi")
    assert (done.picked, done.quantity, done.order_number, done.is_done) == (2, 2, one.order.number, False)
    assert pick_in_wave(wave_id=wave.pk, code="SAREE-1", tote=second, actor="Ravi").is_done
    assert Wave.objects.get().state == "done"
    assert units_of(one.order_id) == {"picked": 2}
    with pytest.raises(Conflict, match="is picked"):
        pick_in_wave(wave_id=wave.pk, code="SAREE-1", tote=second, actor="Ravi")


def test_a_tote_takes_one_item_for_several_lines_of_its_order(world: World) -> None:
    lines = (make_line(world.kurta, 1, "a"), make_line(world.kurta, 2, "b"), make_line(world.saree))
    wave = wave_of(world, make_work(world, "1", *lines), make_work(world, "2", make_line(world.saree)))
    done = pick_in_wave(wave_id=wave.pk, code="KURTA-M", tote=totes(wave)[0], quantity=3, actor="Ravi")
    assert (done.picked, done.quantity) == (3, 3)


def test_single_items_need_no_tote_and_go_to_the_order_due_first(world: World) -> None:
    works = [make_work(world, str(nth), make_line(world.kurta)) for nth in range(2)]
    wave = wave_of(world, *works, kind="singles")
    assert pick_in_wave(wave_id=wave.pk, code="KURTA-M", actor="Ravi").order_number == works[0].order.number
    assert pick_in_wave(wave_id=wave.pk, code="KURTA-M", actor="Ravi").is_done


def test_the_walk_goes_by_zone_and_bin_and_names_the_totes(world: World) -> None:
    StockLevel.objects.filter(sku=world.kurta).update(bin_code="B-01")
    StockLevel.objects.filter(sku=world.saree).update(bin_code="A-09")
    wave = wave_of(
        world, make_work(world, "1", make_line(world.kurta, 2)),
        make_work(world, "2", make_line(world.saree), make_line(world.kurta)),
    )  # fmt: skip
    walk = walk_of(wave)
    assert [(stop.row.bin_code, [(put.entry.place, put.left) for put in stop.puts]) for stop in walk.stops] == [
        ("A-09", [(2, 1)]), ("B-01", [(1, 2), (2, 1)]),
    ]  # fmt: skip
    assert (walk.wanted, walk.done, walk.left) == (4, 0, 4)


def test_what_is_not_there_is_missing_for_the_order_due_last(world: World) -> None:
    one, two = (make_work(world, str(nth), make_line(world.kurta, 2)) for nth in range(2))
    wave = wave_of(world, one, two)
    short_in_wave(wave_id=wave.pk, sku_id=world.kurta.pk, quantity=1, reason="not_found", actor="Ravi")

    assert units_of(one.order_id) == {"released": 2}
    assert units_of(two.order_id) == {"released": 1, "unallocated": 1}
    assert stock_of(world.kurta, world.blr) == {"on_hand": 9, "reserved": 3}
    with pytest.raises(NothingLeft, match="Between 1 and 3"):
        short_in_wave(wave_id=wave.pk, sku_id=world.kurta.pk, quantity=4, reason="not_found", actor="Ravi")
    short_in_wave(wave_id=wave.pk, sku_id=world.kurta.pk, quantity=3, reason="damaged", actor="Ravi")
    assert Wave.objects.get().state == "done"


@pytest.mark.parametrize("rest", ["pool", "not_found"])
def test_a_walk_that_ends_early_gives_the_rest_back_or_reports_it(world: World, rest: str) -> None:
    one, two = (make_work(world, str(nth), make_line(world.kurta, 2)) for nth in range(2))
    wave = wave_of(world, one, two)
    first, _ = totes(wave)
    pick_in_wave(wave_id=wave.pk, code="KURTA-M", tote=first, actor="Ravi")

    finish_wave(wave_id=wave.pk, actor="Ravi", rest=rest)

    assert Wave.objects.get().state == "done"
    if rest == "pool":
        assert sorted(ready(world)) == [one.pk, two.pk]
        assert units_of(one.order_id) == {"picked": 1, "released": 1}
        # What was picked of it stays in the tote that it lies in.
        again = wave_of(world, one)
        assert totes(again) == [first]
    else:
        assert ready(world) == []
        assert (units_of(one.order_id), units_of(two.order_id)) == ({"picked": 1, "unallocated": 1}, {"unallocated": 2})
    with pytest.raises(DomainError, match="is not a reason"):
        finish_wave(wave_id=wave.pk, actor="Ravi", rest="tired")


def test_a_cancelled_wave_keeps_what_is_picked_and_gives_the_rest_back(world: World) -> None:
    one, two = make_work(world, "1", make_line(world.kurta)), make_work(world, "2", make_line(world.saree))
    wave = wave_of(world, one, two)
    pick_in_wave(wave_id=wave.pk, code="KURTA-M", tote=totes(wave)[0], actor="Ravi")
    cancel_wave(wave_id=wave.pk, actor="Asha")

    assert ready(world) == [two.pk]
    assert FulfillmentOrder.objects.get(pk=one.pk).state == "picked"
    assert units_of(one.order_id) == {"picked": 1}
    for act in (cancel_wave, finish_wave):
        with pytest.raises((Conflict, IllegalTransition)):
            act(wave_id=wave.pk, actor="Asha")


# -- what becomes blocked ----------------------------------------------------------------------------------------------


def test_what_is_put_on_hold_is_not_picked_and_leaves_at_the_next_action(world: World) -> None:
    one, two = make_work(world, "1", make_line(world.kurta)), make_work(world, "2", make_line(world.saree))
    wave = wave_of(world, one, two)
    first, second = totes(wave)
    hold(one)

    assert [entry.tote for entry in walk_of(wave).entries] == [second]
    progress = progress_of_waves([wave.pk])[wave.pk]
    assert (progress.orders, progress.units, progress.blocked) == (1, 1, 1)
    with pytest.raises(WrongItem, match="no tote of wave"):
        pick_in_wave(wave_id=wave.pk, code="KURTA-M", tote=first, actor="Ravi")
    assert units_of(one.order_id).get("picked", 0) == 0

    assert pick_in_wave(wave_id=wave.pk, code="SAREE-1", tote=second, actor="Ravi").is_done
    left = WaveOrder.objects.get(fulfillment_order=one)
    assert (left.left_at is not None, left.left_why) == (True, "on hold")


def test_a_cancelled_order_leaves_and_a_node_that_is_off_picks_nothing(world: World) -> None:
    one, two = make_work(world, "1", make_line(world.kurta)), make_work(world, "2", make_line(world.saree))
    wave = wave_of(world, one, two)
    cancel_order(order_id=one.order_id, reason="Changed their mind", actor="care")
    assign_wave(wave_id=wave.pk, picker="Ravi", actor="Asha")
    assert [entry.fulfillment_order_id for entry in walk_of(wave).entries] == [two.pk]

    Node.objects.filter(pk=world.blr.pk).update(is_active=False)
    assign_wave(wave_id=wave.pk, picker="", actor="Asha")
    wave.refresh_from_db()
    assert (wave.state, progress_of_waves([wave.pk])) == ("cancelled", {})


def test_what_is_put_on_hold_leaves_its_wave_by_itself_and_may_join_another_later(world: World) -> None:
    one, two = make_work(world, "1", make_line(world.kurta)), make_work(world, "2", make_line(world.saree))
    wave = wave_of(world, one, two)
    hold(one)
    drain()

    left = WaveOrder.objects.get(fulfillment_order=one)
    assert (left.left_at is not None, left.left_why) == (True, "on hold")
    wave.refresh_from_db()
    assert (wave.state, [entry.fulfillment_order_id for entry in walk_of(wave).entries]) == ("open", [two.pk])
    release_orders(order_ids=[one.order_id], actor="Asha")
    drain()
    assert ready(world) == [one.pk]


def test_a_wave_ends_by_itself_when_the_last_order_to_pick_is_cancelled(world: World) -> None:
    one, two = make_work(world, "1", make_line(world.kurta)), make_work(world, "2", make_line(world.saree))
    picked, empty = wave_of(world, one, two), wave_of(world, make_work(world, "3", make_line(world.shoe)))
    pick_in_wave(wave_id=picked.pk, code="KURTA-M", tote=totes(picked)[0], actor="Ravi")
    cancel_order(order_id=two.order_id, reason="Changed their mind", actor="care")
    cancel_order(order_id=empty.orders.get().fulfillment_order.order_id, reason="Changed their mind", actor="care")
    drain()

    picked.refresh_from_db()
    empty.refresh_from_db()
    assert (picked.state, empty.state) == ("done", "cancelled")
    assert not WaveOrder.objects.filter(left_at__isnull=True).exclude(fulfillment_order=one).exists()


def test_what_leaves_twice_or_is_free_again_by_then_changes_nothing(world: World) -> None:
    one, two = make_work(world, "1", make_line(world.kurta)), make_work(world, "2", make_line(world.saree))
    wave = wave_of(world, one, two)
    assert leave_waves([one.order_id], actor="flow") == 1
    assert not WaveOrder.objects.filter(left_at__isnull=False).exists()

    hold(one)
    assert [leave_waves([one.order_id], actor="flow") for _ in range(2)] == [1, 0]
    cancel_wave(wave_id=wave.pk, actor="Asha")
    assert leave_waves([one.order_id, two.order_id], actor="flow") == 0


# -- lots and serial numbers -------------------------------------------------------------------------------------------


def test_a_scanned_serial_number_or_lot_is_the_unit_that_lies_in_the_tote(world: World, phone: Sku, serum: Sku) -> None:
    work = make_work(world, "1", make_line(phone), make_line(serum))
    wave = wave_of(world, work)
    [tote] = totes(wave)

    assert pick_in_wave(wave_id=wave.pk, code="IMEI-2", tote=tote, actor="Ravi").sku == phone
    assert pick_in_wave(wave_id=wave.pk, code="late", tote=tote, actor="Ravi").is_done
    units = PickedUnit.objects.filter(line__fulfillment_order=work).order_by("pk")
    assert [str(unit.serial or unit.lot) for unit in units] == ["IMEI-2", "LATE"]
