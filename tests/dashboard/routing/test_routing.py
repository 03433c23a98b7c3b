"""The routing page, the versions of the policy, and publishing one in the admin."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from oms.accounts.models import User
from oms.reporting.decisions import DecisionQuestion, decision_page
from oms.reporting.scope import Scope
from routing.models import RoutingDecision, RoutingPolicy
from routing.policy.document import Document, Rule, Split
from routing.services import create_draft, forget_policy, publish, route_orders
from tests.factories import World, capture, make_line, make_order, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    forget_policy()
    return make_world()


def signed_in(role: str = "ops_manager", **fields: Any) -> Client:
    user = User.objects.create(email=f"{role}@example.com", role=role, **({"all_nodes": True} | fields))
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def decide(world: World, *names: str, quantity: int = 1) -> list[int]:
    ids = [capture(world, make_order(name, make_line(world.kurta, quantity), placed_at=timezone.now()))
           for name in names]  # fmt: skip
    route_orders(ids, trigger="captured")
    return ids


def test_decisions_are_listed_newest_first_by_outcome_and_time(world: World) -> None:
    decide(world, "A", "B")
    decide(world, "C", quantity=999)

    rows, mark = decision_page(DecisionQuestion(), Scope())
    none, _ = decision_page(DecisionQuestion(outcome="unroutable"), Scope())
    partial, _ = decision_page(DecisionQuestion(outcome="partial"), Scope())

    assert [row.outcome for row in rows] == ["partial", "routed", "routed"]
    assert (mark, len(none), len(partial)) == ("", 0, 1)


def test_old_decisions_are_out_of_the_time_asked_for(world: World) -> None:
    decide(world, "A")
    RoutingDecision.objects.update(decided_at=timezone.now() - timedelta(hours=30))

    assert decision_page(DecisionQuestion(hours=24), Scope())[0] == []
    assert len(decision_page(DecisionQuestion(hours=168), Scope())[0]) == 1


def test_the_page_shows_the_sentence_and_the_filters_work(world: World) -> None:
    decide(world, "A")
    client = signed_in()

    body = client.get("/routing/").content.decode()

    assert RoutingDecision.objects.get().sentence.split(";")[0].split("'")[0] in body
    assert "No decision matches" in client.get("/routing/?outcome=unroutable").content.decode()
    assert client.get("/routing/?hours=nonsense&before=nonsense&outcome=x").status_code == 200


def test_people_see_the_decisions_of_their_channels(world: World) -> None:
    decide(world, "A")

    body = signed_in("read_only", all_channels=False, channel_codes=["amazon"]).get("/routing/").content.decode()

    assert "Nothing was decided in this time" in body
    assert signed_in("packer").get("/routing/").status_code == 403


def test_the_page_says_what_the_live_rules_do(world: World) -> None:
    draft = create_draft(name="Peak", actor="Asha", document=Document((Rule("Dear", split=Split(2)),)))
    publish(policy_id=draft.pk, edit_version=1, note="Fewer splits", actor="Asha")
    forget_policy()

    body = signed_in("read_only").get("/routing/").content.decode()

    assert "Peak, version 1" in body
    assert "1. Dear" in body
    assert "An order leaves in at most 2 parcels." in body


def test_policies_are_only_read_in_the_admin(world: World) -> None:
    draft = create_draft(name="Peak", actor="Asha")
    client = signed_in("admin", is_staff=True, is_superuser=True)

    assert client.get("/admin/routing/routingpolicy/").status_code == 200
    assert client.get("/admin/routing/routingpolicy/add/").status_code == 403
    assert client.post(f"/admin/routing/routingpolicy/{draft.pk}/change/", {"name": "X"}).status_code == 403
    assert client.post(f"/admin/routing/routingpolicy/{draft.pk}/delete/", {"post": "yes"}).status_code == 403
    assert RoutingPolicy.objects.get().name == "Peak"
