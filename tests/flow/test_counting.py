"""Counting beside the work of orders: totes, parcels, goods that are put back, short picks, reservations in the way."""

from __future__ import annotations

import pytest

from fulfillment.models import FulfillmentOrder
from fulfillment.services import accept, cancel_order, pack, pick, report_short
from inventory.models import StockCount
from inventory.services.counting import Reviewer, close_counting
from oms.core.errors import Conflict
from oms.flow.counting import carried_by_pickers, reroute_and_accept, short_picked_skus
from orders.models import Order
from orders.services import TimelineEntry, record
from tests.factories import World, make_line, make_world
from tests.fulfillment.floor import make_work, packed, picked, stock_of, units_of
from tests.inventory.counting import MANAGER, begun, count_postings, held, ids_of, items_of, scan, scanned, submitted

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def reviewed(count: StockCount) -> dict[str, tuple[str, int | None, int | None, int]]:
    close_counting(count_uid=count.uid, actor="Manager", carried_since=carried_by_pickers)
    return items_of(count)


def test_units_sold_and_packed_between_counting_and_review_are_no_variance(world: World) -> None:
    count = begun(world.blr, world.kurta, world.saree)
    submitted(held(count), scan("KURTA-M", 10), scan("SAREE-1", 9))

    packed(make_work(world, "1", make_line(world.kurta, 3), make_line(world.saree)))

    assert reviewed(count) == {"KURTA-M": ("auto", 10, 10, 0), "SAREE-1": ("counted", 9, 10, 0)}
    assert stock_of(world.kurta, world.blr) == {"on_hand": 7, "packed": 3}
    assert count_postings(count.uid) == []


def test_units_in_a_tote_while_the_shelf_was_counted_are_no_variance_before_and_after_they_are_packed(
    world: World,
) -> None:
    work = picked(make_work(world, "1", make_line(world.kurta, 3)))
    first, second = begun(world.blr, world.kurta), begun(world.blr, world.kurta)
    for count in (first, second):
        submitted(held(count), scan("KURTA-M", 7))

    assert reviewed(first) == {"KURTA-M": ("auto", 7, 7, 0)}
    pack(fulfillment_order_id=work.pk, actor="Asha")
    assert reviewed(second) == {"KURTA-M": ("auto", 7, 7, 0)}

    wrong = begun(world.blr, world.kurta)
    submitted(held(wrong), scan("KURTA-M", 10))
    assert reviewed(wrong) == {"KURTA-M": ("counted", 10, 7, 0)}


def test_a_pick_at_an_unknown_moment_makes_the_expected_a_range(world: World) -> None:
    work = make_work(world, "1", make_line(world.kurta, 3), make_line(world.saree))
    accept(fulfillment_order_ids=[work.pk], actor="Asha")
    pick(fulfillment_order_id=work.pk, code="KURTA-M", quantity=2, actor="Asha")
    found = []
    for units in (8, 9, 10, 11):
        count = begun(world.blr, world.kurta)
        submitted(held(count), scan("KURTA-M", units))
        found.append(reviewed(count)["KURTA-M"][:3])

    assert found == [("auto", 8, 8), ("auto", 9, 9), ("auto", 10, 10), ("counted", 11, 10)]


def test_goods_of_a_cancelled_order_are_on_the_shelf_once_they_are_put_back(world: World) -> None:
    work = picked(make_work(world, "1", make_line(world.kurta, 3)))
    cancel_order(order_id=work.order_id, reason="Changed mind", actor="Asha")
    before = begun(world.blr, world.kurta)
    submitted(held(before), scan("KURTA-M", 7))
    assert reviewed(before) == {"KURTA-M": ("auto", 7, 7, 0)}

    record([TimelineEntry(order_id=work.order_id, kind="put_back", message="Back", actor="Asha",
                          data={"fulfillment_order": work.number})])  # fmt: skip
    after = begun(world.blr, world.kurta)
    submitted(held(after), scan("KURTA-M", 10))

    assert reviewed(after) == {"KURTA-M": ("auto", 10, 10, 0)}


def test_picking_while_the_shelf_is_counted_is_no_variance(world: World) -> None:
    work = make_work(world, "1", make_line(world.kurta, 2))
    count = begun(world.blr, world.kurta)
    session = held(count)
    scanned(session, scan("KURTA-M", 5))
    packed(work)
    submitted(session, scan("KURTA-M", 3))

    assert reviewed(count) == {"KURTA-M": ("auto", 8, 8, 0)}
    assert stock_of(world.kurta, world.blr) == {"on_hand": 8, "packed": 2}


def test_what_pickers_did_not_find_is_known(world: World) -> None:
    work = make_work(world, "1", make_line(world.kurta, 2), make_line(world.saree))
    accept(fulfillment_order_ids=[work.pk], actor="Asha")
    line = work.lines.get(sku=world.saree)
    report_short(fulfillment_order_id=work.pk, line_id=line.pk, quantity=1, reason="not_found", actor="Asha")

    assert short_picked_skus(world.blr.pk) == [world.saree.pk]
    assert short_picked_skus(world.delhi.pk) == []


def test_orders_in_the_way_of_a_shortage_go_to_another_node_and_it_is_accepted(world: World) -> None:
    old = make_work(world, "1", make_line(world.kurta, 2))
    new = make_work(world, "2", make_line(world.kurta, 2))
    count = begun(world.blr, world.kurta)
    submitted(held(count), scan("KURTA-M", 3))
    reviewed(count)
    [item_id] = ids_of(count, world.kurta)

    decision, moved = reroute_and_accept(count_uid=count.uid, item_id=item_id, reviewer=MANAGER)

    assert [item.posted_quantity for item in decision.accepted] == [-7]
    assert moved == [Order.objects.get(pk=new.order_id).number]
    assert stock_of(world.kurta, world.blr) == {"on_hand": 3, "reserved": 2}
    assert stock_of(world.kurta, world.delhi) == {"on_hand": 10, "reserved": 2}
    assert FulfillmentOrder.objects.exclude(state="rejected").get(order=new.order_id).node == world.delhi
    assert FulfillmentOrder.objects.get(order=old.order_id).node == world.blr


@pytest.mark.django_db(transaction=True)
def test_where_too_few_orders_can_be_moved_nothing_changes() -> None:
    world = make_world()
    begun_work = make_work(world, "1", make_line(world.kurta, 4))
    accept(fulfillment_order_ids=[begun_work.pk], actor="Asha")
    pick(fulfillment_order_id=begun_work.pk, code="KURTA-M", actor="Asha")
    movable = make_work(world, "2", make_line(world.kurta, 1))
    count = begun(world.blr, world.kurta)
    submitted(held(count), scan("KURTA-M", 0, is_total=True))
    reviewed(count)
    [item_id] = ids_of(count, world.kurta)

    with pytest.raises(Conflict, match="being picked already"):
        reroute_and_accept(count_uid=count.uid, item_id=item_id, reviewer=Reviewer("user:3", "Manager"))

    assert units_of(movable.order_id) == {"released": 1}
    assert FulfillmentOrder.objects.get(order=movable.order_id).node == world.blr
    assert stock_of(world.kurta, world.blr) == {"on_hand": 10, "reserved": 5}
