"""The tower as a page: its parts, their refreshing, and its limit of queries."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fulfillment.services import open_fulfillment_orders
from oms.accounts.models import User
from oms.core.clock import now
from oms.dashboard.tower import views
from orders.models import Order
from routing.services import route_orders
from tests.factories import World, capture, make_line, make_order, make_world

pytestmark = pytest.mark.django_db
PARTS = ("kpis", "queue", "flow", "capacity", "system")
MOST_QUERIES = 25


def signed_in(role: str = "ops_manager", **fields: Any) -> Client:
    user = User.objects.create(email=f"{role}@example.com", role=role, **({"all_nodes": True} | fields))
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def world() -> World:
    world = make_world()
    for name in ("A", "B", "C"):
        order_id = capture(world, make_order(name, make_line(world.kurta), placed_at=timezone.now()))
        route_orders([order_id], trigger="captured")
        open_fulfillment_orders([order_id])
    return world


def test_the_whole_tower_stays_within_its_limit_of_queries(world: World) -> None:
    client = signed_in()
    client.get("/")

    with CaptureQueriesContext(connection) as queries:
        assert client.get("/").status_code == 200

    assert len(queries) <= MOST_QUERIES, [query["sql"][:80] for query in queries]


def test_a_part_that_has_not_changed_answers_204(world: World) -> None:
    client = signed_in()
    for part in PARTS:
        first = client.get(f"/tower/parts/{part}/", HTTP_HX_REQUEST="true")
        version = re.search(r'data-version="(\w+)"', first.content.decode())
        assert version is not None
        again = client.get(f"/tower/parts/{part}/", HTTP_HX_REQUEST="true", HTTP_X_FRAGMENT_VERSION=version[1])
        assert (again.status_code, again.content) == (204, b""), part


def test_a_part_that_has_changed_comes_again(world: World) -> None:
    client = signed_in()
    first = client.get("/tower/parts/queue/").content.decode()
    version = re.search(r'data-version="(\w+)"', first)
    assert version is not None
    Order.objects.update(ship_by=now() - timedelta(minutes=5))

    again = client.get("/tower/parts/queue/", HTTP_X_FRAGMENT_VERSION=version[1])

    assert again.status_code == 200
    assert "blr-01 is behind: 3 to pick" in again.content.decode()


def test_calm_is_said_with_the_next_cut_off(world: World) -> None:
    body = signed_in().get("/").content.decode()

    assert "Nothing needs you." in body
    assert "3 orders are at nodes." in body
    assert "Next cut-off" in body


@pytest.mark.django_db(transaction=True)
def test_a_part_that_fails_says_so_and_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise DatabaseError("canceling statement due to statement timeout")

    monkeypatch.setattr(views, "flow_stages", fail)

    body = signed_in().get("/").content.decode()

    assert body.count("It is tried again by itself.") == 1
    assert "Nothing needs you." in body
    assert 'id="capacity"' in body or "No node is in your scope" in body


def test_the_flow_counts_orders_where_they_stand_and_links_to_them(world: World) -> None:
    body = signed_in().get("/tower/parts/flow/").content.decode()

    assert re.search(r'href="/orders/\?q=status%3Areleased"[^>]*>\s*3\s*</a>', body)


def test_nodes_show_what_they_were_given_and_a_switch_only_to_those_who_may(world: World) -> None:
    assert "3 / 500" in signed_in().get("/tower/parts/capacity/").content.decode()
    assert "/inventory/nodes/blr-01/switch/" in capacity_for("warehouse_lead")
    assert "/inventory/nodes/blr-01/switch/" not in capacity_for("read_only")


def capacity_for(role: str) -> str:
    body: str = signed_in(role).get("/tower/parts/capacity/").content.decode()
    return body


def test_every_measure_links_to_the_orders_behind_it(world: World) -> None:
    client = signed_in()
    body = client.get("/tower/parts/kpis/").content.decode()

    links = [link.replace("&amp;", "&") for link in re.findall(r'href="(/orders/\?q=[^"]+)"', body)]
    assert len(links) >= 5
    for link in links:
        page = client.get(link)
        assert page.status_code == 200
        assert "There is no filter" not in page.content.decode()


def test_visitors_are_sent_to_sign_in_and_floor_staff_to_their_tasks(world: World) -> None:
    assert Client().get("/")["Location"] == "/accounts/login/?next=/"
    packer = signed_in("packer")
    assert packer.get("/")["Location"] == "/s/"
    assert packer.get("/tower/parts/queue/").status_code == 403
    for part in PARTS:
        assert Client().get(f"/tower/parts/{part}/").status_code == 302
    assert signed_in("admin").get("/tower/parts/nonsense/").status_code == 404


def test_a_tile_leads_only_where_its_reader_may_go(world: World) -> None:
    link = "/returns/?show=done"
    assert link in signed_in().get("/").content.decode()
    assert link not in signed_in("integrator").get("/").content.decode()
