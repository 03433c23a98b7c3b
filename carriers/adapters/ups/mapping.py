"""Between our words and UPS's. Pure. Field names are those of UPS's OpenAPI files."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from carriers.adapters.abroad import (
    CustomsLine,
    account_number,
    amount,
    centimetres,
    check_address,
    crosses_border,
    customs_lines,
    fitting,
    inches,
    kilograms,
    named_lines,
    our_reference,
    phone_number,
    pounds,
    refuse_cash,
    service_of,
    state_code,
    terms_of_sale,
)
from carriers.adapters.replies import pdf
from carriers.base import Booked, BookingRequest, Rate, RateRequest
from carriers.errors import NoPrices
from oms.core.errors import PermanentError
from oms.core.values import Address, minor_units

#: Names of the services (Shipping.yaml, `Service.Code`).
SERVICES: Mapping[str, str] = {
    "01": "UPS Next Day Air", "02": "UPS 2nd Day Air", "03": "UPS Ground", "07": "UPS Worldwide Express",
    "08": "UPS Worldwide Expedited", "11": "UPS Standard", "12": "UPS 3 Day Select", "13": "UPS Next Day Air Saver",
    "14": "UPS Next Day Air Early", "17": "UPS Worldwide Economy DDU", "54": "UPS Worldwide Express Plus",
    "59": "UPS 2nd Day Air A.M.", "65": "UPS Worldwide Saver", "72": "UPS Worldwide Economy DDP", "96": "UPS Freight",
}  # fmt: skip
#: Where a service quotes no days of transit. A guess on the safe side, which rates are ordered by.
_SLOW_DAYS = 7
_LINE_WIDTH = 35
#: Longest reference of a customer.
REFERENCE_WIDTH = 35
_CUSTOMS_FORMS = 50
#: From here UPS takes pounds and inches, and references of packages, not of shipments, where they also stay here.
_UNITED_STATES = frozenset({"US", "PR"})


def ship_request(request: BookingRequest, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Body of a shipment. Raises PermanentError for what UPS cannot be asked."""
    refuse_cash(request, "UPS")
    number = account_number(settings, "UPS")
    abroad = crosses_border(request)
    package: dict[str, Any] = {
        "Packaging": {"Code": "02"},
        "PackageWeight": _weight(request.weight_grams, request.ship_from.country),
    } | _sizes(request, request.ship_from.country)
    reference = {"Code": "PO", "Value": our_reference(request.client_reference, REFERENCE_WIDTH)}
    shipment: dict[str, Any] = {
        "Shipper": {**_party(request.ship_from), "ShipperNumber": number},
        "ShipFrom": _party(request.ship_from),
        "ShipTo": _party(request.ship_to),
        "PaymentInformation": {"ShipmentCharge": [{"Type": "01", "BillShipper": {"AccountNumber": number}}]},
        "Service": {"Code": service_of(request, settings, "UPS")},
        "Package": [package],
        "ShipmentRatingOptions": {"NegotiatedRatesIndicator": ""},
    }
    if not abroad and request.ship_from.country in _UNITED_STATES:
        package["ReferenceNumber"] = [reference]
    else:
        shipment["ReferenceNumber"] = [reference]
    if abroad:
        lines = customs_lines(request, settings)
        shipment["Description"] = textwrap.wrap(lines[0].description, 50)[0]
        shipment["ShipmentServiceOptions"] = {"InternationalForms": _invoice(request, lines, settings)}
        if request.ship_from.country == "US" and request.ship_to.country in ("CA", "PR"):
            worth = sum(item.unit_price_minor * item.quantity for item in request.items)
            shipment["InvoiceLineTotal"] = {
                "CurrencyCode": request.currency, "MonetaryValue": amount(worth, request.currency)
            }  # fmt: skip
        if terms_of_sale(settings) == "DDP":
            shipment["PaymentInformation"]["ShipmentCharge"].append(
                {"Type": "02", "BillShipper": {"AccountNumber": number}}
            )
    label = {
        "LabelImageFormat": {"Code": "GIF"},
        "LabelStockSize": {"Height": "6", "Width": "4"},
        "HTTPUserAgent": "Mozilla/5.0",
    }
    context = {"CustomerContext": request.client_reference}
    head = {"RequestOption": "nonvalidate", "SubVersion": "2409", "TransactionReference": context}
    return {"ShipmentRequest": {"Request": head, "Shipment": shipment, "LabelSpecification": label}}


def _weight(grams: int, country: str) -> dict[str, Any]:
    if country in _UNITED_STATES:
        return {"UnitOfMeasurement": {"Code": "LBS", "Description": "Pounds"}, "Weight": pounds(grams)}
    return {"UnitOfMeasurement": {"Code": "KGS", "Description": "Kilograms"}, "Weight": kilograms(grams)}


def _sizes(request: BookingRequest | RateRequest, country: str) -> dict[str, Any]:
    """The three sides, the longest as the length, in the units of the country that the parcel leaves."""
    sides = sorted((request.length_mm, request.width_mm, request.height_mm), reverse=True)
    if not all(sides):
        return {}
    inch = country in _UNITED_STATES
    code, words = ("IN", "Inches") if inch else ("CM", "Centimeters")
    length, width, height = (str((inches if inch else centimetres)(side)) for side in sides)
    unit = {"Code": code, "Description": words}
    return {"Dimensions": {"UnitOfMeasurement": unit, "Length": length, "Width": width, "Height": height}}


def _party(address: Address) -> dict[str, Any]:
    check_address(address)
    names = [address.company or address.name, address.name or address.company]
    heads, street = named_lines(names, address, _LINE_WIDTH)
    place: dict[str, Any] = {
        "AddressLine": street, "City": fitting(address.city, 30, "city"), "CountryCode": address.country,
    }  # fmt: skip
    postcode = address.postcode.replace(" ", "").replace("-", "")
    place |= {"PostalCode": fitting(postcode, 9, "postcode")} if postcode else {}
    state = state_code(address, 5)
    place |= {"StateProvinceCode": state} if state else {}
    party: dict[str, Any] = {"Name": heads[0], "Address": place}
    party |= {"AttentionName": heads[-1]} if heads[-1] else {}
    number = phone_number(address.phone)
    if address.country in ("US", "PR", "CA") and len(number) == 11:
        number = number.removeprefix("1")
    return party | ({"Phone": {"Number": number}} if number else {})


def _invoice(
    request: BookingRequest, lines: Sequence[CustomsLine], settings: Mapping[str, Any]
) -> dict[str, Any]:  # fmt: skip
    if len(lines) > _CUSTOMS_FORMS:
        raise PermanentError(f"UPS takes {_CUSTOMS_FORMS} articles on a customs invoice; this parcel has {len(lines)}.")
    products = [
        {
            "Description": textwrap.wrap(line.description, _LINE_WIDTH)[:3],
            "Unit": {
                "Number": str(line.quantity), "Value": line.unit_value,
                "UnitOfMeasurement": {"Code": "PCS"},
            },
            "OriginCountryCode": line.origin,
            "PartNumber": line.sku_code[:35],
        } | ({"CommodityCode": line.hsn[:15]} if len(line.hsn) >= 6 else {})
        for line in lines
    ]  # fmt: skip
    sold_to = _party(request.ship_to)
    return {
        "FormType": ["01"],
        "Product": products,
        "InvoiceNumber": request.order_number[:35],
        "InvoiceDate": f"{request.order_date:%Y%m%d}",
        "TermsOfShipment": terms_of_sale(settings),
        "ReasonForExport": "SALE",
        "CurrencyCode": request.currency,
        "Contacts": {"SoldTo": {"AttentionName": sold_to["Name"], **sold_to}},
    }


def read_shipped(body: Mapping[str, Any], request: BookingRequest) -> Booked | None:
    """A reply to a shipment; None for one that names no parcel."""
    response = body.get("ShipmentResponse")
    results = response.get("ShipmentResults") if isinstance(response, dict) else None
    if not isinstance(results, dict):
        return None
    packages = _many(results.get("PackageResults"))
    shipment = str(results.get("ShipmentIdentificationNumber") or "")
    awb = str(packages[0].get("TrackingNumber") or "") if packages else ""
    if not (awb or shipment):
        return None
    booked = booked_of(awb or shipment, shipment or awb, request.client_reference, _charged(results, request.currency))
    return replace(booked, external_ids={**booked.external_ids, "node": request.ship_from_code})


def booked_of(awb: str, shipment: str, reference: str, charge_minor: int | None = None) -> Booked:
    """A parcel at UPS."""
    ids = {"shipment_id": shipment, "reference": reference}
    return Booked(awb=awb, courier_name="UPS", external_ids=ids, charge_minor=charge_minor)


def _charged(results: Mapping[str, Any], currency: str) -> int | None:
    """The negotiated charge, else the published one; None in another currency than the parcel's."""
    negotiated = results.get("NegotiatedRateCharges")
    total = negotiated.get("TotalCharge") if isinstance(negotiated, dict) else None
    if not isinstance(total, dict):
        charges = results.get("ShipmentCharges")
        total = charges.get("TotalCharges") if isinstance(charges, dict) else None
    return money_of(total, currency)


def money_of(total: Any, currency: str) -> int | None:
    """`{"CurrencyCode": "INR", "MonetaryValue": "12.34"}` in minor units; None where it is not."""
    if not isinstance(total, dict) or str(total.get("CurrencyCode") or currency) != currency:
        return None
    try:
        return minor_units(Decimal(str(total.get("MonetaryValue"))), currency)
    except InvalidOperation:
        return None


# -- prices ------------------------------------------------------------------------------------------------------------


def rate_request(request: RateRequest, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Body of a question for every service. A price needs no streets: the contract wants the field, so it is empty."""
    if not request.to_postcode:
        raise NoPrices("UPS tells prices between postcodes; the goal has none.")
    number = account_number(settings, "UPS")
    home = str(settings.get("country", "IN"))
    start = {"AddressLine": [], "PostalCode": request.from_postcode, "CountryCode": home}
    goal = {"AddressLine": [], "PostalCode": request.to_postcode, "CountryCode": request.country}
    shipment = {
        "Shipper": {"ShipperNumber": number, "Address": start},
        "ShipFrom": {"Address": start},
        "ShipTo": {"Address": goal},
        "PaymentDetails": {"ShipmentCharge": [{"Type": "01", "BillShipper": {"AccountNumber": number}}]},
        "ShipmentRatingOptions": {"NegotiatedRatesIndicator": ""},
        "Package": [{
            "PackagingType": {"Code": "02"},
            "PackageWeight": _weight(request.weight_grams, home),
        } | _sizes(request, home)],
    }  # fmt: skip
    return {"RateRequest": {"Request": {"RequestOption": "Shop", "SubVersion": "2409"}, "Shipment": shipment}}


def read_rates(body: Mapping[str, Any], currency: str) -> list[Rate]:
    """Services with their charges, cheapest first. Raises PermanentError where all are in another currency."""
    response = body.get("RateResponse")
    rows = _many(response.get("RatedShipment")) if isinstance(response, dict) else []
    found = [rate for row in rows if (rate := _rate(row, currency)) is not None]
    if rows and not found:
        raise PermanentError(f"UPS quotes in another currency than {currency}, the setting currency of this account.")
    return sorted(found, key=lambda rate: rate.charge_minor)


def _rate(row: Mapping[str, Any], currency: str) -> Rate | None:
    negotiated = row.get("NegotiatedRateCharges")
    total = negotiated.get("TotalCharge") if isinstance(negotiated, dict) else None
    charge = money_of(total if isinstance(total, dict) else row.get("TotalCharges"), currency)
    service = row.get("Service")
    code = str(service.get("Code") or "") if isinstance(service, dict) else ""
    if charge is None or not code:
        return None
    guaranteed = row.get("GuaranteedDelivery")
    days = str(guaranteed.get("BusinessDaysInTransit") or "") if isinstance(guaranteed, dict) else ""
    return Rate(
        courier_id=code, courier_name=SERVICES.get(code, f"UPS {code}"), charge_minor=charge,
        transit_days=int(days) if days.isdecimal() else _SLOW_DAYS, supports_cod=False,
    )  # fmt: skip


# -- labels, pickups, proofs -------------------------------------------------------------------------------------------


def recovery_by_reference(reference: str, number: str) -> dict[str, Any]:
    """Body that asks for the label of a reference of ours."""
    values = {"ReferenceNumber": {"Value": our_reference(reference, REFERENCE_WIDTH)}, "ShipperNumber": number}
    return {"LabelRecoveryRequest": _recovery() | {"ReferenceValues": values}}


def recovery_of(awb: str) -> dict[str, Any]:
    """Body that asks for the label of a parcel as PDF."""
    return {"LabelRecoveryRequest": _recovery() | {"TrackingNumber": awb}}


def _recovery() -> dict[str, Any]:
    return {"Request": {"SubVersion": "1903"}, "LabelSpecification": {"LabelImageFormat": {"Code": "PDF"}}}


def recovered(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The labels of a recovery."""
    response = body.get("LabelRecoveryResponse")
    return _many(response.get("LabelResults")) if isinstance(response, dict) else []


def numbers_of(body: Mapping[str, Any]) -> list[str]:
    """The parcels of a recovery by reference: with their labels, or as candidates where there are several."""
    response = body.get("LabelRecoveryResponse")
    rows = [*recovered(body), *(_many(response.get("TrackingCandidate")) if isinstance(response, dict) else [])]
    return [str(row["TrackingNumber"]) for row in rows if row.get("TrackingNumber")]


def pdf_of(results: list[Mapping[str, Any]]) -> bytes:
    """The label as PDF; of several packages only the first carries it. Raises PermanentError without one."""
    for row in results:
        image = row.get("LabelImage")
        content = image.get("GraphicImage") if isinstance(image, dict) else None
        if content:
            return pdf(content, "label")
    raise PermanentError("UPS gave no label.")


def pickup_request(
    place: Mapping[str, Any], parcels: int, on: date, settings: Mapping[str, Any], reference: str
) -> dict[str, Any]:
    """Body of an on-call pickup. Raises PermanentError for a place that does not fit."""
    address: dict[str, Any] = {
        "CompanyName": fitting(str(place["company"]), 27, "company"),
        "ContactName": fitting(str(place["contact"]), 22, "contact"),
        "AddressLine": [fitting(str(place["line1"]), 73, "street")],
        "City": fitting(str(place["city"]), 50, "city"),
        "CountryCode": str(place["country"]), "ResidentialIndicator": "N",
        "Phone": {"Number": phone_number(str(place["phone"]))},
    }  # fmt: skip
    address |= {"PostalCode": fitting(str(place["postcode"]), 8, "postcode")} if place.get("postcode") else {}
    address |= {"StateProvince": fitting(str(place["region"]), 50, "region")} if place.get("region") else {}
    # The driver is told how many parcels there are; which service each goes by stands on its label.
    pieces = [{
        "ServiceCode": str(settings.get("pickup_service", "065")), "Quantity": str(min(parcels, 999)),
        "DestinationCountryCode": str(place["country"]), "ContainerCode": "01",
    }]  # fmt: skip
    return {"PickupCreationRequest": {
        "Request": {"TransactionReference": {"CustomerContext": reference}},
        "RatePickupIndicator": "N",
        "Shipper": {"Account": {
            "AccountNumber": account_number(settings, "UPS"), "AccountCountryCode": str(place["country"]),
        }},
        "PickupDateInfo": {
            "PickupDate": f"{on:%Y%m%d}", "ReadyTime": str(settings.get("pickup_ready", "1000")),
            "CloseTime": str(settings.get("pickup_close", "1800")),
        },
        "PickupAddress": address, "AlternateAddressIndicator": "Y", "PickupPiece": pieces, "PaymentMethod": "01",
        "ReferenceNumber": reference, "ShippingLabelsAvailable": "Y",
    }}  # fmt: skip


def _many(value: Any) -> list[Mapping[str, Any]]:
    """A list, where older versions of the API give a single object instead."""
    rows = value if isinstance(value, list) else [value]
    return [row for row in rows if isinstance(row, dict)]


def message_of(body: Any) -> str:
    """What UPS says: `120802: Address Validation Error on ShipTo address`."""
    response = body.get("response") if isinstance(body, dict) else None
    errors = response.get("errors") if isinstance(response, dict) else None
    said = [f"{row.get('code', '')}: {row.get('message', '')}" for row in _many(errors)]
    return " ".join(said)[:1000] or str(body)[:500]
