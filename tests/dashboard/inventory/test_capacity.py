"""How many orders a node takes is changed on its page, after what that does was shown."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from fulfillment.models import FulfillmentOrder, RerouteAttempt
from inventory.models import Node
from oms.accounts.access import principal_of_user
from oms.accounts.models import User
from oms.core.models import OutboxEvent
from oms.dashboard.inventory.capacity_views import preview_cut
from oms.dashboard.tower.queue import build_queue
from oms.reporting.node_load import nodes_now
from oms.reporting.scope import Scope
from tests.factories import World, make_line, make_world, stock
from tests.flow.driver import drain
from tests.fulfillment.floor import make_work

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/inventory/nodes/blr-01/capacity/"


@pytest.fixture
def world() -> World:
    """Three orders of a kurta at work in Bengaluru; Delhi has stock for one of them."""
    made = make_world()
    stock(made.kurta, made.delhi, 1)
    for number in range(3):
        make_work(made, f"W{number}", make_line(made.kurta), placed_at=timezone.now() + timedelta(minutes=number))
    drain()
    return made


def someone(role: str = "ops_manager") -> User:
    return User.objects.create(email=f"{role}@example.com", role=role, all_nodes=True)


def signed_in(role: str = "ops_manager") -> Client:
    client = Client()
    client.force_login(someone(role), backend="django.contrib.auth.backends.ModelBackend")
    return client


def at_blr() -> int:
    return FulfillmentOrder.objects.filter(node__code="blr-01", state__in=FulfillmentOrder.LIVE).count()


def test_the_preview_says_where_the_orders_above_a_lower_limit_go_and_writes_nothing(world: World) -> None:
    before = OutboxEvent.objects.count()

    found = preview_cut(world.blr, 1)

    assert (found.above, found.movable, found.planned, found.stay) == (2, 2, 2, 1)
    assert found.to_nodes == (("del-01", 1),)
    page = signed_in().get(PAGE, {"orders": 1}).content.decode()
    assert "2 orders of today are above that limit; nobody began 2 of them." in page
    assert "1 go to del-01" in page
    assert "1 stays, because no other node can take all of it" in page
    assert Node.objects.get(pk=world.blr.pk).daily_capacity == 500
    assert OutboxEvent.objects.count() == before


def test_setting_it_moves_what_the_preview_said_and_lists_what_stays(world: World) -> None:
    user = someone()
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")

    assert client.post(PAGE, {"orders": 1}).status_code == 302
    drain()

    assert Node.objects.get(pk=world.blr.pk).daily_capacity == 1
    assert at_blr() == 2
    assert sorted(RerouteAttempt.objects.values_list("outcome", flat=True)) == ["moved", "stayed", "stayed"]
    rows = build_queue(principal_of_user(user), nodes_now(Scope())).rows
    [row] = [row for row in rows if row.kind.label == "Cannot be moved"]
    assert row.sentence.startswith("blr-01 takes fewer orders than it was given today")


def test_sending_it_twice_changes_it_once(world: World) -> None:
    client = signed_in()
    for _ in range(2):
        assert client.post(PAGE, {"orders": 2}).status_code == 302
    assert OutboxEvent.objects.filter(kind="inventory.NodeCapacityChanged").count() == 1


@pytest.mark.parametrize("orders", ["-1", "many", ""])
def test_what_is_no_number_of_orders_is_refused(world: World, orders: str) -> None:
    assert signed_in().post(PAGE, {"orders": orders}).status_code == 422
    assert Node.objects.get(pk=world.blr.pk).daily_capacity == 500


def test_a_higher_limit_moves_nothing(world: World) -> None:
    page = signed_in().get(PAGE, {"orders": 600}).content.decode()
    assert "No order is moved." in page


def test_who_may_not_switch_nodes_may_not_change_what_they_take(world: World) -> None:
    assert signed_in("read_only").post(PAGE, {"orders": 1}).status_code == 403


def test_the_admin_changes_it_by_the_same_way(world: World) -> None:
    boss = User.objects.create(email="a@example.com", role="admin", all_nodes=True, is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(boss, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get(f"/admin/inventory/node/{world.blr.pk}/change/")
    assert page.status_code == 200
    form = page.context["adminform"].form
    data = {name: form[name].value() for name in form.fields}
    data |= {"daily_capacity": 1, "holidays-TOTAL_FORMS": 0, "holidays-INITIAL_FORMS": 0}

    assert client.post(f"/admin/inventory/node/{world.blr.pk}/change/", data).status_code == 302
    drain()

    assert Node.objects.get(pk=world.blr.pk).daily_capacity == 1
    assert at_blr() == 2
