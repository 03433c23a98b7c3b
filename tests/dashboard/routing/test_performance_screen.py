"""The screen of measured performance: what is proposed, what it would change, applying it and going back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fulfillment.models import FulfillmentOrder
from fulfillment.services import open_fulfillment_orders, reject
from oms.accounts.models import User
from oms.core.ids import uuid7
from oms.core.jobs import run_slice
from oms.core.models import Job
from oms.flow.jobs import RUNNERS
from oms.flow.performance import measure_now
from routing.engine import Eligibility, Weights
from routing.models import EditionUse, LanePerformance, NodePerformance, PerformanceEdition, RoutingDecision
from routing.policy.document import Document, Rule
from routing.services import apply_edition, create_draft, forget_policy, publish, route_orders
from tests.factories import World, capture, make_line, make_order, make_world

pytestmark = pytest.mark.django_db
URL = "/routing/performance/"
SHARES = {"on_time": [0.9, 0.8, 0.95], "first_attempt": [0.8, 0.7, 0.9], "rto": [0.1, 0.05, 0.2],
          "lost": [0.01, 0.0, 0.03]}  # fmt: skip


@pytest.fixture
def world() -> World:
    forget_policy()
    return make_world()


def signed_in(name: str = "manager", **fields: Any) -> Client:
    fields = {"role": "ops_manager", "all_nodes": True, "all_channels": True} | fields
    client = Client()
    client.force_login(
        User.objects.create(email=f"{name}@example.com", **fields),
        backend="django.contrib.auth.backends.ModelBackend",
    )
    return client


def text(response: Any) -> str:
    return " ".join(unescape(response.content.decode()).split())


def go_live(rule: Rule) -> None:
    draft = create_draft(name=rule.name, actor="Asha", document=Document((rule,)))
    publish(policy_id=draft.pk, edit_version=1, note="Test", actor="Asha")
    forget_policy()


def rejected(world: World, count: int) -> None:
    """The nearest node rejects so much, and the last of it goes elsewhere without being asked again."""
    world.blr.auto_accept = False
    world.blr.save()
    for number in range(count):
        order_id = capture(world, make_order(f"R-{number}", make_line(world.kurta)))
        route_orders([order_id], trigger="captured")
        open_fulfillment_orders([order_id])
        work = FulfillmentOrder.objects.get(order=order_id)
        reject(fulfillment_order_id=work.pk, reason="No staff", actor="Ravi")


def apply(client: Client, number: int | None, seen: int | None, note: str = "It rejects too much") -> Any:
    sent = {"number": number or "", "seen": seen or "", "note": note, "idempotency_key": str(uuid7())}
    return client.post(f"{URL}apply/", sent)


def test_nothing_measured_says_so_and_measuring_finds_nothing(world: World) -> None:
    client = signed_in()
    assert "Nothing was measured yet" in text(client.get(URL))

    assert "Nothing to measure" in text(client.get(measured(client)))


def measured(client: Client) -> str:
    """Asks for a measurement and lets a worker do it; the page that tells of it."""
    url = str(client.post(f"{URL}measure/", {"idempotency_key": str(uuid7())})["Location"])
    run_slice(Job.objects.latest("pk").pk, RUNNERS)
    return url


def test_measuring_is_a_job_that_the_page_follows_and_that_measures_once(world: World) -> None:
    rejected(world, 2)
    client = signed_in()

    first, second = (client.post(f"{URL}measure/", {"idempotency_key": str(uuid7())})["Location"] for _ in range(2))
    waiting = text(client.get(first))
    polled = client.get(first, headers={"HX-Request": "true"})

    job = Job.objects.get()
    assert first == second == f"{URL}?job={job.uid}"
    assert "Waiting for a worker." in waiting
    assert "Waiting for a worker." in text(polled)
    assert not PerformanceEdition.objects.exists()
    run_slice(job.pk, RUNNERS)
    Job.objects.update(state="running")  # its worker died before it could say that it is done
    run_slice(job.pk, RUNNERS)
    assert PerformanceEdition.objects.get().measured_by == "manager@example.com"
    assert client.get(first, headers={"HX-Request": "true"})["HX-Refresh"] == "true"
    assert "Edition 1 is measured" in text(client.get(first))
    assert client.get(f"/jobs/{job.uid}/")["Location"] == first
    partly = signed_in("partly", all_nodes=False)
    assert partly.post(f"{URL}measure/").status_code == 403
    assert "Edition 1 is measured" not in text(partly.get(first))
    assert client.get(f"{URL}?job=nonsense").status_code == 200


def test_a_proposal_says_what_it_would_change_and_counts_once_applied(world: World) -> None:
    go_live(Rule("Strict", weights=Weights(performance_minor=50_000), nodes=Eligibility(min_performance=0.8)))
    rejected(world, 8)
    client = signed_in()

    shown = text(client.get(measured(client)))

    assert "Proposed" in shown
    assert (
        "Of the last 8 decisions 8 can be weighed anew with these scores: 8 would have gone to another node." in shown
    )
    assert "blr-01 falls below 80%: “Strict” refuses it." in shown
    assert "No edition counts in decisions" in shown

    done = apply(client, 1, None)
    assert done.status_code == 302
    shown = text(client.get(URL))
    assert "In use" in shown
    assert "It rejects too much" in shown
    assert "Go back to none" in shown
    assert EditionUse.objects.get().used_by != ""

    apply(client, None, 1, "Too strict")
    assert "No edition counts in decisions" in text(client.get(URL))


def test_a_policy_that_does_not_look_at_performance_says_that_nothing_changes(world: World) -> None:
    rejected(world, 1)
    measure_now(actor="Asha")

    assert "No rule of the live policy looks at performance" in text(signed_in().get(URL))


def test_a_note_is_asked_for_and_a_change_meanwhile_is_told(world: World) -> None:
    rejected(world, 1)
    measure_now(actor="Asha")
    client = signed_in()

    assert apply(client, 1, None, note="").status_code == 422
    apply_edition(number=1, seen=None, note="First", actor="Ravi")
    late = apply(client, None, None, note="Late")

    assert late.status_code == 409
    assert "Ravi applied another edition" in text(late)


def test_lanes_are_told_by_carrier(world: World) -> None:
    edition = PerformanceEdition.objects.create(number=1, measured_at=datetime(2026, 11, 20, tzinfo=UTC), parcels=40)
    for carrier, origin, end in (("", "", ""), ("", "Delhi", "Assam"), ("swift", "", ""), ("swift", "Delhi", "Assam")):
        LanePerformance.objects.create(
            edition=edition, carrier=carrier, origin=origin, destination=end, parcels=40, seen=30.0, shares=SHARES,
            days_median=4, days_slow=7, beyond_days=1.6, counted_days=2, cost_minor=7_250.0, charged_share=0.4,
        )  # fmt: skip
    client = signed_in()

    shown = text(client.get(f"{URL}?carrier=swift"))

    assert "Delhi → Assam" in shown
    assert "₹72.50" in shown
    assert "40% charged" in shown
    assert "+1.6" in shown
    assert client.get(f"{URL}?edition=9").status_code == 404


def test_who_sees_some_nodes_sees_their_scores_only_and_applies_nothing(world: World) -> None:
    edition = PerformanceEdition.objects.create(number=1, measured_at=datetime(2026, 11, 20, tzinfo=UTC))
    for node in (world.blr, world.delhi):
        NodePerformance.objects.create(edition=edition, node=node, score=80, low=70, high=90, orders=9, stages={})
    client = signed_in("viewer", role="read_only", all_nodes=False, node_codes=["del-01"])

    shown = text(client.get(URL))

    assert "del-01" in shown
    assert "blr-01" not in shown
    assert "Carriers by lane" not in shown
    assert apply(client, 1, None).status_code == 403
    assert not EditionUse.objects.exists()


def test_more_nodes_cost_no_more_queries(world: World) -> None:
    edition = PerformanceEdition.objects.create(number=1, measured_at=datetime(2026, 11, 20, tzinfo=UTC))
    client = signed_in()
    counts = []
    for nodes in ([world.blr], [world.delhi, world.store]):
        for node in nodes:
            NodePerformance.objects.create(edition=edition, node=node, score=80, low=70, high=90, orders=9, stages={})
        client.get(URL)
        with CaptureQueriesContext(connection) as found:
            client.get(URL)
        counts.append(len(found))

    assert counts[0] == counts[1]


def edition_of(number: int, scores: dict[int, float]) -> PerformanceEdition:
    made = PerformanceEdition.objects.create(number=number, measured_at=datetime(2026, 11, 19 + number, tzinfo=UTC))
    for node_id, score in scores.items():
        NodePerformance.objects.create(
            edition=made, node_id=node_id, score=score, low=score, high=score, orders=10, stages={}
        )
    return made


def test_decisions_are_weighed_by_the_scores_that_they_were_made_with(world: World) -> None:
    """The charge is taken off a node that was stored without its factors as it was put on it then."""
    go_live(Rule("Dear", weights=Weights(performance_minor=1_000_000)))
    for number, (blr, delhi) in enumerate([(100, 50), (100, 100), (90, 100)], start=1):
        edition_of(number, {world.blr.pk: blr, world.delhi.pk: delhi})
    apply_edition(number=1, seen=None, note="First", actor="Asha")
    order_id = capture(world, make_order("A", make_line(world.kurta)))
    route_orders([order_id], trigger="captured")
    decision = RoutingDecision.objects.get()
    stored = json.loads(decision.trace)
    assert (stored["edition"], [row[0] for row in stored["rows"] if row[2]]) == (1, [world.blr.pk])
    stored["rest"] = [[row[0], row[3], row[4]] for row in stored["rows"] if not row[2]]
    stored["rows"] = [row for row in stored["rows"] if row[2]]
    RoutingDecision.objects.update(trace=json.dumps(stored))
    apply_edition(number=2, seen=1, note="Second", actor="Asha")

    shown = text(signed_in().get(f"{URL}?edition=3"))

    assert "1 can be weighed anew with these scores: 1 would have gone to another node." in shown
