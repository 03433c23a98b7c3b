"""Ecom Express's status push in our words. Pure. Its times are those of India, without a zone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from carriers.adapters.replies import text_of
from carriers.adapters.said import sub_status_of
from carriers.base import Milestone, TrackingScan, TrackingUpdate

INDIA = ZoneInfo("Asia/Kolkata")


def milestone_of(status: str, *, returning: bool) -> Milestone:
    """What a status means. Only `Delivered` is public; other words are UNKNOWN: kept and shown, they move nothing."""
    if status.casefold() != "delivered":
        return Milestone.UNKNOWN
    return Milestone.RTO_DELIVERED if returning else Milestone.DELIVERED


def read_push(body: Mapping[str, Any]) -> TrackingUpdate | None:
    """One push: one scan. None without an AWB; no scan without a readable time, which could not be told apart."""
    awb = text_of(body, "awb")
    if not awb:
        return None
    scan = _scan(body)
    return TrackingUpdate(
        awb=awb, scans=(scan,) if scan is not None else (), expected_delivery=_day(text_of(body, "edd"))
    )


def _scan(body: Mapping[str, Any]) -> TrackingScan | None:
    try:
        moment = datetime.strptime(text_of(body, "date_time"), "%Y-%m-%d %H:%M:%S").replace(tzinfo=INDIA)
    except ValueError:
        return None
    status, code, reason = text_of(body, "status"), text_of(body, "status_code"), text_of(body, "reason_code")
    # `product_type` is that of the parcel ("rts" is one that goes back), `shipment_type` that of the leg.
    returning = (
        text_of(body, "shipment_type").casefold() == "return" or text_of(body, "product_type").casefold() == "rts"
    )
    milestone = milestone_of(status, returning=returning)
    return TrackingScan(
        scan_key=f"{moment:%Y-%m-%dT%H:%M:%S}/{code or status}/{reason}"[:120],
        milestone=milestone,
        sub_status=sub_status_of(milestone, text_of(body, "reason")),
        occurred_at=moment,
        carrier_status=f"{code} {status}".strip()[:120],
        description=(text_of(body, "reason") or text_of(body, "fe_remarks") or status)[:300],
        location=(text_of(body, "current_city") or text_of(body, "current_sc"))[:120],
        raw=_without_persons(body),
    )


#: Who delivered, with what signature and code, is nobody's business once the scan is known.
_PERSONAL = frozenset(
    {"employee_name", "employee_code", "employee_number", "sign_image", "otp", "otp_email", "otp_mobile"}
)


def _without_persons(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in _PERSONAL}


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
