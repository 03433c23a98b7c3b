"""Counts over the API: from the plan to the ledger, each call once however often it is sent."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.test import Client

from inventory.models import ApprovalLimit, StockCount, StockMovement
from oms.core.clock import now
from oms.core.values import MAX_MINOR
from tests.api.test_api import bearer, call
from tests.factories import World, make_line, make_world
from tests.fulfillment.floor import make_work, stock_of
from tests.inventory.counting import begun, in_review, items_of, scan

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return make_world()


def scan_body(code: str, **fields: object) -> dict[str, object]:
    return {"uid": str(uuid4()), "code": code, "at": now().isoformat(), **fields}


def test_from_the_plan_to_the_ledger(client: Client, world: World) -> None:
    headers = bearer("inventory.view", "inventory.count", "inventory.adjust")
    key = {"Idempotency-Key": "plan-1"}

    plans = [
        call(client, "POST", "/counts", {"node": "blr-01", "skus": ["KURTA-M", "SAREE-1"]}, **headers, **key)
        for _ in range(2)
    ]
    assert plans[0] == plans[1]
    status, made = plans[0]
    assert (status, made["state"], made["skus"]) == (201, "open", 2)
    at = f"/counts/{made['uid']}"
    _, session = call(client, "POST", f"{at}/sessions", {"area": "A", "device": "gun-1"}, **headers)
    place, token = f"{at}/sessions/{session['uid']}", session["token"]
    found = [scan_body("KURTA-M", quantity=8), scan_body("SAREE-1", quantity=10), scan_body("ODD")]
    batch = {"token": token, "now": now().isoformat(), "scans": found}
    first, second = (call(client, "POST", f"{place}/scans", batch, **headers) for _ in range(2))
    assert [row["outcome"] for row in first[1]["answers"]] == ["counted", "counted", "unmatched"]
    assert second[1]["answers"][0]["total"] == 8
    assert call(client, "POST", f"{place}/submit", {"token": token}, **headers) == (200, {"state": "submitted"})

    assert call(client, "POST", f"{at}/review", **headers)[1]["to_review"] == 1
    assert call(client, "POST", f"{at}/codes", {"code": "ODD", "reason": "A label"}, **headers) == (200, {"scans": 1})
    for expected in ([{"sku": "KURTA-M", "posted": -2}], []):
        reply = call(client, "POST", f"{at}/accept", {"skus": ["KURTA-M"]}, **headers)
        assert reply == (200, {"accepted": expected, "refused": []})
    assert call(client, "POST", f"{at}/close", **headers)[1]["state"] == "closed"

    lines = call(client, "GET", at, **headers)[1]["lines"]
    assert [(row["sku"], row["state"], row["counted"], row["expected"], row["posted"]) for row in lines] == [
        ("KURTA-M", "accepted", 8, 10, -2), ("SAREE-1", "auto", 10, 10, 0)
    ]  # fmt: skip
    assert stock_of(world.kurta, world.blr) == {"on_hand": 8}
    assert StockMovement.objects.filter(reason="count").count() == 1
    assert [row["number"] for row in call(client, "GET", "/counts?state=closed", **headers)[1]["counts"]] == [
        made["number"]
    ]


def test_refusals_name_the_area_the_limit_and_the_orders(client: Client, world: World) -> None:
    ApprovalLimit.objects.create(node_kind="", units=2, value_minor=MAX_MINOR)
    work = make_work(world, "1", make_line(world.saree, 9))
    count = in_review(begun(world.blr, world.kurta, world.saree), scan("KURTA-M", 5), scan("SAREE-1", 8))
    going = begun(world.blr, world.kurta)
    headers = bearer("inventory.view", "inventory.count", "inventory.adjust")
    other = bearer("inventory.count")

    call(client, "POST", f"/counts/{going.uid}/sessions", {"area": "A", "device": "gun-1"}, **headers)
    held = call(client, "POST", f"/counts/{going.uid}/sessions", {"area": "a", "device": "gun-2"}, **other)
    _, reply = call(client, "POST", f"/counts/{count.uid}/accept", {}, **headers)

    assert (held[0], held[1]["code"]) == (409, "area_held")
    assert reply["accepted"] == []
    assert [(row["sku"], row["code"], row["orders"]) for row in reply["refused"]] == [
        ("KURTA-M", "needs_approval", []), ("SAREE-1", "not_enough_stock", [work.order.number])
    ]  # fmt: skip


def test_lines_are_rejected_counted_as_none_and_counted_again(client: Client, world: World) -> None:
    count = in_review(begun(world.blr, world.kurta, world.saree, world.shoe), scan("KURTA-M", 5))
    headers = bearer("inventory.view", "inventory.adjust")
    at = f"/counts/{count.uid}"

    assert call(client, "POST", f"{at}/reject", {"skus": ["KURTA-M"]}, **headers) == (200, {"rejected": 1})
    assert call(client, "POST", f"{at}/none", {"skus": ["SAREE-1"]}, **headers) == (200, {"counted": 1})
    status, again = call(client, "POST", f"{at}/recount", {}, **headers)
    assert (status, again["skus"], again["name"]) == (201, 2, f"Again: {count.number}")
    assert {row[0] for row in items_of(count).values()} == {"rejected"}
    assert call(client, "POST", f"/counts/{again['uid']}/cancel", **headers)[1]["state"] == "cancelled"


def test_counts_of_other_nodes_and_without_the_verb_are_out_of_reach(client: Client, world: World) -> None:
    far = begun(world.delhi, world.kurta)
    near = bearer("inventory.view", "inventory.count", "inventory.adjust", node_codes=["blr-01"])
    reader = bearer("inventory.view")

    assert call(client, "GET", "/counts", **near)[1]["counts"] == []
    for method, tail, body in (
        ("GET", "", None), ("POST", "/sessions", {"area": "", "device": "x"}), ("POST", "/review", None),
        ("POST", "/accept", {}), ("POST", "/cancel", None),
    ):  # fmt: skip
        assert call(client, method, f"/counts/{far.uid}{tail}", body, **near)[0] == 404
    assert call(client, "POST", "/counts", {"node": "del-01", "skus": ["KURTA-M"]}, **near)[0] == 404
    assert call(client, "POST", "/counts", {"node": "del-01", "skus": ["KURTA-M"]}, **reader)[0] == 403
    assert "lines" not in call(client, "GET", f"/counts/{far.uid}", **reader)[1]
    assert call(client, "POST", "/counts", {"node": "blr-01", "skus": ["NOPE"]}, **near)[1]["field"] == "skus"
    assert StockCount.objects.count() == 1
