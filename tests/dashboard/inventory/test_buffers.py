"""The buffer rules on screen: what they keep back, what a change would do, and changing them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from inventory.models import BufferRule, Sku, StockLevel
from inventory.services import RuleTerms, create_rule, set_safety_stock
from oms.accounts.models import User
from tests.factories import World, make_world

pytestmark = pytest.mark.django_db
HOME = "/inventory/buffers/"


@pytest.fixture
def world() -> World:
    return make_world()


def signed_in(role: str = "ops_manager", **fields: Any) -> Client:
    user = User.objects.create(email=f"{uuid4()}@example.com", role=role,
                               **({"all_nodes": True, "all_channels": True} | fields))  # fmt: skip
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def filled(**fields: Any) -> dict[str, Any]:
    return {"name": "Stores", "measure": "units", "amount": "3", "is_active": "on", "idempotency_key": str(uuid4()),
            **fields}  # fmt: skip


def rule(name: str = "Rule", **fields: Any) -> BufferRule:
    return create_rule(terms=RuleTerms(**{"name": name, "measure": "units", "amount": 2, **fields}), actor="Asha").rule


def kept(world: World) -> set[int]:
    return set(StockLevel.objects.filter(sku=world.kurta).values_list("safety_stock", flat=True))


def test_the_list_says_what_each_rule_keeps_back_now(world: World) -> None:
    rule("Warehouses", node_kind="warehouse")
    page = signed_in().get(HOME).content.decode()
    assert "Warehouses" in page
    assert "2 units" in page
    assert page.count('<td class="num">6</td>') == 1  # levels
    assert page.count('<td class="num">12</td>') == 2  # units kept, and hidden of ATP


def test_rules_set_by_hand_have_a_page_of_their_own_and_can_be_removed_together(world: World) -> None:
    set_safety_stock(node_id=world.blr.pk, sku_id=world.kurta.pk, quantity=4, actor="Ravi")
    set_safety_stock(node_id=world.delhi.pk, sku_id=world.kurta.pk, quantity=4, actor="Ravi")
    client = signed_in()
    assert "KURTA-M at blr-01" not in client.get(HOME).content.decode()
    assert "KURTA-M at blr-01" in client.get(f"{HOME}?show=hand").content.decode()

    ids = list(BufferRule.objects.values_list("pk", flat=True))
    client.post(f"{HOME}bulk/remove/", {"ids": ids, "idempotency_key": str(uuid4())})
    assert (BufferRule.objects.count(), kept(world)) == (0, {0})


def test_a_rule_is_previewed_saved_once_and_changed(world: World) -> None:
    client = signed_in()
    fields = filled(node="blr-01")
    shown = client.post(f"{HOME}new/", {**fields, "show": "1"}).content.decode()
    assert "Hides 9 more units." in shown
    assert not BufferRule.objects.exists()

    for _ in range(2):
        assert client.post(f"{HOME}new/", fields).status_code == 302
    saved = BufferRule.objects.get()
    assert (saved.name, saved.node, kept(world)) == ("Stores", world.blr, {3, 0})

    seen = saved.changed_at.isoformat()
    assert client.post(f"{HOME}{saved.pk}/", filled(node="blr-01", amount="5", seen_at=seen)).status_code == 302
    assert kept(world) == {5, 0}
    stale = client.post(f"{HOME}{saved.pk}/", filled(node="blr-01", amount="9", seen_at=seen))
    assert (stale.status_code, kept(world)) == (409, {5, 0})


def test_the_live_preview_answers_while_the_form_is_filled_in(world: World) -> None:
    client = signed_in()
    assert "once name and amount are there" in client.post(f"{HOME}preview/", {"name": "x"}).content.decode()
    StockLevel.objects.filter(pk=0)
    found = client.post(f"{HOME}preview/", filled(amount="10", sku="KURTA-M")).content.decode()
    assert "Hides 20 more units." in found
    assert "1 SKU goes to zero." in found
    saved = rule()
    less = client.post(f"{HOME}preview/?rule={saved.pk}", filled(amount="1")).content.decode()
    assert "Frees 6 units." in less


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"amount": ""}, "This field is required"), ({"sku": "NOTHING"}, "There is no SKU NOTHING"),
        ({"category": "Nothing"}, "No SKU has the category Nothing"),
        ({"measure": "percent", "amount": "101"}, "from 0 to 100"),
        ({"starts_at": "2026-12-02T10:00", "ends_at": "2026-12-01T10:00"}, "ends before it starts"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_beside_its_field(world: World, bad: dict[str, str], words: str) -> None:
    answer = signed_in().post(f"{HOME}new/", filled(**bad))
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not BufferRule.objects.exists()


def test_rules_are_put_in_order_and_removed_after_a_look(world: World) -> None:
    first, second = rule("First", amount=1), rule("Second", amount=4)
    client = signed_in()
    client.post(f"{HOME}{second.pk}/move/", {"way": "up", "idempotency_key": str(uuid4())})
    assert kept(world) == {4}
    assert "Frees 18 units." in client.get(f"{HOME}{second.pk}/remove/").content.decode()
    client.post(f"{HOME}{second.pk}/remove/", {"idempotency_key": str(uuid4())})
    assert kept(world) == {1}
    assert [each.pk for each in BufferRule.objects.all()] == [first.pk]


def test_people_of_one_node_make_rules_for_it_only_and_do_not_see_those_of_others(world: World) -> None:
    there, everywhere = rule("There", node_id=world.delhi.pk), rule("Everywhere")
    client = signed_in(all_nodes=False, node_codes=["blr-01"])
    page = client.get(HOME).content.decode()
    assert ("There" in page, "Everywhere" in page) == (False, True)
    for pk in (there.pk, everywhere.pk):
        assert client.get(f"{HOME}{pk}/").status_code == 404
        assert client.post(f"{HOME}{pk}/remove/", {}).status_code == 404
    assert client.post(f"{HOME}new/", filled()).status_code == 422
    assert client.post(f"{HOME}new/", filled(node="del-01")).status_code == 422
    assert client.post(f"{HOME}new/", filled(node="blr-01")).status_code == 302


def test_who_may_only_look_changes_nothing(world: World) -> None:
    saved = rule()
    client = signed_in("customer_service")
    assert client.get(HOME).status_code == 200
    assert client.post(f"{HOME}{saved.pk}/remove/", {}).status_code == 403
    assert BufferRule.objects.exists()


def test_the_export_holds_what_the_page_shows(world: World) -> None:
    rule("=Warehouses", node_kind="warehouse")
    answer = signed_in().get(f"{HOME}export.csv")
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    assert "'=Warehouses,Warehouse,2 units,,In force,6,12,12,Asha" in text


def test_the_list_asks_as_many_statements_for_many_rules_as_for_few(world: World) -> None:
    client = signed_in()

    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get(HOME)
        return len(captured)

    rule("a", sku_id=world.kurta.pk, node_id=world.blr.pk)
    statements()
    few = statements()
    for name in "bcdefg":
        rule(name, sku_id=world.saree.pk, node_id=world.delhi.pk)
    assert statements() == few
    assert Sku.objects.exists()
