"""The routing page, the versions of the policy, and publishing one in the admin."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from oms.accounts.models import User
from oms.reporting.decisions import DecisionQuestion, decision_page, policy_sentences, weight_lines
from oms.reporting.scope import Scope
from routing.engine import Policy, Weights
from routing.models import RoutingDecision, RoutingPolicy
from routing.services import active_policy, forget_policy, route_orders
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


def test_the_policy_is_told_in_words_with_its_amounts() -> None:
    lines = {line.key: line for line in weight_lines(Policy(weights=Weights(split_minor=4_050, load_minor=0)))}

    assert lines["split"].meaning == "Every further parcel of an order costs ₹40.50 more."
    assert not lines["load"].is_on
    assert "An order leaves in at most 3 parcels." in policy_sentences(Policy())
    assert "One parcel only: an order is never split." in policy_sentences(Policy(max_shipments=1))


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


def publish(client: Client, **changes: Any) -> Any:
    data = {"name": "Peak", "weights": '{"split_minor": 9000}', "max_shipments": "2", "allow_partial": "on",
            "note": "Fewer splits"} | changes  # fmt: skip
    return client.post("/admin/routing/routingpolicy/add/", data)


def test_publishing_makes_a_new_version_that_is_in_force_at_once(world: World) -> None:
    client = signed_in("admin", is_staff=True, is_superuser=True)
    RoutingPolicy.objects.create(version=1, name="Old", weights=asdict(Weights()), is_active=True)
    assert active_policy().version == 1

    assert publish(client).status_code == 302

    new = RoutingPolicy.objects.get(version=2)
    assert (new.is_active, new.published_by, new.weights["split_minor"]) == (True, "admin@example.com", 9000)
    assert not RoutingPolicy.objects.get(version=1).is_active
    assert (active_policy().version, active_policy().max_shipments) == (2, 2)
    versions = client.get("/routing/versions/").content.decode()
    assert "Split from ₹40 to ₹90" in versions
    assert "Parcels from at most 3 to at most 2" in versions


@pytest.mark.parametrize(
    "changes",
    [{"weights": '{"speed": 1}'}, {"weights": '{"split_minor": -1}'}, {"weights": '{"split_minor": 1.5}'},
     {"weights": "[]"}, {"max_shipments": "0"}, {"note": ""}],
)  # fmt: skip
def test_a_policy_that_makes_no_sense_is_refused(world: World, changes: dict[str, str]) -> None:
    client = signed_in("admin", is_staff=True, is_superuser=True)

    assert publish(client, **changes).status_code == 200

    assert not RoutingPolicy.objects.exists()


def test_a_published_version_cannot_be_changed_or_deleted(world: World) -> None:
    client = signed_in("admin", is_staff=True, is_superuser=True)
    publish(client)
    row = RoutingPolicy.objects.get()

    assert client.post(f"/admin/routing/routingpolicy/{row.pk}/change/", {"name": "X"}).status_code == 403
    assert client.post(f"/admin/routing/routingpolicy/{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert RoutingPolicy.objects.get().name == "Peak"
