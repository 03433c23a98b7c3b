"""Kits on the screens: components edited with a preview, cells and drawers that explain what can be assembled."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from channels.models import ChannelAccount, InboundMessage
from inventory.models import Sku
from oms.accounts.models import Role, User
from tests.channels.services.doors import make_account, take, woo
from tests.factories import World, make_sku, make_world, stock
from tests.kits import make_kit

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def kit(world: World) -> Sku:
    return make_kit("GIFT-SET", (world.kurta, 2), (world.shoe, 1))


def signed_in(**fields: object) -> Client:
    defaults: dict[str, object] = {"email": "lead@example.com", "role": Role.ADMIN, "all_nodes": True,
                                   "all_channels": True}  # fmt: skip
    client = Client()
    client.force_login(User.objects.create(**(defaults | fields)), backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def client() -> Client:
    return signed_in()


def page(client: Client, name: str, *args: object, **params: str) -> str:
    return client.get(reverse(f"dashboard:{name}", args=args), params).content.decode()


def sent(client: Client, sku: Sku, **fields: str) -> tuple[int, str]:
    url = reverse("dashboard:sku_components", args=[sku.pk])
    found = client.get(url).context["form"]
    data = {"lines": found.initial["lines"], "version": found.initial["version"], "op_key": found.initial["op_key"],
            "ships_together": "on"}  # fmt: skip
    response = client.post(url, {key: str(value) for key, value in (data | fields).items()})
    return response.status_code, response.content.decode()


def test_the_page_of_a_kit_shows_its_components_and_where_it_can_be_assembled(
    client: Client, world: World, kit: Sku
) -> None:
    stock(world.kurta, world.blr, 9)
    text = page(client, "sku", kit.pk)
    assert "Where it can be assembled" in text
    assert "4 = min(9 / 2 of KURTA-M, 10 / 1 of SHOE-42)" in text
    assert reverse("dashboard:sku_components", args=[kit.pk]) in text
    assert 'id="sku-nodes"' not in text
    part = page(client, "sku", world.shoe.pk)
    assert "Part of these kits" in part
    assert "GIFT-SET" in part


def test_a_kit_without_components_says_what_happens(client: Client, world: World) -> None:
    assert "Orders for it wait in quarantine" in page(client, "sku", make_kit("EMPTY").pk)


def test_the_drawer_of_a_kit_explains_the_number(client: Client, world: World, kit: Sku) -> None:
    stock(world.shoe, world.delhi, 3)
    text = page(client, "level", kit.pk, "del-01")
    assert "3 = min(10 / 2 of KURTA-M, 3 / 1 of SHOE-42)" in text
    assert reverse("dashboard:level", args=[world.shoe.pk, "del-01"]) in text
    assert "scarcest" in text
    assert "blr-s1 never had a component of it." in page(client, "level", kit.pk, "blr-s1")


def test_the_grid_shows_what_can_be_assembled_and_marks_kits(client: Client, world: World, kit: Sku) -> None:
    stock(world.shoe, world.delhi, 3)
    text = page(client, "inventory")
    assert "Kit: no stock of its own" in text
    response = client.get(reverse("dashboard:inventory"))
    [row] = [row for row in response.context["grid"].rows if row.is_kit]
    assert (row.atp, [cell.atp if cell else None for cell in row.cells]) == (8, [5, None, 3])
    below = client.get(reverse("dashboard:inventory"), {"below": "9", "kind": "warehouse"})
    assert "GIFT-SET" in [row.sku.code for row in below.context["grid"].rows]
    below = client.get(reverse("dashboard:inventory"), {"below": "8", "kind": "warehouse"})
    assert "GIFT-SET" not in [row.sku.code for row in below.context["grid"].rows]


def test_kits_cost_the_grid_one_statement_however_many(client: Client, world: World) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as found:
            page(client, "inventory")
        return len(found)

    plain = statements()
    for number in range(3):
        make_kit(f"SET-{number}", (world.kurta, 1), (world.shoe, 2))
    few = statements()
    for number in range(3, 9):
        make_kit(f"SET-{number}", (world.saree, 1))
    assert (few, statements()) == (plain + 1, plain + 1)


def test_components_are_shown_before_they_are_saved(client: Client, world: World) -> None:
    kit = make_sku("GIFT-SET")
    status, text = sent(client, kit, lines="KURTA-M 2\nSHOE-42")
    assert status == 200
    assert "5 = min(10 / 2 of KURTA-M, 10 / 1 of SHOE-42)" in text
    assert "Orders that came before keep the components they came with." in text
    assert not kit.components.exists()

    assert sent(client, kit, lines="KURTA-M 2\nSHOE-42", confirmed="1")[0] == 302
    parts = kit.components.order_by("component__code").values_list("component__code", "quantity")
    assert list(parts) == [("KURTA-M", 2), ("SHOE-42", 1)]
    kit.refresh_from_db()
    assert (kit.is_kit, kit.ships_together) == (True, True)

    assert sent(client, kit, lines="", confirmed="1")[0] == 302
    kit.refresh_from_db()
    assert (kit.is_kit, kit.components.count()) == (False, 0)


def test_what_cannot_be_is_said_at_the_form(client: Client, world: World, kit: Sku) -> None:
    for lines, words in (
        ("NOPE 1", "Not in the catalogue: NOPE"),
        ("GIFT-SET 1", "GIFT-SET cannot be a component of itself"),
        ("KURTA-M 0", "the quantity must be a whole number from 1"),
    ):
        status, text = sent(client, kit, lines=lines, confirmed="1")
        assert (status, words in text) == (422, True), lines
    status, text = sent(client, world.kurta, lines="SAREE-1 1", confirmed="1")
    assert status == 422
    assert "KURTA-M is a component of GIFT-SET, so it cannot be a kit" in text
    assert kit.components.count() == 2


def test_an_editor_that_saw_another_recipe_is_told_so(client: Client, world: World, kit: Sku) -> None:
    status, _ = sent(client, kit, lines="SAREE-1 1", version="0" * 12, confirmed="1")
    assert status == 409
    assert kit.components.count() == 2


def test_saving_takes_in_the_orders_that_waited(client: Client, world: World) -> None:
    account: ChannelAccount = make_account(world)
    empty = make_kit("EMPTY-SET")
    take(account, woo(sku="EMPTY-SET"))
    assert sent(client, empty, lines="SAREE-1 1", confirmed="1")[0] == 302
    assert InboundMessage.objects.get().state == "pending"


def test_who_sees_a_part_of_the_business_cannot_change_recipes(world: World, kit: Sku) -> None:
    client = signed_in(email="some@example.com", role=Role.OPS_MANAGER, all_nodes=False)
    assert sent(client, kit, lines="SAREE-1 1", confirmed="1")[0] == 403
    viewer = signed_in(email="view@example.com", role=Role.CUSTOMER_SERVICE)
    assert viewer.get(reverse("dashboard:sku_components", args=[kit.pk])).status_code == 403
    assert kit.components.count() == 2
