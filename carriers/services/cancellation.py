"""Void bookings at the carrier."""

from __future__ import annotations

from collections.abc import Callable

from carriers.base import UnknownOutcome
from carriers.events import BookingCancelled
from carriers.locks import lock_booking
from carriers.models import Booking, BookingState
from carriers.registry import adapter_for
from carriers.services.accounts import note_failure, note_ok
from carriers.services.network import refuse_open_transaction
from carriers.services.outcomes import booked_of, call_config, withdraw
from carriers.states import BOOKING
from oms.core import clock, outbox
from oms.core.db import run_atomic
from oms.core.errors import NotFound, PermanentError, TransientError
from oms.core.states import advance

State = BookingState


def cancel_booking(
    booking_id: int, *, actor: str = "", reason: str = "", guard: Callable[[], None] | None = None
) -> Booking:  # fmt: skip
    """Void one booking; idempotent. Never inside a transaction. Publishes BookingCancelled.

    Returns it as CANCELLED, or as FAILED where the carrier never had it. Raises TransientError when the carrier does
    not answer (call again; `settle_unknown` does too), PermanentError when it refuses: the booking is BOOKED as before.
    `guard` is called in the transaction in which a booked one begins to be cancelled: it locks what must not take the
    booking meanwhile, and raises where something has taken it.
    """
    refuse_open_transaction("cancel_booking")
    booking = Booking.objects.select_related("account").filter(pk=booking_id).first()
    if booking is None:
        raise NotFound(f"There is no booking {booking_id}.")
    if booking.state in (State.REQUESTED, State.UNKNOWN):
        if booking.state == State.REQUESTED and booking.next_poll_at is not None:
            raise TransientError(f"Booking {booking} is being asked for right now.", retry_after_seconds=5)
        booking = withdraw(booking, reason or "Cancelled before it was booked.", actor=actor, cancelled=True)
    if booking.state == State.BOOKED:
        run_atomic(lambda: _begin(booking, guard, actor=actor, reason=reason))
    if booking.state == State.CANCELLING:
        return finish_cancellation(booking, actor=actor)
    return booking


def _begin(booking: Booking, guard: Callable[[], None] | None, *, actor: str, reason: str) -> None:
    if guard is not None:
        guard()
    # In case this runs a second time, the object in hand says no more than the row.
    booking.state = State.BOOKED
    advance(booking, State.CANCELLING, using=BOOKING, actor=actor, reason=reason[:200], next_poll_at=None)


def finish_cancellation(booking: Booking, *, actor: str) -> Booking:
    """Carry a cancellation through at the carrier, which takes it twice without harm.

    Raises TransientError (it stays CANCELLING) or PermanentError (it is BOOKED again, the reason in `error`).
    """
    try:
        adapter_for(booking.account.adapter).cancel(call_config(booking), booked_of(booking))
    except PermanentError as error:
        refusal = str(error)
        run_atomic(lambda: _end(booking, State.BOOKED, actor=actor, error=refusal))
        raise
    except (TransientError, UnknownOutcome) as error:
        note_failure(booking.account, error)
        raise TransientError(str(error)) from error
    note_ok(booking.account)
    return run_atomic(lambda: _end(booking, State.CANCELLED, actor=actor))


def _end(booking: Booking, to_state: BookingState, *, actor: str, error: str = "") -> Booking:
    locked = lock_booking(booking.pk)
    if locked.state != State.CANCELLING:
        return locked
    next_poll_at = clock.now() if to_state == State.BOOKED else None
    advance(
        locked, to_state, using=BOOKING, actor=actor, reason=error[:200], error=error[:1000], next_poll_at=next_poll_at
    )
    if to_state == State.CANCELLED:
        outbox.publish([BookingCancelled(booking_id=locked.pk, parcel_uid=str(locked.parcel_uid))])
    return locked
