"""FedEx against a carrier of this process that answers as its contract says, and against the contract itself."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from carriers.adapters.fedex import mapping
from carriers.adapters.fedex.adapter import FedexAdapter
from carriers.adapters.fedex.statuses import meaning_of
from carriers.base import (
    Booked,
    CannotProveAbsence,
    CarrierAdapter,
    CarrierConfig,
    GivesLabels,
    Milestone,
    ProvesDelivery,
    RateRequest,
    SchedulesPickups,
    SubStatus,
    TakesOnlyItsLabel,
    UnknownOutcome,
)
from carriers.errors import NoPrices, NotProven
from carriers.models import Booking, CarrierAccount
from carriers.services import book, schedule_pickups
from carriers.simulators.faulty import Call, FaultyServer
from oms.core.errors import PermanentError, TransientError
from oms.core.ids import uuid7
from tests.carriers.abroad_world import to_berlin, to_thane
from tests.carriers.published import Contract, contract

M = Milestone
SETTINGS = {"account_number": "510087240", "services": {"standard": "FEDEX_INTERNATIONAL_PRIORITY"}}
PLACE = {
    "company": "Kaveri Handlooms", "contact": "Ravi Kumar", "line1": "7 Peenya", "city": "Bengaluru", "region": "KA",
    "postcode": "560058", "country": "IN", "phone": "+91 80 4567 8901",
}  # fmt: skip
RATE = RateRequest(
    from_postcode="560058", to_postcode="10119", weight_grams=1250, country="DE", length_mm=300, width_mm=220,
    height_mm=85,
)  # fmt: skip
_INVOICE = base64.b64encode(b"%PDF-1.4 invoice").decode()
_PDF = base64.b64encode(b"%PDF-1.4 label").decode()


class SimulatedFedex:
    """Shipments of one account; it deduplicates by nothing."""

    def __init__(self) -> None:
        self.parcels: dict[str, str] = {}
        self.cancelled: set[str] = set()
        self.shows_references = True

    def answer(self, call: Call) -> tuple[int, Any]:
        if call.path == "/oauth/token":
            form = {"grant_type": "client_credentials", "client_id": "client", "client_secret": "secret"}
            return (200, {"access_token": "t", "expires_in": 3599}) if call.body == form else (
                401, _errors("NOT.AUTHORIZED.ERROR", "The given client credentials were not valid.")
            )  # fmt: skip
        match call.path.split("/")[1:]:
            case ["ship", "v1", "shipments"]:
                return self._ship(call.body)
            case ["ship", "v1", "shipments", "cancel"]:
                awb = call.body["trackingNumber"]
                if awb not in self.parcels or awb in self.cancelled:
                    return 400, _errors("SHIPMENT.CANCEL.FAILED", "Unable to cancel shipment.")
                self.cancelled.add(awb)
                return 200, {"output": {"cancelledShipment": True}}
            case ["track", "v1", "referencenumbers"]:
                asked = call.body["referencesInformation"]["value"]
                return self._tracked([awb for awb, given in self.parcels.items() if given == asked
                                      and self.shows_references])  # fmt: skip
            case ["track", "v1", "trackingnumbers"]:
                asked = call.body["trackingInfo"][0]["trackingNumberInfo"]["trackingNumber"]
                return self._tracked([asked] if asked in self.parcels else [])
            case ["track", "v1", "trackingdocuments"]:
                return 200, {"output": {"document": [_PDF]}}
            case ["rate", "v1", "rates", "quotes"]:
                return 400, _errors("SERVICE.PACKAGECOMBINATION.INVALID", "Invalid service and packaging combination")
            case ["pickup", "v1", "pickups"]:
                return 200, {"output": {"pickupConfirmationCode": "3001"}}
            case _:
                return 404, _errors("NOT.FOUND.ERROR", call.path)

    def _ship(self, body: Any) -> tuple[int, Any]:
        asked = body["requestedShipment"]
        if asked["recipients"][0]["address"].get("postalCode") == "000000":
            return 400, _errors("RECIPIENT.POSTALCODE.INVALID", "Invalid recipient postal code.")
        awb = str(794953535000 + len(self.parcels))
        self.parcels[awb] = asked["requestedPackageLineItems"][0]["customerReferences"][0]["value"]
        invoice = {"contentType": "COMMERCIAL_INVOICE", "docType": "PDF", "encodedLabel": _INVOICE}
        label = {"contentType": "LABEL", "docType": "PDF", "encodedLabel": _PDF}
        piece = {"trackingNumber": awb, "packageDocuments": [invoice, label]}
        rates = [{"currency": "USD", "totalNetCharge": 29.4, "rateType": "PAYOR_ACCOUNT_SHIPMENT"},
                 {"currency": "INR", "totalNetCharge": 3999.0, "rateType": "PAYOR_LIST_SHIPMENT"},
                 {"currency": "INR", "totalNetCharge": 2450.5, "rateType": "PAYOR_ACCOUNT_SHIPMENT"}]  # fmt: skip
        done = {"shipmentRating": {"actualRateType": "PAYOR_ACCOUNT_SHIPMENT", "shipmentRateDetails": rates}}
        return 200, {"output": {"transactionShipments": [{
            "masterTrackingNumber": awb, "serviceName": "FedEx International Priority", "pieceResponses": [piece],
            "completedShipmentDetail": done,
        }]}}  # fmt: skip

    def _tracked(self, numbers: list[str]) -> tuple[int, Any]:
        if not numbers:
            return 404, _errors("TRACKING.REFERENCENUMBER.NOTFOUND", "Reference number cannot be found.")
        scan = {"date": "2026-11-20T12:01:00+05:30", "eventType": "PU", "eventDescription": "Picked up",
                "scanLocation": {"city": "BENGALURU", "countryCode": "IN"}}  # fmt: skip
        rows = [
            {"trackingNumber": awb, "trackResults": [{
                "trackingNumberInfo": {"trackingNumber": awb}, "scanEvents": [scan],
                "latestStatusDetail": {"code": "CA" if awb in self.cancelled else "PU"},
            }]}
            for awb in numbers
        ]  # fmt: skip
        return 200, {"output": {"completeTrackResults": rows}}


def _errors(code: str, message: str) -> dict[str, Any]:
    return {"errors": [{"code": code, "message": message}]}


@pytest.fixture
def carrier() -> SimulatedFedex:
    return SimulatedFedex()


@pytest.fixture
def server(carrier: SimulatedFedex) -> Iterator[FaultyServer]:
    with FaultyServer(carrier.answer) as running:
        yield running


@pytest.fixture
def adapter() -> FedexAdapter:
    return FedexAdapter()


@pytest.fixture
def published(shared_dir: Path) -> Callable[[str], Contract]:
    folder = shared_dir / "contracts" / "fedex" / "vendor"
    return lambda name: contract(folder / f"{name}.json")


@pytest.fixture
def sample(shared_dir: Path) -> Callable[[str], Any]:
    folder = shared_dir / "contracts" / "fedex" / "samples"
    if not folder.is_dir():
        pytest.skip("needs the samples of FedEx, which are not part of the project")
    return lambda name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


def config(server: FaultyServer, **settings: Any) -> CarrierConfig:
    return CarrierConfig(
        account_id=7, code="fedex", base_url=server.base_url,
        secrets={"client_id": "client", "client_secret": "secret"},
        settings={**SETTINGS, "timeout_seconds": 1.0, "pickup_addresses": {"BLR-DC": PLACE}} | settings,
    )  # fmt: skip


def test_it_is_what_the_flow_expects(adapter: FedexAdapter) -> None:
    whole: CarrierAdapter = adapter
    for ability in (CannotProveAbsence, GivesLabels, SchedulesPickups, TakesOnlyItsLabel, ProvesDelivery):
        assert isinstance(whole, ability)


# -- against the published contract ------------------------------------------------------------------------------------


@pytest.mark.parametrize("duties", ["receiver", "shipper"])
def test_shipments_fit_the_published_schema(published: Callable[[str], Contract], duties: str) -> None:
    for request in (to_berlin(), to_thane(), to_thane(length_mm=0)):
        body = mapping.ship_request(request, SETTINGS | {"duties_paid_by": duties})
        assert published("ship-api").faults("Full_Schema_Ship", body) == []


def test_the_other_requests_fit_the_published_schema(published: Callable[[str], Contract]) -> None:
    ship, track = published("ship-api"), published("track")
    booked = Booked(awb="794953535000", courier_name="FedEx")
    assert ship.faults("Full_Schema_Cancel_Shipment", mapping.cancel_request(booked, SETTINGS)) == []
    search = mapping.reference_request("OMS-1", SETTINGS, date(2026, 11, 20))
    assert track.faults("Full_Schema_Tracking_References", search) == []
    assert track.faults("Full_Schema_Tracking_Numbers", mapping.number_request("794953535000")) == []
    assert track.faults("Full_Schema_SPOD", mapping.proof_request("794953535000", SETTINGS)) == []
    assert published("rate-api").faults("Full_Schema_Quote_Rate", mapping.rate_request(RATE, SETTINGS)) == []
    pickup = mapping.pickup_request(PLACE, 3, date(2026, 11, 24), SETTINGS)
    assert published("pickup-api").faults("Full_Schema_Create_Pickup", pickup) == []


def test_published_samples_are_read(sample: Callable[[str], Any]) -> None:
    samples = sample("shipping_responses")
    booked = mapping.read_shipped(samples[0] if isinstance(samples, list) else samples, to_berlin())
    assert booked is not None
    assert (booked.awb, booked.courier_name) == ("794953535000", "FedEx 2 Day Freight")
    # What stands in place of the label is no PDF: the parcel is booked all the same.
    assert booked.label_pdf == b""
    rates = mapping.read_rates(sample("rating_responses")[0], "USD", date(2024, 7, 19))
    assert ("INTERNATIONAL_ECONOMY", 95_417) in {(row.courier_id, row.charge_minor) for row in rates}
    with pytest.raises(PermanentError, match="another currency than INR"):
        mapping.read_rates(sample("rating_responses")[0], "INR", date(2024, 7, 19))
    assert mapping.message_of(sample("error_response")).startswith("TRACKING.TRACKINGNUMBER.EMPTY: Please")
    assert mapping.output_of(sample("cancel_response")).get("cancelledShipment") is True
    assert mapping.output_of(sample("pickup_response")).get("pickupConfirmationCode") == "3001"
    tracked = sample("tracking_response")
    number = tracked["output"]["completeTrackResults"][0]["trackResults"][0]["trackingNumberInfo"]["trackingNumber"]
    tracked["output"]["completeTrackResults"][0]["trackResults"][0]["error"] = None
    [scan] = mapping.read_tracking(tracked, number).scans
    assert (scan.milestone, scan.location) == (M.PICKED_UP, "SEATTLE, WA, US")


# -- booking -----------------------------------------------------------------------------------------------------------


def test_a_parcel_is_booked_with_its_label_found_and_voided(
    adapter: FedexAdapter, server: FaultyServer, carrier: SimulatedFedex
) -> None:
    made = adapter.book(config(server), to_berlin())
    assert (made.charge_minor, made.external_ids["node"], made.label_pdf[:4]) == (245_050, "BLR-DC", b"%PDF")
    assert made.label_pdf == b"%PDF-1.4 label"
    assert server.last("/ship").headers["x-customer-transaction-id"] == "OMS-100234-a1b2c3-1"
    found = adapter.find_booking(config(server), "OMS-100234-a1b2c3-1")
    assert found is not None
    assert found.awb == made.awb
    with pytest.raises(PermanentError, match="that of 794953535000 was lost: print it from FedEx Ship Manager"):
        adapter.label(config(server), found)
    assert adapter.proof_of_delivery(config(server), made.awb).startswith(b"%PDF")
    for _turn in range(2):
        adapter.cancel(config(server), made)
    assert carrier.cancelled == {made.awb}
    with pytest.raises(NotProven, match="shows no parcel under"):
        adapter.find_booking(config(server), "OMS-100234-a1b2c3-1")
    with pytest.raises(PermanentError, match="Unable to cancel shipment"):
        adapter.cancel(config(server), Booked(awb="1", courier_name="FedEx"))


def test_two_parcels_under_one_reference_are_for_a_person(adapter: FedexAdapter, server: FaultyServer) -> None:
    for _turn in range(2):
        adapter.book(config(server), to_berlin())
    with pytest.raises(NotProven, match="several parcels under"):
        adapter.find_booking(config(server), "OMS-100234-a1b2c3-1")


@pytest.mark.parametrize(
    ("kind", "error"),
    [("lost", UnknownOutcome), ("cut", UnknownOutcome), ("500", UnknownOutcome), ("html", UnknownOutcome),
     ("429", TransientError)],
)  # fmt: skip
def test_what_a_failed_shipment_means(
    adapter: FedexAdapter, server: FaultyServer, carrier: SimulatedFedex, kind: str, error: type[Exception]
) -> None:
    server.fault(kind, path="/ship", count=1)
    with pytest.raises(error):
        adapter.book(config(server), to_berlin())
    assert len(carrier.parcels) == (kind in ("lost", "html"))


def test_refusals_keep_the_words_of_fedex(adapter: FedexAdapter, server: FaultyServer) -> None:
    nowhere = to_thane(client_reference="OMS-2")
    nowhere_to = type(nowhere.ship_to)(**(nowhere.ship_to.as_json() | {"postcode": "000000"}))
    with pytest.raises(PermanentError, match="Invalid recipient postal code"):
        adapter.book(config(server), to_thane(ship_to=nowhere_to))
    wrong = CarrierConfig(account_id=7, code="fedex", base_url=server.base_url, settings=SETTINGS)
    with pytest.raises(PermanentError, match="client credentials were not valid"):
        adapter.book(wrong, to_berlin())
    with pytest.raises(PermanentError, match="collects no cash"):
        adapter.book(config(server), to_thane(cod_minor=100))
    # The parcel has no price; nothing is wrong with the account.
    with pytest.raises(NoPrices, match="Invalid service and packaging"):
        adapter.rates(config(server), RATE)
    assert (
        adapter.rates(config(server), RateRequest(from_postcode="1", to_postcode="2", weight_grams=1, cod_minor=5))
        == []
    )


def test_a_pickup_whose_reply_is_lost_is_not_repeated_blindly(adapter: FedexAdapter, server: FaultyServer) -> None:
    parcel = adapter.book(config(server), to_berlin())
    assert adapter.schedule_pickup(config(server), [parcel], date(2026, 11, 24)) == "3001"
    server.fault("lost", path="/pickup", count=1)
    with pytest.raises(PermanentError, match="may have taken the pickup of BLR-DC: look before"):
        adapter.schedule_pickup(config(server), [parcel], date(2026, 11, 24))


@pytest.mark.django_db(transaction=True)
def test_one_vehicle_comes_to_each_place_however_it_is_asked(server: FaultyServer) -> None:
    account = CarrierAccount.objects.create(
        code="fedex", name="FedEx", adapter="fedex", base_url=server.base_url,
        secrets={"client_id": "client", "client_secret": "secret"},
        settings={**SETTINGS, "timeout_seconds": 1.0, "pickup_addresses": {"BLR-DC": PLACE, "DEL-DC": PLACE}},
    )  # fmt: skip
    ids = [book(request=to_berlin(ship_from_code=node, order_number=f"OMS-{number}"), parcel_uid=uuid7(),
                account_id=account.pk).pk
           for number, node in enumerate(("BLR-DC", "BLR-DC", "DEL-DC"))]  # fmt: skip
    server.fault("lost", path="/pickup", count=1)
    with pytest.raises(PermanentError, match="may have taken the pickup of BLR-DC: look before"):
        schedule_pickups(account_id=account.pk, booking_ids=ids, on=date(2026, 11, 24))
    counts = [call.body["packageCount"] for call in server.calls if "/pickup/" in call.path]
    assert counts == [2, 1]
    assert [row.pickup_reference for row in Booking.objects.order_by("pk")] == ["", "", "3001"]


# -- tracking ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "reason", "meaning"),
    [
        ("OC", "", (M.BOOKED, None)), ("PU", "", (M.PICKED_UP, None)), ("DP", "", (M.IN_TRANSIT, SubStatus.LEFT_HUB)),
        ("OD", "", (M.OUT_FOR_DELIVERY, None)), ("DL", "", (M.DELIVERED, None)), ("CA", "", (M.CANCELLED, None)),
        ("DE", "08", (M.ATTEMPT_FAILED, SubStatus.CUSTOMER_UNAVAILABLE)), ("DE", "A25", (M.UNKNOWN, None)),
        ("DE", "7", (M.ATTEMPT_FAILED, SubStatus.REFUSED)), ("RS", "", (M.RTO_INITIATED, None)),
        ("ZZ", "", (M.UNKNOWN, None)), ("CD", "", (M.IN_TRANSIT, SubStatus.DELAYED)), ("OX", "", (M.BOOKED, None)),
        # A vehicle that came and was not used took nothing with it.
        ("DR", "", (M.UNKNOWN, None)),
    ],
)  # fmt: skip
def test_words_of_the_carrier_in_ours(code: str, reason: str, meaning: tuple[Milestone, SubStatus | None]) -> None:
    assert meaning_of(code, reason) == meaning


def test_scans_are_read_and_an_unknown_number_has_none(adapter: FedexAdapter, server: FaultyServer) -> None:
    made = adapter.book(config(server), to_berlin())
    [scan] = adapter.track(config(server), made.awb).scans
    assert (scan.milestone, scan.scan_key, scan.location) == (M.PICKED_UP, "20261120T063100Z/PU/", "BENGALURU, IN")
    assert adapter.track(config(server), "1").scans == ()
