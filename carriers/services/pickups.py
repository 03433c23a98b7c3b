"""Ask carriers to come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import QuerySet

from carriers.base import CollectsByPlace, LeavesOut, SchedulesPickups, UnknownOutcome
from carriers.locks import lock_bookings
from carriers.models import Booking, BookingState, CarrierAccount
from carriers.registry import adapter_for
from carriers.services.accounts import account_config, note_failure, note_ok
from carriers.services.network import refuse_open_transaction
from carriers.services.outcomes import booked_of
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, NotFound, PermanentError, TransientError

#: So long somebody who asks keeps others from it, where no answer and no end was seen: longer than any call takes.
ASKING_LASTS = timedelta(minutes=5)
#: Stands for a pickup whose carrier gave no reference.
WITHOUT_REFERENCE = "requested"


@dataclass(frozen=True, slots=True)
class PickupAsked:
    """What a carrier was asked: its reference, empty where it comes unasked, and the day."""

    reference: str
    on: date


def schedule_pickups(
    *, account_id: int, booking_ids: Sequence[int], on: date, today: date | None = None
) -> PickupAsked:
    """Ask the carrier to collect these parcels on a day; what it was asked, now or before.

    Bookings that have a pickup already are left out, so that a repeated call asks for nothing twice, unless its day is
    over (before `today`, else before `on`): the driver did not come. Never inside a transaction. Raises NotFound,
    Conflict where the carrier is asked in its panel, TransientError, or PermanentError with the parcels that were
    refused, after the others were asked for. Conflict, too, while somebody else asks for one of them.
    """
    refuse_open_transaction("schedule_pickups")
    account = CarrierAccount.objects.filter(pk=account_id).first()
    if account is None:
        raise NotFound(f"There is no carrier account {account_id}.")
    adapter = adapter_for(account.adapter)
    if not isinstance(adapter, SchedulesPickups):
        if isinstance(adapter, LeavesOut) and "pickups" in adapter.not_offered:
            raise Conflict(f"{account.name} is not asked over an API: ask it to come in its panel.")
        return PickupAsked("", on)
    rows = Booking.objects.filter(pk__in=booking_ids, account=account, state=BookingState.BOOKED).order_by("pk")
    with _asking(rows, account):
        booked = list(rows)
        waiting = [booking for booking in booked if not _stands(booking, today or on)]
        if not waiting:
            return next((PickupAsked(row.pickup_reference, row.pickup_on or on) for row in booked), PickupAsked("", on))
        return _ask_all(adapter, account, waiting, on)


@contextmanager
def _asking(rows: QuerySet[Booking], account: CarrierAccount) -> Iterator[None]:
    """Nobody else asks for these meanwhile: two vehicles would come. Who dies while asking keeps them for minutes."""
    ids = list(rows.values_list("pk", flat=True))
    mine = Booking.objects.filter(pk__in=ids)

    def claim() -> None:
        lock_bookings(ids)
        if mine.filter(pickup_asking_at__gt=now() - ASKING_LASTS).exists():
            raise Conflict(f"Somebody is asking {account.name} to come at this moment. Try again in a few seconds.")
        mine.update(pickup_asking_at=now())

    run_atomic(claim)
    try:
        yield
    finally:
        mine.update(pickup_asking_at=None)


def _ask_all(adapter: SchedulesPickups, account: CarrierAccount, waiting: Sequence[Booking], on: date) -> PickupAsked:
    if isinstance(adapter, CollectsByPlace):
        return _ask_by_place(adapter, account, waiting, on)
    try:
        return _ask(adapter, account, waiting, on)
    except PermanentError:
        if len(waiting) == 1:
            raise
    return _ask_one_by_one(adapter, account, waiting, on)


def _stands(booking: Booking, today: date) -> bool:
    return bool(booking.pickup_reference) and booking.pickup_on is not None and booking.pickup_on >= today


def _ask(adapter: SchedulesPickups, account: CarrierAccount, waiting: Sequence[Booking], on: date) -> PickupAsked:
    try:
        reference = adapter.schedule_pickup(account_config(account), [booked_of(booking) for booking in waiting], on)
    except (TransientError, UnknownOutcome) as error:
        note_failure(account, error)
        raise TransientError(str(error)) from error
    note_ok(account)
    asked = PickupAsked((reference or WITHOUT_REFERENCE)[:80], on)
    rows = Booking.objects.filter(pk__in=[booking.pk for booking in waiting])
    rows.update(pickup_reference=asked.reference, pickup_on=on)
    return asked


def _ask_by_place(
    adapter: SchedulesPickups, account: CarrierAccount, waiting: Sequence[Booking], on: date
) -> PickupAsked:
    """Each place once. What was asked for one is kept whatever becomes of the next."""
    places: dict[str, list[Booking]] = {}
    for booking in waiting:
        places.setdefault(booked_of(booking).external_ids.get("node", ""), []).append(booking)
    asked, refused = PickupAsked("", on), []
    for bookings in places.values():
        try:
            asked = _ask(adapter, account, bookings, on)
        except PermanentError as error:
            refused.append(str(error))
    if refused:
        raise PermanentError(" ".join(refused))
    return asked


def _ask_one_by_one(
    adapter: SchedulesPickups, account: CarrierAccount, waiting: Sequence[Booking], on: date
) -> PickupAsked:
    """One of them was refused: the others are asked for all the same. A carrier takes a repetition as what stands."""
    asked, refused = PickupAsked("", on), []
    for booking in waiting:
        try:
            asked = _ask(adapter, account, [booking], on)
        except PermanentError as error:
            refused.append(f"{booking.awb}: {error}")
    if refused:
        more = f" {len(refused) - 3} more were refused." if len(refused) > 3 else ""
        raise PermanentError(f"Refused of {len(waiting)} parcels: {' '.join(refused[:3])}{more}")
    return asked
