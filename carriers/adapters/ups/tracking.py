"""UPS's scans, from a poll or a Track Alert push, as tracking updates. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

from carriers.adapters.abroad import place_of, utc_key
from carriers.adapters.replies import rows_of, text_of
from carriers.adapters.said import sub_status_of
from carriers.adapters.ups.statuses import milestone_of, sub_status_of_number
from carriers.adapters.way_back import in_order
from carriers.base import TrackingScan, TrackingUpdate


def packages_of(body: Any) -> Iterator[Mapping[str, Any]]:
    """Every package of a tracking reply."""
    response = body.get("trackResponse") if isinstance(body, dict) else None
    for shipment in rows_of(response, "shipment"):
        yield from rows_of(shipment, "package")


def current_number(package: Mapping[str, Any]) -> str:
    """The number of where the package stands now, `007` for one that was voided."""
    status = package.get("currentStatus")
    number = str(status.get("code") or "") if isinstance(status, dict) else ""
    return number.zfill(3) if number.isdecimal() else ""


def read_tracking(body: Any, awb: str) -> TrackingUpdate:
    """Every scan of the package with this number; none while UPS has none."""
    scans: dict[str, TrackingScan] = {}
    expected: date | None = None
    for package in packages_of(body):
        if str(package.get("trackingNumber") or awb) != awb:
            continue
        # The newest comes first; scans of one second keep their order so.
        for row in reversed(rows_of(package, "activity")):
            scan = _scan(row)
            if scan is not None:
                scans.setdefault(scan.scan_key, scan)
        expected = _expected(package) or expected
    return TrackingUpdate(awb=awb, scans=in_order(scans.values()), expected_delivery=expected)


def read_push(body: Mapping[str, Any]) -> TrackingUpdate | None:
    """One event of Track Alert; None for a body without a tracking number."""
    awb = str(body.get("trackingNumber") or "")
    if not awb:
        return None
    moment = _moment(body.get("gmtActivityDate"), body.get("gmtActivityTime")) or _moment(
        body.get("localActivityDate"), body.get("localActivityTime"), body.get("gmtOffset")
    )
    status = body.get("activityStatus")
    if moment is None or not isinstance(status, dict):
        return TrackingUpdate(awb=awb, scans=(), expected_delivery=_day(body.get("scheduledDeliveryDate")))
    place = body.get("activityLocation") if isinstance(body.get("activityLocation"), dict) else {}
    assert isinstance(place, dict)
    scan = _made(
        moment, kind=text_of(status, "type"), number=_number(status.get("descriptionCode")),
        code=text_of(status, "code"), words=text_of(status, "description"),
        location=place_of(place.get("city"), place.get("stateProvince"), place.get("country")), raw=_plain(body),
    )  # fmt: skip
    return TrackingUpdate(awb=awb, scans=(scan,), expected_delivery=_day(body.get("scheduledDeliveryDate")))


def _scan(row: Mapping[str, Any]) -> TrackingScan | None:
    """A scan; None without a readable time."""
    moment = _moment(row.get("gmtDate"), row.get("gmtTime")) or _moment(
        row.get("date"), row.get("time"), row.get("gmtOffset")
    )
    status = row.get("status")
    if moment is None or not isinstance(status, dict):
        return None
    where = row.get("location")
    place = where.get("address") if isinstance(where, dict) else None
    place = place if isinstance(place, dict) else {}
    country = place.get("countryCode") or place.get("country")
    return _made(
        moment, kind=text_of(status, "type"), number=text_of(status, "statusCode"), code=text_of(status, "code"),
        words=text_of(status, "description"), raw=row,
        location=place_of(place.get("city"), place.get("stateProvince"), country),
    )  # fmt: skip


def _made(
    moment: datetime, *, kind: str, number: str, code: str, words: str, location: str, raw: Mapping[str, Any]
) -> TrackingScan:
    milestone = milestone_of(kind, number, code, words)
    return TrackingScan(
        # Time and the two-letter code, which both ways carry.
        scan_key=f"{utc_key(moment)}/{code or number or kind}"[:120],
        milestone=milestone,
        sub_status=sub_status_of_number(number) or sub_status_of(milestone, words),
        occurred_at=moment,
        carrier_status=" ".join(part for part in (kind, number, code) if part),
        description=words,
        location=location,
        raw=dict(raw),
    )


def _plain(body: Mapping[str, Any]) -> dict[str, Any]:
    """A push without the picture of the door."""
    return {name: value for name, value in body.items() if name != "deliveryPhoto"}


def _moment(day: Any, clock: Any, offset: Any = None) -> datetime | None:
    """`20240423` and `131519`, `13:15:19` or `74700` (its zero lost); of Greenwich, unless `-05:00` or `-05.00`."""
    digits, zone = str(clock or "").replace(":", ""), str(offset or "+00:00").replace(".", ":")
    try:
        return datetime.strptime(f"{day}{digits.zfill(6) if digits else ''}{zone}", "%Y%m%d%H%M%S%z").astimezone(UTC)
    except ValueError:
        return None


def _expected(package: Mapping[str, Any]) -> date | None:
    """The day that UPS names: a new one (RDD) before the first (SDD)."""
    days = {str(row.get("type")): _day(row.get("date")) for row in rows_of(package, "deliveryDate")}
    return days.get("RDD") or days.get("SDD")


def _day(value: Any) -> date | None:
    try:
        return datetime.strptime(str(value), "%Y%m%d").date()
    except ValueError:
        return None


def _number(value: Any) -> str:
    """A number that comes as text; any other has lost its zeros, or is not of the table."""
    return value.strip() if isinstance(value, str) else ""
