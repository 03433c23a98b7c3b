"""Receiving from suppliers on the store's phone: scan, count by hand, receive once."""

from __future__ import annotations

import json
from html import unescape
from uuid import uuid4

import pytest
from django.test import Client

from inventory.models import PurchaseOrder, Receipt, Tracking
from oms.accounts.models import User
from tests.factories import World, make_sku, make_world
from tests.inventory.purchases import buckets, line_of, make_draft, make_placed, make_supplier

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def order(world: World) -> PurchaseOrder:
    return make_placed(make_supplier(), world.store, (world.kurta, 10), (world.saree, 2))


@pytest.fixture
def client(world: World) -> Client:
    return signed_in("store_manager")


def signed_in(role: str) -> Client:
    user = User.objects.create_user(f"{role}@example.com", name="Lata", role=role, node_codes=["blr-s1"],
                                    all_channels=True)  # fmt: skip
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def scan(client: Client, order: PurchaseOrder, code: str, key: str = "", **fields: str) -> tuple[str, str]:
    """What the band says to a scan, and the fragment that replaces the count."""
    response = client.post(
        f"/s/goods/{order.pk}/scan/", {"code": code, "idempotency_key": key or str(uuid4())} | fields,
        headers={"HX-Request": "true"},
    )  # fmt: skip
    assert response.status_code == 200
    return json.loads(response["HX-Trigger"])["scan"]["result"], unescape(response.content.decode())


def test_what_is_due_stands_in_the_tasks(client: Client, world: World, order: PurchaseOrder) -> None:
    draft = make_draft(make_supplier("mill"), world.store, (world.kurta, 10))
    elsewhere = make_placed(make_supplier("loom"), world.blr, (world.kurta, 10))

    body = client.get("/s/").content.decode()

    assert f"Receive {order.number}" in body
    assert draft.number not in body
    assert elsewhere.number not in body


def test_scans_are_counted_and_received_once(client: Client, world: World, order: PurchaseOrder) -> None:
    for _ in range(3):
        assert scan(client, order, "kurta-m")[0] == "ok"
    again = str(uuid4())
    scan(client, order, "KURTA-M", again)
    result, body = scan(client, order, "KURTA-M", again)
    assert (result, "4 of 12 items" in body) == ("ok", True)
    assert scan(client, order, "KURTA-M", damaged="1")[0] == "ok"
    assert scan(client, order, "SHOE-42")[0] == "wrong"
    assert scan(client, order, "NOPE")[0] == "unknown"
    assert buckets(world.kurta, world.store) == (0, 0, 10)

    for _ in range(2):
        client.post(f"/s/goods/{order.pk}/finish/", {"idempotency_key": str(uuid4())})

    assert line_of(order, world.kurta) == (5, 4, 1, 0, 0)
    assert Receipt.objects.get().actor == "Lata"
    assert "0 of 7 items" in unescape(client.get(f"/s/goods/{order.pk}/").content.decode())


def test_units_are_counted_by_hand_and_surplus_is_asked_about(
    client: Client, world: World, order: PurchaseOrder
) -> None:
    url = f"/s/goods/{order.pk}/"
    done = client.post(f"{url}take/", {"sku": str(world.kurta.pk), "good": "13", "damaged": "0"})
    assert done.status_code == 302

    refused = client.post(f"{url}finish/", {})

    assert refused.status_code == 422
    assert 'name="accept_over"' in refused.content.decode()
    assert client.post(f"{url}finish/", {"accept_over": "1"}).status_code == 302
    assert line_of(order, world.kurta) == (0, 10, 0, 0, 3)


def test_serial_numbers_and_lots_are_asked_for(client: Client, world: World) -> None:
    phone, cream = make_sku("PHONE", tracking=Tracking.SERIAL), make_sku("CREAM", tracking=Tracking.LOT)
    order = make_placed(make_supplier(), world.store, (phone, 2), (cream, 2))
    url = f"/s/goods/{order.pk}/"
    assert scan(client, order, "IMEI-1")[0] == "unknown"
    assert "serial number" in scan(client, order, "PHONE")[1]
    assert scan(client, order, "IMEI-1")[0] == "ok"
    assert scan(client, order, "IMEI-1")[0] == "wrong"
    assert scan(client, order, "CREAM")[0] == "ok"
    refused = client.post(f"{url}finish/", {})
    assert (refused.status_code, "write the lot" in refused.content.decode()) == (422, True)

    client.post(f"{url}finish/", {f"lot-{cream.pk}": "L1", f"expires-{cream.pk}": "2099-01-31"})

    assert (line_of(order, phone), line_of(order, cream)) == ((1, 1, 0, 0, 0), (1, 1, 0, 0, 0))


def test_only_who_may_receive_and_only_what_is_for_this_store(world: World, order: PurchaseOrder) -> None:
    other = make_placed(make_supplier("mill"), world.blr, (world.kurta, 1))
    associate, manager = signed_in("store_associate"), signed_in("store_manager")

    assert associate.get(f"/s/goods/{order.pk}/").status_code == 403
    assert order.number not in associate.get("/s/").content.decode()
    assert manager.get(f"/s/goods/{other.pk}/").status_code == 404
    assert manager.post(f"/s/goods/{order.pk}/finish/", {}).status_code == 422
