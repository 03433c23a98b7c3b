"""Book a parcel with a carrier: one live booking per parcel, whatever is lost on the way."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from carriers.base import BookingRequest
from carriers.models import Booking


def book(
    *,
    request: BookingRequest,
    parcel_uid: UUID,
    account_id: int | None = None,
    promised_by: date | None = None,
    awb: str = "",
) -> Booking:
    """Book one parcel; a parcel that has a live booking already gets that one. Never inside a transaction.

    `request.client_reference` is replaced by our own: "<order number>-<parcel>-<try>". `account_id` picks the carrier
    account; without it the best of `choose(..., promised_by=...)` is taken, the next best where one refuses. `awb` is
    a number typed in by a person, for carriers without an API.

    Returns the booking as BOOKED, or as UNKNOWN when the carrier's reply was lost and it is not certain yet whether
    the parcel is booked: `settle_unknown` finds out and publishes BookingSettled, and then `book` is called again.
    Raises TransientError (nothing stands, call again later), PermanentError (refused; the booking is FAILED with the
    reason, the next call is a new try), NoCarrier when no account carries it, NetworkInsideTransaction when called
    inside a transaction.
    """
    raise NotImplementedError
