"""An associate sees their own store only: what belongs to another one does not exist, at any address."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.urls import URLPattern, reverse

from fulfillment.models import FulfillmentOrder, Manifest, Shipment
from fulfillment.services import open_manifest
from fulfillment.services.waves import make_wave
from inventory.models import CountSession, PurchaseOrder, Transfer
from inventory.services import StockLine, confirm_transfer, draft_transfer
from oms.accounts.models import Role, User
from oms.dashboard.fulfil import urls as fulfil_urls
from oms.store import urls
from tests.factories import World, make_line, make_node, make_world, stock
from tests.fulfillment.floor import labelled, make_carrier, make_work, packed, stock_of, units_of
from tests.inventory.counting import begun, held
from tests.inventory.purchases import make_placed, make_supplier
from tests.undoing import wrapped

pytestmark = pytest.mark.usefixtures("db")


@dataclass(slots=True)
class Elsewhere:
    """What another store holds."""

    world: World
    work: FulfillmentOrder
    pickup: Shipment
    parcel: Shipment
    manifest: Manifest
    counting: CountSession
    purchase: PurchaseOrder
    transfer: Transfer


@pytest.fixture(scope="module")
def elsewhere(django_db_setup: None, django_db_blocker: Any) -> Iterator[Elsewhere]:
    """Everything stands at the Bengaluru warehouse and store; the associate works in another store."""
    with django_db_blocker.unblock(), wrapped():
        yield make_elsewhere()


@pytest.fixture
def db(elsewhere: Elsewhere) -> Iterator[None]:
    """Nothing of one test is there in the next (see tests/accounts/conftest.py)."""
    with wrapped():
        yield


def make_elsewhere() -> Elsewhere:
    """One of everything."""
    world = make_world()
    account = make_carrier()
    work = make_work(world, "1", make_line(world.kurta))
    parcel = labelled(make_work(world, "2", make_line(world.kurta)))
    stock(world.kurta, world.store, 5)
    pickup = packed(
        make_work(world, "3", make_line(world.kurta), service_level="pickup", pickup_node_code=world.store.code)
    )
    manifest = open_manifest(node_id=world.blr.pk, carrier_account_id=account.pk, actor="test")
    make_node("blr-s9", city="Bengaluru", postcode="560034", kind="store")
    counting = held(begun(world.blr, world.saree))
    purchase = make_placed(make_supplier(), world.blr, (world.saree, 5))
    transfer = draft_transfer(
        from_node_id=world.blr.pk, to_node_id=world.store.pk, lines=[StockLine(world.saree.pk, 1)], actor="test"
    )
    confirm_transfer(transfer_id=transfer.pk, actor="test")
    return Elsewhere(world, work, pickup, parcel, manifest, counting, purchase, transfer)


def sign_in(client: Client, role: str = Role.STORE_ASSOCIATE, **fields: object) -> User:
    user = User.objects.create_user(f"{role}@example.com", "a long pass phrase", role=role, **fields)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return user


def pages() -> list[str]:
    return [str(pattern.name) for pattern in urls.urlpatterns]


#: Addresses without an object in them, and what to send so that they name one of another store.
QUERIES = {"pick": "work={work}", "pick_list": "work={work}", "short": "work={work}&sku=KURTA-M"}
FORMS = {
    "accept_work": {"work": "{work}"}, "pick_scan": {"work": "{work}", "code": "KURTA-M"},
    "pick_take": {"work": "{work}", "sku": "KURTA-M", "quantity": "1"},
    "short_report": {"work": "{work}", "sku": "KURTA-M", "quantity": "1", "reason": "not_found"},
    "manifest_open": {"account": "{account}"}, "node": {"node": "blr-01"},
}  # fmt: skip
COUNTING = {"count_scans", "count_undo", "count_pause", "count_submit", "count_discard", "count_release"}
#: What an address names behind the piece of work.
AFTER = {"pack_forget": (1,), "pack_swap": (1,)}
#: They show or find only what is of this store; the test below reads them.
OWN_ONLY = {"tasks", "accept", "put_back", "handover", "lookup", "more", "handover_scan", "counts", "count_free",
            "arrivals", "arrivals_scan", "waves", "outbox", "pins"}  # fmt: skip
#: They know nothing of anybody, or judge each action by itself (tests/store/test_offline.py).
OF_NO_STORE = {
    "worker",
    "manifest_json",
    "offline",
    "events",
    "settle",
    "people",
    "people_enter",
    "people_first",
    "lock",
    "device_share",
    "device_end",
    "pin_set",
    "curbside_go",
    "sell",
    "sell_done",
}
#: An associate may do these in no store, not even in the own one.
OF_MANAGERS = ("goods", "transfer_receive", "unlock")


def wave_of(there: Elsewhere) -> int:
    """A wave of the other store's work."""
    node_id = there.work.node_id
    return make_wave(node_id=node_id, work_ids=[there.work.pk], kind="orders", actor="test").wave.pk


def object_ids(there: Elsewhere, name: str) -> list[int] | list[UUID]:
    if name.startswith("wave"):
        return [wave_of(there)]
    if name.startswith("counting") or name in COUNTING:
        return [there.counting.uid]
    if name.startswith("count"):
        return [there.counting.count.uid]
    if name.startswith("goods"):
        return [there.purchase.pk]
    if name.startswith("transfer"):
        return [there.transfer.pk]
    if name in ("manifest", "manifest_scan", "manifest_out", "manifest_close"):
        return [there.manifest.pk]
    if name in ("collect", "collect_done", "label", "customs", "take_apart", "unlock", "send_again", "shelf",
                "shelf_scan"):  # fmt: skip
        return [there.pickup.pk, there.parcel.pk]
    return [there.work.pk, there.parcel.fulfillment_order_id, there.pickup.fulfillment_order_id]


@pytest.mark.parametrize("name", sorted(set(pages()) - OWN_ONLY - OF_NO_STORE))
def test_no_address_opens_what_belongs_to_another_store(client: Client, elsewhere: Elsewhere, name: str) -> None:
    role = Role.STORE_MANAGER if name.startswith(OF_MANAGERS) else Role.STORE_ASSOCIATE
    sign_in(client, role, node_codes=["blr-s9"])
    words = {"work": elsewhere.work.pk, "account": elsewhere.manifest.carrier_account_id}
    if name in QUERIES or name in FORMS:
        url = reverse(f"store:{name}")
        if name in QUERIES:
            answers = [client.get(f"{url}?{QUERIES[name].format(**words)}")]
        else:
            answers = [client.post(url, {key: value.format(**words) for key, value in FORMS[name].items()})]
    else:
        addresses = [reverse(f"store:{name}", args=[pk, *AFTER.get(name, ())]) for pk in object_ids(elsewhere, name)]
        form = {"reason": "Not in stock", "box": "small", "weight": "400", "code": elsewhere.parcel.awb,
                "driver_name": "Suresh", "who": "customer"}  # fmt: skip
        answers = [client.get(address) for address in addresses]
        if answers[0].status_code == 405:
            answers = [client.post(address, form) for address in addresses]

    assert {answer.status_code for answer in answers} == {404}
    assert units_of(elsewhere.work.order_id) == {"released": 1}
    assert stock_of(elsewhere.world.kurta, elsewhere.world.store) == {"on_hand": 4, "packed": 1}
    assert Manifest.objects.get().state == "open"


@pytest.mark.parametrize("name", sorted(OWN_ONLY - {"handover_scan", "count_free", "arrivals_scan"}))
def test_lists_show_nothing_of_another_store(client: Client, elsewhere: Elsewhere, name: str) -> None:
    sign_in(client, node_codes=["blr-s9"])

    page = client.get(reverse(f"store:{name}"), {"code": elsewhere.work.order.number} if name == "lookup" else {})

    assert page.status_code == 200
    text = page.content.decode().replace(f'value="{elsewhere.work.order.number}"', "")
    text = text.replace(f"has the code {elsewhere.work.order.number}.", "")
    for shipment in (elsewhere.pickup, elsewhere.parcel):
        assert shipment.order.number not in text
        assert "Asha Rao" not in text
    assert elsewhere.work.order.number not in text


def test_a_scan_does_not_find_a_pickup_of_another_store(client: Client, elsewhere: Elsewhere) -> None:
    sign_in(client, node_codes=["blr-s9"])

    for code in (elsewhere.pickup.order.number, elsewhere.parcel.awb):
        answer = client.post(reverse("store:handover_scan"), {"code": code}, headers={"HX-Request": "true"})
        assert answer.status_code == 204
        assert "HX-Redirect" not in answer
        assert '"unknown"' in answer["HX-Trigger"]


@pytest.mark.parametrize("pattern", fulfil_urls.urlpatterns, ids=lambda pattern: str(pattern.name))
def test_the_office_screens_know_the_same_scope(client: Client, elsewhere: Elsewhere, pattern: URLPattern) -> None:
    sign_in(client, node_codes=["blr-s9"])
    ids: list[int] | list[UUID] = (
        [elsewhere.manifest.pk] if "manifest" in str(pattern.name) else [elsewhere.parcel.pk, elsewhere.pickup.pk]
    )
    if "wave" in str(pattern.name):
        ids = [wave_of(elsewhere)]
    if "<uuid:uid>" in str(pattern.pattern):
        ids = [uuid4()]
    named = str(pattern.pattern).count("<")
    has_id = named > 0

    for pk in ids if has_id else [0]:
        # A second thing in an address is a parcel, on a manifest.
        address = reverse(f"dashboard:{pattern.name}", args=[pk, elsewhere.parcel.pk][:named])
        answer = client.get(address)
        if answer.status_code == 405:
            answer = client.post(address, {"account": "1", "node": elsewhere.world.blr.pk})
        assert answer.status_code in ({404, 403} if has_id else {200, 302, 403, 404, 409})
        assert elsewhere.parcel.order.number not in answer.content.decode(errors="replace")
        assert elsewhere.parcel.awb not in answer.content.decode(errors="replace")


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", "/fulfillment-orders/{work}"), ("post", "/fulfillment-orders/{work}/accept"),
     ("post", "/fulfillment-orders/{work}/reject"), ("post", "/fulfillment-orders/{work}/picks"),
     ("post", "/fulfillment-orders/{work}/shorts"), ("post", "/fulfillment-orders/{work}/pack"),
     ("post", "/shipments/hand-over"), ("get", "/shipments/{parcel}/label"),
     ("get", "/shipments/{parcel}/commercial-invoice")],
)  # fmt: skip
def test_the_api_knows_the_same_scope(client: Client, elsewhere: Elsewhere, method: str, path: str) -> None:
    sign_in(client, node_codes=["blr-s9"])
    address = "/api/v1" + path.format(work=elsewhere.work.pk, parcel=elsewhere.parcel.pk)
    body = {"code": "KURTA-M", "line_id": elsewhere.work.lines.get().pk, "quantity": 1, "reason": "not_found",
            "shipment_ids": [elsewhere.parcel.pk]}  # fmt: skip

    answer = client.get(address) if method == "get" else client.post(address, body, content_type="application/json")

    assert answer.status_code == 404
    assert units_of(elsewhere.work.order_id) == {"released": 1}


def test_the_api_lists_no_work_of_another_store(client: Client, elsewhere: Elsewhere) -> None:
    sign_in(client, node_codes=["blr-s9"])

    assert client.get("/api/v1/fulfillment-orders").json()["fulfillment_orders"] == []


@pytest.mark.parametrize("role", [Role.CUSTOMER_SERVICE, Role.FINANCE, Role.READ_ONLY, Role.INTEGRATOR])
def test_people_without_work_in_stores_are_refused(client: Client, elsewhere: Elsewhere, role: str) -> None:
    sign_in(client, role, all_nodes=True)

    assert client.get("/s/").status_code == 403
    assert client.post(reverse("store:pack_work", args=[elsewhere.work.pk])).status_code == 403


def test_visitors_are_asked_to_sign_in(client: Client, elsewhere: Elsewhere) -> None:
    for name in pages():
        has_id = name in {"work", "reject", "pack", "packed", "label", "customs", "manifest", "collect"}
        answer = client.get(reverse(f"store:{name}", args=[1])) if has_id else None
        if answer is not None:
            assert answer.status_code == 302
            assert answer["Location"].startswith("/accounts/login/")


# -- choosing ----------------------------------------------------------------------------------------------------------


def test_who_has_several_stores_chooses_one_and_sees_that_one(client: Client, elsewhere: Elsewhere) -> None:
    user = sign_in(client, Role.STORE_MANAGER, node_codes=["blr-s1", "blr-s9"])
    assert client.get("/s/")["Location"] == "/s/node/"

    assert client.post("/s/node/", {"node": "blr-s1"})["Location"] == "/s/"
    assert elsewhere.pickup.order.number in client.get("/s/handover/").content.decode()
    client.post("/s/node/", {"node": "blr-s9", "next": "https://evil.example/"})
    assert elsewhere.pickup.order.number not in client.get("/s/handover/").content.decode()
    assert client.post("/s/node/", {"node": "del-01"}).status_code == 404

    client.post("/s/node/", {"node": "blr-s1"})
    user.node_codes = ["blr-s9"]
    user.save()
    assert elsewhere.pickup.order.number not in client.get("/s/handover/").content.decode()


def test_who_has_no_store_is_told_who_can_help(client: Client, elsewhere: Elsewhere) -> None:
    sign_in(client)

    page = client.get("/s/", follow=True)

    assert b"No store is assigned to you" in page.content
