"""Parcels for orders to collect, on the phone of the store: listed, found by a scan, counted, received once."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fulfillment.models import FulfillmentLine, FulfillmentOrder
from inventory.models import CarriedGoods
from oms.accounts.models import Role
from tests.factories import World, make_line, make_world
from tests.fulfillment.floor import make_carrier, stock_of, units_of
from tests.fulfillment.to_store import (
    allow_transfers,
    on_the_road,
    on_the_road_with,
    order_to_collect,
    with_a_serial_elsewhere,
)
from tests.fulfillment.tracked import lots_at, make_lot_sku, make_serial_sku, places, put_lot, put_serials
from tests.store.test_transfers import HX, at, key

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    world = make_world()
    make_carrier()
    allow_transfers()
    return world


@pytest.fixture
def waiting(world: World) -> FulfillmentOrder:
    return on_the_road(order_to_collect(world, "W1", make_line(world.kurta, 2), customer_name="Asha Rao"))


def text(client: Client, url: str) -> str:
    return client.get(url).content.decode()


def test_an_associate_scans_the_label_receives_and_finds_the_order_among_those_to_collect(
    world: World, waiting: FulfillmentOrder
) -> None:
    phone, number = at("blr-s1", Role.STORE_ASSOCIATE), waiting.order.number
    assert waiting.arrives_in is not None
    assert "1 parcel comes for pickup" in text(phone, "/s/")
    assert number in text(phone, "/s/arrivals/")

    scan = phone.post("/s/arrivals/scan/", {"code": waiting.arrives_in.awb}, headers=HX)
    url = scan["HX-Redirect"]
    assert url == f"/s/arrivals/{waiting.pk}/"
    assert f"From {world.blr.name}, for Asha Rao" in text(phone, url)
    line = FulfillmentLine.objects.get(fulfillment_order=waiting)
    form = key(**{f"good-{line.pk}": 2, f"damaged-{line.pk}": 0})
    for _ in range(2):
        assert phone.post(f"{url}done/", form)["Location"] == "/s/arrivals/"

    assert stock_of(world.kurta, world.store) == {"packed": 2}
    assert number in text(phone, "/s/handover/")
    assert "received already" in text(phone, url)
    assert "No parcel is on its way here" in text(phone, "/s/arrivals/")


def test_what_is_missing_is_written_off_and_more_than_was_sent_is_refused(
    world: World, waiting: FulfillmentOrder
) -> None:
    phone, url = at("blr-s1"), f"/s/arrivals/{waiting.pk}/"
    line = FulfillmentLine.objects.get(fulfillment_order=waiting)

    refused = phone.post(f"{url}done/", key(**{f"good-{line.pk}": 3}))
    odd = phone.post(f"{url}done/", key(**{f"good-{line.pk}": "two"}))
    assert (refused.status_code, odd.status_code) == (422, 422)
    assert "expected at most 2 together" in refused.content.decode()
    assert "two is no quantity" in odd.content.decode()
    assert CarriedGoods.objects.get().in_transit == 2

    phone.post(f"{url}done/", key(**{f"good-{line.pk}": 1}))

    assert (CarriedGoods.objects.get().missing, units_of(waiting.order_id)) == (1, {"unallocated": 1, "packed": 1})


def test_each_lot_and_serial_number_is_asked_for_by_its_name(world: World) -> None:
    phone_sku, serum = make_serial_sku(), make_lot_sku()
    put_lot(serum, world.blr, "L1", 2)
    put_lot(serum, world.blr, "L2", 2)
    first, second = put_serials(phone_sku, world.blr, "IMEI-1", "IMEI-2")
    order_id = order_to_collect(world, "W1", make_line(serum, 4), make_line(phone_sku, 2))
    waiting = on_the_road_with(order_id, "IMEI-1", "IMEI-2")
    of_serum = waiting.lines.get(sku=serum)
    of_phone = waiting.lines.get(sku=phone_sku)
    phone, url = at("blr-s1"), f"/s/arrivals/{waiting.pk}/"
    lots = {lot.code: lot.pk for lot in serum.lots.all()}
    form = {
        f"good-{of_serum.pk}-{lots['L1']}": 0, f"damaged-{of_serum.pk}-{lots['L1']}": 0,
        f"good-{of_serum.pk}-{lots['L2']}": 1, f"damaged-{of_serum.pk}-{lots['L2']}": 1,
        f"serial-{of_phone.pk}-{first.pk}": "damaged",
    }  # fmt: skip

    page = text(phone, url)
    refused = phone.post(f"{url}done/", key(**form))
    assert all(name in page for name in ("L1", "L2", "IMEI-1", "IMEI-2"))
    assert refused.status_code == 422
    assert "IMEI-2: say whether it came good" in refused.content.decode()
    done = phone.post(f"{url}done/", key(**form, **{f"serial-{of_phone.pk}-{second.pk}": "good"}))

    assert done["Location"] == "/s/arrivals/"
    assert lots_at(serum, world.store) == {"L2": {"packed": 1, "damaged": 1}}
    assert places(phone_sku) == {"IMEI-1": "damaged", "IMEI-2": "packed"}


def test_a_parcel_with_a_serial_number_that_is_elsewhere_is_received_as_the_form_is_filled(world: World) -> None:
    order_id, waiting = with_a_serial_elsewhere(world, make_line(world.kurta))
    phone, url = at("blr-s1"), f"/s/arrivals/{waiting.pk}/"
    of_kurta = waiting.lines.get(sku=world.kurta)

    assert "nothing of it is in this parcel" in text(phone, url)
    done = phone.post(f"{url}done/", key(**{f"good-{of_kurta.pk}": 1, f"damaged-{of_kurta.pk}": 0}))

    assert (done.status_code, units_of(order_id)) == (302, {"unallocated": 1, "packed": 1})


def test_a_parcel_of_another_store_looks_as_if_it_did_not_exist(world: World, waiting: FulfillmentOrder) -> None:
    phone = at("del-01")
    assert waiting.arrives_in is not None

    assert phone.get(f"/s/arrivals/{waiting.pk}/").status_code == 404
    assert phone.post(f"/s/arrivals/{waiting.pk}/done/", key()).status_code == 404
    scan = phone.post("/s/arrivals/scan/", {"code": waiting.arrives_in.awb}, headers=HX)

    assert json.loads(scan["HX-Trigger"])["scan"]["result"] == "unknown"
    assert CarriedGoods.objects.get().in_transit == 2


def test_work_for_a_store_is_picked_at_the_node_that_sends(world: World) -> None:
    order_to_collect(world, "W2", make_line(world.kurta))

    tasks = text(at("blr-01"), "/s/")

    assert "Accept 1 order" in tasks or "Pick 1 order for a store" in tasks


def test_the_list_costs_the_same_for_one_and_for_three(world: World, waiting: FulfillmentOrder) -> None:
    phone = at("blr-s1")
    text(phone, "/s/arrivals/")
    with CaptureQueriesContext(
        connection,
    ) as one:
        text(phone, "/s/arrivals/")
    for number in ("W3", "W4"):
        on_the_road(order_to_collect(world, number, make_line(world.saree)))
    with CaptureQueriesContext(connection) as three:
        text(phone, "/s/arrivals/")

    assert len(three) == len(one)
