"""The counter of a store: codes, cards, somebody else, the lock, the shelf and the ready message."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from fulfillment.models import Pickup, Shipment, StagedParcel
from fulfillment.selectors.pickups import pickup_code
from fulfillment.services.keeping import note_ready
from inventory.models import Node
from oms.accounts.models import Role, User
from oms.notifications.links import tracking_url
from oms.notifications.models import Message
from oms.notifications.services import queue_messages, send_messages
from orders.models import Order, OrderEvent
from tests.factories import World, make_line, make_world, stock
from tests.fulfillment.floor import make_carrier, make_work, packed, stock_of

pytestmark = pytest.mark.django_db(transaction=True)
HX = {"HX-Request": "true"}
BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def world(client: Client) -> World:
    made = make_world()
    make_carrier()
    stock(made.kurta, made.store, 5)
    sign_in(client, Role.STORE_ASSOCIATE)
    return made


def sign_in(client: Client, role: str) -> None:
    user = User.objects.create_user(f"{role}@example.com", name=str(role).title(), role=role, node_codes=["blr-s1"])
    client.force_login(user, backend=BACKEND)


@pytest.fixture
def pickup(world: World) -> Shipment:
    return packed(make_work(world, "1", make_line(world.kurta), service_level="pickup", pickup_node_code="blr-s1"))


def text_of(response: Any) -> str:
    return str(response.content.decode())


def give(client: Client, shipment: Shipment, **form: str) -> Any:
    return client.post(f"/s/collect/{shipment.pk}/done/", {"idempotency_key": str(uuid4())} | form)


def wrong(shipment: Shipment) -> str:
    return f"{(int(pickup_code(shipment.order)) + 1) % 1_000_000:06}"


def test_five_wrong_codes_lock_and_a_manager_unlocks(client: Client, world: World, pickup: Shipment) -> None:
    page = text_of(client.get(f"/s/collect/{pickup.pk}/"))
    assert pickup_code(pickup.order) not in page

    answers = [give(client, pickup, code=wrong(pickup)) for _ in range(5)]

    assert {answer.status_code for answer in answers} == {422}
    assert "4 tries are left" in text_of(answers[0])
    assert "until a manager unlocks" in text_of(answers[4])
    assert "Unlock" not in text_of(answers[4])
    assert give(client, pickup, code=pickup_code(pickup.order)).status_code == 422
    assert client.post(f"/s/collect/{pickup.pk}/unlock/").status_code == 403
    assert stock_of(world.kurta, world.store) == {"on_hand": 4, "packed": 1}

    sign_in(client, Role.STORE_MANAGER)
    assert "Unlock: five more tries" in text_of(client.get(f"/s/collect/{pickup.pk}/"))
    client.post(f"/s/collect/{pickup.pk}/unlock/")
    assert give(client, pickup, code=pickup_code(pickup.order)).status_code == 302
    assert Order.objects.get().stage == "delivered"


def test_a_wrong_code_that_is_tapped_twice_is_one_try(client: Client, pickup: Shipment) -> None:
    form = {"code": wrong(pickup), "idempotency_key": str(uuid4())}

    for _ in range(3):
        assert give(client, pickup, **form).status_code == 422

    assert Pickup.objects.get().wrong_codes == 1


def test_a_card_needs_its_name_compared(client: Client, pickup: Shipment) -> None:
    form = {"how": "id", "id_kind": "pan", "id_last": "12ab"}
    assert give(client, pickup, **form).status_code == 422

    assert give(client, pickup, name_matches="1", **form).status_code == 302

    told = OrderEvent.objects.get(kind="pickup").message
    assert told == "Pickup at blr-s1: handed out to Asha Rao, who showed a pan card ending in 12AB."


def test_the_qr_code_of_the_customer_is_proof_and_no_other_text_is(client: Client, pickup: Shipment) -> None:
    assert give(client, pickup, proof="0" * 12).status_code == 422
    url = client.post("/s/handover/scan/", {"code": tracking_url(pickup.order)}, headers=HX)["HX-Redirect"]
    page = text_of(client.get(url))
    assert "Pickup code" not in page
    proof = page.partition('name="proof" value="')[2].partition('"')[0]

    assert give(client, pickup, proof=proof).status_code == 302


def test_a_shelf_is_scanned_and_the_list_shows_it(client: Client, world: World, pickup: Shipment) -> None:
    Node.objects.filter(pk=world.store.pk).update(stages_pickups=True)
    assert "Put 1 parcel on a shelf" in text_of(client.get("/s/"))
    assert f"/s/collect/{pickup.pk}/shelf/" in text_of(client.get("/s/handover/"))

    refused = client.post(f"/s/collect/{pickup.pk}/shelf/scan/", {"code": "<>"}, headers=HX)
    assert "wrong" in refused["HX-Trigger"]
    answer = client.post(f"/s/collect/{pickup.pk}/shelf/scan/", {"code": "locker-7"}, headers=HX)

    assert answer["HX-Redirect"] == "/s/handover/#pickups"
    assert StagedParcel.objects.get().shelf == "LOCKER-7"
    assert "LOCKER-7" in text_of(client.get("/s/handover/"))
    assert "on a shelf" not in text_of(client.get("/s/"))


def test_the_ready_message_has_the_code_and_is_sent_again_on_purpose(
    client: Client, world: World, pickup: Shipment
) -> None:
    assert client.post(f"/s/collect/{pickup.pk}/message/").status_code == 302
    world.channel.notifies_customer = True
    world.channel.save()
    Node.objects.filter(pk=world.store.pk).update(pickup_days=5)
    note_ready([pickup.order_id])
    for _ in range(2):
        queue_messages([("ready_for_pickup", pickup.order_id, str(pickup.pk))])
    letter = Message.objects.get()
    send_messages([letter.pk])
    assert pickup_code(pickup.order) in letter.text
    assert pickup_code(pickup.order) in letter.html
    assert "We keep it for you until" in letter.text

    client.post(f"/s/collect/{pickup.pk}/message/", {"idempotency_key": str(uuid4())})

    assert Message.objects.get().state == "pending"
