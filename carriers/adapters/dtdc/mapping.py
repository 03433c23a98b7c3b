"""DTDC's tracking in our words. Pure. Days are DDMMYYYY, times HHMM, both of India."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from carriers.adapters.replies import text_of
from carriers.adapters.said import sub_status_of
from carriers.adapters.way_back import in_order
from carriers.base import Milestone, TrackingScan, TrackingUpdate
from oms.core.errors import PermanentError

INDIA = ZoneInfo("Asia/Kolkata")
M = Milestone

#: The published words. HELDUP says neither where nor how long, so it moves nothing; other words are UNKNOWN too.
WORDS: Mapping[str, Milestone] = {
    "BOOKED": M.BOOKED,
    "DISPATCHED": M.IN_TRANSIT,
    "RECEIVED": M.IN_TRANSIT,
    "DELIVERY PROCESS IN PROGRESS": M.OUT_FOR_DELIVERY,
    "ATTEMPTED": M.ATTEMPT_FAILED,
    "HELDUP": M.UNKNOWN,
    "DELIVERED": M.DELIVERED,
    "NOT DELIVERED": M.ATTEMPT_FAILED,
    "RTO": M.RTO_INITIATED,
    "CONSIGNMENT RELEASED": M.IN_TRANSIT,
    "CONSIGNMENT HAS RETURNED": M.RTO_IN_TRANSIT,
}


def milestone_of(word: str) -> Milestone:
    """What one word means, wherever it stands."""
    return WORDS.get(" ".join(word.upper().split()), M.UNKNOWN)


def read_tracking(body: Mapping[str, Any], awb: str) -> TrackingUpdate:
    """Every scan in the order of time; after RTO the same words tell of the way back.

    No scans where DTDC has none. Raises PermanentError for another AWB than was asked for.
    """
    header = body.get("trackHeader")
    header = header if isinstance(header, dict) else {}
    shown = text_of(header, "strShipmentNo")
    if shown and shown != awb:
        raise PermanentError(f"Asked for AWB {awb}, DTDC answered with {shown}.")
    rows = body.get("trackDetails")
    found = [scan for row in (rows if isinstance(rows, list) else []) if (scan := _scan(row)) is not None]
    expected = _day(text_of(header, "strExpectedDeliveryDate"))
    return TrackingUpdate(awb=awb, scans=in_order(found), expected_delivery=expected)


def _scan(row: Any) -> TrackingScan | None:
    """A scan; None without a readable time."""
    if not isinstance(row, dict):
        return None
    day, hour = text_of(row, "strActionDate"), text_of(row, "strActionTime")
    try:
        moment = datetime.strptime(day + hour, "%d%m%Y%H%M").replace(tzinfo=INDIA)
    except ValueError:
        return None
    word, code = text_of(row, "strAction"), text_of(row, "strCode")
    return TrackingScan(
        scan_key=f"{moment:%Y-%m-%dT%H:%M}/{code}/{word}"[:120],
        milestone=milestone_of(word),
        sub_status=sub_status_of(milestone_of(word), text_of(row, "sTrRemarks")),
        occurred_at=moment,
        carrier_status=f"{code} {word}".strip()[:120],
        description=(text_of(row, "sTrRemarks") or word)[:300],
        location=text_of(row, "strOrigin")[:120],
        raw=dict(row),
    )


def _day(text: str) -> date | None:
    try:
        return datetime.strptime(text, "%d%m%Y").date()
    except ValueError:
        return None
