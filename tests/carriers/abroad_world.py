"""Parcels from Bengaluru for carriers of the whole world: one to Berlin, one to Mumbai."""

from __future__ import annotations

from typing import Any

from carriers.base import BookingRequest
from oms.core.values import Address
from tests.carriers.services.world import booking_request

SENDER = Address(
    name="Ravi Kumar", company="Kaveri Handlooms", line1="7 Peenya Industrial Area", city="Bengaluru", region="KA",
    postcode="560058", phone="+91 80 4567 8901", email="dispatch@example.com",
)  # fmt: skip
BERLIN = Address(
    name="Anna Schmidt", line1="Torstrasse 1", city="Berlin", postcode="10119", country="DE", phone="+49 30 1234567",
    email="anna@example.com",
)  # fmt: skip


def to_berlin(**changes: Any) -> BookingRequest:
    """A prepaid parcel that crosses a border."""
    values: dict[str, Any] = {"client_reference": "OMS-100234-a1b2c3-1", "ship_from": SENDER, "ship_to": BERLIN}
    return booking_request(**(values | changes))


def to_thane(**changes: Any) -> BookingRequest:
    """A prepaid parcel within India."""
    values: dict[str, Any] = {"client_reference": "OMS-100234-a1b2c3-1", "ship_from": SENDER}
    return booking_request(**(values | changes))
