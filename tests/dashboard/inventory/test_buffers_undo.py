"""Taking the removal of buffer rules back."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from inventory.models import BufferRule
from inventory.services import set_safety_stock
from oms.accounts.models import User
from oms.core.clock import now
from tests.dashboard.inventory.test_buffers import HOME, kept, rule, signed_in
from tests.factories import World, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def key() -> dict[str, str]:
    return {"idempotency_key": str(uuid4())}


def undo_url(client: Client, page: str = HOME) -> str:
    """The address behind Undo, empty where nothing is offered."""
    found = re.search(r'action="(/inventory/buffers/removed/[^"]+/restore/)"', client.get(page).content.decode())
    return found[1] if found else ""


def words(client: Client, url: str, **headers: str) -> str:
    response = client.post(url, follow=True, headers=headers)
    return " ".join(response.content.decode().split())


def test_a_removed_rule_is_back_with_its_terms_and_place_and_only_once(world: World) -> None:
    ends = now() + timedelta(days=5)
    first = rule("First", amount=1)
    made = rule("Diwali", amount=4, node_kind="warehouse", ends_at=ends, note="Until the rush is over")
    BufferRule.objects.filter(pk=made.pk).update(priority=first.priority - 10)
    client = signed_in()

    client.post(f"{HOME}{made.pk}/remove/", key())
    assert kept(world) == {1}
    url = undo_url(client)
    assert url
    # It is offered on the page after the removal, and on no other.
    assert undo_url(client) == ""

    assert "Diwali is back. 6 stock levels changed." in words(client, url)
    assert "Diwali is back." in words(client, url)

    [back] = BufferRule.objects.filter(name="Diwali")
    assert (back.amount, back.node_kind, back.ends_at, back.note, back.priority, back.is_active) == (
        4, "warehouse", ends, "Until the rush is over", first.priority - 10, True,
    )  # fmt: skip
    assert kept(world) == {4}


def test_rules_that_were_removed_together_come_back_together(world: World) -> None:
    for node in (world.blr, world.delhi):
        set_safety_stock(node_id=node.pk, sku_id=world.kurta.pk, quantity=4, actor="Ravi")
    client = signed_in()
    client.post(f"{HOME}bulk/remove/", {"ids": list(BufferRule.objects.values_list("pk", flat=True))} | key())
    assert kept(world) == {0}

    url = undo_url(client, f"{HOME}?show=hand")
    response = client.post(url, headers={"HX-Request": "true"})

    assert (response.status_code, response["HX-Redirect"]) == (204, f"{HOME}?show=hand")
    assert kept(world) == {4}
    assert BufferRule.objects.count() == 2


def test_what_was_set_meanwhile_stays_and_nothing_comes_back(world: World) -> None:
    for node in (world.blr, world.delhi):
        set_safety_stock(node_id=node.pk, sku_id=world.kurta.pk, quantity=4, actor="Ravi")
    client = signed_in()
    client.post(f"{HOME}bulk/remove/", {"ids": list(BufferRule.objects.values_list("pk", flat=True))} | key())
    url = undo_url(client)
    set_safety_stock(node_id=world.delhi.pk, sku_id=world.kurta.pk, quantity=7, actor="Ravi")

    response = client.post(url)

    assert response.status_code == 409
    assert "another safety stock was set by hand meanwhile" in response.content.decode()
    assert kept(world) == {0, 7}


def test_nobody_else_and_nobody_later_takes_it_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made, client = rule(), signed_in()
    client.post(f"{HOME}{made.pk}/remove/", key())
    url = undo_url(client)

    assert signed_in().post(url).status_code == 404
    later = now() + timedelta(minutes=61)
    monkeypatch.setattr("oms.dashboard.inventory.buffer_undo.now", lambda: later)
    assert client.post(url).status_code == 404
    assert not BufferRule.objects.exists()


@pytest.mark.parametrize(("terms", "scope", "status"), [
    ({"node": True}, {"all_nodes": False, "node_codes": ["blr-01"]}, 302),
    ({"node": True}, {"all_nodes": False, "node_codes": ["del-01"]}, 404),
    ({}, {"all_nodes": False, "node_codes": ["blr-01", "del-01"]}, 404),
    ({"channel_code": "web"}, {"all_channels": False, "channel_codes": ["web"]}, 302),
    ({"channel_code": "web"}, {"all_channels": False, "channel_codes": ["shop"]}, 404),
    ({}, {"all_channels": False, "channel_codes": ["shop"]}, 302),
])  # fmt: skip
def test_only_rules_of_nodes_and_channels_that_the_person_still_sees_come_back(
    world: World, terms: dict[str, Any], scope: dict[str, Any], status: int
) -> None:
    made = rule(node_id=world.blr.pk if terms.get("node") else None, channel_code=terms.get("channel_code", ""))
    client = signed_in()
    client.post(f"{HOME}{made.pk}/remove/", key())
    url = undo_url(client)
    User.objects.filter(pk=client.session["_auth_user_id"]).update(**scope)

    response = client.post(url)

    assert response.status_code == status
    assert BufferRule.objects.exists() == (status == 302)
