"""Health of carriers, the quote tester, uncertain bookings, rate cards."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from carriers import registry
from carriers.models import Booking, CarrierAccount
from carriers.services.quotes import forget_rates
from oms.accounts.models import Role, User
from oms.core.ids import uuid7
from tests.carriers.services.world import ScriptedCarrier, manual_account
from tests.factories import make_line, make_world
from tests.fulfillment.floor import make_work, packed

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_remembered_rates() -> None:
    forget_rates()


def sign_in(role: str = Role.OPS_MANAGER, **fields: Any) -> Client:
    """A browser in which somebody of a role is signed in."""
    seen = {"all_nodes": True} | fields
    person = User.objects.create(email=f"{role}{User.objects.count()}@example.com", role=role, **seen)
    browser = Client()
    browser.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return browser


def text(response: Any) -> str:
    """What the page's main part says."""
    main = re.search(r"<main.*</main>", response.content.decode(), re.S)
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", main[0] if main else "").split()))


def booking(account: CarrierAccount, state: str, error: str = "", number: str = "OM-1") -> Booking:
    """A booking that was made just now."""
    return Booking.objects.create(
        account=account, client_reference=str(uuid7()), parcel_uid=uuid7(), order_number=number, state=state,
        error=error,
    )  # fmt: skip


def test_the_list_says_how_each_carrier_does_and_what_it_refused() -> None:
    account = manual_account()
    booking(account, "failed", "The PIN code is not served.", "OM-7")
    booking(account, "unknown", "The reply was lost.")
    page = text(sign_in().get("/carriers/"))
    assert "Riders Manual courier · priority 100" in page
    assert "Unsure 0% 0 1 1" in page
    assert "The PIN code is not served. 1 OM-7" in page
    assert "Flat card INR 4" in page


def test_a_quote_has_a_reason_for_every_carrier() -> None:
    manual_account()
    manual_account("prepaid-only", supports_cod=False)
    answer = sign_in().get("/carriers/riders/?origin=560 058&to=421204&weight=700&cod=500")
    assert answer.status_code == 200
    page = text(answer)
    assert re.search(r"Riders this account Riders Best ₹[\d.]+ 4 Arrives by", page)
    assert "Not possible – – Takes no cash on delivery." in page


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("origin=560058&to=12&weight=700", "Enter a PIN code of six digits."),
        ("origin=560058&to=421204&weight=0", "greater than or equal to 1"),
        ("origin=&to=421204&weight=5", "This field is required."),
        ("origin=560058&to=421204&weight=5&cod=-1", "greater than or equal to 0"),
    ],
)
def test_a_quote_needs_sensible_values(query: str, words: str) -> None:
    manual_account()
    answer = sign_in().get(f"/carriers/riders/?{query}")
    assert answer.status_code == 422
    assert words in text(answer)
    assert "There is a problem" in text(answer)


def test_where_an_account_goes_beyond_india_is_shown_and_asked() -> None:
    account = manual_account()
    card = account.rate_card
    assert card is not None
    assert "Beyond India –" in text(sign_in().get("/carriers/riders/"))
    slab = {"first_grams": 500, "first_minor": 90_000, "additional_grams": 500, "additional_minor": 40_000, "days": 5}
    card.zones |= {"US": slab, "*": slab, "AE": slab}
    card.save()
    client = sign_in()
    assert "AE United Arab Emirates 500 g ₹900.00" in text(client.get("/carriers/rate-cards/flat/"))
    page = text(client.get("/carriers/riders/?origin=560058&to=&country=ae&weight=700"))
    assert "Beyond India United Arab Emirates, United States, Every other country" in page
    assert "Best ₹1,300.00 5 Arrives by" in page
    for query, words in (("to=&country=us", "Enter a postcode of this country."),
                         ("to=78701&country=xq", "Enter the two letters of a country, as IN.")):  # fmt: skip
        assert words in text(client.get(f"/carriers/riders/?origin=560058&weight=700&{query}"))


def test_a_rate_card_is_shown_by_zone_and_a_broken_one_says_why() -> None:
    account = manual_account()
    page = text(sign_in().get("/carriers/rate-cards/flat/"))
    assert "A Same city 500 g ₹50.00 500 g ₹40.00" in page
    assert "Riders" in page
    card = account.rate_card
    assert card is not None
    card.zones = {"A": {"first_grams": 500}}
    card.save()
    assert "first_minor is missing" in text(sign_in().get("/carriers/rate-cards/flat/"))
    assert sign_in().get("/carriers/riders/").status_code == 200
    assert sign_in().get("/carriers/rate-cards/none/").status_code == 404
    assert sign_in().get("/carriers/none/").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_uncertain_bookings_are_settled_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.ADAPTERS, "scripted", ScriptedCarrier())
    account = manual_account("scripted", adapter="scripted", rate_card=None)
    row = booking(account, "unknown")
    browser = sign_in()
    assert "Settle now" in text(browser.get("/carriers/scripted/"))
    answer = browser.post("/carriers/scripted/settle/", follow=True)
    row.refresh_from_db()
    assert row.state != "unknown"
    assert "1 booking is certain now." in text(answer)
    assert "Nothing is uncertain." in text(browser.post("/carriers/scripted/settle/", follow=True))


def test_what_only_a_person_can_tell_leads_to_its_parcel() -> None:
    account = manual_account("ups", adapter="ups", rate_card=None)
    world = make_world()
    parcel = packed(make_work(world, "1", make_line(world.kurta)))
    uncertain = booking(account, "unknown", "A search shows nothing", parcel.order.number)
    Booking.objects.filter(pk=uncertain.pk).update(parcel_uid=parcel.uid)

    page = sign_in().get("/carriers/ups/").content.decode()

    assert "decided on the page of its parcel" in page
    assert f'href="/fulfil/parcels/{parcel.pk}/"' in page


def test_bookings_of_other_nodes_and_channels_are_neither_shown_nor_settled() -> None:
    account = manual_account()
    world = make_world()
    parcel = packed(make_work(world, "1", make_line(world.kurta)))
    refused = booking(account, "failed", "No such PIN code", parcel.order.number)
    uncertain = booking(account, "unknown", "Timeout", parcel.order.number)
    Booking.objects.filter(pk__in=[refused.pk, uncertain.pk]).update(parcel_uid=parcel.uid)

    for there, fields in (
        (True, {"node_codes": ["blr-01"]}), (False, {"node_codes": ["del-01"]}),
        (False, {"all_nodes": True, "all_channels": False, "channel_codes": ["bazaar"]}),
    ):  # fmt: skip
        browser = sign_in(**{"all_nodes": False} | fields)
        assert (parcel.order.number in text(browser.get("/carriers/riders/"))) is there
        if not there:
            answer = browser.post("/carriers/riders/settle/", follow=True)
            assert "Nothing is uncertain." in text(answer)
    uncertain.refresh_from_db()
    assert uncertain.state == "unknown"


@pytest.mark.parametrize(
    ("role", "view", "settle"),
    [
        (Role.OPS_MANAGER, 200, 302),
        (Role.OPS_AGENT, 200, 403),
        (Role.CUSTOMER_SERVICE, 200, 403),
        (Role.READ_ONLY, 200, 403),
        (Role.PACKER, 403, 403),
        (Role.INTEGRATOR, 403, 403),
    ],
)
def test_who_may_look_and_who_may_settle(role: str, view: int, settle: int) -> None:
    manual_account()
    browser = sign_in(role)
    for page in ("/carriers/", "/carriers/riders/", "/carriers/rate-cards/flat/"):
        assert browser.get(page).status_code == view, page
    assert browser.post("/carriers/riders/settle/").status_code == settle


def test_nothing_is_sent_again_while_nothing_changes() -> None:
    account = manual_account()
    browser = sign_in()
    version = re.search(r'data-version="([0-9a-f]+)"', browser.get("/carriers/").content.decode())
    assert version is not None
    headers = {"HX-Request": "true", "X-Fragment-Version": version[1]}
    assert browser.get("/carriers/", headers=headers).status_code == 204
    booking(account, "unknown")
    assert 'id="carrier-rows"' in browser.get("/carriers/", headers=headers).content.decode()


def test_every_column_of_the_list_has_a_heading() -> None:
    manual_account()

    page = sign_in().get("/carriers/").content.decode()

    table = page[page.index('id="carrier-rows"') :]
    assert 'data-live="10"' in table[:300]
    headings, row = table[: table.index("</thead>")], table[table.index("<tr data-row") :].split("</tr>", 1)[0]
    assert headings.count("<th") - headings.count("<thead") == row.count("<td") == 10


def test_the_list_asks_the_same_number_of_questions_for_more_carriers(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    browser = sign_in()
    for n in range(2):
        booking(manual_account(f"c{n}"), "failed", "No")
        with django_assert_num_queries(7):
            browser.get("/carriers/")


def test_a_carrier_says_what_its_connector_was_tested_against() -> None:
    CarrierAccount.objects.create(code="delhivery", name="Delhivery", adapter="delhivery")
    page = text(sign_in().get("/carriers/delhivery/"))
    assert "Tested against replies that were recorded from the live service. Not offered: prices, labels" in page


def test_a_carrier_says_what_its_connector_does_not_offer() -> None:
    CarrierAccount.objects.create(code="dtdc", name="DTDC", adapter="dtdc")
    page = text(sign_in().get("/carriers/dtdc/"))
    assert "Only parts of the contract are public; what is missing is not offered. Not offered: prices, booking" in page
