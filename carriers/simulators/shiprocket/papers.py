"""What the simulated carrier prints, as data for our own papers. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from carriers.adapters.shiprocket.mapping import INDIA, minor_of
from carriers.labels import LabelData, LabelItem, ManifestData, ManifestRow
from carriers.simulators.shiprocket import replies
from carriers.simulators.shiprocket.geography import city_and_state
from carriers.simulators.shiprocket.store import Parcel
from oms.core.values import Address


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=INDIA).astimezone(UTC)


def _sender(parcel: Parcel) -> Address:
    city, state = city_and_state(parcel.origin)
    name = str(parcel.payload.get("pickup_location", ""))
    return Address(
        company=name, line1="Pickup location of the shipper", city=city, region=state, postcode=parcel.origin
    )


def label_data(parcel: Parcel) -> LabelData:
    """The label of a parcel that has an AWB."""
    payload = parcel.payload
    cod = payload.get("payment_method") == "COD"
    total = minor_of(payload.get("sub_total")) or 0
    ship_to = Address(
        name=f"{payload.get('billing_customer_name', '')} {payload.get('billing_last_name', '')}".strip(),
        line1=str(payload.get("billing_address", "")),
        line2=str(payload.get("billing_address_2", "")),
        city=str(payload.get("billing_city", "")),
        region=str(payload.get("billing_state", "")),
        postcode=str(payload.get("billing_pincode", "")),
        phone=str(payload.get("billing_phone", "")),
    )
    items = tuple(
        LabelItem(name=str(item.get("name")), quantity=int(item.get("units", 1)), sku_code=str(item.get("sku")))
        for item in payload.get("order_items", [])
    )
    return LabelData(
        awb=parcel.awb,
        courier_name=parcel.courier_name,
        service_name="Simulated courier: carries nothing",
        order_number=str(payload.get("comment", "")).removeprefix("Order ") or parcel.reference,
        ship_from=_sender(parcel),
        ship_to=ship_to,
        weight_grams=round(float(payload["weight"]) * 1000),
        created_at=_utc(parcel.assigned_at),
        cod_minor=total if cod else 0,
        declared_value_minor=total,
        routing_code=replies.routing_code(parcel),
        tracking_url=f"https://tracking.invalid/{parcel.awb}",
        items=items,
    )


def manifest_data(parcels: list[Parcel]) -> ManifestData:
    """The manifest of parcels whose pickup was asked for."""
    first = parcels[0]
    city, state = city_and_state(first.origin)
    return ManifestData(
        number=f"SIM-{first.shipment_id}",
        courier_name=first.courier_name,
        node_name=str(first.payload.get("pickup_location", "")),
        node_lines=(f"{city} {first.origin}", state),
        created_at=_utc(first.pickup_at),
        pickup_reference=first.pickup_token,
        rows=tuple(_manifest_row(parcel) for parcel in parcels),
    )


def _manifest_row(parcel: Parcel) -> ManifestRow:
    data = label_data(parcel)
    return ManifestRow(
        awb=parcel.awb,
        order_number=data.order_number,
        ship_to_name=data.ship_to.name,
        ship_to_city=data.ship_to.city,
        ship_to_postcode=data.ship_to.postcode,
        weight_grams=data.weight_grams,
        cod_minor=data.cod_minor,
    )
