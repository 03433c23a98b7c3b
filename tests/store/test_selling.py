"""Endless aisle: sold in a store, sent by another node, once."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db.models import F
from django.test import Client

from fulfillment.models import FulfillmentOrder
from inventory.models import StockLevel
from oms.accounts.models import Role, User
from orders.models import Order, Payment, SalesChannel
from routing.models import RoutingExclusion
from tests.factories import World, make_world, stock
from tests.flow.driver import drain
from tests.fulfillment.floor import stock_of

pytestmark = pytest.mark.django_db(transaction=True)
BUYER = {
    "sku": "KURTA-M", "quantity": "2", "name": "Meera  Nair", "phone": "+919845012345", "email": "meera@example.com",
    "line1": "4 Church Street", "city": "Bengaluru", "region": "Karnataka", "postcode": "560001", "payment": "till",
    "receipt": "T-77",
}  # fmt: skip


@pytest.fixture
def world(client: Client) -> World:
    made = make_world()
    SalesChannel.objects.create(code="store-blr-s1", name="Koramangala", kind="store")
    SalesChannel.objects.create(code="store-other", name="Another", kind="store")
    sign_in(client, Role.STORE_ASSOCIATE)
    return made


def sign_in(client: Client, role: str) -> None:
    user = User.objects.create_user(f"{role}@example.com", name=str(role), role=role, node_codes=["blr-s1"])
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")


def sell(client: Client, **form: str) -> Any:
    return client.post("/s/sell/done/", BUYER | {"idempotency_key": str(uuid4())} | form)


def text_of(response: Any) -> str:
    return str(response.content.decode())


def test_what_the_store_lacks_is_sold_here_and_sent_by_another_node(client: Client, world: World) -> None:
    page = text_of(client.get("/s/look-up/", {"code": "KURTA-M"}))
    assert "/s/sell/?sku=KURTA-M" in page
    assert "Other nodes can send 20 now" in text_of(client.get("/s/sell/", {"sku": "KURTA-M"}))

    form = {"idempotency_key": str(uuid4())}
    assert {sell(client, **form)["Location"] for _ in range(2)} == {"/s/look-up/?code=KURTA-M"}
    drain()

    order = Order.objects.get()
    assert (order.channel.code, order.customer_name, order.total_minor) == ("store-blr-s1", "Meera Nair", 199_800)
    line = order.lines.get()
    assert (line.quantity, line.tax_minor) == (2, 199_800 * 500 // 10_500)
    payment = Payment.objects.get()
    assert (payment.captured_minor, payment.gateway, payment.reference) == (199_800, "till", "T-77")
    assert FulfillmentOrder.objects.get().node == world.blr
    assert stock_of(world.kurta, world.blr) == {"on_hand": 10, "reserved": 2}


def test_a_sale_whose_answer_was_lost_is_answered_though_nothing_is_left(client: Client, world: World) -> None:
    form = {"idempotency_key": str(uuid4())}
    first = sell(client, **form)
    drain()
    StockLevel.objects.update(safety_stock=F("on_hand"))

    assert sell(client, **form)["Location"] == first["Location"] == "/s/look-up/?code=KURTA-M"
    assert sell(client).status_code == 422
    assert Order.objects.count() == 1


def test_the_store_itself_is_not_asked_though_it_has_some(client: Client, world: World) -> None:
    stock(world.kurta, world.store, 5)

    sell(client, payment="cod", receipt="", region="")
    drain()

    order = Order.objects.get()
    assert order.is_cod
    assert order.shipping_address.region == "Karnataka"
    assert RoutingExclusion.objects.get(order=order).node == world.store
    assert FulfillmentOrder.objects.get().node == world.blr


@pytest.mark.parametrize(
    "form",
    [{"quantity": "0"}, {"quantity": "21"}, {"quantity": "two"}, {"name": " "}, {"postcode": ""}, {"receipt": ""},
     {"payment": "promise"}, {"line1": ""}, {"postcode": "12"}],
)  # fmt: skip
def test_an_incomplete_sale_comes_back_with_what_was_typed(client: Client, world: World, form: dict[str, str]) -> None:
    answer = sell(client, **form)

    assert answer.status_code == 422
    assert 'role="alert"' in text_of(answer)
    assert 'value="Bengaluru"' in text_of(answer)
    assert not Order.objects.exists()


def test_without_a_channel_of_stores_nothing_is_sold(client: Client, world: World) -> None:
    SalesChannel.objects.filter(code="store-blr-s1").delete()
    SalesChannel.objects.create(code="store-third", name="Third", kind="store")

    answer = sell(client)

    assert answer.status_code == 422
    assert "has no sales channel" in text_of(answer)
    SalesChannel.objects.filter(code="store-third").update(is_active=False)
    assert sell(client).status_code == 302
    assert Order.objects.get().channel.code == "store-other"


def test_what_nobody_has_or_knows_cannot_be_sold(client: Client, world: World) -> None:
    assert client.get("/s/sell/", {"sku": "NOTHING"}).status_code == 404
    assert client.get("/s/sell/")["Location"] == "/s/look-up/"
    for node in (world.blr, world.delhi):
        stock(world.shoe, node, 0)
    assert "No other node can send it now" in text_of(client.get("/s/sell/", {"sku": "SHOE-42"}))
    assert sell(client, sku="SHOE-42", quantity="1").status_code == 422


def test_a_packer_sells_nothing(client: Client, world: World) -> None:
    sign_in(client, Role.PACKER)

    assert "Sell from another node" not in text_of(client.get("/s/look-up/", {"code": "KURTA-M"}))
    assert client.get("/s/sell/", {"sku": "KURTA-M"}).status_code == 403
    assert sell(client).status_code == 403
    assert not Order.objects.exists()
