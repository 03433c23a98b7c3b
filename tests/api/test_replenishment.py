"""Replenishment over the API: reading suggestions, deciding once, rules and their preview."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from inventory.models import (
    PurchaseOrder,
    ReplenishmentRule,
    ReplenishmentSuggestion,
    Supplier,
    SupplierItem,
    Transfer,
)
from inventory.services.replenishing import refresh_suggestions
from oms.accounts.services import create_token
from oms.core.models import Job
from tests.factories import World, make_world

pytestmark = pytest.mark.django_db
VERBS = ["inventory.view", "inventory.move", "inventory.buy", "inventory.rules"]


@pytest.fixture
def world() -> World:
    """Bengaluru lacks five kurtas, which the mill sells, and five shoes, which Delhi has."""
    world = make_world()
    mill = Supplier.objects.create(code="mill", name="Mill", lead_days=9)
    SupplierItem.objects.create(supplier=mill, sku=world.kurta)
    for sku, source in ((world.kurta, None), (world.shoe, world.delhi)):
        ReplenishmentRule.objects.create(name=sku.code, sku=sku, node=world.blr, from_node=source, least_stock=15)
    refresh_suggestions()
    return world


def ask(
    method: str, path: str, body: Any = None, *, verbs: list[str] = VERBS, key: str = "", **limits: Any
) -> tuple[int, Any]:
    _, secret = create_token(name="erp", verbs=verbs, **limits)
    response = Client().generic(
        method, f"/api/v1/replenishment{path}", "" if body is None else json.dumps(body),
        content_type="application/json",
        headers={"Authorization": f"Bearer {secret}", "Idempotency-Key": key or str(uuid4())},
    )  # fmt: skip
    return response.status_code, response.json()


def one(code: str) -> ReplenishmentSuggestion:
    return ReplenishmentSuggestion.objects.filter(sku__code=code).latest("pk")


def test_suggestions_carry_their_figures_and_the_sum(world: World) -> None:
    status, answer = ask("GET", "/suggestions?limit=1")
    assert (status, len(answer["suggestions"])) == (200, 1)
    row = answer["suggestions"][0]
    assert {name: row[name] for name in ("sku", "node", "way", "supplier", "quantity", "urgent", "state")} == {
        "sku": "KURTA-M", "node": "blr-01", "way": "purchase", "supplier": "mill", "quantity": 5, "urgent": False,
        "state": "open",
    }  # fmt: skip
    assert row["sum"] == (
        "Order 5 from Mill: no demand known, least stock = reorder at 15; position 10 = 10 ATP; up to 15."
    )
    assert row["figures"]["reorder_at"] == 15
    _, second = ask("GET", f"/suggestions?limit=1&after={answer['next']}")
    assert [row["sku"] for row in second["suggestions"]] == ["SHOE-42"]
    assert ask("GET", f"/suggestions/{one('SHOE-42').pk}")[1]["from_node"] == "del-01"
    assert ask("GET", "/suggestions?way=transfer&node=del-01")[1] == {"suggestions": [], "next": None}
    for query in ("state=none", "after=x", "after=1"):
        assert ask("GET", f"/suggestions?{query}")[0] == 422


def test_accepting_makes_drafts_once_and_undo_takes_them_back(world: World) -> None:
    kurta, shoe = one("KURTA-M"), one("SHOE-42")
    body = {"suggestions": [{"id": kurta.pk, "quantity": 8}, {"id": shoe.pk}]}
    status, answer = ask("POST", "/accept", body)
    order, transfer = PurchaseOrder.objects.get(), Transfer.objects.get()
    assert status == 200
    assert {row["number"] for row in answer["drafts"]} == {order.number, transfer.number}
    assert (order.created_by, order.lines.get().quantity) == ("API erp", 8)
    _, again = ask("POST", "/accept", body)
    assert again["done"] == []
    assert len(again["refused"]) == 2
    status, answer = ask("POST", "/undo", {"suggestions": [kurta.pk, shoe.pk]})
    assert (status, answer["done"], answer["refused"]) == (200, [kurta.pk, shoe.pk], {})
    order.refresh_from_db()
    assert (order.state, one("KURTA-M").state) == ("cancelled", "open")


def test_who_does_not_buy_accepts_transfers_only_and_nothing_out_of_scope(world: World) -> None:
    kurta, shoe = one("KURTA-M"), one("SHOE-42")
    body = {"suggestions": [{"id": kurta.pk}, {"id": shoe.pk}]}
    status, answer = ask("POST", "/accept", body, verbs=["inventory.move"])
    assert (status, answer["done"]) == (200, [shoe.pk])
    assert answer["refused"] == {str(kurta.pk): "Buying is for those who may buy."}
    assert ask("POST", "/accept", body, node_codes=["del-01"])[0] == 404
    assert ask("POST", "/accept", body, verbs=["inventory.view"])[0] == 403
    assert ask("POST", "/accept", {"suggestions": []})[0] == 422


def test_dismissing_and_working_out(world: World) -> None:
    kurta = one("KURTA-M")
    status, answer = ask("POST", "/dismiss", {"suggestions": [kurta.pk], "reason": "No room", "days": 3})
    assert (status, answer["done"]) == (200, [kurta.pk])
    assert ask("GET", "/suggestions?state=dismissed")[1]["suggestions"][0]["reason"] == "No room"
    status, answer = ask("POST", "/run", {})
    assert (status, answer["job"]) == (202, str(Job.objects.get().uid))


def test_rules_are_previewed_made_changed_moved_and_removed(world: World) -> None:
    rule = {"name": "Sarees", "sku": "SAREE-1", "node": "blr-01", "least_stock": 14, "service_level_bp": 9900}
    status, answer = ask("POST", "/rules/preview", rule)
    assert (status, answer["before"], answer["after"], answer["units_after"]) == (200, 0, 1, 4)
    assert ReplenishmentRule.objects.count() == 2
    status, made = ask("POST", "/rules", rule)
    assert (status, made["service_level_bp"], made["changed_by"]) == (201, 9900, "API erp")
    path = f"/rules/{made['id']}"
    assert ask("PUT", path, rule | {"most_stock": 30, "seen_at": made["changed_at"]})[1]["most_stock"] == 30
    assert ask("PUT", path, rule | {"most_stock": 31, "seen_at": made["changed_at"]})[0] == 409
    assert ask("PUT", path, rule | {"most_stock": 3})[0] == 422
    ask("POST", f"{path}/move?way=up", {})
    order = list(ReplenishmentRule.objects.order_by("priority", "pk").values_list("name", flat=True))
    assert order.index("Sarees") == 1
    assert ask("GET", "/rules")[1]["rules"][-1]["name"] == "Sarees"
    assert ask("DELETE", path)[0] == 200
    assert ask("GET", path)[0] == 404
    assert ask("POST", "/rules", rule | {"from_node": "nowhere"})[1]["field"] == "from_node"
    assert ask("POST", "/rules", rule | {"node": ""}, node_codes=["blr-01"])[0] == 422
