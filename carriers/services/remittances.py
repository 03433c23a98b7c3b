"""What carriers pay of the cash that they collected: by UTR, matched to parcels by AWB, booked once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import partial

from django.db.models import Exists, OuterRef, Sum
from django.db.models.functions import Upper
from django.utils import timezone

from carriers.locks import lock_bookings, lock_remittance, lock_remittance_line
from carriers.models import (
    Booking,
    CashBook,
    CashEntry,
    CashEvent,
    CashPosition,
    CashTransaction,
    Finding,
    Remittance,
    RemittanceLine,
)
from carriers.services.cash import Draft, Side, currency_of, positions, write
from oms.core.clock import now
from oms.core.db import run_atomic
from oms.core.errors import Conflict, DomainError, NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidParcel:
    """One AWB of a remittance. `row` is where it stands in the file; amounts are minor units, never negative."""

    row: int
    awb: str
    amount_minor: int
    deducted_minor: int = 0

    @property
    def gross_minor(self) -> int:
        """What the carrier says it collected."""
        return self.amount_minor + self.deducted_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidTogether:
    """A remittance as a file says it: one UTR and its parcels."""

    account_id: int
    utr: str
    paid_on: date
    currency: str
    parcels: Sequence[PaidParcel]
    filename: str = ""


def record_remittance(paid: PaidTogether, *, actor: str) -> Counter[str]:
    """Write a remittance and set it against what is due: how many new lines there are of each finding.

    A UTR that is known already takes AWBs that it did not have, and passes over those that say the same. Raises
    DomainError (`field` and `row` in its data) where it says something else than before: another day, or another amount
    for an AWB; or where a parcel collects in another currency.
    """

    def work() -> Counter[str]:
        lock_remittance(paid.account_id, paid.utr)
        remittance, _ = Remittance.objects.get_or_create(
            account_id=paid.account_id, utr=paid.utr,
            defaults={"paid_on": paid.paid_on, "currency": paid.currency, "filename": paid.filename[:200],
                      "created_by": actor[:150]},
        )  # fmt: skip
        new = new_parcels(remittance, paid)
        bookings = _bookings_of(paid.account_id, [parcel.awb for parcel in new])
        _check_currency(paid, new, bookings)
        known = positions(booking.pk for booking in bookings.values())
        lines = [_line(remittance, parcel, bookings.get(parcel.awb), known) for parcel in new]
        RemittanceLine.objects.bulk_create(lines)
        write(_remitted(line, bookings.get(line.awb), known, actor) for line in lines)
        return Counter(line.finding for line in lines)

    return run_atomic(work)


def new_parcels(remittance: Remittance | None, paid: PaidTogether) -> list[PaidParcel]:
    """The parcels of `paid` that its remittance does not have yet. Raises DomainError where the two contradict."""
    if remittance is None:
        return list(paid.parcels)
    if remittance.paid_on != paid.paid_on:
        raise DomainError(f"UTR {paid.utr} was paid on {remittance.paid_on}, the file says {paid.paid_on}.",
                          field="paid_on", row=paid.parcels[0].row)  # fmt: skip
    if remittance.currency != paid.currency:
        raise DomainError(f"UTR {paid.utr} is in {remittance.currency}, the file says {paid.currency}.",
                          field="currency", row=paid.parcels[0].row)  # fmt: skip
    written = {line.awb: line for line in remittance.lines.all()}
    for parcel in paid.parcels:
        line = written.get(parcel.awb)
        if line is not None and (line.amount_minor, line.deducted_minor) != (
            parcel.amount_minor, parcel.deducted_minor
        ):  # fmt: skip
            raise DomainError(
                f"UTR {paid.utr} has {parcel.awb} with another amount already: {line.amount_minor} and "
                f"{line.deducted_minor} kept back, in minor units.",
                field="amount", row=parcel.row,
            )  # fmt: skip
    return [parcel for parcel in paid.parcels if parcel.awb not in written]


def _check_currency(paid: PaidTogether, new: Sequence[PaidParcel], bookings: Mapping[str, Booking]) -> None:
    """What is due in one currency is not paid in another."""
    for parcel in new:
        booking = bookings.get(parcel.awb)
        if booking is not None and currency_of(booking) != paid.currency:
            raise DomainError(f"{parcel.awb} is collected in {currency_of(booking)}, the file says {paid.currency}.",
                              field="currency", row=parcel.row)  # fmt: skip


def _bookings_of(account_id: int, awbs: Sequence[str]) -> dict[str, Booking]:
    """Bookings of the account by AWB, capitals or not, locked in the order of their keys."""
    written = {*awbs, *(awb.upper() for awb in awbs)} - {""}
    ids = Booking.objects.filter(account_id=account_id, awb__in=written).values_list("pk", flat=True)
    found = {booking.awb: booking for booking in lock_bookings(ids)}
    return {awb: found.get(awb) or found[awb.upper()] for awb in awbs if awb in found or awb.upper() in found}


def _line(
    remittance: Remittance, parcel: PaidParcel, booking: Booking | None, known: Mapping[int, CashPosition]
) -> RemittanceLine:  # fmt: skip
    found = known.get(booking.pk) if booking is not None else None
    return RemittanceLine(
        remittance=remittance, row=parcel.row, awb=parcel.awb, amount_minor=parcel.amount_minor,
        deducted_minor=parcel.deducted_minor, booking=booking,
        finding=finding_of(parcel.gross_minor, found) if booking is not None else Finding.UNKNOWN,
    )  # fmt: skip


def finding_of(gross_minor: int, open_now: CashPosition | None) -> Finding:
    """What a payment of a known parcel is, by what is open of it."""
    if open_now is None or (open_now.since is None and not open_now.remitted_minor):
        return Finding.EARLY
    if open_now.due_minor <= 0:
        return Finding.AGAIN
    if gross_minor == open_now.due_minor:
        return Finding.MATCHED
    return Finding.SHORT if gross_minor < open_now.due_minor else Finding.EXCESS


def _paid_off(gross_minor: int, booking_id: int, open_now: CashPosition | None) -> list[Side]:
    """The sides of a payment that stand with its parcel: what is due first, the rest is too much."""
    due = min(gross_minor, max(open_now.due_minor, 0)) if open_now is not None else 0
    return [Side(CashBook.DUE, -due, booking_id), Side(CashBook.EXCESS, due - gross_minor, booking_id)]


def _remitted(
    line: RemittanceLine, booking: Booking | None, known: Mapping[int, CashPosition], actor: str
) -> Draft:  # fmt: skip
    gross, pk = line.amount_minor + line.deducted_minor, booking.pk if booking is not None else None
    sides = [Side(CashBook.BANK, line.amount_minor, pk), Side(CashBook.DEDUCTED, line.deducted_minor, pk)]
    sides += [Side(CashBook.UNKNOWN, -gross)] if pk is None else _paid_off(gross, pk, known.get(pk))
    return Draft(
        key=f"remitted/{line.pk}", event=CashEvent.REMITTED, account_id=line.remittance.account_id, booking_id=pk,
        line_id=line.pk, currency=line.remittance.currency, sides=sides, actor=actor,
        happened_at=timezone.make_aware(datetime.combine(line.remittance.paid_on, time(12))),
    )  # fmt: skip


# -- by hand -----------------------------------------------------------------------------------------------------------


def assign_line(*, line_id: int, awb: str, actor: str) -> RemittanceLine:
    """Set what was paid for an unknown AWB against the parcel that it was meant for.

    Raises NotFound for a line or an AWB of the carrier that does not exist, Conflict for a line that is not unknown,
    DomainError for a parcel in another currency.
    """

    def work() -> RemittanceLine:
        line = _unknown_line(line_id)
        account_id = line.remittance.account_id
        booking = _bookings_of(account_id, [awb.strip()]).get(awb.strip())
        if booking is None:
            raise NotFound(f"{line.remittance.account} has no parcel with the AWB {awb!r}.", field="awb")
        if currency_of(booking) != line.remittance.currency:
            raise DomainError(f"{booking.awb} is paid in {currency_of(booking)}.", field="awb")
        _assign(line, booking, f"Meant for {booking.awb}.", actor)
        return line

    return run_atomic(work)


def _unknown_line(line_id: int) -> RemittanceLine:
    line = lock_remittance_line(line_id)
    if line is None:
        raise NotFound(f"There is no remittance line {line_id}.")
    if line.finding != Finding.UNKNOWN:
        raise Conflict(f"{line.awb} of {line.remittance.utr} has its parcel already.")
    return line


def _assign(line: RemittanceLine, booking: Booking, note: str, actor: str) -> None:
    open_now = positions([booking.pk]).get(booking.pk)
    gross = line.amount_minor + line.deducted_minor
    turn = CashTransaction.objects.filter(line=line).count()
    sides = [Side(CashBook.UNKNOWN, gross), *_paid_off(gross, booking.pk, open_now)]
    write([
        Draft(key=f"assigned/{line.pk}/{turn}", event=CashEvent.ASSIGNED, account_id=line.remittance.account_id,
              booking_id=booking.pk, line_id=line.pk, currency=line.remittance.currency, sides=sides,
              happened_at=now(), note=note, actor=actor)
    ])  # fmt: skip
    line.booking, line.finding, line.note = booking, finding_of(gross, open_now), note
    line.save(update_fields=["booking", "finding", "note"])


def release_line(*, line_id: int, reason: str, actor: str) -> RemittanceLine:
    """Take a payment off the parcel that it was set against: it is one for an unknown AWB again.

    Raises NotFound, Conflict for a line that has no parcel, DomainError without a reason.
    """
    if not reason.strip():
        raise DomainError("Say why it is taken off.", field="reason")

    def work() -> RemittanceLine:
        line = lock_remittance_line(line_id)
        if line is None:
            raise NotFound(f"There is no remittance line {line_id}.")
        if line.booking_id is None:
            raise Conflict(f"{line.awb} of {line.remittance.utr} is set against no parcel.")
        pk = line.booking_id
        lock_bookings([pk])
        rows = CashEntry.objects.filter(transaction__line=line, booking=pk, book__in=[CashBook.DUE, CashBook.EXCESS])
        stood = dict(rows.values_list("book").annotate(total=Sum("amount_minor")).values_list("book", "total"))
        back = [Side(CashBook(book), -total, pk) for book, total in sorted(stood.items())]
        gross = line.amount_minor + line.deducted_minor
        turn = CashTransaction.objects.filter(line=line).count()
        write([
            Draft(key=f"taken_back/{line.pk}/{turn}", event=CashEvent.TAKEN_BACK,
                  account_id=line.remittance.account_id, booking_id=pk, line_id=line.pk,
                  currency=line.remittance.currency, sides=[*back, Side(CashBook.UNKNOWN, -gross)],
                  happened_at=now(), note=reason, actor=actor)
        ])  # fmt: skip
        line.booking, line.finding, line.note = None, Finding.UNKNOWN, reason[:300]
        line.save(update_fields=["booking", "finding", "note"])
        return line

    return run_atomic(work)


def match_unknown(*, limit: int = 1000) -> int:
    """Set payments for AWBs that were unknown against parcels that have them by now; how many. Run by the clock."""
    # Asked of every line: thousands that will never have a parcel must not keep the others from theirs.
    parcel = Booking.objects.filter(
        account_id=OuterRef("remittance__account_id"), awb__in=[OuterRef("awb"), Upper(OuterRef("awb"))]
    )
    rows = RemittanceLine.objects.filter(Exists(parcel), finding=Finding.UNKNOWN, note="")
    meant = list(rows.order_by("pk").values_list("pk", flat=True)[:limit])
    return sum(run_atomic(partial(_match, pk)) for pk in meant)


def _match(line_id: int) -> int:
    line = lock_remittance_line(line_id)
    if line is None or line.finding != Finding.UNKNOWN or line.note:
        return 0
    booking = _bookings_of(line.remittance.account_id, [line.awb]).get(line.awb)
    if booking is None or currency_of(booking) != line.remittance.currency:
        return 0
    _assign(line, booking, "The parcel is known by now.", "carriers")
    return 1
