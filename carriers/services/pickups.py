"""Ask carriers to come."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date


def schedule_pickups(*, account_id: int, booking_ids: Sequence[int], on: date) -> str:
    """Ask the carrier to collect these parcels on a day; its reference, empty where it comes unasked.

    Bookings that have a pickup already are left out, so that a repeated call asks for nothing twice. Never inside a
    transaction. Raises TransientError or PermanentError.
    """
    raise NotImplementedError
