"""Every saved reply of the calls that are used, read into exact values."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from carriers.adapters.shiprocket import mapping, tracking
from carriers.adapters.shiprocket.adapter import ShiprocketAdapter
from carriers.adapters.shiprocket.client import vendor_message
from carriers.base import Booked, CarrierConfig, Milestone, Rate
from carriers.errors import BadSignature

SEEN_AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def test_serviceability_gives_rates_cheapest_first(saved: Any) -> None:
    rates = mapping.read_rates(saved("Couriers-Check-Courier-Serviceability-Successful-Call")["body"])

    assert rates == [
        Rate(
            courier_id="43",
            courier_name="Delhivery Surface",
            charge_minor=5400,
            transit_days=4,
            supports_cod=True,
            expected_delivery=date(2024, 7, 1),
            rating=4.9,
        ),
        Rate(
            courier_id="225",
            courier_name="India Post-Business Parcel Surface Prepaid",
            charge_minor=12390,
            transit_days=8,
            supports_cod=True,
            expected_delivery=date(2024, 7, 5),
            rating=4.4,
        ),
        Rate(
            courier_id="19",
            courier_name="Ecom Express Surface 2kg",
            charge_minor=15012,
            transit_days=6,
            supports_cod=True,
            expected_delivery=date(2024, 7, 3),
            rating=4.62,
        ),
    ]


def test_a_404_inside_a_200_means_not_serviceable() -> None:
    assert mapping.read_rates({"status": 404, "message": "Order does not exist!"}) == []


def test_a_created_order_is_read(saved: Any) -> None:
    body = saved("Create-Or-Update-Order-Create-Custom-Order-Successful-Call")["body"]

    order = mapping.read_created(body, "224-447")

    assert order == mapping.HeldOrder(
        order_id="16161616",
        shipment_id="15151515",
        reference="224-447",
        order_status_code=1,
        order_status_name="NEW",
    )
    assert not order.cancelled


def test_a_cancelled_order_answered_with_200_is_seen() -> None:
    body = {"order_id": 1499133560, "shipment_id": 1495356234, "status": "CANCELED", "status_code": 5, "awb_code": ""}

    order = mapping.read_created(body, "79")

    assert order is not None
    assert order.cancelled


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "Create-Or-Update-Order-Create-Custom-Order-Missing-Fields",
            "Oops! Invalid Data. order_id: The order id field is required.",
        ),
        ("Create-Or-Update-Order-Create-Custom-Order-Invalid-Data", "Given channel id does not exist"),
        ("Couriers-Generate-AWB-for-Shipment-Invalid-Data", "Oops! Cannot reassign courier for this shipment."),
        ("Couriers-Request-for-Shipment-Pickup-Invalid-Data", "Invalid shipment id"),
        ("Create-Or-Update-Order-Cancel-an-Order-Invalid-Data", "Trying to get property of non-object"),
        (
            "Create-Or-Update-Order-Cancel-an-Order-Missing-Fields",
            "Required field missing ids: The ids field is required.",
        ),
        (
            "Labels-Manifests-Invoice-Generate-Label-Wrong-Format",
            "Oops! Invalid Data. shipment_id: The shipment id must be an array.",
        ),
        ("Orders-Get-Specific-Order-Details-Invalid-Data", "Order ID not found"),
    ],
)
def test_a_refusal_keeps_the_vendors_words(saved: Any, name: str, message: str) -> None:
    body = saved(name)["body"]

    assert vendor_message(body) == message
    assert mapping.read_created(body, "x") is None


def test_an_assigned_awb_is_read(saved: Any) -> None:
    order = mapping.HeldOrder(
        order_id="281248157", shipment_id="280640636", reference="r", order_status_code=1, order_status_name="NEW"
    )

    booked = mapping.read_assigned(saved("Couriers-Generate-AWB-for-Shipment-Successful-Call")["body"], order)

    assert booked == Booked(
        awb="321055706540",
        courier_name="Amazon Surface",
        external_ids={"order_id": "281248157", "shipment_id": "280640636", "reference": "r", "courier_id": "142"},
    )


def test_an_assignment_that_failed_with_200_is_a_refusal(saved: Any) -> None:
    order = mapping.HeldOrder(
        order_id="1", shipment_id="2", reference="r", order_status_code=1, order_status_name="NEW"
    )
    body = saved("International-AWB-Assignment-AWB-Assignment-Failed")["body"]

    assert mapping.read_assigned(body, order) is None
    assert mapping.assignment_error(body) == "Awb Assignment Failed"


def test_the_list_of_orders_is_read(saved: Any) -> None:
    rows = saved("Orders-Get-all-Orders-Successful-Call-With-No-Parameters")["body"]["data"]

    orders = [mapping.read_order(row) for row in rows]

    assert orders == [
        mapping.HeldOrder(
            order_id="16178831",
            shipment_id="16028538",
            reference="224-4779888",
            order_status_code=5,
            order_status_name="CANCELED",
        ),
        mapping.HeldOrder(
            order_id="16177223",
            shipment_id="16026933",
            reference="224-47798",
            order_status_code=1,
            order_status_name="NEW",
        ),
    ]
    assert [order.cancelled for order in orders if order] == [True, False]


def test_one_order_is_read(saved: Any) -> None:
    order = mapping.read_order(saved("Orders-Get-Specific-Order-Details-Successful-Call")["body"]["data"])

    assert order == mapping.HeldOrder(
        order_id="259492257",
        shipment_id="258878960",
        reference="1873081902",
        order_status_code=21,
        order_status_name="RETURN PENDING",
    )


def test_a_delivered_parcel_is_tracked_oldest_scan_first(saved: Any) -> None:
    body = saved("Tracking-Get-Tracking-through-AWB-Successful-Call")["body"]

    update = tracking.read_tracking(body, "141123221084922", SEEN_AT)

    assert update.expected_delivery == date(2022, 7, 20)
    assert [(scan.carrier_status, scan.milestone) for scan in update.scans] == [
        ("DRC", Milestone.UNKNOWN),
        ("OUT FOR PICKUP", Milestone.PICKUP_SCHEDULED),
        ("PICKED UP", Milestone.PICKED_UP),
        ("SHIPPED", Milestone.IN_TRANSIT),
        ("IN TRANSIT", Milestone.IN_TRANSIT),
        ("REACHED AT DESTINATION HUB", Milestone.IN_TRANSIT),
        ("OUT FOR DELIVERY", Milestone.OUT_FOR_DELIVERY),
        ("DELIVERED", Milestone.DELIVERED),
    ]
    last = update.scans[-1]
    assert last.occurred_at == datetime(2022, 7, 19, 6, 7, tzinfo=UTC)
    assert last.location == "MADANPALLI, Madanapalli, ANDHRA PRADESH"
    assert last.scan_key == "20220719T060700Z:DLVD"


def test_tracking_by_shipment_has_no_labels_and_is_read_by_number(saved: Any) -> None:
    body = saved("Tracking-Get-Tracking-through-Shipment-ID-Successful-Call")["body"]

    update = tracking.read_tracking(body, "1091188857722", SEEN_AT)

    assert [(scan.carrier_status, scan.milestone) for scan in update.scans] == [
        ("X-UCI", Milestone.PICKUP_SCHEDULED),
        ("FMPUR-101", Milestone.UNKNOWN),
        ("X-PPOM", Milestone.PICKED_UP),
    ]


def test_a_state_without_a_scan_becomes_a_scan_once(saved: Any) -> None:
    body = saved("Tracking-Get-Tracking-Data-for-Multiple-AWBS-Successful-Call")["body"]["788829354408"]

    first = tracking.read_tracking(body, "788829354408", SEEN_AT)
    second = tracking.read_tracking(body, "788829354408", datetime(2026, 11, 22, tzinfo=UTC))

    assert [(scan.milestone, scan.carrier_status) for scan in first.scans] == [
        (Milestone.UNKNOWN, ""),
        (Milestone.BOOKED, "AWB Assigned"),
    ]
    assert [scan.scan_key for scan in first.scans] == [scan.scan_key for scan in second.scans]
    assert first.scans[1].scan_key == "state:1"


def test_no_activity_yet_is_no_scan(saved: Any) -> None:
    body = saved("Tracking-Get-Tracking-through-AWB-Invalid-Data")["body"]

    assert tracking.read_tracking(body, "111111111111", SEEN_AT).scans == ()


def test_the_webhook_counts_in_two_number_spaces(saved_webhook: bytes) -> None:
    sample = json.loads(saved_webhook)
    assert (sample["shipment_status_id"], sample["current_status_id"]) == (18, 20)

    update = ShiprocketAdapter().read_webhook(webhook_config(), {"X-Api-Key": "t"}, saved_webhook)

    assert update is not None
    assert update.awb == "19041424751540"
    assert update.expected_delivery == date(2023, 5, 23)
    assert [scan.milestone for scan in update.scans] == [
        Milestone.PICKUP_SCHEDULED,
        Milestone.PICKED_UP,
        Milestone.IN_TRANSIT,
        Milestone.UNKNOWN,
        *[Milestone.IN_TRANSIT] * 4,
        Milestone.UNKNOWN,
        Milestone.UNKNOWN,
        *[Milestone.IN_TRANSIT] * 7,
    ]
    assert len({scan.scan_key for scan in update.scans}) == 17
    assert update.scans[-1].occurred_at == datetime(2023, 5, 23, 6, 13, 46, tzinfo=UTC)


def test_a_webhook_with_either_number_alone_means_the_same() -> None:
    moment = {"awb": "1", "current_timestamp": "23 05 2023 11:43:52"}
    by_shipment = tracking.read_webhook(moment | {"shipment_status": "IN TRANSIT", "shipment_status_id": 18})
    by_order = tracking.read_webhook(moment | {"current_status": "IN TRANSIT", "current_status_id": 20})

    assert by_shipment is not None
    assert by_order is not None
    assert [scan.milestone for scan in by_shipment.scans] == [Milestone.IN_TRANSIT]
    assert [scan.milestone for scan in by_order.scans] == [Milestone.IN_TRANSIT]
    assert by_shipment.scans[0].occurred_at == datetime(2023, 5, 23, 6, 13, 52, tzinfo=UTC)


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "other"}, {"x-api-key": ""}])
def test_a_webhook_with_a_wrong_token_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(BadSignature):
        ShiprocketAdapter().read_webhook(webhook_config(), headers, b"{}")


def test_without_a_configured_token_every_webhook_is_refused() -> None:
    with pytest.raises(BadSignature):
        ShiprocketAdapter().read_webhook(CarrierConfig(account_id=1, code="shiprocket"), {"x-api-key": ""}, b"{}")


def test_a_webhook_without_an_awb_is_nothing() -> None:
    assert ShiprocketAdapter().read_webhook(webhook_config(), {"x-api-key": "t"}, b'{"test": true}') is None


def webhook_config() -> CarrierConfig:
    return CarrierConfig(account_id=1, code="shiprocket", secrets={"webhook_token": "t"})
