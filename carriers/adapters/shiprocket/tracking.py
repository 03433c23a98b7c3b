"""Shiprocket's scans, from a webhook or a poll, as tracking updates. Pure.

A scan of the webhook and the same scan of a poll give the same `scan_key`, so that they end as one row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from carriers.adapters.said import sub_status_of
from carriers.adapters.shiprocket.mapping import date_of, text_of, time_of
from carriers.adapters.shiprocket.statuses import SUB_STATUS, milestone_of_order, milestone_of_shipment
from carriers.base import Milestone, TrackingScan, TrackingUpdate


def read_webhook(body: Mapping[str, Any]) -> TrackingUpdate | None:
    """A tracking webhook; None for one that names no AWB (the panel's test call)."""
    awb = text_of(body.get("awb"))
    if not awb:
        return None
    scans = _scans(body.get("scans"))
    name = text_of(body.get("shipment_status")) or text_of(body.get("current_status"))
    number = body.get("shipment_status_id")
    milestone = milestone_of_shipment(number, name)
    if milestone is Milestone.UNKNOWN:
        milestone = milestone_of_order(body.get("current_status_id"), text_of(body.get("current_status")))
    moment = time_of(body.get("current_timestamp"))
    if moment is not None:
        scans = _with_state(scans, milestone, name, number, moment)
    return TrackingUpdate(awb=awb, scans=tuple(scans), expected_delivery=date_of(body.get("etd")))


def read_tracking(body: Any, awb: str, seen_at: datetime) -> TrackingUpdate:
    """Reply of courier/track/awb; no scans while the carrier has none. `seen_at` dates a state that has no own time."""
    data = body.get("tracking_data") if isinstance(body, dict) else None
    if not isinstance(data, dict) or not data.get("track_status"):
        return TrackingUpdate(awb=awb, scans=())
    tracks = data.get("shipment_track")
    track = tracks[0] if isinstance(tracks, list) and tracks and isinstance(tracks[0], dict) else {}
    scans = _scans(data.get("shipment_track_activities"))
    name, number = text_of(track.get("current_status")), data.get("shipment_status")
    milestone = milestone_of_shipment(number, name)
    delivered_at = time_of(track.get("delivered_date")) if milestone is Milestone.DELIVERED else None
    scans = _with_state(scans, milestone, name, number, delivered_at or seen_at)
    expected = date_of(data.get("etd")) or date_of(track.get("edd"))
    return TrackingUpdate(awb=awb, scans=tuple(scans), expected_delivery=expected)


def _scans(rows: Any) -> list[TrackingScan]:
    """Scans in the order of their time. A row without a readable time is left out: it could not be told apart."""
    found = [scan for row in rows or [] if isinstance(row, dict) and (scan := _scan(row)) is not None]
    if found and found[0].occurred_at > found[-1].occurred_at:
        found.reverse()  # Polls list the newest first; scans of one second keep their order so.
    return sorted(found, key=lambda scan: scan.occurred_at)


def _scan(row: Mapping[str, Any]) -> TrackingScan | None:
    moment = time_of(row.get("date"))
    if moment is None:
        return None
    label, code = text_of(row.get("sr-status-label")), text_of(row.get("status"))
    activity = text_of(row.get("activity"))
    milestone = milestone_of_shipment(row.get("sr-status"), label)
    return TrackingScan(
        scan_key=_scan_key(moment, code, activity),
        milestone=milestone,
        # The number stands for many reasons: which one it was, only the courier's words say.
        sub_status=sub_status_of(milestone, activity) or SUB_STATUS.get(text_of(row.get("sr-status"))),
        occurred_at=moment.astimezone(UTC),
        carrier_status=label or code,
        description=activity,
        location=text_of(row.get("location")),
        raw=dict(row),
    )


def _scan_key(moment: datetime, code: str, activity: str) -> str:
    """Time and the courier's scan code, which both ways carry; the words stand in where a courier gives no code."""
    second = moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    if code:
        return f"{second}:{code}"[:100]
    words = " ".join(activity.casefold().split())
    return f"{second}:{hashlib.sha256(words.encode()).hexdigest()[:16]}"


def _with_state(
    scans: list[TrackingScan], milestone: Milestone, name: str, number: Any, moment: datetime
) -> list[TrackingScan]:
    """Add the state of the parcel as a scan of its own where no scan says it (a cancellation, a pickup request).

    Its key is the status number alone, so that however often the state is told it is one row.
    """
    if milestone is Milestone.UNKNOWN or any(scan.milestone is milestone for scan in scans):
        return scans
    state = TrackingScan(
        scan_key=f"state:{text_of(number) or milestone.value}",
        milestone=milestone,
        occurred_at=moment.astimezone(UTC),
        carrier_status=name,
        raw={"status": name, "id": number},
    )
    return [*scans, state]
