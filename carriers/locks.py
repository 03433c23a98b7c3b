"""Row locks of this room. Order: account, then booking."""

from __future__ import annotations

from carriers.models import Booking, CarrierAccount
from oms.core.db import fetch_all


def lock_account(account_id: int) -> CarrierAccount:
    """The account, locked until the transaction ends: for the counter of its AWB range."""
    return CarrierAccount.objects.select_for_update().get(pk=account_id)


def lock_booking(booking_id: int) -> Booking:
    """The booking, locked until the transaction ends. Its account is not locked."""
    return Booking.objects.select_for_update(of=("self",)).select_related("account").get(pk=booking_id)


def lock_lanes() -> None:
    """One at a time learns lanes, until the transaction ends."""
    fetch_all("SELECT pg_advisory_xact_lock(hashtextextended('carrier lanes', 0))::text")


def lock_rules() -> None:
    """One at a time changes the rules of choice, until the transaction ends: their order is one thing."""
    fetch_all("SELECT pg_advisory_xact_lock(hashtextextended('carrier rules', 0))::text")
