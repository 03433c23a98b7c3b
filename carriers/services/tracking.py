"""Scans: pushed, polled or typed in, all recorded by one function."""

from __future__ import annotations

from carriers.base import NdrAnswer, TrackingUpdate
from carriers.models import Booking, CarrierAccount


def record_scans(*, account: CarrierAccount, update: TrackingUpdate, source: str) -> Booking | None:
    """Write what is new of an update; the booking, or None where the account has no booking with this AWB.

    Idempotent by `scan_key`. The booking's milestone is that of the latest scan by the time it happened, whatever the
    order in which scans arrive. `source` is webhook, poll or person. Publishes TrackingRecorded when something is new.
    """
    raise NotImplementedError


def poll_tracking(limit: int = 200) -> int:
    """Ask the carriers about the bookings that are due, at most `limit`; how many answered. Raises nothing.

    An account that fails is left alone for this run and then ever longer, up to half an hour. Never inside a
    transaction.
    """
    raise NotImplementedError


def answer_ndr(*, booking_id: int, answer: NdrAnswer) -> None:
    """Pass our answer to a failed attempt on to the carrier. Accepted is not done: the next scan tells.

    Raises NotFound, Conflict where the carrier takes no answers, TransientError, PermanentError. Never inside a
    transaction.
    """
    raise NotImplementedError
