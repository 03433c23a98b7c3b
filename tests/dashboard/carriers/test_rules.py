"""The screen of the rules of choice, and the change of carriers."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from carriers.models import CarrierAccount, ChoiceRule
from fulfillment.models import Shipment
from oms.accounts.access import principal_of_user
from oms.accounts.models import Role, User
from oms.core.jobs import run_slice
from oms.core.models import Job
from oms.flow.jobs import RUNNERS
from oms.flow.switch_jobs import refused_parcels, start_switch
from tests.dashboard.carriers.test_carriers import sign_in, text
from tests.factories import make_line, make_world
from tests.fulfillment.floor import labelled, make_carrier, make_work, packed

pytestmark = pytest.mark.django_db


def form(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Strike", "effect": "block", "blocked": ["riders"], "reason": "On strike.", "is_active": "on",
        "strategy": "promise", "states": "assam, Nagaland", "postcodes": "78, 79", "payment": "cod",
        "grams_from": "500", "value_to": "2500.50",
    } | changes  # fmt: skip


@pytest.fixture
def browser() -> Client:
    make_carrier("riders")
    make_carrier("vans")
    return sign_in()


def test_a_rule_is_made_listed_in_words_and_changed(browser: Client) -> None:
    made = browser.post("/carriers/rules/new/", form())
    rule = ChoiceRule.objects.get()
    page = text(browser.get("/carriers/rules/"))
    share = browser.post(f"/carriers/rules/{rule.pk}/", form(
        effect="share", **{f"weight_{account.pk}": 60 if account.code == "riders" else 40
                           for account in CarrierAccount.objects.all()}))  # fmt: skip

    assert made.status_code == share.status_code == 302
    assert (rule.accounts, rule.states, rule.postcodes) == ({"riders": 1}, ["Assam", "Nagaland"], ["78", "79"])
    assert rule.value_to_minor == 250_050
    assert "Do not use Riders: On strike." in page
    assert "to Assam or Nagaland, to PIN codes that begin with 78 or 79, paid on delivery, weighing" in page
    rule.refresh_from_db()
    assert rule.accounts == {"riders": 60, "vans": 40}
    assert "Share between Riders 60%, Vans 40%" in text(browser.get("/carriers/rules/"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"states": "Asam"}, "Asam is no state that is known."),
        ({"postcodes": "7-8"}, "7-8 is no beginning of a PIN code."),
        ({"blocked": []}, "Choose at least 1 carrier account(s)."),
        ({"effect": "share"}, "Choose at least 2 carrier account(s)."),
        ({"reason": ""}, "Say why it is not used."),
    ],
)
def test_what_is_wrong_is_said_at_its_field(browser: Client, changes: dict[str, Any], words: str) -> None:
    answer = browser.post("/carriers/rules/new/", form(**changes))

    assert answer.status_code == 422
    assert words in text(answer)
    assert not ChoiceRule.objects.exists()


def test_how_many_parcels_it_would_be_about_is_shown_without_saving(browser: Client) -> None:
    world = make_world()
    labelled(make_work(world, "O-1", make_line(world.kurta)))

    page = text(browser.post("/carriers/rules/new/", {"name": "x", "effect": "choose_by", "show": "1"}))

    assert "About 1 of the latest 1 parcels" in page
    assert not ChoiceRule.objects.exists()


def test_rules_are_moved_and_removed_and_who_only_looks_sees_no_buttons(browser: Client) -> None:
    for name in ("First", "Second"):
        browser.post("/carriers/rules/new/", form(name=name))
    first, second = ChoiceRule.objects.order_by("position")

    browser.post(f"/carriers/rules/{second.pk}/move/", {"way": "up"})
    order = list(ChoiceRule.objects.values_list("name", flat=True))
    browser.post(f"/carriers/rules/{first.pk}/remove/")
    reader = sign_in(Role.CUSTOMER_SERVICE)

    assert order == ["Second", "First"]
    assert list(ChoiceRule.objects.values_list("name", flat=True)) == ["Second"]
    assert "New rule" not in text(reader.get("/carriers/rules/"))
    assert reader.post(f"/carriers/rules/{second.pk}/remove/").status_code == 403


@pytest.mark.django_db(transaction=True)
def test_a_parcel_that_no_carrier_took_stands_in_the_list_and_stays_where_none_takes_it() -> None:
    world = make_world()
    parcel = packed(make_work(world, "O-1", make_line(world.kurta)))
    browser = sign_in()

    page = text(browser.get("/fulfil/change-carriers/"))
    preview = text(browser.post("/fulfil/change-carriers/", {"ids": [parcel.pk], "to": ""}))

    assert parcel.order.number in page
    assert "Stays" in preview


@pytest.mark.django_db(transaction=True)
def test_the_carrier_of_parcels_is_changed_after_a_look_at_what_it_means() -> None:
    old = make_carrier("riders")
    world = make_world()
    parcels = [labelled(make_work(world, f"O-{n}", make_line(world.kurta))) for n in range(2)]
    make_carrier("vans")
    browser = sign_in()
    ids = [parcel.pk for parcel in parcels]

    page = text(browser.get("/fulfil/change-carriers/?account=riders"))
    preview = text(browser.post("/fulfil/change-carriers/", {"ids": ids, "to": "vans"}))
    unsaid = browser.post("/fulfil/change-carriers/", {"ids": ids, "to": "vans", "confirmed": "1"})
    started = browser.post("/fulfil/change-carriers/", {"ids": ids, "to": "vans", "confirmed": "1", "reason": "Strike"})
    run_slice(Job.objects.get().pk, RUNNERS)
    result = text(browser.get(started["Location"]))

    assert all(parcel.order.number in page for parcel in parcels)
    assert "2 old labels are voided, and new ones bought." in preview
    assert unsaid.status_code == 422
    assert "2 parcels have new labels." in result
    assert {row.carrier_account and row.carrier_account.code for row in Shipment.objects.all()} == {"vans"}
    assert not Shipment.objects.filter(carrier_account=old).exists()


@pytest.mark.django_db(transaction=True)
def test_a_parcel_that_cannot_change_says_why_and_the_others_are_changed() -> None:
    make_carrier("riders")
    world = make_world()
    light = labelled(make_work(world, "O-1", make_line(world.kurta)))
    heavy = labelled(make_work(world, "O-2", make_line(world.kurta, 3)))
    Shipment.objects.filter(pk=heavy.pk).update(weight_grams=9_000)
    make_carrier("vans", max_weight_grams=5_000)
    person = principal_of_user(User.objects.create(email="m@example.com", role=Role.OPS_MANAGER, all_nodes=True))
    vans = CarrierAccount.objects.get(code="vans")

    job = start_switch(
        shipment_ids=[light.pk, heavy.pk], account_id=vans.pk, to="Vans", reason="Strike", principal=person
    )
    run_slice(job.pk, RUNNERS)
    run_slice(job.pk, RUNNERS)
    job.refresh_from_db()

    assert (job.state, job.succeeded, job.failed) == ("done", 1, 1)
    assert refused_parcels(job) == {heavy.pk: "Vans: Carries up to 5 kg; this parcel counts as 9 kg."}
