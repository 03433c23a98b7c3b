"""Units are scanned into the open box: the right ones, each once, by one packer, and nothing of it is lost."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from django.db import transaction

from fulfillment.errors import NothingLeft, WrongItem
from fulfillment.models import FulfillmentOrder, Packing, PackScan, Shipment
from fulfillment.services import (
    cancel_order,
    close_box,
    keep,
    open_for_item,
    open_packing,
    pack,
    scan_into_box,
    undo_scan,
)
from inventory.models import Barcode, Sku
from oms.core.clock import now
from oms.core.errors import Conflict, DomainError, NotFound
from orders.locks import lock_orders
from tests.factories import World, make_line, make_sku, make_world, stock
from tests.fulfillment.floor import make_work, picked
from tests.fulfillment.tracked import make_serial_sku, put_serials
from tests.threads import at_once, behind, elsewhere

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return make_world()


def to_pack(world: World, name: str, **units: int) -> FulfillmentOrder:
    skus = {"kurta": world.kurta, "saree": world.saree, "shoe": world.shoe}
    work = make_work(world, name, *(make_line(skus[key], count) for key, count in units.items()))
    return picked(work)


def opened(work: FulfillmentOrder, packer: str = "Asha") -> Packing:
    return open_packing(fulfillment_order_id=work.pk, packer=packer).packing


def begun(work: FulfillmentOrder, sku: Sku, packer: str) -> Packing | None:
    with transaction.atomic():
        found = open_for_item(node_id=work.node_id, sku_id=sku.pk, packer=packer)
        return keep(found).packing if found else None


def put_in(packing: Packing, *codes: str) -> list[bool]:
    return [scan_into_box(packing_id=packing.pk, code=code, packer="Asha").is_full for code in codes]


def test_the_last_right_unit_fills_the_box_and_it_becomes_a_parcel(world: World) -> None:
    Barcode.objects.create(sku=world.kurta, code="8901234567890")
    work = to_pack(world, "1", kurta=2, saree=1)
    packing = opened(work)

    assert put_in(packing, "8901234567890", world.saree.code.lower()) == [False, False]
    with pytest.raises(Conflict, match="This box needs 1 x KURTA-M."):
        close_box(packing_id=packing.pk, packer="Asha")
    assert put_in(packing, world.kurta.code) == [True]

    [parcel] = close_box(packing_id=packing.pk, packer="Asha")
    assert (parcel.weight_grams, sum(item.quantity for item in parcel.items.all())) == (
        1_290,
        3,
    )
    assert not Packing.objects.exists()
    with pytest.raises(NotFound):
        scan_into_box(packing_id=packing.pk, code=world.kurta.code, packer="Asha")


def test_what_does_not_belong_there_is_named_with_what_does(world: World) -> None:
    packing = opened(to_pack(world, "1", kurta=2))

    with pytest.raises(WrongItem, match=r"This is .*SHOE-42.* This box needs 2 x KURTA-M\."):
        put_in(packing, world.shoe.code)
    with pytest.raises(NotFound, match="4006381333931 is not in the catalogue"):
        put_in(packing, "4006381333931")
    put_in(packing, world.kurta.code, world.kurta.code)
    with pytest.raises(NothingLeft, match="All 2 of KURTA-M are in the box already"):
        put_in(packing, world.kurta.code)
    assert PackScan.objects.count() == 2


def test_the_last_scan_is_undone_and_what_was_scanned_outlives_the_packer(world: World) -> None:
    work = to_pack(world, "1", kurta=3)
    packing = opened(work)
    put_in(packing, world.kurta.code, world.kurta.code)

    assert undo_scan(packing_id=packing.pk, packer="Asha") == world.kurta.code
    again = opened(work)
    assert (again.pk, again.scans.count()) == (packing.pk, 1)
    undo_scan(packing_id=packing.pk, packer="Asha")
    assert undo_scan(packing_id=packing.pk, packer="Asha") == ""


def test_a_box_in_hand_is_left_to_its_packer_until_nobody_touches_it_any_more(world: World) -> None:
    work = to_pack(world, "1", kurta=2)
    packing = opened(work)
    put_in(packing, world.kurta.code)

    with pytest.raises(Conflict, match="Asha is packing"):
        opened(work, "Ravi")
    Packing.objects.update(touched_at=now() - timedelta(minutes=11))
    assert opened(work, "Ravi").packer == "Ravi"
    with pytest.raises(Conflict, match="Ravi goes on with"):
        put_in(packing, world.kurta.code)


def test_an_item_opens_the_first_due_order_that_is_it_alone(world: World) -> None:
    both = to_pack(world, "both", kurta=1, saree=1)
    two = to_pack(world, "two", kurta=2)
    late, later = to_pack(world, "late", kurta=1), to_pack(world, "later", kurta=1)
    FulfillmentOrder.objects.filter(pk=later.pk).update(due_at=now() - timedelta(days=3))

    found = [begun(late, world.kurta, packer) for packer in ("Asha", "Ravi", "Mia")]
    assert [each.fulfillment_order_id for each in found if each] == [later.pk, later.pk, later.pk]
    put_in(Packing.objects.get(), world.kurta.code)
    other = begun(late, world.kurta, "Ravi")
    assert other is not None
    assert other.fulfillment_order_id == late.pk
    assert begun(late, world.shoe, "Ravi") is None
    assert {both.pk, two.pk}.isdisjoint(Packing.objects.values_list("fulfillment_order", flat=True))


def test_two_who_scan_the_same_item_get_two_orders_and_only_the_last_order_is_waited_for(world: World) -> None:
    first, second = to_pack(world, "1", kurta=1), to_pack(world, "2", kurta=1)
    with transaction.atomic():
        mine = open_for_item(node_id=first.node_id, sku_id=world.kurta.pk, packer="Asha")
        theirs = elsewhere(lambda: begun(first, world.kurta, "Ravi"))
    assert mine is not None
    assert theirs is not None
    assert (mine.work.pk, theirs.fulfillment_order_id) == (first.pk, second.pk)
    pack(fulfillment_order_id=second.pk, actor="Ravi")
    waited = behind(lambda: lock_orders([first.order_id]), lambda: begun(first, world.kurta, "Mia"))
    assert waited is not None
    assert waited.fulfillment_order_id == first.pk


def test_a_serial_number_is_scanned_once_and_its_barcode_is_not_enough(world: World) -> None:
    phone = make_serial_sku()
    put_serials(phone, world.blr, "I-1", "I-2", "I-3")
    packing = opened(picked(make_work(world, "1", make_line(phone, 2))))

    with pytest.raises(WrongItem, match="Scan the serial number"):
        put_in(packing, phone.code)
    assert put_in(packing, "I-1") == [False]
    with pytest.raises(NothingLeft, match="I-1 is in the box already"):
        put_in(packing, "I-1")
    assert put_in(packing, "I-3") == [True]
    [parcel] = close_box(packing_id=packing.pk, packer="Asha")
    units = [unit for item in parcel.items.all() for unit in item.picked_units.all()]
    assert sorted(unit.serial.number for unit in units if unit.serial) == ["I-1", "I-3"]


def test_a_cancelled_order_leaves_the_bench(world: World) -> None:
    work = to_pack(world, "1", kurta=2)
    packing = opened(work)
    put_in(packing, world.kurta.code)

    cancel_order(order_id=work.order_id, reason="changed_mind", actor="Meera")
    with pytest.raises(Conflict, match="was cancelled: put its goods back"):
        put_in(packing, world.kurta.code)
    with pytest.raises(Conflict, match="was cancelled"):
        opened(work)


def test_ten_scans_at_once_count_ten_and_the_eleventh_is_refused(world: World) -> None:
    sku = make_sku("BULK")
    stock(sku, world.blr, 20)
    packing = opened(picked(make_work(world, "1", make_line(sku, 10))))

    def one() -> str:
        try:
            scan_into_box(packing_id=packing.pk, code="BULK", packer="Asha")
        except NothingLeft:
            return "refused"
        return "in"

    results = at_once([one] * 11)
    assert (results.count("in"), results.count("refused"), packing.scans.count()) == (10, 1, 10)


def test_two_who_close_the_same_box_make_one_parcel(world: World) -> None:
    packing = opened(to_pack(world, "1", kurta=1))
    put_in(packing, world.kurta.code)

    def close() -> object:
        try:
            return close_box(packing_id=packing.pk, packer="Asha")
        except DomainError as error:
            return error

    at_once([partial(close), partial(close)])
    assert Shipment.objects.count() == 1
