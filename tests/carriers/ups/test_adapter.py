"""UPS against a carrier that speaks its contract, and against the contract that it publishes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from carriers.adapters.ups import mapping, tracking
from carriers.adapters.ups.adapter import UpsAdapter
from carriers.adapters.ups.statuses import NUMBERS, milestone_of
from carriers.base import (
    Booked,
    CannotProveAbsence,
    CarrierAdapter,
    CarrierConfig,
    GivesLabels,
    Milestone,
    RateRequest,
    ReceivesTracking,
    SchedulesPickups,
    SubStatus,
    TakesOnlyItsLabel,
    UnknownOutcome,
)
from carriers.errors import BadSignature, NoPrices, NotProven
from carriers.simulators.ups.server import UpsServer
from oms.core import clock
from oms.core.errors import PermanentError, TransientError
from oms.core.values import Address
from tests.carriers.abroad_world import to_berlin, to_thane
from tests.carriers.published import Contract, contract

M = Milestone
PLACE = {
    "company": "Kaveri Handlooms", "contact": "Ravi Kumar", "line1": "7 Peenya", "city": "Bengaluru", "region": "KA",
    "postcode": "560058", "country": "IN", "phone": "+91 80 4567 8901",
}  # fmt: skip
BERLIN_RATE = RateRequest(
    from_postcode="560058", to_postcode="10119", weight_grams=1250, country="DE", length_mm=300, width_mm=220,
    height_mm=85,
)  # fmt: skip
#: Faults of the contract: it wants four characters of the code PDF that it names itself, and the numbers of Roadie
#: parcels and ReferenceValues of every recovery, where its example has neither.
SHORT = "LabelRecoveryRequest.LabelSpecification.LabelImageFormat.Code: 'PDF' is too short"
ROADIE = "LabelRecoveryRequest: 'TrackingNumbers' is a required property"


@pytest.fixture
def server() -> Iterator[UpsServer]:
    with UpsServer() as running:
        yield running


@pytest.fixture
def adapter() -> UpsAdapter:
    return UpsAdapter()


def config(server: UpsServer, **settings: Any) -> CarrierConfig:
    return CarrierConfig(
        account_id=7, code="ups", base_url=server.base_url,
        secrets={"client_id": "client", "client_secret": "secret", "webhook_token": "Bearer push"},
        settings={"account_number": "A1B2C3", "services": {"standard": "65"}, "timeout_seconds": 1.0,
                  "pickup_addresses": {"BLR-DC": PLACE}} | settings,
    )  # fmt: skip


@pytest.fixture
def published(shared_dir: Path) -> dict[str, Contract]:
    folder = shared_dir / "contracts" / "ups"
    names = ("Shipping", "Rating", "Pickup", "Tracking", "UPSTrackAlert")
    return {name: contract(folder / f"{name}.yaml") for name in names}


def test_it_is_what_the_flow_expects(adapter: UpsAdapter) -> None:
    whole: CarrierAdapter = adapter
    for ability in (CannotProveAbsence, GivesLabels, ReceivesTracking, SchedulesPickups, TakesOnlyItsLabel):
        assert isinstance(whole, ability)
    assert whole.certainty.sentence.startswith("Tested against the schema that the carrier publishes")


# -- what is sent ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("duties", ["receiver", "shipper"])
def test_a_shipment_fits_the_published_schema(published: dict[str, Contract], duties: str) -> None:
    settings = {"account_number": "A1B2C3", "services": {"standard": "65"}, "duties_paid_by": duties}
    for request in (to_berlin(), to_thane(), to_thane(length_mm=0)):
        assert published["Shipping"].faults("SHIPRequestWrapper", mapping.ship_request(request, settings)) == []


def test_the_other_requests_fit_the_published_schema(published: dict[str, Contract]) -> None:
    settings = {"account_number": "A1B2C3"}
    assert published["Rating"].faults("RATERequestWrapper", mapping.rate_request(BERLIN_RATE, settings)) == []
    by_reference = mapping.recovery_by_reference("OMS-1", "A1B2C3")
    assert published["Shipping"].faults("LABELRECOVERYRequestWrapper", by_reference) == [SHORT, ROADIE]
    by_number = published["Shipping"].faults("LABELRECOVERYRequestWrapper", mapping.recovery_of("1ZA1B2C36510000000"))
    assert by_number == [SHORT, "LabelRecoveryRequest: 'ReferenceValues' is a required property", ROADIE]
    pickup = mapping.pickup_request(PLACE, 3, date(2026, 11, 24), settings, "20261124-BLR-DC")
    # Its own schema gives a day of the form yyyyMMdd four characters.
    assert published["Pickup"].faults("PICKUPCreationRequestWrapper", pickup) == [
        "PickupCreationRequest.PickupDateInfo.PickupDate: '20261124' is too long"
    ]


def test_the_contract_has_faults_of_its_own(shared_dir: Path, published: dict[str, Contract]) -> None:
    text = (shared_dir / "contracts" / "ups" / "Shipping.yaml").read_text(encoding="utf-8")
    end = text.splitlines()[13706]
    # Tabs at the end of a line, which YAML refuses and only lenient readers take.
    assert end.endswith('"\t\t')
    with pytest.raises(yaml.YAMLError, match="cannot start any token"):
        yaml.safe_load('description: "' + end.strip() + "\t\t\t\nnext: 1\n")
    ship = published["Shipping"].document["paths"]["/shipments/{version}/ship"]["post"]
    examples = ship["requestBody"]["content"]["application/json"]["examples"]
    broken = [name for name, row in examples.items()
              if published["Shipping"].faults("SHIPRequestWrapper", row["value"])]  # fmt: skip
    assert broken
    recovery = published["Shipping"].document["paths"]["/labels/{version}/recovery"]["post"]
    example = recovery["requestBody"]["content"]["application/json"]["examples"]["1"]["value"]
    assert ROADIE in published["Shipping"].faults("LABELRECOVERYRequestWrapper", example)


def test_what_crosses_a_border_is_declared() -> None:
    settings = {"account_number": "A1B2C3", "services": {"standard": "65"}, "country_of_origin": "NP"}
    shipment = mapping.ship_request(to_berlin(), settings)["ShipmentRequest"]["Shipment"]
    assert shipment["ReferenceNumber"] == [{"Code": "PO", "Value": "OMS-100234-a1b2c3-1"}]
    form = shipment["ShipmentServiceOptions"]["InternationalForms"]
    assert (form["CurrencyCode"], form["TermsOfShipment"], form["InvoiceNumber"]) == ("INR", "DAP", "OMS-100234")
    saree, stole = form["Product"]
    assert saree["Unit"] == {"Number": "1", "Value": "1999.50", "UnitOfMeasurement": {"Code": "PCS"}}
    assert (saree["OriginCountryCode"], stole["Unit"]["Value"]) == ("NP", "250.00")
    assert saree["PartNumber"] == to_berlin().items[0].sku_code
    # Four digits of HSN are fewer than customs of other countries takes.
    assert "CommodityCode" not in saree
    at_home = mapping.ship_request(to_thane(), settings)["ShipmentRequest"]["Shipment"]
    assert "ShipmentServiceOptions" not in at_home


def test_from_the_united_states_ups_is_told_pounds_and_inches(published: dict[str, Contract]) -> None:
    settings = {"account_number": "A1B2C3", "services": {"standard": "65"}, "country": "US"}
    texas = Address(name="A", line1="1 Main St", city="Austin", region="TX", postcode="78701", country="US", phone="5")
    canada = replace(texas, city="Ottawa", region="ON", postcode="K1A0B1", country="CA")
    for goal, worth in ((texas, None), (canada, {"CurrencyCode": "INR", "MonetaryValue": "2499.50"})):
        body = mapping.ship_request(to_berlin(ship_from=texas, ship_to=goal, width_mm=310), settings)
        assert published["Shipping"].faults("SHIPRequestWrapper", body) == []
        shipment = body["ShipmentRequest"]["Shipment"]
        assert shipment.get("InvoiceLineTotal") == worth
        [package] = shipment["Package"]
        assert (package["PackageWeight"]["UnitOfMeasurement"]["Code"], package["PackageWeight"]["Weight"]) == (
            "LBS", "2.8"
        )  # fmt: skip
        # The longest side is the length.
        assert [package["Dimensions"][name] for name in ("Length", "Width", "Height")] == ["13", "12", "4"]
        assert ("ReferenceNumber" in package) == (goal is texas)
    [rated] = mapping.rate_request(BERLIN_RATE, settings)["RateRequest"]["Shipment"]["Package"]
    assert rated["PackageWeight"]["UnitOfMeasurement"]["Code"] == "LBS"


def test_the_end_of_a_long_reference_is_kept() -> None:
    long = "A-VERY-LONG-NUMBER-OF-AN-ORDER-a1b2c3-12"
    settings = {"account_number": "A1B2C3", "services": {"standard": "65"}}
    [row] = mapping.ship_request(to_berlin(client_reference=long), settings)["ShipmentRequest"]["Shipment"][
        "ReferenceNumber"
    ]
    assert (len(row["Value"]), row["Value"][-9:]) == (35, "a1b2c3-12")


@pytest.mark.parametrize(
    ("request_changes", "settings", "words"),
    [
        ({"cod_minor": 100}, {}, "collects no cash"),
        ({}, {"services": {}}, "setting services names no service of UPS for 'standard'"),
        ({}, {"account_number": ""}, "setting account_number is missing"),
        ({"items": ()}, {}, "needs its articles for customs"),
        ({"ship_to": Address(name="A", line1="x" * 36, city="B", country="DE")}, {}, "longer than the 3 lines"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(
    request_changes: dict[str, Any], settings: dict[str, Any], words: str
) -> None:
    account = {"account_number": "A1B2C3", "services": {"standard": "65"}}
    with pytest.raises(PermanentError, match=words):
        mapping.ship_request(to_berlin(**request_changes), account | settings)


# -- booking -----------------------------------------------------------------------------------------------------------


def test_a_parcel_is_booked_found_and_voided(adapter: UpsAdapter, server: UpsServer) -> None:
    made = adapter.book(config(server), to_berlin())
    assert made.awb.startswith("1ZA1B2C3")
    assert (made.charge_minor, made.external_ids["node"]) == (245_000, "BLR-DC")
    assert server.last("/ship").headers["transid"] == "OMS-100234-a1b2c3-1"
    found = adapter.find_booking(config(server), "OMS-100234-a1b2c3-1")
    assert found is not None
    assert found.awb == made.awb
    assert adapter.label(config(server), made).startswith(b"%PDF")
    for _turn in range(2):
        adapter.cancel(config(server), made)
    with pytest.raises(NotProven, match="shows no parcel under"):
        adapter.find_booking(config(server), "OMS-100234-a1b2c3-1")
    other = adapter.book(config(server), to_berlin())
    server.carrier.move(other.awb)
    with pytest.raises(PermanentError, match="within the allowed void period"):
        adapter.cancel(config(server), other)
    # One of the two is voided: the other is found.
    assert adapter.find_booking(config(server), "OMS-100234-a1b2c3-1") is not None


def test_two_parcels_under_one_reference_are_for_a_person(adapter: UpsAdapter, server: UpsServer) -> None:
    for _turn in range(2):
        adapter.book(config(server), to_berlin())
    with pytest.raises(NotProven, match="several parcels under"):
        adapter.find_booking(config(server), "OMS-100234-a1b2c3-1")


@pytest.mark.parametrize(
    ("kind", "error"),
    [("lost", UnknownOutcome), ("cut", UnknownOutcome), ("500", UnknownOutcome), ("html", UnknownOutcome),
     ("408", UnknownOutcome), ("429", TransientError)],
)  # fmt: skip
def test_what_a_failed_shipment_means(
    adapter: UpsAdapter, server: UpsServer, kind: str, error: type[Exception]
) -> None:
    server.fault(kind, path="/ship", count=1)
    with pytest.raises(error) as raised:
        adapter.book(config(server), to_berlin())
    assert len(server.carrier.parcels) == (kind in ("lost", "html"))
    if kind == "429":
        assert isinstance(raised.value, TransientError)
        assert raised.value.retry_after_seconds == 7


def test_a_refusal_keeps_the_words_of_ups(adapter: UpsAdapter, server: UpsServer) -> None:
    nowhere = Address(name="A", line1="B", city="C", postcode="000000", country="DE")
    with pytest.raises(PermanentError, match="120802: Address Validation Error"):
        adapter.book(config(server), to_berlin(ship_to=nowhere))
    wrong = CarrierConfig(account_id=7, code="ups", base_url=server.base_url, settings=config(server).settings)
    with pytest.raises(PermanentError, match="Sign-in was refused .401.: 10401: ClientId is Invalid"):
        adapter.book(wrong, to_berlin())


def test_a_token_is_asked_for_once_and_renewed_when_it_is_refused(adapter: UpsAdapter, server: UpsServer) -> None:
    adapter.book(config(server), to_berlin())
    adapter.book(config(server), to_berlin(client_reference="OMS-2"))
    assert server.carrier.tokens == 1
    server.carrier.tokens = 5  # The one that we hold is worth nothing any more.
    adapter.book(config(server), to_berlin(client_reference="OMS-3"))
    assert (server.carrier.tokens, len(server.carrier.parcels)) == (6, 3)


# -- prices, pickups ---------------------------------------------------------------------------------------------------


def test_negotiated_prices_cheapest_first(adapter: UpsAdapter, server: UpsServer) -> None:
    rates = adapter.rates(config(server), BERLIN_RATE)
    assert [(row.courier_id, row.charge_minor, row.transit_days) for row in rates] == [
        ("65", 245_000, 3), ("07", 312_050, 2)
    ]  # fmt: skip
    assert (
        adapter.rates(config(server), RateRequest(from_postcode="1", to_postcode="2", weight_grams=1, cod_minor=5))
        == []
    )
    # The parcel has no price; nothing is wrong with the account.
    for postcode, words in (("000000", "111210: The requested service is unavailable"), ("", "the goal has none")):
        with pytest.raises(NoPrices, match=words):
            adapter.rates(config(server), replace(BERLIN_RATE, to_postcode=postcode))
    with pytest.raises(PermanentError, match="another currency than USD"):
        adapter.rates(config(server, currency="USD"), BERLIN_RATE)


def test_a_pickup_whose_reply_is_lost_is_not_asked_for_twice(adapter: UpsAdapter, server: UpsServer) -> None:
    parcel = adapter.book(config(server), to_berlin())
    server.fault("lost", path="/pickupcreation", count=1)
    with pytest.raises(TransientError):
        adapter.schedule_pickup(config(server), [parcel], date(2026, 11, 24))
    number = adapter.schedule_pickup(config(server), [parcel], date(2026, 11, 24))
    assert server.carrier.pickups == {"20261124-BLR-DC": number}
    # Of a day after tomorrow UPS lists nothing: whether it was taken, a person has to see.
    server.fault("lost", path="/pickupcreation", count=1)
    with pytest.raises(PermanentError, match="may have taken the pickup of BLR-DC"):
        adapter.schedule_pickup(config(server), [parcel], clock.now().date() + timedelta(days=2))
    stray = Booked(awb="1Z", courier_name="UPS", external_ids={"node": "DEL"})
    with pytest.raises(PermanentError, match="names no address for DEL"):
        adapter.schedule_pickup(config(server), [stray], date(2026, 11, 25))


# -- tracking ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "number", "code", "words", "milestone"),
    [
        ("M", "003", "MP", "", M.BOOKED), ("MV", "007", "VP", "", M.CANCELLED), ("P", "", "XD", "", M.PICKED_UP),
        ("I", "005", "AR", "", M.IN_TRANSIT), ("I", "021", "OT", "", M.OUT_FOR_DELIVERY),
        ("I", "", "OT", "Out for Delivery", M.OUT_FOR_DELIVERY), ("D", "11", "FS", "", M.DELIVERED),
        ("D", "", "", "Delivered", M.DELIVERED), ("D", "", "", "Loaded on Delivery Vehicle", M.UNKNOWN),
        ("D", "", "2W", "Delivered to UPS Access Point", M.UNKNOWN), ("D", "", "", "Delivered to sender", M.UNKNOWN),
        ("X", "022", "48", "", M.ATTEMPT_FAILED), ("X", "013", "", "", M.UNKNOWN), ("U", "", "", "", M.UNKNOWN),
        ("X", "035", "", "", M.RTO_IN_TRANSIT), ("I", "034", "", "", M.RTO_DELIVERED), ("", "999", "", "", M.UNKNOWN),
    ],
)  # fmt: skip
def test_words_of_the_carrier_in_ours(kind: str, number: str, code: str, words: str, milestone: Milestone) -> None:
    assert milestone_of(kind, number, code, words) == milestone


def test_every_number_is_three_digits() -> None:
    assert all(len(number) == 3 and number.isdecimal() for number in NUMBERS)


def test_a_push_and_a_poll_of_one_scan_are_one(adapter: UpsAdapter, server: UpsServer) -> None:
    made = adapter.book(config(server), to_berlin())
    server.carrier.move(made.awb, steps=3)
    polled = adapter.track(config(server), made.awb)
    assert [scan.milestone for scan in polled.scans][-1] == M.OUT_FOR_DELIVERY
    assert {scan.milestone for scan in polled.scans} == {M.BOOKED, M.PICKED_UP, M.IN_TRANSIT, M.OUT_FOR_DELIVERY}
    assert polled.expected_delivery == date(2026, 11, 25)
    event = json.dumps(server.carrier.push_of(made.awb)).encode()
    pushed = adapter.read_webhook(config(server), {"Authorization": "Bearer push"}, event)
    assert pushed is not None
    assert [scan.scan_key for scan in pushed.scans] == [polled.scans[-1].scan_key]
    with pytest.raises(BadSignature):
        adapter.read_webhook(config(server), {"Authorization": "Bearer other"}, event)
    with pytest.raises(PermanentError, match="not JSON"):
        adapter.read_webhook(config(server), {"Authorization": "Bearer push"}, b"<xml>")
    assert adapter.read_webhook(config(server), {"Authorization": "Bearer push"}, b"{}") is None
    assert adapter.track(config(server), "1Z999AA10123456784").scans == ()


def test_what_the_simulator_answers_fits_the_published_schema(
    adapter: UpsAdapter, server: UpsServer, published: dict[str, Contract]
) -> None:
    made = adapter.book(config(server), to_berlin())
    server.carrier.move(made.awb)
    assert (
        published["Tracking"].faults("TrackApiResponse", server.carrier._tracked([server.carrier.parcels[made.awb]])[1])
        == []
    )
    event = server.carrier.push_of(made.awb)
    assert published["UPSTrackAlert"].faults("TrackingEventRequest", event) == []
    shipped = server.carrier._ship(server.last("/ship").body["ShipmentRequest"]["Shipment"])[1]
    faults = published["Shipping"].faults("SHIPResponseWrapper", shipped)
    # Eight characters are asked for a weight that its own replies give as "1.3".
    assert faults == ["ShipmentResponse.ShipmentResults.BillingWeight.Weight: '1.3' is too short"]


def test_what_is_asked_fits_the_published_parameters(
    adapter: UpsAdapter, server: UpsServer, published: dict[str, Contract]
) -> None:
    made = adapter.book(config(server), to_berlin())
    server.carrier.move(made.awb)
    adapter.find_booking(config(server), "OMS-100234-a1b2c3-1")
    adapter.cancel(config(server), adapter.book(config(server), to_berlin(client_reference="OMS-2")))
    adapter.schedule_pickup(config(server), [made], date(2026, 11, 24))
    paths = {
        "/reference/": ("Tracking", "/track/v1/reference/details/{referenceNumber}"),
        "/track/v1/details/": ("Tracking", "/track/v1/details/{inquiryNumber}"),
        "/pickup/oncall": ("Pickup", "/shipments/{version}/pickup/{pickuptype}"),
        "/void/": ("Shipping", "/shipments/{version}/void/cancel/{shipmentidentificationnumber}"),
    }  # fmt: skip
    for part, (name, path) in paths.items():
        assert published[name].faults_of_call(server.last(part), path) == []


def test_the_published_events_are_read(published: dict[str, Contract]) -> None:
    post = published["UPSTrackAlert"].document["webhooks"]["TrackingEvent"]["post"]
    examples = post["requestBody"]["content"]["application/json"]["examples"]
    read = [tracking.read_push(examples[name]["value"]) for name in ("1", "2")]
    assert [update.scans[0].milestone for update in read if update] == [M.OUT_FOR_DELIVERY, M.DELIVERED]
    assert read[0] is not None
    # YAML reads 021 as an octal number: the code beside it tells.
    assert (read[0].expected_delivery, read[0].scans[0].location) == (date(2024, 4, 23), "Charlotte, NC, US")


def test_an_exception_that_says_when_keeps_its_words() -> None:
    status = {"type": "X", "code": "S1", "statusCode": "022", "description": "The receiver was not available."}
    row = {"gmtDate": "20261120", "gmtTime": "10:00:00", "status": status}
    update = tracking.read_tracking(
        {"trackResponse": {"shipment": [{"package": [{"trackingNumber": "1Z", "activity": [row, {"status": {}}]}]}]}},
        "1Z",
    )
    [scan] = update.scans
    assert (scan.milestone, scan.sub_status, scan.carrier_status) == (
        M.ATTEMPT_FAILED, SubStatus.CUSTOMER_UNAVAILABLE, "X 022 S1",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("row", "moment"),
    [
        ({"gmtDate": "20261120", "gmtTime": "10700"}, "2026-11-20T01:07:00+00:00"),
        ({"date": "20261120", "time": "233000", "gmtOffset": "-05:00"}, "2026-11-21T04:30:00+00:00"),
        ({"date": "20261120", "time": "233000", "gmtOffset": "+05.30"}, "2026-11-20T18:00:00+00:00"),
        ({"date": "20261120", "time": "233000"}, "2026-11-20T23:30:00+00:00"),
    ],
)
def test_a_clock_that_lost_its_zero_and_a_local_one_are_read(row: dict[str, str], moment: str) -> None:
    activity = [row | {"status": {"type": "I"}}, {"date": "20261120", "status": {"type": "I"}}]
    body = {"trackResponse": {"shipment": [{"package": [{"trackingNumber": "1Z", "activity": activity}]}]}}
    assert [scan.occurred_at.isoformat() for scan in tracking.read_tracking(body, "1Z").scans] == [moment]
