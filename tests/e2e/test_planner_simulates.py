"""A planner changes a weight, lints, simulates, reads the difference, publishes to 5 %, and goes back; stock stays."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from oms.accounts.models import Role
from oms.core.db import fetch_all
from oms.core.jobs import run_slice
from oms.core.models import Job
from oms.flow.jobs import RUNNERS
from routing.models import RoutingCanary, RoutingPolicy, Simulation
from routing.services import route_orders
from tests.e2e.conftest import Visitor
from tests.e2e.test_planner_changes_rules import go_live, looked
from tests.factories import World, capture, make_line, make_order

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

_STOCK = """
SELECT 'level', md5(string_agg(t.xmin::text || t::text, '|' ORDER BY t.id)) FROM inventory_stocklevel t
UNION ALL SELECT 'ledger', md5(string_agg(t.xmin::text || t::text, '|' ORDER BY t.id)) FROM inventory_stockmovement t
UNION ALL SELECT 'reserved', md5(string_agg(t.xmin::text || t::text, '|' ORDER BY t.id)) FROM inventory_reservation t
UNION ALL SELECT 'lines', md5(string_agg(t.xmin::text || t::text, '|' ORDER BY t.id)) FROM orders_orderline t
UNION ALL SELECT 'decided', md5(string_agg(t.xmin::text || t::text, '|' ORDER BY t.id)) FROM routing_routingdecision t
"""


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (360, 740)])
def test_a_planner_simulates_a_weight_publishes_it_to_some_and_goes_back(
    world: World, visitor: Visitor, person: object, width: int, height: int
) -> None:
    assert callable(person)
    go_live()
    for number in range(8):
        order_id = capture(world, make_order(f"O{number}", make_line(world.kurta)))
        route_orders([order_id], trigger="captured")
    stock = fetch_all(_STOCK)
    person("meera@example.com", role=Role.OPS_MANAGER, all_nodes=True, all_channels=True, name="Meera")
    visit = visitor(width=width, height=height)
    page = visit.sign_in("meera@example.com")

    visit.open("/routing/simulations/")
    expect(page.get_by_text("Nothing was simulated yet")).to_be_visible()
    looked(visit, "simulations-empty")
    visit.open("/routing/versions/")
    page.get_by_label("Name", exact=True).fill("Keep the last ones")
    page.get_by_role("button", name="Begin a draft").click()
    page.get_by_label("Scarce stock", exact=True).fill("2000")
    page.keyboard.press("Control+s")
    expect(page.get_by_text("Nothing: every rule can act")).to_be_visible()

    page.keyboard.press("Control+Enter")
    expect(page.get_by_label("Keep the last ones (draft)")).to_be_checked()
    looked(visit, "simulate-form")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Waiting for a worker.")).to_be_visible()
    looked(visit, "simulate-waiting")
    run_slice(Job.objects.get().pk, RUNNERS)
    expect(page.get_by_text("of 8 from other nodes.")).to_be_visible()
    expect(page.get_by_text("Only 8 orders")).to_be_visible()
    expect(page.get_by_role("table", name="Orders given to each node").get_by_text("del-01")).to_be_visible()
    looked(visit, "simulate-result")
    with page.expect_download() as download:
        page.get_by_role("link", name="Changed orders as CSV").click()
    assert download.value.suggested_filename.endswith("changed-orders.csv")
    page.get_by_role("table", name="Orders from other nodes, with the reasons").get_by_role("link").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Why this node")).to_be_visible()
    assert fetch_all(_STOCK) == stock

    visit.open(f"/routing/drafts/{RoutingPolicy.objects.get(state='draft').pk}/publish/")
    form = page.get_by_role("region", name="Publish", exact=True)
    form.get_by_label("Why").fill("The last units stay where they sell")
    form.get_by_label("a trial beside the live version").check()
    form.get_by_label("Share of the orders").select_option("5")
    form.get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_role("heading", name="Trial")).to_be_visible()
    page.get_by_role("button", name="Stop the trial").click()
    visit.open("/routing/versions/1/")
    page.get_by_role("button", name="Restore as a draft").click()
    form.get_by_label("Why").fill("Back")
    form.get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_text("Version 3 is live.").first).to_be_visible()
    visit.open("/routing/simulations/")
    looked(visit, "simulations")

    assert RoutingPolicy.objects.get(state="live").document == RoutingPolicy.objects.get(version=1).document
    assert RoutingCanary.objects.get().percent == 5
    assert Simulation.objects.get().result["versions"][1]["changed"] > 0
    assert fetch_all(_STOCK) == stock
