"""Packed parcels that may not leave, on the screens: told where they are met, counted on the tower, taken apart."""

from __future__ import annotations

import pytest
from django.test import Client

from fulfillment.models import Shipment
from fulfillment.services import accept, add_to_manifest, open_manifest, pack, pick
from inventory.models import Lot, Sku
from inventory.services import Posting, block_lot, post
from oms.accounts.models import Role
from tests.dashboard.fulfil.conftest import Show, SignIn
from tests.factories import World, make_line
from tests.fulfillment.floor import labelled, make_carrier, make_work
from tests.fulfillment.tracked import lots_at, make_lot_sku, make_serial_sku, put_lot, put_serials

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def serum(world: World) -> Sku:
    sku = make_lot_sku()
    put_lot(sku, world.blr, "SOON", 2, days=60)
    put_lot(sku, world.blr, "LATE", 5, days=200)
    return sku


def block() -> None:
    block_lot(lot_id=Lot.objects.get(code="SOON").pk, reason="Glass", actor="Ravi")


def test_a_held_parcel_says_so_and_is_taken_apart_once(
    client: Client, world: World, serum: Sku, show: Show, sign_in: SignIn
) -> None:
    make_carrier()
    parcel = labelled(make_work(world, "1", make_line(serum, 2)))
    address = f"/fulfil/parcels/{parcel.pk}/"
    assert "may not leave" not in show(address)
    block()
    page = show(address)
    assert "This parcel may not leave" in page
    assert "Lot SOON of SERUM-30 is blocked (Glass)" in page

    for _ in range(2):
        answer = client.post(f"{address}apart/", follow=True).content.decode()
        assert "is taken apart. The order is routed again." in answer

    assert lots_at(serum, world.blr) == {"LATE": {"on_hand": 5}, "SOON": {"quarantine": 2}}
    assert Shipment.objects.get().state == "cancelled"
    assert "may not leave" not in show(address)


def test_a_parcel_that_may_leave_is_not_taken_apart(client: Client, world: World, serum: Sku) -> None:
    make_carrier()
    parcel = labelled(make_work(world, "1", make_line(serum, 2)))

    page = client.post(f"/fulfil/parcels/{parcel.pk}/apart/", follow=True).content.decode()

    assert "may leave: hand it over, or cancel the order" in page
    assert Shipment.objects.get().state == "labelled"


def test_the_manifest_names_held_parcels_and_does_not_close(
    client: Client, world: World, serum: Sku, show: Show
) -> None:
    account = make_carrier()
    parcel = labelled(make_work(world, "1", make_line(serum, 2)))
    manifest = open_manifest(node_id=world.blr.pk, carrier_account_id=account.pk, actor="Asha")
    address = f"/fulfil/manifests/{manifest.pk}/"
    block()
    assert "These parcels may not leave" in show(address)
    refused = client.post(f"{address}all/")
    assert refused.status_code == 409
    assert f"{parcel.awb} of {parcel.order.number}: lot SOON of SERUM-30" in refused.content.decode()
    assert "lot SOON" in client.post(f"{address}scan/", {"code": parcel.awb}, follow=True).content.decode()

    Lot.objects.filter(code="SOON").update(is_blocked=False)
    add_to_manifest(manifest_id=manifest.pk, awb=parcel.awb, actor="Asha")
    Lot.objects.filter(code="SOON").update(is_blocked=True)

    refused = client.post(f"{address}close/", {"driver_name": "Suresh"})
    assert refused.status_code == 409
    assert f"/fulfil/parcels/{parcel.pk}/" in refused.content.decode()
    assert Shipment.objects.get().state == "manifested"


def test_who_puts_all_on_the_manifest_is_told_what_stays(client: Client, world: World, serum: Sku, show: Show) -> None:
    account = make_carrier()
    labelled(make_work(world, "1", make_line(serum, 2)))
    labelled(make_work(world, "2", make_line(world.kurta)))
    manifest = open_manifest(node_id=world.blr.pk, carrier_account_id=account.pk, actor="Asha")
    block()

    page = client.post(f"/fulfil/manifests/{manifest.pk}/all/", follow=True).content.decode()

    assert "1 parcel added without a scan. 1 parcel stays: a lot or a serial number in it may not leave." in page


def test_the_tower_counts_a_parcel_whose_serial_number_is_elsewhere(
    client: Client, world: World, show: Show, sign_in: SignIn
) -> None:
    sign_in(Role.ADMIN)
    make_carrier()
    phone = make_serial_sku()
    [unit] = put_serials(phone, world.blr, "IMEI-1")
    work = make_work(world, "1", make_line(phone))
    accept(fulfillment_order_ids=[work.pk], actor="Asha")
    pick(fulfillment_order_id=work.pk, code="IMEI-1", actor="Asha")
    pack(fulfillment_order_id=work.pk, actor="Asha")
    assert "1 packed parcel holds" not in show("/")
    post([
        Posting(op_key="test/aside", sku_id=phone.pk, node_id=world.blr.pk, from_bucket="packed",
                to_bucket="quarantine", quantity=1, serial_id=unit.pk, reason="quality")
    ])  # fmt: skip

    assert "1 packed parcel holds 1 units of serial numbers that are elsewhere by the books" in show("/")


def test_the_tower_counts_packed_parcels_that_may_not_leave(
    client: Client, world: World, serum: Sku, show: Show, sign_in: SignIn
) -> None:
    sign_in(Role.ADMIN)
    make_carrier()
    parcel = labelled(make_work(world, "1", make_line(serum, 2)))
    assert "Promised, may not be sold" not in show("/")
    block()

    page = show("/")
    assert "1 packed parcel holds 2 units of lots that expired or are blocked" in page
    assert "/inventory/lots/?show=unsold" in page
    assert f"/fulfil/parcels/{parcel.pk}/" in show("/inventory/lots/?show=unsold")
    assert f"/fulfil/parcels/{parcel.pk}/" not in show("/inventory/lots/?show=unsold&node=del-01")
