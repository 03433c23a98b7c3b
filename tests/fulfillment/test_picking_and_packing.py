"""Picking by scan and by count, short picks with their stock effect, and closing parcels."""

from __future__ import annotations

import pytest

from fulfillment.errors import NothingLeft, WrongItem
from fulfillment.models import FulfillmentLine, FulfillmentOrder, Shipment
from fulfillment.services import SHORT_REASONS, ParcelPlan, cancel_order, pack, pick, pick_all, report_short
from oms.core.errors import Conflict, DomainError
from oms.core.models import OutboxEvent
from routing.models import RoutingExclusion
from tests.factories import World, make_line, make_world
from tests.fulfillment.floor import make_work, packed, picked, stock_of, units_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def work(world: World) -> FulfillmentOrder:
    return make_work(world, "1", make_line(world.kurta, 2), make_line(world.saree))


def line_of(work: FulfillmentOrder, code: str) -> FulfillmentLine:
    return work.lines.get(sku__code=code)


@pytest.mark.parametrize("code", ["KURTA-M", "kurta-m", " KURTA-M ", "barcode"])
def test_a_scan_of_sku_or_barcode_picks_one_unit(world: World, work: FulfillmentOrder, code: str) -> None:
    text = world.kurta.barcodes.get().code if code == "barcode" else code

    line = pick(fulfillment_order_id=work.pk, code=text, actor="Asha")

    assert (line.picked, line.to_pick) == (1, 1)
    work.refresh_from_db()
    assert (work.state, work.assigned_to) == ("picking", "Asha")
    assert units_of(work.order_id) == {"released": 2, "picked": 1}


def test_the_last_unit_ends_the_picking(work: FulfillmentOrder) -> None:
    pick(fulfillment_order_id=work.pk, code="KURTA-M", quantity=2, actor="Asha")
    pick(fulfillment_order_id=work.pk, code="SAREE-1", actor="Asha")

    work.refresh_from_db()
    assert work.state == "picked"
    assert work.picked_at is not None
    assert units_of(work.order_id) == {"picked": 3}


@pytest.mark.parametrize("code", ["SHOE-42", "nonsense", ""])
def test_a_wrong_code_names_what_is_needed_and_changes_nothing(work: FulfillmentOrder, code: str) -> None:
    with pytest.raises(WrongItem, match="Needed: KURTA-M"):
        pick(fulfillment_order_id=work.pk, code=code, actor="Asha")

    assert units_of(work.order_id) == {"released": 3}


@pytest.mark.parametrize("quantity", [0, -1, 3])
def test_more_than_is_left_is_refused(work: FulfillmentOrder, quantity: int) -> None:
    with pytest.raises(NothingLeft):
        pick(fulfillment_order_id=work.pk, code="KURTA-M", quantity=quantity, actor="Asha")

    assert line_of(work, "KURTA-M").picked == 0


def test_a_line_of_other_work_is_refused(world: World, work: FulfillmentOrder) -> None:
    other = make_work(world, "2", make_line(world.shoe))

    with pytest.raises(WrongItem):
        pick(fulfillment_order_id=work.pk, line_id=other.lines.get().pk, actor="Asha")


@pytest.mark.parametrize("ended", ["cancelled", "packed", "picked"])
def test_work_that_is_over_cannot_be_picked(work: FulfillmentOrder, ended: str) -> None:
    if ended == "cancelled":
        cancel_order(order_id=work.order_id, reason="Changed their mind", actor="care")
    elif ended == "packed":
        packed(work)
    else:
        picked(work)

    with pytest.raises(Conflict, match="nothing to pick"):
        pick(fulfillment_order_id=work.pk, code="KURTA-M", actor="Asha")
    with pytest.raises(Conflict):
        pick_all(fulfillment_order_id=work.pk, actor="Asha")


SHORT_STOCK = {
    "not_found": {"on_hand": 9, "reserved": 1},
    "wrong_item": {"on_hand": 9, "reserved": 1},
    "damaged": {"on_hand": 9, "reserved": 1, "damaged": 1},
    "display_worn": {"on_hand": 9, "reserved": 1, "quarantine": 1},
    "expired": {"on_hand": 9, "reserved": 1, "quarantine": 1},
}


@pytest.mark.parametrize("reason", sorted(SHORT_REASONS))
def test_each_short_reason_has_its_stock_effect(world: World, work: FulfillmentOrder, reason: str) -> None:
    report_short(
        fulfillment_order_id=work.pk, line_id=line_of(work, "KURTA-M").pk, quantity=1, reason=reason, actor="Asha"
    )

    assert stock_of(world.kurta, world.blr) == SHORT_STOCK[reason]
    assert units_of(work.order_id) == {"unallocated": 1, "released": 2}
    assert list(RoutingExclusion.objects.values_list("node", flat=True)) == [world.blr.pk]
    assert OutboxEvent.objects.filter(kind="fulfillment.ShortPicked").count() == 1


def test_a_short_of_everything_ends_the_work(world: World) -> None:
    work = make_work(world, "1", make_line(world.kurta))
    report_short(fulfillment_order_id=work.pk, line_id=work.lines.get().pk, quantity=1, reason="not_found", actor="A")

    work.refresh_from_db()
    assert (work.state, work.end_reason) == ("cancelled", "Nothing of it was found")
    assert stock_of(world.kurta, world.blr) == {"on_hand": 9}


def test_a_short_of_the_last_open_unit_ends_the_picking(work: FulfillmentOrder) -> None:
    pick(fulfillment_order_id=work.pk, code="KURTA-M", quantity=2, actor="Asha")
    report_short(fulfillment_order_id=work.pk, line_id=line_of(work, "SAREE-1").pk, quantity=1, reason="damaged",
                 actor="Asha")  # fmt: skip

    work.refresh_from_db()
    assert work.state == "picked"


@pytest.mark.parametrize(("quantity", "reason"), [(0, "not_found"), (3, "not_found"), (1, "tired")])
def test_an_impossible_short_changes_nothing(world: World, work: FulfillmentOrder, quantity: int, reason: str) -> None:
    with pytest.raises(DomainError):
        report_short(fulfillment_order_id=work.pk, line_id=line_of(work, "KURTA-M").pk, quantity=quantity,
                     reason=reason, actor="Asha")  # fmt: skip

    assert stock_of(world.kurta, world.blr) == {"on_hand": 10, "reserved": 2}
    assert units_of(work.order_id) == {"released": 3}


# -- packing -----------------------------------------------------------------------------------------------------------


def test_one_parcel_takes_everything_and_weighs_goods_and_box(world: World, work: FulfillmentOrder) -> None:
    shipment = packed(work)

    assert shipment.weight_grams == 3 * 400 + 80
    assert stock_of(world.kurta, world.blr) == {"on_hand": 8, "packed": 2}
    assert units_of(work.order_id) == {"packed": 3}
    assert OutboxEvent.objects.filter(kind="fulfillment.ParcelPacked").count() == 1


def test_packing_twice_makes_one_parcel(work: FulfillmentOrder) -> None:
    first = packed(work)

    assert pack(fulfillment_order_id=work.pk, actor="Ravi") == [first]
    assert Shipment.objects.count() == 1


def test_two_parcels_share_the_units_exactly(world: World, work: FulfillmentOrder) -> None:
    picked(work)
    kurta, saree = line_of(work, "KURTA-M"), line_of(work, "SAREE-1")
    plans = [ParcelPlan(items={kurta.pk: 1}, weight_grams=450), ParcelPlan(items={kurta.pk: 1, saree.pk: 1})]

    made = pack(fulfillment_order_id=work.pk, parcels=plans, actor="Asha")

    assert [shipment.weight_grams for shipment in made] == [450, 880]
    assert [sum(item.quantity for item in shipment.items.all()) for shipment in made] == [1, 2]


@pytest.mark.parametrize("wanted", [{"KURTA-M": 1}, {"KURTA-M": 3, "SAREE-1": 1}, {"KURTA-M": 2, "SAREE-1": 0}])
def test_parcels_that_do_not_add_up_are_refused(world: World, work: FulfillmentOrder, wanted: dict[str, int]) -> None:
    picked(work)
    items = {line_of(work, code).pk: quantity for code, quantity in wanted.items()}

    with pytest.raises(DomainError, match="exactly what was picked"):
        pack(fulfillment_order_id=work.pk, parcels=[ParcelPlan(items=items)], actor="Asha")

    assert Shipment.objects.count() == 0
    assert stock_of(world.kurta, world.blr) == {"on_hand": 10, "reserved": 2}


def test_what_is_not_picked_cannot_be_packed(work: FulfillmentOrder) -> None:
    with pytest.raises(Conflict, match="pick it first"):
        pack(fulfillment_order_id=work.pk, actor="Asha")
