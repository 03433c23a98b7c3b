"""Carriers in the administration: secrets go in and never come out."""

import json

import pytest
from django.test import Client

from carriers.models import Booking, CarrierAccount, RateCard
from carriers.services import book, make_label
from oms.core.ids import uuid7
from tests.carriers.services.world import ScriptedCarrier, booking_request, flat_zones, scripted_account

pytestmark = pytest.mark.django_db

FIELDS = {
    "code": "main",
    "name": "Main",
    "adapter": "shiprocket",
    "base_url": "",
    "settings": "{}",
    "rate_card": "",
    "priority": "10",
    "is_active": "on",
    "max_weight_grams": "30000",
    "remittance_days": "7",
}


@pytest.fixture
def account() -> CarrierAccount:
    secrets = {"email": "api@example.com", "password": "very-secret", "webhook_token": "tok-1"}
    return CarrierAccount.objects.create(code="main", name="Main", adapter="shiprocket", secrets=secrets)


def change(client: Client, account: CarrierAccount, **fields: str) -> str:
    """Save the form; the page that comes back, or nothing where it was saved."""
    response = client.post(f"/admin/carriers/carrieraccount/{account.pk}/change/", FIELDS | fields)
    return "" if response.status_code == 302 else response.content.decode()


def test_no_page_shows_a_secret(admin_client: Client, account: CarrierAccount) -> None:
    page = admin_client.get(f"/admin/carriers/carrieraccount/{account.pk}/change/").content.decode()

    assert "email, password, webhook_token" in page
    for secret in ("api@example.com", "very-secret", "tok-1"):
        assert secret not in page


def test_secrets_are_replaced_one_by_one(admin_client: Client, account: CarrierAccount) -> None:
    assert change(admin_client, account, new_secrets="password = a=b \n\nwebhook_token =\nnew=1") == ""

    account.refresh_from_db()
    assert account.secrets == {"email": "api@example.com", "password": "a=b", "new": "1"}


def test_saving_without_secrets_keeps_them(admin_client: Client, account: CarrierAccount) -> None:
    assert change(admin_client, account, name="Renamed") == ""

    account.refresh_from_db()
    assert account.name == "Renamed"
    assert account.secrets["password"] == "very-secret"


def test_a_faulty_line_is_named_by_number_and_not_shown_again(admin_client: Client, account: CarrierAccount) -> None:
    page = change(admin_client, account, new_secrets="password=fresh-secret\nnonsense-secret")

    assert "Line 2 does not have the form" in page
    assert "fresh-secret" not in page
    assert "nonsense-secret" not in page
    account.refresh_from_db()
    assert account.secrets["password"] == "very-secret"


def test_settings_must_be_an_object(admin_client: Client, account: CarrierAccount) -> None:
    assert "Settings are a JSON object." in change(admin_client, account, settings="[1]")


def test_settings_that_no_connector_can_work_with_are_refused(admin_client: Client, account: CarrierAccount) -> None:
    place = {"company": "Kaveri", "contact": "Ravi", "line1": "7 Peenya", "city": "Bengaluru", "country": "IN"}
    wrong = {"account_number": "12", "services": {"standard": 65}, "duties_paid_by": "sender", "currency": "Rs",
             "timeout_seconds": "soon", "pickup_addresses": {"BLR": place}, "time_zone": "Bengaluru"}  # fmt: skip
    words = {
        "ups": ["account_number is &#x27;12&#x27;; expected six letters", "BLR lacks phone", "services is",
                "expected receiver or shipper", "currency is &#x27;Rs&#x27;", "timeout_seconds is &#x27;soon&#x27;"],
        "fedex": ["BLR lacks phone, region"], "dhl_express": ["time_zone is &#x27;Bengaluru&#x27;"],
        "shiprocket": ["timeout_seconds is"],
    }  # fmt: skip
    for adapter, faults in words.items():
        page = change(admin_client, account, adapter=adapter, settings=json.dumps(wrong))
        assert [fault for fault in faults if fault not in page] == []
    right = {"account_number": "A1B2C3", "services": {"standard": "65"}, "duties_paid_by": "shipper",
             "timeout_seconds": 5, "pickup_addresses": {"BLR": place | {"phone": "+91 80 1"}}}  # fmt: skip
    assert change(admin_client, account, adapter="ups", settings=json.dumps(right)) == ""


def test_a_rate_card_that_cannot_be_read_is_refused(admin_client: Client) -> None:
    fields = {"code": "c", "name": "C", "currency": "INR", "cod_minor": "0", "cod_bp": "0", "fuel_bp": "0"}

    refused = admin_client.post("/admin/carriers/ratecard/add/", fields | {"zones": '{"A": {"first_grams": 500}}'})
    assert "first_minor is missing" in refused.content.decode()
    saved = admin_client.post("/admin/carriers/ratecard/add/", fields | {"zones": str(flat_zones()).replace("'", '"')})

    assert saved.status_code == 302
    assert RateCard.objects.get().zones == flat_zones()


def test_what_happened_can_be_read_and_not_edited(admin_client: Client, scripted: ScriptedCarrier) -> None:
    booking = book(request=booking_request(), parcel_uid=uuid7(), account_id=scripted_account().pk)
    label = make_label(booking.pk)

    for model, key in (("booking", booking.pk), ("label", label.pk)):
        page = admin_client.get(f"/admin/carriers/{model}/{key}/change/")
        assert page.status_code == 200
        assert "Ananya" not in page.content.decode()
        assert admin_client.get(f"/admin/carriers/{model}/add/").status_code == 403
        assert admin_client.post(f"/admin/carriers/{model}/{key}/delete/", {"post": "yes"}).status_code == 403
    for model in ("booking", "label", "trackingevent", "serviceability", "ratecard", "carrieraccount"):
        assert admin_client.get(f"/admin/carriers/{model}/").status_code == 200
    assert Booking.objects.count() == 1
