"""Row locks of this room. Order: account, remittance, line, then booking; bill, then its lines."""

from __future__ import annotations

from collections.abc import Iterable

from carriers.models import Booking, CarrierAccount, CarrierBill, RemittanceLine
from oms.core.db import fetch_all


def lock_account(account_id: int) -> CarrierAccount:
    """The account, locked until the transaction ends: for the counter of its AWB range."""
    return CarrierAccount.objects.select_for_update().get(pk=account_id)


def lock_booking(booking_id: int) -> Booking:
    """The booking, locked until the transaction ends. Its account is not locked."""
    return Booking.objects.select_for_update(of=("self",)).select_related("account").get(pk=booking_id)


def lock_bookings(booking_ids: Iterable[int]) -> list[Booking]:
    """Bookings in the order of their keys, locked until the transaction ends: for what is booked of their cash."""
    rows = Booking.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=set(booking_ids))
    return list(rows.order_by("pk"))


def lock_remittance(account_id: int, utr: str) -> None:
    """One at a time writes a remittance, until the transaction ends."""
    fetch_all("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))::text", [f"remittance/{account_id}/{utr}"])


def lock_remittance_line(line_id: int) -> RemittanceLine | None:
    """A line of a remittance, locked until the transaction ends; lock it before its booking."""
    rows = RemittanceLine.objects.select_for_update(of=("self",), no_key=True).select_related("remittance")
    return rows.filter(pk=line_id).first()


def lock_bills_of(account_id: int) -> None:
    """One at a time receives bills of an account, until the transaction ends: what is billed twice is seen over all."""
    fetch_all("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))::text", [f"carrier bills/{account_id}"])


def lock_bill(bill_id: int) -> CarrierBill | None:
    """A bill, locked until the transaction ends, and with it the right to decide about its lines. Without its file."""
    rows = CarrierBill.objects.select_for_update(of=("self",), no_key=True).select_related("account").defer("raw")
    return rows.filter(pk=bill_id).first()


def lock_lanes() -> None:
    """One at a time learns lanes, until the transaction ends."""
    fetch_all("SELECT pg_advisory_xact_lock(hashtextextended('carrier lanes', 0))::text")


def lock_rules() -> None:
    """One at a time changes the rules of choice, until the transaction ends: their order is one thing."""
    fetch_all("SELECT pg_advisory_xact_lock(hashtextextended('carrier rules', 0))::text")
