"""Parcels whose lot is blocked or expires after packing: they stay, everybody is told, and they can be taken apart."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from carriers.models import TrackingEvent
from fulfillment.errors import MayNotLeave
from fulfillment.models import FulfillmentOrder, PickedUnit, Shipment
from fulfillment.selectors.held import count_held, ids_of_held
from fulfillment.selectors.picking import put_backs
from fulfillment.services import (
    LineUnits,
    ParcelPlan,
    accept,
    add_all,
    add_to_manifest,
    apply_tracking,
    close_manifest,
    collect,
    hand_over,
    open_fulfillment_orders,
    open_manifest,
    pack,
    pick,
    pick_all,
    take_apart,
)
from fulfillment.services.shipping import book_shipment
from inventory.models import Lot, SerialNumber, Sku
from inventory.selectors.audit import Compared, iter_differences
from inventory.services import Posting, block_lot, post, unblock_lot
from oms.core.db import run_atomic
from oms.core.errors import Conflict, NotFound
from oms.core.models import OutboxEvent
from oms.reporting.stock_audit import ORDER_CHECKS
from orders.models import OrderEvent
from routing.services import route_orders
from tests.factories import World, make_line, make_world
from tests.fulfillment.floor import labelled, make_carrier, make_work, packed, units_of
from tests.fulfillment.tracked import (
    in_parcel,
    lots_at,
    make_lot_sku,
    make_serial_sku,
    places,
    postings,
    put_lot,
    put_serials,
    today,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    world = make_world()
    make_carrier()
    return world


@pytest.fixture
def phone_parcel(world: World) -> Shipment:
    """A parcel with a label and two telephones, of which IMEI-1 was carried to quarantine after it was packed."""
    phone = make_serial_sku()
    aside, _ = put_serials(phone, world.blr, "IMEI-1", "IMEI-2")
    work = make_work(world, "phones", make_line(phone, 2))
    accept(fulfillment_order_ids=[work.pk], actor="Asha")
    for number in ("IMEI-1", "IMEI-2"):
        pick(fulfillment_order_id=work.pk, code=number, actor="Asha")
    [parcel] = pack(fulfillment_order_id=work.pk, actor="Asha")
    book_shipment(parcel.pk)
    post([
        Posting(op_key="test/aside", sku_id=phone.pk, node_id=world.blr.pk, from_bucket="packed",
                to_bucket="quarantine", quantity=1, serial_id=aside.pk, reason="quality")
    ])  # fmt: skip
    return Shipment.objects.get(pk=parcel.pk)


def seen_by_carrier(parcel: Shipment, milestone: str = "picked_up") -> int:
    """The carrier scanned it; the id of its booking."""
    assert parcel.booking is not None
    TrackingEvent.objects.create(booking=parcel.booking, scan_key=milestone, milestone=milestone,
                                 occurred_at=parcel.created_at)  # fmt: skip
    return parcel.booking.pk


@pytest.fixture
def serum(world: World) -> Sku:
    sku = make_lot_sku()
    put_lot(sku, world.blr, "SOON", 2, days=60)
    put_lot(sku, world.blr, "LATE", 5, days=200)
    return sku


def block(code: str) -> Lot:
    return block_lot(lot_id=Lot.objects.get(code=code).pk, reason="Glass found", actor="Ravi")


def nothing_differs() -> bool:
    return list(iter_differences(Compared(), more=ORDER_CHECKS)) == []


def events(kind: str) -> int:
    return OutboxEvent.objects.filter(kind=f"fulfillment.{kind}").count()


def test_a_parcel_whose_lot_is_blocked_stays_and_is_named(world: World, serum: Sku) -> None:
    parcel = labelled(make_work(world, "1", make_line(serum, 2)))
    block("SOON")
    before = lots_at(serum, world.blr)

    with pytest.raises(MayNotLeave) as refusal, transaction.atomic():
        hand_over(shipment_ids=[parcel.pk], actor="Asha")

    assert refusal.value.message == (
        f"{parcel.awb} of {parcel.order.number}: lot SOON of SERUM-30 is blocked (Glass found). The parcel stays here: "
        "take it apart, and the order gets other units."
    )
    assert (refusal.value.data, refusal.value.field) == ({"parcels": [parcel.pk]}, "shipment_ids")
    parcel.refresh_from_db()
    assert (parcel.state, lots_at(serum, world.blr)) == ("labelled", before)
    assert events("ShipmentHandedOver") == 0


def test_one_that_expired_on_the_packing_shelf_stays_too(world: World, serum: Sku) -> None:
    Sku.objects.filter(pk=serum.pk).update(shelf_life_days=60)
    parcel = labelled(make_work(world, "1", make_line(serum, 2)))
    # The days that must be left when it is sold were left when it was packed.
    Lot.objects.filter(code="SOON").update(expires_on=today())
    assert count_held().parcels == 0

    Lot.objects.filter(code="SOON").update(expires_on=today() - timedelta(days=1))

    with pytest.raises(MayNotLeave, match="lot SOON of SERUM-30 expired on"), transaction.atomic():
        hand_over(shipment_ids=[parcel.pk], actor="Asha")
    assert (count_held().parcels, count_held().units) == (1, 2)


def test_of_several_none_leaves_and_all_that_are_held_are_named(world: World, serum: Sku) -> None:
    parcels = [labelled(make_work(world, name, make_line(sku))) for name, sku in (("1", serum), ("2", world.kurta))]
    block("SOON")

    with pytest.raises(MayNotLeave, match="lot SOON of SERUM-30"), transaction.atomic():
        hand_over(shipment_ids=[row.pk for row in parcels], actor="Asha")
    assert set(Shipment.objects.values_list("state", flat=True)) == {"labelled"}

    assert hand_over(shipment_ids=[parcels[1].pk], actor="Asha") == [parcels[1].pk]


def test_a_manifest_takes_no_held_parcel_and_does_not_close_over_one(world: World, serum: Sku) -> None:
    account = make_carrier("blue", priority=1)
    first, second, third = (
        labelled(make_work(world, name, make_line(sku)))
        for name, sku in (("1", serum), ("2", serum), ("3", world.kurta))
    )
    manifest = open_manifest(node_id=world.blr.pk, carrier_account_id=account.pk, actor="Asha")
    add_to_manifest(manifest_id=manifest.pk, awb=first.awb, actor="Asha")
    block("SOON")

    told = f"{second.awb} of {second.order.number}: lot SOON"
    with pytest.raises(MayNotLeave, match=told) as refusal, transaction.atomic():
        add_to_manifest(manifest_id=manifest.pk, awb=second.awb, actor="Asha")
    assert refusal.value.field == "awb"
    added = add_all(manifest_id=manifest.pk, actor="Asha")
    assert (added.parcels, added.stay) == (1, 1)
    with pytest.raises(MayNotLeave, match=f"{second.awb} of"), transaction.atomic():
        add_all(manifest_id=manifest.pk, actor="Asha")
    with pytest.raises(MayNotLeave, match=f"{first.awb} of"), transaction.atomic():
        close_manifest(manifest_id=manifest.pk, actor="Asha")
    assert ids_of_held([world.blr.pk]) == [first.pk, second.pk]
    assert ids_of_held([world.delhi.pk]) == []

    take_apart(shipment_id=first.pk, actor="Asha")
    assert close_manifest(manifest_id=manifest.pk, actor="Asha") == [third.pk]
    assert (count_held().parcels, count_held([world.delhi.pk]).parcels) == (1, 0)


def test_a_parcel_that_the_carrier_has_is_not_refused_but_said(world: World, serum: Sku) -> None:
    parcel = labelled(make_work(world, "1", make_line(serum)))
    block("SOON")
    assert parcel.booking is not None
    TrackingEvent.objects.create(booking=parcel.booking, scan_key="1", milestone="picked_up",
                                 occurred_at=parcel.created_at)  # fmt: skip

    assert apply_tracking([parcel.booking.pk]) == [parcel.pk]

    parcel.refresh_from_db()
    assert parcel.state == "handed_over"
    entry = OrderEvent.objects.get(kind="handed_over")
    assert entry.message.endswith("It was gone when this was known: lot SOON of SERUM-30 is blocked (Glass found).")
    assert nothing_differs()


def test_a_serial_number_that_is_elsewhere_by_the_books_does_not_stop_a_parcel_that_is_gone(
    world: World, phone_parcel: Shipment
) -> None:
    other = labelled(make_work(world, "1", make_line(world.kurta)))
    bookings = [seen_by_carrier(phone_parcel), seen_by_carrier(other)]

    assert apply_tracking(bookings) == [phone_parcel.pk, other.pk]
    assert apply_tracking(bookings) == []

    phone_parcel.refresh_from_db()
    phone = Sku.objects.get(code="PHONE-1")
    assert phone_parcel.state == "handed_over"
    assert places(phone) == {"IMEI-1": "quarantine", "IMEI-2": "customer"}
    assert postings(phone, "ship") == [("packed", "customer", 1, "IMEI-2")]
    assert units_of(phone_parcel.order_id) == {"shipped": 2}
    entry = OrderEvent.objects.get(kind="handed_over", order=phone_parcel.order_id)
    assert entry.message.endswith(
        "It was gone when this was known: serial number IMEI-1 of PHONE-1 is quarantine by the books."
    )
    assert nothing_differs()


@pytest.mark.django_db(transaction=True)
def test_a_parcel_that_cannot_be_moved_stops_no_other_and_its_error_is_told(
    world: World, serum: Sku, caplog: pytest.LogCaptureFixture
) -> None:
    unknown, arrived, free = (
        labelled(make_work(world, name, make_line(sku)))
        for name, sku in (("1", serum), ("2", world.kurta), ("3", world.saree))
    )
    # Nobody knows any more which lot lies in it: it must not leave as if it were empty.
    PickedUnit.objects.filter(item__shipment=unknown).delete()
    bookings = [seen_by_carrier(unknown), seen_by_carrier(arrived, "delivered"), seen_by_carrier(free)]

    with pytest.raises(Conflict, match="SERUM-30: 1 units were packed, but lots or serial numbers of 0 are known"):
        apply_tracking(bookings)

    assert dict(Shipment.objects.values_list("pk", "state")) == {
        unknown.pk: "labelled", arrived.pk: "delivered", free.pk: "handed_over",
    }  # fmt: skip
    assert (units_of(unknown.order_id), units_of(free.order_id)) == ({"packed": 1}, {"shipped": 1})
    assert f"Parcel {unknown.pk} of booking {unknown.booking_id} does not move" in caplog.text
    assert not OrderEvent.objects.filter(kind="handed_over", order=unknown.order_id).exists()


def test_a_pickup_is_not_handed_out(world: World, serum: Sku) -> None:
    put_lot(serum, world.store, "SOON", 1)
    work = make_work(world, "1", make_line(serum), service_level="pickup", pickup_node_code="blr-s1")
    parcel = packed(work)
    block("SOON")

    told = f"Parcel {parcel.pk} of {parcel.order.number}: lot SOON"
    with pytest.raises(MayNotLeave, match=told), transaction.atomic():
        collect(shipment_id=parcel.pk, actor="Asha")


def test_a_serial_number_that_is_not_packed_by_the_books_stays(world: World) -> None:
    phone = make_serial_sku()
    [serial] = put_serials(phone, world.blr, "IMEI-1")
    work = make_work(world, "1", make_line(phone))
    accept(fulfillment_order_ids=[work.pk], actor="Asha")
    pick(fulfillment_order_id=work.pk, code="IMEI-1", actor="Asha")
    [parcel] = pack(fulfillment_order_id=work.pk, actor="Asha")
    book_shipment(parcel.pk)
    post([
        Posting(op_key="test/aside", sku_id=phone.pk, node_id=world.blr.pk, from_bucket="packed",
                to_bucket="quarantine", quantity=1, serial_id=serial.pk, reason="quality")
    ])  # fmt: skip

    with (
        pytest.raises(MayNotLeave, match="serial number IMEI-1 of PHONE-1 is quarantine by the books"),
        transaction.atomic(),
    ):
        hand_over(shipment_ids=[parcel.pk], actor="Asha")
    take_apart(shipment_id=parcel.pk, actor="Asha")

    assert places(phone) == {"IMEI-1": "quarantine"}
    assert SerialNumber.objects.get().reference != work.order.number
    assert units_of(work.order_id) == {"unallocated": 1}
    assert nothing_differs()


def test_a_serial_number_that_is_elsewhere_is_counted_like_a_lot(
    world: World, serum: Sku, phone_parcel: Shipment
) -> None:
    block_me = labelled(make_work(world, "1", make_line(serum, 2)))
    labelled(make_work(world, "2", make_line(world.kurta)))

    found = count_held()
    assert (found.parcels, found.units, found.lots, found.serials) == (1, 1, frozenset(), 1)
    assert ids_of_held([world.blr.pk]) == [phone_parcel.pk]

    lot = block("SOON")
    found = count_held([world.blr.pk])
    assert (found.parcels, found.units, found.lots, found.serials) == (2, 3, frozenset({lot.pk}), 1)
    assert ids_of_held([world.blr.pk]) == [phone_parcel.pk, block_me.pk]
    nothing = count_held([world.delhi.pk])
    assert (nothing.parcels, nothing.units, nothing.lots, nothing.serials) == (0, 0, frozenset(), 0)


# -- taken apart -------------------------------------------------------------------------------------------------------


def test_taken_apart_the_blocked_units_are_put_aside_and_the_order_gets_others(world: World, serum: Sku) -> None:
    work = make_work(world, "1", make_line(serum, 3), make_line(world.kurta))
    parcel = labelled(work)
    assert in_parcel(parcel.pk) == {"SOON": 2, "LATE": 1}
    block("SOON")

    take_apart(shipment_id=parcel.pk, actor="Asha")
    take_apart(shipment_id=parcel.pk, actor="Asha")

    assert lots_at(serum, world.blr) == {"LATE": {"on_hand": 5}, "SOON": {"quarantine": 2}}
    assert postings(serum, "block", "unpack") == [
        ("packed", "quarantine", 2, "SOON"), ("packed", "on_hand", 1, "LATE"),
    ]  # fmt: skip
    assert units_of(work.order_id) == {"unallocated": 4}
    parcel.refresh_from_db()
    work.refresh_from_db()
    assert (parcel.state, work.state) == ("cancelled", "rejected")
    assert work.end_reason == "Taken apart: lot SOON of SERUM-30 is blocked (Glass found)"
    assert (events("ShipmentVoided"), events("WorkWithdrawn")) == (1, 1)
    assert [row.work.pk for row in put_backs(world.blr.pk)] == [work.pk]
    assert nothing_differs()

    route_orders([work.order_id], trigger="reroute")
    [again] = open_fulfillment_orders([work.order_id])
    anew = FulfillmentOrder.objects.get(pk=again)
    assert anew.node_id == world.blr.pk
    fresh = labelled(anew)
    assert in_parcel(fresh.pk) == {"LATE": 3}
    hand_over(shipment_ids=[fresh.pk], actor="Asha")
    assert units_of(work.order_id) == {"shipped": 4}
    assert nothing_differs()


def test_what_was_taken_out_of_a_parcel_comes_back_with_its_lot(world: World, serum: Sku) -> None:
    parcel = packed(make_work(world, "1", make_line(serum, 2)))
    lot = block("SOON")
    take_apart(shipment_id=parcel.pk, actor="Asha")

    unblock_lot(lot_id=lot.pk, actor="Ravi")

    assert lots_at(serum, world.blr) == {"LATE": {"on_hand": 5}, "SOON": {"on_hand": 2}}
    assert nothing_differs()


def test_other_parcels_of_the_work_go_on(world: World, serum: Sku) -> None:
    work = make_work(world, "1", make_line(serum, 3))
    accept(fulfillment_order_ids=[work.pk], actor="Asha")
    pick_all(fulfillment_order_id=work.pk, actor="Asha")
    line = work.lines.get().pk
    held, free = pack(fulfillment_order_id=work.pk, actor="Asha", parcels=[
        ParcelPlan(items={line: 2}, units={line: LineUnits(lots=(("SOON", 2),))}),
        ParcelPlan(items={line: 1}, units={line: LineUnits(lots=(("LATE", 1),))}),
    ])  # fmt: skip
    book_shipment(free.pk)
    block("SOON")

    take_apart(shipment_id=held.pk, actor="Asha")

    work.refresh_from_db()
    assert work.state == "ready"
    assert units_of(work.order_id) == {"unallocated": 2, "packed": 1}
    assert hand_over(shipment_ids=[free.pk], actor="Asha") == [free.pk]
    work.refresh_from_db()
    assert work.state == "completed"
    assert units_of(work.order_id) == {"unallocated": 2, "shipped": 1}
    assert nothing_differs()


def test_work_whose_other_parcel_has_left_is_complete(world: World, serum: Sku) -> None:
    work = make_work(world, "1", make_line(serum, 1), make_line(world.kurta))
    accept(fulfillment_order_ids=[work.pk], actor="Asha")
    pick_all(fulfillment_order_id=work.pk, actor="Asha")
    first, second = (row.pk for row in work.lines.order_by("pk"))
    held, free = pack(fulfillment_order_id=work.pk, actor="Asha", parcels=[
        ParcelPlan(items={first: 1}), ParcelPlan(items={second: 1})
    ])  # fmt: skip
    for parcel in (held, free):
        book_shipment(parcel.pk)
    hand_over(shipment_ids=[free.pk], actor="Asha")
    block("SOON")

    take_apart(shipment_id=held.pk, actor="Asha")

    work.refresh_from_db()
    assert work.state == "completed"
    assert units_of(work.order_id) == {"unallocated": 1, "shipped": 1}
    assert nothing_differs()


def test_a_parcel_that_may_leave_or_has_left_is_not_taken_apart(world: World, serum: Sku) -> None:
    parcel = labelled(make_work(world, "1", make_line(serum)))

    with pytest.raises(Conflict, match="may leave: hand it over") as refusal, transaction.atomic():
        take_apart(shipment_id=parcel.pk, actor="Asha")
    assert refusal.value.field == "shipment_id"
    hand_over(shipment_ids=[parcel.pk], actor="Asha")
    block("SOON")
    with pytest.raises(Conflict, match="is handed over"), transaction.atomic():
        take_apart(shipment_id=parcel.pk, actor="Asha")
    with pytest.raises(NotFound):
        take_apart(shipment_id=99_999, actor="Asha")


def test_what_breaks_while_it_is_taken_apart_leaves_nothing_behind(
    world: World, serum: Sku, monkeypatch: pytest.MonkeyPatch
) -> None:
    parcel = labelled(make_work(world, "1", make_line(serum)))
    block("SOON")
    before = lots_at(serum, world.blr)

    def die(*_: object, **__: object) -> None:
        raise RuntimeError("the power went")

    monkeypatch.setattr("fulfillment.services.unpacking.publish", die)
    with pytest.raises(RuntimeError), transaction.atomic():
        run_atomic(lambda: take_apart(shipment_id=parcel.pk, actor="Asha"))

    parcel.refresh_from_db()
    assert (parcel.state, lots_at(serum, world.blr)) == ("labelled", before)
    assert units_of(parcel.order_id) == {"packed": 1}
    assert nothing_differs()


def test_a_manifest_looks_at_all_its_parcels_in_a_number_of_queries_that_does_not_grow(
    world: World, serum: Sku
) -> None:
    account = make_carrier("blue", priority=1)
    put_lot(serum, world.blr, "MORE", 20)
    counts = []
    for count in (2, 4):
        for number in range(count):
            labelled(make_work(world, f"{count}-{number}", make_line(serum)))
        manifest = open_manifest(node_id=world.blr.pk, carrier_account_id=account.pk, actor="Asha")
        with CaptureQueriesContext(connection) as caught:
            assert add_all(manifest_id=manifest.pk, actor="Asha").parcels == count
            close_manifest(manifest_id=manifest.pk, actor="Asha")
        counts.append(len(caught))
    assert counts[0] == counts[1]
