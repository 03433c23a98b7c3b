"""Substitutes on the page of a SKU: written in their order, refused with a reason, put back."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.test import Client

from inventory.models import Substitute
from inventory.services import set_substitutes
from oms.accounts.models import Role
from tests.dashboard.inventory.test_kits import signed_in
from tests.factories import World, make_world
from tests.kits import make_kit

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def client() -> Client:
    return signed_in()


def codes(world: World) -> list[str]:
    return list(Substitute.objects.filter(sku=world.kurta).order_by("rank").values_list("substitute__code", flat=True))


def test_substitutes_are_written_shown_and_put_back(client: Client, world: World) -> None:
    set_substitutes(sku_id=world.kurta.pk, substitute_ids=[world.shoe.pk], actor="Asha")
    address = f"/inventory/{world.kurta.pk}/substitutes/"
    assert "SHOE-42" in client.get(address).content.decode()

    saved = client.post(address, {"lines": "SAREE-1\nSHOE-42\n", "seen": str(world.shoe.pk)}, follow=True)
    page = saved.content.decode()

    assert codes(world) == ["SAREE-1", "SHOE-42"]
    assert re.findall(r'data-row="(\d+)"', page.split('id="sku-substitutes"')[1].split("</table>")[0]) == [
        str(world.saree.pk), str(world.shoe.pk),
    ]  # fmt: skip
    form = page.split('substitutes/"')[-1]
    before = unescape(form.split("<textarea")[1].split(">", 1)[1].split("<")[0])
    seen = re.findall(r'name="seen" value="([\d.]*)"', form)[0]
    client.post(address, {"lines": before, "seen": seen, "undo": "1"})
    assert codes(world) == ["SHOE-42"]


def test_what_cannot_stand_in_is_refused_with_the_reason(client: Client, world: World) -> None:
    make_kit("SET-1", (world.saree, 1), (world.shoe, 1))
    for lines, words in (("KURTA-M", "cannot stand in for itself"), ("SET-1", "is a kit"), ("NO-1", "NO-1")):
        answer = client.post(f"/inventory/{world.kurta.pk}/substitutes/", {"lines": lines, "seen": ""})
        assert answer.status_code == 422
        assert words in answer.content.decode()
    assert codes(world) == []


def test_whoever_did_not_see_the_last_change_is_told(client: Client, world: World) -> None:
    set_substitutes(sku_id=world.kurta.pk, substitute_ids=[world.shoe.pk], actor="Asha")

    answer = client.post(f"/inventory/{world.kurta.pk}/substitutes/", {"lines": "SAREE-1", "seen": ""})
    assert answer.status_code == 409
    assert codes(world) == ["SHOE-42"]


def test_only_who_may_write_rules_for_everything_changes_them(world: World) -> None:
    address = f"/inventory/{world.kurta.pk}/substitutes/"
    packer = signed_in(email="p@example.com", role=Role.PACKER)
    limited = signed_in(email="l@example.com", role=Role.OPS_MANAGER, all_nodes=False, node_codes=["blr-01"])

    assert packer.get(address).status_code == 403
    assert limited.post(address, {"lines": "SAREE-1"}).status_code == 403
    assert codes(world) == []


def test_all_of_them_leave_in_the_columns_of_the_import(client: Client, world: World) -> None:
    set_substitutes(sku_id=world.kurta.pk, substitute_ids=[world.shoe.pk, world.saree.pk], actor="Asha")

    answer = client.get("/inventory/substitutes.csv").content.decode()
    assert answer.splitlines() == ["SKU code,Substitute,Choice", "KURTA-M,SHOE-42,1", "KURTA-M,SAREE-1,2"]


def test_digits_that_are_no_numbers_are_left_out(client: Client, world: World) -> None:
    assert client.get(f"/inventory/{world.kurta.pk}/?before=\u00b2").status_code == 200
