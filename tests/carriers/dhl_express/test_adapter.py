"""DHL Express against a carrier of this process that answers as its contract says, and against the contract itself."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from carriers.adapters.dhl_express import mapping
from carriers.adapters.dhl_express.adapter import VERSION, DhlExpressAdapter
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
from carriers.simulators.faulty import Call, FaultyServer
from oms.core.errors import PermanentError, TransientError
from tests.carriers.abroad_world import SENDER, to_berlin, to_thane
from tests.carriers.published import Contract, contract

M = Milestone
S = SubStatus
AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
SETTINGS = {"account_number": "123456789", "services": {"standard": "P"}}
PLACE = {
    "company": "Kaveri Handlooms", "contact": "Ravi Kumar", "line1": "7 Peenya", "city": "Bengaluru",
    "postcode": "560058", "country": "IN", "phone": "+91 80 4567 8901",
}  # fmt: skip
REQUEST = "supermodelIoLogisticsExpressCreateShipmentRequest"
_PDF = base64.b64encode(b"%PDF-1.4 label").decode()


class SimulatedDhl:
    """Shipments of one account; it deduplicates by nothing."""

    def __init__(self) -> None:
        self.parcels: dict[str, str] = {}

    def answer(self, call: Call) -> tuple[int, Any]:
        given = base64.b64encode(b"user:secret").decode()
        if call.headers.get("authorization") != f"Basic {given}":
            return 401, {"title": "Unauthorized", "detail": "Invalid Credentials", "status": 401}
        match call.path.split("/")[1:]:
            case ["shipments"]:
                return self._ship(call.body)
            case ["tracking"]:
                return self._tracked([awb for awb, reference in self.parcels.items()
                                      if reference == call.query["shipmentReference"]])  # fmt: skip
            case ["shipments", awb, "tracking"]:
                return self._tracked([awb] if awb in self.parcels else [])
            case ["shipments", _, "proof-of-delivery"]:
                return 200, {"documents": [{"encodingFormat": "PDF", "content": _PDF, "typeCode": "epod-detail"}]}
            case ["pickups"]:
                return 201, {"dispatchConfirmationNumbers": ["PRG999126012345"]}
            case _:
                return 404, {"title": "Not found"}

    def _ship(self, body: Any) -> tuple[int, Any]:
        if body["productCode"] == "?":
            detail = "Multiple problems found, see Additional Details"
            return 422, {"title": "Unprocessable Entity", "detail": detail, "additionalDetails": ["410301: no product"]}
        awb = str(1234567890 + len(self.parcels))
        self.parcels[awb] = body["customerReferences"][0]["value"]
        charges = [{"currencyType": "BASEC", "priceCurrency": "EUR", "price": 28.1},
                   {"currencyType": "BILLC", "priceCurrency": "INR", "price": 2450.5}]  # fmt: skip
        document = {"imageFormat": "PDF", "content": _PDF, "typeCode": "label"}
        return 201, {"shipmentTrackingNumber": awb, "documents": [document], "shipmentCharges": charges,
                     "packages": [{"referenceNumber": 1, "trackingNumber": f"JD0146{awb}"}],
                     "estimatedDeliveryDate": {"estimatedDeliveryDate": "2026-11-27"}}  # fmt: skip

    def _tracked(self, numbers: list[str]) -> tuple[int, Any]:
        if not numbers:
            return 404, {"title": "No result found", "detail": "No data found for the given parameters", "status": 404}
        area = {"code": "BLR", "description": "Bengaluru-IN"}
        event = {"date": "2026-11-20", "time": "12:01:00", "GMTOffset": "+05:30", "typeCode": "PU",
                 "description": "Shipment picked up", "serviceArea": [area]}  # fmt: skip
        rows = [{"shipmentTrackingNumber": awb, "status": "Success", "events": [event]} for awb in numbers]
        return 200, {"shipments": rows}


@pytest.fixture
def carrier() -> SimulatedDhl:
    return SimulatedDhl()


@pytest.fixture
def server(carrier: SimulatedDhl) -> Iterator[FaultyServer]:
    with FaultyServer(carrier.answer) as running:
        yield running


@pytest.fixture
def adapter() -> DhlExpressAdapter:
    return DhlExpressAdapter()


@pytest.fixture
def published(shared_dir: Path) -> Contract:
    return contract(shared_dir / "contracts" / "dhl" / "dpdhl-express-api-3.1.1_swagger.yaml")


def config(server: FaultyServer, **settings: Any) -> CarrierConfig:
    return CarrierConfig(
        account_id=7, code="dhl_express", base_url=server.base_url, secrets={"username": "user", "password": "secret"},
        settings={**SETTINGS, "timeout_seconds": 1.0, "pickup_addresses": {"BLR-DC": PLACE}} | settings,
    )  # fmt: skip


def test_it_is_what_the_flow_expects(adapter: DhlExpressAdapter) -> None:
    whole: CarrierAdapter = adapter
    for ability in (CannotProveAbsence, GivesLabels, SchedulesPickups, TakesOnlyItsLabel, ProvesDelivery):
        assert isinstance(whole, ability)


@pytest.mark.parametrize("duties", ["receiver", "shipper"])
def test_what_is_sent_fits_the_published_schema(published: Contract, duties: str) -> None:
    for request in (to_berlin(), to_thane(), to_thane(length_mm=0)):
        body = mapping.ship_request(request, SETTINGS | {"duties_paid_by": duties}, AT)
        assert published.faults(REQUEST, body) == []
    asked = mapping.ship_request(to_berlin(), SETTINGS | {"duties_paid_by": duties}, AT)
    # Duty Tax Paid, which the account for duties pays.
    assert asked.get("valueAddedServices") == ([{"serviceCode": "DD"}] if duties == "shipper" else None)
    booked = [Booked(awb="1", courier_name="DHL Express", external_ids={"product": "P", "grams": "1250"})]
    pickup = mapping.pickup_request(PLACE, booked, AT, SETTINGS)
    assert published.faults("supermodelIoLogisticsExpressPickupRequest", pickup) == []
    version = published.document["components"]["parameters"]["xVersionHeader"]
    assert (version["required"], version["schema"]["default"]) == (True, VERSION)


def test_what_the_carrier_of_the_tests_answers_fits_the_published_schema(
    published: Contract, carrier: SimulatedDhl
) -> None:
    shipped = carrier._ship(mapping.ship_request(to_berlin(), SETTINGS, AT))[1]
    assert published.faults("supermodelIoLogisticsExpressCreateShipmentResponse", shipped) == []
    assert published.faults("supermodelIoLogisticsExpressTrackingResponse", carrier._tracked(["1234567890"])[1]) == []


def test_a_parcel_is_booked_with_its_label_and_found(
    adapter: DhlExpressAdapter, server: FaultyServer, carrier: SimulatedDhl
) -> None:
    made = adapter.book(config(server), to_berlin())
    assert (made.charge_minor, made.label_pdf[:4], made.expected_delivery) == (245_050, b"%PDF", date(2026, 11, 27))
    assert server.last("/shipments").headers["message-reference"] == "OMS-100234-a1b2c3-1"
    assert server.last("/shipments").headers["x-version"] == VERSION
    assert server.last("/shipments").body["plannedShippingDateAndTime"].endswith("GMT+05:30")
    with pytest.raises(PermanentError, match="time_zone is 'Bengaluru'; expected a name as Asia/Kolkata"):
        adapter.book(config(server, time_zone="Bengaluru"), to_berlin())
    found = adapter.find_booking(config(server), "OMS-100234-a1b2c3-1")
    assert found is not None
    assert found.awb == made.awb
    with pytest.raises(PermanentError, match="print it from MyDHL"):
        adapter.label(config(server), found)
    with pytest.raises(PermanentError, match="publishes no way to void"):
        adapter.cancel(config(server), made)
    adapter.cancel(config(server, void_by_hand=True), made)
    assert adapter.proof_of_delivery(config(server), made.awb).startswith(b"%PDF")
    # What the carrier remembers of one call goes along with no other: accounts share the connections.
    assert [call.path for call in server.calls if "cookie" in call.headers] == []
    with pytest.raises(NotProven, match="shows no parcel under"):
        adapter.find_booking(config(server), "OMS-2")
    adapter.book(config(server), to_berlin())
    with pytest.raises(NotProven, match="several parcels under"):
        adapter.find_booking(config(server), "OMS-100234-a1b2c3-1")


def test_what_is_asked_fits_the_published_parameters(
    adapter: DhlExpressAdapter, server: FaultyServer, published: Contract
) -> None:
    made = adapter.book(config(server), to_berlin())
    adapter.find_booking(config(server), "OMS-100234-a1b2c3-1")
    adapter.track(config(server), made.awb)
    adapter.proof_of_delivery(config(server), made.awb)
    one = "/shipments/{shipmentTrackingNumber}"
    paths = ("/shipments", "/tracking", f"{one}/tracking", f"{one}/proof-of-delivery")
    calls = zip(server.calls, paths, strict=True)
    assert [fault for call, path in calls for fault in published.faults_of_call(call, path)] == []


@pytest.mark.parametrize(
    ("kind", "error"),
    [("lost", UnknownOutcome), ("cut", UnknownOutcome), ("500", UnknownOutcome), ("html", UnknownOutcome),
     ("429", TransientError)],
)  # fmt: skip
def test_what_a_failed_shipment_means(
    adapter: DhlExpressAdapter, server: FaultyServer, carrier: SimulatedDhl, kind: str, error: type[Exception]
) -> None:
    server.fault(kind, path="/shipments", count=1)
    with pytest.raises(error):
        adapter.book(config(server), to_berlin())
    assert len(carrier.parcels) == (kind in ("lost", "html"))


def test_refusals_keep_the_words_of_dhl(adapter: DhlExpressAdapter, server: FaultyServer) -> None:
    with pytest.raises(PermanentError, match="Multiple problems found, see Additional Details 410301: no product"):
        adapter.book(config(server, services={"standard": "?"}), to_berlin())
    wrong = CarrierConfig(account_id=7, code="dhl_express", base_url=server.base_url, settings=SETTINGS)
    with pytest.raises(PermanentError, match="Invalid Credentials"):
        adapter.book(wrong, to_berlin())
    silent = type(SENDER)(**(SENDER.as_json() | {"phone": ""}))
    with pytest.raises(PermanentError, match="needs a phone number of Kaveri Handlooms"):
        adapter.book(config(server), to_berlin(ship_from=silent))
    # No failure: the account is not left alone for it.
    with pytest.raises(NoPrices, match="rate card"):
        adapter.rates(config(server), RateRequest(from_postcode="1", to_postcode="2", weight_grams=1))


def test_a_pickup_whose_reply_is_lost_is_not_repeated_blindly(adapter: DhlExpressAdapter, server: FaultyServer) -> None:
    parcel = adapter.book(config(server), to_berlin())
    assert adapter.schedule_pickup(config(server), [parcel], date(2026, 11, 24)) == "PRG999126012345"
    [asked] = server.last("/pickups").body["shipmentDetails"]
    assert (asked["isCustomsDeclarable"], asked["packages"]) == (True, [{"weight": 1.25}])
    server.fault("lost", path="/pickups", count=1)
    with pytest.raises(PermanentError, match="may have taken the pickup of BLR-DC: look before"):
        adapter.schedule_pickup(config(server), [parcel], date(2026, 11, 24))


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        ("PU", (M.PICKED_UP, None)), ("DF", (M.IN_TRANSIT, S.LEFT_HUB)), ("WC", (M.OUT_FOR_DELIVERY, None)),
        ("OK", (M.DELIVERED, None)), ("NH", (M.ATTEMPT_FAILED, S.CUSTOMER_UNAVAILABLE)),
        ("RD", (M.ATTEMPT_FAILED, S.REFUSED)), ("RT", (M.RTO_INITIATED, None)), ("ZZ", (M.UNKNOWN, None)),
    ],
)  # fmt: skip
def test_words_of_the_carrier_in_ours(code: str, meaning: tuple[Milestone, SubStatus | None]) -> None:
    row = {"date": "2026-11-20", "time": "12:01:00", "typeCode": code}
    [scan] = mapping.read_tracking({"shipments": [{"events": [row, {"typeCode": "OK"}]}]}, "1").scans
    assert (scan.milestone, scan.sub_status, scan.carrier_status) == (*meaning, code)


def test_scans_are_read_and_an_unknown_number_has_none(adapter: DhlExpressAdapter, server: FaultyServer) -> None:
    made = adapter.book(config(server), to_berlin())
    [scan] = adapter.track(config(server), made.awb).scans
    assert (scan.milestone, scan.scan_key, scan.location) == (M.PICKED_UP, "20261120T063100Z/PU", "Bengaluru-IN")
    assert adapter.track(config(server), "1").scans == ()
