"""Purchase orders, ASNs, receipts and suppliers as a machine meets them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from inventory.models import Node, NodeKind, PurchaseOrder, Receipt, StockLevel, Tracking
from inventory.services import Claim, reschedule_purchase_order, reserve
from oms.accounts.services import create_token
from oms.core.db import run_atomic
from oms.core.ids import uuid7
from tests.factories import World, make_node, make_sku, make_world, stock
from tests.inventory.purchases import buckets, line_of, make_placed, make_supplier, state_of
from tests.threads import behind

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    world = make_world()
    make_supplier()
    return world


def call(client: Client, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
    response = client.generic(
        method, f"/api/v1{path}", data=json.dumps(body) if body is not None else "", content_type="application/json",
        headers=headers,
    )  # fmt: skip
    return response.status_code, json.loads(response.content)


def bearer(*verbs: str, **scopes: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {create_token(name='erp', verbs=verbs, **scopes)[1]}"}


def buyer() -> dict[str, str]:
    return bearer("inventory.view", "inventory.buy", "inventory.receive")


def order_body(**fields: object) -> dict[str, object]:
    lines = [{"sku": "KURTA-M", "quantity": 100, "unit_cost_minor": 41_500}, {"sku": "SAREE-1", "quantity": 5}]
    return {"supplier": "weaver", "node": "blr-01", "lines": lines} | fields


def test_an_order_is_bought_announced_received_and_closed(client: Client, world: World) -> None:
    headers = buyer()

    status, made = call(client, "POST", "/purchase-orders", order_body(place=True, number="4500-1"), **headers)

    assert status == 201
    assert (made["number"], made["state"], made["lines"][0]["open_quantity"]) == ("4500-1", "placed", 100)
    path = f"/purchase-orders/{made['id']}"
    asn = {"purchase_order": made["id"], "number": "ASN-7", "lines": [{"sku": "KURTA-M", "quantity": 60}],
           "expected_at": "2026-12-03T10:00:00+05:30"}  # fmt: skip
    status, announced = call(client, "POST", "/asns", asn, **headers)
    assert (status, announced["state"], announced["lines"][0]["quantity"]) == (201, "expected", 60)
    assert call(client, "POST", f"/asns/{announced['id']}/arrive", **headers)[1]["state"] == "arrived"
    receipt = {"node": "blr-01", "reference": "GRN-1", "purchase_order": made["id"], "asn": announced["id"],
               "lines": [{"sku": "KURTA-M", "quantity": 60, "damaged": 5}]}  # fmt: skip
    status, came = call(client, "POST", "/inventory/receipts", receipt, **headers)
    assert (status, came["units"]) == (200, 65)
    assert call(client, "POST", "/inventory/receipts", receipt, **headers)[1] == {
        "units": 0,
        "receipt": came["receipt"],
    }
    status, shown = call(client, "GET", path, **headers)
    line = shown["lines"][0]
    assert (shown["state"], line["open_quantity"], line["damaged_quantity"]) == ("partial", 35, 5)
    status, closed = call(client, "POST", f"{path}/close", {"reason": "No cloth", "version": 3}, **headers)
    assert (status, closed["state"], closed["lines"][0]["short_quantity"]) == (200, "closed", 35)
    assert call(client, "GET", "/asns?state=received", **headers)[1]["asns"][0]["number"] == "ASN-7"


def test_a_repeated_call_with_its_key_buys_once(client: Client, world: World) -> None:
    headers = buyer() | {"Idempotency-Key": "k1"}

    first, second = (call(client, "POST", "/purchase-orders", order_body(), **headers) for _ in range(2))

    assert first == second
    assert PurchaseOrder.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "status", "field"),
    [
        ({"supplier": "nobody"}, 404, "supplier"), ({"node": "nowhere"}, 404, "node"),
        ({"lines": [{"sku": "NOPE", "quantity": 1}]}, 422, "sku"),
        ({"lines": [{"sku": "KURTA-M", "quantity": 0}]}, 422, "lines"), ({"lines": []}, 422, "lines"),
    ],
)  # fmt: skip
def test_what_cannot_be_bought_is_refused_by_field(
    client: Client, world: World, fields: dict[str, object], status: int, field: str
) -> None:
    answer = call(client, "POST", "/purchase-orders", order_body(**fields), **buyer())

    assert (answer[0], answer[1]["field"]) == (status, field)
    assert not PurchaseOrder.objects.exists()


def test_placing_and_cancelling_mind_the_version(client: Client, world: World) -> None:
    headers = buyer()
    made = call(client, "POST", "/purchase-orders", order_body(), **headers)[1]
    path = f"/purchase-orders/{made['id']}"

    assert call(client, "POST", f"{path}/place", {"version": 9}, **headers)[0] == 409
    assert call(client, "POST", f"{path}/place", {"version": 1}, **headers)[1]["state"] == "placed"
    assert call(client, "POST", f"{path}/cancel", {"reason": "x"}, **headers)[1]["state"] == "cancelled"
    assert call(client, "POST", f"{path}/cancel", {}, **headers)[0] == 409


def test_another_day_is_noted_and_the_rest_stays(client: Client, world: World) -> None:
    _status, made = call(client, "POST", "/purchase-orders", order_body(place=True, reference="SO-1"), **buyer())
    url = f"/purchase-orders/{made['id']}/date"

    status, moved = call(client, "POST", url, {"expected_on": "2030-01-31", "version": made["version"]}, **buyer())
    assert (status, moved["expected_on"], moved["reference"], moved["state"]) == (200, "2030-01-31", "SO-1", "placed")
    assert call(client, "POST", url, {"expected_on": "2030-02-28", "version": 1}, **buyer())[0] == 409
    assert call(client, "POST", url, {"expected_on": "soon"}, **buyer())[0] == 422


@pytest.mark.django_db(transaction=True)
def test_a_day_that_is_moved_takes_nothing_back_that_was_noted_at_the_same_time(client: Client, world: World) -> None:
    _status, made = call(client, "POST", "/purchase-orders", order_body(reference="SO-1", note="By road"), **buyer())
    url, headers = f"/purchase-orders/{made['id']}/date", buyer()

    status, moved = behind(
        lambda: reschedule_purchase_order(order_id=made["id"], version=1, expected_on=None, reference="SO-2",
                                          note="By sea"),
        lambda: call(Client(), "POST", url, {"expected_on": "2030-01-31"}, **headers),
    )  # fmt: skip

    assert (status, moved["expected_on"], moved["reference"], moved["note"], moved["version"]) == (
        200, "2030-01-31", "SO-2", "By sea", 3,
    )  # fmt: skip
    # Empty text is not the same as leaving it out.
    assert call(client, "POST", url, {"expected_on": "2030-01-31", "note": ""}, **headers)[1]["note"] == ""


def test_surplus_is_refused_with_its_numbers_and_can_be_accepted(client: Client, world: World) -> None:
    order = make_placed(make_supplier("mill"), world.blr, (world.kurta, 100))
    receipt = {"node": "blr-01", "reference": "GRN-1", "purchase_order": order.pk,
               "lines": [{"sku": "KURTA-M", "quantity": 120}]}  # fmt: skip

    status, refused = call(client, "POST", "/inventory/receipts", receipt, **buyer())

    assert (status, refused["code"], refused["data"]["allowed"]) == (422, "too_many_units", 5)
    assert call(client, "POST", "/inventory/receipts", receipt | {"accept_over": True}, **buyer())[0] == 200
    assert line_of(order, world.kurta) == (0, 100, 0, 0, 20)


def test_lots_and_serial_numbers_come_over_the_api(client: Client, world: World) -> None:
    make_sku("CREAM", tracking=Tracking.LOT)
    phone = make_sku("PHONE", tracking=Tracking.SERIAL)
    lines = [{"sku": "CREAM", "quantity": 5, "lot": "L1", "expires_on": "2099-01-31"},
             {"sku": "PHONE", "quantity": 1, "damaged": 1, "serials": ["A"], "damaged_serials": ["B"]}]  # fmt: skip

    status, came = call(
        client, "POST", "/inventory/receipts", {"node": "blr-01", "reference": "G", "lines": lines}, **buyer()
    )

    assert (status, came["units"]) == (200, 7)
    shown = call(client, "GET", f"/inventory/receipts/{came['receipt']}", **buyer())[1]
    assert [(line["lot"], line["serials"], line["damaged_serials"]) for line in shown["lines"]] == [
        ("L1", [], []), ("", ["A"], ["B"]),
    ]  # fmt: skip
    assert buckets(phone, world.blr) == (1, 1, 0)


def test_a_receipt_is_taken_back_once(client: Client, world: World) -> None:
    headers = buyer()
    body = {"node": "blr-01", "reference": "GRN-1", "lines": [{"sku": "KURTA-M", "quantity": 4}]}
    made = call(client, "POST", "/inventory/receipts", body, **headers)[1]["receipt"]

    path = f"/inventory/receipts/{made}/reverse"
    status, back = call(client, "POST", path, {"reason": "Wrong"}, **headers)
    assert (status, back["reverses"]) == (200, made)
    assert call(client, "POST", path, {"reason": "Wrong"}, **headers) == (200, back)

    assert StockLevel.objects.get(sku=world.kurta, node=world.blr).on_hand == 10
    assert [row["id"] for row in call(client, "GET", "/inventory/receipts?node=blr-01", **headers)[1]["receipts"]] == [
        back["id"], made,
    ]  # fmt: skip


def test_a_supplier_is_saved_with_what_it_sells(client: Client, world: World) -> None:
    item = {"sku": "KURTA-M", "unit_cost_minor": 41_500, "pack_size": 12, "is_preferred": True}
    body = {"name": "The Mill", "lead_days": 9, "items": [item]}

    status, saved = call(client, "PUT", "/suppliers/mill", body, **buyer())

    assert (status, saved["lead_days"], saved["items"][0]["pack_size"]) == (200, 9, 12)
    assert call(client, "PUT", "/suppliers/mill", body | {"lead_days": 10, "items": []}, **buyer())[1]["items"]
    listed = call(client, "GET", "/suppliers?limit=1", **buyer())[1]
    assert (listed["suppliers"][0]["code"], listed["next"]) == ("mill", "mill")


def _dropship(world: World) -> Node:
    node = make_node("weaver-1", city="Surat", postcode="395003", kind=NodeKind.SUPPLIER)
    stock(world.kurta, node, 10)
    run_atomic(lambda: reserve([Claim(uuid7(), uuid7(), 1, "OM-1", world.kurta.pk, node.pk, 6)], actor="test"))
    return node


def test_a_supplier_reports_its_stock_and_hears_what_is_short(client: Client, world: World) -> None:
    node = _dropship(world)
    headers = bearer("stock.write", node_codes=["weaver-1"])
    rows = [{"sku": "KURTA-M", "on_hand": 2}, {"sku": "NOPE", "on_hand": 1}, {"sku": "SAREE-1", "on_hand": 7}]
    body = {"node": "weaver-1", "reference": "2026-11-22T06:00", "rows": rows}

    status, told = call(client, "POST", "/supplier-stock", body, **headers)

    assert status == 200
    found = {row["sku"]: (row["after"], row["short"], row["problem"]) for row in told["rows"]}
    assert found == {"KURTA-M": (6, 4, ""), "SAREE-1": (7, 0, ""), "NOPE": (0, 0, "There is no such SKU.")}
    assert StockLevel.objects.get(sku=world.saree, node=node).on_hand == 7
    assert call(client, "POST", "/supplier-stock", body | {"node": "blr-01"}, **headers)[0] == 404


def test_what_lies_outside_the_scope_does_not_exist(client: Client, world: World) -> None:
    order = make_placed(make_supplier("mill"), world.blr, (world.kurta, 5))
    headers = bearer("inventory.view", "inventory.buy", "inventory.receive", node_codes=["del-01"])

    assert call(client, "GET", f"/purchase-orders/{order.pk}", **headers)[0] == 404
    assert call(client, "POST", f"/purchase-orders/{order.pk}/cancel", {}, **headers)[0] == 404
    assert call(client, "GET", "/purchase-orders", **headers)[1]["purchase_orders"] == []
    receipt = {
        "node": "del-01",
        "reference": "x",
        "purchase_order": order.pk,
        "lines": [{"sku": "KURTA-M", "quantity": 1}],
    }
    assert call(client, "POST", "/inventory/receipts", receipt, **headers)[0] == 404
    assert (state_of(order), Receipt.objects.count()) == ("placed", 0)
    assert call(client, "POST", "/purchase-orders", order_body(), **bearer("inventory.view"))[0] == 403


def test_lists_cost_no_more_statements_for_more_rows(client: Client, world: World) -> None:
    supplier, headers = make_supplier("mill"), buyer()

    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert call(client, "GET", "/purchase-orders", **headers)[0] == 200
        return len(queries)

    make_placed(supplier, world.blr, (world.kurta, 5))
    statements()  # The first call also notes that the token was used.
    few = statements()
    for _ in range(3):
        make_placed(supplier, world.blr, (world.kurta, 5), (world.saree, 5))
    assert statements() == few
