"""Ecom Express: what is public of its contract, and that nothing else is pretended."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from carriers.adapters.ecom_express.adapter import EcomExpressAdapter
from carriers.base import (
    AnswersNdr,
    Booked,
    CarrierAdapter,
    CarrierConfig,
    GivesLabels,
    Milestone,
    RateRequest,
    ReceivesTracking,
    SchedulesPickups,
)
from carriers.errors import BadSignature
from carriers.models import CarrierAccount
from carriers.services import book, cancel_booking
from oms.core.errors import PermanentError
from oms.core.ids import uuid7
from tests.carriers.services.world import booking_request

HEADERS = {"x-webhook-version": "2.0", "authorization": "agreed"}
ADAPTER = EcomExpressAdapter()


def config(**settings: Any) -> CarrierConfig:
    return CarrierConfig(account_id=9, code="ecom", secrets={"webhook_token": "agreed"}, settings=settings)


def push(**changes: Any) -> bytes:
    body = {"awb": "700123456", "order_id": "OMS-1", "date_time": "2026-11-21 18:05:09", "edd": "2026-11-22",
            "status": "Delivered", "status_code": "7", "reason": "", "reason_code": "", "fe_remarks": " Handed over",
            "current_city": "Pune", "current_sc": "PNQ", "employee_name": "A Rider", "employee_number": "9",
            "product_type": "cod", "shipment_type": "Forward"}  # fmt: skip
    return json.dumps(body | changes).encode()


def test_it_offers_what_is_public_and_nothing_else() -> None:
    whole: CarrierAdapter = ADAPTER
    assert isinstance(whole, ReceivesTracking)
    assert not isinstance(whole, (GivesLabels, SchedulesPickups, AnswersNdr))
    assert whole.certainty.sentence == "Only parts of the contract are public; what is missing is not offered."
    with pytest.raises(PermanentError, match="rate card"):
        whole.rates(config(), RateRequest(from_postcode="560058", to_postcode="421204", weight_grams=500))
    with pytest.raises(PermanentError, match="publishes no way to book"):
        whole.book(config(), booking_request(client_reference="R-1"))
    assert whole.find_booking(config(), "R-1") is None
    assert whole.track(config(), "700123456").scans == ()


def test_an_awb_of_the_panel_is_taken_and_cleaned() -> None:
    booked = ADAPTER.book(config(awb=" 700123456 "), booking_request(client_reference="R-1"))
    assert booked == Booked(awb="700123456", courier_name="Ecom Express", external_ids={"reference": "R-1"})
    with pytest.raises(PermanentError):
        ADAPTER.book(config(awb="7/1"), booking_request(client_reference="R-1"))


def test_a_cancellation_is_refused_unless_a_person_voids() -> None:
    booked = Booked(awb="700123456", courier_name="Ecom Express")
    with pytest.raises(PermanentError, match="void 700123456 in its panel"):
        ADAPTER.cancel(config(), booked)
    ADAPTER.cancel(config(void_by_hand=True), booked)


def test_a_push_is_one_scan_and_twice_the_same() -> None:
    first, second = (ADAPTER.read_webhook(config(), HEADERS, push()) for _turn in range(2))
    assert first is not None
    assert first == second
    assert (first.awb, first.expected_delivery) == ("700123456", date(2026, 11, 22))
    [scan] = first.scans
    assert (scan.milestone, scan.occurred_at.astimezone(UTC)) == (
        Milestone.DELIVERED, datetime(2026, 11, 21, 12, 35, 9, tzinfo=UTC)
    )  # fmt: skip
    assert (scan.carrier_status, scan.description, scan.location) == ("7 Delivered", "Handed over", "Pune")
    assert not {"employee_name", "employee_number"} & set(scan.raw)


@pytest.mark.parametrize(
    ("changes", "milestone"),
    [
        ({"shipment_type": "Return"}, Milestone.RTO_DELIVERED),
        ({"product_type": "rts"}, Milestone.RTO_DELIVERED),
        ({"status": "Undelivered"}, Milestone.UNKNOWN),
        ({"status": "Shipment out for delivery"}, Milestone.UNKNOWN),
        ({"status": ""}, Milestone.UNKNOWN),
    ],
)
def test_only_the_word_that_is_public_moves_anything(changes: dict[str, Any], milestone: Milestone) -> None:
    update = ADAPTER.read_webhook(config(), HEADERS, push(**changes))
    assert update is not None
    assert [scan.milestone for scan in update.scans] == [milestone]


def test_what_cannot_be_told_apart_or_read() -> None:
    update = ADAPTER.read_webhook(config(), HEADERS, push(date_time="21-11-2026"))
    assert update is not None
    assert update.scans == ()
    assert ADAPTER.read_webhook(config(), HEADERS, push(awb="")) is None
    assert ADAPTER.read_webhook(config(), HEADERS, b"[]") is None
    with pytest.raises(PermanentError, match="not JSON"):
        ADAPTER.read_webhook(config(), HEADERS, b"<xml/>")


def test_a_push_is_believed_by_its_token_alone() -> None:
    for headers in ({}, {"Authorization": "other"}, {"x-token": "agreed"}):
        with pytest.raises(BadSignature):
            ADAPTER.read_webhook(config(), headers, push())
    assert ADAPTER.read_webhook(config(webhook_header="X-Token"), {"x-token": "agreed"}, push()) is not None
    without = CarrierConfig(account_id=9, code="ecom")
    with pytest.raises(BadSignature):
        ADAPTER.read_webhook(without, {"Authorization": ""}, push())


def test_the_published_sample_is_read(shared_dir: Path) -> None:
    path = shared_dir / "contracts" / "ecom-express" / "webhook-v2.official-sample.json"
    if not path.is_file():
        pytest.skip("needs the published sample, which is not part of the project")
    sample = json.loads(path.read_text())
    headers = sample["headers"] | {"Authorization": "agreed"}
    update = ADAPTER.read_webhook(config(), headers, json.dumps(sample["body"]).encode())
    assert update is not None
    [scan] = update.scans
    assert (update.awb, update.expected_delivery) == ("115927640", date(2022, 11, 24))
    assert (scan.milestone, scan.carrier_status, scan.location) == (Milestone.DELIVERED, "113 Delivered", "Gurugram")
    # The sample shows every kind that a field can have, so the body we invent has no field that it lacks.
    assert set(json.loads(push())) <= set(sample["body"])


@pytest.mark.django_db
def test_a_parcel_of_an_allotted_range_is_delivered_by_a_push(client: Client) -> None:
    account = CarrierAccount.objects.create(
        code="ecom", name="Ecom Express", adapter="ecom_express", secrets={"webhook_token": "agreed"},
        settings={"awb_range": {"prefix": "", "first": 700123456, "last": 700123456}},
    )  # fmt: skip
    booking = book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk)
    assert (booking.state, booking.awb) == ("booked", "700123456")
    with pytest.raises(PermanentError, match="used up"):
        book(request=booking_request(), parcel_uid=uuid7(), account_id=account.pk)
    with pytest.raises(PermanentError, match="void 700123456 in its panel"):
        cancel_booking(booking.pk)
    for token, status in (("other", 401), ("agreed", 200), ("agreed", 200)):
        answer = client.post(
            "/hooks/carriers/ecom/", push(), content_type="application/json", headers={"Authorization": token}
        )
        assert answer.status_code == status
    booking.refresh_from_db()
    assert (booking.state, booking.milestone, booking.scans.count()) == ("booked", "delivered", 1)
