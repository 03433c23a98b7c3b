"""Ask carriers to come."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from carriers.base import SchedulesPickups, UnknownOutcome
from carriers.models import Booking, BookingState, CarrierAccount
from carriers.registry import adapter_for
from carriers.services.accounts import account_config, note_failure, note_ok
from carriers.services.network import refuse_open_transaction
from carriers.services.outcomes import booked_of
from oms.core.errors import NotFound, TransientError

#: Stands for a pickup whose carrier gave no reference.
WITHOUT_REFERENCE = "requested"


def schedule_pickups(*, account_id: int, booking_ids: Sequence[int], on: date) -> str:
    """Ask the carrier to collect these parcels on a day; its reference, empty where it comes unasked.

    Bookings that have a pickup already are left out, so that a repeated call asks for nothing twice. Never inside a
    transaction. Raises NotFound, TransientError or PermanentError.
    """
    refuse_open_transaction("schedule_pickups")
    account = CarrierAccount.objects.filter(pk=account_id).first()
    if account is None:
        raise NotFound(f"There is no carrier account {account_id}.")
    adapter = adapter_for(account.adapter)
    if not isinstance(adapter, SchedulesPickups):
        return ""
    booked = Booking.objects.filter(pk__in=booking_ids, account=account, state=BookingState.BOOKED).order_by("pk")
    waiting = [booking for booking in booked if not booking.pickup_reference]
    if not waiting:
        return next((booking.pickup_reference for booking in booked if booking.pickup_reference), "")
    try:
        reference = adapter.schedule_pickup(account_config(account), [booked_of(booking) for booking in waiting], on)
    except (TransientError, UnknownOutcome) as error:
        note_failure(account, error)
        raise TransientError(str(error)) from error
    note_ok(account)
    reference = (reference or WITHOUT_REFERENCE)[:80]
    Booking.objects.filter(pk__in=[booking.pk for booking in waiting]).update(pickup_reference=reference)
    return reference
