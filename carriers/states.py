"""The state machines of bookings and of bills.

A booking: REQUESTED without `next_poll_at` means that no call is under way and that none has left anything behind that
counts; with `next_poll_at` a caller is at it until then, and is taken for dead afterwards. UNKNOWN means that a call
may have taken effect: `next_poll_at` is when the carrier's "I hold nothing" begins to count as proof.
"""

from __future__ import annotations

from carriers.models import BillLineState, BillState, BookingState
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

BILL = machine(
    "carriers.bill",
    {
        BillState.RECEIVED: (BillState.CHECKED,),
        BillState.CHECKED: (BillState.DISPUTED, BillState.SETTLED),
        # Back to CHECKED when no line is disputed any more and some are still to be decided.
        BillState.DISPUTED: (BillState.CHECKED, BillState.SETTLED),
    },
)

#: What was accepted or credited is in the book, and stays.
BILL_LINE = machine(
    "carriers.bill_line",
    {
        BillLineState.OPEN: (BillLineState.ACCEPTED, BillLineState.DISPUTED),
        BillLineState.DISPUTED: (BillLineState.ACCEPTED, BillLineState.CREDITED),
    },
)
