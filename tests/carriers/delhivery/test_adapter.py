"""Delhivery against a carrier that speaks its contract, and against what was recorded of the live service."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from carriers.adapters.delhivery import mapping
from carriers.adapters.delhivery.adapter import DelhiveryAdapter, _is_success, _package, _words
from carriers.base import (
    Booked,
    CarrierAdapter,
    CarrierConfig,
    Milestone,
    NdrAction,
    NdrAnswer,
    RateRequest,
    ReservesAwb,
    UnknownOutcome,
)
from carriers.errors import BadSignature, LaneRefused, NotProven
from carriers.models import Booking, CarrierAccount
from carriers.services import book, cancel_booking, settle_unknown
from carriers.simulators.delhivery.server import DelhiveryServer
from oms.core.errors import PermanentError, TransientError
from oms.core.ids import uuid7
from oms.core.values import Address
from tests.carriers.services.world import booking_request

M = Milestone
Read = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="session")
def recording(shared_dir: Path) -> Read:
    """Reads one recorded reply or published excerpt, where they are at hand."""
    folder = shared_dir / "contracts" / "delhivery"
    if not folder.is_dir():
        pytest.skip("needs the recordings of Delhivery, which are not part of the project")
    return lambda name: dict(json.loads((folder / name).read_text(encoding="utf-8")))


@pytest.fixture
def server() -> Iterator[DelhiveryServer]:
    with DelhiveryServer(token="secret") as running:
        yield running


def config(server: DelhiveryServer, **settings: Any) -> CarrierConfig:
    return CarrierConfig(
        account_id=7, code="delhivery", base_url=server.base_url, secrets={"token": "secret", "webhook_token": "push"},
        settings={"client": "client-code", "pickup_locations": {"BLR-DC": "Bengaluru DC"}, "timeout_seconds": 1.0}
        | settings,
    )  # fmt: skip


@pytest.fixture
def adapter() -> DelhiveryAdapter:
    return DelhiveryAdapter()


def booked(adapter: DelhiveryAdapter, server: DelhiveryServer, reference: str = "OMS-P-1") -> Booked:
    waybill = adapter.reserve_awb(config(server))
    return adapter.book(config(server, awb=waybill), booking_request(client_reference=reference))


def test_it_is_what_the_flow_expects(adapter: DelhiveryAdapter) -> None:
    whole: CarrierAdapter = adapter
    assert isinstance(whole, ReservesAwb)
    assert whole.certainty.sentence.startswith("Tested against replies that were recorded")


# -- booking -----------------------------------------------------------------------------------------------------------


def test_a_parcel_is_created_under_its_reserved_waybill(adapter: DelhiveryAdapter, server: DelhiveryServer) -> None:
    made = booked(adapter, server)
    [parcel] = server.carrier.parcels.values()
    assert (made.awb, parcel.reference) == (parcel.waybill, "OMS-P-1")
    assert made.external_ids == {"waybill": made.awb, "routing_code": "BLR/HSK"}
    assert adapter.find_booking(config(server, awb=made.awb), "OMS-P-1") == Booked(
        awb=made.awb, courier_name="Delhivery", external_ids={"waybill": made.awb}
    )
    with pytest.raises(NotProven, match="is of OMS-P-1, not of OMS-P-2"):
        adapter.find_booking(config(server, awb=made.awb), "OMS-P-2")


def test_what_is_sent_holds_what_the_published_page_shows(adapter: DelhiveryAdapter, server: DelhiveryServer) -> None:
    waybill = adapter.reserve_awb(config(server))
    adapter.book(config(server, awb=waybill), booking_request(client_reference="R-1", cod_minor=249_950))
    sent = server.calls[-1][1]
    assert sent["pickup_location"] == {"name": "Bengaluru DC"}
    [shipment] = sent["shipments"]
    assert {name: shipment[name] for name in ("order", "payment_mode", "cod_amount", "total_amount", "weight", "phone",
                                              "pin", "country", "quantity", "shipping_mode", "hsn_code")} == {
        "order": "R-1", "payment_mode": "COD", "cod_amount": "2499.50", "total_amount": "2499.50", "weight": 1250,
        "phone": "9820012345", "pin": "421204", "country": "India", "quantity": "3", "shipping_mode": "Surface",
        "hsn_code": "5208",
    }  # fmt: skip
    assert shipment["order_date"] == "2026-11-20 10:00:00"
    express = booking_request(client_reference="R-2", service_level="express")
    payload = mapping.create_payload(express, "1", {"pickup_location": "All"})
    assert payload["shipments"][0]["shipping_mode"] == "Express"


def test_the_published_example_and_the_recorded_request_have_no_field_that_we_lack(recording: Read) -> None:
    payload = mapping.create_payload(
        booking_request(client_reference="R", cod_minor=100), "1", {"pickup_location": "A"}
    )
    ours = set(payload["shipments"][0])
    published = set(recording("13-create-order.official-excerpt.json")["examples"]["forward"]["shipments"][0])
    # The seller's name, address and invoice are of the registered client, and were empty in the vendor's own example.
    assert published - ours == {"seller_add", "seller_name", "seller_inv"}
    sent = recording("03-create-success.captured.json")["request"]["form"]["data"]["shipments"][0]
    assert set(sent) - ours == {"seller_gst_tin", "address_type"}


def test_recorded_replies_to_create_are_read(recording: Read) -> None:
    body = recording("03-create-success.captured.json")["response"]["body"]
    package = _package(body, "CAPTURE-1787596016179", "")
    assert (body["success"], _is_success(package), package and package["waybill"]) == (True, True, "57930810000066")
    body = recording("04-create-fail-wallet.captured.json")["response"]["body"]
    package = _package(body, "CAPTURE-1787526305307", "")
    assert not _is_success(package)
    assert "insufficient balance" in _words(body, package)


def test_a_reply_of_200_can_be_a_refusal(adapter: DelhiveryAdapter, server: DelhiveryServer) -> None:
    waybill = adapter.reserve_awb(config(server))
    server.fault("wallet", count=1)
    with pytest.raises(PermanentError, match="insufficient balance"):
        adapter.book(config(server, awb=waybill), booking_request(client_reference="R"))
    assert server.carrier.parcels == {}
    assert adapter.find_booking(config(server, awb=waybill), "R") is None


def test_what_may_have_been_saved_in_part_is_not_known(adapter: DelhiveryAdapter, server: DelhiveryServer) -> None:
    waybill = adapter.reserve_awb(config(server))
    server.fault("partial", count=1)
    with pytest.raises(UnknownOutcome, match="partially saved"):
        adapter.book(config(server, awb=waybill), booking_request(client_reference="R"))
    found = adapter.find_booking(config(server, awb=waybill), "R")
    assert found is not None
    assert found.awb == waybill


def test_an_order_that_is_held_and_not_shown_yet_is_not_refused(
    adapter: DelhiveryAdapter, server: DelhiveryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = booked(adapter, server, "R")
    again, request = config(server, awb=made.awb), booking_request(client_reference="R")
    with pytest.raises(PermanentError, match="Duplicate order id"):
        adapter.book(again, request)
    monkeypatch.setattr(server.carrier, "track", lambda waybill: {"Error": "No such waybill or Order Id found"})
    with pytest.raises(UnknownOutcome, match="Duplicate order id"):
        adapter.book(again, request)


def test_lanes_and_settings_are_refused_in_words(adapter: DelhiveryAdapter, server: DelhiveryServer) -> None:
    server.carrier.served = frozenset({"110001"})
    with pytest.raises(LaneRefused, match="non serviceable pincode"):
        booked(adapter, server)
    with pytest.raises(PermanentError, match="names no place of Delhivery for BLR-DC"):
        adapter.book(config(server, awb="1", pickup_locations={}), booking_request(client_reference="R"))
    with pytest.raises(PermanentError, match="No waybill was reserved"):
        adapter.book(config(server), booking_request(client_reference="R"))
    with pytest.raises(PermanentError, match="paid in rupees"):
        adapter.book(config(server, awb="1"), booking_request(client_reference="R", currency="USD"))
    abroad = Address(name="Anna", line1="1", city="Berlin", postcode="10119", country="DE", phone="+49 30 1234567")
    with pytest.raises(PermanentError, match="cross a border are not booked with Delhivery"):
        adapter.book(config(server, awb="1"), booking_request(client_reference="R", ship_to=abroad))
    with pytest.raises(PermanentError, match="needs an e-way bill, which is not sent to Delhivery"):
        adapter.book(config(server, awb="1"), booking_request(client_reference="R", declared_value_minor=5_000_000))
    wrong = CarrierConfig(account_id=7, code="d", base_url=server.base_url, secrets={"token": "other"})
    with pytest.raises(PermanentError, match="401"):
        adapter.reserve_awb(wrong)


@pytest.mark.parametrize(
    ("kind", "error"), [("lost", UnknownOutcome), ("500", UnknownOutcome), ("429", TransientError)]
)
def test_what_a_failed_create_means(
    adapter: DelhiveryAdapter, server: DelhiveryServer, kind: str, error: type[Exception]
) -> None:
    waybill = adapter.reserve_awb(config(server))
    server.fault(kind, count=1)
    with pytest.raises(error):
        adapter.book(config(server, awb=waybill), booking_request(client_reference="R"))
    assert (adapter.find_booking(config(server, awb=waybill), "R") is not None) == (kind == "lost")


def test_a_cancellation_shows_late_and_is_the_same_twice(adapter: DelhiveryAdapter, server: DelhiveryServer) -> None:
    made = booked(adapter, server)
    for _turn in range(2):
        adapter.cancel(config(server), made)
    # For a minute and a half the parcel only looks as if nobody had brought it.
    assert adapter.find_booking(config(server, awb=made.awb), "OMS-P-1") is not None
    server.carrier.pass_time(timedelta(seconds=91))
    assert adapter.find_booking(config(server, awb=made.awb), "OMS-P-1") is None
    assert adapter.track(config(server), made.awb).scans[-1].milestone == M.CANCELLED
    other = booked(adapter, server, "OMS-P-2")
    server.carrier.move(other.awb, steps=2)
    with pytest.raises(PermanentError, match="after it was picked up"):
        adapter.cancel(config(server), other)


def test_a_silent_lookup_proves_nothing(adapter: DelhiveryAdapter, server: DelhiveryServer) -> None:
    waybill = adapter.reserve_awb(config(server))
    server.fault("500", path="/api/v1/packages/json/", count=1)
    with pytest.raises(TransientError):
        adapter.find_booking(config(server, awb=waybill), "R")


# -- prices ------------------------------------------------------------------------------------------------------------


def test_places_are_asked_for_and_prices_are_not_told(adapter: DelhiveryAdapter, server: DelhiveryServer) -> None:
    server.carrier.served = frozenset({"421204"})
    asked = RateRequest(from_postcode="560058", to_postcode="110001", weight_grams=500)
    assert adapter.rates(config(server), asked) == []
    assert adapter.rates(config(server), RateRequest(from_postcode="560058", to_postcode="SW1A", weight_grams=1)) == []
    with pytest.raises(PermanentError, match="rate card"):
        adapter.rates(config(server), RateRequest(from_postcode="560058", to_postcode="421204", weight_grams=500))


# -- tracking ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "word", "code", "milestone"),
    [
        ("UD", "Manifested", "X-UCI", M.BOOKED), ("UD", "Manifested", "FMPUR-101", M.PICKUP_SCHEDULED),
        ("UD", "In Transit", "X-PPOM", M.PICKED_UP), ("UD", "In Transit", "X-PIOM", M.IN_TRANSIT),
        ("UD", "Pending", "X-DBL1F", M.IN_TRANSIT), ("UD", "Dispatched", "X-DDD3FD", M.OUT_FOR_DELIVERY),
        ("UD", "Pending", "EOD-11", M.ATTEMPT_FAILED), ("UD", "Not Picked", "X-PNP", M.UNKNOWN),
        ("UD", "Not Picked", "DTUP-210", M.CANCELLED), ("DL", "Delivered", "EOD-38", M.DELIVERED),
        ("DL", "RTO", "RT-110", M.RTO_DELIVERED), ("RT", "In Transit", "X-RTO", M.RTO_IN_TRANSIT),
        ("RT", "Something", "", M.UNKNOWN), ("XX", "Delivered", "", M.UNKNOWN), ("PP", "Open", "", M.UNKNOWN),
    ],
)  # fmt: skip
def test_words_of_the_carrier_in_ours(kind: str, word: str, code: str, milestone: Milestone) -> None:
    assert mapping.milestone_of(kind, word, code) == milestone


def test_a_push_and_a_poll_of_one_scan_are_one(adapter: DelhiveryAdapter, server: DelhiveryServer) -> None:
    made = booked(adapter, server)
    server.carrier.move(made.awb, steps=2)
    polled = adapter.track(config(server), made.awb)
    assert [scan.milestone for scan in polled.scans] == [M.BOOKED, M.PICKUP_SCHEDULED, M.PICKED_UP]
    headers = {"authorization": "Token push"}
    pushed = adapter.read_webhook(config(server), headers, server.carrier.push_of(made.awb))
    assert pushed is not None
    assert [scan.scan_key for scan in pushed.scans] == [polled.scans[-1].scan_key]
    assert pushed.scans[0].occurred_at.tzinfo is not None
    with pytest.raises(BadSignature):
        adapter.read_webhook(config(server), {"Authorization": "Token other"}, b"{}")
    with pytest.raises(PermanentError):
        adapter.read_webhook(config(server), headers, b"no json")
    assert adapter.read_webhook(config(server), headers, b"{}") is None


@pytest.mark.parametrize(
    ("name", "milestones"),
    [
        ("05-track-manifested.captured.json", [M.BOOKED]),
        ("07-track-just-after-cancel.captured.json", [M.UNKNOWN]),
        ("08-track-90s-after-cancel.captured.json", [M.CANCELLED]),
    ],
)
def test_recorded_tracking_is_read(recording: Read, name: str, milestones: list[Milestone]) -> None:
    update = mapping.read_tracking(recording(name)["response"]["body"], "57930810000066")
    assert [scan.milestone for scan in update.scans] == milestones
    assert update.scans[0].occurred_at.astimezone(UTC).date() == date(2026, 8, 24)


def test_a_recorded_parcel_on_its_way_is_read_scan_by_scan(recording: Read) -> None:
    body = recording("09-track-cod-in-transit.captured.json")["response"]["body"]
    awb = str(body["ShipmentData"][0]["Shipment"]["AWB"])
    update = mapping.read_tracking(body, awb)
    found = [scan.milestone for scan in update.scans]
    assert found[:3] == [M.BOOKED, M.PICKUP_SCHEDULED, M.PICKED_UP]
    assert set(found[3:]) <= {M.IN_TRANSIT, M.OUT_FOR_DELIVERY, M.DELIVERED}
    assert len({scan.scan_key for scan in update.scans}) == len(update.scans)


def test_the_published_push_is_read(recording: Read) -> None:
    update = mapping.read_push(recording("10-webhook-scan-push.official.json")["body"])
    assert update is not None
    [scan] = update.scans
    assert scan.milestone == M.BOOKED
    assert scan.occurred_at.astimezone(UTC) == datetime(2019, 1, 9, 11, 40, 42, 767000, tzinfo=UTC)


def test_codes_of_failed_attempts_are_those_of_the_published_page(recording: Read) -> None:
    actions = recording("11-ndr-actions.official.json")["actions"]
    published = {code for action in actions.values() for code in action.get("allowed_status_codes", [])}
    assert published == mapping.ATTEMPT_CODES
    assert set(actions["DEFER_DLV"]["allowed_status_codes"]) == mapping.DEFERRABLE


# -- failed attempts ---------------------------------------------------------------------------------------------------


def test_an_answer_to_a_failed_attempt(adapter: DelhiveryAdapter, server: DelhiveryServer) -> None:
    adapter.answer_ndr(config(server), "1", NdrAnswer(action=NdrAction.REATTEMPT, comments=""))
    assert server.calls[-1] == ("/api/p/update", {"data": [{"waybill": "1", "act": "RE-ATTEMPT"}]})
    answer = NdrAnswer(action=NdrAction.REATTEMPT, comments="", phone="+91 98200 12345", address1="12 MG Road",
                       deferred_date=date(2026, 11, 25))  # fmt: skip
    adapter.answer_ndr(config(server), "1", answer)
    details, later = (call[1]["data"][0] for call in server.calls[-2:])
    assert details == {
        "waybill": "1",
        "act": "EDIT_DETAILS",
        "action_data": {"phone": "9820012345", "add": "12 MG Road"},
    }
    assert later == {"waybill": "1", "act": "DEFER_DLV", "action_data": {"deferred_date": "2026-11-25"}}
    with pytest.raises(PermanentError, match="in their panel"):
        adapter.answer_ndr(config(server), "1", NdrAnswer(action=NdrAction.RETURN, comments=""))


# -- through the services ----------------------------------------------------------------------------------------------


def account(server: DelhiveryServer) -> CarrierAccount:
    return CarrierAccount.objects.create(
        code="delhivery", name="Delhivery", adapter="delhivery", base_url=server.base_url,
        secrets={"token": "secret", "webhook_token": "push"},
        settings={"client": "c", "pickup_location": "DC", "timeout_seconds": 1.0, "proof_after_seconds": 0},
    )  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["lost", "500", "partial", "429", "wallet"])
def test_whatever_goes_wrong_one_parcel_is_carried(server: DelhiveryServer, kind: str) -> None:
    contract, parcel = account(server), uuid7()
    server.fault(kind, count=2)
    booking = None
    for _turn in range(6):
        try:
            booking = book(request=booking_request(), parcel_uid=parcel, account_id=contract.pk)
        except (TransientError, PermanentError):
            continue
        if booking.state == "booked":
            break
        settle_unknown([booking.pk])
    assert booking is not None
    booking.refresh_from_db()
    live = [row for row in server.carrier.parcels.values() if row.is_live]
    assert (booking.state, [row.waybill for row in live]) == ("booked", [booking.awb])


@pytest.mark.django_db
def test_fifty_parcels_with_a_third_of_the_replies_lost_are_booked_once_each(server: DelhiveryServer) -> None:
    contract = account(server)
    server.fault("lost", share=0.3)
    parcels = [uuid7() for _ in range(50)]
    for _turn in range(8):
        for parcel in parcels:
            live = Booking.objects.filter(parcel_uid=parcel, state="booked").exists()
            if not live:
                booking = book(request=booking_request(), parcel_uid=parcel, account_id=contract.pk)
                if booking.state != "booked":
                    settle_unknown([booking.pk])
    live_waybills = sorted(row.waybill for row in server.carrier.parcels.values() if row.is_live)
    assert live_waybills == sorted(Booking.objects.filter(state="booked").values_list("awb", flat=True))
    assert len(live_waybills) == 50


@pytest.mark.django_db
def test_a_booking_is_voided_and_the_parcel_booked_anew_under_another_waybill(server: DelhiveryServer) -> None:
    contract, parcel = account(server), uuid7()
    first = book(request=booking_request(), parcel_uid=parcel, account_id=contract.pk)
    assert cancel_booking(first.pk).state == "cancelled"
    second = book(request=booking_request(), parcel_uid=parcel, account_id=contract.pk)
    assert second.awb != first.awb
    assert [row.is_live for row in server.carrier.parcels.values()] == [False, True]
