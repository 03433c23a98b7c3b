"""Between our words and DHL Express's. Pure. Field names are those of the MyDHL API's OpenAPI file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from carriers.adapters.abroad import (
    account_number,
    centimetres,
    check_address,
    crosses_border,
    customs_lines,
    fitting,
    kilograms,
    our_reference,
    refuse_cash,
    service_of,
    state_code,
    street_lines,
    terms_of_sale,
    utc_key,
)
from carriers.adapters.replies import day_of, label_of, part_of, rows_of, text_of
from carriers.adapters.said import sub_status_of
from carriers.adapters.way_back import in_order
from carriers.base import Booked, BookingRequest, Milestone, SubStatus, TrackingScan, TrackingUpdate
from oms.core.errors import PermanentError
from oms.core.values import Address, minor_units

M = Milestone
S = SubStatus
#: Longest reference of a customer.
REFERENCE_WIDTH = 35
_LINE_WIDTH = 45
_DUTY_TAX_PAID = "DD"

#: Checkpoint codes (`events.typeCode`). Their table is not in the OpenAPI file: these are DHL's as they are publicly
#: known. A code that is not here is UNKNOWN, which moves nothing.
CODES: Mapping[str, tuple[Milestone, SubStatus | None]] = {
    "SA": (M.PICKED_UP, None),  # shipment acceptance
    "PU": (M.PICKED_UP, None),
    "PL": (M.IN_TRANSIT, None),  # processed at location
    "DF": (M.IN_TRANSIT, S.LEFT_HUB),
    "AF": (M.IN_TRANSIT, S.ARRIVED_AT_HUB),
    "AR": (M.IN_TRANSIT, S.AT_DESTINATION),
    "TR": (M.IN_TRANSIT, None),  # transfer
    "FD": (M.IN_TRANSIT, None),  # forwarded to destination
    "SM": (M.IN_TRANSIT, None),  # scheduled for movement
    "IC": (M.IN_TRANSIT, None),  # in clearance
    "CR": (M.IN_TRANSIT, None),  # clearance released
    "CD": (M.IN_TRANSIT, S.DELAYED),  # clearance delay
    "UD": (M.IN_TRANSIT, S.DELAYED),  # uncontrollable delay
    "OH": (M.IN_TRANSIT, None),  # on hold
    "MS": (M.IN_TRANSIT, S.MISROUTED),
    "WC": (M.OUT_FOR_DELIVERY, None),  # with the courier
    "OK": (M.DELIVERED, None),
    "NH": (M.ATTEMPT_FAILED, S.CUSTOMER_UNAVAILABLE),  # not home
    "CA": (M.ATTEMPT_FAILED, S.CUSTOMER_UNAVAILABLE),  # closed on arrival
    "BA": (M.ATTEMPT_FAILED, S.WRONG_ADDRESS),
    "CM": (M.ATTEMPT_FAILED, S.WRONG_ADDRESS),  # the customer has moved
    "RD": (M.ATTEMPT_FAILED, S.REFUSED),
    "RT": (M.RTO_INITIATED, None),  # returned to the shipper
}


def ship_request(request: BookingRequest, settings: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """Body of a shipment that is handed over at a moment. Raises PermanentError for what DHL cannot be asked."""
    refuse_cash(request, "DHL Express")
    number = account_number(settings, "DHL Express")
    abroad = crosses_border(request)
    terms = terms_of_sale(settings)
    package: dict[str, Any] = {"weight": float(kilograms(request.weight_grams, 3))}
    if request.length_mm and request.width_mm and request.height_mm:
        sides = (request.length_mm, request.width_mm, request.height_mm)
        package["dimensions"] = dict(zip(("length", "width", "height"), map(centimetres, sides), strict=True))
    goods = ", ".join(dict.fromkeys(item.name.strip() for item in request.items if item.name.strip()))
    content: dict[str, Any] = {
        "packages": [package], "isCustomsDeclarable": abroad, "description": goods[:70] or "Goods",
        "incoterm": terms, "unitOfMeasurement": "metric",
    }  # fmt: skip
    accounts = [{"typeCode": "shipper", "number": number}]
    if abroad:
        lines = customs_lines(request, settings)
        content["declaredValue"] = float(sum(Decimal(line.line_value) for line in lines))
        content["declaredValueCurrency"] = request.currency
        content["exportDeclaration"] = _declaration(request, settings)
    duties: dict[str, Any] = {}
    if abroad and terms == "DDP":
        # The terms of sale alone bill nobody: the service does, to the account.
        accounts.append({"typeCode": "duties-taxes", "number": number})
        duties["valueAddedServices"] = [{"serviceCode": _DUTY_TAX_PAID}]
    return {
        "plannedShippingDateAndTime": planned(at),
        "pickup": {"isRequested": False},
        "productCode": service_of(request, settings, "DHL Express"),
        "accounts": accounts,
        "customerReferences": [
            {"value": our_reference(request.client_reference, REFERENCE_WIDTH), "typeCode": "CU"}
        ],
        "customerDetails": {"shipperDetails": _party(request.ship_from), "receiverDetails": _party(request.ship_to)},
        "outputImageProperties": {
            "encodingFormat": "pdf", "imageOptions": [{"typeCode": "label", "templateName": "ECOM26_84_001"}],
        },
        "content": content,
    } | duties  # fmt: skip


def _declaration(request: BookingRequest, settings: Mapping[str, Any]) -> dict[str, Any]:
    rows = []
    for number, line in enumerate(customs_lines(request, settings), start=1):
        weight = float(kilograms(line.grams, 3))
        row: dict[str, Any] = {
            "number": number, "description": line.description[:512], "price": float(line.unit_value),
            "quantity": {"value": line.quantity, "unitOfMeasurement": "PCS"}, "manufacturerCountry": line.origin,
            "weight": {"netValue": weight, "grossValue": weight}, "exportReasonType": "commercial_purpose_or_sale",
        }  # fmt: skip
        if len(line.hsn) >= 2:
            row["commodityCodes"] = [{"typeCode": "outbound", "value": line.hsn[:18]}]
        rows.append(row)
    return {
        "lineItems": rows,
        "invoice": {"number": request.order_number[:35], "date": f"{request.order_date:%Y-%m-%d}"},
        "exportReasonType": "commercial_purpose_or_sale",
    }


def planned(at: datetime) -> str:
    """`2026-11-24T15:30:00GMT+05:30`: DHL wants the clock of where the parcel leaves, and its zone."""
    text = at.isoformat(timespec="seconds")
    return f"{text[:19]}GMT{text[19:]}"


def zone_of(settings: Mapping[str, Any]) -> ZoneInfo:
    """The setting `time_zone`, else India's. Raises PermanentError for one that is none."""
    name = str(settings.get("time_zone", "Asia/Kolkata"))
    try:
        return ZoneInfo(name)
    except (ValueError, LookupError, OSError) as error:
        raise PermanentError(f"The setting time_zone is {name!r}; expected a name as Asia/Kolkata.") from error


def _party(address: Address) -> dict[str, Any]:
    name = address.company or address.name
    if not address.phone:
        raise PermanentError(f"DHL Express needs a phone number of {name or 'each party'}.")
    check_address(address)
    place: dict[str, Any] = {
        "postalCode": fitting(address.postcode, 12, "postcode"), "cityName": fitting(address.city, 45, "city"),
        "countryCode": address.country,
    }  # fmt: skip
    lines = street_lines(address, _LINE_WIDTH)
    place |= {f"addressLine{number}": line for number, line in enumerate(lines, start=1)}
    state = state_code(address)
    if state:
        place["provinceCode"] = state
    elif address.region:
        place["provinceName"] = fitting(address.region, 35, "region")
    contact = {
        "phone": fitting(address.phone, 70, "phone"), "companyName": fitting(name, 100, "name"),
        "fullName": fitting(address.name or name, 255, "name"),
    }  # fmt: skip
    contact |= {"email": address.email} if 0 < len(address.email) <= 70 else {}
    return {"postalAddress": place, "contactInformation": contact}


def read_shipped(body: Mapping[str, Any], request: BookingRequest, settings: Mapping[str, Any]) -> Booked | None:
    """A reply to a shipment, with its label; None for one that names no parcel."""
    awb = str(body.get("shipmentTrackingNumber") or "")
    if not awb:
        return None
    labels = [row.get("content") for row in rows_of(body, "documents") if row.get("typeCode") == "label"]
    ids = {
        "reference": request.client_reference, "node": request.ship_from_code, "grams": str(request.weight_grams),
        "product": service_of(request, settings, "DHL Express"),
        "declarable": "yes" if crosses_border(request) else "",
    }  # fmt: skip
    return Booked(
        awb=awb, courier_name="DHL Express", external_ids=ids, label_pdf=label_of(labels[0] if labels else ""),
        charge_minor=_charged(body, request.currency),
        expected_delivery=day_of(part_of(body, "estimatedDeliveryDate").get("estimatedDeliveryDate")),
    )  # fmt: skip


def _charged(body: Mapping[str, Any], currency: str) -> int | None:
    for row in rows_of(body, "shipmentCharges"):
        if row.get("priceCurrency") == currency:
            try:
                return minor_units(Decimal(str(row.get("price"))), currency)
            except InvalidOperation:
                return None
    return None


# -- tracking ----------------------------------------------------------------------------------------------------------


def awbs_of(body: Any) -> list[str]:
    """The numbers of the shipments that a tracking reply names."""
    return [
        str(row["shipmentTrackingNumber"]) for row in rows_of(body, "shipments") if row.get("shipmentTrackingNumber")
    ]


def read_tracking(body: Any, awb: str) -> TrackingUpdate:
    """Every checkpoint of a shipment; none while DHL shows none."""
    scans: dict[str, TrackingScan] = {}
    expected: date | None = None
    for shipment in rows_of(body, "shipments"):
        if str(shipment.get("shipmentTrackingNumber") or awb) != awb:
            continue
        for row in rows_of(shipment, "events"):
            scan = _scan(row)
            if scan is not None:
                scans.setdefault(scan.scan_key, scan)
        expected = day_of(shipment.get("estimatedDeliveryDate")) or expected
    return TrackingUpdate(awb=awb, scans=in_order(scans.values()), expected_delivery=expected)


def _scan(row: Mapping[str, Any]) -> TrackingScan | None:
    """A checkpoint; None without a readable time. Its clock is local; without an offset it is read as Greenwich's."""
    try:
        moment = datetime.fromisoformat(f"{row.get('date')}T{row.get('time')}{row.get('GMTOffset') or '+00:00'}")
    except ValueError:
        return None
    code, words = text_of(row, "typeCode"), text_of(row, "description")
    milestone, sub_status = CODES.get(code, (M.UNKNOWN, None))
    areas = rows_of(row, "serviceArea")
    return TrackingScan(
        scan_key=f"{utc_key(moment)}/{code}"[:120], milestone=milestone, occurred_at=moment, carrier_status=code,
        sub_status=sub_status or sub_status_of(milestone, words), description=words,
        location=str(areas[0].get("description") or "") if areas else "", raw=dict(row),
    )  # fmt: skip


# -- pickups, proofs ---------------------------------------------------------------------------------------------------


def pickup_request(
    place: Mapping[str, Any], parcels: list[Booked], at: datetime, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Body of a pickup. Raises PermanentError for a place that does not fit."""
    address = Address(
        name=str(place["contact"]), company=str(place["company"]), line1=str(place["line1"]), city=str(place["city"]),
        region=str(place.get("region") or ""), postcode=str(place.get("postcode") or ""),
        country=str(place["country"]), phone=str(place["phone"]),
    )  # fmt: skip
    services: Mapping[str, Any] = settings.get("services") or {}
    usual = next((str(code) for code in services.values()), "P")
    details = [
        {
            "productCode": parcel.external_ids.get("product") or usual,
            "isCustomsDeclarable": bool(parcel.external_ids.get("declarable")), "unitOfMeasurement": "metric",
            "packages": [{"weight": float(kilograms(int(parcel.external_ids.get("grams") or 500), 3))}],
        }
        for parcel in parcels
    ]  # fmt: skip
    return {
        "plannedPickupDateAndTime": planned(at),
        "accounts": [{"typeCode": "shipper", "number": account_number(settings, "DHL Express")}],
        "customerDetails": {"shipperDetails": _party(address)},
        "shipmentDetails": details,
    }


def message_of(body: Any) -> str:
    """What DHL says: title, detail, and each fault."""
    if not isinstance(body, dict):
        return str(body)[:500]
    more = body.get("additionalDetails")
    parts = [body.get("title"), body.get("detail"), body.get("message"), *(more if isinstance(more, list) else [])]
    return " ".join(str(part) for part in parts if part)[:1000] or str(body)[:500]
