"""Cash on delivery as a book: what carriers have collected for us, what they paid, and what is open.

Each delivered COD parcel is a debt of its carrier until a remittance pays it. Everything here runs in the caller's or
its own transaction, with the bookings locked in the order of their keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db.models import Count, Exists, OuterRef

from carriers.base import Milestone
from carriers.locks import lock_bookings
from carriers.models import (
    Booking,
    BookingState,
    CashBook,
    CashEntry,
    CashEvent,
    CashPosition,
    CashTransaction,
    TrackingEvent,
)
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError, NotFound

#: Bookings that one transaction of the sweep takes.
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a transaction; positive is a debit. Without a booking it is nobody's parcel."""

    book: CashBook
    amount_minor: int
    booking_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A transaction to be written. `sides` add up to zero; those of nothing are left out."""

    key: str
    event: CashEvent
    account_id: int
    currency: str
    sides: Sequence[Side]
    happened_at: datetime
    booking_id: int | None = None
    line_id: int | None = None
    reverses_id: int | None = None
    note: str = ""
    actor: str = ""


def write(drafts: Iterable[Draft]) -> int:
    """Write transactions with their entries, in two statements; how many."""
    listed = list(drafts)
    rows = CashTransaction.objects.bulk_create(
        CashTransaction(
            key=draft.key, event=draft.event, account_id=draft.account_id, booking_id=draft.booking_id,
            line_id=draft.line_id, reverses_id=draft.reverses_id, note=draft.note[:300], actor=draft.actor[:150],
            happened_at=draft.happened_at,
        )
        for draft in listed
    )  # fmt: skip
    CashEntry.objects.bulk_create(
        CashEntry(transaction=row, account_id=draft.account_id, booking_id=side.booking_id, book=side.book,
                  amount_minor=side.amount_minor, currency=draft.currency)
        for row, draft in zip(rows, listed, strict=True) for side in draft.sides if side.amount_minor
    )  # fmt: skip
    return len(rows)


def currency_of(booking: Booking) -> str:
    """The currency in which the carrier collects."""
    return str(booking.request.get("currency") or booking.currency)


def positions(booking_ids: Iterable[int]) -> dict[int, CashPosition]:
    """What is open of these bookings; those without any cash are absent."""
    return CashPosition.objects.in_bulk(list(booking_ids))


# -- collected ---------------------------------------------------------------------------------------------------------


def book_collections(bookings: Sequence[Booking]) -> int:
    """Bring the book of locked bookings to what their scans say now; how many transactions that took.

    A COD parcel whose latest scan says delivered has been collected; one whose later scan says otherwise has not, and
    what was booked is taken back. What was paid before delivery is set against it. Done again, nothing changes.
    """
    with_cash = [booking for booking in bookings if booking.cod_minor > 0 and booking.state == BookingState.BOOKED]
    if not with_cash:
        return 0
    ids = [booking.pk for booking in with_cash]
    standing = {
        row.booking_id: row
        for row in CashTransaction.objects.filter(
            booking__in=ids, event=CashEvent.COLLECTED, reversed_by__isnull=True
        )
    }  # fmt: skip
    arrived = {booking.pk for booking in with_cash if booking.milestone == Milestone.DELIVERED}
    new = [booking for booking in with_cash if booking.pk in arrived and booking.pk not in standing]
    wrong = [booking for booking in with_cash if booking.pk not in arrived and booking.pk in standing]
    if not new and not wrong:
        return 0
    known = positions(ids)
    turns = _turns([booking.pk for booking in new], CashEvent.COLLECTED)
    moments = _delivered_at([booking.pk for booking in new])
    drafts = [_collected(booking, known.get(booking.pk), turns, moments) for booking in new]
    drafts += [_not_collected(booking, standing[booking.pk]) for booking in wrong]
    return write(drafts)


def _collected(
    booking: Booking, open_now: CashPosition | None, turns: Mapping[int, int], moments: Mapping[int, datetime]
) -> Draft:  # fmt: skip
    early = min(open_now.excess_minor, booking.cod_minor) if open_now is not None else 0
    sides = [
        Side(CashBook.DUE, booking.cod_minor - early, booking.pk), Side(CashBook.EXCESS, early, booking.pk),
        Side(CashBook.CUSTOMERS, -booking.cod_minor, booking.pk),
    ]  # fmt: skip
    return Draft(
        key=f"collected/{booking.pk}/{turns.get(booking.pk, 0) + 1}", event=CashEvent.COLLECTED,
        account_id=booking.account_id, booking_id=booking.pk, currency=currency_of(booking), sides=sides,
        happened_at=moments.get(booking.pk) or now(), actor="carrier",
    )  # fmt: skip


def _not_collected(booking: Booking, collected: CashTransaction) -> Draft:
    amount = booking.cod_minor
    return Draft(
        key=f"not_collected/{collected.pk}", event=CashEvent.NOT_COLLECTED, account_id=booking.account_id,
        booking_id=booking.pk, currency=currency_of(booking), reverses_id=collected.pk, happened_at=now(),
        sides=[Side(CashBook.DUE, -amount, booking.pk), Side(CashBook.CUSTOMERS, amount, booking.pk)],
        note=f"The latest scan says {booking.milestone}.", actor="carrier",
    )  # fmt: skip


def _turns(booking_ids: Sequence[int], event: CashEvent) -> dict[int, int]:
    """How often this has happened to each booking before."""
    rows = CashTransaction.objects.filter(booking__in=booking_ids, event=event)
    return dict(rows.values_list("booking_id").annotate(n=Count("pk")).values_list("booking_id", "n"))


def _delivered_at(booking_ids: Sequence[int]) -> dict[int, datetime]:
    scans = TrackingEvent.objects.filter(booking__in=booking_ids, milestone=Milestone.DELIVERED)
    return dict(scans.order_by("occurred_at").values_list("booking_id", "occurred_at"))


def collect_missing(*, limit: int = 10_000) -> int:
    """Book what was collected and is not in the book: for parcels that came in by another way than their scans.

    Returns how many transactions it wrote. Run by the clock.
    """
    booked = CashTransaction.objects.filter(booking=OuterRef("pk"), event=CashEvent.COLLECTED)
    rows = Booking.objects.filter(cod_minor__gt=0, milestone="delivered", state=BookingState.BOOKED)
    ids = list(rows.filter(~Exists(booked)).order_by("pk").values_list("pk", flat=True)[:limit])
    return sum(run_atomic(partial(_collect, ids[start : start + _BATCH])) for start in range(0, len(ids), _BATCH))


def _collect(booking_ids: Sequence[int]) -> int:
    return book_collections(lock_bookings(booking_ids))


# -- given up ----------------------------------------------------------------------------------------------------------


def write_off(*, booking_id: int, reason: str, actor: str) -> int:
    """Close what is open of one parcel: a debt that is given up, or an excess that is settled elsewhere.

    Returns the amount that left the open items, in minor units. Raises NotFound, DomainError without a reason, Conflict
    where nothing is open.
    """
    if not reason.strip():
        raise DomainError("Say why it is written off.", field="reason")

    def work() -> int:
        booking = next(iter(lock_bookings([booking_id])), None)
        if booking is None:
            raise NotFound(f"There is no booking {booking_id}.")
        open_now = positions([booking_id]).get(booking_id)
        due, excess = (open_now.due_minor, open_now.excess_minor) if open_now is not None else (0, 0)
        if not due and not excess:
            raise Conflict(f"Nothing is open of {booking.awb}.")
        turn = _turns([booking_id], CashEvent.WRITTEN_OFF).get(booking_id, 0) + 1
        sides = [Side(CashBook.DUE, -due, booking_id), Side(CashBook.EXCESS, excess, booking_id),
                 Side(CashBook.WRITTEN_OFF, due - excess, booking_id)]  # fmt: skip
        draft = Draft(
            key=f"written_off/{booking_id}/{turn}", event=CashEvent.WRITTEN_OFF, account_id=booking.account_id,
            booking_id=booking_id, currency=currency_of(booking), sides=sides, happened_at=now(), note=reason,
            actor=actor,
        )  # fmt: skip
        write([draft])
        return due + excess

    return run_atomic(work)
