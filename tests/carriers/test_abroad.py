"""Addresses as carriers of the whole world take them: nothing is cut off without a word."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from carriers.adapters.dhl_express import mapping as dhl
from carriers.adapters.fedex import mapping as fedex
from carriers.adapters.ups import mapping as ups
from carriers.adapters.ups import tracking
from carriers.base import BookingRequest, Milestone
from oms.core.errors import PermanentError
from tests.carriers.abroad_world import BERLIN, to_berlin
from tests.carriers.dhl_express.test_adapter import AT

SETTINGS = {"account_number": "A1B2C3", "services": {"standard": "65"}}


def parties(request: BookingRequest) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The recipient as UPS, FedEx and DHL Express are told."""
    return (
        ups.ship_request(request, SETTINGS)["ShipmentRequest"]["Shipment"]["ShipTo"],
        fedex.ship_request(request, SETTINGS)["requestedShipment"]["recipients"][0],
        dhl.ship_request(request, SETTINGS, AT)["customerDetails"]["receiverDetails"],
    )


def test_a_long_name_goes_on_before_the_street_and_a_state_by_its_code_or_name() -> None:
    company = "Vereinigte Weberei und Faerberei am Spreeufer"
    # Half an address of e-mail is somebody else's.
    mail = "a" * 70 + "@example.com"
    there = replace(BERLIN, email=mail, company=company, line1="Torstrasse 1º ß", region="Berlin")
    of_ups, of_fedex, of_dhl = parties(to_berlin(ship_to=there))
    street = ["Spreeufer", "Torstrasse 1º ß"]
    assert (of_ups["Name"], of_ups["Address"]["AddressLine"]) == ("Vereinigte Weberei und Faerberei am", street)
    assert of_ups["AttentionName"] == "Anna Schmidt"
    assert (of_fedex["contact"]["companyName"], of_fedex["address"]["streetLines"]) == (of_ups["Name"], street)
    assert of_dhl["contactInformation"]["companyName"] == company
    assert of_dhl["postalAddress"]["provinceName"] == "Berlin"
    assert of_fedex["contact"].get("emailAddress") is of_dhl["contactInformation"].get("email") is None
    texas = replace(BERLIN, country="US", region="tx", phone="+1 512 555 0100")
    of_ups, of_fedex, of_dhl = parties(to_berlin(ship_to=texas))
    assert (of_ups["Address"]["StateProvinceCode"], of_ups["Phone"]["Number"]) == ("TX", "5125550100")
    assert (of_fedex["address"]["stateOrProvinceCode"], of_dhl["postalAddress"]["provinceCode"]) == ("TX", "TX")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"city": "B" * 46}, "The city .* is longer than the"),
        ({"postcode": "1" * 13}, "The postcode .* is longer than the"),
        ({"name": "", "city": " "}, "The address 'Torstrasse 1, .*' lacks a name and a city"),
        ({"line1": "ул. Ленина 1"}, "Latin letters alone"),
        ({"country": "US", "region": "Texas"}, "wants the two letters of the state, as TX; 'Texas' is none"),
        ({"country": "CA", "region": ""}, "wants the two letters of the state, as TX; there is none"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(changes: dict[str, str], words: str) -> None:
    request = to_berlin(ship_to=replace(BERLIN, **changes))
    with pytest.raises(PermanentError, match=words):
        ups.ship_request(request, SETTINGS)
    with pytest.raises(PermanentError, match=words):
        fedex.ship_request(request, SETTINGS)
    with pytest.raises(PermanentError, match=words):
        dhl.ship_request(request, SETTINGS, AT)


def test_two_phone_numbers_are_none_and_customs_reads_latin_letters() -> None:
    two = to_berlin(ship_to=replace(BERLIN, phone="+49 30 1234567 / +49 171 7654321"))
    with pytest.raises(PermanentError, match="23 digits, more than one number has"):
        ups.ship_request(two, SETTINGS)
    with pytest.raises(PermanentError, match="23 digits, more than one number has"):
        fedex.ship_request(two, SETTINGS)
    saree = replace(to_berlin().items[0], name="रेशमी साड़ी")
    with pytest.raises(PermanentError, match="customs reads Latin letters alone"):
        dhl.ship_request(to_berlin(items=(saree,)), SETTINGS, AT)


def test_what_follows_a_return_is_of_the_way_back() -> None:
    M = Milestone
    back = [M.IN_TRANSIT, M.RTO_INITIATED, M.RTO_IN_TRANSIT, M.RTO_DELIVERED]
    hours = ("2026-11-20T08:00:00+00:00", "2026-11-20T09:00:00+00:00", "2026-11-20T10:00:00+00:00",
             "2026-11-20T11:00:00+00:00")  # fmt: skip
    of_fedex = [{"date": hour, "eventType": code} for hour, code in zip(hours, ("IT", "RS", "IT", "DL"), strict=True)]
    result = {"trackingNumberInfo": {"trackingNumber": "1"}, "scanEvents": of_fedex[::-1]}
    body: dict[str, Any] = {"output": {"completeTrackResults": [{"trackResults": [result]}]}}
    assert [scan.milestone for scan in fedex.read_tracking(body, "1").scans] == back
    of_dhl = [{"date": hour[:10], "time": hour[11:19], "typeCode": code}
              for hour, code in zip(hours, ("AF", "RT", "WC", "OK"), strict=True)]  # fmt: skip
    assert [scan.milestone for scan in dhl.read_tracking({"shipments": [{"events": of_dhl}]}, "1").scans] == back
    of_ups = [{"gmtDate": "20261120", "gmtTime": hour[11:19], "status": {"statusCode": number}}
              for hour, number in zip(hours, ("005", "033", "005", "011"), strict=True)]  # fmt: skip
    body = {"trackResponse": {"shipment": [{"package": [{"trackingNumber": "1", "activity": of_ups[::-1]}]}]}}
    assert [scan.milestone for scan in tracking.read_tracking(body, "1").scans] == back
