"""Lots and serial numbers on the phone: which lot to take, scans at the shelf and at the packing desk."""

from __future__ import annotations

import pytest
from django.test import Client

from fulfillment.models import FulfillmentOrder, PickedUnit
from fulfillment.services import accept, book_shipment, open_manifest
from inventory.models import Lot, Node
from inventory.services import block_lot
from oms.accounts.models import Role, User
from tests.factories import World, make_line, make_world
from tests.fulfillment.floor import make_carrier, make_work
from tests.fulfillment.tracked import (
    in_parcel,
    in_totes,
    lots_at,
    make_lot_sku,
    make_serial_sku,
    places,
    put_lot,
    put_serials,
)
from tests.store.phones import action, send, stamp_on
from tests.store.test_work import HX, scanned, text_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(client: Client) -> World:
    made = make_world()
    make_carrier()
    Node.objects.filter(pk=made.blr.pk).update(auto_accept=False)
    user = User.objects.create_user("asha@example.com", "a long pass phrase", name="Asha Gowda",
                                    role=Role.STORE_ASSOCIATE, node_codes=["blr-01", "blr-s1"])  # fmt: skip
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    client.post("/s/node/", {"node": "blr-01"})
    return made


@pytest.fixture
def work(world: World) -> FulfillmentOrder:
    serum, phone = make_lot_sku(), make_serial_sku()
    put_lot(serum, world.blr, "SOON", 2, days=60)
    put_lot(serum, world.blr, "LATE", 5, days=200)
    put_serials(phone, world.blr, "IMEI-1", "IMEI-2", "IMEI-3")
    made = make_work(world, "1", make_line(serum, 3), make_line(phone, 2))
    accept(fulfillment_order_ids=[made.pk], actor="Asha")
    return made


def test_the_walk_asks_which_one_it_is_where_two_skus_have_a_lot_code(client: Client, world: World) -> None:
    serum, cream = make_lot_sku(), make_lot_sku("CREAM-50")
    for sku in (serum, cream):
        put_lot(sku, world.blr, "2409", 5)
    made = make_work(world, "1", make_line(serum, 1), make_line(cream, 1))
    accept(fulfillment_order_ids=[made.pk], actor="Asha")

    answer = scanned(client.post("/s/pick/scan/", {"work": made.pk, "code": "2409"}, headers=HX))

    assert answer["result"] == "wrong"
    assert answer["text"] == "2409 stands on SERUM-30 and CREAM-50: say which one it is by its own barcode."
    assert in_totes() == {}


def test_the_walk_says_which_lot_to_take_and_another_one_may_be_chosen(client: Client, work: FulfillmentOrder) -> None:
    url = f"/s/pick/?work={work.pk}&at=SERUM-30"
    page = text_of(client.get(url))
    assert page.index('<span class="code">SOON</span>') < page.index('<span class="code">LATE</span>')
    assert '<option value="LATE">' in page

    taken = {"work": work.pk, "sku": "SERUM-30", "quantity": 1}
    client.post("/s/pick/take/", taken | {"lot": "LATE"})
    page = text_of(client.get(url))
    assert "LATE ×1" in page
    client.post("/s/pick/take/", taken | {"quantity": 2})

    assert in_totes() == {"LATE": 1, "SOON": 2}


def test_scans_at_the_shelf_take_the_very_unit(client: Client, work: FulfillmentOrder) -> None:
    url = f"/s/pick/scan/?work={work.pk}"

    assert scanned(client.post(url, {"code": "IMEI-2"}, headers=HX)) == {"result": "ok", "text": "The PHONE-1: 1 of 2"}
    assert scanned(client.post(url, {"code": "soon"}, headers=HX))["result"] == "ok"
    again = scanned(client.post(url, {"code": "IMEI-2"}, headers=HX))
    assert again == {"result": "wrong", "text": "Serial number IMEI-2 of PHONE-1 is picked for "
                     f"{work.order.number} already. Scan another one."}  # fmt: skip
    plain = scanned(client.post(url, {"code": "PHONE-1"}, headers=HX))
    assert plain == {"result": "wrong", "text": "The PHONE-1 is kept by serial number: scan the number of this one."}
    assert scanned(client.post(url, {"code": "NOBODY"}, headers=HX))["result"] == "unknown"

    assert in_totes() == {"IMEI-2": 1, "SOON": 1}


def test_what_was_not_scanned_at_the_shelf_is_scanned_at_the_packing_desk(
    client: Client, world: World, work: FulfillmentOrder
) -> None:
    client.post("/s/pick/take/", {"work": work.pk, "sku": "SERUM-30", "quantity": 3})
    client.post("/s/pick/take/", {"work": work.pk, "sku": "PHONE-1", "quantity": 2})
    page = text_of(client.get(f"/s/work/{work.pk}/pack/"))
    assert "Scan the serial numbers of 2 more units" in page
    refused = client.post(f"/s/work/{work.pk}/pack/close/", {"box": "medium", "weight": "500"})
    assert refused.status_code == 422
    assert "scan each of the 2 in the parcel; 0 scanned" in text_of(refused)

    scan = f"/s/work/{work.pk}/pack/scan/"
    assert scanned(client.post(scan, {"code": "IMEI-3"}, headers=HX))["result"] == "ok"
    again = scanned(client.post(scan, {"code": "IMEI-3"}, headers=HX))
    assert again == {"result": "wrong", "text": "IMEI-3 was scanned already."}
    client.post(scan, {"code": "IMEI-1"})
    full = scanned(client.post(scan, {"code": "IMEI-2"}, headers=HX))["text"]
    assert full == "All 2 serial numbers of PHONE-1 are scanned. Take one out first, or put this one back."
    unit = work.lines.get(sku__code="PHONE-1").picked_units.get(serial__number="IMEI-1")
    client.post(f"/s/work/{work.pk}/pack/units/{unit.pk}/")
    client.post(scan, {"code": "IMEI-2"})
    client.post(scan, {"code": "LATE"})

    client.post(f"/s/work/{work.pk}/pack/close/", {"box": "medium", "weight": "500"})
    parcel = work.shipments.get()
    assert in_parcel(parcel.pk) == {"SOON": 1, "LATE": 2, "IMEI-3": 1, "IMEI-2": 1}
    assert places(work.lines.get(sku__code="PHONE-1").sku) == {
        "IMEI-1": "on_hand", "IMEI-2": "packed", "IMEI-3": "packed"
    }  # fmt: skip


def test_a_missing_serial_number_is_chosen_from_those_that_should_be_here(
    client: Client, world: World, work: FulfillmentOrder
) -> None:
    url = f"/s/pick/short/?work={work.pk}&sku=PHONE-1"
    assert 'value="IMEI-3"' in text_of(client.get(url))
    body = {"work": work.pk, "sku": "PHONE-1", "quantity": 2, "reason": "damaged"}

    refused = client.post("/s/pick/short/report/", body)
    assert refused.status_code == 422
    assert "say which 2 of those that should lie here" in text_of(refused)
    client.post("/s/pick/short/report/", body | {"serial": ["IMEI-3"]})

    line = work.lines.get(sku__code="PHONE-1")
    assert (line.short, line.to_pick) == (1, 1)
    assert places(line.sku) == {"IMEI-1": "on_hand", "IMEI-2": "on_hand", "IMEI-3": "damaged"}
    assert lots_at(work.lines.get(sku__code="SERUM-30").sku, world.blr)["SOON"] == {"on_hand": 2}


def test_a_lot_that_is_blocked_in_the_tote_is_swapped_at_the_desk_and_by_a_scan(
    client: Client, world: World, work: FulfillmentOrder
) -> None:
    client.post("/s/pick/take/", {"work": work.pk, "sku": "SERUM-30", "quantity": 3})
    for number in (1, 2):
        client.post(f"/s/pick/scan/?work={work.pk}", {"code": f"IMEI-{number}"})
    block_lot(lot_id=Lot.objects.get(code="SOON").pk, reason="Glass", actor="Ravi")
    assert "SOON ×2 (is blocked)" in text_of(client.get(f"/s/pick/?work={work.pk}"))

    scan = scanned(client.post(f"/s/pick/scan/?work={work.pk}", {"code": "LATE"}, headers=HX))
    assert scan == {"result": "ok", "text": "Lot LATE takes the place of one of lot SOON, which is blocked. Put that "
                    "one aside."}  # fmt: skip
    refused = client.post(f"/s/work/{work.pk}/pack/close/", {"box": "medium", "weight": "500"})
    assert refused.status_code == 409
    assert "Swap it in the tote: 3 of lot LATE may be taken here." in text_of(refused)
    unit = PickedUnit.objects.get(lot__code="SOON")
    url = f"/s/work/{work.pk}/pack/units/{unit.pk}/swap/"
    assert url in text_of(refused)

    swapped = scanned(client.post(url, headers=HX))
    assert swapped == {"result": "ok", "text": "Put 1 of lot SOON aside, and take 1 × LATE for it."}
    assert scanned(client.post(url, headers=HX))["result"] == "wrong"

    assert in_totes() == {"LATE": 3, "IMEI-1": 1, "IMEI-2": 1}
    client.post(f"/s/work/{work.pk}/pack/close/", {"box": "medium", "weight": "500"})
    assert in_parcel(work.shipments.get().pk) == {"LATE": 3, "IMEI-1": 1, "IMEI-2": 1}


def test_a_parcel_whose_lot_is_blocked_is_taken_apart_on_the_phone(
    client: Client, world: World, work: FulfillmentOrder
) -> None:
    client.post("/s/pick/take/", {"work": work.pk, "sku": "SERUM-30", "quantity": 3})
    for number in (1, 2):
        client.post(f"/s/pick/scan/?work={work.pk}", {"code": f"IMEI-{number}"})
    client.post(f"/s/work/{work.pk}/pack/close/", {"box": "medium", "weight": "500"})
    parcel = book_shipment(work.shipments.get().pk)
    assert parcel.carrier_account_id is not None
    manifest = open_manifest(node_id=world.blr.pk, carrier_account_id=parcel.carrier_account_id, actor="Asha")
    client.post(f"/s/handover/{manifest.pk}/scan/", {"code": parcel.awb})
    block_lot(lot_id=Lot.objects.get(code="SOON").pk, reason="Glass", actor="Ravi")

    refused = client.post(f"/s/handover/{manifest.pk}/close/", {"driver_name": "Suresh"})
    assert refused.status_code == 409
    page = text_of(refused)
    assert f"{parcel.awb} of {parcel.order.number}: lot SOON of SERUM-30 is blocked (Glass)" in page
    url = f"/s/parcels/{parcel.pk}/apart/"
    assert url in page
    assert url in text_of(client.get(f"/s/work/{work.pk}/packed/"))
    done = client.post(url, follow=True)

    assert "is taken apart" in text_of(done)
    serum = work.lines.get(sku__code="SERUM-30").sku
    assert lots_at(serum, world.blr) == {"LATE": {"on_hand": 5}, "SOON": {"quarantine": 2}}
    assert "is cancelled" not in text_of(client.post(url, follow=True))


def test_a_late_pick_of_a_lot_that_was_blocked_says_so_on_its_card(client: Client, work: FulfillmentOrder) -> None:
    stamp = stamp_on(client.get("/s/"))
    block_lot(lot_id=Lot.objects.get(code="SOON").pk, reason="Glass", actor="Ravi")

    made = action(stamp, "pick", work, sku="SERUM-30", quantity=2, lot="SOON")
    [answer] = send(client, made).json()["answers"]

    assert answer["text"].endswith("Put back 2 items.")
    page = text_of(client.get("/s/"))
    assert "picked already" not in page
    assert answer["text"].removesuffix(" Put back 2 items.") in page
