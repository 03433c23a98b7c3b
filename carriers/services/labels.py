"""What is stuck on the parcel."""

from __future__ import annotations

from carriers.models import Label


def make_label(booking_id: int) -> Label:
    """The label of a booked parcel, made once. Never inside a transaction when the carrier prints its own.

    Our own PDF and ZPL, always the same bytes for the same booking; the carrier's PDF instead (and no ZPL) where it
    gives one and the account's setting `use_carrier_label` is on. Raises Conflict unless the booking is BOOKED,
    TransientError or PermanentError from the carrier.
    """
    raise NotImplementedError
