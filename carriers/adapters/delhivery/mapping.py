"""Between our words and Delhivery's. Pure. Times of the carrier are those of India, without a zone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from carriers.adapters.india import refuse_abroad, refuse_without_eway_bill
from carriers.adapters.said import sub_status_of
from carriers.base import BookingRequest, Milestone, SubStatus, TrackingScan, TrackingUpdate
from oms.core.errors import PermanentError
from oms.core.values import Address

INDIA = ZoneInfo("Asia/Kolkata")
M = Milestone
S = SubStatus

#: Codes of a failed attempt: those after which the NDR call allows another attempt or another day (vendor's page
#: "asynchronous NDR package action API").
ATTEMPT_CODES = frozenset(
    {"EOD-74", "EOD-15", "EOD-104", "EOD-43", "EOD-86", "EOD-11", "EOD-16", "EOD-69", "EOD-6", "EOD-3", "ST-108"}
)
DEFERRABLE = frozenset({"EOD-74", "EOD-15", "EOD-11", "EOD-3", "EOD-16", "EOD-6", "ST-108"})
#: What a code says beyond its milestone; the words of the scan say it of the others.
SUB_STATUS: Mapping[str, SubStatus] = {
    "EOD-3": S.RESCHEDULED,
    "EOD-6": S.REFUSED,
    "EOD-11": S.CUSTOMER_UNAVAILABLE,
    "EOD-15": S.WRONG_ADDRESS,
    "EOD-16": S.COD_NOT_READY,
    "EOD-43": S.OUT_OF_AREA,
    "EOD-74": S.WRONG_ADDRESS,
    "EOD-104": S.OUT_OF_AREA,
    "EOD-36": S.TO_NEIGHBOUR,
    "EOD-37": S.TO_SECURITY,
    "EOD-38": S.TO_CUSTOMER,
    "X-IBD3F": S.AT_DESTINATION,
    "X-DLL2F": S.LEFT_HUB,
    "X-ILL2F": S.ARRIVED_AT_HUB,
    "DLYMR-118": S.MISROUTED,
}
#: "Seller cancelled the order": seen a minute and a half after a cancellation, not at once.
CANCELLED_CODE = "DTUP-210"
_PICKED_UP, _PICKUP_SCHEDULED = "X-PPOM", "FMPUR-101"


def milestone_of(status_type: str, status: str, code: str) -> Milestone:
    """What a scan means. Delhivery says it in three parts: the leg (UD forward, RT back, DL ended), a word and a code.

    A word or leg that is not known means UNKNOWN, which moves nothing.
    """
    word = status.casefold()
    if code == CANCELLED_CODE or word in ("cancelled", "canceled"):
        return M.CANCELLED
    if word == "lost":
        return M.LOST
    match status_type:
        case "DL":
            return {"delivered": M.DELIVERED, "rto": M.RTO_DELIVERED, "dto": M.RTO_DELIVERED}.get(word, M.UNKNOWN)
        case "RT":
            return M.RTO_IN_TRANSIT if word in ("in transit", "pending", "dispatched", "scheduled") else M.UNKNOWN
        case "UD":
            return _forward(word, code)
        case _:
            return M.UNKNOWN


def _forward(word: str, code: str) -> Milestone:
    if code in ATTEMPT_CODES and word in ("pending", "scheduled", "dispatched"):
        return M.ATTEMPT_FAILED
    if code == _PICKED_UP:
        return M.PICKED_UP
    if code == _PICKUP_SCHEDULED:
        return M.PICKUP_SCHEDULED
    words = {
        "manifested": M.BOOKED, "in transit": M.IN_TRANSIT, "pending": M.IN_TRANSIT, "scheduled": M.IN_TRANSIT,
        "dispatched": M.OUT_FOR_DELIVERY,
    }  # fmt: skip
    return words.get(word, M.UNKNOWN)


# -- booking -----------------------------------------------------------------------------------------------------------


def create_payload(request: BookingRequest, waybill: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The `data` of a create call. Raises PermanentError where the account does not name the place of pickup, and for a
    parcel that leaves India or needs an e-way bill."""
    refuse_abroad(request, "Delhivery")
    refuse_without_eway_bill(request, "Delhivery")
    places = settings.get("pickup_locations") or {}
    place = places.get(request.ship_from_code) or settings.get("pickup_location")
    if not place:
        raise PermanentError(
            f"The setting pickup_locations names no place of Delhivery for {request.ship_from_code}: add the name "
            "under which this warehouse is registered in their panel."
        )
    to, back = request.ship_to, request.ship_from
    codes = [item.hsn for item in request.items if item.hsn]
    shipment: dict[str, Any] = {
        "waybill": waybill,
        "order": request.client_reference,
        "name": to.name or to.company,
        "add": _street(to),
        "pin": to.postcode,
        "city": to.city,
        "state": to.region,
        "country": "India",
        "phone": phone_of(to.phone),
        "payment_mode": "COD" if request.cod_minor else "Prepaid",
        "cod_amount": rupees(request.cod_minor),
        "total_amount": rupees(request.declared_value_minor),
        "order_date": f"{request.order_date.astimezone(INDIA):%Y-%m-%d %H:%M:%S}",
        "products_desc": ", ".join(item.name for item in request.items)[:500],
        "hsn_code": ", ".join(dict.fromkeys(codes)),
        "quantity": str(sum(item.quantity for item in request.items)),
        "weight": request.weight_grams,
        "shipping_mode": "Express" if request.service_level in ("express", "same_day") else mode_of(settings),
        "return_name": back.company or back.name,
        "return_add": _street(back),
        "return_pin": back.postcode,
        "return_city": back.city,
        "return_state": back.region,
        "return_country": "India",
        "return_phone": phone_of(back.phone),
    }
    if request.length_mm and request.width_mm and request.height_mm:
        sides = (request.length_mm, request.width_mm, request.height_mm)
        names = ("shipment_length", "shipment_width", "shipment_height")
        shipment |= {name: f"{Decimal(side) / 10:f}" for name, side in zip(names, sides, strict=True)}
    return {"shipments": [shipment], "pickup_location": {"name": str(place)}}


def mode_of(settings: Mapping[str, Any]) -> str:
    """`Surface` or `Express`, as the account's setting `shipping_mode` says."""
    return "Express" if str(settings.get("shipping_mode", "")).casefold() == "express" else "Surface"


def rupees(minor: int) -> str:
    """`2499.50`."""
    return f"{Decimal(minor) / 100:.2f}"


def phone_of(text: str) -> str:
    """The ten digits of an Indian number; whatever else it is stays as it was written."""
    digits = re.sub(r"\D", "", text)
    return digits[-10:] if len(digits) in (10, 11, 12) else text.strip()


def _street(address: Address) -> str:
    return ", ".join(part for part in (address.company, address.line1, address.line2) if part)


# -- tracking ----------------------------------------------------------------------------------------------------------


def shipment_of(body: Any) -> dict[str, Any] | None:
    """The one shipment of a tracking reply; None where it has none."""
    rows = body.get("ShipmentData") if isinstance(body, dict) else None
    first = rows[0] if isinstance(rows, list) and rows else None
    found = first.get("Shipment") if isinstance(first, dict) else None
    return found if isinstance(found, dict) else None


def is_cancelled(shipment: Mapping[str, Any]) -> bool:
    """The shipment was cancelled, and the carrier says so by now."""
    status = shipment.get("Status")
    if not isinstance(status, dict):
        return False
    return (
        milestone_of(_text(status, "StatusType"), _text(status, "Status"), _text(status, "StatusCode")) == M.CANCELLED
    )


def read_tracking(body: Any, awb: str) -> TrackingUpdate:
    """Every scan of a poll; without scans the status alone. None of either: no scans. Raises PermanentError for another
    AWB."""
    shipment = shipment_of(body)
    if shipment is None:
        return TrackingUpdate(awb=awb, scans=())
    if str(shipment.get("AWB", awb)) != awb:
        raise PermanentError(f"Asked for AWB {awb}, Delhivery answered with {shipment.get('AWB')!r}.")
    details = [
        row["ScanDetail"] for row in shipment.get("Scans") or [] if isinstance(row, dict) and "ScanDetail" in row
    ]
    scans = [scan for detail in details if (scan := _scan(detail)) is not None]
    status = shipment.get("Status")
    if isinstance(status, dict):
        last = _scan(status | {"Scan": status.get("Status"), "ScanType": status.get("StatusType"),
                               "ScannedLocation": status.get("StatusLocation")})  # fmt: skip
        scans += [last] if last is not None else []
    by_key = {scan.scan_key: scan for scan in scans}
    return TrackingUpdate(awb=awb, scans=tuple(sorted(by_key.values(), key=lambda scan: scan.occurred_at)),
                          expected_delivery=_day(shipment.get("ExpectedDeliveryDate")))  # fmt: skip


def read_push(body: Mapping[str, Any]) -> TrackingUpdate | None:
    """One scan of the webhook; None for a body without an AWB."""
    shipment = body.get("Shipment")
    if not isinstance(shipment, dict) or not shipment.get("AWB"):
        return None
    status = shipment.get("Status") or {}
    detail = {
        "Scan": status.get("Status"), "ScanType": status.get("StatusType"), "StatusCode": shipment.get("NSLCode"),
        "StatusDateTime": status.get("StatusDateTime"), "ScannedLocation": status.get("StatusLocation"),
        "Instructions": status.get("Instructions"),
    }  # fmt: skip
    scan = _scan(detail)
    return TrackingUpdate(awb=str(shipment["AWB"]), scans=(scan,) if scan is not None else ())


def _scan(detail: Mapping[str, Any]) -> TrackingScan | None:
    """A scan; None without a readable time."""
    moment = _moment(detail.get("StatusDateTime") or detail.get("ScanDateTime"))
    if moment is None:
        return None
    kind, word, code = _text(detail, "ScanType"), _text(detail, "Scan"), _text(detail, "StatusCode")
    milestone = milestone_of(kind, word, code)
    return TrackingScan(
        # A poll gives milliseconds, a push may not: to the second they are one scan.
        scan_key=f"{moment:%Y-%m-%dT%H:%M:%S}/{kind}/{word}/{code}"[:120],
        milestone=milestone, occurred_at=moment,
        sub_status=SUB_STATUS.get(code) or sub_status_of(milestone, _text(detail, "Instructions")),
        carrier_status=f"{kind} {word} {code}".strip(), description=_text(detail, "Instructions"),
        location=_text(detail, "ScannedLocation"), raw=dict(detail),
    )  # fmt: skip


def _moment(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=INDIA)


def _day(value: Any) -> Any:
    moment = _moment(value) if value else None
    return moment.date() if moment else None


def _text(row: Mapping[str, Any], name: str) -> str:
    return str(row.get(name) or "").strip()
