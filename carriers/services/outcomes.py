"""What becomes of a booking after a call: each function writes one outcome, in one transaction.

A caller that was taken for dead may come back with a reply while somebody else has gone on. So nothing here trusts the
booking in hand: it is read again under its lock.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import IntegrityError

from carriers.base import Booked, CarrierAdapter, CarrierConfig, UnknownOutcome
from carriers.errors import NotProven
from carriers.events import BookingCancelled, BookingSettled
from carriers.locks import lock_booking
from carriers.models import Booking, BookingState, CarrierAccount, Label
from carriers.registry import adapter_for
from carriers.services.accounts import account_config, note_failure
from carriers.services.stored_request import GIVEN_AWB
from carriers.states import BOOKING
from oms.core import clock, outbox
from oms.core.db import run_atomic
from oms.core.errors import PermanentError, TransientError
from oms.core.states import advance

logger = logging.getLogger(__name__)

State = BookingState
#: A caller that has not come back for so long is dead. A booking is up to a dozen requests of at most 20 s each.
LEASE_SECONDS = 300
#: For so long after a lost reply the carrier may still be working on it, and "I hold nothing" proves nothing.
PROOF_AFTER_SECONDS = 60
#: The first scan is looked for after so long.
FIRST_POLL = timedelta(hours=2)
_MAX_ERROR = 1000


def lease(account: CarrierAccount) -> timedelta:
    """How long a call may take; the account's setting `lease_seconds` wins."""
    return timedelta(seconds=float(account.settings.get("lease_seconds", LEASE_SECONDS)))


def proof_after(account: CarrierAccount) -> timedelta:
    """When a lost call is surely over; the account's setting `proof_after_seconds` wins."""
    return timedelta(seconds=float(account.settings.get("proof_after_seconds", PROOF_AFTER_SECONDS)))


def call_config(booking: Booking) -> CarrierConfig:
    """The account's configuration for calls about this booking; an AWB given to it goes along."""
    config = account_config(booking.account)
    given = booking.request.get(GIVEN_AWB)
    if not given:
        return config
    return CarrierConfig(
        account_id=config.account_id,
        code=config.code,
        base_url=config.base_url,
        secrets=config.secrets,
        settings={**config.settings, "awb": given},
    )


def booked_of(booking: Booking) -> Booked:
    """A booking as its adapter gave it to us. One that was found by its reference lacks what only the request holds:
    the node and country that it leaves, its weight, whether customs sees it. That is added."""
    return Booked(
        awb=booking.awb,
        courier_name=booking.courier_name,
        external_ids=_asked(booking.request) | dict(booking.external_ids),
        charge_minor=booking.charge_minor,
        expected_delivery=booking.expected_delivery,
    )


def _asked(stored: Mapping[str, Any]) -> dict[str, str]:
    start, goal = (str((stored.get(name) or {}).get("country") or "") for name in ("ship_from", "ship_to"))
    found = {
        "node": str(stored.get("ship_from_code") or ""), "country": start,
        "grams": str(stored.get("weight_grams") or ""), "declarable": "yes" if start != goal else "",
    }  # fmt: skip
    return {name: value for name, value in found.items() if value}


def claim(booking: Booking) -> bool:
    """Become the one caller of a booking that nobody is calling about; False when somebody was first."""
    until = clock.now() + lease(booking.account)
    free = Booking.objects.filter(pk=booking.pk, state=State.REQUESTED, next_poll_at__isnull=True)
    if free.update(next_poll_at=until, attempts=booking.attempts + 1) != 1:
        return False
    booking.next_poll_at, booking.attempts = until, booking.attempts + 1
    return True


def release(booking: Booking, error: Exception) -> None:
    """The call surely did nothing: the booking may be asked for again."""
    mine = Booking.objects.filter(pk=booking.pk, state=State.REQUESTED, next_poll_at=booking.next_poll_at)
    mine.update(next_poll_at=None, error=str(error)[:_MAX_ERROR])


def mark_unknown(booking: Booking, error: Exception | str, *, proof_in: timedelta) -> Booking:
    """The call may have taken effect. "I hold nothing" counts as proof after `proof_in`."""

    def work() -> Booking:
        locked = lock_booking(booking.pk)
        if locked.state == State.REQUESTED and locked.next_poll_at == booking.next_poll_at:
            advance(
                locked,
                State.UNKNOWN,
                using=BOOKING,
                actor="carriers",
                reason="The carrier's reply was lost",
                next_poll_at=clock.now() + proof_in,
                error=str(error)[:_MAX_ERROR],
            )
        return locked

    return run_atomic(work)


def adopt(
    booking: Booking, booked: Booked, *, settled: bool = False, actor: str = "carriers", reason: str = ""
) -> Booking:
    """The carrier has the parcel under this AWB. What nobody waits for any more is voided at once.

    Returns the booking as it stands now: BOOKED as a rule, FAILED when the AWB belongs to another booking. `settled`
    publishes BookingSettled; `actor` and `reason` say who found it and where.
    """

    def work() -> tuple[Booking, bool]:
        locked = lock_booking(booking.pk)
        if locked.state in (State.REQUESTED, State.UNKNOWN):
            _write_booked(locked, booked, actor, reason)
            if settled:
                outbox.publish([BookingSettled(booking_id=locked.pk, parcel_uid=str(locked.parcel_uid))])
            return locked, False
        return locked, locked.awb != booked.awb

    current, orphaned = run_atomic(work)
    if orphaned:
        _void_orphan(current, booked)
    return current


def _write_booked(locked: Booking, booked: Booked, actor: str, reason: str) -> None:
    moment = clock.now()
    try:
        advance(
            locked,
            State.BOOKED,
            using=BOOKING,
            actor=actor,
            reason=reason[:200],
            awb=booked.awb,
            courier_name=booked.courier_name[:120],
            external_ids=dict(booked.external_ids),
            charge_minor=booked.charge_minor,
            expected_delivery=booked.expected_delivery,
            booked_at=moment,
            next_poll_at=moment + FIRST_POLL,
            error="",
        )
    except IntegrityError:
        # Nobody may void it: the AWB is that of a parcel of ours, perhaps one on its way.
        fail(locked, f"The carrier gave AWB {booked.awb}, which another booking of this account has.")
        return
    if booked.label_pdf:
        Label.objects.get_or_create(booking=locked, defaults={"pdf": booked.label_pdf, "zpl": "", "from_carrier": True})


def fail(locked: Booking, error: str, *, actor: str = "carriers") -> None:
    """Close a booking that the carrier surely does not hold. Joins the caller's transaction."""
    reason = error[:200]
    advance(
        locked, State.FAILED, using=BOOKING, actor=actor, reason=reason, next_poll_at=None, error=error[:_MAX_ERROR]
    )


def _void_orphan(booking: Booking, booked: Booked) -> None:
    try:
        adapter_for(booking.account.adapter).cancel(account_config(booking.account), booked)
        logger.warning("Voided AWB %s: booking %s has gone on without it.", booked.awb, booking.pk)
    except (TransientError, PermanentError, UnknownOutcome) as error:
        note_failure(booking.account, error)
        logger.error("AWB %s of booking %s is not ours any more and could not be voided: %s",
                     booked.awb, booking.pk, error)  # fmt: skip


def withdraw(booking: Booking, why: str, *, actor: str = "carriers", cancelled: bool = False) -> Booking:
    """Make sure that the carrier holds nothing of a booking that is not BOOKED: FAILED, with `why`.

    Returns it as BOOKED when the carrier turns out to have it. `cancelled` publishes BookingCancelled. Raises
    TransientError while it is not certain, PermanentError when the carrier does not let itself be asked.
    """
    if booking.state == State.REQUESTED and not claim(booking):
        raise TransientError(f"Booking {booking} is being asked for right now.", retry_after_seconds=5)
    try:
        adapter, config = adapter_for(booking.account.adapter), call_config(booking)
        found = _found(adapter, config, booking)
        if found is not None and found.awb:
            return adopt(booking, found)
        if booking.state == State.UNKNOWN and booking.next_poll_at and clock.now() < booking.next_poll_at:
            raise TransientError(f"What became of booking {booking} is not certain yet.", retry_after_seconds=30)
        if found is not None:
            adapter.cancel(config, found)
    except (TransientError, PermanentError, UnknownOutcome) as error:
        release(booking, error)
        if isinstance(error, UnknownOutcome):
            raise TransientError(str(error)) from error
        raise
    return _close(booking, why, actor=actor, cancelled=cancelled)


def _found(adapter: CarrierAdapter, config: CarrierConfig, booking: Booking) -> Booked | None:
    """What the carrier holds. Nothing is in doubt about a booking whose calls left nothing behind."""
    try:
        return adapter.find_booking(config, booking.client_reference)
    except NotProven:
        if booking.state == State.UNKNOWN:
            raise
        return None


def _close(booking: Booking, why: str, *, actor: str, cancelled: bool) -> Booking:
    def work() -> Booking:
        locked = lock_booking(booking.pk)
        if (locked.state, locked.next_poll_at) != (booking.state, booking.next_poll_at):
            raise TransientError(f"Booking {booking} was changed by someone else a moment ago.", retry_after_seconds=5)
        fail(locked, why, actor=actor)
        if cancelled:
            outbox.publish([BookingCancelled(booking_id=locked.pk, parcel_uid=str(locked.parcel_uid))])
        return locked

    return run_atomic(work)
