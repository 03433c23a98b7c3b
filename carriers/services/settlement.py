"""Find out what became of bookings whose outcome is not certain."""

from __future__ import annotations

from collections.abc import Sequence

from carriers.models import Booking


def settle_unknown(booking_ids: Sequence[int] | None = None, *, limit: int = 100) -> list[Booking]:
    """Ask the carriers about unsettled bookings (those given, or all that are due); the bookings that are certain now.

    Found at the carrier: adopted as BOOKED. Surely not there: REQUESTED again, so that `book` may ask once more under
    the same reference. Cancellations that were cut off are carried through. Each one publishes BookingSettled (or
    BookingCancelled). A carrier that does not answer leaves its bookings as they are; nothing is raised.
    Never inside a transaction.
    """
    raise NotImplementedError
