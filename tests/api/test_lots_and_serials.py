"""Lots and serial numbers over the API: picked, packed, shown with the parcel, refused in a sentence."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from fulfillment.models import FulfillmentOrder
from fulfillment.services import accept
from tests.api.test_api import bearer, call
from tests.factories import World, make_line, make_world
from tests.fulfillment.floor import make_work
from tests.fulfillment.tracked import make_lot_sku, make_serial_sku, places, put_lot, put_serials, today

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def work(world: World) -> FulfillmentOrder:
    serum, phone = make_lot_sku(), make_serial_sku()
    put_lot(serum, world.blr, "SOON", 1, days=60)
    put_lot(serum, world.blr, "LATE", 5, days=None)
    put_serials(phone, world.blr, "IMEI-1", "IMEI-2")
    made = make_work(world, "1", make_line(serum, 2), make_line(phone))
    accept(fulfillment_order_ids=[made.pk], actor="wms")
    return made


def test_a_parcel_shows_the_lots_and_serial_numbers_in_it(client: Client, work: FulfillmentOrder) -> None:
    headers = bearer("fulfillment.view", "fulfillment.work")
    url = f"/fulfillment-orders/{work.pk}"
    serum, phone = (work.lines.get(sku__tracking=kind).pk for kind in ("lot", "serial"))

    call(client, "POST", f"{url}/picks", {"line_id": serum, "quantity": 2}, **headers)
    status, picked = call(client, "POST", f"{url}/picks", {"code": "IMEI-2"}, **headers)
    assert (status, picked["state"]) == (200, "picked")
    assert [line["serials"] for line in picked["lines"]] == [[], ["IMEI-2"]]
    body = {"parcels": [{"serials": {phone: ["IMEI-1"]}}]}
    status, packed = call(client, "POST", f"{url}/pack", body, **headers)

    assert status == 200
    expires_on = (today() + timedelta(days=60)).isoformat()
    assert packed["shipments"][0]["items"] == [
        {"line_id": serum, "sku": "SERUM-30", "quantity": 2, "serials": [],
         "lots": [{"code": "SOON", "quantity": 1, "expires_on": expires_on},
                  {"code": "LATE", "quantity": 1, "expires_on": None}]},
        {"line_id": phone, "sku": "PHONE-1", "quantity": 1, "serials": ["IMEI-1"], "lots": []},
    ]  # fmt: skip
    assert call(client, "GET", url, **headers)[1] == packed


@pytest.mark.parametrize(("body", "code"), [
    ({"serials": ["NOBODY"]}, "serial_elsewhere"), ({"lots": {"SOON": 1}}, "tracking_needed"),
    ({"lots": {"SOON": 0}}, "refused"),
])  # fmt: skip
def test_what_cannot_be_picked_is_refused_and_changes_nothing(
    client: Client, work: FulfillmentOrder, body: dict[str, object], code: str
) -> None:
    line = work.lines.get(sku__tracking="serial")
    headers = bearer("fulfillment.view", "fulfillment.work")

    status, answer = call(
        client, "POST", f"/fulfillment-orders/{work.pk}/picks", {"line_id": line.pk} | body, **headers
    )

    assert status in (409, 422)
    assert answer["code"] == code
    line.refresh_from_db()
    assert line.picked == 0


def test_a_missing_serial_number_is_named_when_it_is_reported_short(client: Client, work: FulfillmentOrder) -> None:
    line = work.lines.get(sku__tracking="serial")
    headers = bearer("fulfillment.view", "fulfillment.work")
    body = {"line_id": line.pk, "quantity": 1, "reason": "not_found"}
    url = f"/fulfillment-orders/{work.pk}/shorts"

    assert call(client, "POST", url, body, **headers)[0] == 422
    assert call(client, "POST", url, body | {"serials": ["IMEI-2"]}, **headers)[0] == 200

    assert places(line.sku) == {"IMEI-1": "on_hand", "IMEI-2": "adjustment"}
