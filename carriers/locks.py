"""Row locks of this room. Order: account, then booking."""

from __future__ import annotations

from carriers.models import Booking, CarrierAccount


def lock_account(account_id: int) -> CarrierAccount:
    """The account, locked until the transaction ends: for the counter of its AWB range."""
    return CarrierAccount.objects.select_for_update().get(pk=account_id)


def lock_booking(booking_id: int) -> Booking:
    """The booking, locked until the transaction ends. Its account is not locked."""
    return Booking.objects.select_for_update(of=("self",)).select_related("account").get(pk=booking_id)
