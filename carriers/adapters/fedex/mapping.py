"""Between our words and FedEx's. Pure. Field names are those of FedEx's OpenAPI files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from carriers.adapters.abroad import (
    account_number,
    centimetres,
    check_address,
    crosses_border,
    customs_lines,
    fitting,
    kilograms,
    named_lines,
    our_reference,
    phone_number,
    place_of,
    refuse_cash,
    service_of,
    state_code,
    terms_of_sale,
    utc_key,
)
from carriers.adapters.fedex.statuses import meaning_of
from carriers.adapters.replies import day_of, label_of, part_of, rows_of, text_of
from carriers.adapters.said import sub_status_of
from carriers.adapters.way_back import in_order
from carriers.base import Booked, BookingRequest, Rate, RateRequest, TrackingScan, TrackingUpdate
from oms.core.errors import PermanentError
from oms.core.values import Address, major_units, minor_units

#: Longest reference of a customer that is kept for a search.
REFERENCE_WIDTH = 30
_LINE_WIDTH = 35
#: Where a service quotes no day. A guess on the safe side, which rates are ordered by.
_SLOW_DAYS = 7


def ship_request(request: BookingRequest, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Body of a shipment. Raises PermanentError for what FedEx cannot be asked."""
    refuse_cash(request, "FedEx")
    account = {"value": account_number(settings, "FedEx")}
    payor = {"responsibleParty": {"accountNumber": account}}
    weight = {"units": "KG", "value": float(kilograms(request.weight_grams, 2))}
    package: dict[str, Any] = {
        "weight": weight,
        "customerReferences": [{
            "customerReferenceType": "CUSTOMER_REFERENCE",
            "value": our_reference(request.client_reference, REFERENCE_WIDTH),
        }],
    } | _sizes(request)  # fmt: skip
    shipment: dict[str, Any] = {
        "shipper": _party(request.ship_from),
        "recipients": [_party(request.ship_to)],
        "pickupType": "USE_SCHEDULED_PICKUP",
        "serviceType": service_of(request, settings, "FedEx"),
        "packagingType": "YOUR_PACKAGING",
        "totalWeight": weight["value"],
        "shippingChargesPayment": {"paymentType": "SENDER", "payor": payor},
        "labelSpecification": {"labelStockType": "PAPER_4X6", "imageType": "PDF"},
        "rateRequestType": ["ACCOUNT"],
        "requestedPackageLineItems": [package],
    }
    if crosses_border(request):
        shipment["customsClearanceDetail"] = _customs(request, settings, payor)
    return {"labelResponseOptions": "LABEL", "accountNumber": account, "requestedShipment": shipment}


def _customs(request: BookingRequest, settings: Mapping[str, Any], payor: Mapping[str, Any]) -> dict[str, Any]:
    terms = terms_of_sale(settings)
    lines = customs_lines(request, settings)
    commodities = [
        {
            "description": line.description[:450], "quantity": line.quantity, "quantityUnits": "PCS",
            "numberOfPieces": 1, "countryOfManufacture": line.origin,
            "unitPrice": {"amount": float(line.unit_value), "currency": request.currency},
            "customsValue": {"amount": float(line.line_value), "currency": request.currency},
            "weight": {"units": "KG", "value": float(kilograms(line.grams, 2))},
        } | ({"harmonizedCode": line.hsn[:14]} if line.hsn else {})
        for line in lines
    ]  # fmt: skip
    total = sum(Decimal(line.line_value) for line in lines)
    return {
        "commercialInvoice": {"shipmentPurpose": "SOLD", "termsOfSale": terms},
        "commodities": commodities,
        "dutiesPayment": {"paymentType": "SENDER", "payor": payor} if terms == "DDP" else {"paymentType": "RECIPIENT"},
        "isDocumentOnly": False,
        "totalCustomsValue": {"amount": float(total), "currency": request.currency},
    }


def _sizes(request: BookingRequest | RateRequest) -> dict[str, Any]:
    if not (request.length_mm and request.width_mm and request.height_mm):
        return {}
    return {"dimensions": {
        "length": centimetres(request.length_mm), "width": centimetres(request.width_mm),
        "height": centimetres(request.height_mm), "units": "CM",
    }}  # fmt: skip


def _party(address: Address) -> dict[str, Any]:
    check_address(address)
    number = phone_number(address.phone)
    if not number:
        raise PermanentError(f"FedEx needs a phone number of {address.name or address.company or 'each party'}.")
    [company], street = named_lines([address.company], address, _LINE_WIDTH)
    contact = {"phoneNumber": number, "personName": fitting(address.name or address.company, 70, "name")}
    contact |= {"companyName": company} if company else {}
    contact |= {"emailAddress": address.email} if 0 < len(address.email) <= 80 else {}
    place: dict[str, Any] = {
        "streetLines": street, "city": fitting(address.city, 35, "city"), "countryCode": address.country,
    }  # fmt: skip
    place |= {"postalCode": fitting(address.postcode, 10, "postcode")} if address.postcode else {}
    state = state_code(address)
    place |= {"stateOrProvinceCode": state} if state else {}
    return {"contact": contact, "address": place}


def read_shipped(body: Mapping[str, Any], request: BookingRequest) -> Booked | None:
    """A reply to a shipment, with its label; None for one that names no parcel."""
    for shipment in rows_of(output_of(body), "transactionShipments"):
        pieces = rows_of(shipment, "pieceResponses")
        piece = pieces[0] if pieces else {}
        awb = str(shipment.get("masterTrackingNumber") or piece.get("trackingNumber") or "")
        if not awb:
            continue
        # Invoices and other papers may stand beside the label.
        labels = [row.get("encodedLabel") for row in rows_of(piece, "packageDocuments")
                  if row.get("contentType", "LABEL") == "LABEL"]  # fmt: skip
        ids = {"reference": request.client_reference, "node": request.ship_from_code,
               "country": request.ship_from.country}  # fmt: skip
        return Booked(
            awb=awb, courier_name=str(shipment.get("serviceName") or "FedEx")[:120], external_ids=ids,
            charge_minor=_charged(shipment, request.currency),
            label_pdf=label_of(labels[0] if labels else ""),
        )  # fmt: skip
    return None


def _charged(shipment: Mapping[str, Any], currency: str) -> int | None:
    completed = shipment.get("completedShipmentDetail")
    rating = completed.get("shipmentRating") if isinstance(completed, dict) else None
    actual = rating.get("actualRateType") if isinstance(rating, dict) else None
    for row in sorted(rows_of(rating, "shipmentRateDetails"), key=lambda row: row.get("rateType") != actual):
        if str(row.get("currency") or "") == currency and row.get("totalNetCharge") is not None:
            return _minor(row["totalNetCharge"], currency)
    return None


def cancel_request(booked: Booked, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Body of a cancellation."""
    return {
        "accountNumber": {"value": account_number(settings, "FedEx")}, "trackingNumber": booked.awb,
        "senderCountryCode": booked.external_ids.get("country") or str(settings.get("country", "IN")),
        "deletionControl": "DELETE_ALL_PACKAGES",
    }  # fmt: skip


# -- prices ------------------------------------------------------------------------------------------------------------


def rate_request(request: RateRequest, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Body of a question for every service."""
    home, currency = str(settings.get("country", "IN")), str(settings.get("currency", "INR"))
    weight = {"units": "KG", "value": float(kilograms(request.weight_grams, 2))}
    goal = {"postalCode": request.to_postcode} if request.to_postcode else {}
    shipment: dict[str, Any] = {
        "shipper": {"address": {"postalCode": request.from_postcode, "countryCode": home}},
        "recipient": {"address": {"countryCode": request.country} | goal},
        "pickupType": "USE_SCHEDULED_PICKUP", "preferredCurrency": currency,
        "rateRequestType": ["ACCOUNT"], "requestedPackageLineItems": [{"weight": weight} | _sizes(request)],
    }  # fmt: skip
    if request.country != home:
        value = float(major_units(request.declared_value_minor or 100, currency))
        shipment["customsClearanceDetail"] = {"commodities": [{
            "description": "Goods", "quantity": 1, "quantityUnits": "PCS", "weight": weight,
            "customsValue": {"amount": value, "currency": currency},
        }]}  # fmt: skip
    return {
        "accountNumber": {"value": account_number(settings, "FedEx")},
        "rateRequestControlParameters": {"returnTransitTimes": True},
        "requestedShipment": shipment,
    }


def read_rates(body: Mapping[str, Any], currency: str, today: date) -> list[Rate]:
    """Services with their charges, cheapest first. Raises PermanentError where all are in another currency."""
    rows = rows_of(output_of(body), "rateReplyDetails")
    found = [rate for row in rows if (rate := _rate(row, currency, today)) is not None]
    if rows and not found:
        raise PermanentError(f"FedEx quotes in another currency than {currency}, the setting currency of this account.")
    return sorted(found, key=lambda rate: rate.charge_minor)


def _rate(row: Mapping[str, Any], currency: str, today: date) -> Rate | None:
    offers = [offer for offer in rows_of(row, "ratedShipmentDetails") if str(offer.get("currency") or "") == currency]
    offers.sort(key=lambda offer: offer.get("rateType") != "ACCOUNT")
    charge = _minor(offers[0].get("totalNetCharge"), currency) if offers else None
    code = str(row.get("serviceType") or "")
    if charge is None or not code:
        return None
    arrives = day_of(part_of(row, "commit", "dateDetail").get("dayFormat"))
    days = (arrives - today).days if arrives is not None else _SLOW_DAYS
    return Rate(
        courier_id=code, courier_name=str(row.get("serviceName") or code)[:120], charge_minor=charge,
        transit_days=max(days, 0), supports_cod=False, expected_delivery=arrives,
    )  # fmt: skip


# -- tracking ----------------------------------------------------------------------------------------------------------


def reference_request(reference: str, settings: Mapping[str, Any], today: date) -> dict[str, Any]:
    """Body of a search by our reference, a month back."""
    return {"includeDetailedScans": False, "referencesInformation": {
        "type": "CUSTOMER_REFERENCE", "value": our_reference(reference, REFERENCE_WIDTH),
        "accountNumber": account_number(settings, "FedEx"),
        "shipDateBegin": f"{today - timedelta(days=30)}", "shipDateEndDate": f"{today + timedelta(days=1)}",
    }}  # fmt: skip


def number_request(awb: str) -> dict[str, Any]:
    """Body of a question for all scans of a parcel."""
    return {"includeDetailedScans": True, "trackingInfo": [{"trackingNumberInfo": {"trackingNumber": awb}}]}


def proof_request(awb: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Body of a question for the proof of delivery."""
    specification = {"trackingNumberInfo": {"trackingNumber": awb}, "accountNumber": account_number(settings, "FedEx")}
    return {
        "trackDocumentDetail": {"documentType": "SIGNATURE_PROOF_OF_DELIVERY", "documentFormat": "PDF"},
        "trackDocumentSpecification": [specification],
    }


def results_of(body: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each tracking number of a reply with a result that is no error."""
    for complete in rows_of(output_of(body), "completeTrackResults"):
        for result in rows_of(complete, "trackResults"):
            number = str(
                part_of(result, "trackingNumberInfo").get("trackingNumber") or complete.get("trackingNumber") or ""
            )
            if number and not result.get("error"):
                yield number, result


def is_cancelled(result: Mapping[str, Any]) -> bool:
    """FedEx shows the shipment as cancelled."""
    return part_of(result, "latestStatusDetail").get("code") == "CA"


def read_tracking(body: Any, awb: str) -> TrackingUpdate:
    """Every scan; none while FedEx shows none."""
    scans: dict[str, TrackingScan] = {}
    expected: date | None = None
    for number, result in results_of(body):
        if number != awb:
            continue
        # The newest comes first; scans of one second keep their order so.
        for row in reversed(rows_of(result, "scanEvents")):
            scan = _scan(row)
            if scan is not None:
                scans.setdefault(scan.scan_key, scan)
        days = {str(row.get("type")): day_of(row.get("dateTime")) for row in rows_of(result, "dateAndTimes")}
        expected = days.get("ESTIMATED_DELIVERY") or days.get("COMMITMENT") or expected
    return TrackingUpdate(awb=awb, scans=in_order(scans.values()), expected_delivery=expected)


def _scan(row: Mapping[str, Any]) -> TrackingScan | None:
    try:
        moment = datetime.fromisoformat(str(row.get("date")))
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    # The event is what happened here; the derived code is where the parcel stands then, which may be older.
    code, reason = text_of(row, "eventType"), text_of(row, "exceptionCode")
    milestone, sub_status = meaning_of(code, reason)
    words = " ".join(part for part in (text_of(row, "eventDescription"), text_of(row, "exceptionDescription")) if part)
    place = part_of(row, "scanLocation")
    return TrackingScan(
        scan_key=f"{utc_key(moment)}/{code}/{reason}"[:120], milestone=milestone, occurred_at=moment,
        sub_status=sub_status or sub_status_of(milestone, words),
        carrier_status=f"{code} {reason}".strip(), description=words, raw=dict(row),
        location=place_of(place.get("city"), place.get("stateOrProvinceCode"), place.get("countryCode")),
    )  # fmt: skip


# -- shared ------------------------------------------------------------------------------------------------------------


def pickup_request(place: Mapping[str, Any], parcels: int, on: date, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Body of a pickup. Raises PermanentError for a place that does not fit."""
    address = {
        "streetLines": [fitting(str(place["line1"]), _LINE_WIDTH, "street")],
        "city": str(place["city"]),
        "stateOrProvinceCode": fitting(str(place["region"]), 2, "region"),
        "countryCode": str(place["country"]),
    }
    address |= {"postalCode": str(place["postcode"])} if place.get("postcode") else {}
    contact = {"companyName": str(place["company"]), "personName": str(place["contact"]),
               "phoneNumber": phone_number(str(place["phone"]))}  # fmt: skip
    account = {"value": account_number(settings, "FedEx")}
    return {
        "associatedAccountNumber": account,
        "originDetail": {
            "pickupAddressType": "OTHER", "pickupLocation": {"contact": contact, "address": address},
            "readyDateTimestamp": f"{on}T{settings.get('pickup_ready', '10:00')}:00Z",
            "customerCloseTime": f"{settings.get('pickup_close', '18:00')}:00",
        },
        "carrierCode": "FDXE", "packageCount": parcels,
    }  # fmt: skip


def message_of(body: Any) -> str:
    """What FedEx says: `TRACKING.TRACKINGNUMBER.EMPTY: Please provide tracking number.`"""
    rows = rows_of(body, "errors")
    return " ".join(f"{row.get('code', '')}: {row.get('message', '')}" for row in rows)[:1000] or str(body)[:500]


def output_of(body: Any) -> Mapping[str, Any]:
    """The part of a reply that answers."""
    return part_of(body, "output")


def _minor(value: Any, currency: str) -> int | None:
    try:
        return minor_units(Decimal(str(value)), currency)
    except InvalidOperation:
        return None
