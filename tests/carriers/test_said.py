"""What couriers say of failed attempts, in one vocabulary; what nobody knows stays without one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from carriers.adapters.delhivery import mapping as delhivery
from carriers.adapters.said import sub_status_of
from carriers.adapters.shiprocket import tracking as shiprocket
from carriers.base import Milestone
from carriers.simulators.shiprocket.movement import REASONS

MEANT = ("customer_unavailable", "rescheduled", "wrong_address", "refused", "cod_not_ready")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        *zip(REASONS, MEANT, strict=True),
        ("Consignee's phone switched off", "phone_unreachable"), ("ODA shipment", "out_of_area"),
        ("Delivery planned for today", None), ("", None),
    ],
)  # fmt: skip
def test_words_become_reasons(words: str, expected: str | None) -> None:
    assert sub_status_of(Milestone.ATTEMPT_FAILED, words) == expected


def test_a_code_of_delhivery_says_more_than_its_words() -> None:
    shipment = {"AWB": "1", "Scans": [{"ScanDetail": {
        "ScanType": "UD", "Scan": "Pending", "StatusCode": "EOD-6", "StatusDateTime": "2026-11-20T10:00:00",
        "Instructions": "Closed for today"}}]}  # fmt: skip
    [scan] = delhivery.read_tracking({"ShipmentData": [{"Shipment": shipment}]}, "1").scans
    assert (scan.milestone, scan.sub_status) == (Milestone.ATTEMPT_FAILED, "refused")


def test_a_number_of_shiprocket_says_more_where_the_words_do_not() -> None:
    rows = [
        {"date": "2026-11-20 10:00:00", "status": "X1", "activity": "Zxcv", "sr-status": "38"},
        {"date": "2026-11-20 11:00:00", "status": "X2", "activity": "Misrouted to Pune", "sr-status": "18"},
    ]
    body = {"tracking_data": {"track_status": 1, "shipment_status": 18, "shipment_track_activities": rows}}
    scans = shiprocket.read_tracking(body, "1", datetime(2026, 11, 20, tzinfo=UTC)).scans
    assert [scan.sub_status for scan in scans] == ["at_destination", "misrouted"]
