"""The REST API as a machine meets it: tokens, scopes, idempotency, refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from channels.models import ChannelAccount
from fulfillment.models import FulfillmentOrder
from fulfillment.services import receive_for_pickup
from inventory.models import StockLevel
from oms.accounts.services import create_token, revoke_token
from orders.models import Order
from tests.factories import World, make_line, make_world
from tests.flow.driver import drain
from tests.fulfillment.floor import labelled, make_carrier, make_work
from tests.fulfillment.to_store import allow_transfers, on_the_road, order_to_collect

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    made = make_world()
    ChannelAccount.objects.create(channel=made.channel, connector="api")
    return made


def call(client: Client, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
    response = client.generic(
        method, f"/api/v1{path}", data=json.dumps(body) if body is not None else "", content_type="application/json",
        headers=headers,
    )  # fmt: skip
    return response.status_code, json.loads(response.content)


def bearer(*verbs: str, **scopes: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {create_token(name='wms', verbs=verbs, **scopes)[1]}"}


def order_body(external_id: str, sku: str = "KURTA-M", quantity: int = 2) -> dict[str, Any]:
    return {
        "external_id": external_id, "placed_at": "2026-11-20T12:00:00+05:30", "customer_name": "Asha Rao",
        "ship_to": {"name": "Asha Rao", "line1": "12 MG Road", "city": "Bengaluru", "region": "Karnataka",
                    "postcode": "560001", "country": "IN", "phone": "+919845012345"},
        "payment": {"method": "prepaid", "state": "paid"},
        "lines": [{"sku_code": sku, "quantity": quantity, "unit_price_minor": 99900}],
    }  # fmt: skip


def test_an_order_handed_in_twice_is_captured_once(client: Client, world: World) -> None:
    headers = bearer("orders.ingest", "orders.view")

    first = call(client, "POST", "/orders?channel=web", {"orders": [order_body("A-1")]}, **headers)
    second = call(client, "POST", "/orders?channel=web", {"orders": [order_body("A-1")]}, **headers)

    assert first[0] == second[0] == 201
    assert first[1]["orders"][0]["state"] == "captured"
    assert first[1]["orders"][0]["number"] == second[1]["orders"][0]["number"]
    assert Order.objects.count() == 1


def test_an_order_with_an_unknown_sku_is_answered_with_the_field_at_fault(client: Client, world: World) -> None:
    headers = bearer("orders.ingest")

    status, reply = call(
        client, "POST", "/orders?channel=web", {"orders": [order_body("A-1", sku="KURTA-X")]}, **headers
    )

    assert status == 201
    [order] = reply["orders"]
    assert order["state"] == "quarantined"
    assert "sku" in order["issues"][0]["field"]
    assert Order.objects.count() == 0


def test_a_node_is_worked_through_the_api_from_pick_to_pack(client: Client, world: World) -> None:
    headers = bearer("orders.ingest", "orders.view", "fulfillment.view", "fulfillment.work")
    call(client, "POST", "/orders?channel=web", {"orders": [order_body("A-1")]}, **headers)
    drain()

    _, listed = call(client, "GET", "/fulfillment-orders?state=accepted&node=blr-01", **headers)
    [work] = listed["fulfillment_orders"]
    call(client, "POST", f"/fulfillment-orders/{work['id']}/picks", {"code": "KURTA-M", "quantity": 2}, **headers)
    status, packed = call(client, "POST", f"/fulfillment-orders/{work['id']}/pack", {}, **headers)

    assert status == 200
    assert packed["state"] == "packed"
    assert StockLevel.objects.get(sku=world.kurta, node=world.blr).packed == 2


def test_an_order_says_which_of_its_parcels_goes_to_the_store_where_it_is_collected(
    client: Client, world: World
) -> None:
    make_carrier()
    allow_transfers()
    waiting = on_the_road(order_to_collect(world, "W1", make_line(world.kurta)))
    receive_for_pickup(fulfillment_order_id=waiting.pk, actor="Meera")

    _, found = call(client, "GET", f"/orders/{waiting.order.number}", **bearer("orders.view"))

    assert [(work["kind"], work["node"]) for work in found["fulfillment_orders"]] == [
        ("transfer", "blr-01"), ("pickup", "blr-s1"),
    ]  # fmt: skip
    assert [(item["kind"], item["state"]) for item in found["shipments"]] == [
        ("transfer", "delivered"), ("pickup", "created"),
    ]  # fmt: skip


def test_the_same_idempotency_key_gives_the_same_reply_and_another_body_is_refused(
    client: Client, world: World
) -> None:
    headers = bearer("inventory.receive") | {"Idempotency-Key": "grn-1"}
    body = {"node": "blr-01", "reference": "GRN-1", "lines": [{"sku": "KURTA-M", "quantity": 5}]}

    first = call(client, "POST", "/inventory/receipts", body, **headers)
    second = call(client, "POST", "/inventory/receipts", body, **headers)
    other = call(client, "POST", "/inventory/receipts", body | {"reference": "GRN-2"}, **headers)

    assert first == second
    assert (first[0], first[1]["units"]) == (200, 5)
    assert other[0] == 409
    assert StockLevel.objects.get(sku=world.kurta, node=world.blr).on_hand == 15


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("receipts", {"lines": [{"sku": "KURTA-M", "quantity": 5}]}),
        ("adjustments", {"sku": "KURTA-M", "reason": "found", "quantity": 5}),
        ("counts", {"sku": "KURTA-M", "counted": 15}),
    ],
)
def test_a_reference_is_kept_whole_or_refused(client: Client, world: World, path: str, body: dict[str, Any]) -> None:
    headers = bearer("inventory.receive", "inventory.adjust")
    too_long = body | {"node": "blr-01", "reference": "R" * 81}

    status, refused = call(client, "POST", f"/inventory/{path}", too_long, **headers)
    assert (status, refused["field"].rpartition(".")[2]) == (422, "reference")
    assert StockLevel.objects.get(sku=world.kurta, node=world.blr).on_hand == 10

    assert call(client, "POST", f"/inventory/{path}", too_long | {"reference": "R" * 80}, **headers)[0] == 200
    assert StockLevel.objects.get(sku=world.kurta, node=world.blr).on_hand == 15


def test_a_handle_of_a_hold_that_is_too_long_is_refused(client: Client, world: World) -> None:
    headers = bearer("orders.ingest", "orders.view", "orders.hold")
    _, reply = call(client, "POST", "/orders?channel=web", {"orders": [order_body("A-1")]}, **headers)
    path = f"/orders/{reply['orders'][0]['number']}/hold"

    status, refused = call(client, "POST", path, {"handle": "H" * 81}, **headers)

    assert (status, refused["field"].rpartition(".")[2]) == (422, "handle")
    assert call(client, "POST", path, {"handle": "H" * 80}, **headers)[0] == 200


def test_a_repetition_while_the_first_call_runs_on_is_told_to_come_again(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a first call that holds its key for longer than anybody waits
    token, text = create_token(name="wms", verbs=["inventory.receive"])
    headers = {"Authorization": f"Bearer {text}", "Idempotency-Key": "grn-1"}
    body = {"node": "blr-01", "reference": "GRN-1", "lines": [{"sku": "KURTA-M", "quantity": 5}]}
    monkeypatch.setattr(connection, "close_at", None)  # or the request begins with a connection of its own
    first = connection.copy()
    first.set_autocommit(False)
    try:
        with first.cursor() as cursor:
            cursor.execute(
                "INSERT INTO core_idempotencykey (principal, key, body_hash) VALUES (%s, 'grn-1', 'x')",
                [f"token:{token.pk}"],
            )
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '50ms'")

        # When it is repeated
        status, reply = call(client, "POST", "/inventory/receipts", body, **headers)
    finally:
        first.rollback()
        first.close()

    # Then the repetition is refused in words, and goes through when the first has ended
    assert (status, reply["code"], reply["field"]) == (409, "conflict", "Idempotency-Key")
    assert "still being worked on. Try again" in reply["message"]
    status, reply = call(client, "POST", "/inventory/receipts", body, **headers)
    assert (status, reply["units"]) == (200, 5)


def test_a_token_of_one_node_sees_no_other_nodes_work(client: Client, world: World) -> None:
    ingest = bearer("orders.ingest")
    call(client, "POST", "/orders?channel=web", {"orders": [order_body("A-1")]}, **ingest)
    drain()
    work = FulfillmentOrder.objects.get()
    elsewhere = bearer("fulfillment.view", "fulfillment.work", node_codes=["del-01"])

    assert call(client, "GET", "/fulfillment-orders", **elsewhere)[1]["fulfillment_orders"] == []
    assert call(client, "GET", f"/fulfillment-orders/{work.pk}", **elsewhere)[0] == 404
    assert call(client, "POST", f"/fulfillment-orders/{work.pk}/picks", {"code": "KURTA-M"}, **elsewhere)[0] == 404


def test_a_token_without_the_verb_is_refused_and_a_revoked_one_is_unknown(client: Client, world: World) -> None:
    token, text = create_token(name="reader", verbs=["inventory.view"])
    headers = {"Authorization": f"Bearer {text}"}
    assert call(client, "GET", "/nodes", **headers)[0] == 200
    assert call(client, "GET", "/orders", **headers)[0] == 403

    revoke_token(token.pk)

    assert call(client, "GET", "/nodes", **headers)[0] == 401
    assert call(client, "GET", "/nodes")[0] == 401


def test_numbers_that_json_does_not_know_are_refused(client: Client, world: World) -> None:
    headers = bearer("orders.ingest")
    response = client.generic("POST", "/api/v1/orders?channel=web", data='{"orders": [{"total_minor": NaN}]}',
                              content_type="application/json", headers=headers)  # fmt: skip
    assert response.status_code == 422
    assert json.loads(response.content)["field"] == "body"


def test_the_description_of_the_api_is_served(client: Client) -> None:
    description = json.loads(client.get("/api/v1/openapi.json").content)
    assert "/api/v1/orders" in description["paths"]
    assert client.get("/api/v1/docs").status_code == 200


def reroutable(client: Client, **headers: str) -> str:
    call(client, "POST", "/orders?channel=web", {"orders": [order_body("A-1")]}, **headers)
    drain()
    return Order.objects.get().number


def test_a_token_of_one_node_sends_no_work_to_a_node_that_it_cannot_see(client: Client, world: World) -> None:
    number = reroutable(client, **bearer("orders.ingest"))
    of_blr = bearer("orders.reroute", node_codes=["blr-01"])

    hidden = call(client, "POST", f"/orders/{number}/reroute", {"node": "del-01"}, **of_blr)
    unknown = call(client, "POST", f"/orders/{number}/reroute", {"node": "mars-01"}, **of_blr)

    assert (hidden[0], hidden[1]["code"], hidden[1]["field"]) == (404, "not_found", "node")
    assert hidden[1]["message"] == "There is no node del-01."
    assert unknown == (404, hidden[1] | {"message": "There is no node mars-01."})
    assert [work.node.code for work in FulfillmentOrder.objects.all()] == ["blr-01"]


def test_an_order_is_rerouted_to_a_node_in_scope(client: Client, world: World) -> None:
    number = reroutable(client, **bearer("orders.ingest"))
    of_both = bearer("orders.reroute", node_codes=["blr-01", "del-01"])

    status, answer = call(client, "POST", f"/orders/{number}/reroute", {"node": "del-01"}, **of_both)

    assert status == 200
    live = [work["node"] for work in answer["fulfillment_orders"] if work["state"] in FulfillmentOrder.LIVE]
    assert live == ["del-01"]


def test_a_token_of_one_channel_neither_sees_nor_works_on_orders_of_another(client: Client, world: World) -> None:
    number = reroutable(client, **bearer("orders.ingest"))
    work = FulfillmentOrder.objects.get()
    headers = bearer("orders.ingest", "orders.view", "fulfillment.view", "fulfillment.work", channel_codes=["bazaar"])

    assert call(client, "GET", f"/orders/{number}", **headers)[0] == 404
    assert call(client, "GET", "/orders", **headers)[1]["orders"] == []
    assert call(client, "GET", "/fulfillment-orders", **headers)[1]["fulfillment_orders"] == []
    assert call(client, "GET", f"/fulfillment-orders/{work.pk}", **headers)[0] == 404
    assert call(client, "POST", f"/fulfillment-orders/{work.pk}/reject", {"reason": "No"}, **headers)[0] == 404
    assert call(client, "POST", "/orders?channel=web", {"orders": [order_body("A-2")]}, **headers)[0] == 404


def test_an_idempotency_key_belongs_to_one_token_even_where_two_have_one_name(client: Client, world: World) -> None:
    key = {"Idempotency-Key": "receipt-7"}
    body = {"node": "blr-01", "reference": "PO-7", "lines": [{"sku": "KURTA-M", "quantity": 5}]}
    assert call(client, "POST", "/inventory/receipts", body, **(bearer("inventory.receive") | key))[0] == 200

    blind = call(client, "POST", "/inventory/receipts", body,
                 **(bearer("inventory.receive", node_codes=["del-01"]) | key))  # fmt: skip
    powerless = call(client, "POST", "/inventory/receipts", body, **(bearer("inventory.view") | key))

    assert (blind[0], powerless[0]) == (404, 403)


def test_an_idempotency_key_belongs_to_the_whole_address(client: Client, world: World) -> None:
    headers = bearer("orders.ingest") | {"Idempotency-Key": "k-1"}
    call(client, "POST", "/orders?channel=web", {"orders": [order_body("A-1")]}, **headers)

    status, _ = call(client, "POST", "/orders?channel=bazaar", {"orders": [order_body("A-1")]}, **headers)

    assert status == 409


def test_a_label_is_for_callers_who_may_see_who_gets_the_parcel(client: Client, world: World) -> None:
    make_carrier()
    shipment = labelled(make_work(world, "1", make_line(world.kurta)))

    def status(*verbs: str) -> int:
        return client.get(f"/api/v1/shipments/{shipment.pk}/label", headers=bearer(*verbs)).status_code

    assert status("fulfillment.view") == 403
    assert status("fulfillment.view", "fulfillment.work") == 200
    assert status("fulfillment.view", "pii.view") == 200
