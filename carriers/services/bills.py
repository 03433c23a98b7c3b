"""Bills of carriers: received once, checked line by line, accepted or disputed; credit notes close disputes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import cache
from typing import Any

from django.conf import settings
from django.db.models import BigIntegerField, F, Func, JSONField, TextField, Value
from django.db.models.functions import Cast

from carriers.base import Milestone
from carriers.locks import lock_bill, lock_bills_of
from carriers.models import (
    BillFinding,
    BillLine,
    BillLineState,
    BillState,
    Booking,
    BookingState,
    CarrierAccount,
    CarrierBill,
    CashBook,
    CashEvent,
    CreditNote,
)
from carriers.services.bill_checks import GST_BP, TOLERANCE_MINOR, Carried, Terms, judge
from carriers.services.bill_files import FileBill, FileLine, read_bill
from carriers.services.cards import card_of, spot_of
from carriers.services.cash import Draft, Side, write
from carriers.services.stored_request import read_request
from carriers.states import BILL, BILL_LINE
from oms.core.clock import now
from oms.core.db import execute, run_atomic
from oms.core.errors import Conflict, DomainError, NotFound
from oms.core.states import advance, advance_many
from oms.core.values import MAX_MINOR, major_units

State = BillLineState
CAME_BACK = frozenset({Milestone.RTO_INITIATED, Milestone.RTO_IN_TRANSIT, Milestone.RTO_DELIVERED})
_BATCH = 1000
#: Bills have up to 20,000 lines: what was found of them is written from one document, not with a condition for each.
_JUDGED = """
UPDATE carriers_billline l
SET booking_id = j.booking_id, finding = j.finding, expected_minor = j.expected_minor,
    expected_grams = j.expected_grams, expected_zone = j.expected_zone, slabs_over = j.slabs_over,
    claim_minor = j.claim_minor, evidence = j.evidence
FROM jsonb_to_recordset(%s::jsonb) AS j(
    id bigint, booking_id bigint, finding text, expected_minor bigint, expected_grams integer, expected_zone text,
    slabs_over integer, claim_minor bigint, evidence jsonb
)
WHERE l.id = j.id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What became of a file: its bill, and whether it is new."""

    bill_id: int
    new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """How many lines were decided, and how many were passed over because they cannot be."""

    lines: int
    passed_over: int


# -- received and checked ----------------------------------------------------------------------------------------------


def currency_of_account(account: CarrierAccount) -> str:
    """The currency in which the carrier bills."""
    return account.rate_card.currency if account.rate_card is not None else str(settings.DEFAULT_CURRENCY)


def receive_bill(*, account_id: int, raw: bytes, filename: str, actor: str) -> Received:
    """Store a bill with its file and check it. The same bill again changes nothing.

    Raises NotFound, BillInvalid with every fault of the file, and Conflict where a bill of this number says something
    else already.
    """
    account = CarrierAccount.objects.select_related("rate_card").filter(pk=account_id).first()
    if account is None:
        raise NotFound(f"There is no carrier account {account_id}.", field="account")
    read = read_bill(raw, currency=currency_of_account(account))

    def work() -> Received:
        lock_bills_of(account_id)
        standing = CarrierBill.objects.defer("raw").filter(account_id=account_id, number=read.number).first()
        if standing is not None:
            return Received(bill_id=_same(standing, read), new=False)
        bill = CarrierBill.objects.create(
            account=account, number=read.number, billed_on=read.billed_on, currency=read.currency,
            filename=filename[:200], raw=raw, fingerprint=read.fingerprint, created_by=actor[:150],
        )  # fmt: skip
        _write_lines(bill, read.lines)
        return Received(bill_id=bill.pk, new=True)

    received = run_atomic(work)
    if received.new:
        check_bill(bill_id=received.bill_id, actor=actor)
    return received


def _same(standing: CarrierBill, read: FileBill) -> int:
    if standing.fingerprint != read.fingerprint:
        there = sum(standing.lines.values_list("total_minor", flat=True))
        came, known = (f"{read.currency} {major_units(each, read.currency):,f}" for each in (read.total_minor, there))
        raise Conflict(
            f"Bill {read.number} is here already with {standing.lines.count()} rows over {known}; this file has "
            f"{len(read.lines)} rows over {came}. A bill stays as it came: ask the carrier for another number.",
            field="file",
        )  # fmt: skip
    return standing.pk


def _write_lines(bill: CarrierBill, lines: Sequence[FileLine]) -> None:
    """Write the lines; those that charge for a way that an earlier line charges for name that line."""
    earlier: dict[tuple[str, bool], int] = {}
    rows = BillLine.objects.filter(account_id=bill.account_id, awb__in={line.awb for line in lines}, first=None)
    for pk, awb, out, back in rows.values_list("pk", "awb", "freight_minor", "return_minor"):
        earlier |= {(awb, False): pk} if out else {}
        earlier |= {(awb, True): pk} if back else {}
    fresh: list[BillLine] = []
    again: list[tuple[FileLine, BillLine | int]] = []
    here: dict[tuple[str, bool], BillLine] = {}
    for line in lines:
        ways = [(line.awb, back) for back, minor in ((False, line.freight_minor), (True, line.return_minor)) if minor]
        first = next((earlier.get(way) or here.get(way) for way in ways if way in earlier or way in here), None)
        if first is not None:
            again.append((line, first))
            continue
        row = _row(bill, line)
        fresh.append(row)
        here |= dict.fromkeys(ways, row)
    BillLine.objects.bulk_create(fresh, batch_size=_BATCH)
    BillLine.objects.bulk_create(
        [_row(bill, line, first if isinstance(first, int) else first.pk) for line, first in again], batch_size=_BATCH
    )


def _row(bill: CarrierBill, line: FileLine, first_id: int | None = None) -> BillLine:
    return BillLine(
        bill=bill, account_id=bill.account_id, first_id=first_id, row=line.row, awb=line.awb,
        billed_grams=line.billed_grams, zone=line.zone, freight_minor=line.freight_minor, fuel_minor=line.fuel_minor,
        cod_fee_minor=line.cod_fee_minor, return_minor=line.return_minor, other_minor=line.other_minor,
        gst_minor=line.gst_minor, total_minor=line.total_minor,
    )  # fmt: skip


def check_bill(*, bill_id: int, actor: str) -> int:
    """Compare the lines that are still to be decided with what is known now; how many. May be done again.

    Raises NotFound, and RateCardUnreadable where the card of the account cannot be read.
    """

    def work() -> int:
        bill = _locked(bill_id)
        lines = list(bill.lines.filter(state=State.OPEN).select_related("first__bill").order_by("pk"))
        carried = _carried(bill.account_id, [line.awb for line in lines])
        terms = terms_of_account(bill.account)
        judged = []
        for line in lines:
            booking, parcel = carried.get(line.awb, (None, None))
            first = line.first.bill.number if line.first is not None else ""
            verdict = asdict(judge(line, parcel, terms, first_bill=first))
            judged.append({"id": line.pk, "booking_id": booking.pk if booking else None} | verdict)
        for start in range(0, len(judged), _BATCH):
            execute(_JUDGED, [json.dumps(judged[start : start + _BATCH])])
        if bill.state == BillState.RECEIVED:
            advance(bill, BillState.CHECKED, using=BILL, actor=actor, checked_at=now())
        else:
            CarrierBill.objects.filter(pk=bill.pk).update(checked_at=now())
        return len(lines)

    return run_atomic(work)


def terms_of_account(account: CarrierAccount) -> Terms:
    """What was agreed with the carrier, and how exact a bill must be. Raises RateCardUnreadable."""
    said = account.settings

    def number(name: str, default: int) -> int:
        value = said.get(name)
        return value if isinstance(value, int) and 0 <= value <= MAX_MINOR else default

    return Terms(
        card=card_of(account.rate_card) if account.rate_card is not None else None,
        tolerance_minor=number("bill_tolerance_minor", TOLERANCE_MINOR), gst_bp=number("bill_gst_bp", GST_BP),
    )  # fmt: skip


def _carried(account_id: int, awbs: Sequence[str]) -> Mapping[str, tuple[Booking, Carried]]:
    """What is known of the parcels, by AWB in capitals. Three queries and one per postcode."""
    place = cache(lambda country, postcode: spot_of(country, postcode))
    written = {*awbs, *(awb.lower() for awb in awbs)}
    found = {}
    for booking in Booking.objects.filter(account_id=account_id, awb__in=written):
        request = read_request(booking.request)
        said = booking.charge_minor if booking.charge_minor is not None else booking.expected_charge_minor
        found[booking.awb.upper()] = booking, Carried(
            request=request, start=place(request.ship_from.country, request.ship_from.postcode),
            end=place(request.ship_to.country, request.ship_to.postcode), said_minor=said,
            came_back=booking.milestone in CAME_BACK, cancelled=booking.state == BookingState.CANCELLED,
        )  # fmt: skip
    return found


def _locked(bill_id: int) -> CarrierBill:
    bill = lock_bill(bill_id)
    if bill is None:
        raise NotFound(f"There is no bill {bill_id}.")
    return bill


# -- decided -----------------------------------------------------------------------------------------------------------


def accept_lines(*, bill_id: int, line_ids: Iterable[int], actor: str, reason: str = "") -> Decided:
    """Accept lines as they were billed: each is booked as owed to the carrier, once. A dispute among them is given up.

    Lines that are decided already, or not checked, are passed over. Raises NotFound, and DomainError where a line is
    above what was expected and no reason is given.
    """
    ids = set(line_ids)

    def work() -> Decided:
        bill = _locked(bill_id)
        lines = bill.lines.filter(pk__in=ids, state__in=[State.OPEN, State.DISPUTED])
        rows = list(lines.exclude(finding=BillFinding.UNCHECKED).order_by("pk"))
        above = [line for line in rows if line.claim_minor > 0 and line.finding != BillFinding.EQUAL]
        if above and not reason.strip():
            raise DomainError(
                f"{len(above)} of these lines are above what was expected: say why they are accepted.", field="reason"
            )
        _advance(rows, State.ACCEPTED, actor, reason)
        _book(bill, rows, actor)
        _follow(bill, actor)
        return Decided(lines=len(rows), passed_over=len(ids) - len(rows))

    return run_atomic(work)


def dispute_lines(*, bill_id: int, line_ids: Iterable[int], reason: str, actor: str) -> Decided:
    """Dispute what lines ask above what was expected: it is not owed until a credit note or a person closes it.

    Lines that are decided already, or that ask for nothing too much, are passed over. Raises NotFound, and DomainError
    without a reason.
    """
    if not reason.strip():
        raise DomainError("Say why they are disputed: the carrier reads it.", field="reason")
    ids = set(line_ids)

    def work() -> Decided:
        bill = _locked(bill_id)
        lines = bill.lines.filter(pk__in=ids, state=State.OPEN, claim_minor__gt=0)
        rows = list(lines.exclude(finding__in=[BillFinding.UNCHECKED, BillFinding.EQUAL]).order_by("pk"))
        _advance(rows, State.DISPUTED, actor, reason, disputed_minor=F("claim_minor"))
        _follow(bill, actor)
        return Decided(lines=len(rows), passed_over=len(ids) - len(rows))

    return run_atomic(work)


def _advance(rows: Sequence[BillLine], state: State, actor: str, reason: str, **changes: Any) -> None:
    advance_many(
        BillLine, [line.pk for line in rows], state, using=BILL_LINE, actor=actor, reason=reason[:300],
        decided_at=now(), decided_by=actor[:150], **({"why": reason[:300]} if reason else {}), **changes,
    )  # fmt: skip


def _book(bill: CarrierBill, lines: Sequence[BillLine], actor: str) -> None:
    """Book what is owed of lines: their total without what was credited."""
    owed = [(line, line.total_minor - line.credited_minor) for line in lines]
    write(
        Draft(
            key=f"billed/{line.pk}", event=CashEvent.BILLED, account_id=bill.account_id, booking_id=line.booking_id,
            currency=bill.currency, sides=[Side(CashBook.CHARGES, minor), Side(CashBook.PAYABLE, -minor)],
            happened_at=now(), note=f"{bill.number}, {line.awb}", actor=actor,
        )
        for line, minor in owed if minor
    )  # fmt: skip


def _follow(bill: CarrierBill, actor: str) -> None:
    """Bring the bill's state to what its lines say."""
    states = set(bill.lines.order_by().values_list("state", flat=True).distinct())
    open_now = {State.OPEN, State.DISPUTED} & states
    wanted = BillState.SETTLED if not open_now else BillState.CHECKED
    wanted = BillState.DISPUTED if State.DISPUTED in states else wanted
    if wanted != bill.state and bill.state != BillState.RECEIVED:
        advance(bill, wanted, using=BILL, actor=actor)


# -- credited ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """A credit note of the carrier: its number and day, and the amount in minor units with GST."""

    number: str
    issued_on: date
    amount_minor: int


def record_credit(*, bill_id: int, line_ids: Iterable[int], credit: Credit, actor: str) -> CreditNote:
    """Close the disputes of these lines with a credit note; the rest of each line is booked as owed.

    A note over less than what was disputed is shared among them by what each disputes, and closes them all the same.
    Raises NotFound, Conflict where the note is here already or a line is not disputed, DomainError (`field`) where the
    note is over more than what was disputed.
    """
    ids = set(line_ids)
    if not credit.number.strip():
        raise DomainError("Enter the number of the credit note.", field="number")

    def work() -> CreditNote:
        bill = _locked(bill_id)
        number = credit.number.strip()[:60]
        lock_bills_of(bill.account_id)
        if CreditNote.objects.filter(account_id=bill.account_id, number=number).exists():
            raise Conflict(f"Credit note {number} of {bill.account} is here already.", field="number")
        lines = list(bill.lines.filter(pk__in=ids, state=State.DISPUTED).order_by("pk"))
        if not lines or len(lines) != len(ids):
            raise Conflict(f"{len(ids) - len(lines)} of {len(ids)} lines are not disputed. Choose disputed lines.")
        _check_amount(bill, lines, credit.amount_minor)
        note = CreditNote.objects.create(
            bill=bill, account_id=bill.account_id, number=number, issued_on=credit.issued_on,
            amount_minor=credit.amount_minor, created_by=actor[:150],
        )  # fmt: skip
        for line, share in zip(lines, _shares(credit.amount_minor, lines), strict=True):
            line.credited_minor = share
        _advance(lines, State.CREDITED, actor, "", credit=note, credited_minor=_credited(lines))
        _book(bill, lines, actor)
        _follow(bill, actor)
        return note

    return run_atomic(work)


def _credited(lines: Sequence[BillLine]) -> Cast:
    """What is credited of each line, looked up by its id in one document instead of compared with every other."""
    shares = Value({str(line.pk): line.credited_minor for line in lines}, JSONField())
    return Cast(Func(shares, Cast("pk", TextField()), function="jsonb_extract_path_text"), BigIntegerField())


def _check_amount(bill: CarrierBill, lines: Sequence[BillLine], amount_minor: int) -> None:
    disputed = sum(line.disputed_minor for line in lines)
    if not 0 < amount_minor <= disputed:
        came, most = (f"{bill.currency} {major_units(each, bill.currency):,f}" for each in (amount_minor, disputed))
        raise DomainError(f"The note is over {came}; the chosen lines dispute {most}.", field="amount")


def _shares(amount_minor: int, lines: Sequence[BillLine]) -> list[int]:
    """The amount by what each line disputes, to the last minor unit and never more than that."""
    left, weight = amount_minor, sum(line.disputed_minor for line in lines)
    shares = []
    for line in lines:
        share = left * line.disputed_minor // weight if weight else 0
        left, weight = left - share, weight - line.disputed_minor
        shares.append(share)
    return shares
