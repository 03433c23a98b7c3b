"""A planner changes a weight, adds a rule, reads what lint finds, tries an order, publishes to 5 % and goes back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

from inventory.models import StockLevel
from oms.accounts.models import Role
from orders.models import Order
from routing.models import RoutingCanary, RoutingPolicy
from routing.policy.conditions import Group, Row
from routing.services import create_draft, document_of, forget_policy, publish
from tests.e2e.browsing import Visit
from tests.e2e.conftest import Visitor
from tests.factories import World, capture, make_line, make_order

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def looked(visit: Visit, name: str) -> None:
    """The page is sound in both schemes; kept as pictures where OMS_PICTURES names a folder."""
    visit.look()
    if folder := os.environ.get("OMS_PICTURES"):
        for scheme in ("light", "dark"):
            visit.page.emulate_media(color_scheme=scheme)
            visit.page.screenshot(path=Path(folder) / f"{name}-{visit.width}-{scheme}.png", full_page=True)
        visit.page.emulate_media(color_scheme="light")


def go_live() -> None:
    draft = create_draft(name="Standard", actor="Asha")
    publish(policy_id=draft.pk, edit_version=1, note="The first one", actor="Asha")
    forget_policy()


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (360, 740)])
def test_a_planner_changes_rules_and_goes_back(
    world: World, visitor: Visitor, person: object, width: int, height: int
) -> None:
    assert callable(person)
    go_live()
    number = Order.objects.get(pk=capture(world, make_order("A", make_line(world.kurta)))).number
    person("meera@example.com", role=Role.OPS_MANAGER, all_nodes=True, all_channels=True, name="Meera")
    stock = list(StockLevel.objects.order_by("pk").values())
    visit = visitor(width=width, height=height)
    page = visit.sign_in("meera@example.com")

    visit.open("/routing/versions/")
    page.get_by_label("Name", exact=True).fill("Peak")
    page.get_by_role("button", name="Begin a draft").click()
    page.get_by_role("button", name="Add a rule").click()
    page.get_by_label("Name", exact=True).fill("Dear orders")
    page.get_by_label("The rule is on").check()
    page.get_by_role("button", name="Add a condition").click()
    page.get_by_label("Field").select_option("value")
    page.get_by_label("Value", exact=True).fill("much")
    page.get_by_role("button", name="Save the rule").click()
    expect(page.get_by_role("heading", name="There is a problem")).to_be_visible()
    looked(visit, "error")
    # The browser itself notes that the answer was a refusal.
    visit.problems = [problem for problem in visit.problems if "status of 422" not in problem]
    page.get_by_label("Value", exact=True).fill("900")
    page.get_by_role("button", name="Add a group").click()
    page.get_by_label("Field").nth(1).select_option("gift")
    expect(page.get_by_label("Comparison").nth(1)).to_have_value("yes")
    page.get_by_label("Value", exact=True).nth(1).fill("vip, press")
    page.get_by_label("Split", exact=True).fill("90")
    page.get_by_role("button", name="Save the rule").click()
    expect(page.get_by_text("Takes orders where the order value is at least ₹900")).to_be_visible()
    expect(page.get_by_text("goes to the next rule").first).to_be_visible()
    looked(visit, "editor")

    page.get_by_label("Order number").fill(number)
    page.get_by_role("button", name="Try", exact=True).click()
    expect(page.get_by_text("Taken by:")).to_be_visible()
    looked(visit, "tried")
    page.get_by_role("button", name="Move Dear orders down").click()
    expect(page.get_by_text("“Dear orders” is never reached").first).to_be_visible()
    page.get_by_role("button", name="Move Dear orders up").click()

    page.get_by_role("link", name="Review and publish").click()
    expect(page.get_by_text("New rule “Dear orders”")).to_be_visible()
    form = page.get_by_role("region", name="Publish", exact=True)
    form.get_by_label("Why").fill("Fewer parcels for dear orders")
    form.get_by_label("a trial beside the live version").check()
    looked(visit, "publish")
    form.get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_role("heading", name="Trial")).to_be_visible()
    looked(visit, "trial")
    page.get_by_role("button", name="Make it live").click()
    visit.open("/routing/versions/")
    looked(visit, "versions")

    visit.open("/routing/versions/1/")
    page.get_by_role("button", name="Restore as a draft").click()
    form.get_by_label("Why").fill("Back")
    form.get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_text("Version 3 is live.").first).to_be_visible()
    visit.open("/routing/")
    looked(visit, "routing")

    assert RoutingPolicy.objects.get(state="live").document == RoutingPolicy.objects.get(version=1).document
    assert RoutingCanary.objects.get().percent == 5
    rule = document_of(RoutingPolicy.objects.get(version=2)).rules[0]
    assert rule.weights.split_minor == 9_000
    assert rule.when == Group(
        "all",
        (
            Row("value", "at_least", 90_000),
            Group("any", (Row("gift", "yes"), Row("tags", "has_any", ("vip", "press")))),
        ),
    )
    assert list(StockLevel.objects.order_by("pk").values()) == stock


def test_a_rule_is_written_without_javascript(world: World, visitor: Visitor, person: object) -> None:
    assert callable(person)
    go_live()
    person("meera@example.com", role=Role.OPS_MANAGER, all_nodes=True, all_channels=True, name="Meera")
    visit = visitor(scripts=False)
    page = visit.sign_in("meera@example.com")

    visit.open("/routing/versions/")
    page.get_by_label("Name", exact=True).fill("Peak")
    page.get_by_role("button", name="Begin a draft").click()
    page.get_by_role("button", name="Add a rule").click()
    page.get_by_role("button", name="Add a condition").click()
    page.get_by_label("Field").select_option("tags")
    page.get_by_role("button", name="Show the comparisons of the chosen fields").click()
    page.get_by_label("Comparison").select_option("has_all")
    page.get_by_label("Value", exact=True).fill("vip")
    page.get_by_role("button", name="Save the rule").click()

    expect(page.get_by_text("Takes orders where the tags include all of vip.")).to_be_visible()
