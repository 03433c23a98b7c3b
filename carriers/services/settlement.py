"""Find out what became of bookings whose outcome is not certain."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

from django.db.models import Q

from carriers.adapters.manual.awb import clean_awb
from carriers.base import Booked, CannotProveAbsence, UnknownOutcome
from carriers.errors import NotProven, StillUnderWay
from carriers.events import BookingSettled
from carriers.locks import lock_booking
from carriers.models import Booking, BookingState
from carriers.registry import ADAPTERS, adapter_for
from carriers.services.accounts import note_failure, note_ok, paused_account_ids
from carriers.services.cancellation import finish_cancellation
from carriers.services.network import refuse_open_transaction
from carriers.services.outcomes import adopt, call_config, mark_unknown, proof_after
from carriers.states import BOOKING
from oms.core import clock, outbox
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError, NotFound, PermanentError, TransientError
from oms.core.states import advance

logger = logging.getLogger(__name__)
State = BookingState
#: Between two look-ups of a booking that only a person can settle: as long as it has been waiting, within these.
_LEAST_PAUSE = timedelta(minutes=1)
_LONGEST_PAUSE = timedelta(hours=1)


def settle_unknown(booking_ids: Sequence[int] | None = None, *, limit: int = 100) -> list[Booking]:
    """Ask the carriers about unsettled bookings (those given, or all that are due); the bookings that are certain now.

    Found at the carrier: adopted as BOOKED. Surely not there: REQUESTED again, so that `book` may ask once more under
    the same reference. Cancellations that were cut off are carried through. Each one publishes BookingSettled (or
    BookingCancelled). A carrier that does not answer leaves its bookings as they are; nothing is raised.
    Never inside a transaction.
    """
    refuse_open_transaction("settle_unknown")
    settled: list[Booking] = []
    silent: set[int] = set()
    for booking in _unsettled(booking_ids, limit):
        if booking.account_id in silent:
            continue
        try:
            after = _settle_one(booking)
        except StillUnderWay as error:
            logger.info("Booking %s is not settled: %s", booking.pk, error)
            continue
        except TransientError as error:
            logger.info("Booking %s is not settled: %s", booking.pk, error)
            silent.add(booking.account_id)
            continue
        except (PermanentError, DomainError) as error:
            logger.warning("Booking %s cannot be settled: %s", booking.pk, error)
            Booking.objects.filter(pk=booking.pk).update(error=str(error)[:1000])
            continue
        if after.state != booking.state:
            settled.append(after)
    return settled


def _unsettled(booking_ids: Sequence[int] | None, limit: int) -> list[Booking]:
    abandoned = Q(state=State.REQUESTED, next_poll_at__lte=clock.now())
    rows = Booking.objects.filter(abandoned | Q(state__in=[State.UNKNOWN, State.CANCELLING])).select_related("account")
    if booking_ids is not None:
        return list(rows.filter(pk__in=booking_ids).order_by("pk"))
    # Where only a person can tell, the carrier is asked ever more seldom.
    doubtful = [code for code, adapter in ADAPTERS.items() if isinstance(adapter, CannotProveAbsence)]
    rows = rows.exclude(state=State.UNKNOWN, account__adapter__in=doubtful, next_poll_at__gt=clock.now())
    return list(rows.exclude(account_id__in=paused_account_ids()).order_by("pk")[:limit])


def _settle_one(booking: Booking) -> Booking:
    if booking.state == State.CANCELLING:
        return finish_cancellation(booking, actor="carriers")
    return settle(booking)


def settle(booking: Booking) -> Booking:
    """Look one booking up at the carrier; it stays UNKNOWN while nothing is proven.

    Raises TransientError or PermanentError where the carrier cannot be asked.
    """
    if booking.state == State.REQUESTED:
        # Its caller died. What it asked for has had its whole lease to arrive.
        booking = mark_unknown(booking, "The call was cut off.", proof_in=timedelta())
    if booking.state != State.UNKNOWN:
        return booking
    try:
        found = adapter_for(booking.account.adapter).find_booking(call_config(booking), booking.client_reference)
    except UnknownOutcome as error:
        note_failure(booking.account, error)
        raise TransientError(str(error)) from error
    except NotProven as error:
        note_ok(booking.account)
        return _leave_to_a_person(booking, error)
    except StillUnderWay:
        note_ok(booking.account)
        raise
    except (TransientError, PermanentError) as error:
        note_failure(booking.account, error)
        raise
    note_ok(booking.account)
    if found is not None and found.awb:
        return adopt(booking, found, settled=True)
    if booking.next_poll_at and clock.now() < booking.next_poll_at:
        return booking
    # Nothing is there, or an order without an AWB: the same call under the same reference makes or completes it.
    return _ask_again(booking)


def _leave_to_a_person(booking: Booking, doubt: NotProven) -> Booking:
    """It stays UNKNOWN. A search may lag behind, so the carrier is asked again, ever more seldom."""
    moment = clock.now()
    pause = min(max(moment - booking.created_at, _LEAST_PAUSE), _LONGEST_PAUSE)
    mine = Booking.objects.filter(pk=booking.pk, state=State.UNKNOWN, next_poll_at=booking.next_poll_at)
    if mine.update(next_poll_at=moment + pause, error=str(doubt)[:1000]):
        booking.next_poll_at, booking.error = moment + pause, str(doubt)[:1000]
    return booking


def waits_for_a_person(booking: Booking) -> bool:
    """Its outcome is not known, and of this carrier a search that finds nothing proves nothing."""
    return booking.state == State.UNKNOWN and isinstance(adapter_for(booking.account.adapter), CannotProveAbsence)


def decide_unknown(booking_id: int, *, awb: str = "", actor: str, reason: str) -> Booking:
    """A person looked in the carrier's panel: the parcel stands there under `awb`, or, without one, it is not there.

    Not there makes it REQUESTED again, so that it is booked anew; under an AWB it is BOOKED. Who decided, and why, is
    kept. Raises NotFound, Conflict unless the outcome is unknown and the call is surely over, DomainError without a
    reason or for an AWB that cannot be one.
    """
    booking = Booking.objects.select_related("account").filter(pk=booking_id).first()
    if booking is None:
        raise NotFound(f"There is no booking {booking_id}.")
    if booking.state != State.UNKNOWN:
        raise Conflict(f"Booking {booking} is {booking.get_state_display().lower()}: there is nothing to decide.")
    if not reason.strip():
        raise DomainError("Say what you saw in the carrier's panel.")
    if awb:
        name = adapter_for(booking.account.adapter).name
        return adopt(
            booking, Booked(awb=clean_awb(awb), courier_name=name), settled=True, actor=actor, reason=reason.strip()
        )
    if clock.now() < booking.created_at + proof_after(booking.account):
        raise Conflict("The carrier may still be working on it: look again in a minute.")
    after = _ask_again(booking, actor=actor, reason=f"Not in the panel: {reason.strip()}"[:200])
    if after.state != State.REQUESTED:
        raise Conflict(f"Booking {after} was settled a moment ago: it is {after.get_state_display().lower()}.")
    return after


def _ask_again(
    booking: Booking, *, actor: str = "carriers", reason: str = "The carrier holds nothing under our reference"
) -> Booking:
    def work() -> Booking:
        locked = lock_booking(booking.pk)
        if locked.state == State.UNKNOWN and locked.next_poll_at == booking.next_poll_at:
            advance(
                locked,
                State.REQUESTED,
                using=BOOKING,
                actor=actor,
                reason=reason,
                next_poll_at=None,
            )
            outbox.publish([BookingSettled(booking_id=locked.pk, parcel_uid=str(locked.parcel_uid))])
        return locked

    return run_atomic(work)
