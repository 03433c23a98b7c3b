"""The door for tracking webhooks."""

import json
from pathlib import Path

import pytest
from django.test import Client, override_settings

from carriers.base import Milestone
from carriers.models import Booking, CarrierAccount, TrackingEvent
from carriers.selectors import webhook_url
from carriers.services import book
from carriers.simulators.shiprocket.server import SimulatorServer
from carriers.webhooks import MAX_BODY_BYTES
from oms.core.ids import uuid7
from tests.carriers.services.world import WEBHOOK_TOKEN, booking_request, manual_account, shiprocket_account

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(simulator: SimulatorServer) -> CarrierAccount:
    return shiprocket_account(simulator)


def push(key: str, body: object, token: str = WEBHOOK_TOKEN) -> tuple[int, str]:
    """Status and message of one push; CSRF is checked as it is for browsers."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    client = Client(enforce_csrf_checks=True)
    response = client.post(
        f"/hooks/carriers/{key}/", data=raw, content_type="application/json", headers={"x-api-key": token}
    )
    return response.status_code, response.json()["message"]


def body_of(awb: str) -> dict[str, object]:
    """A push as the vendor sends it, with one scan."""
    return {
        "awb": awb,
        "current_status": "IN TRANSIT",
        "current_status_id": 20,
        "shipment_status": "IN TRANSIT",
        "shipment_status_id": 18,
        "current_timestamp": "20 11 2026 11:43:52",
        "scans": [
            {
                "date": "2026-11-20 11:43:46",
                "status": "X-UCI",
                "activity": "In transit",
                "location": "Pune",
                "sr-status": "18",
                "sr-status-label": "IN TRANSIT",
            }
        ],
    }


def test_a_push_is_recorded_once_by_code_or_number(account: CarrierAccount) -> None:
    booking = book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk)

    assert push(account.code, body_of(booking.awb)) == (200, "Recorded.")
    assert push(str(account.pk), body_of(booking.awb)) == (200, "Recorded.")

    booking.refresh_from_db()
    assert booking.milestone == "in_transit"
    assert [(row.milestone, row.source) for row in TrackingEvent.objects.all()] == [("in_transit", "webhook")]


def test_a_wrong_token_is_refused_and_nothing_is_written(account: CarrierAccount) -> None:
    booking = book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk)

    assert push(account.code, body_of(booking.awb), token="guess")[0] == 401
    assert TrackingEvent.objects.count() == 0


def test_an_account_without_a_token_takes_no_push(account: CarrierAccount) -> None:
    account.secrets = {"email": "api@example.com", "password": "secret"}
    account.save()

    assert push(account.code, body_of("1"), token="")[0] == 401


def test_a_parcel_that_was_not_booked_here_is_taken_and_left_alone(account: CarrierAccount) -> None:
    assert push(account.code, body_of("19041234567890")) == (200, "This AWB was not booked here.")
    assert TrackingEvent.objects.count() == 0


def test_while_a_booking_is_unsettled_its_awb_may_be_the_one_that_is_told(account: CarrierAccount) -> None:
    booking = book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk)
    awb = booking.awb
    Booking.objects.filter(pk=booking.pk).update(state="unknown", awb="")

    assert push(account.code, body_of(awb))[0] == 404
    Booking.objects.filter(pk=booking.pk).update(state="booked", awb=awb)
    assert push(account.code, body_of(awb)) == (200, "Recorded.")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"not json", 400),
        (b"\xff\xfe", 400),
        (b"[]", 200),
        (b"{}", 200),
        (b'{"awb": "12\\u00003"}', 200),
        (b'{"awb": "1", "scans": [1, {"date": null}, {"date": "2026-13-45 99:99:99"}]}', 200),
        (b'{"awb": {"a": 1}, "scans": 7, "current_timestamp": []}', 400),
        (b" " * (MAX_BODY_BYTES + 1), 413),
    ],
)
def test_odd_bodies_are_answered_and_never_break(account: CarrierAccount, body: bytes, status: int) -> None:
    assert push(account.code, body)[0] == status
    assert TrackingEvent.objects.count() == 0


def test_unknown_accounts_and_carriers_that_push_nothing_are_not_found() -> None:
    manual_account()

    assert push("nobody", {})[0] == 404
    assert push("999999", {})[0] == 404
    assert push("9" * 30, {})[0] == 404
    assert push("riders", {})[0] == 404
    assert Client().get("/hooks/carriers/riders/").status_code == 405


def test_the_address_names_the_account_by_number(account: CarrierAccount) -> None:
    with override_settings(PUBLIC_URL="https://oms.example.com"):
        address = webhook_url(account)

    assert address == f"https://oms.example.com/hooks/carriers/{account.pk}/"


def test_the_vendors_own_sample_is_taken(account: CarrierAccount, shared_dir: Path) -> None:
    path = shared_dir / "contracts" / "shiprocket" / "webhook-tracking-sample.json"
    if not path.is_file():
        pytest.skip("needs the published Shiprocket webhook sample, which is not part of the project")
    sample = json.loads(path.read_text(encoding="utf-8"))
    booking = book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk)
    Booking.objects.filter(pk=booking.pk).update(awb=str(sample["awb"]))

    assert push(account.code, sample) == (200, "Recorded.")

    booking.refresh_from_db()
    assert Milestone(booking.milestone) is Milestone.IN_TRANSIT
    assert TrackingEvent.objects.filter(booking=booking).count() >= len(sample["scans"])
