"""The page of a level tells what checkouts hold apart from what orders have."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from inventory.models import StockHold
from inventory.selectors import explain_level
from inventory.services import Claim, HoldLine, hold_stock, reserve
from oms.accounts.models import Role, User
from oms.core.db import run_atomic
from oms.core.ids import uuid7
from tests.factories import World, make_world
from tests.inventory.holding import end_now

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def client() -> Client:
    user = User.objects.create(email="lead@example.com", role=Role.OPS_MANAGER, all_nodes=True)
    made = Client()
    made.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return made


def hold(world: World, quantity: int) -> StockHold:
    lines = [HoldLine(world.kurta.pk, quantity, world.blr.pk)]
    return hold_stock(uid=uuid7(), owner="t", lines=lines, seconds=600, actor="shop")


def page(client: Client, world: World) -> str:
    return client.get(reverse("dashboard:level", args=[world.kurta.pk, "blr-01"])).content.decode()


def test_units_of_checkouts_stand_apart_with_their_end(client: Client, world: World) -> None:
    claim = Claim(uuid7(), uuid7(), 1, "OM-1", world.kurta.pk, world.blr.pk, 3)
    run_atomic(lambda: reserve([claim], actor="test"))
    made = hold(world, 2)

    text = page(client, world)

    assert "Reserved for orders: 3" in text
    assert f"2 held by checkouts until {timezone.localtime(made.expires_at):%H:%M}" in text
    found = explain_level(world.kurta.pk, world.blr.pk)
    assert found.sentence == "5 = 10 on hand − 5 reserved"
    assert [row.reference for row in found.reservations] == ["OM-1"]


def test_units_of_holds_that_are_over_are_free_for_the_next(client: Client, world: World) -> None:
    end_now(hold(world, 2))

    text = page(client, world)

    assert "held by checkouts until" not in text
    assert "2 of checkouts whose time is over" in text


def test_a_level_without_holds_says_nothing_of_them(client: Client, world: World) -> None:

    assert "checkouts" not in page(client, world)
