"""Serial numbers from the shelf into the parcel: which are named, when, and which are refused."""

from __future__ import annotations

import pytest
from django.db import transaction

from fulfillment.models import PickedUnit
from fulfillment.services import (
    LineUnits,
    ParcelPlan,
    accept,
    hand_over,
    pack,
    pick,
    pick_all,
)
from fulfillment.services.shipping import book_shipment
from inventory.errors import SerialElsewhere, TrackingNeeded
from inventory.models import SerialNumber, Sku
from oms.core.errors import DomainError
from tests.factories import World, make_line, make_world
from tests.fulfillment.floor import make_carrier, make_work, units_of
from tests.fulfillment.tracked import (
    in_parcel,
    in_totes,
    line_of,
    make_serial_sku,
    nothing_differs,
    places,
    put_serials,
    work_for,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def test_serial_numbers_scanned_while_picking_are_in_the_parcel_and_then_with_the_customer(
    world: World, phone: Sku
) -> None:
    make_carrier()
    work = work_for(world, phone, 2)

    pick(fulfillment_order_id=work.pk, code="IMEI-3", actor="Asha")
    pick(fulfillment_order_id=work.pk, line_id=line_of(work).pk, named=LineUnits(serials=("IMEI-1",)), actor="Asha")
    [parcel] = pack(fulfillment_order_id=work.pk, actor="Asha")
    assert in_parcel(parcel.pk) == {"IMEI-3": 1, "IMEI-1": 1}
    assert places(phone) == {"IMEI-1": "packed", "IMEI-2": "on_hand", "IMEI-3": "packed"}
    book_shipment(parcel.pk)
    hand_over(shipment_ids=[parcel.pk], actor="Asha")

    assert places(phone) == {"IMEI-1": "customer", "IMEI-2": "on_hand", "IMEI-3": "customer"}
    assert SerialNumber.objects.get(number="IMEI-1").reference == work.order.number
    assert nothing_differs()


def test_serial_numbers_may_be_named_when_packing(world: World, phone: Sku) -> None:
    work = work_for(world, phone, 2)
    pick_all(fulfillment_order_id=work.pk, actor="Asha")

    with pytest.raises(TrackingNeeded, match="scan each of the 2 in the parcel; 0 scanned"), transaction.atomic():
        pack(fulfillment_order_id=work.pk, actor="Asha")
    plan = ParcelPlan(units={line_of(work).pk: LineUnits(serials=("IMEI-1", "IMEI-2"))})
    [parcel] = pack(fulfillment_order_id=work.pk, actor="Asha", parcels=[plan])
    again = pack(fulfillment_order_id=work.pk, actor="Asha", parcels=[plan])

    assert [row.pk for row in again] == [parcel.pk]
    assert in_parcel(parcel.pk) == {"IMEI-1": 1, "IMEI-2": 1}


def test_what_the_packer_names_is_in_the_parcel_whatever_was_picked(world: World, phone: Sku) -> None:
    work = work_for(world, phone, 1)
    pick(fulfillment_order_id=work.pk, code="IMEI-1", actor="Asha")

    plan = ParcelPlan(units={line_of(work).pk: LineUnits(serials=("IMEI-2",))})
    [parcel] = pack(fulfillment_order_id=work.pk, actor="Asha", parcels=[plan])

    assert (in_parcel(parcel.pk), in_totes()) == ({"IMEI-2": 1}, {})
    assert places(phone) == {"IMEI-1": "on_hand", "IMEI-2": "packed", "IMEI-3": "on_hand"}


@pytest.mark.parametrize(("numbers", "words"), [
    (("NOBODY",), "PHONE-1 has no serial number NOBODY"),
    (("FAR-1",), "Serial number FAR-1 of PHONE-1 is on hand at del-01, not on hand here"),
    (("OTHER-1",), "PHONE-1 has no serial number OTHER-1"),
    (("IMEI-1", "IMEI-1"), "named twice"),
    (("TAKEN",), "is picked for .* already"),
])  # fmt: skip
def test_a_serial_number_that_cannot_be_is_refused_with_a_sentence(
    world: World, phone: Sku, numbers: tuple[str, ...], words: str
) -> None:
    put_serials(phone, world.delhi, "FAR-1")
    put_serials(phone, world.blr, "TAKEN")
    put_serials(make_serial_sku("TABLET"), world.blr, "OTHER-1")
    other = work_for(world, phone, 1, "other")
    pick(fulfillment_order_id=other.pk, code="TAKEN", actor="Ben")
    work = work_for(world, phone, 2)
    before = PickedUnit.objects.count()

    with pytest.raises(DomainError, match=words), transaction.atomic():
        pick(fulfillment_order_id=work.pk, line_id=line_of(work).pk, quantity=len(numbers), actor="Asha",
             named=LineUnits(serials=numbers))  # fmt: skip

    assert PickedUnit.objects.count() == before
    assert units_of(work.order_id) == {"released": 2}


def test_a_packer_cannot_take_what_lies_in_another_tote(world: World, phone: Sku) -> None:
    other, work = work_for(world, phone, 1, "other"), work_for(world, phone, 1)
    pick(fulfillment_order_id=other.pk, code="IMEI-1", actor="Ben")
    pick_all(fulfillment_order_id=work.pk, actor="Asha")

    plan = ParcelPlan(units={line_of(work).pk: LineUnits(serials=("IMEI-1",))})
    with (
        pytest.raises(SerialElsewhere, match=f"IMEI-1 of PHONE-1 is picked for {other.order.number}"),
        transaction.atomic(),
    ):
        pack(fulfillment_order_id=work.pk, actor="Asha", parcels=[plan])

    assert units_of(work.order_id) == {"picked": 1}


def test_names_for_what_is_kept_by_quantity_are_refused(world: World) -> None:
    work = work_for(world, world.kurta, 1)

    with pytest.raises(TrackingNeeded, match="KURTA-M is not kept by serial number"), transaction.atomic():
        pick(fulfillment_order_id=work.pk, line_id=line_of(work).pk, named=LineUnits(serials=("X",)), actor="Asha")


def test_names_for_a_line_that_is_in_another_parcel_are_refused(world: World, serum: Sku, phone: Sku) -> None:
    work = make_work(world, "1", make_line(serum, 1), make_line(phone))
    accept(fulfillment_order_ids=[work.pk], actor="Asha")
    pick_all(fulfillment_order_id=work.pk, actor="Asha")
    lots, serials = work.lines.get(sku=serum).pk, work.lines.get(sku=phone).pk
    number = LineUnits(serials=("IMEI-1",))

    with (
        pytest.raises(DomainError, match=rf"Parcel 1 names .* of PHONE-1 \(line {serials}\), which is not in it") as no,
        transaction.atomic(),
    ):
        pack(fulfillment_order_id=work.pk, actor="Asha", parcels=[
            ParcelPlan(items={lots: 1}, units={serials: number}), ParcelPlan(items={serials: 1}),
        ])  # fmt: skip
    assert (no.value.field, no.value.data) == ("parcels", {"parcel": 1})
    assert units_of(work.order_id) == {"picked": 2}

    pack(fulfillment_order_id=work.pk, actor="Asha", parcels=[
        ParcelPlan(items={lots: 1}), ParcelPlan(items={serials: 1}, units={serials: number}),
    ])  # fmt: skip
    assert places(phone)["IMEI-1"] == "packed"
