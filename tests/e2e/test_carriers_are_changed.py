"""A carrier is on strike: a rule keeps new parcels from it, and those that are packed go with another."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from carriers.models import CarrierAccount, ChoiceRule
from carriers.services.rules import RuleTerms, save_rule
from fulfillment.models import Shipment
from oms.accounts.models import Role, User
from oms.core.jobs import run_slice
from oms.core.models import Job
from oms.flow.jobs import RUNNERS
from tests.e2e.conftest import Visitor
from tests.factories import World, make_line
from tests.fulfillment.floor import labelled, make_carrier, make_work

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def test_a_strike_is_answered_by_a_rule_and_a_change_of_carriers(
    visitor: Visitor, person: Callable[..., User], world: World
) -> None:
    person("meera@example.com", name="Meera Ops", role=Role.OPS_MANAGER, all_nodes=True)
    CarrierAccount.objects.filter(code="riders").update(name="City Riders")
    for nth in range(3):
        labelled(make_work(world, f"s{nth}", make_line(world.kurta)))
    make_carrier("vans", name="Blue Vans", priority=20)
    make_carrier("boats", name="River Boats", priority=30)
    share = RuleTerms(name="Contract", effect="share", accounts={"vans": 60, "boats": 40}, states=["Assam"])
    save_rule(terms=share, actor="Meera Ops")
    office = visitor()
    page = office.sign_in("meera@example.com")

    office.open("/carriers/rules/")
    page.get_by_role("link", name="New rule").first.click()
    page.get_by_label("Name", exact=True).fill("Strike of the riders")
    page.get_by_role("checkbox", name="City Riders").check()
    page.get_by_label("Why not").fill("On strike until Friday.")
    page.get_by_role("button", name="How many parcels?").click()
    expect(page.get_by_text("About 3 of the latest 3 parcels")).to_be_visible()
    office.look()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Do not use City Riders: On strike until Friday.")).to_be_visible()
    assert ChoiceRule.objects.count() == 2
    office.look()

    office.open("/fulfil/change-carriers/?account=riders")
    office.look()
    for box in page.get_by_role("checkbox", name="Select OM").all():
        box.check()
    page.get_by_label("Goes with").select_option(label="Blue Vans")
    page.get_by_role("button", name="Show what it means").click()
    expect(page.get_by_text("3 old labels are voided, and new ones bought.")).to_be_visible()
    office.look()
    page.get_by_label("Why", exact=True).fill("Strike")
    page.get_by_role("button", name="Change them").click()
    expect(page.get_by_text("3 to go")).to_be_visible()
    run_slice(Job.objects.get().pk, RUNNERS)
    expect(page.get_by_text("3 parcels have new labels.")).to_be_visible()
    office.look()
    assert {str(row.carrier_account) for row in Shipment.objects.all()} == {"Blue Vans"}
