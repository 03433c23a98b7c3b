"""Transfers and adjustments over the API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from inventory.models import ApprovalLimit, StockAdjustment, StockLevel, Transfer
from oms.accounts.services import create_token
from tests.factories import World, make_sku, make_world

pytestmark = pytest.mark.django_db(transaction=True)
MOVER = ("inventory.view", "inventory.move", "inventory.receive")


@pytest.fixture
def world() -> World:
    return make_world()


def call(client: Client, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
    response = client.generic(
        method, f"/api/v1{path}", data=json.dumps(body) if body is not None else "", content_type="application/json",
        headers=headers,
    )  # fmt: skip
    return response.status_code, json.loads(response.content)


def bearer(name: str, *verbs: str, **scopes: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {create_token(name=name, verbs=verbs, **scopes)[1]}"}


def draft(client: Client, headers: dict[str, str], quantity: int = 4) -> str:
    body = {"from_node": "blr-01", "to_node": "del-01", "lines": [{"sku": "KURTA-M", "quantity": quantity}],
            "expected_on": "2026-12-01"}  # fmt: skip
    status, row = call(client, "POST", "/transfers", body, **headers)
    assert status == 201
    return str(row["number"])


def test_a_transfer_from_draft_to_closed(client: Client, world: World) -> None:
    headers = bearer("wms", *MOVER)
    number = draft(client, headers)
    url = f"/transfers/{number}"

    steps = [
        call(client, "POST", f"{url}/confirm", {"version": 1}, **headers),
        call(client, "POST", f"{url}/ship", {"awb": "V-1", "picked": [{"sku": "KURTA-M", "quantity": 3}]}, **headers),
        call(client, "POST", f"{url}/receive", {
            "reference": "c1", "lines": [{"sku": "KURTA-M", "good": 1, "damaged": 1}], "finish": True
        }, **headers),
        call(client, "POST", f"{url}/resolve", {
            "reference": "d1", "sku": "KURTA-M", "how": "lost", "quantity": 1, "note": "Seal broken"
        }, **headers),
    ]  # fmt: skip

    assert [(status, body["state"]) for status, body in steps] == [
        (200, "reserved"), (200, "shipped"), (200, "received"), (200, "closed")
    ]  # fmt: skip
    line = steps[-1][1]["lines"][0]
    assert line == {
        "sku": "KURTA-M", "quantity": 4, "picked_quantity": 3, "shipped_quantity": 3, "in_transit_quantity": 0,
        "received_quantity": 1, "damaged_quantity": 1, "missing_quantity": 1, "over_quantity": 0,
    }  # fmt: skip
    assert StockLevel.objects.get(sku=world.kurta, node=world.blr).on_hand == 7
    status, listed = call(client, "GET", "/transfers?state=closed,shipped&to_node=del-01", **headers)
    assert (status, [row["number"] for row in listed["transfers"]], listed["next"]) == (200, [number], None)


def test_refusals_name_the_step_and_change_nothing(client: Client, world: World) -> None:
    headers = bearer("wms", *MOVER)
    number = draft(client, headers, 40)
    url = f"/transfers/{number}"

    short = call(client, "POST", f"{url}/confirm", {}, **headers)
    stale = call(client, "POST", f"{url}/confirm", {"version": 7}, **headers)
    early = call(client, "POST", f"{url}/receive", {"reference": "x", "lines": [{"sku": "KURTA-M", "good": 1}]},
                 **headers)  # fmt: skip
    strange = call(client, "POST", f"{url}/receive", {"reference": "x", "lines": [{"sku": "SHOE-42", "good": 1}]},
                   **headers)  # fmt: skip
    cancelled = call(client, "POST", f"{url}/cancel", {"reason": "Too many"}, **headers)

    assert (short[0], short[1]["code"]) == (409, "not_enough_stock")
    assert short[1]["data"]["lines"] == [{"sku": "KURTA-M", "wanted": 40, "atp": 10}]
    assert (stale[0], early[0], strange[0]) == (409, 409, 422)
    assert (cancelled[0], cancelled[1]["state"]) == (200, "cancelled")
    assert call(client, "GET", "/transfers?state=lost", **headers)[0] == 422


def test_a_key_sent_again_gets_the_same_reply(client: Client, world: World) -> None:
    headers = bearer("wms", *MOVER) | {"Idempotency-Key": "k-1"}

    first, second = draft(client, headers), draft(client, headers)

    assert first == second
    assert Transfer.objects.count() == 1


def test_each_token_moves_its_own_nodes_only(client: Client, world: World) -> None:
    everybody = bearer("all", *MOVER)
    number = draft(client, everybody)
    call(client, "POST", f"/transfers/{number}/confirm", {}, **everybody)
    delhi = bearer("delhi", *MOVER, node_codes=["del-01"])
    store = bearer("store", *MOVER, node_codes=["blr-s1"])
    reader = bearer("reader", "inventory.view")

    assert call(client, "GET", f"/transfers/{number}", **delhi)[0] == 200
    assert call(client, "POST", f"/transfers/{number}/ship", {}, **delhi)[0] == 403
    assert call(client, "GET", f"/transfers/{number}", **store)[0] == 404
    assert call(client, "GET", "/transfers", **store)[1]["transfers"] == []
    assert call(client, "POST", f"/transfers/{number}/ship", {}, **reader)[0] == 403
    assert Transfer.objects.get().state == "reserved"


def test_adjustments_above_the_limit_wait_for_another_token(client: Client, world: World) -> None:
    ApprovalLimit.objects.create(units=3)
    asker = bearer("wms", "inventory.adjust", "inventory.approve", "inventory.view")
    lead = bearer("lead", "inventory.approve", "inventory.view")
    body = {"node": "blr-01", "sku": "KURTA-M", "reason": "theft", "quantity": 5, "reference": "a"}

    asked = call(client, "POST", "/inventory/adjustments", body, **asker)
    again = call(client, "POST", "/inventory/adjustments", body, **asker)
    pk = asked[1]["id"]
    own = call(client, "POST", f"/inventory/adjustments/{pk}/approve", {}, **asker)
    waiting = call(client, "GET", "/inventory/adjustments?state=waiting", **lead)
    approved = call(client, "POST", f"/inventory/adjustments/{pk}/approve", {"note": "Seen"}, **lead)
    small = call(client, "POST", "/inventory/adjustments", body | {"quantity": 1, "reference": "b"}, **asker)

    assert asked == again == (200, {"changed": False, "state": "waiting", "id": pk})
    assert (own[0], own[1]["code"]) == (403, "forbidden")
    assert [row["id"] for row in waiting[1]["adjustments"]] == [pk]
    assert (approved[0], approved[1]["state"], approved[1]["decided_by"]) == (200, "posted", "API lead")
    assert small[1]["changed"] is True
    assert StockLevel.objects.get(sku=world.kurta, node=world.blr).on_hand == 4


def test_rejecting_counts_and_scopes(client: Client, world: World) -> None:
    ApprovalLimit.objects.create(units=3)
    asker = bearer("wms", "inventory.adjust")
    lead = bearer("lead", "inventory.approve", "inventory.view")
    delhi = bearer("delhi", "inventory.approve", "inventory.view", node_codes=["del-01"])
    body = {"node": "blr-01", "sku": "KURTA-M", "counted": 2, "reference": "c"}

    status, asked = call(client, "POST", "/inventory/counts", body, **asker)
    hidden = call(client, "POST", f"/inventory/adjustments/{asked['id']}/approve", {}, **delhi)
    empty = call(client, "POST", f"/inventory/adjustments/{asked['id']}/reject", {}, **lead)
    rejected = call(client, "POST", f"/inventory/adjustments/{asked['id']}/reject", {"note": "No"}, **lead)
    near = call(client, "POST", "/inventory/counts", body | {"counted": 9, "reference": "d"}, **asker)
    wrong = call(client, "POST", "/inventory/adjustments", body | {"reason": "count", "quantity": 1}, **asker)

    assert (status, asked["change"], asked["state"]) == (200, 0, "waiting")
    assert (hidden[0], empty[0], rejected[1]["state"]) == (404, 422, "rejected")
    assert (near[1]["change"], near[1]["state"]) == (-1, "posted")
    assert wrong[0] == 422
    assert call(client, "GET", "/inventory/adjustments", **delhi)[1]["adjustments"] == []


def test_serial_numbers_are_named_in_adjustments(client: Client, world: World) -> None:
    make_sku("PHONE", tracking="serial")
    headers = bearer("wms", "inventory.adjust", "inventory.view")
    body = {"node": "blr-01", "sku": "PHONE", "reason": "found", "quantity": 2, "reference": "a"}

    refused = call(client, "POST", "/inventory/adjustments", body, **headers)
    done = call(client, "POST", "/inventory/adjustments", body | {"serials": ["I-1", "I-2"]}, **headers)

    assert (refused[0], refused[1]["code"]) == (422, "tracking_needed")
    assert done[1]["changed"] is True
    assert StockAdjustment.objects.get().serials == ["I-1", "I-2"]
