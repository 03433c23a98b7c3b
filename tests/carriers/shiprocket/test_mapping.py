"""What is sent to Shiprocket, and the two status number spaces."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from carriers.adapters.shiprocket import mapping
from carriers.adapters.shiprocket.statuses import (
    ORDER_STATUS,
    SHIPMENT_STATUS,
    milestone_of_order,
    milestone_of_shipment,
)
from carriers.base import Milestone, RateRequest
from oms.core.errors import PermanentError
from oms.core.values import Address
from tests.carriers.shiprocket.conftest import booking_request


def test_an_order_with_cash_on_delivery_is_written_in_the_vendors_units() -> None:
    payload = mapping.order_payload(booking_request(), {"pickup_locations": {"BLR-DC": "Bengaluru DC"}})

    assert payload == {
        "order_date": "2026-11-20 10:00",
        "pickup_location": "Bengaluru DC",
        "comment": "Order OMS-100234",
        "company_name": "",
        "billing_customer_name": "Ananya",
        "billing_last_name": "Krishnamurthy Rao",
        "billing_address": "Flat 1204, Tower B",
        "billing_address_2": "Palava City",
        "billing_city": "Thane",
        "billing_pincode": "421204",
        "billing_state": "Maharashtra",
        "billing_country": "India",
        "billing_email": "ananya@example.com",
        "billing_phone": "9820012345",
        "shipping_is_billing": True,
        "order_items": [
            {"name": "Saree", "sku": "SAR-07", "units": 1, "selling_price": 1999.5, "tax": 5.0, "hsn": 5208},
            {"name": "Stole", "sku": "STL-02", "units": 2, "selling_price": 250.0, "tax": 0.0},
        ],
        "payment_method": "COD",
        "shipping_charges": 0,
        "giftwrap_charges": 0,
        "transaction_charges": 0,
        "total_discount": 0,
        "sub_total": 2499.5,
        "length": 30.0,
        "breadth": 22.0,
        "height": 8.5,
        "weight": 1.25,
    }


def test_the_cash_to_collect_is_the_sub_total_whatever_the_items_cost() -> None:
    payload = mapping.order_payload(booking_request(cod_minor=99900), {})

    assert payload["sub_total"] == 999.0
    assert payload["payment_method"] == "COD"


def test_a_prepaid_order_carries_its_value_and_the_fallback_email() -> None:
    to = Address(name="Ravi", line1="1", city="Pune", region="Maharashtra", postcode="411001", phone="020 2612 3456")
    payload = mapping.order_payload(booking_request(cod_minor=0, ship_to=to), {"default_email": "shop@example.com"})

    assert (payload["payment_method"], payload["sub_total"]) == ("Prepaid", 2499.5)
    assert payload["billing_email"] == "shop@example.com"
    assert payload["pickup_location"] == "BLR-DC"
    assert payload["billing_phone"] == "2026123456"


def test_what_shiprocket_cannot_carry_is_refused_before_the_call() -> None:
    with pytest.raises(PermanentError, match="INR"):
        mapping.order_payload(booking_request(currency="USD"), {})
    abroad = Address(name="Anna", line1="1", city="Berlin", postcode="10119", country="DE", phone="+49 30 1234567")
    with pytest.raises(PermanentError, match="cross a border are not booked with Shiprocket"):
        mapping.order_payload(booking_request(ship_to=abroad), {})
    long = replace(booking_request().ship_to, city="T" * 31)
    with pytest.raises(PermanentError, match="The city 'T+' is longer than the 30 characters"):
        mapping.order_payload(booking_request(ship_to=long), {})
    with pytest.raises(PermanentError, match="too long"):
        mapping.order_payload(booking_request("x" * 48), {})


def test_a_rate_query_is_written_in_the_vendors_units() -> None:
    request = RateRequest(
        from_postcode="560058", to_postcode="421204", weight_grams=1250, cod_minor=100, declared_value_minor=249950
    )

    assert mapping.rate_query(request) == {
        "pickup_postcode": "560058",
        "delivery_postcode": "421204",
        "cod": 1,
        "weight": 1.25,
        "declared_value": 2499.5,
    }


def test_the_same_number_means_different_things_in_the_two_spaces() -> None:
    assert milestone_of_shipment(20) is Milestone.UNKNOWN
    assert milestone_of_order(20) is Milestone.IN_TRANSIT
    assert milestone_of_shipment(18) is Milestone.IN_TRANSIT
    assert milestone_of_order(18) is Milestone.UNKNOWN
    assert milestone_of_shipment(21) is Milestone.ATTEMPT_FAILED
    assert milestone_of_order(36) is Milestone.ATTEMPT_FAILED
    assert milestone_of_shipment(9) is Milestone.RTO_INITIATED
    assert milestone_of_order(15) is Milestone.RTO_INITIATED
    assert milestone_of_shipment(10) is Milestone.RTO_DELIVERED
    assert milestone_of_order(16) is Milestone.RTO_DELIVERED
    assert milestone_of_shipment(8) is Milestone.CANCELLED
    assert milestone_of_order(5) is Milestone.CANCELLED


def test_one_name_never_means_two_milestones() -> None:
    by_name: dict[str, Milestone] = {}
    for name, milestone in (*SHIPMENT_STATUS.values(), *ORDER_STATUS.values()):
        assert by_name.setdefault(name, milestone) is milestone, name


def test_the_name_decides_where_the_number_does_not() -> None:
    assert milestone_of_shipment(None, "Out For Delivery") is Milestone.OUT_FOR_DELIVERY
    assert milestone_of_shipment("NA", "RTO_IN_TRANSIT") is Milestone.RTO_IN_TRANSIT
    assert milestone_of_shipment(9999, "something new") is Milestone.UNKNOWN


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("23 05 2023 11:43:52", datetime(2023, 5, 23, 6, 13, 52, tzinfo=UTC)),
        ("2022-07-19 11:37:00", datetime(2022, 7, 19, 6, 7, tzinfo=UTC)),
        ("0000-00-00 00:00:00", None),
        ("NA", None),
        (None, None),
    ],
)
def test_times_without_a_zone_are_indian(text: str | None, moment: datetime | None) -> None:
    assert mapping.time_of(text) == moment


def test_dates_come_in_two_shapes() -> None:
    assert mapping.date_of("Jul 01, 2024") == date(2024, 7, 1)
    assert mapping.date_of("2023-05-23 15:40:19") == date(2023, 5, 23)
    assert mapping.date_of("NA") is None
    assert mapping.date_of("Foo 01, 2024") is None


def test_rupees_become_paise_exactly() -> None:
    assert mapping.minor_of(123.9) == 12390
    assert mapping.minor_of("54") == 5400
    assert mapping.minor_of(0.285) == 29
    assert mapping.minor_of("") is None
    assert mapping.minor_of("NaN") is None
