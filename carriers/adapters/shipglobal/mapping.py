"""ShipGlobal's forms and ours. Pure. See README.md beside this file for where each fact is from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from carriers.adapters.abroad import (
    centimetres,
    customs_lines,
    kilograms,
    our_reference,
    refuse_cash,
    service_of,
    utc_key,
)
from carriers.adapters.replies import label_of
from carriers.base import Booked, BookingRequest, Milestone, SubStatus, TrackingScan, TrackingUpdate, UnknownOutcome
from oms.core.errors import PermanentError
from oms.core.values import Address

NAME = "ShipGlobal"
M = Milestone
S = SubStatus
#: Times of scans bear no zone; the vendor is Indian.
_ZONE = ZoneInfo("Asia/Kolkata")
#: What may stay empty; everything else has to say something.
_MAY_BE_EMPTY = frozenset({"ioss_number", "vendor_order_item_hsn"})

#: Event code -> what it means. Codes that are not here move nothing.
CODES: dict[str, tuple[Milestone, SubStatus | None]] = {
    "SGE_001": (M.BOOKED, None), "SGE_002": (M.BOOKED, None),
    "SGE_101": (M.PICKUP_SCHEDULED, None), "SGE_102": (M.PICKUP_SCHEDULED, None), "SGE_103": (M.PICKUP_SCHEDULED, None),
    "SGE_104": (M.PICKED_UP, None), "SGE_105": (M.IN_TRANSIT, None), "SGE_106": (M.IN_TRANSIT, S.ARRIVED_AT_HUB),
    "SGE_107": (M.IN_TRANSIT, S.LEFT_HUB), "SGE_201": (M.IN_TRANSIT, S.ARRIVED_AT_HUB),
    "SGE_202": (M.IN_TRANSIT, S.ARRIVED_AT_HUB), "SGE_203": (M.IN_TRANSIT, None), "SGE_204": (M.IN_TRANSIT, None),
    "SGE_205": (M.IN_TRANSIT, S.LEFT_HUB), "SGE_206": (M.IN_TRANSIT, None), "SGE_207": (M.IN_TRANSIT, None),
    "SGE_208": (M.IN_TRANSIT, None), "SGE_301": (M.IN_TRANSIT, S.AT_DESTINATION), "SGE_302": (M.IN_TRANSIT, None),
    "SGE_303": (M.OUT_FOR_DELIVERY, None), "SGE_304": (M.DELIVERED, None), "SGE_305": (M.IN_TRANSIT, S.LEFT_HUB),
    "SGE_401": (M.IN_TRANSIT, S.DELAYED), "SGE_403": (M.ATTEMPT_FAILED, None),
    "SGE_501": (M.IN_TRANSIT, S.AT_DESTINATION), "SGE_502": (M.RTO_IN_TRANSIT, None),
    "SGE_503": (M.IN_TRANSIT, S.DELAYED), "SGE_504": (M.RTO_DELIVERED, None),
    "SGE_505": (M.IN_TRANSIT, S.DELAYED), "SGE_506": (M.DAMAGED, None),
    "SGERROR_101": (M.ATTEMPT_FAILED, S.WRONG_ADDRESS), "SGERROR_102": (M.ATTEMPT_FAILED, S.REFUSED),
    "SGERROR_103": (M.ATTEMPT_FAILED, None), "SGERROR_104": (M.LOST, None),
}  # fmt: skip


def invoice_number(request: BookingRequest) -> str:
    """Our reference: the vendor wants the number of an invoice to be unique."""
    return our_reference(request.client_reference, 50)


def order_request(request: BookingRequest, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Body of an order with its label, under our reference.

    Raises PermanentError that names the field which is empty or the setting which is missing, before anything is sent.
    """
    refuse_cash(request, NAME)
    reference = invoice_number(request)
    body: dict[str, Any] = {
        "invoice_no": reference, "invoice_date": f"{request.order_date:%Y-%m-%d}", "order_reference": reference,
        "tracking": reference, "service": service_of(request, settings, NAME),
        "package_weight": _weight(request.weight_grams, settings),
        "package_length": centimetres(request.length_mm), "package_breadth": centimetres(request.width_mm),
        "package_height": centimetres(request.height_mm), "currency_code": request.currency,
        "csb5_status": int(bool(settings.get("csb5"))), "ioss_number": str(settings.get("ioss_number", "")),
        "seller_nickname": str(settings.get("seller_nickname") or request.ship_from_code),
        **_party("seller", request.ship_from, str(settings.get("seller_email", ""))),
        **_party("customer_shipping", request.ship_to, str(settings.get("default_email", ""))),
        "vendor_order_items": [
            {
                "vendor_order_item_name": line.description, "vendor_order_item_sku": item.sku_code,
                "vendor_order_item_quantity": line.quantity, "vendor_order_item_unit_price": float(line.unit_value),
                "vendor_order_item_hsn": line.hsn, "vendor_order_item_tax_rate": settings.get("item_tax_rate", 0),
            }
            for line, item in zip(customs_lines(request, settings), request.items, strict=True)
        ],
    }  # fmt: skip
    for row in (body, *body["vendor_order_items"]):
        empty = [name for name, value in row.items() if value == "" and name not in _MAY_BE_EMPTY]
        if empty:
            raise PermanentError(f"{NAME} needs {', '.join(empty)}: nothing is known of it.")
    return body


def _weight(grams: int, settings: Mapping[str, Any]) -> int | float:
    """In the unit that this account's service reads: its documents do not agree, so it has no default."""
    unit = settings.get("weight_unit")
    if unit == "grams":
        return grams
    if unit == "kilograms":
        return float(kilograms(grams, 3))
    raise PermanentError(
        f"The setting weight_unit is {unit!r}: say grams or kilograms, as the documents of your {NAME} service do. "
        "A parcel in the wrong unit weighs a thousand times too much."
    )


def _party(prefix: str, address: Address, email: str) -> dict[str, str]:
    """A name of one word stands for both parts of it, and a town for a missing second line of the street."""
    *first, last = (address.name or address.company).split() or [""]
    return {
        f"{prefix}_firstname": " ".join(first) or last, f"{prefix}_lastname": last,
        f"{prefix}_mobile": address.phone, f"{prefix}_email": address.email or email,
        f"{prefix}_company": address.company or address.name,
        f"{prefix}_address": address.line1, f"{prefix}_address_2": address.line2 or address.city,
        f"{prefix}_city": address.city, f"{prefix}_postcode": address.postcode,
        f"{prefix}_country_code": address.country, f"{prefix}_state": address.region or address.city,
    }  # fmt: skip


def read_order(body: Mapping[str, Any], request: BookingRequest, settings: Mapping[str, Any]) -> Booked:
    """The parcel of a reply. Raises PermanentError for a refusal, UnknownOutcome for a reply that names no parcel."""
    inner = body.get("data")
    data: Mapping[str, Any] = inner if isinstance(inner, Mapping) else body
    awb, order = str(data.get("waybill_number") or "").strip(), str(data.get("order_number") or "").strip()
    if awb:
        service = service_of(request, settings, NAME)
        return Booked(
            awb=awb, courier_name=f"{NAME} {service}", label_pdf=label_of(data.get("pdf_base64")),
            external_ids={"reference": request.client_reference, "order_number": order},
        )  # fmt: skip
    if body.get("success") is False and not order:
        raise PermanentError(f"{NAME} refused the parcel: {message_of(body)}")
    made = f"made order {order} without a waybill" if order else "named neither an order nor a waybill"
    raise UnknownOutcome(f"{NAME} {made}: {message_of(body)}")


def message_of(body: Any) -> str:
    """The vendor's words."""
    if not isinstance(body, Mapping):
        return str(body)[:300]
    words = body.get("message") or body.get("error") or body.get("msg")
    errors = body.get("errors")
    if isinstance(errors, Mapping):
        words = f"{words or ''} " + "; ".join(f"{name}: {said}" for name, said in errors.items())
    return (str(words).strip() if words else str(dict(body)))[:300]


def read_tracking(body: Any, awb: str) -> TrackingUpdate:
    """Every event of an AWB; none while there are none."""
    data = body.get("data") if isinstance(body, Mapping) else None
    rows = data.get("awbEvents") if isinstance(data, Mapping) else None
    scans = {scan.scan_key: scan for row in rows or () if isinstance(row, Mapping) and (scan := _scan(row))}
    return TrackingUpdate(awb=awb, scans=tuple(sorted(scans.values(), key=lambda scan: scan.occurred_at)))


def _scan(row: Mapping[str, Any]) -> TrackingScan | None:
    """An event; None without a time that can be read."""
    try:
        moment = datetime.fromisoformat(str(row.get("awb_history_datetime") or "")).replace(tzinfo=_ZONE)
    except ValueError:
        return None
    code, words = str(row.get("awb_event_code") or "").strip(), str(row.get("awb_history_comment") or "").strip()
    milestone, sub_status = CODES.get(code, (M.UNKNOWN, None))
    return TrackingScan(
        scan_key=str(row.get("awb_history_id") or f"{utc_key(moment)}/{code}")[:120],
        milestone=milestone, sub_status=sub_status, occurred_at=moment,
        carrier_status=code or words[:120], description=words[:300],
        location=str(row.get("awb_history_location") or "").strip(" -")[:120], raw=dict(row),
    )  # fmt: skip
