"""Replies in the shapes of the vendor's saved replies. Pure: parcels and offers in, JSON bodies out.

Keys that the vendor sends and nobody reads are there with the vendor's own empty values.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from carriers.adapters.shiprocket.statuses import ORDER_STATUS, SHIPMENT_STATUS
from carriers.simulators.shiprocket.couriers import Offer
from carriers.simulators.shiprocket.geography import city_and_state
from carriers.simulators.shiprocket.movement import ORDER_STATUS_NUMBER
from carriers.simulators.shiprocket.store import Parcel, Scan

_COMPANY_ID = 25149


def order_status(parcel: Parcel) -> tuple[int, str]:
    """Number and name of the order space."""
    if parcel.cancelled:
        return 5, "CANCELED"
    if not parcel.awb:
        return 1, "NEW"
    number = ORDER_STATUS_NUMBER.get(parcel.status_number, 3)
    return number, ORDER_STATUS[number][0]


def refusal(message: str, status: int, **errors: list[str]) -> dict[str, Any]:
    """An error body; field messages where there are any."""
    return {"message": message, **({"errors": errors} if errors else {}), "status_code": status}


def created(parcel: Parcel) -> dict[str, Any]:
    """Of orders/create/adhoc, for a new order and for one that stood there."""
    code, name = order_status(parcel)
    return {
        "order_id": parcel.order_id,
        "shipment_id": parcel.shipment_id,
        "status": name,
        "status_code": code,
        "onboarding_completed_now": 0,
        "awb_code": parcel.awb or None,
        "courier_company_id": parcel.courier_id or None,
        "courier_name": parcel.courier_name or None,
    }


def assigned(parcel: Parcel) -> dict[str, Any]:
    """Of courier/assign/awb."""
    city, state = city_and_state(parcel.origin)
    shipper = {"company_name": "Simulated shipper", "city": city, "state": state, "country": "India"}
    address = {"address_1": "Dock 1", "address_2": "", "postcode": parcel.origin, "phone": "9999999999", "email": ""}
    shipped_by: dict[str, Any] = {f"shipper_{key}": value for key, value in (shipper | address).items()}
    shipped_by |= {f"rto_{key}": value for key, value in (shipper | address).items()}
    shipped_by |= {"shipper_first_mile_activated": 0, "lat": "", "long": ""}
    return {
        "awb_assign_status": 1,
        "response": {
            "data": {
                "courier_company_id": parcel.courier_id,
                "awb_code": parcel.awb,
                "cod": int(parcel.payload.get("payment_method") == "COD"),
                "order_id": parcel.order_id,
                "shipment_id": parcel.shipment_id,
                "awb_code_status": 1,
                "assigned_date_time": _carbon(parcel.assigned_at),
                "applied_weight": parcel.payload.get("weight"),
                "company_id": _COMPANY_ID,
                "courier_name": parcel.courier_name,
                "child_courier_name": None,
                "pickup_scheduled_date": parcel.pickup_at,
                "routing_code": routing_code(parcel),
                "rto_routing_code": "",
                "invoice_no": f"retail{parcel.order_id}",
                "transporter_id": "",
                "transporter_name": "",
                "shipped_by": shipped_by,
            }
        },
    }


def not_assigned(reason: str) -> dict[str, Any]:
    """Of courier/assign/awb when a courier refuses, with status 200."""
    return {"awb_assign_status": 0, "response": {"data": {"awb_assign_error": reason}}}


def routing_code(parcel: Parcel) -> str:
    """A sorting code of the destination."""
    pin = str(parcel.payload.get("billing_pincode", ""))
    return f"{city_and_state(pin)[0][:3].upper()}/{pin[3:]}"


def serviceability(found: Sequence[Offer], destination: str, today: datetime) -> dict[str, Any]:
    """Of courier/serviceability; nobody carries it: a 404 inside a 200."""
    if not found:
        return {"status": 404, "message": "Delivery postcode is not serviceable by any courier."}
    best = found[0].courier.courier_id
    return {
        "company_auto_shipment_insurance_setting": False,
        "covid_zones": {"delivery_zone": None, "pickup_zone": None},
        "currency": "INR",
        "data": {
            "available_courier_companies": [_company(offer, destination, today) for offer in found],
            "child_courier_id": None,
            "is_recommendation_enabled": 1,
            "recommendation_advance_rule": 0,
            "recommended_by": {"id": 6, "title": "Recommendation By Shiprocket"},
            "recommended_courier_company_id": best,
            "shiprocket_recommended_courier_id": best,
        },
        "dg_courier": 0,
        "eligible_for_insurance": False,
        "is_latlong": 0,
        "label_generate_type": 2,
        "seller_address": [],
        "status": 200,
    }


def _company(offer: Offer, destination: str, today: datetime) -> dict[str, Any]:
    courier = offer.courier
    city, state = city_and_state(destination)
    return {
        "blocked": 0,
        "charge_weight": offer.billed_grams / 1000,
        "city": city,
        "cod": int(courier.takes_cod),
        "cod_charges": offer.cod_fee_minor / 100,
        "cod_multiplier": 0.015,
        "courier_company_id": courier.courier_id,
        "courier_name": courier.name,
        "courier_type": "0",
        "cutoff_time": "11:00",
        "delivery_performance": courier.rating,
        "estimated_delivery_days": str(offer.days),
        "etd": f"{today + timedelta(days=offer.days):%b %d, %Y}",
        "etd_hours": offer.days * 24,
        "freight_charge": offer.freight_minor / 100,
        "id": 450_000_000 + courier.courier_id,
        "is_surface": courier.surface,
        "min_weight": 0.5,
        "mode": 0 if courier.surface else 1,
        "other_charges": 0,
        "pickup_availability": "0",
        "pickup_performance": courier.rating,
        "postcode": destination,
        "rate": offer.total_minor / 100,
        "rating": courier.rating,
        "realtime_tracking": "Real Time",
        "rto_charges": offer.rto_minor / 100,
        "rto_performance": courier.rating,
        "state": state,
        "suppress_date": "",
        "tracking_performance": courier.rating,
        "zone": f"z_{offer.zone.value.lower()}",
    }


def pickup(parcel: Parcel) -> dict[str, Any]:
    """Of courier/generate/pickup."""
    return {
        "pickup_status": 1,
        "response": {
            "pickup_scheduled_date": parcel.pickup_at,
            "pickup_token_number": parcel.pickup_token,
            "status": 3,
            "others": json.dumps({"routing_code": routing_code(parcel)}),
            "pickup_generated_date": _carbon(parcel.pickup_at),
            "data": f"Pickup is confirmed by {parcel.courier_name} For AWB :- {parcel.awb}",
        },
    }


def order_in_list(parcel: Parcel) -> dict[str, Any]:
    """One order of the orders list."""
    code, name = order_status(parcel)
    pickup_facts = {
        "pickup_scheduled_date": parcel.pickup_at or None,
        "pickup_token_number": parcel.pickup_token or None,
    }
    return _order_head(parcel) | {
        "shipments": [_shipment(parcel) | pickup_facts | {"isd_code": "+91", "return_awb": ""}],
        "products": [_product(item) for item in parcel.payload.get("order_items", [])],
        "activities": parcel.history,
        "status": name,
        "status_code": code,
        "is_incomplete": 0,
        "errors": [],
    }


def order_shown(parcel: Parcel) -> dict[str, Any]:
    """Of orders/show: the shipment is an object, beside it what the AWB costs."""
    head = _order_head(parcel)
    payload = parcel.payload
    charges = {
        "freight_charges": f"{parcel.charge_minor / 100:.2f}" if parcel.awb else "",
        "zone": "",
        "cod_charges": "",
    }
    assignment = {
        "order_id": parcel.order_id,
        "courier_id": parcel.courier_id or "",
        "awb_assign_date": parcel.assigned_at or None,
    }
    return {
        "data": head
        | {
            "customer_address": payload.get("billing_address"),
            "customer_address_2": payload.get("billing_address_2"),
            "customer_city": payload.get("billing_city"),
            "customer_state": payload.get("billing_state"),
            "customer_pincode": str(payload.get("billing_pincode", "")),
            "customer_country": payload.get("billing_country"),
            "products": [_product(item) for item in payload.get("order_items", [])],
            "shipments": _shipment(parcel) | assignment,
            "awb_data": {"awb": parcel.awb, "routing_code": routing_code(parcel), "charges": charges},
            "is_return": 0,
            "errors": None,
        }
    }


def _order_head(parcel: Parcel) -> dict[str, Any]:
    code, name = order_status(parcel)
    payload = parcel.payload
    full_name = f"{payload.get('billing_customer_name', '')} {payload.get('billing_last_name', '')}".strip()
    return {
        "id": parcel.order_id,
        "channel_id": 76893,
        "channel_name": "CUSTOM",
        "base_channel_code": "CS",
        "channel_order_id": parcel.reference,
        "customer_name": full_name,
        "customer_email": payload.get("billing_email"),
        "customer_phone": str(payload.get("billing_phone", "")),
        "pickup_location": payload.get("pickup_location"),
        "payment_status": "",
        "total": f"{float(payload.get('sub_total', 0)):.2f}",
        "tax": "0.00",
        "sla": "2 days",
        "shipping_method": "SR",
        "expedited": 0,
        "status": name,
        "status_code": code,
        "payment_method": str(payload.get("payment_method", "")).lower(),
        "is_international": 0,
        "purpose_of_shipment": 0,
        "channel_created_at": parcel.created_at,
        "created_at": parcel.created_at,
        "allow_return": 0,
    }


def _product(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": item.get("name"),
        "channel_sku": item.get("sku"),
        "quantity": item.get("units"),
        "hsn": item.get("hsn"),
    }


def _shipment(parcel: Parcel) -> dict[str, Any]:
    payload = parcel.payload
    size = "x".join(f"{float(payload.get(side, 0)):.2f}" for side in ("length", "breadth", "height"))
    return {
        "id": parcel.shipment_id,
        "courier": parcel.courier_name,
        "weight": payload.get("weight"),
        "dimensions": size,
        "awb": parcel.awb,
        "etd": "NA",
        "delivered_date": next((scan.at for scan in parcel.scans if scan.status_number == 7), None),
        "rto_delivered_date": "0000-00-00 00:00:00",
        "volumetric_weight": 0,
        "pod": None,
    }


def tracking(parcel: Parcel | None, base_url: str) -> dict[str, Any]:
    """Of courier/track/awb: newest scan first."""
    if parcel is None or not parcel.awb:
        message = "Aahh! There is no activities found in our DB. Please have some patience it will be updated soon."
        return {"tracking_data": {"track_status": 0, "error": message}}
    origin, _ = city_and_state(parcel.origin)
    target, _ = city_and_state(str(parcel.payload.get("billing_pincode", "")))
    first_of = {scan.status_number: scan.at for scan in reversed(parcel.scans)}
    return {
        "tracking_data": {
            "track_status": 1,
            "shipment_status": parcel.status_number,
            "shipment_track": [
                {
                    "id": parcel.shipment_id,
                    "awb_code": parcel.awb,
                    "courier_company_id": parcel.courier_id,
                    "shipment_id": parcel.shipment_id,
                    "order_id": parcel.order_id,
                    "pickup_date": first_of.get(42),
                    "delivered_date": first_of.get(7),
                    "weight": str(parcel.payload.get("weight")),
                    "packages": 1,
                    "current_status": SHIPMENT_STATUS[parcel.status_number][0].title(),
                    "delivered_to": target,
                    "destination": target,
                    "consignee_name": "",
                    "origin": origin,
                    "courier_agent_details": None,
                    "courier_name": parcel.courier_name,
                    "edd": None,
                    "pod": "Not Available",
                    "pod_status": "",
                }
            ],
            "shipment_track_activities": [_activity(scan) for scan in reversed(parcel.scans)] or None,
            "track_url": f"{base_url}/tracking/{parcel.awb}",
            "etd": _etd(parcel),
            "qc_response": {"qc_image": "", "qc_failed_reason": ""},
        }
    }


def webhook(parcel: Parcel, now: datetime) -> dict[str, Any]:
    """The tracking webhook: oldest scan first, both number spaces."""
    code, name = order_status(parcel)
    return {
        "awb": parcel.awb,
        "courier_name": parcel.courier_name,
        "current_status": name,
        "current_status_id": code,
        "shipment_status": SHIPMENT_STATUS[parcel.status_number][0],
        "shipment_status_id": parcel.status_number,
        "current_timestamp": f"{now:%d %m %Y %H:%M:%S}",
        "order_id": parcel.reference,
        "sr_order_id": parcel.order_id,
        "awb_assigned_date": parcel.assigned_at,
        "pickup_scheduled_date": parcel.pickup_at,
        "etd": _etd(parcel),
        "scans": [_activity(scan) for scan in parcel.scans],
        "is_return": 0,
        "channel_id": 76893,
        "pod_status": "OTP Based Delivery",
        "pod": "Not Available",
    }


def _activity(scan: Scan) -> dict[str, str]:
    return {
        "date": scan.at,
        "status": scan.code,
        "activity": scan.activity,
        "location": scan.location,
        "sr-status": str(scan.status_number),
        "sr-status-label": SHIPMENT_STATUS[scan.status_number][0],
    }


def _etd(parcel: Parcel) -> str:
    start = datetime.fromisoformat(parcel.pickup_at or parcel.assigned_at)
    return f"{start + timedelta(days=parcel.days):%Y-%m-%d %H:%M:%S}"


def _carbon(moment: str) -> dict[str, Any]:
    return {"date": f"{moment}.000000", "timezone_type": 3, "timezone": "Asia/Kolkata"}
