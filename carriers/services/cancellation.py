"""Void bookings at the carrier."""

from __future__ import annotations

from carriers.models import Booking


def cancel_booking(booking_id: int, *, actor: str = "", reason: str = "") -> Booking:
    """Void one booking; idempotent. Never inside a transaction. Publishes BookingCancelled.

    Returns it as CANCELLED, or as FAILED where the carrier never had it. Raises TransientError when the carrier does
    not answer (call again; `settle_unknown` does too), PermanentError when it refuses: the booking is BOOKED as before.
    """
    raise NotImplementedError
