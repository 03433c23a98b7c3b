"""Scans: pushed, polled or typed in, all recorded by one function."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max

from carriers.adapters.way_back import TURNS, on_the_way_back
from carriers.base import (
    AnswersNdr,
    Milestone,
    NdrAction,
    NdrAnswer,
    TellsBothWaysAlike,
    TrackingScan,
    TrackingUpdate,
    UnknownOutcome,
)
from carriers.events import TrackingRecorded
from carriers.locks import lock_booking
from carriers.models import Booking, BookingState, CarrierAccount, TrackingEvent
from carriers.registry import ADAPTERS, adapter_for
from carriers.services.accounts import account_config, note_failure, note_ok, paused_account_ids
from carriers.services.cash import book_collections
from carriers.services.network import refuse_open_transaction
from oms.core import clock, outbox
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError, NotFound, PermanentError, TransientError

logger = logging.getLogger(__name__)

_POLL_EVERY = {
    Milestone.OUT_FOR_DELIVERY: timedelta(hours=1),
    Milestone.ATTEMPT_FAILED: timedelta(hours=2),
    Milestone.LOST: timedelta(days=1),
    Milestone.DAMAGED: timedelta(days=1),
}
_POLL_OTHERS = timedelta(hours=4)
#: A carrier that pushes is asked more seldom, and never less than once a day: pushes get lost.
_PUSHED_FACTOR = 4
_LONGEST_POLL = timedelta(days=1)
#: After these nothing more is expected; a late scan is still recorded when it is pushed.
FINAL = frozenset({Milestone.DELIVERED, Milestone.RTO_DELIVERED, Milestone.CANCELLED})
#: Nobody asks about a parcel for ever.
_POLL_AT_MOST = timedelta(days=90)
_POLL_CLAIM = timedelta(minutes=15)
_AFTER_FAILURE = timedelta(minutes=5)
_AFTER_REFUSAL = timedelta(hours=6)


# -- record ------------------------------------------------------------------------------------------------------------


def record_scans(*, account: CarrierAccount, update: TrackingUpdate, source: str) -> Booking | None:
    """Write what is new of an update; the booking, or None where the account has no booking with this AWB.

    Idempotent by `scan_key`. The booking's milestone is that of the latest scan by the time it happened, whatever the
    order in which scans arrive. `source` is webhook, poll or person. Publishes TrackingRecorded when something is new.
    """
    awb = _clean(update.awb)
    booking = Booking.objects.filter(account=account, awb=awb).only("pk").first() if awb else None
    if booking is None:
        return None
    booking_id = booking.pk
    alike = isinstance(ADAPTERS.get(account.adapter), TellsBothWaysAlike)
    return run_atomic(lambda: _record(booking_id, update, source, alike))


def _record(booking_id: int, update: TrackingUpdate, source: str, alike: bool) -> Booking:
    booking = lock_booking(booking_id)
    rows = _new_rows(booking, update, source, alike)
    TrackingEvent.objects.bulk_create(rows)
    moved = update.expected_delivery is not None and update.expected_delivery != booking.expected_delivery
    if rows:
        _set_milestone(booking)
    if moved:
        booking.expected_delivery = update.expected_delivery
    booking.next_poll_at = next_poll_at(booking, pushed=source == "webhook")
    booking.save(update_fields=["milestone", "last_scan_at", "expected_delivery", "next_poll_at"])
    if rows:
        book_collections([booking])
    if rows or moved:
        outbox.publish([TrackingRecorded(booking_id=booking.pk, awb=booking.awb)])
    return booking


def _new_rows(booking: Booking, update: TrackingUpdate, source: str, alike: bool) -> list[TrackingEvent]:
    stored = list(booking.scans.values_list("scan_key", "milestone", "occurred_at"))
    known = {key for key, _, _ in stored}
    turned = min((at for _, milestone, at in stored if alike and milestone in TURNS), default=None)
    moment = clock.now()
    rows = []
    for scan in update.scans:
        key = _clean(scan.scan_key)[:120]
        if key not in known:
            known.add(key)
            back = turned is not None and scan.occurred_at > turned
            rows.append(_row(booking, key, on_the_way_back(scan) if back else scan, source, moment))
    return rows


def _row(booking: Booking, key: str, scan: TrackingScan, source: str, moment: datetime) -> TrackingEvent:
    return TrackingEvent(
        booking=booking,
        scan_key=key,
        milestone=scan.milestone.value,
        sub_status=scan.sub_status.value if scan.sub_status else "",
        # Nothing is heard of before it happens: a clock that runs ahead must not outrank every later scan.
        occurred_at=min(scan.occurred_at, moment),
        carrier_status=_clean(scan.carrier_status)[:120],
        description=_clean(scan.description)[:300],
        location=_clean(scan.location)[:120],
        source=source,
        raw=_clean_json(scan.raw),
    )


def _set_milestone(booking: Booking) -> None:
    booking.last_scan_at = booking.scans.aggregate(last=Max("occurred_at"))["last"]
    telling = booking.scans.exclude(milestone=Milestone.UNKNOWN).order_by("-occurred_at", "-id")
    latest = telling.values_list("milestone", flat=True).first()
    if latest is not None:
        booking.milestone = latest


def next_poll_at(booking: Booking, *, pushed: bool) -> datetime | None:
    """When to ask about a parcel again; None when nothing more is expected."""
    moment = clock.now()
    since = booking.booked_at or booking.created_at
    if booking.state != BookingState.BOOKED or moment - since > _POLL_AT_MOST:
        return booking.next_poll_at if booking.state != BookingState.BOOKED else None
    milestone = Milestone(booking.milestone) if booking.milestone else Milestone.BOOKED
    if milestone in FINAL:
        return None
    every = _POLL_EVERY.get(milestone, _POLL_OTHERS)
    return moment + min(every * (_PUSHED_FACTOR if pushed else 1), _LONGEST_POLL)


def _clean(text: str) -> str:
    """Text that PostgreSQL can hold: no NUL, no half of a surrogate pair."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _clean_json(value: Any) -> Any:
    """JSON that PostgreSQL can hold: clean texts, finite numbers."""
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, Mapping):
        return {_clean(str(key)): _clean_json(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_clean_json(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


# -- poll --------------------------------------------------------------------------------------------------------------


def poll_tracking(limit: int = 200) -> int:
    """Ask the carriers about the bookings that are due, at most `limit`; how many answered. Raises nothing.

    An account that fails is left alone for this run and then ever longer, up to half an hour. Never inside a
    transaction.
    """
    refuse_open_transaction("poll_tracking")
    due = Booking.objects.filter(state=BookingState.BOOKED, next_poll_at__lte=clock.now())
    due = due.exclude(account_id__in=paused_account_ids()).select_related("account").order_by("next_poll_at", "pk")
    silent: set[int] = set()
    answered = 0
    for booking in due[:limit]:
        if booking.account_id in silent or not _claim_poll(booking):
            continue
        try:
            answered += _poll_one(booking)
        except TransientError as error:
            logger.info("Carrier account %s is not polled further now: %s", booking.account.code, error)
            silent.add(booking.account_id)
    return answered


def _claim_poll(booking: Booking) -> bool:
    """Push the next poll ahead, so that nobody else polls this booking and a crash only delays it."""
    mine = Booking.objects.filter(pk=booking.pk, state=BookingState.BOOKED, next_poll_at=booking.next_poll_at)
    return mine.update(next_poll_at=clock.now() + _POLL_CLAIM) == 1


def _poll_one(booking: Booking) -> bool:
    """True when the carrier answered, False when it refused. Raises TransientError when it is silent."""
    account = booking.account
    try:
        update = adapter_for(account.adapter).track(account_config(account), booking.awb)
    except (TransientError, UnknownOutcome) as error:
        note_failure(account, error)
        asked_for = timedelta(seconds=getattr(error, "retry_after_seconds", None) or 0)
        _poll_later(booking, max(_AFTER_FAILURE, asked_for))
        raise TransientError(str(error)) from error
    except (PermanentError, DomainError) as error:
        logger.warning("Booking %s cannot be tracked: %s", booking.pk, error)
        _poll_later(booking, _AFTER_REFUSAL)
        return False
    note_ok(account)
    if record_scans(account=account, update=update, source="poll") is None:
        _poll_later(booking, _AFTER_REFUSAL)
    return True


def _poll_later(booking: Booking, after: timedelta) -> None:
    Booking.objects.filter(pk=booking.pk, state=BookingState.BOOKED).update(next_poll_at=clock.now() + after)


# -- failed attempts ---------------------------------------------------------------------------------------------------


def answer_ndr(*, booking_id: int, answer: NdrAnswer) -> None:
    """Pass our answer to a failed attempt on to the carrier. Accepted is not done: the next scan tells.

    Raises NotFound, Conflict where the carrier takes no answers, TransientError, PermanentError; UnknownOutcome where
    the reply to a complaint of a fake attempt was lost, which would be two if it were repeated. Never inside a
    transaction.
    """
    refuse_open_transaction("answer_ndr")
    booking = Booking.objects.select_related("account").filter(pk=booking_id, state=BookingState.BOOKED).first()
    if booking is None:
        raise NotFound(f"There is no booked parcel {booking_id}.")
    adapter = adapter_for(booking.account.adapter)
    if not isinstance(adapter, AnswersNdr):
        raise Conflict(f"{booking.account.name} takes no answers to failed attempts here. Call the carrier.")
    try:
        adapter.answer_ndr(account_config(booking.account), booking.awb, answer)
    except UnknownOutcome as error:
        note_failure(booking.account, error)
        if answer.action is NdrAction.FAKE_ATTEMPT:
            raise
        raise TransientError(str(error)) from error
    note_ok(booking.account)
