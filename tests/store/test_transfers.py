"""Transfers on the phone: picked for another node, taken in from one, without scripts and with them."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from inventory.models import StockLevel, Transfer
from inventory.services import StockLine, confirm_transfer, draft_transfer, ship_transfer
from oms.accounts.models import Role, User
from tests.factories import World, make_sku, make_world

pytestmark = pytest.mark.django_db
HX = {"HX-Request": "true"}


@pytest.fixture
def world() -> World:
    return make_world()


def at(node: str, role: str = Role.STORE_MANAGER) -> Client:
    user = User.objects.create_user(f"{node}-{role}@example.com", name="Asha Gowda", role=role, node_codes=[node])
    client = Client()
    client.force_login(user)
    return client


def made(world: World, *, shipped: bool = False) -> Transfer:
    row = draft_transfer(from_node_id=world.blr.pk, to_node_id=world.delhi.pk, actor="Ravi",
                         lines=[StockLine(world.kurta.pk, 2), StockLine(world.saree.pk, 1)])  # fmt: skip
    confirm_transfer(transfer_id=row.pk, actor="Ravi")
    return ship_transfer(transfer_id=row.pk, actor="Ravi") if shipped else row


def key(**fields: object) -> dict[str, object]:
    return {"idempotency_key": str(uuid4()), **fields}


def outcome(response: Any) -> tuple[str, str]:
    told = json.loads(response["HX-Trigger"])["scan"]
    return told["result"], told["text"]


def test_a_transfer_is_picked_by_scan_and_hand_and_sent_off(world: World) -> None:
    row, phone = made(world), at("blr-01")
    url = f"/s/transfers/{row.pk}/pick/"

    assert f"Pick transfer {row.number}" in phone.get("/s/").content.decode()
    assert "0 of 3 items" in phone.get(url).content.decode()
    scan = phone.post(f"{url}scan/", key(code="KURTA-M"), headers=HX)
    wrong = phone.post(f"{url}scan/", key(code="SHOE-42"), headers=HX)
    phone.post(f"{url}take/", key(sku=world.kurta.pk, quantity=1))
    done = phone.post(f"{url}finish/", key())
    assert outcome(scan) == ("ok", "The KURTA-M: 1 of 2")
    assert 'id="transfer-action"' in scan.content.decode()
    assert outcome(wrong)[0] == "wrong"
    assert done["Location"] == url
    assert "It has left" in phone.get(url).content.decode()
    phone.post(f"{url}finish/", key(send=1))

    row.refresh_from_db()
    level = StockLevel.objects.get(sku=world.saree, node=world.blr)
    assert (row.state, level.on_hand, level.reserved) == ("shipped", 10, 0)
    assert f"transfer {row.number}" not in phone.get("/s/").content.decode()


def test_an_associate_picks_but_neither_sends_nor_receives(world: World) -> None:
    row, coming = made(world), made(world, shipped=True)
    phone, there = at("blr-01", Role.STORE_ASSOCIATE), at("del-01", Role.STORE_ASSOCIATE)
    url = f"/s/transfers/{row.pk}/pick/"

    phone.post(f"{url}scan/", key(code="KURTA-M"))
    phone.post(f"{url}finish/", key(send=1))

    row.refresh_from_db()
    assert row.state == "picked"
    assert coming.number not in there.get("/s/").content.decode()
    assert there.get(f"/s/transfers/{coming.pk}/receive/").status_code == 403
    assert there.post(f"/s/transfers/{coming.pk}/receive/scan/", key(code="KURTA-M")).status_code == 403


def test_what_came_is_scanned_or_counted_good_and_damaged(world: World) -> None:
    row, phone = made(world, shipped=True), at("del-01")
    url = f"/s/transfers/{row.pk}/receive/"
    scan = key(code="KURTA-M")

    assert f"Receive transfer {row.number}" in phone.get("/s/").content.decode()
    for _ in range(2):
        phone.post(f"{url}scan/", scan)
    phone.post(f"{url}take/", key(sku=world.saree.pk, quantity=1, damaged=1))
    too_many = phone.post(f"{url}take/", key(sku=world.saree.pk, quantity=1), headers=HX)
    phone.post(f"{url}finish/", key())

    row.refresh_from_db()
    kurta, saree = row.lines.order_by("pk")
    assert outcome(too_many)[0] == "wrong"
    assert (kurta.received_quantity, kurta.in_transit_quantity, saree.damaged_quantity) == (1, 1, 1)
    assert row.state == "received"
    assert "2 of 3 items" in phone.get(url).content.decode()
    phone.post(f"{url}scan/", key(code="KURTA-M"))
    assert "nothing to do here" in phone.get(url).content.decode()


def test_serial_numbers_are_scanned_not_counted(world: World) -> None:
    phone_sku = make_sku("PHONE", tracking="serial")
    row = draft_transfer(from_node_id=world.blr.pk, to_node_id=world.delhi.pk, actor="Ravi",
                         lines=[StockLine(phone_sku.pk, 1)])  # fmt: skip
    Transfer.objects.filter(pk=row.pk).update(state="reserved")
    phone = at("blr-01")

    html = phone.get(f"/s/transfers/{row.pk}/pick/").content.decode()
    told = outcome(phone.post(f"/s/transfers/{row.pk}/pick/scan/", key(code="PHONE"), headers=HX))

    assert "Scan the serial number of each" in html
    assert "By hand" not in html
    assert told == ("wrong", "The PHONE is kept by serial number: scan the number of this one.")


def test_transfers_of_other_stores_do_not_exist(world: World) -> None:
    row, coming, phone = made(world), made(world, shipped=True), at("blr-s1")

    for url in (f"{row.pk}/pick/", f"{coming.pk}/receive/"):
        assert phone.get(f"/s/transfers/{url}").status_code == 404
        assert phone.post(f"/s/transfers/{url}scan/", key(code="KURTA-M")).status_code == 404
    assert at("del-01").get(f"/s/transfers/{row.pk}/pick/").status_code == 404
