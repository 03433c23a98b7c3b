"""Labels, manifests, hand-over and pickup: parcels leave once, with the stock."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from carriers.models import Booking, Label
from fulfillment.errors import WrongItem
from fulfillment.models import FulfillmentOrder, Manifest, Shipment
from fulfillment.selectors.handing_over import carriers_waiting, label_problems, manifest_sheet, pickups_waiting
from fulfillment.services import (
    Driver,
    add_all,
    add_to_manifest,
    book_shipment,
    booking_request,
    cancel_order,
    close_manifest,
    collect,
    hand_over,
    open_manifest,
)
from oms.core.errors import Conflict, NotFound
from oms.core.models import OutboxEvent
from orders.canonical import CanonicalPayment
from orders.models import Order
from tests.factories import World, make_line, make_world, stock
from tests.fulfillment.floor import labelled, make_carrier, make_work, packed, stock_of, units_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return make_world()


def test_a_label_makes_the_work_ready_and_is_bought_once(world: World) -> None:
    make_carrier()
    shipment = labelled(make_work(world, "1", make_line(world.kurta)))

    again = book_shipment(shipment.pk)

    assert again.awb == shipment.awb != ""
    assert (shipment.state, shipment.fulfillment_order.state) == ("labelled", "ready")
    assert (Booking.objects.count(), Label.objects.count()) == (1, 1)


def test_a_parcel_that_nobody_carries_is_a_problem_in_words(world: World) -> None:
    make_carrier(max_weight_grams=10)
    shipment = labelled(make_work(world, "1", make_line(world.kurta)))

    assert (shipment.state, shipment.awb) == ("created", "")
    assert "Carries up to 0.01 kg" in shipment.problem
    assert list(label_problems(Shipment.objects.all())) == [shipment]

    make_carrier("strong")
    book_shipment(shipment.pk)

    shipment.refresh_from_db()
    assert (shipment.state, shipment.problem) == ("labelled", "")


def test_cash_is_collected_with_the_first_parcel_of_an_order_only(world: World) -> None:
    payment = CanonicalPayment(method="cod", state="pending", amount_minor=99_900)
    shipment = packed(make_work(world, "1", make_line(world.kurta), payment=payment))

    assert booking_request(shipment).cod_minor == shipment.order.total_minor == 99_900


def test_a_manifest_takes_parcels_of_its_carrier_and_hands_them_over_once(world: World) -> None:
    account = make_carrier()
    first, second = (labelled(make_work(world, name, make_line(world.kurta))) for name in ("1", "2"))
    manifest = open_manifest(node_id=world.blr.pk, carrier_account_id=account.pk, actor="Asha")
    assert open_manifest(node_id=world.blr.pk, carrier_account_id=account.pk, actor="Ravi") == manifest

    add_to_manifest(manifest_id=manifest.pk, awb=f" {first.awb} ", actor="Asha")
    add_to_manifest(manifest_id=manifest.pk, awb=first.awb, actor="Asha")
    sheet = manifest_sheet(manifest)
    assert ([item.pk for item in sheet.scanned], [item.pk for item in sheet.missing]) == ([first.pk], [second.pk])

    left = close_manifest(manifest_id=manifest.pk, driver=Driver(name="Suresh", vehicle="KA 01 1234"), actor="Asha")
    assert left == [first.pk]
    assert close_manifest(manifest_id=manifest.pk, actor="Asha") == []

    closed = Manifest.objects.get()
    assert (closed.state, closed.driver_name, closed.closed_by) == ("closed", "Suresh", "Asha")
    assert dict(Shipment.objects.values_list("pk", "state")) == {first.pk: "handed_over", second.pk: "labelled"}
    assert stock_of(world.kurta, world.blr) == {"on_hand": 8, "packed": 1}
    assert units_of(first.order_id) == {"shipped": 1}
    assert OutboxEvent.objects.filter(kind="fulfillment.ShipmentHandedOver").count() == 1


def test_a_parcel_of_another_carrier_is_refused_with_both_names(world: World) -> None:
    riders = make_carrier()
    shipment = labelled(make_work(world, "1", make_line(world.kurta)))
    other = make_carrier("blue")
    manifest = open_manifest(node_id=world.blr.pk, carrier_account_id=other.pk, actor="Asha")

    with pytest.raises(WrongItem, match=f"goes with {riders}, not with {other}"):
        add_to_manifest(manifest_id=manifest.pk, awb=shipment.awb, actor="Asha")
    with pytest.raises(NotFound):
        add_to_manifest(manifest_id=manifest.pk, awb="nonsense", actor="Asha")
    with pytest.raises(Conflict, match="is empty"):
        close_manifest(manifest_id=manifest.pk, actor="Asha")

    shipment.refresh_from_db()
    assert (shipment.state, shipment.manifest) == ("labelled", None)


def test_a_manifest_whose_parcels_the_carrier_scanned_first_is_closed_with_its_proof(world: World) -> None:
    account = make_carrier()
    gone, cancelled = (labelled(make_work(world, name, make_line(world.kurta))) for name in ("1", "2"))
    manifest = open_manifest(node_id=world.blr.pk, carrier_account_id=account.pk, actor="Asha")
    add_all(manifest_id=manifest.pk, actor="Asha")
    hand_over(shipment_ids=[gone.pk], actor="carrier", is_gone=True)
    cancel_order(order_id=cancelled.order_id, reason="No longer wanted", actor="care")

    sheet = manifest_sheet(manifest)
    left = close_manifest(manifest_id=manifest.pk, driver=Driver(name="Suresh"), actor="Asha")

    assert [row.pk for row in sheet.scanned] == [gone.pk]  # what is cancelled is on no paper
    assert left == []
    assert (Manifest.objects.get().state, Manifest.objects.get().driver_name) == ("closed", "Suresh")


def test_a_closed_manifest_takes_nothing_more(world: World) -> None:
    account = make_carrier()
    labelled(make_work(world, "1", make_line(world.kurta)))
    late = labelled(make_work(world, "2", make_line(world.saree)))
    manifest = open_manifest(node_id=world.blr.pk, carrier_account_id=account.pk, actor="Asha")
    assert add_all(manifest_id=manifest.pk, actor="Asha").parcels == 2
    close_manifest(manifest_id=manifest.pk, actor="Asha")

    with pytest.raises(Conflict, match="is closed"):
        add_to_manifest(manifest_id=manifest.pk, awb=late.awb, actor="Asha")

    next_one = open_manifest(node_id=world.blr.pk, carrier_account_id=account.pk, actor="Asha")
    assert next_one.pk != manifest.pk


def test_all_parcels_go_onto_a_manifest_in_a_number_of_queries_that_does_not_grow(world: World) -> None:
    account = make_carrier()
    queries = []
    for count in (2, 4):
        parcels = [labelled(make_work(world, f"{count}/{n}", make_line(world.kurta))) for n in range(count)]
        cancel_order(order_id=labelled(make_work(world, f"{count}/gone", make_line(world.saree))).order_id,
                     reason="No longer wanted", actor="care")  # fmt: skip
        manifest = open_manifest(node_id=world.blr.pk, carrier_account_id=account.pk, actor="Asha")

        with CaptureQueriesContext(connection) as counted:
            assert add_all(manifest_id=manifest.pk, actor="Asha").parcels == count

        queries.append(len(counted))
        assert set(manifest.shipments.values_list("pk", "state")) == {(row.pk, "manifested") for row in parcels}
        assert add_all(manifest_id=manifest.pk, actor="Asha").parcels == 0
        close_manifest(manifest_id=manifest.pk, actor="Asha")
    assert queries[0] == queries[1]


def test_a_parcel_scanned_while_its_manifest_closes_is_refused(world: World) -> None:
    account = make_carrier()
    first, late = (labelled(make_work(world, name, make_line(world.kurta))) for name in ("1", "2"))
    manifest = open_manifest(node_id=world.blr.pk, carrier_account_id=account.pk, actor="Asha")
    add_to_manifest(manifest_id=manifest.pk, awb=first.awb, actor="Asha")

    def scan() -> None:
        try:
            add_to_manifest(manifest_id=manifest.pk, awb=late.awb, actor="Ravi")
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            close_manifest(manifest_id=manifest.pk, actor="Asha")
            scanned = pool.submit(scan)
            time.sleep(0.5)
        with pytest.raises(Conflict, match="is closed"):
            scanned.result(timeout=20)

    late.refresh_from_db()
    assert (late.state, late.manifest_id) == ("labelled", None)


def test_carriers_that_wait_are_counted_by_what_is_scanned(world: World) -> None:
    account = make_carrier()
    first = labelled(make_work(world, "1", make_line(world.kurta)))
    labelled(make_work(world, "2", make_line(world.kurta)))
    manifest = open_manifest(node_id=world.blr.pk, carrier_account_id=account.pk, actor="Asha")
    add_to_manifest(manifest_id=manifest.pk, awb=first.awb, actor="Asha")

    [row] = carriers_waiting(world.blr.pk)
    assert (row.account, row.waiting, row.scanned, row.manifest) == (account, 1, 1, manifest)
    assert carriers_waiting(world.delhi.pk) == []


def test_a_parcel_without_a_label_does_not_leave(world: World) -> None:
    shipment = packed(make_work(world, "1", make_line(world.kurta)))

    with pytest.raises(Conflict, match="no label yet"):
        hand_over(shipment_ids=[shipment.pk], actor="Asha")

    assert stock_of(world.kurta, world.blr) == {"on_hand": 9, "packed": 1}


def test_handing_over_twice_ships_once(world: World) -> None:
    make_carrier()
    shipment = labelled(make_work(world, "1", make_line(world.kurta, 2)))

    assert hand_over(shipment_ids=[shipment.pk], actor="Asha") == [shipment.pk]
    assert hand_over(shipment_ids=[shipment.pk], actor="Asha") == []

    assert stock_of(world.kurta, world.blr) == {"on_hand": 8}
    assert FulfillmentOrder.objects.get().state == "completed"
    assert Order.objects.get().stage == "shipped"


# -- pickup ------------------------------------------------------------------------------------------------------------


def make_pickup(world: World, external_id: str = "1", **fields: object) -> Shipment:
    stock(world.kurta, world.store, 5)
    work = make_work(
        world, external_id, make_line(world.kurta), service_level="pickup", pickup_node_code="blr-s1", **fields
    )
    return packed(work)


def test_a_pickup_is_ready_at_once_and_collected_once(world: World) -> None:
    shipment = make_pickup(world)
    assert pickups_waiting(world.store.pk) == [shipment]

    collect(shipment_id=shipment.pk, actor="Asha", collected_by="Ravi")
    collect(shipment_id=shipment.pk, actor="Asha", collected_by="Somebody")

    shipment.refresh_from_db()
    assert (shipment.state, FulfillmentOrder.objects.get().state) == ("delivered", "completed")
    assert stock_of(world.kurta, world.store) == {"on_hand": 4}
    assert units_of(shipment.order_id) == {"shipped": 1, "delivered": 1}
    assert Order.objects.get().stage == "delivered"
    assert pickups_waiting(world.store.pk) == []
    assert OutboxEvent.objects.filter(kind="fulfillment.ShipmentDelivered").count() == 1


def test_cash_taken_at_the_counter_pays_the_order(world: World) -> None:
    payment = CanonicalPayment(method="cod", state="pending", amount_minor=99_900)
    shipment = make_pickup(world, payment=payment)

    collect(shipment_id=shipment.pk, actor="Asha")

    order = Order.objects.select_related("payment").get()
    assert (order.payment.state, order.payment.captured_minor) == ("paid", 99_900)


def test_a_parcel_that_travels_is_not_collected(world: World) -> None:
    make_carrier()
    shipment = labelled(make_work(world, "1", make_line(world.kurta)))

    with pytest.raises(Conflict, match="is shipped, not collected"):
        collect(shipment_id=shipment.pk, actor="Asha")


def test_a_cancelled_pickup_is_not_handed_out(world: World) -> None:
    shipment = make_pickup(world)
    cancel_order(order_id=shipment.order_id, reason="Changed their mind", actor="care")

    with pytest.raises(Conflict):
        collect(shipment_id=shipment.pk, actor="Asha")

    assert stock_of(world.kurta, world.store) == {"on_hand": 5}
