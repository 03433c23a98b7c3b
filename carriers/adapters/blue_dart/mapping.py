"""Between our words and Blue Dart's. Pure. Weights are kilograms, lengths centimetres, times those of India."""

from __future__ import annotations

import base64
import binascii
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from carriers.adapters.abroad import digits, kilograms, our_reference, service_of, street_lines
from carriers.adapters.blue_dart.statuses import milestone_of
from carriers.adapters.india import refuse_abroad, refuse_without_eway_bill
from carriers.adapters.replies import text_of
from carriers.adapters.said import sub_status_of
from carriers.adapters.way_back import in_order
from carriers.base import BookingRequest, TrackingScan, TrackingUpdate
from oms.core.errors import PermanentError
from oms.core.values import Address, major_units

INDIA = ZoneInfo("Asia/Kolkata")
NAME = "Blue Dart"
REFERENCE_WIDTH, LINE_WIDTH = 20, 30
_PDF = b"%PDF"


def reference_of(client_reference: str) -> str:
    """Our reference as Blue Dart holds it: letters, digits and hyphens, the last 20 of them."""
    return our_reference(re.sub(r"[^0-9A-Za-z-]", "-", client_reference), REFERENCE_WIDTH)


# -- booking -----------------------------------------------------------------------------------------------------------


def waybill_request(request: BookingRequest, settings: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The `Request` of GenerateWayBill. Raises PermanentError for a parcel or an account that Blue Dart cannot take."""
    refuse_abroad(request, NAME)
    refuse_without_eway_bill(request, NAME)
    to, origin = request.ship_to, request.ship_from
    areas = settings.get("origin_areas") or {}
    area = areas.get(request.ship_from_code) or settings.get("origin_area")
    customer = settings.get("customer_code")
    if not area or not customer:
        raise PermanentError(
            f"Blue Dart books with the settings customer_code and origin_area (or origin_areas for "
            f"{request.ship_from_code}); one is missing."
        )
    services: dict[str, Any] = {
        "ProductCode": service_of(request, settings, NAME),
        "ProductType": int(settings.get("product_type", 2)),
        "SubProductCode": "C" if request.cod_minor else "P",
        "PackType": str(settings.get("pack_type", "")),
        "PieceCount": "1",
        "ActualWeight": kilograms(request.weight_grams, 2),
        "DeclaredValue": _rupees(request.declared_value_minor),
        "CollectableAmount": _rupees(request.cod_minor),
        "CreditReferenceNo": reference_of(request.client_reference),
        "Commodity": _commodity(request),
        "PickupDate": f"/Date({_pickup_moment(settings, now)})/",
        "PickupTime": _pickup_time(settings),
        "RegisterPickup": False,
        "PDFOutputNotRequired": not settings.get("use_carrier_label", False),
    }
    if request.length_mm and request.width_mm and request.height_mm:
        sides = (request.length_mm, request.width_mm, request.height_mm)
        names = ("Length", "Breadth", "Height")
        services["Dimensions"] = [{name: side / 10 for name, side in zip(names, sides, strict=True)} | {"Count": 1}]
    return {
        "Consignee": _party(to, "Consignee") | {"ConsigneeAttention": to.name[:LINE_WIDTH]},
        "Services": services,
        "Shipper": _party(origin, "Customer")
        | {
            "CustomerCode": str(customer), "OriginArea": str(area), "IsToPayCustomer": False,
            "Sender": (origin.company or origin.name)[:LINE_WIDTH],
        },
        "Returnadds": _party(origin, "Return") | {"ReturnContact": (origin.name or origin.company)[:LINE_WIDTH]},
    }  # fmt: skip


def _party(address: Address, prefix: str) -> dict[str, Any]:
    """Name, three lines, postcode and phone under the names of one side; city and region where a line is left."""
    lines = street_lines(address, LINE_WIDTH)
    town = ", ".join(part for part in (address.city, address.region) if part)
    lines += [town[:LINE_WIDTH]] if town and len(lines) < 3 else []
    found: dict[str, Any] = {f"{prefix}Address{n}": line for n, line in enumerate([*lines, "", "", ""][:3], start=1)}
    phone = digits(address.phone, 10)
    found |= {f"{prefix}Pincode": address.postcode, f"{prefix}Mobile": phone, f"{prefix}Telephone": phone}
    if prefix != "Return":
        found[f"{prefix}Name"] = (address.company or address.name)[:LINE_WIDTH]
    if address.email:
        found[f"{prefix}EmailID"] = address.email
    return found


def _commodity(request: BookingRequest) -> dict[str, str]:
    names = [item.name[:LINE_WIDTH] for item in request.items]
    return {f"CommodityDetail{n}": name for n, name in enumerate([*names, "", "", ""][:3], start=1)}


def _rupees(minor: int) -> float:
    return float(major_units(minor, "INR"))


def _pickup_time(settings: Mapping[str, Any]) -> str:
    text = str(settings.get("pickup_time", "1600"))
    if not re.fullmatch(r"([01]\d|2[0-3])[0-5]\d", text):
        raise PermanentError(f"The setting pickup_time is {text!r}; expected an hour of India as 1600.")
    return text


def _pickup_moment(settings: Mapping[str, Any], now: datetime) -> int:
    """Milliseconds of the next pickup: today, or tomorrow where its hour has passed."""
    text, here = _pickup_time(settings), now.astimezone(INDIA)
    at = here.replace(hour=int(text[:2]), minute=int(text[2:]), second=0, microsecond=0)
    return int((at if at > here else at + timedelta(days=1)).timestamp()) * 1000


def result_of(body: Any, name: str) -> dict[str, Any]:
    """The result of a call, wherever the gateway puts it: under its name, or in `error-response`."""
    if not isinstance(body, dict):
        return {}
    found = body.get(name, body.get("error-response", body))
    if isinstance(found, list):
        found = found[0] if found else {}
    return found if isinstance(found, dict) else {}


def said(result: Mapping[str, Any]) -> str:
    """Blue Dart's words: code and information of each status."""
    rows = result.get("Status")
    rows = rows if isinstance(rows, list) else [rows]
    words = [
        f"{text_of(row, 'StatusCode')}: {text_of(row, 'StatusInformation')}" for row in rows if isinstance(row, dict)
    ]
    return "; ".join(words) or str({key: value for key, value in result.items() if key != "AWBPrintContent"})[:500]


def message_of(body: Any) -> str:
    """The words of a refusal."""
    return said(result_of(body, "GenerateWayBillResult")) if isinstance(body, dict) else str(body)[:500]


def is_error(result: Mapping[str, Any]) -> bool:
    """Whether it is no plain success: anything but a false counts."""
    return str(result.get("IsError", True)).casefold() != "false"


def refuses(result: Mapping[str, Any]) -> bool:
    """Whether Blue Dart says plainly that it did not do it."""
    return str(result.get("IsError", "")).casefold() == "true"


def awb_of(result: Mapping[str, Any]) -> str:
    """The waybill that a reply names, empty for none."""
    found = text_of(result, "AWBNo")
    return found if re.fullmatch(r"[0-9A-Za-z]{6,20}", found) else ""


def label_of(result: Mapping[str, Any]) -> bytes:
    """The label, where `AWBPrintContent` is a PDF as bytes or base64; else empty: our own is printed."""
    content = result.get("AWBPrintContent")
    try:
        pdf = bytes(content) if isinstance(content, list) else base64.b64decode(str(content or ""), validate=True)
    except (ValueError, TypeError, binascii.Error):
        return b""
    return pdf if pdf.startswith(_PDF) else b""


# -- tracking ----------------------------------------------------------------------------------------------------------


def shipments_of(text: str) -> list[ET.Element] | None:
    """The shipments of a tracking reply; None where it is not one (a page of a gateway)."""
    if "<!DOCTYPE" in text.upper() or "<!ENTITY" in text.upper():
        return None
    try:
        root = ET.fromstring(text.strip())  # noqa: S314 -- a document type, which entities need, was refused above
    except (ET.ParseError, ValueError):
        return None
    return root.findall("Shipment") if root.tag == "ShipmentData" else None


def awbs_under(shipments: list[ET.Element], reference: str) -> list[str]:
    """The waybills that Blue Dart shows under a reference, without shipments that it has no information about."""
    found = {
        row.get("WaybillNo", "").strip()
        for row in shipments
        if row.get("RefNo", "").strip() == reference and _said(row, "StatusType") not in ("", "NF")
    }
    return sorted(found - {""})


def read_tracking(shipments: list[ET.Element], awb: str) -> TrackingUpdate:
    """Every scan in the order of time; after a return the same words tell of the way back.

    The way back may have an AWB of its own, which is not read. Raises PermanentError where only others are shown.
    """
    mine = [row for row in shipments if row.get("WaybillNo", "").strip() in ("", awb)]
    if shipments and not mine:
        raise PermanentError(f"Asked for AWB {awb}, Blue Dart answered with {shipments[0].get('WaybillNo')!r}.")
    rows = [detail for row in mine for detail in row.iter("ScanDetail")]
    by_key = {scan.scan_key: scan for detail in rows if (scan := _scan(detail)) is not None}
    expected = next((day for row in mine if (day := _day(_said(row, "ExpectedDeliveryDate"))) is not None), None)
    return TrackingUpdate(awb=awb, scans=in_order(by_key.values()), expected_delivery=expected)


def _scan(detail: ET.Element) -> TrackingScan | None:
    """A scan; None without a readable time."""
    day, hour = _day(_said(detail, "ScanDate")), _said(detail, "ScanTime")
    try:
        moment = datetime.combine(day, datetime.strptime(hour, "%H:%M").time(), INDIA) if day else None
    except ValueError:
        return None
    if moment is None:
        return None
    kind, code, words = (_said(detail, name) for name in ("ScanType", "ScanCode", "Scan"))
    milestone, location = milestone_of(kind, words), _said(detail, "ScannedLocation")
    return TrackingScan(
        scan_key=f"{moment:%Y-%m-%dT%H:%M}/{kind}/{code}/{words}/{location}"[:120],
        milestone=milestone, sub_status=sub_status_of(milestone, words), occurred_at=moment,
        carrier_status=f"{kind} {code} {words}".strip()[:120], description=words[:300], location=location[:120],
        raw={child.tag: child.text or "" for child in detail},
    )  # fmt: skip


def _day(text: str) -> date | None:
    for shape in ("%d-%b-%Y", "%d %B %Y", "%d %b %Y"):
        try:
            return datetime.strptime(text, shape).date()
        except ValueError:
            continue
    return None


def _said(row: ET.Element, name: str) -> str:
    return " ".join((row.findtext(name) or "").split())
