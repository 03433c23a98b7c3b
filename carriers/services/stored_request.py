"""A booking request as the JSON that stands in `Booking.request`, and back. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from carriers.base import BookingRequest, ParcelItem
from oms.core.values import Address

#: Where the AWB that a person typed in, or that came from the account's range, stands beside the request.
GIVEN_AWB = "given_awb"


def write_request(request: BookingRequest, given_awb: str = "") -> dict[str, Any]:
    """The request as a JSON object."""
    stored = asdict(request)
    stored["order_date"] = request.order_date.isoformat()
    stored["items"] = [asdict(item) for item in request.items]
    return stored | ({GIVEN_AWB: given_awb} if given_awb else {})


def read_request(stored: Mapping[str, Any]) -> BookingRequest:
    """What `write_request` wrote; keys of other versions are left out."""
    known = {field.name for field in fields(BookingRequest)}
    values = {key: value for key, value in stored.items() if key in known}
    item_fields = {field.name for field in fields(ParcelItem)}
    values["items"] = tuple(
        ParcelItem(**{key: value for key, value in item.items() if key in item_fields}) for item in stored["items"]
    )
    values["order_date"] = datetime.fromisoformat(stored["order_date"])
    values["ship_from"] = Address.from_json(stored["ship_from"])
    values["ship_to"] = Address.from_json(stored["ship_to"])
    return BookingRequest(**values)
