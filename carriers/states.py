"""The state machine of a booking.

REQUESTED without `next_poll_at` means that no call is under way and that none has left anything behind that counts;
with `next_poll_at` a caller is at it until then, and is taken for dead afterwards. UNKNOWN means that a call may have
taken effect: `next_poll_at` is when the carrier's "I hold nothing" begins to count as proof.
"""

from __future__ import annotations

from carriers.models import BookingState
from oms.core.states import machine

BOOKING = machine(
    "carriers.booking",
    {
        BookingState.REQUESTED: (BookingState.BOOKED, BookingState.UNKNOWN, BookingState.FAILED),
        # Back to REQUESTED only after proof that the carrier holds nothing under our reference.
        BookingState.UNKNOWN: (BookingState.BOOKED, BookingState.REQUESTED, BookingState.FAILED),
        BookingState.BOOKED: (BookingState.CANCELLING,),
        # Back to BOOKED when the carrier refuses: the parcel still travels.
        BookingState.CANCELLING: (BookingState.CANCELLED, BookingState.BOOKED),
    },
)
