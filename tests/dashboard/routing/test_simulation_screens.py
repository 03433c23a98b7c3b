"""The screens of simulations: asking for one, its progress, its result, the file of changed orders."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.utils import timezone

from oms.accounts.models import User
from oms.core.clock import now
from oms.core.db import execute, fetch_all
from oms.core.jobs import run_slice
from oms.core.models import Job
from oms.flow.jobs import RUNNERS
from oms.reporting.version_kpis import _ONE, version_kpis
from orders.models import Order
from routing.engine import Weights
from routing.models import RoutingDecision, RoutingPolicy, Simulation
from routing.policy.document import STANDARD, Document
from routing.services import create_draft, forget_policy, publish, route_orders
from routing.services.shadowing import decide_in_shadow
from tests.factories import World, capture, make_line, make_order, make_world

#: Each decision commits, so that it has a moment of its own.
pytestmark = pytest.mark.django_db(transaction=True)

SPREAD = Document((replace(STANDARD.rules[0], weights=Weights(0, 0, 0, 0, 0, 0, 500, stock_minor=50_000)),))


@pytest.fixture
def world() -> World:
    forget_policy()
    cache.clear()
    made = make_world()
    live = create_draft(name="Standard", actor="Asha")
    publish(policy_id=live.pk, edit_version=1, note="First", actor="Asha")
    forget_policy()
    return made


def signed_in(role: str = "ops_manager", **fields: Any) -> Client:
    everything = {"all_nodes": True, "all_channels": True}
    user = User.objects.create(email=f"{role}@example.com", role=role, **(everything | fields))
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def text(response: Any) -> str:
    return unescape(str(response.content, "utf-8"))


def past_orders(world: World, *quantities: int) -> None:
    for number, quantity in enumerate(quantities):
        order_id = capture(world, make_order(f"O{number}", make_line(world.kurta, quantity)))
        route_orders([order_id], trigger="captured")


def asked(client: Client, *policies: RoutingPolicy, **changes: Any) -> Any:
    data = {"policies": [policy.pk for policy in policies], "baseline": "", "window": "24h", "most_orders": "1000"}
    return client.post("/routing/simulations/new/", data | changes)


def played(client: Client, *policies: RoutingPolicy, **changes: Any) -> str:
    answer = asked(client, *policies, **changes)
    assert answer.status_code == 302, text(answer)
    run_slice(Job.objects.latest("pk").pk, RUNNERS)
    return str(answer["Location"])


def draft(name: str = "Spread", document: Document = SPREAD) -> RoutingPolicy:
    return create_draft(name=name, actor="Asha", document=document)


def test_the_form_offers_drafts_with_the_one_chosen_that_one_came_from(world: World) -> None:
    one, other = draft(), draft("Other")

    page = text(signed_in().get(f"/routing/simulations/new/?policy={one.pk}"))

    chosen = re.findall(r'name="(policies|window)" value="(\w+)"[^>]*checked', page)
    assert chosen == [("policies", str(one.pk)), ("window", "7d")]
    assert "Spread (draft)" in page
    assert "Other (draft)" in page
    assert "Version 1, Standard (live)" in page
    assert other.pk != one.pk


def test_without_a_draft_the_form_says_what_to_do(world: World) -> None:
    assert "There is nothing to compare" in text(signed_in().get("/routing/simulations/new/"))


def test_a_simulation_waits_runs_and_shows_what_would_change(world: World) -> None:
    past_orders(world, 1, 1, 1, 1)
    client = signed_in()
    answer = asked(client, draft())
    url = str(answer["Location"])

    waiting = text(client.get(url))
    assert "Waiting for a worker." in waiting
    assert "Cancel the simulation" in waiting
    run_slice(Job.objects.get().pk, RUNNERS)

    page = text(client.get(url))
    assert "It sends 2 orders of 4 from other nodes." in page
    assert "Only 4 orders" in page
    assert "del-01 ships 2 orders more." in page
    assert Simulation.objects.get().result["orders"] == 4
    listed = text(client.get("/routing/simulations/"))
    assert "against Version 1" in listed


def test_the_progress_is_polled_and_its_end_brings_the_whole_page(world: World) -> None:
    client = signed_in()
    url = str(asked(client, draft())["Location"])
    Job.objects.update(state="running", total=200, done=50)

    fragment = client.get(url, headers={"HX-Request": "true"})

    assert "<html" not in text(fragment)
    assert "50 / 200" in text(fragment)
    Job.objects.update(state="failed", error="Postings before 1 May are archived.")
    assert client.get(url, headers={"HX-Request": "true"})["HX-Refresh"] == "true"
    assert "Postings before 1 May are archived." in text(client.get(url))


def test_three_drafts_stand_beside_each_other_and_each_has_its_orders(world: World) -> None:
    past_orders(world, 1, 1, 1, 1)
    client = signed_in()
    url = played(client, draft(), draft("Same", STANDARD), draft("Again"))

    page = text(client.get(url))
    assert page.count("It sends every order from the same nodes.") == 1
    assert text(client.get(f"{url}?version=1")).count("data-row=") == 2
    assert "None: every order goes from the same nodes." in text(client.get(f"{url}?version=2"))


def test_the_changed_orders_come_as_a_file(world: World) -> None:
    past_orders(world, 1, 1, 1, 1)
    client = signed_in()
    url = played(client, draft())

    answer = client.get(f"{url}changed.csv")

    content = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    rows = list(csv.DictReader(io.StringIO(content)))
    assert [(row["Version"], row["Nodes before"], row["Nodes after"]) for row in rows] == [
        ("Spread", "blr-01 (1)", "del-01 (1)")
    ] * 2
    assert rows[0]["Why before"] != rows[0]["Why after"]


def test_the_file_of_changed_orders_holds_no_formula(world: World) -> None:
    past_orders(world, 1, 1, 1, 1)
    client = signed_in()
    url = played(client, draft("=1+1"))

    answer = client.get(f"{url}changed.csv")

    content = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    assert [row["Version"] for row in csv.DictReader(io.StringIO(content))] == ["'=1+1"] * 2


@pytest.mark.parametrize("mark", ["²", "9" * 19, "9" * 5000, "x"])
def test_a_mark_that_is_no_number_is_as_none(world: World, mark: str) -> None:
    past_orders(world, 1, 1, 1, 1)
    client = signed_in()
    url = played(client, draft())

    listed = client.get("/routing/simulations/", {"before": mark})
    page = client.get(url, {"after": mark, "version": mark})

    assert (listed.status_code, page.status_code) == (200, 200)
    assert text(page).count("data-row=") == 2


def test_a_window_without_orders_says_so(world: World) -> None:
    client = signed_in()
    url = played(client, draft())

    assert "No order was decided in this window" in text(client.get(url))
    refused = asked(client, draft("Peak"), window="peak")
    assert refused.status_code == 422
    assert "No order was decided in the last 30 days." in text(refused)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"policies": []}, "Choose at least one."),
        ({"window": "dates"}, "Enter a day and a time."),
        ({"window": "dates", "since": "2026-01-02T10:00", "until": "2026-01-01T10:00"}, "ends before it begins"),
        ({"window": "dates", "since": "2025-01-02T10:00", "until": "2026-01-01T10:00"}, "at most 92 days"),
    ],
)
def test_what_cannot_be_simulated_is_said_at_the_field(world: World, changes: dict[str, Any], problem: str) -> None:
    answer = asked(signed_in(), draft(), **changes)

    assert answer.status_code in (400, 422)
    assert problem in text(answer)
    assert not Simulation.objects.exists()


def test_only_the_orders_that_are_named_are_decided_and_may_be_again(world: World) -> None:
    past_orders(world, 1, 2, 3)
    first, _, last = Order.objects.order_by("pk")
    client, policy = signed_in(), draft()

    page = played(client, policy, window="orders", numbers=f"{first.number.lower()},\n'{last.number}'\t{first.number}")

    found = Simulation.objects.get()
    assert (found.order_ids, found.result["orders"]) == ([first.pk, last.pk], 2)
    assert "2 named orders" in text(client.get(page))
    [again] = set(re.findall(r'href="(/routing/simulations/new/[^"]*)"', client.get(page).content.decode()))
    form = text(client.get(again))
    assert f"{first.number} {last.number}</textarea>" in form
    assert re.search(r'value="orders"[^>]*checked', form)


def test_the_same_moments_and_the_same_baseline_are_simulated_again(world: World) -> None:
    past_orders(world, 1)
    one, base, client = draft(), draft("Base"), signed_in()
    page = played(client, one, baseline=str(base.pk))
    since, until = now().replace(microsecond=0) - timedelta(hours=2, seconds=7), now().replace(microsecond=1)
    Simulation.objects.update(since=since, until=until)

    [again] = set(re.findall(r'href="(/routing/simulations/new/[^"]*)"', client.get(page).content.decode()))
    form = text(client.get(again))

    assert re.search(rf'<option value="{base.pk}"[^>]*selected', form)
    for moment in (since, until.replace(microsecond=0) + timedelta(seconds=1)):
        assert f'value="{timezone.localtime(moment):%Y-%m-%dT%H:%M:%S}"' in form
    live = RoutingPolicy.objects.get(state="live")
    Simulation.objects.update(versions=[{"id": live.pk}, *Simulation.objects.get().versions[1:]])
    assert re.search(r'<option value=""[^>]*selected', text(client.get(again)))


def test_numbers_of_orders_that_cannot_be_decided_again_are_named(world: World) -> None:
    past_orders(world, 1)
    waiting = Order.objects.get(pk=capture(world, make_order("W1", make_line(world.kurta))))
    client, policy = signed_in(), draft()

    unknown = asked(client, policy, window="orders", numbers=f"{waiting.number} OM-1 OM-2 OM-3 OM-4 OM-5 OM-6 OM-7")
    undecided = asked(client, policy, window="orders", numbers=waiting.number)
    none = asked(client, policy, window="orders", numbers=" , ")

    assert "There is no order OM-1, OM-2, OM-3, OM-4, OM-5 and 2 more." in text(unknown)
    assert f"Never decided: {waiting.number}." in text(undecided)
    assert "Enter the numbers of the orders." in text(none)
    assert (unknown.status_code, undecided.status_code, none.status_code) == (422, 422, 422)


def test_the_busiest_day_is_found(world: World) -> None:
    past_orders(world, 1, 1)
    client = signed_in()

    url = played(client, draft(), window="peak")

    assert Simulation.objects.get().result["orders"] == 2
    assert "2 decided again" in " ".join(text(client.get(url)).split())


def test_a_simulation_is_cancelled_from_its_page_and_may_be_begun_again(world: World) -> None:
    client = signed_in()
    one = draft()
    url = str(asked(client, one)["Location"])

    client.post(f"{url}cancel/")

    page = text(client.get(url))
    assert "The simulation was cancelled" in page
    [again] = set(re.findall(r'href="(/routing/simulations/new/[^"]*)"', page))
    assert re.search(rf'value="{one.pk}"[^>]*checked', text(client.get(again)))


def test_who_sees_a_part_of_the_business_only_simulates_nothing(world: World) -> None:
    one = draft()
    limited = signed_in(all_nodes=False)

    assert asked(limited, one).status_code == 403
    assert limited.get("/routing/simulations/").status_code == 403
    assert not Simulation.objects.exists()


def test_a_reader_sees_results_and_starts_none(world: World) -> None:
    reader = signed_in("read_only")

    assert reader.get("/routing/simulations/").status_code == 200
    assert asked(reader, draft()).status_code == 403


def test_the_job_leads_to_the_page_of_its_simulation(world: World) -> None:
    client = signed_in()
    url = str(asked(client, draft())["Location"])

    assert client.get(f"/jobs/{Job.objects.get().uid}/")["Location"] == url


def test_the_editor_and_the_versions_lead_to_simulations(world: World) -> None:
    one = draft()
    client = signed_in()

    assert f"/routing/simulations/new/?policy={one.pk}" in text(client.get(f"/routing/drafts/{one.pk}/"))
    assert "/routing/simulations/" in text(client.get("/routing/versions/"))


def test_versions_show_what_they_did(world: World) -> None:
    past_orders(world, 1, 11, 30, 1)
    Order.objects.update(first_promised_by=now() - timedelta(hours=1))
    Order.objects.filter(external_id="O0").update(delivered_at=now() - timedelta(hours=2))

    found = version_kpis()[1]

    assert (found.orders, found.shipped, found.unroutable, found.split) == (4, 3, 1, 1)
    assert (found.due, found.kept) == (4, 1)
    client = signed_in()
    listed, page = text(client.get("/routing/versions/")), text(client.get("/routing/versions/1/"))
    assert "33.3%" in listed
    assert "25.0% of 4 that are due" in page


def test_costs_of_several_currencies_are_not_added_up(world: World) -> None:
    past_orders(world, 1, 1, 1)
    Order.objects.filter(external_id="O0").update(currency="USD")
    RoutingDecision.objects.filter(order__external_id="O0").update(cost_minor=7)

    found = version_kpis(1)[1]

    others = RoutingDecision.objects.exclude(order__external_id="O0").values_list("cost_minor", flat=True)
    assert (found.orders, found.currency, found.other_currencies) == (3, "INR", 1)
    assert found.cost_minor == round(sum(others) / 2)
    client = signed_in()
    assert "without 1 in other currencies" in text(client.get("/routing/versions/"))
    assert "without 1 in other currencies" in text(client.get("/routing/versions/1/"))


def test_the_money_of_a_simulation_is_that_of_one_currency_and_says_so(world: World) -> None:
    past_orders(world, 1, 1, 1)
    whole = played(signed_in(), draft())
    Order.objects.filter(external_id="O0").update(currency="USD")
    parts = played(signed_in("admin"), draft("Again"))

    first, second = (Simulation.objects.get(pk=int(url.split("/")[-2])).result for url in (whole, parts))

    assert (second["currency"], second["other_currencies"]) == ("INR", 1)
    for before, after in zip(first["versions"], second["versions"], strict=True):
        assert (before["money_orders"], after["money_orders"]) == (3, 2)
        assert (before["shipped_orders"], after["shipped_orders"], after["known"]["orders"]) == (3, 3, 2)
        assert 0 < after["freight_minor"] < before["freight_minor"]
        assert sum(after["factors"].values()) + after["split_minor"] == after["cost_minor"]
    page = text(signed_in("read_only").get(parts))
    assert "Money is that of orders in INR" in page
    assert "1 orders in other currencies count in all other figures" in page


def test_figures_of_a_version_stand_for_a_minute_and_are_those_of_the_time_in_which_it_decided(world: World) -> None:
    past_orders(world, 1, 1, 1)
    assert (version_kpis(1)[1].orders, version_kpis()[1].orders) == (3, 3)
    first, *_ = RoutingDecision.objects.order_by("pk")
    RoutingPolicy.objects.filter(version=1).update(state="archived", archived_at=now())
    RoutingDecision.objects.filter(pk=first.pk).update(decided_at=now() - timedelta(days=2))

    assert version_kpis(1)[1].orders == 3
    cache.clear()
    assert version_kpis(1)[1].orders == 2
    RoutingPolicy.objects.filter(version=1).update(archived_at=now() - timedelta(days=1))
    cache.clear()
    assert version_kpis(1) == {}
    assert version_kpis(7) == {}


def test_the_figures_of_one_version_are_read_from_its_own_decisions(world: World) -> None:
    moment = now()
    with transaction.atomic():
        execute("SET LOCAL enable_seqscan = off")
        execute("SET LOCAL enable_sort = off")
        rows = fetch_all(
            f"EXPLAIN {_ONE}",
            {"since": moment, "until": moment, "version": 1, "most": 10, "now": moment}, planned_anew=True,
        )  # fmt: skip

    assert any("routing_decision_version" in line for (line,) in rows)


@pytest.mark.parametrize("limit", ["all_nodes", "all_channels"])
def test_who_sees_a_part_of_the_business_only_sees_no_figures_of_versions(world: World, limit: str) -> None:
    past_orders(world, 1, 11, 30, 1)
    limited = signed_in("read_only", **{limit: False})

    listed, page = text(limited.get("/routing/versions/")), text(limited.get("/routing/versions/1/"))

    assert "33.3%" not in listed
    assert re.findall(r'<td class="num">(.*?)</td>', listed) == ["–"] * 5
    assert "Orders decided first" not in page


def test_a_draft_is_run_in_the_shadow_from_its_page_and_stopped_there(world: World) -> None:
    one = draft()
    client = signed_in()
    url = f"/routing/drafts/{one.pk}/"

    client.post(f"{url}shadow/", {"do": "start", "edit_version": "1"})
    past_orders(world, 2, 2)
    RoutingDecision.objects.update(decided_at=now() - timedelta(seconds=10))
    decide_in_shadow()

    page = text(client.get(url))
    assert "Stop the shadow" in page
    assert "50.0%" in page
    assert "→ del-01" in " ".join(page.split())
    client.post(f"{url}shadow/", {"do": "stop"})
    page = text(client.get(url))
    assert "Run in the shadow" in page
    assert "Stopped by hand." in page
    assert client.post(f"{url}shadow/", {"do": "dance"}).status_code == 422
    publish(policy_id=one.pk, edit_version=1, note="Go", actor="Asha")
    forget_policy()
    assert "Stopped by hand." in text(client.get("/routing/versions/2/"))
