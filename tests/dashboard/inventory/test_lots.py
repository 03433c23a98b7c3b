"""The pages of lots and serial numbers: what expires, where it is, who got it, and what a person may do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fulfillment.models import Shipment
from fulfillment.services import accept, pick_all
from inventory.models import Lot, SerialNumber, Sku
from inventory.services import set_aside_unsold_lots
from oms.accounts.models import Role, User
from tests.factories import World, make_line, make_world
from tests.fulfillment.floor import make_carrier, make_work
from tests.fulfillment.tracked import lots_at, make_lot_sku, make_serial_sku, put_lot, put_serials, sent_parcel, today

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    made = make_world()
    make_carrier()
    return made


@pytest.fixture
def serum(world: World) -> Sku:
    sku = make_lot_sku(shelf_life_days=10)
    put_lot(sku, world.blr, "SOON", 2, days=20)
    put_lot(sku, world.blr, "LATE", 5, days=200)
    put_lot(sku, world.delhi, "GONE", 3, days=-2)
    return sku


@pytest.fixture
def parcel(world: World, serum: Sku) -> Shipment:
    return sent_parcel(world, serum)


def person(client: Client, role: Role = Role.OPS_MANAGER, **scope: Any) -> Client:
    fields = {"all_nodes": True, "all_channels": True} | scope
    user = User.objects.create_user(f"{role}@example.com", "a long pass phrase", name="Ravi", role=role, **fields)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def text_of(response: Any) -> str:
    return "".join(part.decode() for part in (response.streaming_content if response.streaming else [response.content]))


def test_the_warning_list_shows_what_expires_within_the_days_asked_for(client: Client, serum: Sku) -> None:
    ravi = person(client)

    page = text_of(ravi.get("/inventory/lots/"))
    assert "SOON" in page
    assert "LATE" not in page
    assert "LATE" in text_of(ravi.get("/inventory/lots/?days=365"))
    assert "SOON" not in text_of(ravi.get("/inventory/lots/?days=5"))
    unsold = text_of(ravi.get("/inventory/lots/?show=unsold"))
    assert "GONE" in unsold
    assert "Expired" in unsold
    csv = text_of(ravi.get("/inventory/lots/export.csv?show=all"))
    assert f"SERUM-30,GONE,{today() - timedelta(days=2)},-2,expired on" in csv


def test_the_list_costs_the_same_for_more_lots(client: Client, world: World, serum: Sku) -> None:
    ravi = person(client)

    def statements() -> int:
        with CaptureQueriesContext(connection) as caught:
            ravi.get("/inventory/lots/?show=all")
        return len(caught)

    statements()
    before = statements()
    for number in range(6):
        put_lot(serum, world.blr, f"MORE-{number}", 1, days=100 + number)

    assert statements() == before


def test_a_long_list_goes_on_behind_its_last_lot(
    client: Client, world: World, serum: Sku, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oms.dashboard.inventory.lot_views.PAGE_ROWS", 2)
    put_lot(serum, world.blr, "NEVER", 1, days=None)
    ravi = person(client)

    first = text_of(ravi.get("/inventory/lots/?show=all"))
    soon = Lot.objects.get(code="SOON")
    second = text_of(ravi.get(f"/inventory/lots/?show=all&after={soon.expires_on}_{soon.pk}"))

    assert [code in first for code in ("GONE", "SOON", "LATE", "NEVER")] == [True, True, False, False]
    assert [code in second for code in ("GONE", "SOON", "LATE", "NEVER")] == [False, False, True, True]


def test_a_lot_says_where_it_lies_and_who_got_it(client: Client, world: World, serum: Sku, parcel: Shipment) -> None:
    ravi = person(client)
    soon = Lot.objects.get(code="SOON")

    page = text_of(ravi.get(f"/inventory/lots/{soon.pk}/"))
    assert parcel.order.number in page
    assert parcel.awb in page
    rows = text_of(ravi.get(f"/inventory/lots/{soon.pk}/recall.csv")).strip().splitlines()

    assert rows[0].lstrip("\ufeff").startswith("Order,Lot,Units,Parcel,State,Node,AWB")
    assert len(rows) == 2
    assert rows[1].startswith(f"{parcel.order.number},SOON,2,{parcel.pk},")
    assert "Asha Rao" in rows[1]


def test_a_page_that_does_not_name_all_says_so_and_the_recall_list_does(
    client: Client, world: World, serum: Sku, parcel: Shipment, monkeypatch: pytest.MonkeyPatch
) -> None:
    ravi = person(client)
    late = Lot.objects.get(code="LATE")
    work = [make_work(world, key, make_line(serum, units)) for key, units in (("2", 1), ("3", 2))]
    accept(fulfillment_order_ids=[item.pk for item in work], actor="Asha")
    for item in work:
        pick_all(fulfillment_order_id=item.pk, actor="Asha")
    assert "are shown, the last ones" not in text_of(ravi.get(f"/inventory/lots/{late.pk}/"))
    monkeypatch.setattr("oms.dashboard.inventory.lot_views.PARCELS_SHOWN", 1)

    page = text_of(ravi.get(f"/inventory/lots/{late.pk}/"))
    rows = text_of(ravi.get(f"/inventory/lots/{late.pk}/recall.csv")).strip().splitlines()

    assert "2 of 3 are shown, the last ones." in page
    assert (work[0].order.number in page, work[1].order.number in page, parcel.order.number in page) == (
        False, True, True,
    )  # fmt: skip
    assert [row.split(",")[:5] for row in rows[1:]] == [
        [work[1].order.number, "LATE", "2", "", '"Picked'], [work[0].order.number, "LATE", "1", "", '"Picked'],
        [parcel.order.number, "LATE", "1", str(parcel.pk), "Handed over"],
    ]  # fmt: skip


def test_a_lot_is_blocked_and_freed_on_its_page(client: Client, world: World, serum: Sku) -> None:
    ravi = person(client)
    late = Lot.objects.get(code="LATE")
    url = f"/inventory/lots/{late.pk}/"

    assert "Say why" in text_of(ravi.post(f"{url}block/", {"do": "block", "reason": " "}, follow=True))
    page = text_of(ravi.post(f"{url}block/", {"do": "block", "reason": "Recalled by the maker"}, follow=True))
    assert "This lot is blocked: it is not picked, and ATP does not count it." in page
    assert lots_at(serum, world.blr)["LATE"] == {"quarantine": 5}
    ravi.post(f"{url}block/", {"do": "unblock"})
    assert lots_at(serum, world.blr)["LATE"] == {"on_hand": 5}
    ravi.post(f"{url}expiry/", {"expires_on": str(today())})

    assert lots_at(serum, world.blr)["LATE"] == {"quarantine": 5}
    assert "is not a day" in text_of(ravi.post(f"{url}expiry/", {"expires_on": "soon"}, follow=True))


def test_who_sees_one_node_cannot_block_for_all(client: Client, serum: Sku) -> None:
    shop = person(client, Role.STORE_MANAGER, all_nodes=False, node_codes=["blr-01"])
    late = Lot.objects.get(code="LATE")

    assert shop.get(f"/inventory/lots/{late.pk}/").status_code == 200
    assert shop.post(f"/inventory/lots/{late.pk}/block/", {"do": "block", "reason": "x"}).status_code == 403
    assert "GONE" not in text_of(shop.get("/inventory/lots/?show=all"))


def test_orders_that_wait_for_unsold_units_are_told(client: Client, world: World) -> None:
    cream = make_lot_sku("CREAM")
    put_lot(cream, world.blr, "ONLY", 2, days=3)
    work = make_work(world, "9", make_line(cream, 2))
    Lot.objects.filter(code="ONLY").update(expires_on=today() - timedelta(days=1))
    set_aside_unsold_lots()
    ravi = person(client)

    assert "Orders wait for units that may not be sold" in text_of(ravi.get("/inventory/lots/?show=unsold"))
    assert "Orders wait for units of it" in text_of(ravi.get(f"/inventory/lots/{Lot.objects.get(code='ONLY').pk}/"))
    assert "Promised, may not be sold" in text_of(ravi.get("/"))
    assert work.state == "accepted"


def test_a_serial_number_tells_its_whole_story(client: Client, world: World, parcel: Shipment) -> None:
    ravi = person(client)
    serial = SerialNumber.objects.get(number="IMEI-1")

    assert ravi.get("/orders/?q=IMEI-1")["Location"] == f"/inventory/serials/{serial.pk}/"
    assert ravi.get("/inventory/serials/?q=imei-1")["Location"] == f"/inventory/serials/{serial.pk}/"
    page = text_of(ravi.get(f"/inventory/serials/{serial.pk}/"))

    assert "With a customer" in page
    for words in ("supplier → on hand", "on hand → packed", "packed → customer", parcel.order.number, parcel.awb):
        assert words in page
    assert "No unit has this number" in text_of(ravi.get("/inventory/serials/?q=NOBODY"))


def test_the_page_of_a_serial_number_names_no_order_out_of_scope(
    client: Client, world: World, parcel: Shipment
) -> None:
    here, sent = (SerialNumber.objects.get(number=number) for number in ("IMEI-2", "IMEI-1"))
    SerialNumber.objects.filter(pk=here.pk).update(reference="GRN-7")
    shop = person(client, Role.STORE_MANAGER, all_nodes=False, node_codes=["del-01"])

    assert parcel.order.number not in text_of(shop.get(f"/inventory/serials/{sent.pk}/"))
    assert "GRN-7" not in text_of(shop.get(f"/inventory/serials/{here.pk}/"))
    assert "GRN-7" in text_of(person(client).get(f"/inventory/serials/{here.pk}/"))


def test_a_number_of_two_skus_shows_both(client: Client, world: World) -> None:
    for code in ("PHONE-1", "TABLET"):
        put_serials(make_serial_sku(code), world.blr, "SAME-1")
    shop = person(client, Role.STORE_MANAGER, all_nodes=False, node_codes=["del-01"])

    page = text_of(shop.get("/inventory/serials/?q=SAME-1"))

    assert "PHONE-1" in page
    assert "TABLET" in page
    assert "On hand at another node" in page


def test_order_parcel_and_slip_name_what_is_in_the_box(client: Client, parcel: Shipment) -> None:
    ravi = person(client)

    for url in (f"/orders/{parcel.order.number}/", f"/fulfil/parcels/{parcel.pk}/"):
        page = text_of(ravi.get(url))
        assert "IMEI-1" in page
        assert "2 of lot SOON" in page
    slip = ravi.get(f"/fulfil/parcels/{parcel.pk}/slip.pdf")

    assert slip["Content-Type"] == "application/pdf"
    assert slip.content.startswith(b"%PDF")


def test_the_page_of_a_sku_shows_its_lots_or_finds_its_numbers(client: Client, world: World, serum: Sku) -> None:
    phone = make_serial_sku()
    ravi = person(client)

    lots = text_of(ravi.get(f"/inventory/{serum.pk}/"))
    assert lots.index(">GONE<") < lots.index(">SOON<") < lots.index(">LATE<")
    assert 'action="/inventory/serials/"' in text_of(ravi.get(f"/inventory/{phone.pk}/"))
    assert "sku-lots" not in text_of(ravi.get(f"/inventory/{world.kurta.pk}/"))
