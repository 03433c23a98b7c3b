"""Shiprocket's orders, rates and AWBs against our values. Pure: no clock, no network, no database.

Shiprocket counts rupees, kilograms and centimetres; times without a zone are Indian time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from carriers.adapters.abroad import fitting
from carriers.adapters.india import refuse_abroad
from carriers.adapters.shiprocket.statuses import ORDER_CANCELLED, ORDER_CANCELLING
from carriers.base import Booked, BookingRequest, Rate, RateRequest
from oms.core.errors import PermanentError

INDIA = ZoneInfo("Asia/Kolkata")
#: Longest order id that Shiprocket takes.
MAX_REFERENCE = 50
#: How often one reference may be booked anew after a cancellation, the first time included.
MAX_ROUNDS = 9
_MAX_CITY = 30
_MONTHS = {
    name: number + 1
    for number, name in enumerate(("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"))
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOrder:
    """An order as Shiprocket holds it. `reference` is our order id there; `awb` is empty while none is assigned."""

    order_id: str
    shipment_id: str
    reference: str
    order_status_code: int
    order_status_name: str
    awb: str = ""
    courier_name: str = ""
    courier_id: str = ""
    expected_delivery: date | None = None
    charge_minor: int | None = None

    @property
    def cancelled(self) -> bool:
        """The vendor says that this order is dead."""
        name = self.order_status_name.upper()
        return self.order_status_code in ORDER_CANCELLED or name in ("CANCELED", "CANCELLED")

    @property
    def cancelling(self) -> bool:
        """A cancellation is under way: neither alive nor surely dead."""
        return not self.cancelled and self.order_status_code in ORDER_CANCELLING


# -- out ---------------------------------------------------------------------------------------------------------------


def reference_of_round(client_reference: str, round_number: int) -> str:
    """Our order id at Shiprocket: the reference itself first, `<reference>-R2` after a cancellation, and so on.

    Needed because Shiprocket never opens a second order under the id of a cancelled one.
    """
    return client_reference if round_number == 1 else f"{client_reference}-R{round_number}"


def order_payload(request: BookingRequest, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Body of orders/create/adhoc, `order_id` left out. Raises `PermanentError` for what Shiprocket cannot carry.

    The amount to collect is `sub_total`: the vendor does not add up the items ("The total is not calculated
    automatically"), so for cash on delivery it is exactly the cash and every further charge is zero.
    """
    refuse_abroad(request, "Shiprocket")
    if len(request.client_reference) > MAX_REFERENCE - len(f"-R{MAX_ROUNDS}"):
        raise PermanentError(f"The reference {request.client_reference} is too long for Shiprocket.")
    to = request.ship_to
    first_name, _, last_name = (to.name or to.company).strip().partition(" ")
    total_minor = request.cod_minor or request.declared_value_minor
    payload: dict[str, Any] = {
        "order_date": request.order_date.astimezone(INDIA).strftime("%Y-%m-%d %H:%M"),
        "pickup_location": _pickup_location(request.ship_from_code, settings),
        "comment": f"Order {request.order_number}",
        "company_name": to.company,
        "billing_customer_name": first_name,
        "billing_last_name": last_name,
        "billing_address": to.line1,
        "billing_address_2": to.line2,
        "billing_city": fitting(to.city, _MAX_CITY, "city"),
        "billing_pincode": to.postcode,
        "billing_state": to.region,
        "billing_country": "India",
        "billing_email": to.email or str(settings.get("default_email", "")),
        "billing_phone": _phone(to.phone),
        "shipping_is_billing": True,
        "order_items": [_item(item) for item in request.items],
        "payment_method": "COD" if request.cod_minor else "Prepaid",
        "shipping_charges": 0,
        "giftwrap_charges": 0,
        "transaction_charges": 0,
        "total_discount": 0,
        "sub_total": _rupees(total_minor),
        "length": _centimetres(request.length_mm),
        "breadth": _centimetres(request.width_mm),
        "height": _centimetres(request.height_mm),
        "weight": _kilograms(request.weight_grams),
    }
    if settings.get("channel_id"):
        payload["channel_id"] = settings["channel_id"]
    return payload


def _pickup_location(node_code: str, settings: Mapping[str, Any]) -> str:
    """The name that the node has in the Shiprocket panel: `settings["pickup_locations"]`, else the node's own code."""
    names = settings.get("pickup_locations")
    return str(names.get(node_code, node_code)) if isinstance(names, Mapping) else node_code


def _item(item: Any) -> dict[str, Any]:
    line: dict[str, Any] = {
        "name": item.name,
        "sku": item.sku_code,
        "units": item.quantity,
        "selling_price": _rupees(item.unit_price_minor),
        "tax": item.tax_rate_bp / 100,
    }
    if item.hsn.isascii() and item.hsn.isdigit():
        line["hsn"] = int(item.hsn)
    return line


def _rupees(minor: int) -> float:
    return minor / 100


def _kilograms(grams: int) -> float:
    """Must be more than 0."""
    return max(grams, 1) / 1000


def _centimetres(millimetres: int) -> float:
    """Must be more than 0.5."""
    return max(millimetres, 10) / 10


def _phone(text: str) -> str:
    """The ten digits of an Indian number; other numbers as their digits."""
    digits = re.sub(r"\D", "", text)
    return digits[-10:] if len(digits) > 10 and digits.startswith(("91", "0")) else digits


def rate_query(request: RateRequest) -> dict[str, Any]:
    """Query of courier/serviceability."""
    query: dict[str, Any] = {
        "pickup_postcode": request.from_postcode,
        "delivery_postcode": request.to_postcode,
        "cod": 1 if request.cod_minor else 0,
        "weight": _kilograms(request.weight_grams),
    }
    if request.length_mm and request.width_mm and request.height_mm:
        query |= {
            "length": _centimetres(request.length_mm),
            "breadth": _centimetres(request.width_mm),
            "height": _centimetres(request.height_mm),
        }
    if request.declared_value_minor:
        query["declared_value"] = _rupees(request.declared_value_minor)
    return query


# -- in ----------------------------------------------------------------------------------------------------------------


def read_rates(body: Mapping[str, Any]) -> list[Rate]:
    """Services that carry it, cheapest first. A refusal inside a 200 (unserviceable PIN code) is an empty list."""
    data = body.get("data")
    companies = data.get("available_courier_companies") if isinstance(data, dict) else None
    rates = [rate for row in companies or [] if isinstance(row, dict) and (rate := _rate(row)) is not None]
    return sorted(rates, key=lambda rate: (rate.charge_minor, rate.transit_days, rate.courier_id))


def _rate(row: Mapping[str, Any]) -> Rate | None:
    charge_minor = minor_of(row.get("rate"))
    courier_id = text_of(row.get("courier_company_id"))
    if charge_minor is None or not courier_id or row.get("blocked"):
        return None
    days = text_of(row.get("estimated_delivery_days"))
    hours = row.get("etd_hours")
    by_hours = -(-int(hours) // 24) if isinstance(hours, int | float) else 0
    rating = row.get("rating")
    return Rate(
        courier_id=courier_id,
        courier_name=text_of(row.get("courier_name")),
        charge_minor=charge_minor,
        transit_days=int(days) if days.isascii() and days.isdigit() else by_hours,
        supports_cod=str(row.get("cod")) == "1",
        expected_delivery=date_of(row.get("etd")),
        rating=float(rating) if isinstance(rating, int | float) else None,
    )


def read_created(body: Mapping[str, Any], reference: str) -> HeldOrder | None:
    """Reply of orders/create/adhoc; None when it is a refusal dressed as a success.

    The order may be an old one, even a cancelled one: Shiprocket answers with what it holds under the order id.
    """
    order_id, shipment_id = text_of(body.get("order_id")), text_of(body.get("shipment_id"))
    if not order_id or not shipment_id:
        return None
    return HeldOrder(
        order_id=order_id,
        shipment_id=shipment_id,
        reference=reference,
        order_status_code=_int_of(body.get("status_code")),
        order_status_name=text_of(body.get("status")),
        awb=text_of(body.get("awb_code")),
        courier_name=text_of(body.get("courier_name")),
        courier_id=text_of(body.get("courier_company_id")),
    )


def read_order(row: Mapping[str, Any]) -> HeldOrder | None:
    """One order of orders?search= (shipments is a list) or of orders/show (shipments is an object); None without id."""
    order_id = text_of(row.get("id"))
    if not order_id:
        return None
    shipment = _current_shipment(row.get("shipments"))
    awb_data = row.get("awb_data")
    awb_data = awb_data if isinstance(awb_data, dict) else {}
    charges = awb_data.get("charges")
    return HeldOrder(
        order_id=order_id,
        shipment_id=text_of(shipment.get("id")),
        reference=text_of(row.get("channel_order_id")),
        order_status_code=_int_of(row.get("status_code")),
        order_status_name=text_of(row.get("status")),
        awb=text_of(shipment.get("awb")) or text_of(awb_data.get("awb")),
        courier_name=text_of(shipment.get("courier")),
        courier_id=text_of(shipment.get("courier_id")),
        expected_delivery=date_of(shipment.get("etd")),
        charge_minor=minor_of(charges.get("freight_charges")) if isinstance(charges, dict) else None,
    )


def _current_shipment(shipments: Any) -> Mapping[str, Any]:
    """The shipment that counts: the one with an AWB, else the last."""
    rows = shipments if isinstance(shipments, list) else [shipments]
    candidates = [row for row in rows if isinstance(row, dict)]
    with_awb = [row for row in candidates if text_of(row.get("awb"))]
    return (with_awb or candidates or [{}])[-1]


def read_assigned(body: Mapping[str, Any], order: HeldOrder) -> Booked | None:
    """Reply of courier/assign/awb; None when no AWB was assigned (`awb_assign_status` 0, or a bare message)."""
    response = body.get("response")
    data = response.get("data") if isinstance(response, dict) else None
    data = data if isinstance(data, dict) else {}
    awb = text_of(data.get("awb_code"))
    if str(body.get("awb_assign_status")) != "1" or not awb:
        return None
    courier_id = text_of(data.get("courier_company_id"))
    routing = {"routing_code": text_of(data.get("routing_code"))} if text_of(data.get("routing_code")) else {}
    return Booked(
        awb=awb,
        courier_name=text_of(data.get("courier_name")),
        external_ids=_external_ids(order, courier_id) | routing,
        expected_delivery=order.expected_delivery,
    )


def assignment_error(body: Any) -> str:
    """Why no AWB was assigned, in the vendor's words; empty when it did not say."""
    response = body.get("response") if isinstance(body, dict) else None
    data = response.get("data") if isinstance(response, dict) else None
    return text_of(data.get("awb_assign_error")) if isinstance(data, dict) else ""


def booked_of(order: HeldOrder) -> Booked:
    """A held order as a booking; its AWB is empty when the order stands half-done."""
    return Booked(
        awb=order.awb,
        courier_name=order.courier_name,
        external_ids=_external_ids(order, order.courier_id),
        charge_minor=order.charge_minor,
        expected_delivery=order.expected_delivery,
    )


def _external_ids(order: HeldOrder, courier_id: str) -> dict[str, str]:
    ids = {"order_id": order.order_id, "shipment_id": order.shipment_id, "reference": order.reference}
    return ids | {"courier_id": courier_id} if courier_id else ids


# -- values ------------------------------------------------------------------------------------------------------------


def text_of(value: Any) -> str:
    """A value as text; the vendor's null, "NA" and "-" are empty."""
    text = "" if value is None else str(value).strip()
    return "" if text.upper() in ("NA", "N/A", "-", "NULL") else text


def minor_of(value: Any) -> int | None:
    """Rupees, as a number or text, in paise; None when it is not a number."""
    try:
        paise = Decimal(str(value)) * 100
        return int(paise.quantize(Decimal(1), rounding=ROUND_HALF_UP)) if paise.is_finite() else None
    except InvalidOperation:
        return None


def _int_of(value: Any) -> int:
    text = text_of(value)
    return int(text) if text.isascii() and text.isdigit() else 0


def time_of(value: Any) -> datetime | None:
    """`2023-05-23 11:43:46` or the webhook's `23 05 2023 11:43:52`, Indian time, as an aware time; None otherwise."""
    text = text_of(value)
    if re.fullmatch(r"\d{2} \d{2} \d{4} \d{2}:\d{2}:\d{2}", text):
        text = f"{text[6:10]}-{text[3:5]}-{text[:2]}{text[10:]}"
    if not re.match(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}", text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=INDIA)


def date_of(value: Any) -> date | None:
    """`2023-05-23 15:40:19`, `2023-05-23` or `Jul 01, 2024` as a date; None otherwise."""
    text = text_of(value)
    named = re.fullmatch(r"([A-Za-z]{3})[a-z]* (\d{1,2}), (\d{4})", text)
    try:
        if named:
            return date(int(named[3]), _MONTHS.get(named[1].lower(), 0), int(named[2]))
        return date.fromisoformat(text[:10])
    except ValueError:
        return None
